"""A folder of tasks with a made treebank and made sentences: a few rows, whose labels can be told."""

from __future__ import annotations

import lzma
from pathlib import Path

from tests.conftest import sentence

TAGS = {"the": "DET", "The": "DET", "a": "DET", "A": "DET", "in": "ADP", "of": "ADP", "after": "ADP", ".": "PUNCT"}
RELATIONS = {"DET": "det", "ADP": "case", "PUNCT": "punct", "NOUN": "obl:made"}


def write_tasks(folder: Path) -> Path:
    """pos/ and glue/SST-2/ with 60 and 20 sentences, and 40 and 16."""
    for split, numbers in (("train", range(60)), ("dev", range(300, 320))):
        path = folder / f"pos/en_ewt-ud-{split}.conllu.xz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lzma.compress("".join(_tree(sentence(7 * number)) for number in numbers).encode()))
    sst2 = folder / "glue/SST-2"
    sst2.mkdir(parents=True, exist_ok=True)
    for name, numbers in (("train.tsv.xz", range(40)), ("dev.tsv", range(200, 216))):
        rows = "".join(f"{sentence(11 * number)}\t{number % 2}\n" for number in numbers)
        table = f"sentence\tlabel\n{rows}".encode()
        (sst2 / name).write_bytes(lzma.compress(table) if name.endswith("xz") else table)
    return folder


def _tree(text: str) -> str:
    rows = []
    for number, word in enumerate([*text.removesuffix(".").split(" "), "."], start=1):
        tag = TAGS.get(word, "NOUN")
        rows.append(f"{number}\t{word}\t_\t{tag}\t_\t_\t1\t{RELATIONS[tag]}\t_\t_")
    return "# made\n" + "\n".join(rows) + "\n\n"
