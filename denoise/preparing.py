"""Preparation as a person sees it: how far it is, what was kept, what was not and why."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from rich.console import Console, RenderableType
from rich.progress import BarColumn, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from data_prep.cleaning.explain import explain, find_page
from data_prep.cleaning.explain_view import ExplanationView
from data_prep.cleaning.language import detector_of
from data_prep.cleaning.rules import Rules
from data_prep.job.clean import clean
from data_prep.job.clean_manifest import CleanManifest
from data_prep.job.config import CleanConfig
from data_prep.job.encode_job import encode, train_tokenizer
from data_prep.job.engine import Engine
from data_prep.job.options import PrepareConfig, TokenizerConfig, TokensConfig
from data_prep.job.stage import Progress, Report
from data_prep.job.summary import profile_name
from data_prep.job.units import read_unit, units_of
from data_prep.manifest import CLEAN_FOLDER, Manifest
from data_prep.pipeline import prepare
from data_prep.reading.crawl_files import Tally
from data_prep.reading.readers import no_texts
from data_prep.reading.sources import find

_MOST_DAMAGES = 10
_STAGE_CHARS = len("training the tokenizer")
_WIDE_CHARS = 120
"""In a narrower terminal there is no bar, and the counts still stand."""


def prepare_in_sight(
    sources: Sequence[str], out: Path, config: PrepareConfig, engine: Engine, command: str
) -> CleanManifest:
    """Prepare `out` under progress bars and print what is in it; what cleaning said."""
    console = Console()
    with _bars(console) as report:
        manifest = prepare(list(sources) or None, out, config, engine=engine, report=report, command=command)
    cleaned = CleanManifest.read(out / CLEAN_FOLDER)
    left_out = _left_out_lines(cleaned.left_out, cleaned.passed_over)
    _print(console, [*_cleaning_lines(cleaned), *_store_lines(out, manifest), *left_out])
    return cleaned


def clean_in_sight(
    sources: Sequence[str], out: Path, config: CleanConfig, engine: Engine, command: str
) -> CleanManifest:
    """Clean into `out` under progress bars and print what is in it."""
    console = Console()
    with _bars(console) as report:
        manifest = clean(list(sources) or None, out, config, engine=engine, report=report, command=command)
    splits = ", ".join(
        f"{split} {counts['num_documents']:,} documents ({counts['num_bytes'] / 1e6:,.1f} MB)"
        for split, counts in manifest.splits.items()
    )
    lines = [f"{out}: {splits}", f'  open: datasets.load_dataset("{out}")', f"  fingerprint: {manifest.fingerprint}"]
    if not manifest.counts["kept"]:
        lines = [f"{out}: no document is left; denoise clean SOURCE --explain URL tells why of one page"]
    _print(console, [*_cleaning_lines(manifest), *_left_out_lines(manifest.left_out, manifest.passed_over), *lines])
    return manifest


def train_tokenizer_in_sight(texts: Path, out: Path, config: TokenizerConfig) -> None:
    """Train a tokenizer under a progress bar and say what it is."""
    console = Console()
    with _bars(console) as report:
        trained = train_tokenizer(texts, out, config, report=report)
    _print(console, [f"{out}: vocabulary of {trained.vocab.size:,}, fingerprint {trained.fingerprint[:16]}"])


def encode_in_sight(texts: Path, out: Path, config: TokensConfig, engine: Engine) -> None:
    """Write a token store under a progress bar and print what is in it."""
    console = Console()
    with _bars(console) as report:
        manifest = encode(texts, out, config, engine=engine, report=report)
    _print(console, _store_lines(out, manifest))


def explain_in_sight(target: str, sources: Sequence[str], config: CleanConfig) -> None:
    """Print one page line by line, with what each rule says of it; `target` is its address, or a file with its text."""
    found = find(list(sources) or [target])
    if not sources and config.rules == "auto":
        config = replace(config, rules="c4")  # nobody asks why no rule at all keeps a page
    cleaning, tally, left_out = config.resolved(found.sources), Tally(), Counter[str]()
    read = (read_unit(unit, cleaning.reading, tally, left_out, []) for unit in units_of(found.sources))
    pages = chain.from_iterable(read)
    page = find_page(pages, target) if sources else next(pages, None)
    if page is None:
        damages = [str(damage) for damage in tally.damages]
        raise no_texts(found.sources, left_out + tally.passed_over, damages)
    rules = Rules(cleaning.profile)
    explanation = explain(page, rules, detect=detector_of(rules.profile), bad_words=cleaning.bad_word_search())
    Console().print(ExplanationView(explanation, profile_name(rules.profile)))


class _BarsAndReasons(Bars):
    """Bars, and under them why pages are dropped."""

    reasons = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        """What is drawn, again and again."""
        yield from super().get_renderables()
        if self.reasons:
            yield Text(f"dropped so far: {self.reasons}", style="dim", no_wrap=True, overflow="ellipsis")


@contextmanager
def _bars(console: Console) -> Iterator[Report]:
    """One bar a stage; a stage that begins ends the one before."""
    columns: list[ProgressColumn] = [
        TextColumn(f"[bold]{{task.description:<{_STAGE_CHARS}}}"),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[told]}"),
        TextColumn("left"),
        TimeRemainingColumn(compact=True),
    ]
    if is_wide := console.width >= _WIDE_CHARS:
        columns.insert(1, BarColumn(bar_width=24))
        columns.insert(4, TimeElapsedColumn())
    room = console.width - (74 if is_wide else 43)
    with _BarsAndReasons(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, int] = {}
        started_at_s: dict[str, float] = {}

        def report(progress: Progress) -> None:
            stage, total = progress.stage, progress.num_total or None
            if stage not in tasks:
                for task in bars.tasks:
                    bars.update(task.id, total=task.total or 1, completed=task.total or 1)
                tasks[stage] = bars.add_task(stage, total=total, told="")
                started_at_s[stage] = time.monotonic()
            told = _told(progress.counts, time.monotonic() - started_at_s[stage], room)
            bars.update(bars.tasks[tasks[stage]].id, completed=progress.num_done, total=total, told=told)
            bars.reasons = _reasons({reason: n for reason, n in progress.dropped.items() if n})

        yield report
        bars.reasons = ""  # in the end they are printed with all the rest


def _told(counts: Mapping[str, float], seconds: float, room_chars: int) -> str:
    """Counts of a stage, as many as there is room for.

    >>> counts = {"pages": 11630, "kept": 3385, "chars": 28.1e6}
    >>> _told(counts, 1.0, 40), _told(counts, 1.0, 30)
    ('11,630 pages  3,385 kept  28.1 MB/s', '11,630 pages  3,385 kept')
    """
    told = [f"{int(counts[name]):,} {name}" for name in ("pages", "kept", "documents") if counts.get(name)]
    if counts.get("chars") and seconds > 0.5:
        told.append(f"{counts['chars'] / 1e6 / seconds:,.1f} MB/s")
    while len("  ".join(told)) > room_chars:
        told.pop()
    return "  ".join(told)


def _cleaning_lines(manifest: CleanManifest) -> list[str]:
    """What became of the pages, where something did."""
    counts, lines = manifest.counts, []
    if manifest.profile["name"] != "as-is":
        share = counts["kept"] / max(counts["read"], 1)
        lines.append(
            f"rules {manifest.profile['name']}: {counts['read']:,} pages read, {counts['kept']:,} kept ({share:.1%})"
        )
    if manifest.dropped:
        lines.append("  dropped: " + _reasons(manifest.dropped))
    if manifest.cut:
        lines.append("  lines cut: " + _reasons(manifest.cut))
    if manifest.crawl and (bad := {k: sum(manifest.crawl[k].values()) for k in ("lost", "stray", "mended")}):
        if any(bad.values()):
            lines.append(
                f"  damaged: {_count(bad['lost'], 'record')} lost ({_reasons(manifest.crawl['lost']) or 'none'}), "
                f"{_count(bad['stray'], 'stretch', 'es')} of no record, {bad['mended']:,} mended"
            )
        lines += [f"    {damage}" for damage in manifest.damages[:_MOST_DAMAGES]]
        if len(manifest.damages) > _MOST_DAMAGES:
            lines.append(f"    and {len(manifest.damages) - _MOST_DAMAGES:,} more in clean.json")
    return lines


def _store_lines(out: Path, manifest: Manifest) -> list[str]:
    """What is in a prepared folder, and what of the sources is not."""
    lines = [f"{out}: vocabulary of {manifest.vocab_size:,}, {manifest.split_rule}"]
    for split, counts in manifest.splits.items():
        lines.append(
            f"  {split:<9}{counts.num_documents:>9,} documents {counts.num_tokens:>13,} tokens "
            f"{counts.num_bytes / 1e6:>9,.1f} MB  {counts.num_bytes / max(counts.num_tokens, 1):.2f} bytes/token"
        )
    return lines + _left_out_lines({"no tokens": manifest.dropped.get("no tokens", 0)}, {})


def _left_out_lines(texts: Mapping[str, int], files: Mapping[str, int]) -> list[str]:
    """What of the sources is no page, and which files were not read."""
    unread = {f"*{ending} files" if ending.startswith(".") else ending: n for ending, n in files.items()}
    left_out = {name: count for name, count in {**texts, **unread}.items() if count}
    return ["  left out: " + _reasons(left_out)] if left_out else []


def _reasons(counts: Mapping[str, int]) -> str:
    """Counts by reason, the most frequent first."""
    return ", ".join(f"{n:,} {reason}" for reason, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _count(number: int, thing: str, plural: str = "s") -> str:
    """A number of things.

    >>> _count(1, "record"), _count(2000, "stretch", "es")
    ('1 record', '2,000 stretches')
    """
    return f"{number:,} {thing}{'' if number == 1 else plural}"


def _print(console: Console, lines: Sequence[str]) -> None:
    console.print("\n".join(lines), highlight=False, soft_wrap=True, markup=False)
