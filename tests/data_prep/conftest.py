"""A corpus small enough to be prepared in a moment, and a tokenizer trained on it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_texts import made_text

from data_prep.tokenizer import Tokenizer
from data_prep.tokenizing.training import train


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    texts = [made_text(i) for i in range(200)]
    return train([*texts, "Café naïve 你好。世界！ #1234567890 (x) \"q\" 'z'"], vocab_size=400, num_sentinels=20)


@pytest.fixture
def text_folder(tmp_path: Path) -> Path:
    """A folder of 60 text files."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for i in range(60):
        (folder / f"{i:02}.txt").write_text(made_text(i) + "\n")
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data for measuring; tests that need it skip where there is none."""
    folder = Path(os.environ.get("DENOISE_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data here; DENOISE_DATA names its folder")
    return folder
