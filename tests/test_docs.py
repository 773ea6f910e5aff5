"""What the documentation names is there."""

import ast
import re
from pathlib import Path

import corruptions

ROOT = Path(__file__).parent.parent
SOURCES = (ROOT / "docs" / "sources.md").read_text()


def test_every_test_that_sources_names_is_there():
    """A table that says which test holds off which published bug is worth nothing once the tests have moved."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "tests").rglob("test_*.py")]
    there = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    named = set(re.findall(r"`(test_\w+)(?:…)?`", SOURCES))
    assert len(named) > 30
    assert {name for name in named if not any(found.startswith(name) for found in there)} == set()


def test_every_preset_has_its_sources():
    presets = {path.stem for path in (ROOT / "configs" / "corruptions").glob("*.yaml")}
    assert {preset for preset in presets if f"`{preset}`" not in SOURCES} == set()


def test_every_class_that_sources_shows_is_public():
    shown = set(re.findall(r"`([A-Z][a-z]\w+[a-z])\(", SOURCES)) - {"Draws"}
    assert len(shown) >= 2
    assert {name for name in shown if not hasattr(corruptions, name)} == set()
