"""The job of `denoise prepare`: sources → tokenizer and token store."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data_prep.crawl import read
from data_prep.default_corpus import default_corpus
from data_prep.files import only_one, sync_folder
from data_prep.manifest import (
    FORMAT_VERSION,
    MANIFEST_FILE,
    SCRATCH_FOLDER,
    SPLITS,
    BadStore,
    Manifest,
    SplitCounts,
)
from data_prep.options import PrepareConfig, Progress, Report
from data_prep.sources import Found, Source, digest, find, stamp
from data_prep.split import SplitRule, choose_rule
from data_prep.tokenizer import MODEL_FILE, VOCAB_FILE, Tokenizer
from data_prep.tokens import described, split_writers
from data_prep.training import train


def prepare(
    sources: Sequence[str | Path] | None,
    out: Path,
    config: PrepareConfig | None = None,
    *,
    progress: Report | None = None,
) -> Manifest:
    """Read texts, train a tokenizer on them, and write them to `out` as ids.

    `sources` are those of `data_prep.sources.find`; none: the default corpus. `out` is made if need be, and
    has a manifest only when all else in it is on the disk. After an interruption the same call starts anew
    and writes the same bytes. If `out` is already prepared from these sources with these options, its
    manifest is returned at once.

    Raises BadSource, BadTokenizer, BadStore, and InUse while another process prepares `out`.
    """
    out, config, progress = Path(out), config or PrepareConfig(), progress or (lambda _: None)
    try:
        _check_free(out)
        with only_one(out):
            found = find([default_corpus()] if sources is None else sources, leave_out=[out])
            tokenizer = _given_tokenizer(config)
            options = _options(config, tokenizer)
            if (out / MANIFEST_FILE).exists():
                shutil.rmtree(out / SCRATCH_FOLDER, ignore_errors=True)
                manifest = Manifest.read(out)
                _check_same(out, manifest, options, found)
                progress(Progress("already prepared", 1, 1))
                return manifest
            return _Job(out, config, found, options, progress).run(tokenizer)
    except OSError as error:
        raise BadStore(_disk_trouble(error, out)) from None


def _disk_trouble(error: OSError, out: Path) -> str:
    what = f"{error.strerror or error} while writing {error.filename or out}"
    return f"{what}; make room or choose another folder"


def _check_free(out: Path) -> None:
    """Refuse a folder that holds what is not ours: a new start deletes what is left of the last."""
    if not out.is_dir():
        return
    names = {path.name for path in out.iterdir()}
    if names - {".lock"} and not names & {MANIFEST_FILE, SCRATCH_FOLDER}:
        raise BadStore(f"{out} is not empty and not a prepared corpus; choose a new or an empty folder")


def _given_tokenizer(config: PrepareConfig) -> Tokenizer | None:
    if config.tokenizer is None:
        return None
    if Path(config.tokenizer).is_dir():
        return Tokenizer.load(config.tokenizer)
    return Tokenizer.from_sentencepiece(config.tokenizer, config.num_sentinels)


def _options(config: PrepareConfig, tokenizer: Tokenizer | None) -> dict[str, Any]:
    """The options as the manifest keeps them: a tokenizer by its content, not by its place."""
    return {**asdict(config), "tokenizer": tokenizer.fingerprint if tokenizer else None}


def _check_same(out: Path, manifest: Manifest, options: dict[str, Any], found: Found) -> None:
    differences = [
        f"{name} is {value!r}, there it was {manifest.options.get(name)!r}"
        for name, value in options.items()
        if value != manifest.options.get(name)
    ]
    known = [str(entry.get("name")) for entry in manifest.sources]
    now = [source.key for source in found.sources]
    differences += [f"{name} is no longer a source" for name in known if name not in now]
    differences += [f"{name} is new" for name in now if name not in known]
    if sorted(known) == sorted(now) and known != now:
        differences.append("the sources come in another order")
    elif known == now:
        entries = zip(found.sources, manifest.sources, strict=True)
        differences += [f"{source.name} has changed" for source, entry in entries if _has_changed(source, entry)]
    if differences:
        more = f" (and {len(differences) - 3} more)" if len(differences) > 3 else ""
        raise BadStore(
            f"{out} was prepared otherwise: {'; '.join(differences[:3])}{more}; "
            "choose another folder, or delete this one"
        )


def _has_changed(source: Source, entry: dict[str, Any]) -> bool:
    """Whether a source differs from its entry; its bytes are read only where just its time differs."""
    now = stamp(source)
    if all(entry.get(key) == value for key, value in now.items()):
        return False
    return entry.get("num_bytes") != now.get("num_bytes") or entry.get("digest") != digest(source)


class _Spool:
    """The texts of a corpus in one file: fetched and unpacked once, read several times."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.num_documents = 0

    def write(self, texts: Iterator[str]) -> None:
        with self.path.open("wb", buffering=1 << 20) as file:
            for text in texts:
                content = text.encode()
                try:
                    file.write(len(content).to_bytes(8, "little") + content)
                except OSError as error:
                    error.filename = str(self.path)
                    raise
                self.num_documents += 1

    def texts(self) -> Iterator[str]:
        with self.path.open("rb", buffering=1 << 20) as file:
            while header := file.read(8):
                yield file.read(int.from_bytes(header, "little")).decode()


class _Job:
    """One run from the sources to the manifest."""

    def __init__(self, out: Path, config: PrepareConfig, found: Found, options: dict[str, Any], report: Report) -> None:
        self.out, self.config, self.found, self.options, self.report = out, config, found, options, report
        self.dropped: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}
        self.files: dict[str, dict[str, Any]] = {}
        self.spool = _Spool(out / SCRATCH_FOLDER / "documents")

    def run(self, tokenizer: Tokenizer | None) -> Manifest:
        started_at_s = time.monotonic()
        scratch = self.out / SCRATCH_FOLDER
        scratch.mkdir(exist_ok=True)  # first, since it is what allows the next start to delete the rest
        self._delete_output()
        try:
            # Stamps are taken before reading: a file that changes meanwhile is seen as changed next time.
            stamps = [{**stamp(source), "digest": digest(source)} for source in self.found.sources]
            self._timed("reading", self._read)
            rule = choose_rule(self.spool.texts, self.config.held_out_fraction, self.config.language)
            tokenizer = tokenizer or self._timed("training the tokenizer", self._train, rule)
            self._save(tokenizer)
            splits = self._timed("encoding", self._encode, rule, tokenizer)
            self.seconds["all"] = round(time.monotonic() - started_at_s, 3)
            manifest = self._manifest(rule, tokenizer, splits, stamps)
            _sync_folders(self.out)
            manifest.write(self.out)
        except BaseException:
            self._delete_output()
            raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return manifest

    def _delete_output(self) -> None:
        for name in ("tokenizer", *SPLITS):
            shutil.rmtree(self.out / name, ignore_errors=True)

    def _timed(self, stage: str, work: Callable[..., Any], *given: Any) -> Any:
        started_at_s = time.monotonic()
        self.report(Progress(stage, 0, self.spool.num_documents or None))
        done = work(*given)
        self.seconds[stage] = round(time.monotonic() - started_at_s, 3)
        return done

    def _counted(self, stage: str, texts: Iterator[str], num_total: int | None) -> Iterator[str]:
        reported_at_s = time.monotonic()
        for number, text in enumerate(texts, start=1):
            yield text
            if time.monotonic() - reported_at_s > 0.1:
                reported_at_s = time.monotonic()
                self.report(Progress(stage, number, num_total))

    def _read(self) -> None:
        config = self.config
        pages = read(self.found, config.text_field, config.longest_document_chars, self.dropped)
        self.spool.write(self._counted("reading", (page.text for page in pages), None))

    def _train(self, rule: SplitRule) -> Tokenizer:
        config = self.config
        sides = (side for text in self.spool.texts() for side in rule.sides(text))
        return train(
            (side.text for side in sides if side.split == "train"),
            vocab_size=config.vocab_size,
            num_sentinels=config.num_sentinels,
            training_bytes=config.tokenizer_training_bytes,
        )

    def _save(self, tokenizer: Tokenizer) -> None:
        tokenizer.save(self.out / "tokenizer")
        for name in (MODEL_FILE, VOCAB_FILE):
            self.files[f"tokenizer/{name}"] = described(self.out / "tokenizer" / name)

    def _encode(self, rule: SplitRule, tokenizer: Tokenizer) -> dict[str, SplitCounts]:
        texts = self._counted("encoding", self.spool.texts(), self.spool.num_documents)
        counts: dict[str, SplitCounts] = {}
        with split_writers(self.out, tokenizer.vocab) as writers:
            for text in texts:
                for side in rule.sides(text):
                    document = tokenizer.encode_document(side.text, self.config.language)
                    if len(document.ids):
                        writers[side.split].add(document, len(side.text.encode()))
                    else:
                        self.dropped["no tokens"] += 1
            for split, writer in writers.items():
                counts[split], files = writer.finish()
                self.files.update(files)
        empty = [split for split in SPLITS if not counts[split].num_documents]
        if empty:
            raise BadStore(f"the tokenizer makes no tokens of the texts for {empty[0]}; use another tokenizer")
        return counts

    def _manifest(
        self,
        rule: SplitRule,
        tokenizer: Tokenizer,
        splits: dict[str, SplitCounts],
        stamps: list[dict[str, Any]],
    ) -> Manifest:
        return Manifest(
            format_version=FORMAT_VERSION,
            splits=splits,
            vocab_size=tokenizer.vocab.size,
            tokenizer_fingerprint=tokenizer.fingerprint,
            dropped=dict(self.dropped),
            passed_over=self.found.passed_over,
            split_rule=rule.sentence,
            options=self.options,
            sources=stamps,
            files=self.files,
            seconds=self.seconds,
            versions={name: version(name) for name in ("sentencepiece", "sentencex", "numpy")},
        )


def _sync_folders(out: Path) -> None:
    """Bring the names of new files to the disk, which flushing the files themselves does not do."""
    for folder in (out / "tokenizer", *(out / split for split in SPLITS), out):
        sync_folder(folder)
