"""docs/add_a_corruption.md: its files are written, its programs run, and its commands do what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.denoise.test_resume import TINY

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "add_a_corruption.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("bash") for line in block.splitlines()]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Path:
    """A folder with the page's files, configs and a prepared corpus."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "configs").symlink_to(ROOT / "configs")
    (folder / "data").mkdir()
    (folder / "data" / "sotu").symlink_to(prepared)
    for block in [*blocks("python"), *blocks("yaml")]:
        if name := re.match(r"# (\w+\.(?:py|yaml))\n", block):
            (folder / name[1]).write_text(block, encoding="utf-8")
    return folder


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_first_class_is_ten_lines_long():
    lines = [line.strip() for line in blocks("python")[0].splitlines()]
    assert len([line for line in lines if line and not line.startswith(("#", '"'))]) == 10


def test_the_programs_of_the_page(workplace: Path):
    programs = [block for block in blocks("python") if not block.startswith("# ")]
    assert len(programs) == 3
    said = [run(["-c", program], workplace) for program in programs]
    assert said == ["", "511 Lengths(source=513, target=257)\n", ""]


def test_the_sentence_that_names_a_broken_law(workplace: Path):
    """What `check` says of the page's class when it says what it hides and forgets about protected tokens."""
    told = re.search(r"^    AssertionError: (.*)$", PAGE, flags=re.MULTILINE)[1]
    careless = (
        "from corruptions.contract import check\n"
        "from my_noise import EveryNth, np\n"
        "class Careless(EveryNth):\n"
        "    def hidden(self, window, draws, vocab):\n"
        "        return (np.arange(len(window.tokens)) + draws.below(self.every)) % self.every == 0\n"
        "Careless.__name__ = 'EveryNth'\n"
        "try: check(Careless())\n"
        "except AssertionError as broken: print(broken)\n"
    )
    assert run(["-c", careless], workplace).strip() == told


@pytest.mark.slow
def test_the_commands_of_the_page(workplace: Path):
    assert len(commands()) == 7
    tested = ""
    for command in commands():
        program, *words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)]
        if program == "pytest":
            tested += run(["-m", "pytest", "-p", "corruptions.pytest_plugin", "-v", *words], workplace)
        else:
            assert program == "denoise"
            run(["-m", "denoise.cli", *words, *(TINY if words[0] == "train" else [])], workplace)
    assert (workplace / "runs/every_third/done.json").exists()
    for line in re.findall(r"^    (test_my_noise\.py::.*)$", PAGE, flags=re.MULTILINE):
        assert line in tested
