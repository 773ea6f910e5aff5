"""The job of `denoise prepare`: sources → cleaned texts → tokenizer → token store."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.files import disk_trouble, only_one
from data_prep.job.clean import CleanJob
from data_prep.job.encode_job import EncodeJob
from data_prep.job.engine import Engine, processes_end
from data_prep.job.options import PrepareConfig, given_tokenizer
from data_prep.job.same import differences, in_short
from data_prep.job.stage import Progress, Report, Stages
from data_prep.job.summary import options_of
from data_prep.manifest import CLEAN_FOLDER, MANIFEST_FILE, SCRATCH_FOLDER, BadStore, Manifest, demand_free
from data_prep.reading.default_corpus import default_corpus
from data_prep.reading.sources import Found, find

_OWN_OPTIONS = ("vocab_size", "num_sentinels", "language", "tokenizer_training_bytes")


def prepare(
    sources: Sequence[str | Path] | None,
    out: Path,
    config: PrepareConfig | None = None,
    *,
    engine: Engine | None = None,
    report: Report | None = None,
    command: str = "",
) -> Manifest:
    """Clean what `sources` hold, train a tokenizer on it, and write it to `out` as ids.

    `sources` are those of `data_prep.reading.sources.find`; none: the default corpus. `out` is made if need be, and
    has a manifest only when all else in it is on the disk. After an interruption the same call goes on where
    it stopped, and ends with the same bytes. If `out` is already prepared from these sources with these
    options, its manifest is returned at once.

    Raises BadSource, BadTokenizer, BadStore, whatever `data_prep.job.clean.clean` raises, and InUse while
    another process prepares `out`.
    """
    out, config = Path(out), config or PrepareConfig()
    stages = Stages(engine=engine or Engine(), report=report or (lambda _: None))
    try:
        demand_free(out)
        with only_one(out), processes_end():
            found = find([default_corpus()] if sources is None else sources, leave_out=[out])
            job = _Job(out, found, config, stages)
            if not (out / MANIFEST_FILE).exists():
                return job.run(command)
            manifest = Manifest.read(out)
            if told := differences(job.options, manifest.options, found, manifest.sources):
                raise BadStore(f"{out} was prepared otherwise: {in_short(told)}; choose another folder, or delete it")
            shutil.rmtree(out / SCRATCH_FOLDER, ignore_errors=True)
            stages.report(Progress("already prepared", 1, 1))
            return manifest
    except OSError as error:
        raise BadStore(disk_trouble(error, out)) from None


class _Job:
    """One run from the sources to the manifest."""

    def __init__(self, out: Path, found: Found, config: PrepareConfig, stages: Stages) -> None:
        self.out, self.config, self.stages = out, config, stages
        self.tokenizer = given_tokenizer(config.tokenizer, config.num_sentinels) if config.tokenizer else None
        self.cleaning = CleanJob(out / CLEAN_FOLDER, found, config, stages)
        self.options: dict[str, Any] = {
            **options_of(self.cleaning.cleaning, config),
            **{name: getattr(config, name) for name in _OWN_OPTIONS},
            "tokenizer": self.tokenizer.fingerprint if self.tokenizer else None,
        }

    def run(self, command: str) -> Manifest:
        """Go on where the job was stopped, to the end."""
        (self.out / SCRATCH_FOLDER).mkdir(exist_ok=True)  # first, since it says that the rest is ours
        self._clean(command)
        job = EncodeJob(
            self.cleaning.out,
            self.out,
            self.stages,
            held_out_fraction=self.config.held_out_fraction,
            language=self.config.language,
        )
        return job.encoded(self.tokenizer or job.trained(self.config), self.options)

    def _clean(self, command: str) -> None:
        """Make the texts, unless they were made from the same sources before this job was stopped."""
        manifest = self.cleaning.finished()
        if manifest and self.cleaning.differences(manifest):
            shutil.rmtree(self.cleaning.out)
            manifest = None
        if not manifest:
            self.cleaning.run(command)
