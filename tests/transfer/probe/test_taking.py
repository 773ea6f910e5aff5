"""A run is probed from its initial weights to its last: what is written, what is left as it was, what goes on."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from data_prep.errors import BadInput
from denoise import cli
from denoise.hub.trained import read_weights
from denoise.stopping import Stopped
from denoise.train.checkpoint_files import steps_in
from denoise.transfer.finetune.config import FinetuneConfig
from denoise.transfer.probe.checkpoints import Checkpoints, digest_of
from denoise.transfer.probe.command import table
from denoise.transfer.probe.config import BadProbe, ProbeConfig
from denoise.transfer.probe.results import LayerScore, Probing, Stage, read_probe
from denoise.transfer.probe.taking import Places, Session, take
from denoise.transfer.training import on
from tests.denoise.small_runs import train
from tests.patching import before
from tests.transfer.probe.made_data import write_tasks

QUIET = Console(quiet=True)
FEW = {"num_train_words": 200, "num_scored_words": 60, "num_train_texts": 30, "num_iterations": 8}
SMALL = ProbeConfig(**FEW)  # type: ignore[arg-type]
OPTIONS = [f"--{name}={value}" for name, value in FEW.items()]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return Places(task_data=write_tasks(tmp_path_factory.mktemp("tasks")))


@pytest.fixture(scope="module")
def trained(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "t5"
    train(prepared, run, "--keep_steps=powers_of_two", "--seed=5")
    return run


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture(scope="module")
def probed(trained: Path, places: Places, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = Path(shutil.copytree(trained, tmp_path_factory.mktemp("probed") / "run"))
    take(copy, SMALL, QUIET, places)
    return copy


def probing_of(run: Path) -> Probing:
    found = read_probe(run)
    assert found is not None
    return found


def figures(run: Path) -> list[Any]:
    """All stages without what they cost."""
    return [dataclasses.replace(stage, cost={}) for stage in probing_of(run).stages]


def contents(run: Path) -> dict[str, str]:
    files = [path for path in sorted(run.rglob("*")) if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(run)): sha256(path.read_bytes()).hexdigest() for path in files}


def test_every_checkpoint_has_a_score_a_label_set_and_layer(trained: Path, probed: Path) -> None:
    found = probing_of(probed)
    assert [stage.step for stage in found.stages] == [0, *steps_in(trained / "checkpoints")]
    assert {1, 2, 4, 8, 16, 20} <= {stage.step for stage in found.stages}
    assert found.layers == ("embedding", "layer 1", "final norm")
    every = [(asked.name, layer) for asked in found.label_sets[:2] for layer in range(3)]
    for stage in found.stages:
        assert {(score.labels, score.layer) for score in stage.scores} == {*every, *(("sst2", n) for n in range(3))}
        assert all(0 <= score.accuracy <= 1 and 0 <= score.control_accuracy <= 1 for score in stage.scores)
    assert [asked.split for asked in found.label_sets] == ["dev", "dev", "dev"]
    assert found.label_sets[0].num_train >= 200 and found.label_sets[0].classes[0] == "NOUN"


def test_what_can_be_told_of_a_word_is_found_in_its_vectors(probed: Path) -> None:
    """The made tags follow from the word alone, so an untrained embedding tells them; the control is worse."""
    first = probing_of(probed).stages[0]
    assert first.best("pos").accuracy > 0.9
    assert first.best("pos").selectivity > 0.1


def test_probes_leave_the_run_as_it_was(trained: Path, probed: Path) -> None:
    after = contents(probed)
    assert after.pop("probe.json")
    assert after == contents(trained)


def test_step_0_has_the_weights_that_the_run_began_with(trained: Path, prepared: Path) -> None:
    """The first loss of the log is that of the untrained model on the first batch of the run."""
    checkpoints = Checkpoints.of(trained, prepared)
    model = checkpoints.trained.model
    model.load_state_dict(checkpoints.weights(0))
    batch = on(torch.device("cpu"), checkpoints.data.batches()[0])
    with torch.no_grad():
        loss = float(model(batch.for_model()).nats_per_token)
    first = json.loads((trained / "metrics.jsonl").read_text().splitlines()[0])
    assert first["step"] == 1 and loss == pytest.approx(first["loss"], abs=1e-6)
    model.load_state_dict(checkpoints.weights(1))
    with torch.no_grad():
        assert float(model(batch.for_model()).nats_per_token) != pytest.approx(first["loss"], abs=1e-6)


def test_every_stage_is_of_its_own_weights(trained: Path, probed: Path) -> None:
    stages = {stage.step: stage for stage in probing_of(probed).stages}
    for step, path in steps_in(trained / "checkpoints").items():
        assert stages[step].weights == digest_of(read_weights(path)[1])
    assert len({stage.weights for stage in stages.values()}) == len(stages)


def test_loss_tokens_and_flops_are_those_of_the_run(trained: Path, probed: Path) -> None:
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    stages = {stage.step: stage for stage in probing_of(probed).stages}
    held_out = {line["step"]: line for line in lines if line["kind"] == "held_out"}
    assert 20 in held_out
    for step in held_out.keys() & stages.keys():
        assert stages[step].loss == pytest.approx(held_out[step]["loss"], rel=1e-6)
        assert stages[step].noise_bits_per_byte == pytest.approx(held_out[step]["noise_bits_per_byte"], rel=1e-6)
    tokens = {line["step"]: line["tokens"] for line in lines}
    assert all(stages[step].tokens == tokens[step] for step in stages.keys() & tokens.keys())
    assert stages[0].tokens == 0
    shares = [stage.flops_share for stage in stages.values()]
    assert shares[0] == 0 and shares[-1] == pytest.approx(1) and shares == sorted(shares)
    assert stages[8].flops_share == pytest.approx(8 / 20)


def test_a_run_is_probed_once_and_anew_where_settings_texts_or_weights_changed(
    probed: Path, run: Path, places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(probed / "probe.json", run)
    asked: list[int] = []
    before(monkeypatch, Session, "_stage", lambda _, step, *__: asked.append(step))
    take(run, SMALL, QUIET, places)
    assert asked == [] and (run / "probe.json").read_bytes() == (probed / "probe.json").read_bytes()
    take(run, dataclasses.replace(SMALL, seed=1, labels="pos"), QUIET, places)
    assert asked == [stage.step for stage in probing_of(probed).stages]
    asked.clear()
    shutil.copy(probed / "probe.json", run)
    fewer = write_tasks(tmp_path / "tasks")
    (fewer / "glue/SST-2/dev.tsv").write_text("sentence\tlabel\nYes.\t1\nNo.\t0\n")
    take(run, SMALL, QUIET, Places(task_data=fewer))
    assert len(asked) == len(probing_of(run).stages)
    asked.clear()
    shutil.copy(probed / "probe.json", run)
    path = steps_in(run / "checkpoints")[4]
    content = torch.load(path, weights_only=True)
    content["state_dict"]["model.encoder.norm.weight"] *= 2
    torch.save(content, path)
    (run / "done.json").write_text(json.dumps({**json.loads((run / "done.json").read_text()), "finished_at": "later"}))
    take(run, SMALL, QUIET, places)
    assert asked == [4]  # all others have the weights that they had
    (run / "probe.json").write_text("{")
    asked.clear()
    take(run, SMALL, QUIET, places)
    assert len(asked) == len(probing_of(run).stages)


def test_a_signal_stops_between_checkpoints_and_the_next_call_goes_on(
    probed: Path, run: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    before(monkeypatch, Session, "_stage", lambda _, step, *__: asked.append(step))
    before(
        monkeypatch,
        Checkpoints,
        "held_out",
        lambda *_: signal.raise_signal(signal.SIGTERM) if asked == [0, 1, 2] else None,
    )
    with pytest.raises(Stopped, match="3 checkpoints done"):
        take(run, SMALL, QUIET, places)
    assert not (run / "probe.json").exists() and asked == [0, 1, 2]
    take(run, SMALL, QUIET, places)
    assert asked == [stage.step for stage in probing_of(probed).stages]
    assert figures(run) == figures(probed)
    assert not (run / "probe.part.json").exists()


def test_a_run_that_is_not_finished_is_probed_on_demand_as_far_as_it_is(
    run: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = (run / "done.json").read_text()
    (run / "done.json").unlink()
    with pytest.raises(BadProbe, match="--unfinished"):
        take(run, SMALL, QUIET, places)
    last = steps_in(run / "checkpoints")[20]
    hidden = last.rename(last.with_suffix(".later"))
    take(run, dataclasses.replace(SMALL, labels="pos"), QUIET, places, unfinished=True)
    found = probing_of(run)
    assert (found.step, found.trained_at, found.stages[-1].step) == (16, None, 16)
    hidden.rename(last)
    (run / "done.json").write_text(done)
    asked: list[int] = []
    before(monkeypatch, Session, "_stage", lambda _, step, *__: asked.append(step))
    take(run, dataclasses.replace(SMALL, labels="pos"), QUIET, places)
    assert asked == [20] and probing_of(run).step == 20


def test_a_checkpoint_that_training_takes_away_meanwhile_is_passed_over(
    run: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "done.json").unlink()
    gone = steps_in(run / "checkpoints")[8]
    before(monkeypatch, Session, "_stage", lambda *_: gone.unlink(missing_ok=True))
    take(run, dataclasses.replace(SMALL, labels="pos"), QUIET, places, unfinished=True)
    found = probing_of(run)
    assert 8 not in [stage.step for stage in found.stages] and "there no more" in found.passed_over["8"]


def test_a_damaged_checkpoint_is_passed_over_and_told_and_the_last_is_demanded(run: Path, places: Places) -> None:
    files = steps_in(run / "checkpoints")
    files[2].write_bytes(files[2].read_bytes()[:1000])
    take(run, dataclasses.replace(SMALL, labels="pos"), QUIET, places)
    found = probing_of(run)
    assert 2 not in [stage.step for stage in found.stages] and "is damaged" in found.passed_over["2"]
    assert "step 2 is damaged" in str(table("run", found).caption)
    files[20].unlink()
    with pytest.raises(BadProbe, match="trained to step 20, and that checkpoint is not there"):
        take(run, SMALL, QUIET, places)
    with pytest.raises(BadProbe, match="holds no run"):
        take(run / "checkpoints", SMALL, QUIET, places)


def test_a_downstream_score_is_learnt_from_each_checkpoint_and_leaves_the_probes_alone(
    probed: Path, run: Path, places: Places
) -> None:
    budget = FinetuneConfig(num_steps=2, batch_size=4, num_evaluations=1, source_len=48)
    take(run, dataclasses.replace(SMALL, task="sst2", finetuning=budget), QUIET, places)
    found = probing_of(run)
    assert found.measure == "accuracy" and found.task == "sst2"
    assert all(stage.downstream is not None for stage in found.stages)
    alone = [dataclasses.replace(stage, downstream=None) for stage in figures(run)]
    assert alone == figures(probed)


def test_words_that_are_too_far_behind_are_counted(run: Path, places: Places) -> None:
    take(run, dataclasses.replace(SMALL, labels="pos", source_len=12), QUIET, places)
    asked = probing_of(run).label_sets[0]
    assert asked.num_unread["train_parts"] > 0 and asked.num_unread["train_texts"] > 0
    assert "words were left out" in str(table("run", probing_of(run)).caption)


def test_the_command_prints_a_table_and_is_nothing_the_second_time(
    run: Path, places: Places, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    arguments = ["probe", str(run), f"--task_data={places.task_data}", "--labels=pos,sst2", *OPTIONS]
    cli.run(arguments)
    said = capsys.readouterr().out
    for stage in probing_of(run).stages:
        assert f"{stage.best('pos').accuracy:.3f}" in said and f"{stage.tokens:,}" in said
    assert "most frequent label of the word" in said and "…" not in said
    cli.run(arguments)
    assert "has been probed so" in capsys.readouterr().out


def test_a_command_without_a_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no run was named"):
        cli.run(["probe"])
    (tmp_path / "config.yaml").write_text("a: 1")
    (tmp_path / "done.json").write_text('{"step": 1}')
    with pytest.raises(BadInput, match="there is no task nonsense"):
        cli.run(["probe", str(tmp_path), "--labels=nonsense"])


def test_the_best_layer_is_the_lowest_of_equals() -> None:
    def score(layer: int, accuracy: float) -> LayerScore:
        rest = {"control_accuracy": 0.1, "train_accuracy": 0.5, "control_train_accuracy": 0.2}
        return LayerScore(labels="pos", layer=layer, accuracy=accuracy, **rest)

    scores = (score(0, 0.5), score(1, 0.7), score(2, 0.7))
    stage = Stage(step=1, tokens=1, flops_share=0.1, weights="", loss=1.0, noise_bits_per_byte=None, scores=scores)
    assert stage.best("pos").layer == 1 and stage.best("pos").selectivity == pytest.approx(0.6)


def test_a_field_of_a_later_version_does_not_hinder(probed: Path, run: Path) -> None:
    content = json.loads((probed / "probe.json").read_text())
    content["new"] = content["stages"][0]["new"] = content["label_sets"][0]["new"] = 1
    (run / "probe.json").write_text(json.dumps(content))
    assert probing_of(run) == probing_of(probed)
    (run / "probe.json").write_text('{"stages": 3}')
    with pytest.raises(BadProbe, match="delete it, and probe the run again"):
        read_probe(run)
