"""Cleaned texts → a tokenizer, and their ids in shards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from data_prep.job.finish_unit import num_texts_in, texts_in
from data_prep.job.tasks import Result, Workplace
from data_prep.split import Side, SplitRule
from data_prep.tokenizer import Tokenizer
from data_prep.tokenizing.token_shards import write_token_shard
from data_prep.tokenizing.training import train_on
from data_prep.tokenizing.training_lines import Draw, draw_lines, merged

DRAW_FILE = "lines.json"


def draw_unit(place: Workplace, *, files: Sequence[Path], rule: SplitRule, num_bytes: int) -> Result:
    """Draw lines to train a tokenizer on from what is not held out of some files."""
    texts = (side.text for side in _sides(files, rule) if side.split == "train")
    draw_lines(texts, num_bytes).write(place.folder / DRAW_FILE)
    return {}


def train_tokenizer(place: Workplace, *, draws: Sequence[Path], vocab_size: int, num_sentinels: int) -> Result:
    """Train on lines that were drawn, in the folders `draws`. Raises BadTokenizer."""
    draw = merged(Draw.read(folder / DRAW_FILE) for folder in draws)
    train_on(draw, vocab_size=vocab_size, num_sentinels=num_sentinels).save(place.folder)
    return {}


def encode_unit(place: Workplace, *, files: Sequence[Path], rule: SplitRule, tokenizer: Path, language: str) -> Result:
    """Write the ids of the texts of some files. Raises BadTokenizer."""
    sides = ((side.split, side.text) for side in _told(place, files, _sides(files, rule)))
    shard = write_token_shard(sides, Tokenizer.load(tokenizer), language, place.folder)
    return {"no_tokens": shard.no_tokens, "documents": sum(counts.num_documents for counts in shard.splits.values())}


def _told(place: Workplace, files: Sequence[Path], sides: Iterable[Side]) -> Iterator[Side]:
    """The sides as they come; how many of the texts they are is told meanwhile."""
    num_texts = sum(num_texts_in(path) for path in files)
    for number, side in enumerate(sides, start=1):
        place.tell(number / num_texts, {"documents": number})
        yield side


def _sides(files: Sequence[Path], rule: SplitRule) -> Iterator[Side]:
    for path in files:
        for split, text in texts_in(path):
            yield from rule.sides(split, text)
