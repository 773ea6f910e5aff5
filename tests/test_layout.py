"""The layout is the way of the data: imports point upstream, files fit in a head, and every guard is seen to fail."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("data_prep", "corruptions", "denoise")
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 10

ALLOWED = {
    "data_prep": {"data_prep"},
    "corruptions": {"corruptions", "data_prep.vocab", "data_prep.errors"},
    "denoise": {"denoise", "corruptions", "data_prep"},
    "denoise.feed": {"denoise.feed", "denoise.stopping", "corruptions", "data_prep"},
    "denoise.model": {"denoise.model", "denoise.feed", "corruptions", "data_prep"},
    "denoise.train": {
        "denoise.train",
        "denoise.model",
        "denoise.feed",
        "denoise.hub",
        "denoise.stopping",
        "denoise.command_line",
        "denoise.__version__",
        "corruptions",
        "data_prep",
    },
    "denoise.study": {
        "denoise.study",
        "denoise.grid",
        "denoise.train.config",
        "denoise.config_files",
        "denoise.stopping",
        "denoise.transfer.exam.papers",
        "denoise.transfer.finetune.results",
        "denoise.transfer.tasks.glue_average",
        "denoise.transfer.tasks.registry",
        "denoise.transfer.probe.results",
        "data_prep",
        "corruptions",
    },
}
HEAVY = ("torch", "lightning", "transformers", "datasets", "wandb", "altair", "pandas", "sklearn")


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(source: str) -> list[str]:
    """Modules that a source imports anywhere in it."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def forbidden(room: str, source: str) -> list[str]:
    """Imports of our own packages that a room may not make."""
    ours = [name for name in imported(source) if name.split(".")[0] in PACKAGES]
    return [name for name in ours if not any(name == may or name.startswith(may + ".") for may in ALLOWED[room])]


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    room = ".".join(parts[:2])
    return room if room in ALLOWED else parts[0]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_upstream(path: Path) -> None:
    assert forbidden(room_of(path), path.read_text()) == []


def test_an_import_downstream_would_be_seen() -> None:
    assert forbidden("corruptions", "from denoise.feed import windows") == ["denoise.feed.windows"]
    assert forbidden("data_prep", "import corruptions.plan") == ["corruptions.plan"]
    assert forbidden("corruptions", "from data_prep.tokens import TokenStore") == ["data_prep.tokens.TokenStore"]
    assert forbidden("denoise.study", "from denoise.model import layers") == ["denoise.model.layers"]
    assert forbidden("denoise.model", "from denoise.train import config") == ["denoise.train.config"]
    assert forbidden("denoise.train", "from denoise.transfer.finetune import results") != []
    assert forbidden("denoise.feed", "from denoise.model import layers") == ["denoise.model.layers"]


@pytest.mark.parametrize(
    "statement",
    [
        "import data_prep, data_prep.pipeline, data_prep.tokens, data_prep.tokenizer",
        "import corruptions, corruptions.contract",
        "import denoise.study.report, denoise.study.tables, denoise.study.compare",
        "import denoise.grid.command, denoise.grid.worker, denoise.grid.cell, denoise.grid.conduct, denoise.grid.cells",
        "import denoise.cli, denoise.command_line, denoise.train.config",
        "import denoise.transfer.exam.papers, denoise.transfer.exam.formats",
        "import denoise.transfer.tasks.registry, denoise.transfer.tasks.baselines, denoise.transfer.tasks.glue_average",
        "import denoise.transfer.finetune.results, denoise.transfer.tasks.registry",
        "import denoise.transfer.tasks.glue_average",
        "from denoise.grid.transfer import _tasks; _tasks(['cola'])",
        "import denoise.transfer.probe.results, denoise.transfer.probe.reading, denoise.transfer.probe.labels",
    ],
)
def test_what_needs_no_torch_does_not_import_it(statement: str) -> None:
    program = f"{statement}; import sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def too_long(source: str) -> list[str]:
    """Functions that do not fit on a screen, or take too many parameters."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            num_lines = (node.end_lineno or 0) - node.lineno + 1
            arguments = node.args
            num_parameters = len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs)
            if num_lines > MAX_FUNCTION_LINES or num_parameters > MAX_PARAMETERS:
                found.append(f"{node.name}: {num_lines} lines, {num_parameters} parameters")
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    source = path.read_text()
    assert source.count("\n") <= MAX_FILE_LINES
    assert too_long(source) == []


def test_a_long_function_would_be_seen() -> None:
    assert too_long("def f():\n" + "    x = 1\n" * (MAX_FUNCTION_LINES + 1)) != []


def fields_without_words(source: str) -> list[str]:
    """Fields of *Config dataclasses and corruptions that no docstring follows: they are the options' help."""
    missing = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef) or not any("dataclass" in ast.dump(d) for d in node.decorator_list):
            continue
        for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
            if not isinstance(statement, ast.AnnAssign) or "ClassVar" in ast.dump(statement.annotation):
                continue
            documented = (
                isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
                and isinstance(following.value.value, str)
            )
            is_option = node.name.endswith("Config") or any("Corruption" in ast.dump(base) for base in node.bases)
            if is_option and not documented:
                missing.append(f"{node.name}.{ast.unparse(statement.target)}")
    return missing


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_option_is_explained(path: Path) -> None:
    assert fields_without_words(path.read_text()) == []


def test_an_unexplained_option_would_be_seen() -> None:
    source = "@dataclass(frozen=True)\nclass RunConfig:\n    seed: int = 1\n"
    assert fields_without_words(source) == ["RunConfig.seed"]
