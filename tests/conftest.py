"""A small corpus and its token store, made once; one thread, so that two test processes share two cores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_ERROR_REPORTING"] = "false"

_WHO = ["The committee", "Our government", "A neighbour", "The old captain", "Every citizen", "My sister"]
_DOES = ["considered", "refused", "welcomed", "remembered", "described", "paid for"]
_WHAT = ["the treaty", "a new road", "the harvest", "three letters", "the question of peace", "a wooden boat"]
_WHEN = ["in the spring", "after the war", "without delay", "twice", "before winter", "last year"]


def sentence(number: int) -> str:
    """One of 1,296 sentences."""
    parts = []
    for words in (_WHO, _DOES, _WHAT, _WHEN):
        number, place = divmod(number, len(words))
        parts.append(words[place])
    return " ".join(parts) + "."


def documents(count: int, sentences: int = 12) -> list[str]:
    """Texts whose sentences wander through all of `sentence`."""
    return [
        " ".join(sentence(7 * (document * sentences + place) % 1296) for place in range(sentences))
        for document in range(count)
    ]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JSONL file of 200 documents."""
    import json

    path = tmp_path_factory.mktemp("corpus") / "corpus.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents(200)))
    return path


@pytest.fixture(scope="session")
def prepared(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus as a token store with a vocabulary of 406."""
    from data_prep.pipeline import PrepareConfig, prepare

    folder = tmp_path_factory.mktemp("prepared") / "store"
    prepare([str(corpus)], folder, PrepareConfig(vocab_size=406, held_out_fraction=0.1))
    return folder
