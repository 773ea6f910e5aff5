"""A run learns a task: what decides the result, what is left as it was, and what is counted."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from rich.console import Console

from data_prep.tokenizer import Tokenizer
from denoise.hub.trained import load_trained
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.stopping import Stopping
from denoise.transfer.finetune import learning as learning_room
from denoise.transfer.finetune import taking
from denoise.transfer.finetune.answering import mean_nats
from denoise.transfer.finetune.asking import by_length
from denoise.transfer.finetune.config import BadFinetuning, FinetuneConfig, Start
from denoise.transfer.finetune.learning import Learning
from denoise.transfer.finetune.lessons import Lesson, Lessons
from denoise.transfer.finetune.results import Finetuned, path_of, read_finetuned
from denoise.transfer.finetune.scoring import Answers, answers_to
from denoise.transfer.finetune.watching import Watch
from denoise.transfer.tasks import Question, Slot, registry
from tests.patching import before
from tests.transfer.finetune.small_tasks import Boats, Ends, Lengths, Made

QUIET = Console(quiet=True)
SMALL = FinetuneConfig(num_steps=6, batch_size=4, num_evaluations=2, source_len=100)
CPU = torch.device("cpu")
MANY = Boats(labels=("harvest", "winter", "boat", "spring", "letter", "road", "year", "war"))


def take(
    run: Path, task_data: Path, task: str = "boats", *, seed: int = 1, scratch: bool = False, **options: Any
) -> Finetuned:
    start = Start(task=task, seed=seed, from_scratch=scratch)
    lessons = Lessons(config=dataclasses.replace(SMALL, **options), folder=task_data)
    taking.take(run, start, lessons, QUIET)
    found = read_finetuned(path_of(run, task, seed, from_scratch=scratch))
    assert found is not None
    return found


def lesson_of(task: Made, task_data: Path, **options: Any) -> Lesson:
    train, scored = task.questions("train", task_data), task.questions("dev", task_data)
    return Lesson(task=task, config=dataclasses.replace(SMALL, **options), train=train, scored=scored)


def learning_of(run: Path, lesson: Lesson, seed: int = 1) -> Learning:
    trained = load_trained(run)
    watch = Watch("", lesson.config.num_steps, QUIET, Stopping())
    return Learning(lesson=lesson, model=trained.model, tokenizer=trained.tokenizer, device=CPU, seed=seed, watch=watch)


def untimed(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text())
    cost = {name: value for name, value in content["cost"].items() if not name.endswith("_s")}
    return {**content, "cost": cost, "finished_at": ""}


@pytest.mark.parametrize("task", ["boats", "lengths", "ends"])
@pytest.mark.parametrize("scratch", [False, True])
def test_the_same_again_gives_the_same_file_but_for_times(
    trained: Path, tmp_path: Path, task_data: Path, task: str, scratch: bool
) -> None:
    files = []
    for name in ("one", "other"):
        run = Path(shutil.copytree(trained, tmp_path / name))
        torch.manual_seed(len(files))  # whatever was drawn before
        take(run, task_data, task, scratch=scratch)
        files.append(path_of(run, task, 1, from_scratch=scratch))
    assert untimed(files[0]) == untimed(files[1])
    assert untimed(files[0])["cost"]["tokens"] > 0


def test_seeds_differ_and_both_starts_see_the_same_questions_in_the_same_order(
    run: Path, task_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []
    before(monkeypatch, EncoderDecoder, "loss_at", lambda _, batch, at: seen.append(batch.source.flatten().tolist()))
    of_start = {}
    for seed, scratch in ((1, False), (1, True), (2, False)):
        seen.clear()
        result = take(run, task_data, seed=seed, scratch=scratch)
        of_start[seed, scratch] = list(seen), result.train_curve
    assert len(of_start[1, False][0]) == 6
    assert of_start[1, False][0] == of_start[1, True][0]
    assert of_start[1, False][1] != of_start[1, True][1]
    assert of_start[1, False][0] != of_start[2, False][0]


def test_from_scratch_is_the_fresh_model_of_the_seed_whatever_the_run(
    run: Path, task_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[dict[str, torch.Tensor]] = []

    def keep(learning: Learning) -> None:
        begun.append({name: value.clone() for name, value in learning.model.state_dict().items()})

    before(monkeypatch, Learning, "learn", keep)
    take(run, task_data, seed=5, scratch=True)
    take(run, task_data, seed=5)
    trained = load_trained(run).model
    fresh = EncoderDecoder(trained.config, trained.vocab_size, pad_id=trained.pad_id, seed=5).state_dict()
    assert all(torch.equal(begun[0][name], fresh[name]) for name in fresh)
    assert all(torch.equal(begun[1][name], value) for name, value in trained.state_dict().items())
    assert not torch.equal(fresh["head.weight"], trained.state_dict()["head.weight"])


def test_the_run_is_left_as_it_was(trained: Path, run: Path, task_data: Path) -> None:
    take(run, task_data)
    there = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    ours = {"transfer/boats/seed1.json", "transfer/boats/baselines.json"}
    assert there - ours == {str(path.relative_to(trained)) for path in trained.rglob("*") if path.is_file()}
    assert all((run / name).read_bytes() == (trained / name).read_bytes() for name in there - ours - {".lock"})


def test_training_brings_the_loss_of_train_and_of_unseen_questions_down(run: Path, task_data: Path) -> None:
    result = take(run, task_data, num_steps=40, learning_rate=3e-2)
    assert [point.step for point in result.scored_curve] == [0, 20, 40]
    assert [point.step for point in result.train_curve] == [20, 40]
    assert result.scored_curve[-1].loss < 0.5 * result.scored_curve[0].loss
    assert result.train_curve[-1].loss < result.train_curve[0].loss


def test_the_last_point_is_at_the_last_step_where_steps_do_not_divide(run: Path, task_data: Path) -> None:
    assert [point.step for point in take(run, task_data, num_steps=5).train_curve] == [3, 5]
    assert [point.step for point in take(run, task_data, num_steps=1, num_evaluations=9).scored_curve] == [0, 1]


def test_num_train_and_num_scored_take_a_part_that_is_told(
    run: Path, task_data: Path, asked_baselines: list[tuple[str, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: set[tuple[int, ...]] = set()
    before(monkeypatch, EncoderDecoder, "loss_at", lambda _, batch, at: rows.update(map(tuple, batch.source.tolist())))
    result = take(run, task_data, num_train=3, num_scored=4)
    assert len({tuple(id for id in row if id) for row in rows}) == 3
    assert (result.num_train, result.num_scored, result.num_answers) == (3, 4, 4)
    assert asked_baselines == [("boats", 3, 4)]
    other = take(run, task_data)
    assert (other.num_train, other.num_scored) == (24, 10)
    assert other.data_fingerprint == result.data_fingerprint  # of the task: seeds take parts of the same questions
    assert asked_baselines[1:] == [("boats", 24, 10)]
    take(run, task_data, seed=2)
    assert len(asked_baselines) == 2


def test_what_is_scored_is_the_same_for_every_seed_and_in_the_order_of_its_split(run: Path, task_data: Path) -> None:
    lesson = lesson_of(Boats(), task_data, num_scored=5)
    for seed in (1, 2):
        assert learning_of(run, lesson, seed).questions == [lesson.scored[number] for number in (0, 2, 4, 6, 8)]
    assert learning_of(run, lesson_of(Boats(), task_data)).questions == lesson.scored


def test_the_curve_is_of_few_questions_and_the_score_of_all(
    run: Path, task_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    before(
        monkeypatch, learning_room, "mean_nats", lambda _, batches: sizes.append(sum(len(b.source) for b in batches))
    )
    assert take(run, task_data, num_curve_questions=3).num_answers == 10
    assert sizes == [3, 3, 3]


@pytest.mark.parametrize("task", [MANY, Lengths(), Ends()], ids=lambda task: task.name)
def test_answers_come_in_the_order_of_the_questions_however_they_are_put_together(
    trained: Path, task_data: Path, task: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning = learning_of(trained, lesson_of(task, task_data, target_len=12))
    with torch.no_grad():  # so that fresh answers differ
        learning.model.encoder.norm.weight *= 20
        learning.model.head.weight *= 20  # type: ignore[union-attr]
    every = learning.scored + learning.asker.ask(task.questions("test", task_data)[:7])
    together = answers_to(every, learning.model, learning.asker, CPU)
    alone = [answers_to([each], learning.model, learning.asker, CPU) for each in every]
    assert together.written == [answers.written[0] for answers in alone]
    assert together.num_outside == sum(answers.num_outside for answers in alone)
    if task.labels:
        assert together.likeliest == [answers.likeliest[0] for answers in alone]
        assert len(set(together.likeliest)) > 1
    monkeypatch.setattr("denoise.transfer.finetune.scoring.QUESTIONS_AT_ONCE", 3)
    assert answers_to(every, learning.model, learning.asker, CPU) == together


def test_batches_hold_every_question_once_the_last_one_too() -> None:
    lengths = [(number * 7 % 11, 0) for number in range(10)]
    parts = by_length(lengths, 4)
    assert [len(part) for part in parts] == [4, 4, 2]
    assert sorted(number for part in parts for number in part) == list(range(10))


def test_the_loss_of_the_curve_is_over_every_question_the_last_part_of_a_batch_too(
    trained: Path, task_data: Path
) -> None:
    learning = learning_of(trained, lesson_of(Boats(num_dev=70), task_data))
    before_training = learning._loss_on(learning._curve_batches(learning.scored))
    each = [learning._loss_on(learning._curve_batches([asked])) for asked in learning.scored]
    num_said = [int(asked.is_said.sum()) for asked in learning.scored]
    expected = sum(loss * number for loss, number in zip(each, num_said, strict=True)) / sum(num_said)
    assert before_training == pytest.approx(expected, rel=1e-4)


def test_padding_changes_no_answer(trained: Path, task_data: Path) -> None:
    """A short question beside a long one: without its mask it would read padding."""
    learning = learning_of(trained, lesson_of(Boats(), task_data))
    asker, (short,) = learning.asker, learning.asker.ask([Question(source="boats", slots=(Slot("", "boat"),))])
    alone = mean_nats(learning.model, [asker.batch([short])])
    long = learning.scored[0]
    together = learning.model.token_nats(asker.batch([short, long]))[0].sum() / len(short.target)
    assert float(together) == pytest.approx(alone, rel=1e-4)


def test_every_word_is_labelled_however_short_targets_are_in_training(trained: Path, task_data: Path) -> None:
    short, long = (learning_of(trained, lesson_of(Lengths(), task_data, target_len=most)) for most in (4, 400))
    of_short, of_long = (answers_to(each.scored, each.model, each.asker, CPU) for each in (short, long))
    assert of_short == of_long
    assert [len(answer) for answer in of_short.likeliest] == [len(question.slots) for question in short.questions]
    assert short._num_cut() == {"train_sources": 0, "train_targets": 24, "scored_sources": 0, "scored_targets": 0}


def test_what_is_too_long_is_counted(run: Path, task_data: Path) -> None:
    result = take(run, task_data, "ends", source_len=4, target_len=2, num_steps=12)
    drawn = 24  # twelve steps of four questions go through all 24, twice
    assert result.num_cut == {"train_sources": drawn, "train_targets": 24, "scored_sources": 10, "scored_targets": 10}
    assert take(run, task_data).num_cut == dict.fromkeys(result.num_cut, 0)


def test_free_text_is_written_and_has_no_labels_to_be_outside_of(run: Path, task_data: Path) -> None:
    result = take(run, task_data, "ends", target_len=6)
    assert (result.generated, result.num_outside, result.num_answers) == ({}, 0, 10)


def test_written_answers_outside_the_labels_count_as_wrong(trained: Path, task_data: Path) -> None:
    lesson = lesson_of(Boats(), task_data)
    learning = learning_of(trained, lesson)
    right = [question.said for question in lesson.scored]
    scores, generated = learning._scores(Answers(likeliest=right, written=[("",), *right[1:]], num_outside=1))
    assert (scores["accuracy"], generated["accuracy"]) == (1.0, 0.9)
    answers = answers_to(learning.scored, learning.model, learning.asker, CPU)  # of a model that has not learnt it
    assert answers.num_outside == 10 == sum(answer == ("",) for answer in answers.written)
    assert all(answer[0] in lesson.task.labels for answer in answers.likeliest)


def test_one_question_and_a_batch_larger_than_the_data_are_enough(
    run: Path, task_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.TASKS, "boats", Boats(num_train=1, num_dev=1))
    result = take(run, task_data, batch_size=64)
    assert (result.num_train, result.num_scored) == (1, 1)


def test_an_empty_answer_can_be_learnt(trained: Path, task_data: Path) -> None:
    silent = [Question(source=f"say nothing {number}", slots=(Slot("", ""),)) for number in range(8)]
    lesson = Lesson(task=Ends(), config=dataclasses.replace(SMALL, num_steps=30), train=silent, scored=silent)
    learning = learning_of(trained, lesson)
    learning.learn()
    assert answers_to(learning.scored, learning.model, learning.asker, CPU).written == [("",)] * 8


def test_dropout_is_as_the_run_has_it_and_off_while_scoring(run: Path, task_data: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "dropping"))
    config = yaml.safe_load((copy / "config.yaml").read_text())
    config["model"]["dropout"] = 0.3
    (copy / "config.yaml").write_text(yaml.safe_dump(config))
    learning = learning_of(copy, lesson_of(Boats(), task_data))
    learning.learn()
    curve = learning._curve_batches(learning.scored)
    assert learning.scored_curve[-1].loss == mean_nats(learning.model, curve) and not learning.model.training
    plain, dropped = take(run, task_data), take(copy, task_data)
    assert plain.scored_curve[0] == dropped.scored_curve[0]
    assert plain.train_curve != dropped.train_curve
    first = untimed(path_of(copy, "boats", 1, from_scratch=False))
    shutil.rmtree(copy / "transfer")
    drawn = torch.get_rng_state()
    take(copy, task_data)
    assert untimed(path_of(copy, "boats", 1, from_scratch=False)) == first
    assert torch.equal(torch.get_rng_state(), drawn)


def test_a_loss_that_is_no_number_is_no_result(run: Path, task_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_room, "mean_nats", lambda model, batches: float("nan"))
    with pytest.raises(BadFinetuning, match=r"no number any more at step 3; lower learning_rate \(0\.01\)"):
        take(run, task_data)
    assert not path_of(run, "boats", 1, from_scratch=False).exists()


def test_nothing_is_written_before_all_is_scored(run: Path, task_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        assert not path_of(run, "boats", 1, from_scratch=False).exists()
        raise RuntimeError("in scoring")

    monkeypatch.setattr(learning_room, "answers_to", fail)
    with pytest.raises(RuntimeError, match="in scoring"):
        take(run, task_data)
    assert not path_of(run, "boats", 1, from_scratch=False).exists()


def test_results_tasks_and_tables_need_no_torch() -> None:
    rooms = ", ".join(f"denoise.transfer.finetune.{name}" for name in ("results", "lessons", "learner", "table"))
    program = f"import {rooms}, sys; print([name for name in ('torch', 'lightning') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_questions_are_made_ids_of_once(run: Path, task_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    before(monkeypatch, Tokenizer, "encode", lambda _, text: encoded.append(text))
    take(run, task_data, num_steps=2)
    sources = [text for text in encoded if text.startswith("boats")]
    assert len(sources) == len(set(sources)) == 10 + 8  # scored, and two steps of four
