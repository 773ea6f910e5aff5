"""denoise finetune: what it asks for, what it shows, how it stops, and where results go."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from data_prep.errors import BadInput
from data_prep.files import InUse, only_one
from denoise import cli
from denoise.hub.export import export
from denoise.stopping import INTERRUPTED, REQUEUE, Stopped
from denoise.study.intervals import interval
from denoise.transfer.finetune import watching
from denoise.transfer.finetune.learning import Learning
from denoise.transfer.finetune.results import all_finetuned, read_baselines
from denoise.transfer.tasks import registry
from tests.denoise.exports import t5_of_transformers, write_run
from tests.patching import before
from tests.transfer.finetune.small_tasks import Boats

SMALL = ["--num_steps=3", "--batch_size=4", "--num_evaluations=1", "--source_len=100"]


@pytest.fixture(autouse=True)
def in_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "80")
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, found)


def finetune(task_data: Path, *arguments: str | Path) -> None:
    cli.run(["finetune", *SMALL, *map(str, arguments), f"--task_data={task_data}"])


def results(run: Path) -> list[str]:
    return [f"{f.task} {'scratch' if f.from_scratch else 'tuned'} {f.seed}" for f in all_finetuned(run)]


def test_tasks_and_seeds_become_files_and_a_table(
    run: Path, task_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finetune(task_data, run, "--task=boats, ends", "--seeds=[1,2]")
    finetune(task_data, run, "--task=boats,ends", "--seeds=[1,2]", "--from-scratch")
    starts = ["scratch 1", "scratch 2", "tuned 1", "tuned 2"]
    assert results(run) == [f"{task} {start}" for task in ("boats", "ends") for start in starts]
    shown = capsys.readouterr().out.split(f"{run}\n")[-1]
    assert max(map(len, shown.split("2 seeds: 1, 2.")[0].splitlines())) <= 80
    found = {(each.task, each.from_scratch, each.seed): each.score for each in all_finetuned(run)}
    differences = [found["boats", False, seed] - found["boats", True, seed] for seed in (1, 2)]
    low, high = interval(differences) or (0, 0)
    assert f"{sum(differences) / 2:+.3f}" in shown and f"{low:+.3f} to {high:+.3f}" in shown
    baselines = read_baselines(run, "boats")
    assert baselines is not None and list(baselines.scores) == ["majority", "bag_of_words"]
    majority, bag = (scores["accuracy"] for scores in baselines.scores.values())
    assert 0.5 < majority < bag <= 1  # every word of a question with a boat tells it
    row = next(line for line in shown.splitlines() if line.strip().startswith("Boats")).split()
    assert row[1:4] == [
        f"{majority:.3f}",
        *(f"{(found['boats', s, 1] + found['boats', s, 2]) / 2:.3f}" for s in (True, False)),
    ]
    assert "lead 0.000" in shown and "lead: the first sentences of the passage." in shown
    assert "100.0% out" in shown and "GLUE average, fine-tuned: " in shown and "without cola, sst2" in shown


def test_one_seed_is_said_to_be_one_and_what_was_cut_is_told(
    run: Path, task_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finetune(task_data, run, "--task=ends", "--seeds=[4]", "--target_len=2")
    shown = capsys.readouterr().out
    assert "One seed: 4." in shown and "one seed" in shown and "±" not in shown
    assert "ends: too long and cut: 12 targets of train, 10 right answers." in shown


def test_what_is_there_is_not_learnt_again_until_the_weights_the_budget_or_the_questions_change(
    run: Path, task_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt: list[int] = []
    before(monkeypatch, Learning, "learn", lambda learning: learnt.append(learning.seed))
    given = (task_data, run, "--task=boats")
    finetune(*given, "--seeds=[1]")
    finetune(*given, "--seeds=[1,2]")
    assert learnt == [1, 2]
    assert "has learnt boats, fine-tuned, with seed 1" in capsys.readouterr().out
    finetune(*given, "--seeds=[1]", "--batch_size=5")
    monkeypatch.setitem(registry.TASKS, "boats", Boats(num_dev=9))
    finetune(*given, "--seeds=[1]", "--batch_size=5")
    done = json.loads((run / "done.json").read_text())
    (run / "done.json").write_text(json.dumps({**done, "finished_at": "later"}))
    assert results(run) == []
    finetune(*given, "--seeds=[1]", "--batch_size=5")
    assert learnt == [1, 2, 1, 1, 1]
    (run / "transfer/boats/seed1.json").write_text("{")
    finetune(*given, "--seeds=[1]", "--batch_size=5")
    assert learnt[5:] == [1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, REQUEUE), (signal.SIGINT, INTERRUPTED)])
def test_a_signal_stops_at_the_next_step_and_the_same_command_does_the_rest(
    run: Path, task_data: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    steps: list[int] = []

    def act(_: Any, step: int, *__: Any) -> None:
        steps.append(step)
        if len(steps) == 5:  # the second of the second seed
            signal.raise_signal(number)

    before(monkeypatch, watching.Watch, "after_step", act)
    given = (task_data, run, "--task=boats", "--seeds=[1,2,3]")
    with pytest.raises(
        Stopped, match="boats seed 2, which begins anew; what was finished before it is kept"
    ) as stopped:
        finetune(*given)
    assert stopped.value.exit_code == code
    assert steps == [1, 2, 3, 1, 2]
    assert results(run) == ["boats tuned 1"]
    finetune(*given)
    assert steps[5:] == [1, 2, 3] * 2
    assert len(results(run)) == 3


def test_a_run_that_is_in_work_is_left_alone(run: Path, task_data: Path) -> None:
    with only_one(run), pytest.raises(InUse, match="in use by another denoise process"):
        finetune(task_data, run, "--task=boats")


def test_every_finished_run_of_a_grid_is_taken(trained: Path, tmp_path: Path, task_data: Path) -> None:
    runs = [Path(shutil.copytree(trained, tmp_path / "grid" / name)) for name in ("a", "b", "c")]
    (runs[2] / "done.json").unlink()
    finetune(task_data, tmp_path / "grid", "--task=boats", "--seeds=[1]")
    assert [results(run) for run in runs] == [["boats tuned 1"], ["boats tuned 1"], []]


def test_a_checkpoint_of_transformers_learns_into_a_folder_of_its_own(
    prepared: Path, tmp_path: Path, task_data: Path
) -> None:
    checkpoint, out = tmp_path / "t5", tmp_path / "learnt"
    t5_of_transformers(checkpoint, "gated untied", vocab_size=416)
    shutil.copy(prepared / "tokenizer" / "spm.model", checkpoint / "spiece.model")
    (checkpoint / "tokenizer_config.json").write_text('{"extra_ids": 10}')
    before_it = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    for start in ("--from-scratch", "--from_scratch=false"):
        finetune(task_data, checkpoint, f"--out={out}", "--task=boats", "--seeds=[1]", start)
    assert results(out) == ["boats scratch 1", "boats tuned 1"]
    scratch, tuned = all_finetuned(out)
    assert scratch.scored_curve != tuned.scored_curve
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before_it
    with pytest.raises(BadInput, match="is a checkpoint folder, beside which nothing is written; name a folder: --out"):
        finetune(task_data, checkpoint, "--task=boats")
    t5_of_transformers(checkpoint, "plain tied", vocab_size=416)
    with pytest.raises(BadInput, match="has the results of other weights"):
        finetune(task_data, checkpoint, f"--out={out}", "--task=boats")


def test_an_export_learns_what_its_run_learns(
    prepared: Path, trained: Path, run: Path, tmp_path: Path, task_data: Path
) -> None:
    export(trained, tmp_path / "export")
    finetune(task_data, run, "--task=lengths", "--seeds=[1]")
    finetune(task_data, tmp_path / "export", f"--out={tmp_path / 'out'}", "--task=lengths", "--seeds=[1]")
    (of_run,), (of_export,) = all_finetuned(run), all_finetuned(tmp_path / "out")
    assert (of_run.scores, of_run.train_curve) == (of_export.scores, of_export.train_curve)
    assert of_run.step == of_export.step == 20


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["RUN"], r"name a task: --task sst2; there are .*boats"),
        (["--task=boats"], "name a run: denoise finetune RUN --task sst2"),
        (["RUN", "--task=boots"], "there is no task boots"),
        (["RUN", "--task=boats,ends,boats"], "tasks are boats, ends, boats; name each once"),
        (["RUN", "--task=boats,again"], "tasks are boats, again, of which two have one name"),
        (["RUN", "--task=boats", "--seeds=[]"], r"seeds are \[\]; give different numbers from 0 on"),
        (["RUN", "--task=boats", "--seeds=[1,1]"], r"seeds are \[1, 1\]"),
        (["RUN", "--task=boats", "--seeds=[-1]"], r"seeds are \[-1\]"),
        (["RUN", "--task=boats", "--task_data=nowhere"], "name the folder of the tasks with --task_data"),
        (["RUN", "--task=boats", "--num_steps=0"], "num_steps is 0; it must be at least 1"),
        (["RUN", "--task=boats", "--num_curve_questions=0"], "num_curve_questions is 0"),
        (["RUN", "--task=boats", "--out=there"], "is a run, which keeps its results itself; leave out --out"),
        (["RUN", "RUN", "--task=boats", "--out=there"], "--out is for one checkpoint folder at a time"),
        (["UNFINISHED", "--task=boats"], "is not finished: it has no done.json"),
        (["nowhere", "--task=boats"], "nowhere is neither a run .* nor a checkpoint folder"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_before_anything_is_computed(
    run: Path, task_data: Path, tmp_path: Path, arguments: list[str], part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.TASKS, "again", Boats())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unfinished").mkdir()
    shutil.copy(run / "config.yaml", tmp_path / "unfinished")
    named = {"RUN": str(run), "UNFINISHED": str(tmp_path / "unfinished")}
    with pytest.raises(BadInput, match=part) as error:
        cli.run(["finetune", f"--task_data={task_data}", *(named.get(each, each) for each in arguments)])
    assert "\n" not in str(error.value)
    assert not (run / "transfer").exists()


def test_older_weights_are_not_taken_for_the_last_ones(run: Path, task_data: Path) -> None:
    sorted((run / "checkpoints").glob("*.ckpt"))[-1].unlink()
    with pytest.raises(BadInput, match=r"trained to step 20, and its last checkpoint that can be read is of step \d+"):
        finetune(task_data, run, "--task=boats")


def test_scores_come_to_the_dashboards_of_the_run_behind_the_exam(
    run: Path, task_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump({**config, "tracking": "auto", "trackers": "csv"}))
    (run / "exam.json").write_text('{"papers": [], "bits_per_hidden_byte": 2.5}')
    finetune(task_data, run, "--task=boats", "--seeds=[1]")
    finetune(task_data, run, "--task=boats", "--seeds=[1,2]")
    finetune(task_data, run, "--task=boats", "--seeds=[1]", "--from-scratch")
    stale = json.loads((run / "transfer/boats/seed1.json").read_text())
    (run / "transfer/boats/seed9.json").write_text(json.dumps({**stale, "seed": 9, "trained_at": "eve", "score": 9.0}))
    finetune(task_data, run, "--task=boats", "--seeds=[2]", "--from-scratch")
    (run / "transfer/boats/seed9.json").unlink()
    lines = list(csv.DictReader((run / "metrics.csv").open()))
    of = {(each.from_scratch, each.seed): each.score for each in all_finetuned(run)}
    last = lines[-1]
    assert [lines[-2]["step"], last["step"]] == ["20", "25"]  # the exam and four results, each a step on
    assert float(last["transfer/boats/score"]) == pytest.approx((of[False, 1] + of[False, 2]) / 2)
    assert float(last["transfer/boats/scratch/score"]) == pytest.approx((of[True, 1] + of[True, 2]) / 2)
    assert float(last["transfer/boats/matthews"]) >= -1
    assert float(last["exam/bits_per_hidden_byte"]) == 2.5
    assert "transfer/boats/score" not in {name for line in lines[:-1] for name in line if line[name]}


def test_nothing_is_shown_of_steps_but_on_a_terminal(
    run: Path, task_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    finetune(task_data, run, "--task=boats", "--seeds=[1]")
    assert "3/3" not in capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    finetune(task_data, run, "--task=boats", "--seeds=[2]")
    shown = capsys.readouterr().out
    assert "boats seed 2" in shown and "3/3 steps" in shown and "left" in shown


def test_a_device_that_is_not_there_is_one_sentence(run: Path, task_data: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one here")
    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump({**config, "device": "cuda"}))
    with pytest.raises(BadInput, match="cuda"):
        finetune(task_data, run, "--task=boats")


def test_real_data_where_it_is(prepared: Path, tmp_path: Path) -> None:
    folder = Path(os.environ.get("DENOISE_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))
    if not (folder / "glue" / "CoLA").is_dir():
        pytest.skip("no real data here; DENOISE_DATA names its folder")
    run = tmp_path / "run"
    write_run(run, prepared)
    (run / "done.json").write_text('{"step": 60, "finished_at": "then"}')
    finetune(folder, run, "--task=cola", "--seeds=[1]", "--num_train=8", "--num_scored=50")
    (found,) = all_finetuned(run)
    assert (found.measures[0], found.num_train, found.num_scored, found.num_answers) == ("matthews", 8, 50, 50)
