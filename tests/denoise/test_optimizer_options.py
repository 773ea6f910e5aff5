"""An optimizer is named like a corruption: by its class, with its own options and its own defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from denoise import cli
from denoise.train.optim.config import Muon, ScaledAdamW
from tests.test_command_line import complaint, config_of

OWN = """
from dataclasses import dataclass

from denoise.train.optim.config import OptimizerConfig


@dataclass(frozen=True, kw_only=True)
class Plain(OptimizerConfig):
    learning_rate: float = 0.1

    def build(self, model):
        import torch

        return torch.optim.SGD(model.parameters(), lr=self.learning_rate)
"""


def test_an_optimizer_by_name_with_its_options() -> None:
    assert config_of().optimized_by == Muon()
    config = config_of("--optimizer", "Muon", "--optimizer.learning_rate", "0.02", "--optimizer.nesterov", "false")
    assert config.optimized_by == Muon(learning_rate=0.02, nesterov=False)


def test_options_alone_are_muons() -> None:
    assert config_of("--optimizer.learning_rate=0.02").optimized_by == Muon(learning_rate=0.02)


@pytest.mark.parametrize("before", [[], ["--optimizer=AdamW", "--optimizer.weight_decay=0.3"]])
def test_another_optimizer_does_not_inherit_options(before: list[str]) -> None:
    """Both have a learning_rate, and that of one is ten times too low for the other."""
    assert config_of(*before, "--optimizer=ScaledAdamW").optimized_by == ScaledAdamW()
    assert config_of(*before, '--optimizer={"class_path": "Muon"}').optimized_by == Muon()


def test_a_file_may_name_an_optimizer_or_change_the_one_there_is(tmp_path: Path) -> None:
    muon, rate = tmp_path / "muon.yaml", tmp_path / "rate.yaml"
    muon.write_text("optimizer: Muon\n")
    rate.write_text("optimizer: {learning_rate: 0.7}\n")
    assert config_of("-c", str(rate)).optimized_by == Muon(learning_rate=0.7)
    assert config_of("-c", str(muon), "-c", str(rate)).optimized_by == Muon(learning_rate=0.7)
    assert config_of("--optimizer.weight_decay=0.5", "-c", str(muon)).optimized_by == Muon()


def test_your_own_optimizer_by_its_dotted_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_optimizer.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    config = config_of("--optimizer", "my_optimizer.Plain", "--optimizer.clip_norm=2")
    assert type(config.optimized_by).__name__ == "Plain"
    assert (config.optimized_by.learning_rate, config.optimized_by.clip_norm) == (0.1, 2.0)


def test_every_value_of_the_optimizer_is_written_down() -> None:
    written = cli.resolved(["--optimizer=Muon"])["optimizer"]
    assert written["init_args"]["momentum"] == 0.95
    assert written["class_path"].endswith("Muon")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--optimizer=Adam"], "'Adam' is not an optimizer; did you mean AdamW? Known: AdamW, Muon, ScaledAdamW"),
        (["--optimizer=no.such.Class"], "'no.such.Class' is not an optimizer (No module named 'no')"),
        (["--optimizer=Muon", "--optimizer.lr=1"], "--optimizer has no option lr"),
        (["--optimizer.momentom=0.9"], "--optimizer has no option momentom; did you mean momentum?"),
        (["--optimizer=Muon", "--optimizer.learning_rate=fast"], "a number is expected, 'fast' was given"),
        (["--optimizer=Muon", "--optimizer.momentum=1"], "momentum is 1.0; it must be at least 0 and below 1"),
        (['--phases=[{"share": 2}]'], "share of a phase is 2.0; it must be above 0 and below 1"),
        (['--phases=[{"sahre": 0.2}]'], "--phases has no option sahre; did you mean share?"),
        (["--z_loss=-1"], "z_loss is -1.0; it must be at least 0"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], part: str) -> None:
    assert part in complaint(*arguments)
