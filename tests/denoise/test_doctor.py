"""The doctor looks at everything, survives what is missing, and says what breaks training."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from denoise import cli
from denoise.doctor import gpus, machine, software
from denoise.doctor.command import launcher
from denoise.doctor.finding import found_by
from denoise.doctor.limits import cores_allowed, memory_allowed_bytes


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "_TEST_BYTES", 4_000_000)


def test_every_line_fits_and_the_folder_is_as_before(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.run(["doctor"]) == 0
    page = capsys.readouterr().out
    assert max(map(len, page.splitlines())) <= 80
    assert "[crawl]" in page and "attention" in page and "could not be looked at" not in page
    assert list(tmp_path.iterdir()) == []


def test_what_breaks_training_is_in_the_exit_code(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "3")
    monkeypatch.setenv("SLURM_STEP_NUM_NODES", "2")
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert cli.run(["doctor", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["Processes"]
    assert [(line["name"], line["state"]) for line in found] == [("launcher", "broken")]


def test_a_check_that_fails_is_a_finding() -> None:
    def a_look():
        raise RuntimeError("no such\nlibrary")
        yield

    (found,) = found_by(a_look)
    assert (found.state, found.value) == ("warning", "could not be looked at: no such library")


def test_a_folder_that_cannot_be_written_to_breaks_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(machine, "_try", refuse)
    room, folder = machine.disk()
    assert (room.name, folder.state) == ("disk", "broken")


@pytest.mark.parametrize(
    ("files", "groups", "cores", "memory"),
    [
        ({"pod/cpu.max": "150000 100000", "pod/memory.max": "2000000"}, "0::/pod", 1.5, 2_000_000),
        ({"cpu.max": "50000 100000", "pod/cpu.max": "max 100000"}, "0::/pod", 0.5, None),
        (
            {"cpu/pod/cpu.cfs_quota_us": "25000", "cpu/pod/cpu.cfs_period_us": "100000"},
            "4:memory:/pod\n1:cpu:/pod\n0::/",
            0.25,
            None,
        ),
        ({"memory/a/memory.limit_in_bytes": "3000000"}, "4:memory:/a/b\n0::/", None, 3_000_000),
    ],
)
def test_limits_of_containers_are_seen(
    tmp_path: Path, files: dict[str, str], groups: str, cores: float | None, memory: int | None
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    own = tmp_path / "own"
    own.write_text(groups + "\n")
    nowhere = tmp_path / "nowhere"
    assert cores_allowed(tmp_path, own) == (cores or cores_allowed(nowhere, nowhere))
    assert memory_allowed_bytes(tmp_path, own) == (memory or memory_allowed_bytes(nowhere, nowhere))


def test_a_cudnn_in_front_of_torchs_own_is_seen(tmp_path: Path) -> None:
    (tmp_path / "libcudnn.so.9").touch()
    assert gpus.system_cudnns(f"/nowhere:{tmp_path}") == [str(tmp_path / "libcudnn.so.9")]
    assert gpus.system_cudnns("") == []


def test_srun_and_a_batch_script_are_told_apart() -> None:
    inside = {"SLURM_JOB_ID": "7", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "1", "SLURM_PROCID": "1"}
    assert next(iter(launcher(inside))).value == "srun: process 1 of 2 on 1 machine(s)"
    assert "not inside srun" in next(iter(launcher({"SLURM_JOB_ID": "7"}))).value


def test_the_doctor_knows_every_extra() -> None:
    project = tomllib.loads((Path(cli.__file__).parent.parent / "pyproject.toml").read_text())["project"]
    assert set(software.EXTRAS) == set(project["optional-dependencies"]) - {"test"}
