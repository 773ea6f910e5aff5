"""The job as a whole: same bytes always, nothing half-written taken for whole, both sides never empty."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_prep.errors import BadInput
from data_prep.files import InUse, only_one
from data_prep.job import units
from data_prep.job.stage import Progress
from data_prep.manifest import BadStore, Manifest
from data_prep.pipeline import PrepareConfig, prepare
from data_prep.tokens import TokenStore

SMALL = PrepareConfig(vocab_size=400, num_sentinels=20)
STAGES = ["cleaning", "finishing", "drawing lines", "training the tokenizer", "encoding"]


@pytest.fixture
def whole(text_folder: Path, tmp_path: Path) -> Path:
    """The folder of texts, prepared without a stop."""
    prepare([text_folder], tmp_path / "whole", SMALL)
    return tmp_path / "whole"


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the manifests, whose seconds differ from run to run."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("manifest.json", "clean.json", "README.md", ".lock")
    }


def test_the_same_texts_give_the_same_bytes_wherever_they_lie(text_folder: Path, tmp_path: Path) -> None:
    first = prepare([text_folder], tmp_path / "one", SMALL)
    text_folder.rename(tmp_path / "moved")
    second = prepare([tmp_path / "moved"], tmp_path / "two", SMALL)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert first.fingerprint == second.fingerprint
    assert sorted(path for path in contents(tmp_path / "one") if not path.startswith("clean/")) == sorted(first.files)
    # The folder knows its sources by their place inside what was named, so a moved corpus is the same one.
    assert prepare([tmp_path / "moved"], tmp_path / "one", SMALL).fingerprint == first.fingerprint


def test_what_was_left_out_is_in_the_manifest(text_folder: Path, tmp_path: Path) -> None:
    (text_folder / "empty.txt").write_text(" ")
    (text_folder / "binary.txt").write_bytes(b"\0")
    (text_folder / "paper.pdf").write_bytes(b"%PDF")
    manifest = prepare([text_folder], tmp_path / "out", SMALL)
    assert manifest.dropped == {"empty": 1, "binary": 1} and manifest.passed_over == {".pdf": 1}
    assert Manifest.read(tmp_path / "out") == manifest


def test_the_same_call_again_returns_at_once(text_folder: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    first = prepare([text_folder], tmp_path / "out", SMALL, report=told.append)
    assert list(dict.fromkeys(p.stage for p in told)) == STAGES
    assert all(p.num_done == p.num_total for p in told[-1:])
    os.utime(text_folder / "00.txt", (1, 1))  # touched, not changed
    told.clear()
    assert prepare([text_folder], tmp_path / "out", SMALL, report=told.append) == first
    assert [p.stage for p in told] == ["already prepared"]


def test_another_call_on_the_same_folder_says_what_differs(text_folder: Path, tmp_path: Path) -> None:
    prepare([text_folder], tmp_path / "out", SMALL)
    with pytest.raises(BadStore, match="vocab_size is 401, there it was 400; choose another folder"):
        prepare([text_folder], tmp_path / "out", PrepareConfig(vocab_size=401, num_sentinels=20))
    (text_folder / "00.txt").write_text((text_folder / "00.txt").read_text().swapcase())
    with pytest.raises(BadStore, match=r"00\.txt has changed"):
        prepare([text_folder], tmp_path / "out", SMALL)
    (text_folder / "00.txt").rename(text_folder / "99.txt")
    with pytest.raises(BadStore, match=r"00\.txt is no longer a source; 99\.txt is new"):
        prepare([text_folder], tmp_path / "out", SMALL)


def test_sources_in_another_order_are_another_corpus(text_folder: Path, tmp_path: Path) -> None:
    files = sorted(text_folder.iterdir())
    prepare(files, tmp_path / "out", SMALL)
    with pytest.raises(BadStore, match="in another order"):
        prepare(files[::-1], tmp_path / "out", SMALL)


def test_a_folder_inside_the_corpus_does_not_become_part_of_it(text_folder: Path) -> None:
    first = prepare([text_folder], text_folder / "out", SMALL)
    assert prepare([text_folder], text_folder / "out", SMALL) == first


def test_a_given_tokenizer_is_used(text_folder: Path, tmp_path: Path) -> None:
    first = prepare([text_folder], tmp_path / "one", SMALL)
    second = prepare([text_folder], tmp_path / "two", PrepareConfig(tokenizer=tmp_path / "one"))
    assert second.tokenizer_fingerprint == first.tokenizer_fingerprint
    model = tmp_path / "one" / "tokenizer" / "spm.model"
    third = prepare([text_folder], tmp_path / "three", PrepareConfig(tokenizer=model, num_sentinels=7))
    assert third.vocab_size == 400 - 13
    assert "training the tokenizer" not in third.seconds


@pytest.mark.parametrize(
    "options",
    [
        {"held_out_fraction": 0.0},
        {"held_out_fraction": 0.6},
        {"held_out_fraction": float("nan")},
        {"num_sentinels": -1},
        {"longest_document_chars": 10},
        {"tokenizer": Path("x.model"), "vocab_size": 400},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=next(iter(options))):
        PrepareConfig(**options)


def test_a_folder_with_other_things_in_it_is_left_alone(text_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / "train").mkdir(parents=True)
    (tmp_path / "home" / "train" / "precious").write_text("x")
    with pytest.raises(BadStore, match="is not empty and not a prepared corpus"):
        prepare([text_folder], tmp_path / "home", SMALL)
    assert (tmp_path / "home" / "train" / "precious").read_text() == "x"
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["train"]
    with pytest.raises(BadStore, match=r"00\.txt"):
        prepare([text_folder], text_folder / "00.txt", SMALL)


def test_two_at_once_are_one(text_folder: Path, tmp_path: Path) -> None:
    with only_one(tmp_path / "out"), pytest.raises(InUse, match="in use by another"):
        prepare([text_folder], tmp_path / "out", SMALL)


def test_a_folder_is_free_at_once_when_its_process_is_killed_and_a_worker_of_it_lives_on(tmp_path: Path) -> None:
    program = f"""
import os, time
from pathlib import Path
from data_prep.files import only_one
with only_one(Path({str(tmp_path)!r})):
    if os.fork() == 0:
        print(os.getpid(), flush=True)  # it is there, and has let go of what its parent holds
    time.sleep(60)
"""
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    worker = int(holder.stdout.readline())
    try:
        with pytest.raises(InUse), only_one(tmp_path):
            pass
        holder.kill()
        holder.wait()
        with only_one(tmp_path):
            pass
    finally:
        os.kill(worker, signal.SIGKILL)


@pytest.mark.parametrize("stage", STAGES)
def test_stopped_by_hand_it_goes_on_where_it_was(stage: str, text_folder: Path, tmp_path: Path) -> None:
    def stops(told: Progress) -> None:
        if told.stage == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare([text_folder], tmp_path / "out", SMALL, report=stops)
    with pytest.raises(BadStore, match="interrupted"):
        TokenStore.open(tmp_path / "out")
    done = [path.parent.parent.name for path in (tmp_path / "out").rglob("done.json")]
    assert sorted(done) == {"finishing": ["clean"], STAGES[3]: ["draws"], "encoding": ["draws", "tokenizer"]}.get(
        stage, []
    )
    told: list[Progress] = []
    prepare([text_folder], tmp_path / "out", SMALL, report=told.append)
    assert told[0].stage == ("cleaning" if stage in STAGES[:2] else "drawing lines")  # what is done is done at once
    whole = prepare([text_folder], tmp_path / "whole", SMALL)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert TokenStore.open(tmp_path / "out").manifest.fingerprint == whole.fingerprint


KILLED = """
import os, signal, sys
from importlib import import_module
from pathlib import Path
from data_prep import pipeline
from data_prep.job.engine import Engine
def dies(*given, **options):
    os.kill(os.getpid(), signal.SIGKILL)
owner, _, name = sys.argv[3].rpartition(".")
try:
    owner = import_module(owner)
except ImportError:
    module, _, of = owner.rpartition(".")
    owner = getattr(import_module(module), of)
assert hasattr(owner, name)
setattr(owner, name, dies)
config = pipeline.PrepareConfig(vocab_size=400, num_sentinels=20)
pipeline.prepare([sys.argv[1]], Path(sys.argv[2]), config, engine=Engine(runner="loop"))
"""
PLACES = [
    "data_prep.job.tasks.write_json",
    "data_prep.job.tasks._sync",
    "data_prep.job.clean_unit._Shard.finish",
    "data_prep.job.clean.demand_texts",
    "data_prep.job.finish_unit._End.finish",
    "data_prep.job.clean._link",
    "data_prep.job.clean_manifest.CleanManifest.write",
    "data_prep.job.encode.train_on",
    "data_prep.job.encode.write_token_shard",
    "data_prep.job.encode_job.join_token_shards",
    "data_prep.job.encode_job.sync_folder",
    "data_prep.manifest.Manifest.write",
]


@pytest.mark.parametrize("place", PLACES)
def test_killed_anywhere_the_same_call_gives_the_same_bytes(
    place: str, text_folder: Path, tmp_path: Path, whole: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(text_folder), str(out), place]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(BadStore, match="interrupted"):
        TokenStore.open(out)
    prepare([text_folder], out, SMALL)
    assert contents(out) == contents(whole)
    assert not list(out.rglob("*.part"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("place", ["clean_unit._Shard.finish", "finish_unit._End.finish", "encode.write_token_shard"])
def test_a_full_disk_is_one_sentence_and_leaves_no_manifest(
    number: int, place: str, text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise OSError(number, os.strerror(number), "some/file")

    with monkeypatch.context() as patch:
        patch.setattr(f"data_prep.job.{place}", full)
        with pytest.raises(BadInput, match=rf"{os.strerror(number)} while writing some/file; make room"):
            prepare([text_folder], tmp_path / "out", SMALL)
    assert not (tmp_path / "out" / "manifest.json").exists()
    prepare([text_folder], tmp_path / "out", SMALL)


def test_a_source_that_changes_while_it_is_read_is_seen_as_changed(
    text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changing(*given: Any) -> Iterator[Any]:
        with (text_folder / "59.txt").open("a") as file:
            file.write("More.")
        return original(*given)

    original = units.read_unit
    monkeypatch.setattr("data_prep.job.clean_unit.read_unit", changing)
    prepare([text_folder], tmp_path / "out", SMALL)
    with pytest.raises(BadStore, match=r"59\.txt has changed"):
        prepare([text_folder], tmp_path / "out", SMALL)


def test_real_chinese_is_prepared(real_data: Path, tmp_path: Path) -> None:
    config = PrepareConfig(language="zh", tokenizer_training_bytes=600_000, vocab_size=3000)
    manifest = prepare([real_data / "corpus" / "chinese.jsonl.xz"], tmp_path / "out", config)
    assert sum(counts.num_documents for counts in manifest.splits.values()) == 12_181
    train = manifest.splits["train"]
    assert 10 < train.num_tokens / train.num_sentences < 60
