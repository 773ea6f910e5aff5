"""A name becomes a corruption that works: its laws hold, its picture is drawn, and nothing is written over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from denoise.new_corruption import BadName, write_corruption


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False)


def test_from_a_name_to_a_picture_and_to_laws_that_hold(tmp_path: Path) -> None:
    written = run(tmp_path, "denoise.cli", "new-corruption", "every_other")
    assert written.returncode == 0, written.stderr
    look, test, train = written.stdout.splitlines()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["every_other.py", "test_every_other.py"]

    command = look.partition("denoise ")[2].split()
    picture = run(tmp_path, "denoise.cli", *command)
    assert picture.returncode == 0, picture.stderr
    assert command[:3] == ["explore", "--corruption", "every_other.EveryOther"]
    assert "every other (every 3)" in picture.stdout and "[M]" in picture.stdout

    tested = run(tmp_path, "pytest", "-p", "corruptions.pytest_plugin", "-W", "error", *test.split()[3:])
    assert tested.returncode == 0, tested.stdout
    assert " 55 passed" in tested.stdout

    assert "denoise train" in train and "--corruption every_other.EveryOther" in train


def test_what_was_written_is_what_formatters_leave_alone(tmp_path: Path) -> None:
    write_corruption("MyNoise", tmp_path)
    for check in (["check", "--select", "E,F,I,B,UP"], ["format", "--check"]):
        done = run(tmp_path, "ruff", *check, "--isolated", "my_noise.py", "test_my_noise.py")
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("there", ["my_noise.py", "test_my_noise.py"])
def test_no_file_is_written_over(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(BadName, match=f"there is a {there} already, which is not written over; choose another name"):
        write_corruption("my_noise", tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["my-noise", "3rd", "my.noise", "folder/noise", "class", "", "__", "my noise"])
def test_a_name_that_no_module_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadName, match=r"cannot be the name of a Python module; use letters, digits and _, such as"):
        write_corruption(name, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["numpy", "corruptions", "random", "Denoise"])
def test_a_name_that_another_module_has_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadName, match=f"{name.lower()} is the name of an installed module, which would be found first"):
        write_corruption(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_refusal_is_one_line_on_the_command_line(tmp_path: Path) -> None:
    done = run(tmp_path, "denoise.cli", "new-corruption", "my-noise")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
