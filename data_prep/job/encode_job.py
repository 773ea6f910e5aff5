"""Cleaned texts → a tokenizer and a token store, in tasks of one unit each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data_prep.files import only_one, sync_folder
from data_prep.job.clean_manifest import BadTexts, CleanManifest
from data_prep.job.engine import Engine, processes_end
from data_prep.job.finish_unit import texts_in
from data_prep.job.options import TokenizerConfig, TokensConfig, given_tokenizer
from data_prep.job.stage import Report, Stages
from data_prep.job.tasks import Result, Task, key_of
from data_prep.manifest import (
    FORMAT_VERSION,
    MANIFEST_FILE,
    SCRATCH_FOLDER,
    SPLITS,
    TEXT_FOLDER,
    BadStore,
    Manifest,
    demand_free,
)
from data_prep.split import SplitRule, choose_rule
from data_prep.tokenizer import MODEL_FILE, VOCAB_FILE, Tokenizer
from data_prep.tokenizing.token_shards import join_token_shards
from data_prep.tokens import described


def train_tokenizer(texts: Path, out: Path, config: TokenizerConfig, *, report: Report | None = None) -> Tokenizer:
    """Train a tokenizer on a folder of cleaned texts and write it to `out`.

    Raises BadTexts, BadSource, BadTokenizer, and InUse while another process works on `out`.
    """
    with only_one(out):
        stages = Stages(engine=Engine(runner="loop"), report=report or (lambda _: None))
        job = EncodeJob(texts, out, stages, held_out_fraction=0.04, language="en")
        tokenizer = job.trained(config)
        tokenizer.save(out)
        shutil.rmtree(job.scratch, ignore_errors=True)
        return tokenizer


def encode(
    texts: Path, out: Path, config: TokensConfig, *, engine: Engine | None = None, report: Report | None = None
) -> Manifest:
    """Write a folder of cleaned texts to `out` as ids.

    Raises BadTexts, BadSource, BadTokenizer, BadStore, and InUse while another process works on `out`.
    """
    demand_free(out)
    with only_one(out), processes_end():
        stages = Stages(engine=engine or Engine(), report=report or (lambda _: None))
        tokenizer = given_tokenizer(config.tokenizer, config.num_sentinels)
        fraction = config.held_out_fraction
        job = EncodeJob(texts, out, stages, held_out_fraction=fraction, language=config.language)
        options = {"texts": job.cleaned.fingerprint, "tokenizer": tokenizer.fingerprint, "language": config.language}
        if not (out / MANIFEST_FILE).exists():
            job.scratch.mkdir(exist_ok=True)
            return job.encoded(tokenizer, options)
        manifest = Manifest.read(out)
        if told := [name for name, value in options.items() if manifest.options.get(name) != value]:
            raise BadStore(f"{out} was made of other {', '.join(told)}; choose another folder, or delete it")
        return manifest


class EncodeJob:
    """From a folder of cleaned texts to a store, in a folder that nobody else works in."""

    def __init__(self, texts: Path, out: Path, stages: Stages, *, held_out_fraction: float, language: str) -> None:
        """`texts` is a folder that `data_prep.job.clean.clean` wrote. Raises BadTexts."""
        self.texts, self.out, self.stages, self.language = texts, out, stages, language
        self.cleaned = CleanManifest.read(texts)
        _demand_whole(texts, self.cleaned)
        self.scratch = out / SCRATCH_FOLDER
        self.rule = self._rule(held_out_fraction)

    def _files(self) -> list[list[Path]]:
        """The files of texts, those of one unit together, train first."""
        numbers: dict[str, list[Path]] = {}
        for path in sorted((self.texts / TEXT_FOLDER).glob("*.parquet")):
            numbers.setdefault(path.stem.rpartition("-")[2], []).append(path)
        return [paths for _, paths in sorted(numbers.items())]

    def _rule(self, held_out_fraction: float) -> SplitRule:
        texts = self.cleaned
        num_documents = {split: counts["num_documents"] for split, counts in texts.splits.items()}
        if not sum(num_documents.values()):
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in texts.dropped.items())
            raise BadStore(
                f"the rules {texts.profile['name']} keep none of {texts.counts['read']:,} pages (dropped: {reasons}); "
                "choose other rules"
            )

        def all_texts() -> Iterator[str]:
            return (text for paths in self._files() for path in paths for _, text in texts_in(path))

        return choose_rule(all_texts, num_documents, held_out_fraction, self.language)

    def trained(self, config: TokenizerConfig) -> Tokenizer:
        """A tokenizer trained on what is not held out. Raises BadTokenizer."""
        draws = self._tasks("draws", "draw_unit", {"rule": self.rule, "num_bytes": config.tokenizer_training_bytes})
        self._run("drawing lines", draws)
        given = {"draws": [task.folder for task in draws]}
        given |= {name: getattr(config, name) for name in ("vocab_size", "num_sentinels")}
        task = Task(
            folder=self.scratch / "tokenizer" / "trained",
            key=key_of([task.key for task in draws], given),
            work="data_prep.job.encode.train_tokenizer",
            given=given,
        )
        self.stages.run("training the tokenizer", [task], [1], {})
        return Tokenizer.load(task.folder)

    def encoded(self, tokenizer: Tokenizer, options: Mapping[str, Any]) -> Manifest:
        """Write the store; its manifest last. Raises BadStore."""
        for name in ("tokenizer", *SPLITS):
            shutil.rmtree(self.out / name, ignore_errors=True)
        home = self.out / "tokenizer"
        tokenizer.save(home)
        given = {"rule": self.rule, "tokenizer": home, "language": self.language}
        tasks = self._tasks("tokens", "encode_unit", given, tokenizer.fingerprint)
        results = self._run("encoding", tasks)
        splits, stored = join_token_shards([task.folder for task in tasks], self.out, tokenizer)
        stored |= {f"tokenizer/{name}": described(home / name) for name in (MODEL_FILE, VOCAB_FILE)}
        for folder in (home, *(self.out / split for split in SPLITS), self.out):
            sync_folder(folder)
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            splits=splits,
            vocab_size=tokenizer.vocab.size,
            tokenizer_fingerprint=tokenizer.fingerprint,
            dropped=_dropped(self.cleaned, sum(result["no_tokens"] for result in results)),
            passed_over=self.cleaned.passed_over,
            split_rule=self.rule.sentence,
            options=dict(options),
            sources=self.cleaned.sources,
            files=stored,
            seconds=self.stages.seconds,
            versions={name: version(name) for name in ("sentencepiece", "sentencex", "numpy")},
            texts={
                "fingerprint": self.cleaned.fingerprint,
                "profile": self.cleaned.profile["name"],
                "counts": self.cleaned.counts,
            },
        )
        manifest.write(self.out)
        shutil.rmtree(self.scratch, ignore_errors=True)
        return manifest

    def _tasks(self, name: str, work: str, given: dict[str, Any], *on: object) -> list[Task]:
        """A task for the files of each unit."""
        return [
            Task(
                folder=self.scratch / name / f"{number:06d}",
                key=key_of(self.cleaned.fingerprint, paths, given, *on),
                work=f"data_prep.job.encode.{work}",
                given={"files": paths, **given},
            )
            for number, paths in enumerate(self._files())
        ]

    def _run(self, stage: str, tasks: Sequence[Task]) -> list[Result]:
        sizes = [sum(path.stat().st_size for path in paths) for paths in self._files()]
        return self.stages.run(stage, tasks, sizes, {"documents": "documents"})


def _demand_whole(folder: Path, cleaned: CleanManifest) -> None:
    """Raise BadTexts if a file is not there, or is not as long as the manifest says."""
    for name, file in cleaned.files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != file["num_bytes"]:
            raise BadTexts(f"{path} is not the file that denoise clean wrote; delete {folder} and clean again")


def _dropped(texts: CleanManifest, num_empty: int) -> dict[str, int]:
    """What of the sources' texts is not in the store, by reason."""
    dropped = dict(texts.left_out)
    for reason, count in texts.dropped.items():
        dropped[reason] = dropped.get(reason, 0) + count
    return dropped | ({"no tokens": num_empty} if num_empty else {})
