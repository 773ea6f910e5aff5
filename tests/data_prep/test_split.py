"""Every text is trained on or held out, never both, and neither side is empty."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_texts import made_text

from data_prep.pipeline import PrepareConfig, prepare
from data_prep.reading.sources import BadSource
from data_prep.split import NUM_RANKS, choose_rule, text_rank
from data_prep.tokens import TokenStore

SMALL = PrepareConfig(vocab_size=400, num_sentinels=20)


def texts_in(folder: Path, split: str) -> list[str]:
    store = TokenStore.open(folder, split)
    ends = store.document_offsets
    return [store.tokenizer.decode(store.tokens[a:b]) for a, b in pairwise(ends)]


def test_every_text_lands_on_one_side_and_equal_texts_on_the_same(tmp_path: Path) -> None:
    texts = [made_text(i) for i in range(60)] + [made_text(i) for i in range(60)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    config = PrepareConfig(vocab_size=406, held_out_fraction=0.2)
    manifest = prepare([tmp_path / "a.jsonl"], tmp_path / "out", config)
    train, held_out = (texts_in(tmp_path / "out", split) for split in ("train", "held_out"))
    assert sorted(train + held_out) == sorted(texts)
    assert not set(train) & set(held_out) and len(held_out) > 4
    assert manifest.splits["train"].num_documents == len(train)
    assert manifest.splits["held_out"].num_bytes == sum(len(t.encode()) for t in held_out)


def test_one_long_file_is_split_at_a_sentence(tmp_path: Path) -> None:
    text = made_text(0, num_sentences=400)
    (tmp_path / "book.txt").write_text(text)
    manifest = prepare([tmp_path / "book.txt"], tmp_path / "out", SMALL)
    (head,), (tail,) = texts_in(tmp_path / "out", "train"), texts_in(tmp_path / "out", "held_out")
    assert "".join((head + tail).split()) == "".join(text.split())
    assert head[-1] in ".!?" and 0.02 < len(tail) / len(text) < 0.06
    assert "the last 0.04 of each" in manifest.split_rule


def by_pages(texts: list[str]) -> list[str]:
    """The sides on which cleaning puts texts without an address."""
    return ["validation" if text_rank(text) < 0.04 * NUM_RANKS else "train" for text in texts]


@given(st.lists(st.text(alphabet="ab. \n", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=40))
def test_both_sides_always_hold_something_or_it_is_said(texts: list[str]) -> None:
    try:
        rule = choose_rule(lambda: iter(texts), {"train": 0, "validation": 0, **Counter(by_pages(texts))}, 0.04, "en")
    except BadSource:
        assert len(set(texts)) == 1
        return
    sides = [side for text, split in zip(texts, by_pages(texts), strict=True) for side in rule.sides(split, text)]
    assert {side.split for side in sides} == {"train", "held_out"}
    assert all(side.text.strip() for side in sides)
    joined = "".join(side.text for side in sides)
    assert "".join(joined.split()) == "".join("".join(texts).split())


def test_a_corpus_of_one_word_says_that_nothing_can_be_held_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(BadSource, match="without a place to cut it"):
        prepare([tmp_path / "a.txt"], tmp_path / "out", SMALL)
    (tmp_path / "b.jsonl").write_text('{"text": "same"}\n' * 30)
    with pytest.raises(BadSource, match="all 30 documents are the same text"):
        prepare([tmp_path / "b.jsonl"], tmp_path / "out", SMALL)
