"""Readable examples of every corruption, as golden files.

`pytest tests/corruptions/test_transcripts.py --update-golden` writes them anew; read what changed.
"""

from pathlib import Path

import pytest
from strategies import CORRUPTIONS, PRESETS

from corruptions import Draws
from corruptions.letters import LETTERS, letters, window_of

GOLDEN = Path(__file__).parent / "golden"
SHOWN = {**CORRUPTIONS, **{f"preset_{name}": preset for name, preset in PRESETS.items()}}
WINDOWS = [
    "a",
    "a b",
    "a b c",
    "a b c, d e f g, h i j k l m n, o p q r s, t u v w x,",
    "a b c, d e f, g h i, . j k, l m n o, p q r . s t u, v w x",
]
LEGEND = """\
window with `,` where a sentence ends and `.` where a document does; in the rest `_` is the mask, `<0>` the
first sentinel, `.` eos, `|` pad; hidden marks what target_is_noise says; read and at: decoder_input and
target_positions, where the corruption gives them
"""


def transcript(corruption) -> str:
    """Every field of the examples of all windows at two addresses."""
    parts = [f"{corruption.describe()}\n{LEGEND}"]
    for number, text in enumerate(WINDOWS):
        for epoch in (0, 1):
            example = corruption.corrupt(window_of(text), Draws(2026, epoch, number), LETTERS)
            names = letters(example.target).split()
            marks = [
                ("^" if is_noise else " ") * len(name)
                for name, is_noise in zip(names, example.target_is_noise, strict=True)
            ]
            lines = {
                "window": text,
                "source": letters(example.source),
                "target": letters(example.target),
                "hidden": " ".join(marks),
            }
            if example.decoder_input is not None:
                lines["read"] = letters(example.decoder_input)
            if example.target_positions is not None:
                lines["at"] = " ".join(map(str, example.target_positions))
            parts.append("".join(f"{name:<6}  {line}".rstrip() + "\n" for name, line in lines.items()))
    return "\n".join(parts)


@pytest.mark.parametrize("name", SHOWN)
def test_examples_are_those_of_the_transcript(name, update_golden):
    path = GOLDEN / f"{name}.txt"
    if update_golden:
        path.write_text(transcript(SHOWN[name]), encoding="utf-8")
    assert transcript(SHOWN[name]) == path.read_text(encoding="utf-8")


def test_every_transcript_belongs_to_a_corruption():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(SHOWN)
