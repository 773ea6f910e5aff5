"""Every command and every program in README is run, on a small corpus and with a small budget."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from made_web import web_pages, write_web

from tests.conftest import documents
from tests.denoise.test_resume import TINY

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
TRAINING = ("train", "grid", "demo")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("bash") for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Path:
    """A folder with configs, texts, the programs of README and a prepared corpus, as after `make demo`."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "configs").symlink_to(ROOT / "configs")
    (folder / "data").mkdir()
    (folder / "data" / "sotu").symlink_to(prepared)
    (folder / "my_texts").mkdir()
    for number, text in enumerate(documents(60)):
        (folder / "my_texts" / f"{number}.txt").write_text(text)
    write_web(folder / "crawl", web_pages(600), 3)
    (folder / "words.txt").write_text("darn\n")
    for block in blocks("python"):
        if name := re.match(r"# (\w+\.py)\n", block):
            (folder / name[1]).write_text(block)
    return folder


def small(command: str) -> list[str]:
    """The command with what makes it quick; the last of two equal options holds."""
    words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)]
    if words[1] in TRAINING:
        words += TINY
    if words[1] in ("prepare", "demo", "tokenizer"):
        words += ["--vocab_size=412"]
    return [sys.executable, "-m", "denoise.cli", *words[1:]]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_commands_of_readme(workplace: Path) -> None:
    ours = [command for command in commands() if command.startswith("denoise ")]
    assert len(ours) >= 8
    for command in ours:
        done = subprocess.run(small(command), cwd=workplace, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert (workplace / "runs/mine/report.html").stat().st_size > 10_000


def test_what_is_not_a_denoise_command_is_known() -> None:
    others = [command for command in commands() if not command.startswith("denoise ")]
    assert others == ["make demo", "make test", "source .venv/bin/activate"]
    for target in ("demo", "test"):
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def test_the_programs_of_readme(workplace: Path) -> None:
    programs = [block for block in blocks("python") if not block.startswith("# ")]
    assert programs
    for program in programs:
        subprocess.run([sys.executable, "-c", program], cwd=workplace, check=True, capture_output=True)


def test_every_path_in_readme_is_there() -> None:
    for path in re.findall(r"\]\(([^)h][^)]*)\)", README) + re.findall(r"`(configs/[\w/.]+)`", README):
        assert (ROOT / path).exists(), path
