"""The job as a whole: same bytes always, nothing half-written taken for whole, both sides never empty."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_prep import tokens as tokens_module
from data_prep.crawl import documents
from data_prep.errors import BadInput
from data_prep.files import InUse, only_one
from data_prep.manifest import BadStore, Manifest
from data_prep.pipeline import PrepareConfig, Progress, prepare
from data_prep.tokens import TokenStore

SMALL = PrepareConfig(vocab_size=400, num_sentinels=20)


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the manifest, whose seconds differ from run to run."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("manifest.json", ".lock")
    }


def test_the_same_texts_give_the_same_bytes_wherever_they_lie(text_folder: Path, tmp_path: Path) -> None:
    first = prepare([text_folder], tmp_path / "one", SMALL)
    text_folder.rename(tmp_path / "moved")
    second = prepare([tmp_path / "moved"], tmp_path / "two", SMALL)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert first.fingerprint == second.fingerprint
    assert sorted(contents(tmp_path / "one")) == sorted(first.files)
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
    first = prepare([text_folder], tmp_path / "out", SMALL, progress=told.append)
    assert [p.stage for p in told if not p.num_done] == ["reading", "training the tokenizer", "encoding"]
    os.utime(text_folder / "00.txt", (1, 1))  # touched, not changed
    told.clear()
    assert prepare([text_folder], tmp_path / "out", SMALL, progress=told.append) == first
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
    worker = os.fork()
    if worker == 0:
        time.sleep(60)
    print(worker, flush=True)
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


def _stages(stop_at: str) -> Any:
    def progress(told: Progress) -> None:
        if told.stage == stop_at:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("stage", ["reading", "training the tokenizer", "encoding"])
def test_stopped_by_hand_it_leaves_nothing_and_starts_anew(stage: str, text_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepare([text_folder], tmp_path / "out", SMALL, progress=_stages(stage))
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {".lock"}
    prepare([text_folder], tmp_path / "out", SMALL)


KILLED = """
import os, signal, sys
from pathlib import Path
from data_prep import manifest, pipeline, tokens
place, count = sys.argv[3], [0]
def dies(*given, **options):
    count[0] += 1
    if count[0] == 5 or place not in ("add",):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*given, **options)
owner, name = {"read": (pipeline, "choose_rule"), "train": (pipeline, "train"),
    "add": (tokens.SplitWriter, "add"), "finish": (tokens.SplitWriter, "finish"),
    "sync": (pipeline, "_sync_folders"), "manifest": (manifest.Manifest, "write")}[place]
original = getattr(owner, name)
setattr(owner, name, dies)
pipeline.prepare([sys.argv[1]], Path(sys.argv[2]), pipeline.PrepareConfig(vocab_size=400, num_sentinels=20))
"""


def test_killed_anywhere_the_same_call_gives_the_same_bytes(text_folder: Path, tmp_path: Path) -> None:
    prepare([text_folder], tmp_path / "whole", SMALL)
    for place in ("read", "train", "add", "finish", "sync", "manifest"):
        out = tmp_path / place
        command = [sys.executable, "-c", KILLED, str(text_folder), str(out), place]
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, check=False)
        assert done.returncode == -signal.SIGKILL, place
        with pytest.raises(BadStore, match="interrupted"):
            TokenStore.open(out)
        prepare([text_folder], out, SMALL)
        assert contents(out) == contents(tmp_path / "whole"), place


def test_killed_at_any_time_there_is_no_manifest_without_the_rest(text_folder: Path, tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from data_prep.pipeline import *;" + (
        "prepare([sys.argv[1]], Path(sys.argv[2]), PrepareConfig(vocab_size=400, num_sentinels=20))"
    )
    for delay_s in (0.25, 0.4, 0.55):
        out = tmp_path / f"after-{delay_s}"
        job = subprocess.Popen(
            [sys.executable, "-c", code, str(text_folder), str(out)],
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        )
        time.sleep(delay_s)
        job.kill()
        job.wait()
        if (out / "manifest.json").exists():
            TokenStore.open(out).verify()
        prepare([text_folder], out, SMALL)
        TokenStore.open(out, "held_out").verify()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_full_disk_is_one_sentence_and_leaves_no_manifest(
    number: int, text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(tokens_module, "fsync", full)
        with pytest.raises(BadStore, match=rf"{os.strerror(number)} while writing .*out/train/tokens\.bin; make room"):
            prepare([text_folder], tmp_path / "out", SMALL)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {".lock"}
    prepare([text_folder], tmp_path / "out", SMALL)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_write_that_fails_names_the_file(text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = open

    def opened(path: Any, mode: str = "r", **options: Any) -> Any:
        full = str(path).endswith("marks.bin") and "w" in mode
        return whole("/dev/full" if full else path, mode, **options)

    monkeypatch.setattr(tokens_module, "open", opened, raising=False)
    with pytest.raises(BadStore, match=r"No space left on device while writing .*marks\.bin"):
        prepare([text_folder], tmp_path / "out", SMALL)


def test_a_source_that_changes_while_it_is_read_is_seen_as_changed(
    text_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changing(*given: Any) -> Iterator[Any]:
        with (text_folder / "59.txt").open("a") as file:
            file.write("More.")
        yield from documents([text_folder])

    monkeypatch.setattr("data_prep.pipeline.read", changing)
    prepare([text_folder], tmp_path / "out", SMALL)
    with pytest.raises(BadStore, match=r"59\.txt has changed"):
        prepare([text_folder], tmp_path / "out", SMALL)


def test_real_chinese_is_prepared(real_data: Path, tmp_path: Path) -> None:
    config = PrepareConfig(language="zh", tokenizer_training_bytes=600_000, vocab_size=3000)
    manifest = prepare([real_data / "corpus" / "chinese.jsonl.xz"], tmp_path / "out", config)
    assert sum(counts.num_documents for counts in manifest.splits.values()) == 12_181
    train = manifest.splits["train"]
    assert 10 < train.num_tokens / train.num_sentences < 60
