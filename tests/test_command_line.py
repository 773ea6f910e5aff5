"""Help comes without torch, every mistake is one sentence, and a corruption always starts from its own defaults."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from corruptions import MaskedFragment, SpanCorruption, TextInfilling, TokenMasking
from data_prep.errors import BadInput
from denoise import cli
from denoise.command_line import BadUsage, parsed, value_of
from denoise.train.config import RunConfig

ROOT = Path(__file__).parent.parent


def config_of(*arguments: str) -> RunConfig:
    return value_of(RunConfig, parsed(cli.run_options(), arguments)[1])


def complaint(*arguments: str) -> str:
    with pytest.raises(BadInput) as error:
        config_of(*arguments)
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_help_needs_no_torch(command: str) -> None:
    program = (
        "import sys\n"
        "from denoise import cli\n"
        f"try: cli.run({[command, '--help'] if command else ['--help']})\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "denoise" in done.stdout


def test_a_corruption_by_name_with_its_options() -> None:
    config = config_of("--corruption", "TextInfilling", "--corruption.rate", "0.4")
    assert config.corrupted_by == TextInfilling(rate=0.4)


def test_no_corruption_is_t5s() -> None:
    assert config_of().corrupted_by == SpanCorruption()
    assert config_of("--corruption.rate=0.2").corrupted_by == SpanCorruption(rate=0.2)


def test_a_corruption_from_a_file() -> None:
    given = ("--corruption", str(ROOT / "configs/corruptions/mass.yaml"))
    assert config_of(*given).corrupted_by == MaskedFragment(rate=0.5)


def test_another_corruption_does_not_inherit_options(tmp_path: Path) -> None:
    spans = tmp_path / "spans.yaml"
    spans.write_text("corruption: {class_path: corruptions.SpanCorruption, init_args: {rate: 0.22}}\n")
    mass = tmp_path / "mass.yaml"
    mass.write_text("corruption: {class_path: corruptions.MaskedFragment}\n")
    assert config_of("-c", str(spans)).corrupted_by == SpanCorruption(rate=0.22)
    assert config_of("-c", str(spans), "--corruption.rate=0.3").corrupted_by == SpanCorruption(rate=0.3)
    for switch in (["--corruption", "MaskedFragment"], ["--corruption=MaskedFragment"], ["-c", str(mass)]):
        assert config_of("-c", str(spans), *switch).corrupted_by == MaskedFragment()
    assert config_of("-c", str(spans), "--corruption=TokenMasking").corrupted_by == TokenMasking()


def test_a_users_class_by_its_dotted_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_noise_of_test.py").write_text(
        "from dataclasses import dataclass\n"
        "from corruptions import Corruption, Example\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Nothing(Corruption):\n"
        "    strength: float = 0.5\n"
        "    def corrupt(self, window, draws, vocab):\n"
        "        return Example(window.tokens.copy(), window.tokens.copy())\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    config = config_of("--corruption=my_noise_of_test.Nothing", "--corruption.strength=0.7")
    assert type(config.corrupted_by).__name__ == "Nothing"
    assert config.corrupted_by.strength == 0.7  # type: ignore[attr-defined]


def test_what_a_run_is_can_be_written_down_and_read_again(tmp_path: Path) -> None:
    values = cli.resolved(["--corruption=TextInfilling", "--model.d_model=64"])
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(values))
    assert config_of("-c", str(path)) == config_of("--corruption=TextInfilling", "--model.d_model=64")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--modle.d_model=3"], ["no option --modle.d_model", "did you mean --model.d_model?"]),
        (["--seeed=3"], ["no option --seeed", "did you mean --seed?"]),
        (["--seed=x"], ["--seed", "a whole number is expected", "'x' was given"]),
        (["--ema=x"], ["--ema: a number is expected, 'x' was given"]),
        (["--devices=x"], ["--devices: a whole number, or auto is expected, 'x' was given"]),
        (["--tracking=on line"], ["--tracking: one of auto, offline, off, or true or false is expected"]),
        (["--model.d_model=1.5"], ["--model.d_model", "a whole number is expected", "'1.5' was given"]),
        (["--precision=fp16"], ["--precision", "one of auto, 32-true, bf16-mixed", "fp16"]),
        (
            ["--corruption=TextInfiling"],
            ["'TextInfiling' is not a corruption", "did you mean TextInfilling?"],
        ),
        (["--corruption=ul2"], ["'ul2' is a preset", "corruptions/ul2.yaml"]),
        (["--corruption=no.such.Noise"], ["'no.such.Noise' is not a corruption", "No module named 'no'"]),
        (["--corruption=json.Noise"], ["'json.Noise' is not a corruption", "has no attribute 'Noise'"]),
        (
            ["--corruption=TextInfilling", "--corruption.rat=0.3"],
            ["--corruption has no option rat", "did you mean rate?"],
        ),
        (
            ["--corruption=TextInfilling", "--corruption.rate=x"],
            ["rate", "a number is expected", "'x' was given"],
        ),
        (
            ["--corruption=Denoising", "--corruption.noise=Token"],
            ["'Token' is not a noise", "did you mean Tokens?", "Known: FairseqSpans, Fragment"],
        ),
        (
            ["--corruption=SpanCorruption", "--corruption.edges=t5"],
            ["edges", "one of FREE, T5, ROLL is expected", "'t5' was given"],
        ),
        (["--corruption.rate=1.5"], ["rate of SpanCorruption is 1.5", "above 0 and below 1"]),
        (["-c", "no.yaml"], ["there is no file", "no.yaml"]),
        (["--batch_size=0"], ["batch_size is 0; it must be at least 1"]),
        (["--model.dropout=2"], ["dropout is 2"]),
        (["--optimizer.learning_rate=-1"], ["learning_rate is -1"]),
        (["stray"], ["stray"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("-") else None,
)
def test_a_mistake_is_one_sentence(arguments: list[str], parts: list[str]) -> None:
    message = complaint(*arguments)
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("d_modle: 3\n", ["d_modle"]),
        ("model: {d_modle: 3}\n", ["d_modle", "did you mean d_model?"]),
        ("phases: 3\n", ["phases", "a list is expected"]),
        ("seed: many\n", ["seed", "a whole number is expected", "'many' was given"]),
        ("seed: [1\n", ["wrong.yaml"]),
        (
            "corruption: {class_path: corruptions.TextInfilling, init_args: {rat: 0.1}}\n",
            ["--corruption has no option rat", "did you mean rate?"],
        ),
    ],
)
def test_a_mistake_in_a_file_is_one_sentence(tmp_path: Path, content: str, parts: list[str]) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(content)
    message = complaint("-c", str(path))
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["trian"], ["no command trian", "did you mean train?"]),
        (["report", "nowhere"], ["nowhere"]),
        (["grid", "nowhere.yaml"], ["nowhere.yaml"]),
        (["train", "--data=nowhere", "--run=run"], ["nowhere", "denoise prepare"]),
        (["explore", "--presets=[t5_spam]"], ["t5_spam", "t5_span"]),
    ],
)
def test_the_program_ends_with_one_line_and_code_2(tmp_path: Path, arguments: list[str], parts: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "denoise.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr


def test_bad_usage_is_bad_input() -> None:
    assert issubclass(BadUsage, BadInput)


def test_an_off_without_quotes_in_yaml_is_off(tmp_path: Path) -> None:
    (tmp_path / "off.yaml").write_text("tracking: off\ncompile: off\n")
    config = config_of("-c", str(tmp_path / "off.yaml"))
    assert config.tracked == "off" and config.compile is False
    assert config_of("--tracking", "off").tracked == "off"
