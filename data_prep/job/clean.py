"""The job of `denoise clean`: sources → cleaned, deduplicated texts as Parquet."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from data_prep.cleaning.card import data_card
from data_prep.cleaning.group import ranges
from data_prep.cleaning.language import detector_of
from data_prep.cleaning.rules import Rules
from data_prep.files import disk_trouble, is_anothers, only_one, sync_folder, write_whole
from data_prep.job.clean_manifest import BadTexts, CleanManifest
from data_prep.job.compare import PageFiles
from data_prep.job.config import CleanConfig, Cleaning
from data_prep.job.engine import Engine, processes_end
from data_prep.job.finish_unit import Compared
from data_prep.job.same import differences, in_short
from data_prep.job.stage import Progress, Report, Stages
from data_prep.job.summary import manifest_of, options_of
from data_prep.job.tasks import BadPlace, Folders, Result, Task, key_of
from data_prep.job.units import Unit, units_of
from data_prep.manifest import CLEAN_MANIFEST_FILE, SCRATCH_FOLDER, TEXT_FOLDER
from data_prep.reading.default_corpus import default_corpus
from data_prep.reading.readers import demand_texts
from data_prep.reading.sources import Found, find, stamp
from data_prep.tokens import described

DROPPED_FOLDER, CARD_FILE = "dropped", "README.md"

_ROWS_A_RANGE = 4_000_000
"""Keys that are compared at once: about 60 bytes each, so that a process needs some 250 MB."""
_UNITS_A_TASK = 256
"""Of which the pages lost are collected together."""


def clean(
    sources: Sequence[str | Path] | None,
    out: Path,
    config: CleanConfig | None = None,
    *,
    engine: Engine | None = None,
    report: Report | None = None,
    command: str = "",
) -> CleanManifest:
    """Clean what `sources` hold and write it to `out/text`, to be opened by `datasets.load_dataset`.

    `sources` are those of `data_prep.reading.sources.find`; none: the default corpus. `out` is made if need be, and has
    a manifest only when all else in it is on the disk. After an interruption the same call goes on where it
    stopped. The documents depend on the sources and `config` alone, not on how the sources are divided into
    files, nor on the engine.

    Raises BadSource, BadCrawl, BadProfile, BadList, BadTexts, BadEngine, BadPlace, and InUse while another
    process works on `out`.
    """
    out, config = Path(out), config or CleanConfig()
    try:
        if is_anothers(out, (CLEAN_MANIFEST_FILE, SCRATCH_FOLDER)):
            raise BadTexts(f"{out} is not empty and holds no cleaned texts; choose a new or an empty folder")
        with only_one(out), processes_end():
            found = find([default_corpus()] if sources is None else sources, leave_out=[out])
            stages = Stages(engine=engine or Engine(), report=report or (lambda _: None))
            job = CleanJob(out, found, config, stages)
            if (manifest := job.finished()) is None:
                return job.run(command)
            if told := job.differences(manifest):
                raise BadTexts(f"{out} was cleaned otherwise: {in_short(told)}; choose another folder, or delete it")
            stages.report(Progress("already cleaned", 1, 1))
            return manifest
    except OSError as error:
        raise BadPlace(disk_trouble(error, out)) from None


@dataclass(kw_only=True)
class _Shards:
    """A stage over all units, done."""

    folders: Folders
    tasks: list[Task]
    results: list[Result]

    @cached_property
    def key(self) -> str:
        return key_of([task.key for task in self.tasks])


class CleanJob:
    """From sources to a manifest, in a folder that nobody else works in."""

    def __init__(self, out: Path, found: Found, config: CleanConfig, stages: Stages) -> None:
        self.out, self.found, self.config, self.stages = out, found, config, stages
        self.cleaning: Cleaning = config.resolved(found.sources)
        self.scratch = out / SCRATCH_FOLDER

    def finished(self) -> CleanManifest | None:
        """The manifest, if the folder has one."""
        if not (self.out / CLEAN_MANIFEST_FILE).exists():
            return None
        shutil.rmtree(self.scratch, ignore_errors=True)
        return CleanManifest.read(self.out)

    def differences(self, manifest: CleanManifest) -> list[str]:
        """What is asked for now and was not then, in words."""
        now, then = options_of(self.cleaning, self.config), manifest.options
        return differences(now, then, self.found, manifest.sources)

    def run(self, command: str) -> CleanManifest:
        """Go on where the job was stopped, to the end."""
        self._demand_packages()
        self.scratch.mkdir(parents=True, exist_ok=True)
        # Before reading: a source that changes meanwhile is seen as changed the next time.
        stamps = [stamp(source) for source in self.found.sources]
        units = units_of(self.found.sources)
        shards = self._clean(units)
        self._demand_texts(shards)
        finished = self._finish(units, shards, self._compare(shards))
        manifest = manifest_of(
            self.found,
            self.config,
            self.cleaning,
            shards.results,
            finished.results,
            stamps=stamps,
            files=self._publish(finished),
            seconds=self.stages.seconds,
            command=command,
        )
        write_whole(self.out / CARD_FILE, data_card(asdict(manifest), self.cleaning.profile.reasons()))
        manifest.write(self.out)
        shutil.rmtree(self.scratch, ignore_errors=True)
        return manifest

    def _demand_packages(self) -> None:
        """What the rules need is missed now, and not when the first stage has run for hours."""
        Rules(self.cleaning.profile)
        detector_of(self.cleaning.profile)
        self.cleaning.bad_word_search()

    def _clean(self, units: Sequence[Unit]) -> _Shards:
        folders = Folders(self.scratch / "clean", len(units))
        tasks = [
            Task(
                folder=folders[unit.number],
                key=key_of(unit.stamps(), unit, self.cleaning),
                work="data_prep.job.clean_unit.clean_unit",
                given={"unit": unit, "cleaning": self.cleaning},
            )
            for unit in units
        ]
        counted = {"pages": "read", "kept": "documents", "chars": "chars"}
        results = self.stages.run("cleaning", tasks, [unit.num_bytes for unit in units], counted)
        return _Shards(folders=folders, tasks=tasks, results=results)

    def _demand_texts(self, shards: _Shards) -> None:
        num_pages = [0] * len(self.found.sources)
        left_out: Counter[str] = Counter()
        for result in shards.results:
            for part in result["slices"]:
                num_pages[part["source"]] += part["num_pages"]
            left_out.update(result["left_out"])
            left_out.update(result["crawl"].get("passed_over", {}))
        damages = [damage for result in shards.results for damage in result["damages"]]
        demand_texts(self.found.sources, num_pages, left_out, damages)

    def _compare(self, shards: _Shards) -> list[Compared]:
        """What is left out of each unit: by copies, then by near duplicates, then lines."""
        profile = self.cleaning.profile
        older = self._lost_pages("older", "find_older", shards, "copies", ()) if profile.one_page_per_url else None
        near = self._lost_pages("near", "find_near", shards, "near", (older,)) if profile.near_duplicates else None
        lines = self._ranges("lines", "find_lines", shards, "lines", (older, near))
        return [
            Compared(older=older.of(unit) if older else None, near=near.of(unit) if near else None, lines=lines)
            for unit in range(len(shards.tasks))
        ]

    def _ranges(self, name: str, work: str, shards: _Shards, rows: str, outs: Sequence[PageFiles | None]) -> Folders:
        """The folders of one comparison, one for each range of keys; none if there is nothing to compare."""
        num_rows = sum(result["rows"][rows] for result in shards.results)
        given = {"outs": [out for out in outs if out]} if outs else {}
        cut = ranges(-(-num_rows // _ROWS_A_RANGE)) if num_rows else []
        folders = Folders(self.scratch / name, len(cut))
        tasks = [
            Task(
                folder=folders[number],
                key=key_of(shards.key, work, keys),
                work=f"data_prep.job.compare.{work}",
                given={"shards": shards.folders, "keys": keys, **given},
            )
            for number, keys in enumerate(cut)
        ]
        self.stages.run("comparing", tasks, [1] * len(tasks), {})
        return folders

    def _lost_pages(
        self, name: str, work: str, shards: _Shards, rows: str, outs: Sequence[PageFiles | None]
    ) -> PageFiles:
        """Which pages one comparison loses."""
        found = self._ranges(name, work, shards, rows, outs)
        num_pages = [result["admitted"] for result in shards.results]
        firsts = range(0, len(num_pages), _UNITS_A_TASK)
        folders = Folders(self.scratch / f"{name}-pages", len(firsts))
        tasks = [
            Task(
                folder=folders[number],
                key=key_of(shards.key, work, "pages", found, first),
                work="data_prep.job.compare.collect",
                given={"found": found, "first": first, "num_pages": num_pages[first : first + _UNITS_A_TASK]},
            )
            for number, first in enumerate(firsts)
        ]
        self.stages.run("comparing", tasks, [1] * len(tasks), {})
        return PageFiles(folders=folders, units_a_folder=_UNITS_A_TASK)

    def _finish(self, units: Sequence[Unit], shards: _Shards, compared: Sequence[Compared]) -> _Shards:
        folders = Folders(self.scratch / "finish", len(units))
        tasks = [
            Task(
                folder=folders[unit.number],
                key=key_of(shards.key, unit.number, self.cleaning),
                work="data_prep.job.finish_unit.finish_unit",
                given={
                    "shard": shards.folders[unit.number],
                    "unit": unit.number,
                    "compared": compared[unit.number],
                    "cleaning": self.cleaning,
                    "reasons": shards.results[unit.number]["reasons"],
                },
            )
            for unit in units
        ]
        results = self.stages.run(
            "finishing", tasks, [result["documents"] for result in shards.results], {"kept": "kept"}
        )
        return _Shards(folders=folders, tasks=tasks, results=results)

    def _publish(self, finished: _Shards) -> dict[str, dict[str, Any]]:
        """Bring the files of the last stage to where users look for them; each with its size and hash."""
        files: dict[str, dict[str, Any]] = {}
        for name in (TEXT_FOLDER, DROPPED_FOLDER):
            shutil.rmtree(self.out / name, ignore_errors=True)
        for number, task in enumerate(finished.tasks):
            for path in sorted(task.folder.glob("*.parquet")):
                home = DROPPED_FOLDER if path.stem == "dropped" else TEXT_FOLDER
                to = self.out / home / f"{path.stem}-{number:05d}.parquet"
                to.parent.mkdir(exist_ok=True)
                _link(path, to)
                files[to.relative_to(self.out).as_posix()] = described(to)
        for folder in {path.parent for path in map(self.out.joinpath, files)} | {self.out}:
            sync_folder(folder)
        return files


def _link(path: Path, to: Path) -> None:
    """The same file under a second name, or a copy where the file system has no such thing."""
    try:
        os.link(path, to)
    except OSError:
        shutil.copyfile(path, to)
