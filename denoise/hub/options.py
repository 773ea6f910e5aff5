"""The options of `denoise generate`; no torch, so that help comes at once."""

from __future__ import annotations

from dataclasses import dataclass

from denoise.hub.marks import BadText


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """How a model writes, and how that is shown."""

    num: int = 1
    """Answers to each text; more than one need a temperature above 0."""
    temperature: float = 0.0
    """0 takes the likeliest token each time; 1 draws as the model believes; lower is bolder, higher wilder."""
    top_k: int | None = None
    """Draw among this many likeliest tokens only; at least 1. Left out: among all."""
    top_p: float = 1.0
    """Draw among the fewest tokens that have this much probability together; above 0, at most 1."""
    max_new_tokens: int | None = None
    """Tokens to write at most. Left out: as many as a target of the run had. For MASS, how many tokens a <mask>
    stands for; left out: 16."""
    seed: int = 1
    """Decides the draws: the same seed gives the same answers. 0 or more."""
    json: bool = False
    """A JSON object a line for each answer: text, filled, said and, for T5-like runs, spans."""
    data: str | None = None
    """Folder of the run's tokens, if it lies elsewhere than when the run was trained."""

    def __post_init__(self) -> None:
        for name, least in (("num", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise BadText(f"{name} is {getattr(self, name)}; it must be at least {least}")
        if self.num > 1 and self.temperature == 0:
            raise BadText(f"num is {self.num}, and all would be the same; set a temperature above 0, such as 0.8")
