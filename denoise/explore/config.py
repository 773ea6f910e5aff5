"""The options of `denoise explore`, and the objectives that they name."""

from __future__ import annotations

import difflib
import inspect
from dataclasses import dataclass
from pathlib import Path

import corruptions
from corruptions import Corruption
from data_prep.errors import BadInput

Names = tuple[str, ...] | str


class BadObjective(BadInput):
    """A name that is no preset, no class and no file."""


@dataclass(frozen=True, kw_only=True)
class ExploreConfig:
    """What to show."""

    corruption: Corruption | None = None
    """One corruption: a name, a dotted path or a file. Left out: the presets."""
    presets: Names = ()
    """Several, one by one: presets of configs/corruptions, class names, dotted paths or files, such as
    t5_span,bart_infill,mass. Left out: all presets."""
    compare: Names = ()
    """Several, one under another on the same text; named as in presets. Costs are told relative to the first."""
    data: str | None = None
    """Folder that `denoise prepare` wrote: its vocabulary, and its windows for stats. Left out: a word is a token."""
    file: str | None = None
    """Read the text from this file, in UTF-8."""
    seed: int = 23  # any other would do; with this one no objective leaves the default text as it is
    """Another seed, other noise; 0 or more."""
    step: int = 0
    """Step of training at which options that change while a model trains are read; 0 or more."""
    shown_len: int = 128
    """Longest text that is shown, in tokens; what comes behind is left out, and that is said. 1 to 4096."""
    stats: bool = False
    """Measure each objective on many windows: rates, spans, lengths, cost, speed. --stats alone is true."""
    window_len: int = 568
    """Tokens of a window, for stats; 568 fill T5's encoder of 512. 1 or more."""
    num_windows: int = 256
    """Windows that are measured for stats; 1 or more."""
    html: str | None = None
    """Write a page of it to this HTML file as well; it opens with no network."""
    svg: str | None = None
    """Write a picture of it to this SVG file as well, for slides."""

    def __post_init__(self) -> None:
        for name, least, most in (
            ("seed", 0, 2**64 - 1),
            ("step", 0, None),
            ("shown_len", 1, 4096),
            ("window_len", 1, 1 << 20),
            ("num_windows", 1, 1 << 20),
        ):
            value = getattr(self, name)
            if value < least or (most is not None and value > most):
                allowed = f"{least} or more" if most is None else f"from {least} to {most}"
                raise BadInput(f"{name} is {value}; it must be {allowed}")


@dataclass(frozen=True)
class Objective:
    """A corruption and what it is called."""

    name: str
    """Of its preset, its file or its class."""
    corruption: Corruption
    """What it does."""


def objectives(config: ExploreConfig) -> list[Objective]:
    """What the options name, in order, each once; all presets if they name nothing. Raises BadObjective."""
    found = [] if config.corruption is None else [_of(config.corruption)]
    names = [*_listed(config.presets), *_listed(config.compare)]
    if not found and not names:
        names = presets()
    return found + [objective(name) for name in dict.fromkeys(names)]


def objective(name: str) -> Objective:
    """What a preset, a class or a file is."""
    from denoise.command_line import BadUsage, corruption_in
    from denoise.config_files import configs

    if name in presets():
        return Objective(name, corruption_in(configs() / "corruptions" / f"{name}.yaml"))
    if name.endswith((".yaml", ".yml")):
        if not Path(name).is_file():
            raise BadObjective(f"there is no file {name}; give a YAML file of a corruption, or a preset: {_known()}")
        return Objective(Path(name).stem, corruption_in(Path(name)))
    try:
        return _of(corruption_in(Path(name)))
    except BadUsage as error:
        if "." in name:
            raise
        raise BadObjective(
            f"there is no objective {name}{_nearest(name)} There are the presets {_known()}; "
            f"the classes {', '.join(_classes())}; a file, or your own class by its dotted path"
        ) from error


def presets() -> list[str]:
    """The names of the files in configs/corruptions."""
    from denoise.config_files import configs

    return sorted(path.stem for path in (configs() / "corruptions").glob("*.yaml"))


def _of(corruption: Corruption) -> Objective:
    return Objective(type(corruption).__name__, corruption)


def _listed(names: Names) -> list[str]:
    """A list, or the same with commas."""
    split = names.strip("[] ").split(",") if isinstance(names, str) else names
    return [stripped for name in split if (stripped := name.strip())]


def _known() -> str:
    return ", ".join(presets())


def _classes() -> list[str]:
    named = ((name, getattr(corruptions, name)) for name in corruptions.__all__)
    return [name for name, value in named if isinstance(value, type) and _is_objective(value)]


def _is_objective(value: type) -> bool:
    return issubclass(value, Corruption) and not inspect.isabstract(value)


def _nearest(name: str) -> str:
    found = difflib.get_close_matches(name, [*presets(), *_classes()], n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else "."
