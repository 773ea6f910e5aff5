"""What the exam asks: its options, without torch."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal, get_args

from data_prep.errors import BadInput

Format = Literal["sentinels", "one_mask", "mask_each", "fragment", "continuation"]
FORMATS: tuple[Format, ...] = get_args(Format)
"""How the same task is put: what the encoder sees of hidden text, and what the decoder says."""


class BadExam(BadInput):
    """An exam that cannot be set, or a run that cannot sit it."""


@dataclass(frozen=True, kw_only=True)
class ExamConfig:
    """What every run is asked. Results of runs can be compared where all of these are equal."""

    formats: tuple[Format, ...] = FORMATS
    """Which formats to examine. sentinels: a sentinel a span, the spans are said (T5). one_mask: a mask a span, the
    whole text is said (BART). mask_each: a mask a token, the whole text is said. fragment: one stretch, a mask a token,
    said at its own places (MASS). continuation: the end of the text is missing, and is said (prefix LM)."""
    rates: tuple[float, ...] = (0.15, 0.5)
    """Fractions of the tokens that are hidden, each examined for itself; above 0 and below 1."""
    mean_span_length: float = 3.0
    """Hidden tokens a span on average, in the formats that hide spans; 1 or more."""
    source_len: int = 128
    """Tokens of the longest source; windows have one token less, whatever the run read in training."""
    num_windows: int = 96
    """Held-out windows, at equal distances over all held-out text; fewer where there is less text."""
    adapt: Literal["all", "unseen", "none"] = "all"
    """Which formats are also examined after a short adaptation. all: every one, so that all runs had it. unseen: those
    that the run was not trained in. none: no format."""
    adapt_tokens: int = 20_000
    """Encoder and decoder tokens of the train split that each adaptation reads."""
    adapt_batch_size: int = 4
    """Windows a step of an adaptation."""
    adapt_learning_rate: float = 4e-4
    """First rate of the adaptation's AdamW, which falls in a line to 0; above 0."""

    def __post_init__(self) -> None:
        for name in ("formats", "rates"):  # YAML has lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        unknown = [format for format in self.formats if format not in FORMATS]
        if unknown or not self.formats or len(set(self.formats)) < len(self.formats):
            raise BadExam(f"formats are {', '.join(self.formats) or 'none'}; name each once, of {', '.join(FORMATS)}")
        if not self.rates or len(set(self.rates)) < len(self.rates) or not all(0 < rate < 1 for rate in self.rates):
            raise BadExam(f"rates are {list(self.rates)}; give different numbers above 0 and below 1, such as 0.15")
        if self.adapt not in ("all", "unseen", "none"):
            raise BadExam(f"adapt is {self.adapt!r}; choose all, unseen or none")
        for name, least in (("source_len", 3), ("num_windows", 1), ("adapt_tokens", 1), ("adapt_batch_size", 1)):
            if getattr(self, name) < least:
                raise BadExam(f"{name} is {getattr(self, name)}; it must be at least {least}")
        if not self.adapt_learning_rate > 0:
            raise BadExam(f"adapt_learning_rate is {self.adapt_learning_rate}; it must be above 0, such as 0.001")

    @property
    def window_len(self) -> int:
        """Raw tokens of a window: its source is longest where nothing is taken away, and has an end."""
        return self.source_len - 1

    def settings(self) -> dict[str, Any]:
        """The options as JSON has them.

        >>> ExamConfig(rates=(0.15,)).settings()["rates"]
        [0.15]
        """
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain
