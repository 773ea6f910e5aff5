"""What goes wrong outside the command line's words: data, vocabularies, disks. One line that names the file, code 2."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.files import write_whole
from data_prep.pipeline import PrepareConfig, prepare
from denoise.ending import exit_code_of
from tests.conftest import documents
from tests.denoise.test_resume import TINY


def complaint(folder: Path, *arguments: str) -> str:
    """What `denoise` says on its way out with code 2."""
    done = subprocess.run(
        [sys.executable, "-m", "denoise.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("denoise: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_an_option_before_the_grid_file_does_not_hide_it(tmp_path: Path) -> None:
    said = complaint(tmp_path, "grid", "--tracking", "off", "grid.yaml")
    assert "there is no grid file off; name it first, before all options: denoise grid FILE" in said


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("empty.txt", b"", ["empty.txt"]),
        ("blank.txt", b" \n \n", ["blank.txt"]),
        ("latin.txt", "caf\u00e9".encode("latin-1"), ["latin.txt", "UTF-8"]),
        ("broken.jsonl", b'{"text": "a"}\n{"text": \n', ["broken.jsonl:2"]),
        ("other.jsonl", b'{"txet": "a"}\n', ["other.jsonl:1", "txet"]),
        ("notes.xyz", b"text", ["notes.xyz"]),
    ],
)
def test_a_bad_source_is_named(tmp_path: Path, name: str, content: bytes, parts: list[str]) -> None:
    (tmp_path / name).write_bytes(content)
    message = complaint(tmp_path, "prepare", name, "--out", "store")
    for part in parts:
        assert part in message
    assert not (tmp_path / "store" / "manifest.json").exists()


def test_a_folder_without_documents_is_named(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert "nothing" in complaint(tmp_path, "prepare", "nothing", "--out", "store")
    assert "no_such" in complaint(tmp_path, "prepare", "no_such", "--out", "store")


def test_a_vocabulary_that_does_not_match_the_store_is_named(prepared: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(prepared, store)
    other = tmp_path / "other"
    (tmp_path / "texts").mkdir()
    for number, text in enumerate(documents(40)):
        (tmp_path / "texts" / f"{number}.txt").write_text(text.upper())
    prepare([tmp_path / "texts"], other, PrepareConfig(vocab_size=406))
    shutil.copy(other / "tokenizer" / "spm.model", store / "tokenizer" / "spm.model")
    message = complaint(tmp_path, "train", f"--data={store}", "--run=run", *TINY)
    assert str(store) in message
    assert "tokenizer" in message


def test_a_store_cut_short_is_named(prepared: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(prepared, store)
    tokens = store / "train" / "tokens.bin"
    tokens.write_bytes(tokens.read_bytes()[:-2])
    assert str(tokens) in complaint(tmp_path, "train", f"--data={store}", "--run=run", *TINY)


def test_a_budget_too_small_for_a_step_says_what_would_do(prepared: Path, tmp_path: Path) -> None:
    message = complaint(tmp_path, "train", f"--data={prepared}", "--run=run", *TINY, "--budget_tokens=10")
    assert "budget_tokens is 10" in message
    assert "give at least" in message
    assert not (tmp_path / "run" / "config.yaml").exists(), "the corrected command would be refused"


def test_a_store_smaller_than_a_window_is_named(prepared: Path, tmp_path: Path) -> None:
    message = complaint(tmp_path, "train", f"--data={prepared}", "--run=run", *TINY, "--source_len=100000")
    assert "fewer than one window" in message


def test_a_run_of_other_data_is_not_resumed(prepared: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "shapes.json").write_text(json.dumps({"data_fingerprint": "0" * 64}))
    message = complaint(tmp_path, "train", f"--data={prepared}", f"--run={run}", *TINY)
    assert "another vocabulary" in message


def test_a_run_in_use_is_left_alone(prepared: Path, tmp_path: Path) -> None:
    import fcntl

    run = tmp_path / "run"
    run.mkdir()
    with open(run / ".lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "in use" in complaint(tmp_path, "train", f"--data={prepared}", f"--run={run}", *TINY)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "done.json"
    write_whole(path, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left") as refused:
        write_whole(path, "new")
    assert refused.value.filename == str(path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["done.json"]


def test_a_full_disk_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert exit_code_of(work) == 2
    advice = "free some space, or choose a folder that can be written to"
    assert capsys.readouterr().err == f"denoise: No space left on device; {advice}\n"


@pytest.mark.slow
def test_a_disk_that_fills_up_in_mid_run_is_one_line(prepared: Path) -> None:
    """/dev/shm is memory; a file system of 300 kB in it would need rights that tests do not have, so a limit does."""
    import resource
    import tempfile

    def limit() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write beyond the limit is an error, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "denoise.cli", "train", f"--data={prepared}", "--run=run", *TINY],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            preexec_fn=limit,
            env={**os.environ, "NUMBA_CACHE_DIR": folder},  # cold: the first thing that does not fit stops nothing
        )
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert "step-" in done.stderr
        assert "File too large" in done.stderr
        assert list(Path(folder, "run", "checkpoints").glob("step-*.ckpt")) == []
        assert not Path(folder, "run", "done.json").exists()


def test_a_folder_that_cannot_be_written_is_named(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    message = complaint(tmp_path, "train", f"--data={prepared}", "--run=file/run", *TINY)
    assert "file/run" in message
