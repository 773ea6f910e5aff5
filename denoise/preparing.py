"""Preparation as a person sees it: how far it is, what was kept, what was not and why."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from data_prep.cleaning.explain import explain, find_page
from data_prep.cleaning.explain_view import ExplanationView
from data_prep.cleaning.language import detector_of
from data_prep.cleaning.rules import Rules
from data_prep.crawl_files import Tally
from data_prep.job.clean import clean
from data_prep.job.clean_manifest import CleanManifest
from data_prep.job.config import CleanConfig
from data_prep.job.encode_job import encode, train_tokenizer
from data_prep.job.engine import Engine
from data_prep.job.stage import Progress, Report
from data_prep.job.summary import profile_name
from data_prep.job.units import read_unit, units_of
from data_prep.manifest import Manifest
from data_prep.options import PrepareConfig, TokenizerConfig, TokensConfig
from data_prep.pipeline import CLEAN_FOLDER, prepare
from data_prep.readers import documents
from data_prep.sources import find

_MOST_DAMAGES = 10


def prepare_in_sight(
    sources: Sequence[str], out: Path, config: PrepareConfig, engine: Engine, command: str
) -> CleanManifest:
    """Prepare `out` under progress bars and print what is in it; what cleaning said."""
    console = Console()
    with _bars(console) as report:
        manifest = prepare(list(sources) or None, out, config, engine=engine, report=report, command=command)
    cleaned = CleanManifest.read(out / CLEAN_FOLDER)
    _print(console, [*_cleaning_lines(cleaned), *_store_lines(out, manifest)])
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
    _print(console, [*_cleaning_lines(manifest), *lines])
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
    cleaning = config.resolved(found.sources)
    if sources:
        read = (read_unit(unit, cleaning.reading, Tally(), Counter(), []) for unit in units_of(found.sources))
        page = find_page(chain.from_iterable(read), target)
    else:
        page = next(documents([target]))
    rules = Rules(cleaning.profile)
    explanation = explain(page, rules, detect=detector_of(rules.profile), bad_words=cleaning.bad_word_search())
    Console().print(ExplanationView(explanation, profile_name(rules.profile)))


@contextmanager
def _bars(console: Console) -> Iterator[Report]:
    """One bar a stage; a stage that begins ends the one before."""
    columns = (
        TextColumn("[bold]{task.description:<22}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, int] = {}
        started_at_s: dict[str, float] = {}

        def report(progress: Progress) -> None:
            stage, total = progress.stage, progress.num_total or None
            if stage not in tasks:
                for task in bars.tasks:
                    bars.update(task.id, total=task.total or 1, completed=task.total or 1)
                tasks[stage] = bars.add_task(stage, total=total, told="")
                started_at_s[stage] = time.monotonic()
            told = _told(progress.counts, time.monotonic() - started_at_s[stage])
            bars.update(bars.tasks[tasks[stage]].id, completed=progress.num_done, total=total, told=told)

        yield report


def _told(counts: Mapping[str, float], seconds: float) -> str:
    """Counts of a stage, such as `11,630 pages  3,385 kept  28.1 MB/s`."""
    told = [f"{int(counts[name]):,} {name}" for name in ("pages", "kept", "documents") if counts.get(name)]
    if counts.get("chars") and seconds > 0.5:
        told.append(f"{counts['chars'] / 1e6 / seconds:,.1f} MB/s")
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
                f"  damaged: {bad['lost']:,} records lost ({_reasons(manifest.crawl['lost']) or 'none'}), "
                f"{bad['stray']:,} stretches of no record, {bad['mended']:,} mended"
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
    own = {reason: n for reason, n in manifest.dropped.items() if manifest.texts.get("profile") == "as-is"}
    left_out = {**own, **{f"*{ending} files": n for ending, n in manifest.passed_over.items()}}
    if left_out:
        lines.append("  left out: " + _reasons(left_out))
    return lines


def _reasons(counts: Mapping[str, int]) -> str:
    """Counts by reason, the most frequent first."""
    return ", ".join(f"{n:,} {reason}" for reason, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _print(console: Console, lines: Sequence[str]) -> None:
    console.print("\n".join(lines), highlight=False, soft_wrap=True, markup=False)
