"""Words with their tags and relations out of CoNLL-U files, as Universal Dependencies has them."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from denoise.transfer.tasks import BadTask


class Word(NamedTuple):
    """A word as the syntax has it: "didn't" is two of them."""

    form: str
    """As it is written."""
    tag: str
    """Its universal part of speech, such as NOUN."""
    relation: str
    """The relation to its head without its subtype: nsubj of nsubj:pass."""


def sentences_in(path: Path) -> Iterator[tuple[Word, ...]]:
    """The sentences of a file, which may be packed by xz; rows of joined words (1-2) and of unwritten ones (3.1) are
    passed over.

    Raises BadTask for a file that cannot be read, naming the line that is damaged.
    """
    words: list[Word] = []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            if words:
                yield tuple(words)
            words = []
        elif not line.startswith("#"):
            columns = line.split("\t")
            if len(columns) < 8:
                raise BadTask(f"line {number} of {path} has {len(columns)} columns, and CoNLL-U has ten; mend the file")
            if columns[0].isdecimal():
                words.append(Word(columns[1], columns[3], columns[7].split(":")[0]))
    if words:
        yield tuple(words)


def _lines(path: Path) -> list[str]:
    try:
        with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as file:
            return file.read().split("\n")  # a word may hold what splitlines() takes for a line's end
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadTask(f"{path} cannot be read ({reason}); name the folder of the tasks with --task_data") from None
    except (EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise BadTask(f"{path} is damaged ({error}); fetch it again") from None
