"""Results are read back as they were written, or one phrase says which value is not what it should be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from denoise.transfer.stored import stored


class Place(NamedTuple):
    step: int
    loss: float


@dataclass(frozen=True, kw_only=True)
class Result:
    kind: Literal["a", "b"]
    scores: dict[str, float]
    curve: tuple[Place, ...]
    when: str | None = None

    def __post_init__(self) -> None:
        if not self.scores:
            raise ValueError("it has no score")


WHOLE: dict[str, Any] = {"kind": "a", "scores": {"accuracy": 1}, "curve": [[1, 0.5]], "when": None}


def read(tmp_path: Path, content: Any) -> Result | None:
    path = tmp_path / "result.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return stored(Result, path)


def test_a_result_is_read_as_it_was_written_without_what_a_later_version_added(tmp_path: Path) -> None:
    wanted = Result(kind="a", scores={"accuracy": 1.0}, curve=(Place(1, 0.5),))
    assert read(tmp_path, {**WHOLE, "new": 1}) == wanted
    assert stored(Result, tmp_path / "none.json") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({**WHOLE, "scores": {"accuracy": "high"}}, "^scores.accuracy: .*number"),
        ({**WHOLE, "curve": [[1, 0.5], ["2", 0.4]]}, "^curve.1.0: .*integer"),
        ({**WHOLE, "curve": [[1]]}, "^curve.0.1: "),
        ({**WHOLE, "kind": "c"}, "^kind: "),
        ({**WHOLE, "scores": {}}, "^it has no score$"),
        ({"kind": "a"}, "^scores: .*required"),
        ([], "object"),
        ("", "JSON"),
        ("{", "JSON"),
    ],
)
def test_what_is_not_a_result_is_told_by_its_first_wrong_value(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(tmp_path, content)
