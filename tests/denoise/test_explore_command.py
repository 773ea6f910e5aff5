"""The command `denoise explore`: its texts, its names, its options, and what it says when one is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from corruptions import SpanCorruption
from data_prep.errors import BadInput
from denoise import cli
from denoise.explore.config import BadObjective, ExploreConfig, objective, objectives, presets
from denoise.explore.subject import subject_of
from tests.denoise.test_explore import CHINESE

ROOT = Path(__file__).parent.parent.parent
PLUG_INS = "tests.denoise.plug_ins"


@pytest.mark.parametrize(
    ("text", "part"),
    [("", "no text"), (" \n\t", "no text"), ("a \udcff b", "not UTF-8 at character 2")],
)
def test_a_text_that_is_none_is_refused(text: str, part: str) -> None:
    with pytest.raises(BadInput, match=part):
        subject_of(text, None, 128)


def test_a_file_is_read_and_one_that_is_no_text_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text("seven words that were in a file")
    cli.run(["explore", "--presets=t5_span", f"--file={tmp_path / 'text.txt'}"])
    assert "seven words" in capsys.readouterr().out
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    with pytest.raises(BadInput, match=r"picture\.png is not UTF-8 at byte 0"):
        cli.run(["explore", f"--file={tmp_path / 'picture.png'}"])
    with pytest.raises(BadInput, match="is a folder; name a file for the page"):
        cli.run(["explore", "--presets=t5_span", f"--html={tmp_path}"])
    with pytest.raises(BadInput, match="give one of them"):
        cli.run(["explore", "a text", f"--file={tmp_path / 'text.txt'}"])


def test_a_long_text_is_cut_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["explore", "word and word " * 8000, "--presets=t5_span", "--shown_len=40"])
    output = capsys.readouterr().out
    assert "the first 40 of 24,000 words; --shown_len shows more" in output
    assert len(output) < 3000


def test_control_characters_are_drawn_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["explore", "a \x1b[31mred b\x00c \u202eturned", "--presets=mass"])
    output = capsys.readouterr().out
    assert "␛[31mred" in output
    assert not set("\x1b\x00\u202e") & set(output)


def test_pieces_of_a_prepared_vocabulary(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["explore", "The committee considered the treaty.", f"--data={prepared}", "--compare=t5_span,mass"])
    assert "\u2581c" in capsys.readouterr().out


def test_presets_classes_paths_and_files_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "half.yaml"
    file.write_text("class_path: corruptions.SpanCorruption\ninit_args: {rate: 0.5}\n")
    named = objectives(
        ExploreConfig(presets=("mass", "TextInfilling"), compare=f"t5_span, {file},corruptions.SentenceOrder")
    )
    assert [one.name for one in named] == ["mass", "TextInfilling", "t5_span", "half", "SentenceOrder"]
    assert named[3].corruption == SpanCorruption(rate=0.5)
    assert [one.name for one in objectives(ExploreConfig())] == presets()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("t5_spam", ["no objective t5_spam", "did you mean t5_span?", "bart_infill"]),
        ("TextInfiling", ["no objective TextInfiling", "did you mean TextInfilling?"]),
        ("none.yaml", ["no file none.yaml"]),
        ("json.Noise", ["json.Noise", "has no attribute"]),
    ],
)
def test_a_wrong_name_is_one_sentence_with_the_nearest(name: str, parts: list[str]) -> None:
    with pytest.raises(BadInput) as error:
        objective(name)
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)
    assert isinstance(error.value, BadObjective) or "." in name


@pytest.mark.parametrize(
    "option", ["seed=-1", "step=-1", "shown_len=0", "shown_len=9999", "window_len=0", "num_windows=0"]
)
def test_a_value_out_of_range_is_refused(option: str) -> None:
    name, _, value = option.partition("=")
    with pytest.raises(BadInput, match=f"{name} is {value}; it must be"):
        cli.run(["explore", f"--{option}"])


def test_one_objective_that_fails_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    broken = f"{PLUG_INS}.Broken"
    cli.run(["explore", f"--compare=t5_span,{broken}", "--stats", "--num_windows=2", f"--html={tmp_path / 'a.html'}"])
    output = capsys.readouterr().out
    assert "Broken raised ZeroDivisionError" in " ".join(output.split())
    assert "t5_span" in output
    assert "Broken raised" in (tmp_path / "a.html").read_text()
    with pytest.raises(BadInput, match="Broken raised"):
        cli.run(["explore", f"--compare={broken}"])


def test_no_option_at_all_shows_every_preset(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["explore"])
    output = capsys.readouterr().out
    assert [line.split()[0] for line in output.splitlines() if re.match(r"\w+  \d+ encoder \+ ", line)] == presets()
    assert "reads the text as it is" not in output


def test_statistics_are_told_and_stats_takes_no_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    cli.run(
        ["explore", f"--presets=t5_span,{PLUG_INS}.Reversed", "--stats", "a text of a few words", "--num_windows=4"]
    )
    output = " ".join(capsys.readouterr().out.split())
    assert "a text of a few" in output
    assert "measured on 4 made windows of 568 tokens" in output
    assert "hidden 0.1496 of the tokens, 0.15 asked; 85 tokens a window" in output
    assert "spans 28 a window, 3.04 tokens each on average" in output
    assert "source 512 tokens in all windows; 512 promised" in output
    assert "kept in all windows, no padding" in output
    assert "cost 1.1 encoder + decoder tokens a token of text" in output
    speeds = re.findall(r"speed [\d,]+ windows/s, [\d.,]+ M tokens/s a core, ((?:not )?compiled)", output)
    assert speeds == ["compiled", "not compiled"]


def test_statistics_of_a_prepared_corpus(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [f"--data={prepared}", "--stats", "--num_windows=4"]
    cli.run(["explore", "--presets=bart_infill", *arguments, "--window_len=100"])
    assert "measured on 4 windows of 100 tokens of" in capsys.readouterr().out
    with pytest.raises(BadInput, match="fewer than one window of 1,000,000"):
        cli.run(["explore", *arguments, "--window_len=1000000"])


def test_exploring_needs_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from denoise import cli\n"
        "cli.run(['explore', '--compare=t5_span,mass', '--stats', '--num_windows=2', '--html=a.html', '--svg=a.svg'])\n"
        "heavy = {'torch', 'lightning', 'altair', 'pandas', 'datasets', 'transformers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_terminal_of_few_characters_is_no_reason_to_fail(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "denoise.cli", "explore", CHINESE, "--presets=t5_span", "--stats", "--num_windows=2"],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONIOENCODING": "ascii", "PATH": "", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
