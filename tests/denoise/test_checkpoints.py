"""Checkpoints are whole or not there; what is damaged, or another's, is passed over and said, never run as code."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from data_prep.files import InUse, only_one
from denoise.stopping import Stopped
from denoise.train import checkpoint_files
from denoise.train.checkpoint_files import WholeFiles, damage_of, steps_in, why_unusable
from denoise.train.config import BadCheckpoint, BadRun, RunConfig
from denoise.train.run_folder import RunFolder
from tests.denoise.small_runs import SHORT, assert_same_end, saved, train
from tests.denoise.test_resume import command
from tests.denoise.test_stopping import signal_at


@pytest.fixture(scope="module")
def unbroken(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("unbroken") / "run"
    train(prepared, run)
    return run


@pytest.fixture(scope="module")
def begun(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run stopped after step 14, with checkpoints of steps 12 and 14."""
    run = tmp_path_factory.mktemp("begun") / "run"
    with pytest.MonkeyPatch.context() as patched:
        signal_at(patched, 14, signal.SIGTERM)
        with pytest.raises(Stopped):
            train(prepared, run)
    assert saved(run) == [12, 14]
    return run


@pytest.fixture
def run(begun: Path, tmp_path: Path) -> Path:
    return shutil.copytree(begun, tmp_path / "run")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip_a_weight(path: Path) -> None:
    with zipfile.ZipFile(path) as parts:
        largest = max(parts.infolist(), key=lambda part: part.file_size)
    content = bytearray(path.read_bytes())
    content[largest.header_offset + 200 + largest.file_size // 2] ^= 4
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def write_foreign(path: Path) -> None:
    path.write_bytes(b"%PDF-1.7 " * 500)


def change(**about: object) -> Callable[[Path], None]:
    def changed(path: Path) -> None:
        content = torch.load(path, weights_only=True)
        content["denoise"].update(about)
        torch.save(content, path)

    return changed


class Code:
    def __reduce__(self) -> tuple:
        return print, ("code was run",)


def write_code(path: Path) -> None:
    torch.save({"denoise": Code()}, path)


DAMAGES = {
    "cut": (cut, "is damaged"),
    "flipped bit": (flip_a_weight, "check sum"),
    "empty": (empty, "is damaged"),
    "foreign": (write_foreign, "is damaged"),
    "code": (write_code, "read safely"),
    "another version": (change(format=99, version="9.1"), "was written by denoise 9.1 (format 99;"),
    "another run": (change(config={"seed": 7}), "is of another run (seed: 7 there, 1 given"),
    "another step": (change(step=3), "holds step 3"),
    "torch alone": (lambda path: torch.save({"state_dict": {}}, path), "not a checkpoint of denoise"),
}


@pytest.mark.parametrize("name", ["cut", "flipped bit"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(
    prepared: Path, unbroken: Path, run: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    DAMAGES[name][0](run / "checkpoints" / "step-000000014.ckpt")
    train(prepared, run)
    assert "step-000000014.ckpt is damaged" in capsys.readouterr().out
    assert_same_end(run, unbroken)
    assert [path.name for path in (run / "checkpoints").glob("*.damaged")] == ["step-000000014.ckpt.damaged"]
    assert saved(run) == [16, 20]


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_wrong_with_a_checkpoint_is_said(run: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    damage, words = DAMAGES[name]
    path = run / "checkpoints" / "step-000000014.ckpt"
    config = RunFolder(run).config
    assert why_unusable(path, config) is None
    damage(path)
    assert words in (why_unusable(path, config) or "")
    assert "code was run" not in capsys.readouterr().out


def test_a_run_whose_checkpoints_are_all_damaged_is_not_begun_anew(prepared: Path, run: Path) -> None:
    for path in steps_in(run / "checkpoints").values():
        cut(path)
    metrics = (run / "metrics.jsonl").read_bytes()
    for _ in range(2):  # nor the second time
        with pytest.raises(
            BadCheckpoint, match=r"no checkpoint .* can be used: step-000000014.ckpt is damaged .*12.ckpt"
        ):
            train(prepared, run)
    assert (run / "metrics.jsonl").read_bytes() == metrics


def test_no_flipped_bit_goes_unseen(tmp_path: Path) -> None:
    path, draws = tmp_path / "step-000000004.ckpt", random.Random(1)
    content = {"weights": torch.arange(3000.0), "step": 4, "denoise": {"config": {"text": "a" * 50}}}
    WholeFiles().save_checkpoint(content, path)
    whole = path.read_bytes()
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[draws.randrange(len(whole))] ^= 1 << draws.randrange(8)
        path.write_bytes(damaged)
        if damage_of(path) is None:  # dates and padding may be anything
            found = torch.load(path, weights_only=True)
            assert torch.equal(found.pop("weights"), content["weights"])
            assert found == {name: value for name, value in content.items() if name != "weights"}


def test_what_cannot_be_read_again_is_not_given_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    WholeFiles().save_checkpoint({"step": 1}, tmp_path / "step-000000004.ckpt")
    before = (tmp_path / "step-000000004.ckpt").read_bytes()
    monkeypatch.setattr(checkpoint_files.torch, "save", lambda content, file: file.write(b"half of i"))
    with pytest.raises(OSError, match="cannot be read again"):
        WholeFiles().save_checkpoint({"step": 2}, tmp_path / "step-000000004.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000004.ckpt"]
    assert (tmp_path / "step-000000004.ckpt").read_bytes() == before


@pytest.mark.slow
def test_a_full_disk_ends_the_run_in_a_sentence_and_old_checkpoints_stay(
    prepared: Path, unbroken: Path, run: Path
) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    given = command(prepared, run)
    given = [*given[: given.index("train") + 1], f"--data={prepared}", f"--run={run}", *SHORT]
    done = subprocess.run(given, preexec_fn=little_room, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"denoise: {run}/checkpoints/step-000000016.ckpt: File too large; free some space")
    assert done.stderr.count("\n") == 1
    assert saved(run) == [12, 14] and not list((run / "checkpoints").glob(".*"))
    train(prepared, run)
    assert_same_end(run, unbroken)


def test_what_a_killed_save_left_is_cleared(prepared: Path, run: Path) -> None:
    (run / "checkpoints" / ".step-000000016.ckpt.part").write_bytes(b"half")
    train(prepared, run)
    assert not list((run / "checkpoints").glob(".*"))


@pytest.mark.parametrize(("keep", "stay"), [("powers_of_two", [1, 2, 4, 8, 16, 20]), ("[3, 10]", [3, 10, 16, 20])])
def test_kept_checkpoints_stay_and_change_nothing(
    prepared: Path, unbroken: Path, tmp_path: Path, keep: str, stay: list[int]
) -> None:
    train(prepared, tmp_path / "run", f"--keep_steps={keep}")
    assert saved(tmp_path / "run") == stay
    assert_same_end(tmp_path / "run", unbroken)


def test_steps_to_keep_are_steps() -> None:
    for wrong in ((0, 4), ("a",)):
        with pytest.raises(BadRun, match="keep_steps"):
            RunConfig(keep_steps=wrong)  # type: ignore[arg-type]


def test_whose_a_folder_in_use_is_gets_said(prepared: Path, tmp_path: Path) -> None:
    with only_one(tmp_path / "run"), pytest.raises(InUse, match=rf"\(process {os.getpid()} on .+\)"):
        train(prepared, tmp_path / "run")
