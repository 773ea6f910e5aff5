"""A run sits the exam: what is written, what is left as it was, and what happens in between."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from data_prep.errors import BadInput
from denoise import cli
from denoise.stopping import Stopped
from denoise.transfer.exam import ExamConfig, is_taken, take
from denoise.transfer.exam.command import matrix, table
from denoise.transfer.exam.config import BadExam
from denoise.transfer.exam.papers import Exam, Paper, counted_papers, mean_bits, read_exam
from tests.denoise.small_runs import train
from tests.patching import before

QUIET = Console(quiet=True)
SMALL = ExamConfig(source_len=32, num_windows=6, adapt="unseen", adapt_tokens=3000, adapt_batch_size=4)
OPTIONS = ["--source_len=32", "--num_windows=6", "--adapt=unseen", "--adapt_tokens=3000", "--adapt_batch_size=4"]
Numbers = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def trained(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with averaged weights, whose seed is that of the evaluations' noise."""
    run = tmp_path_factory.mktemp("runs") / "t5"
    train(prepared, run, "--ema=0.9", "--seed=0")
    return run


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture(scope="module")
def taken(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = Path(shutil.copytree(trained, tmp_path_factory.mktemp("taken") / "run"))
    take(copy, SMALL, QUIET)
    return copy


def exam_of(run: Path) -> Exam:
    found = read_exam(run)
    assert found is not None
    return found


def numbers(run: Path) -> Numbers:
    return [dataclasses.astuple(paper) for paper in exam_of(run).papers]


def contents(run: Path) -> dict[str, str]:
    files = [path for path in sorted(run.rglob("*")) if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(run)): sha256(path.read_bytes()).hexdigest() for path in files}


def test_an_exam_has_a_paper_a_format_and_rate_and_another_where_the_format_was_not_seen(taken: Path) -> None:
    exam = exam_of(taken)
    expected = [(format, is_adapted) for format in SMALL.formats for is_adapted in (False, format != "sentinels")]
    expected = list(dict.fromkeys(expected))
    assert [(p.format, p.adapted, p.rate) for p in exam.papers] == [(*e, r) for e in expected for r in SMALL.rates]
    assert all(paper.seen is (paper.format == "sentinels") for paper in exam.papers)
    assert (exam.step, exam.settings) == (20, SMALL.settings())
    assert json.loads((taken / "exam.json").read_text())["papers"][0]["format"] == "sentinels"


def test_the_exam_leaves_the_run_as_it_was(trained: Path, taken: Path) -> None:
    after = contents(taken)
    assert after.pop("exam.json")
    assert after == contents(trained)


def test_an_adaptation_is_forgotten_before_the_next_format(taken: Path, run: Path) -> None:
    """Each format alone gives what it gives behind the others."""
    take(run, dataclasses.replace(SMALL, formats=("continuation",)), QUIET)
    assert numbers(run) == [each for each in numbers(taken) if each[0] == "continuation"]


def test_an_adaptation_moves_the_figures(taken: Path) -> None:
    bits = {(p.format, p.rate, p.adapted): p.bits_per_hidden_byte for p in exam_of(taken).papers}
    assert bits["one_mask", 0.5, True] != bits["one_mask", 0.5, False]


def test_the_averaged_weights_are_examined(taken: Path, run: Path) -> None:
    """As in the run's own evaluation: with the weights that training went on with, figures differ."""
    import torch

    path = sorted((run / "checkpoints").glob("*.ckpt"))[-1]
    content = torch.load(path, weights_only=True)
    name = next(name for name in content["current_model_state"] if name.endswith("head.weight"))
    assert not torch.equal(content["current_model_state"][name], content["state_dict"][name])
    content["state_dict"] = content["current_model_state"]
    torch.save(content, path)
    take(run, dataclasses.replace(SMALL, adapt="none"), QUIET)
    unadapted = [each for each in numbers(taken) if not each[2]]
    assert all(one[-2] != other[-2] for one, other in zip(numbers(run), unadapted, strict=True))


@pytest.mark.parametrize(("adapt", "num_papers"), [("none", 4), ("all", 8)])
def test_all_formats_or_none_are_adapted_on_demand(run: Path, adapt: Any, num_papers: int) -> None:
    take(run, dataclasses.replace(SMALL, adapt=adapt, formats=("sentinels", "fragment")), QUIET)
    assert len(numbers(run)) == num_papers


def test_an_exam_is_taken_once_and_anew_where_the_settings_or_the_weights_changed(taken: Path, run: Path) -> None:
    assert not is_taken(run, SMALL)
    shutil.copy(taken / "exam.json", run)
    assert is_taken(run, SMALL)
    assert not is_taken(run, dataclasses.replace(SMALL, rates=(0.15,)))
    written = (run / "exam.json").stat().st_mtime_ns
    take(run, SMALL, QUIET)
    assert (run / "exam.json").stat().st_mtime_ns == written
    done = json.loads((run / "done.json").read_text())
    (run / "done.json").write_text(json.dumps({**done, "finished_at": "later"}))
    assert not is_taken(run, SMALL)
    (run / "exam.json").write_text("{")
    assert not is_taken(run, SMALL)


def test_a_signal_stops_between_papers_and_the_next_call_goes_on(
    taken: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from denoise.transfer.exam.taking import Sitting

    asked: list[str] = []
    before(monkeypatch, Sitting, "examine", lambda _, format, **__: asked.append(format))
    before(monkeypatch, Sitting, "_adapt", lambda *_: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Stopped, match="6 papers done"):
        take(run, SMALL, QUIET)
    assert not (run / "exam.json").exists()
    assert asked == ["sentinels", "one_mask", "one_mask"]
    monkeypatch.undo()
    before(monkeypatch, Sitting, "examine", lambda _, format, **__: asked.append(format))
    take(run, SMALL, QUIET)
    assert asked[3:] == ["mask_each", "mask_each", "fragment", "fragment", "continuation", "continuation"]
    assert numbers(run) == numbers(taken)
    assert not (run / "exam.part.json").exists()


def test_what_was_done_under_other_settings_is_not_gone_on_with(taken: Path, run: Path) -> None:
    part = json.loads((taken / "exam.json").read_text())
    wrong = {**part, "papers": [{**part["papers"][0], "bits_per_hidden_byte": 0.0}]}
    wrong["settings"] = {**part["settings"], "num_windows": 7}
    (run / "exam.part.json").write_text(json.dumps(wrong))
    one = dataclasses.replace(SMALL, formats=("sentinels",))
    take(run, one, QUIET)
    assert numbers(run) == numbers(taken)[:2]


def test_a_run_that_is_not_finished_is_one_sentence(run: Path) -> None:
    (run / "done.json").unlink()
    with pytest.raises(BadExam, match="is not finished"):
        take(run, SMALL, QUIET)
    with pytest.raises(BadExam, match="holds no run"):
        take(run / "checkpoints", SMALL, QUIET)


def test_older_weights_are_not_taken_for_the_last_ones(run: Path) -> None:
    sorted((run / "checkpoints").glob("*.ckpt"))[-1].unlink()
    with pytest.raises(BadExam, match=r"trained to step 20, and its last checkpoint that can be read is of step \d+"):
        take(run, SMALL, QUIET)
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(BadInput, match="has no checkpoint"):
        take(run, SMALL, QUIET)


def test_what_does_not_fit_is_told_before_anything_is_examined(run: Path) -> None:
    with pytest.raises(BadExam, match=r"sentinels cannot be examined at a rate of 0\.9"):
        take(run, dataclasses.replace(SMALL, rates=(0.15, 0.9)), QUIET)
    with pytest.raises(BadInput, match="larger num_sentinels"):
        take(run, dataclasses.replace(SMALL, source_len=400, rates=(0.5,), mean_span_length=1.5), QUIET)
    with pytest.raises(BadInput, match="fewer than one window"):
        take(run, dataclasses.replace(SMALL, source_len=20_000, rates=(0.01,), mean_span_length=200), QUIET)
    with pytest.raises(BadExam, match="too few for one batch"):
        take(run, dataclasses.replace(SMALL, adapt_tokens=100), QUIET)
    assert not (run / "exam.part.json").exists()


def test_modes_and_documents_are_those_of_the_run(prepared: Path, tmp_path: Path) -> None:
    spans = {"class_path": "corruptions.SpanCorruption"}
    behind = {"class_path": "corruptions.Prefixed", "init_args": {"mode": "[R]", "corruption": spans}}
    run = tmp_path / "run"
    train(prepared, run, f"--corruption={json.dumps(behind)}", "--documents=apart", "--model.positions=t5_bias")
    take(run, dataclasses.replace(SMALL, adapt="all", rates=(0.5,)), QUIET)
    papers = exam_of(run).papers
    assert {p.format: p.mode for p in papers} == {**dict.fromkeys(SMALL.formats), "sentinels": "[R]"}
    assert {p.format for p in papers if p.documents == "joined"} == {"continuation"}
    hidden = {(p.num_hidden_tokens, p.num_spans) for p in papers if p.format in ("sentinels", "one_mask", "mask_each")}
    assert len(hidden) == 1  # a mode takes none of the text away


@pytest.fixture
def in_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "120")
    return


@pytest.mark.usefixtures("in_terminal")
def test_the_command_prints_every_paper(taken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["exam", str(taken), *OPTIONS])
    said = capsys.readouterr().out
    assert "has taken this exam" in said
    for paper in exam_of(taken).papers:
        assert f"{paper.bits_per_hidden_byte:.3f}" in said
        assert paper.format + (" " if paper.seen else " °") in said
    cli.run(["exam", str(taken.parent), *OPTIONS])  # a grid's folder
    assert f"{exam_of(taken).bits_per_hidden_byte:.3f}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [([], "no run was named"), (["."], "holds no finished run"), ([".", "--rates=[2]"], "above 0 and below 1")],
)
def test_a_command_without_a_run_or_a_sensible_exam_is_one_sentence(
    arguments: list[str], part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=part):
        cli.run(["exam", *arguments])


def test_what_the_source_saves_is_asked_of_the_papers_that_count(taken: Path) -> None:
    exam = exam_of(taken)
    counted = counted_papers(exam.papers)
    assert [paper.bits_saved_by_source is not None for paper in exam.papers] == [p in counted for p in exam.papers]
    saved = [paper.bits_saved_by_source for paper in counted]
    assert exam.bits_saved_by_source == pytest.approx(sum(filter(None, saved)) / len(counted))
    unasked = tuple(paper for paper in exam.papers if paper not in counted)
    assert unasked and dataclasses.replace(exam, papers=unasked).bits_saved_by_source is None


def test_exams_that_cannot_be_compared_are_said_to_be(taken: Path) -> None:
    exam = exam_of(taken)
    other = dataclasses.replace(exam, settings={**exam.settings, "num_windows": 3})
    assert "cannot be compared" in str(table([(taken, exam), (taken, other)]).caption)
    assert "cannot be compared" not in str(table([(taken, exam), (taken, exam)]).caption)
    few = dataclasses.replace(exam, papers=exam.papers[:2])
    assert matrix([(taken, exam), (taken, few)]).columns[2]._cells[1] == ""


def paper(format: Any, rate: float, bits: float, *, adapted: bool = False) -> Paper:
    counts = {"num_windows": 1, "num_hidden_tokens": 1, "num_hidden_bytes": 1, "num_spans": 1}
    about = {"seen": not adapted, "mode": None, "documents": "joined", "exact_spans": 0.0, "bits_saved_by_source": None}
    return Paper(format=format, rate=rate, adapted=adapted, bits_per_hidden_byte=bits, **counts, **about)  # type: ignore[arg-type]


def test_the_score_takes_the_adapted_paper_where_there_is_one() -> None:
    papers = [paper("sentinels", 0.15, 2.0), paper("one_mask", 0.15, 9.0), paper("one_mask", 0.15, 3.0, adapted=True)]
    assert mean_bits(papers) == 2.5
    assert counted_papers(papers) == [papers[0], papers[2]]


def test_a_field_of_a_later_version_does_not_hinder(taken: Path, run: Path) -> None:
    content = json.loads((taken / "exam.json").read_text())
    content["papers"][0]["new"] = content["new"] = 1
    (run / "exam.json").write_text(json.dumps(content))
    assert exam_of(run) == exam_of(taken)
    (run / "exam.json").write_text('{"papers": 3}')
    with pytest.raises(BadExam, match="is no exam of this version"):
        read_exam(run)
