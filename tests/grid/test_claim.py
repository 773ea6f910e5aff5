"""A cell is one worker's, and its process's, until neither lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from denoise.grid import locks
from denoise.grid.claim import Claim, holder
from denoise.grid.locks import NoLocks, check_locks
from tests.grid.waiting import until


def test_a_cell_is_claimed_once(tmp_path: Path) -> None:
    claim = Claim.take(tmp_path)
    assert claim is not None
    assert Claim.take(tmp_path) is None
    claim.release()
    assert Claim.take(tmp_path) is not None


def test_whoever_looks_takes_nothing_and_learns_who_holds_it(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with Claim.take(tmp_path) or pytest.fail("not taken") as claim:
        claim.tell(worker=12)
        assert (holder(tmp_path) or {})["worker"] == 12
    assert holder(tmp_path) is None
    assert Claim.take(tmp_path) is not None


def test_on_a_full_disk_a_cell_is_held_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pwrite(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with Claim.take(tmp_path) or pytest.fail("not taken") as claim:
        claim.tell(worker=12)
        monkeypatch.setattr("denoise.grid.claim.os.pwrite", pwrite)
        claim.tell(worker=13)
        assert holder(tmp_path) == {} and Claim.take(tmp_path) is None


def test_a_claim_outlives_the_worker_in_the_process_that_inherited_it(tmp_path: Path) -> None:
    claim = Claim.take(tmp_path)
    assert claim is not None
    process = subprocess.Popen(["sleep", "60"], pass_fds=[claim.descriptor])
    claim.release()
    assert Claim.take(tmp_path) is None
    process.kill()
    process.wait()
    assert Claim.take(tmp_path) is not None


@pytest.mark.parametrize("start", ["os.fork() or time.sleep(60)", "subprocess.Popen(['sleep', '60'], close_fds=False)"])
def test_what_a_cell_starts_does_not_hold_it(tmp_path: Path, start: str) -> None:
    """A loader or a dashboard that lives on when the cell was killed."""
    program = (
        "import os, subprocess, sys, time\n"
        "from denoise.grid.claim import Claim\n"
        "Claim.inherited(int(sys.argv[1]))\n"
        f"{start}\n"
        "open(sys.argv[2], 'w')\n"
        "time.sleep(60)\n"
    )
    claim = Claim.take(tmp_path)
    assert claim is not None
    command = [sys.executable, "-c", program, str(claim.descriptor), str(tmp_path / "started")]
    process = subprocess.Popen(command, pass_fds=[claim.descriptor], start_new_session=True)
    claim.release()
    try:
        until((tmp_path / "started").exists)
        assert Claim.take(tmp_path) is None
        process.kill()
        process.wait()
        until(lambda: Claim.take(tmp_path), within_s=5)
    finally:
        os.killpg(process.pid, signal.SIGKILL)


def test_the_locks_of_this_disk_work(tmp_path: Path) -> None:
    check_locks(tmp_path)
    assert list(tmp_path.iterdir()) == []


def refusal(tmp_path: Path) -> str:
    with pytest.raises(NoLocks) as refused:
        check_locks(tmp_path)
    assert list(tmp_path.iterdir()) == []
    return str(refused.value)


def test_locks_that_keep_nobody_out_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks.fcntl, "flock", lambda *_: None)  # as where each machine has its own
    assert "two processes hold the same lock" in refusal(tmp_path)


def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    assert "No locks available" in refusal(tmp_path)


def test_locks_that_outlive_all_who_held_them_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_is_free", lambda path: False)
    assert "a lock outlives all its processes" in refusal(tmp_path)


def test_locks_that_die_with_the_process_that_took_them_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetful = "import os, sys\nos.closerange(3, 1 << 16)\nprint('held', flush=True)\nsys.stdin.read()"
    monkeypatch.setattr(locks, "_ANOTHER_PROCESS", forgetful)
    assert "a lock is lost" in refusal(tmp_path)
