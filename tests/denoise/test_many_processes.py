"""Two processes do what one does, to rounding, and a run may go on in another number of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from denoise.feed.batch import IGNORED
from denoise.feed.batches import HeldOutBatches
from denoise.stopping import Stopping
from denoise.train.assembly import build_data
from denoise.train.callbacks.signals import StopBetweenSteps
from denoise.train.config import BadRun, RunConfig
from denoise.train.devices import check_processes
from denoise.train.processes import BadProcesses, Processes, is_first_process
from tests.denoise.process_groups import UNDER_SLURM, small_run, together, train_until

TORCHRUN = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}
SRUN = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2", "SLURM_PROCID": "3", "SLURM_LOCALID": "1"}
UNTOLD = ("elapsed_s", "tokens_per_s")


@pytest.fixture(scope="module")
def config(prepared: Path) -> RunConfig:
    return small_run(prepared)


@pytest.fixture(scope="module")
def alone(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("alone") / "run"
    together(1, train_until, None, config, run)
    return run


def rows(run: Path) -> list[dict]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in UNTOLD} for row in found]


def nearly(row: dict) -> dict:
    return {name: value if isinstance(value, str) else pytest.approx(value, rel=2e-5) for name, value in row.items()}


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(sorted((run / "checkpoints").glob("*.ckpt"))[-1], weights_only=True)["state_dict"]


def assert_same_to_rounding(run: Path, other: Path) -> None:
    for row, wanted in zip(rows(run), rows(other), strict=True):
        assert row == nearly(wanted)
    for name, weight in weights(other).items():
        # Adam turns the rounding of the smallest gradients into steps, hence the absolute part: one step is 0.002.
        torch.testing.assert_close(weights(run)[name], weight, rtol=1e-4, atol=2e-4)


@pytest.mark.slow
def test_two_processes_do_what_one_does_and_hand_over_to_it_and_back(
    config: RunConfig, alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    together(2, train_until, 6, config, run)
    together(1, train_until, 10, config, run)
    together(2, train_until, None, config, run, environ=UNDER_SLURM)
    assert_same_to_rounding(run, alone)
    assert json.loads((run / "environment.json").read_text())["num_processes"] == 2
    last = next(row for row in rows(run) if row["kind"] == "train" and row["step"] == 12)
    assert f"step 12/12, loss {last['loss']:.3f}" in (tmp_path / "said").read_text(), "people see the loss of all"


@pytest.mark.slow
def test_shards_do_what_whole_models_do_and_hand_over_to_them_and_back(
    config: RunConfig, alone: Path, tmp_path: Path
) -> None:
    run, sharded = tmp_path / "run", replace(config, strategy="fsdp2")
    together(2, train_until, 6, sharded, run)
    together(1, train_until, 10, config, run)
    together(2, train_until, None, sharded, run)
    assert_same_to_rounding(run, alone)


def test_torchrun_is_heard_before_slurm_and_slurm_only_inside_srun() -> None:
    assert Processes.of("auto", "auto", {**SRUN, **TORCHRUN}).launcher == "torchrun"
    inside = Processes.of("auto", "auto", SRUN)
    assert (inside.launcher, inside.rank, inside.num_here, inside.num_nodes) == ("srun", 3, 2, 2)
    assert Processes.of("auto", "auto", UNDER_SLURM | {"SLURM_NTASKS": "4"}) == Processes.of(1, 1, {})


def test_only_the_first_process_speaks() -> None:
    assert not is_first_process(TORCHRUN) and not is_first_process(SRUN)
    assert not is_first_process({"NODE_RANK": "0", "LOCAL_RANK": "1"})
    assert is_first_process(UNDER_SLURM) and is_first_process(SRUN | {"SLURM_PROCID": "0"})


@pytest.mark.parametrize(
    ("asked", "environ", "said"),
    [
        ((3, "auto"), TORCHRUN, "devices is 3, but torchrun started 4; leave devices at auto"),
        (("auto", 1), SRUN, "num_nodes is 1, but srun started 2"),
        (("auto", "auto"), SRUN | {"SLURM_STEP_NUM_TASKS": "3"}, "start as many on each"),
    ],
)
def test_a_number_of_processes_that_was_not_started_is_refused(asked: tuple, environ: dict, said: str) -> None:
    with pytest.raises(BadProcesses, match=said):
        Processes.of(*asked, environ)


def test_a_batch_that_does_not_divide_is_refused_before_anything_is_built() -> None:
    with pytest.raises(BadProcesses, match=r"batch_size is 33, .* choose a multiple of 2"):
        check_processes(RunConfig(batch_size=33, device="cpu"), Processes.of(2, 1, {}))


def test_an_optimizer_of_whole_matrices_is_refused_under_shards() -> None:
    class Muon:
        pass

    config = replace(RunConfig(device="cpu", strategy="fsdp2"), optimizer=cast(Any, Muon()))
    with pytest.raises(BadRun, match="fsdp2, which shards every matrix, and Muon"):
        check_processes(config, Processes.of(2, 1, {}))


def test_processes_agree_on_stopping_at_every_20th_step_only() -> None:
    asked: list[int] = []
    checkpoints = cast(Any, SimpleNamespace(is_evaluated=lambda step: step == 33))
    stop = StopBetweenSteps(Stopping(), checkpoints, num_steps=100)
    for step in range(45):
        strategy = SimpleNamespace(reduce_boolean_decision=lambda asks, all, step=step: asked.append(step))
        stop._is_asked(cast(Any, SimpleNamespace(world_size=2, strategy=strategy)), step)
    assert asked == [0, 20, 33, 40]


def test_processes_share_held_out_windows_and_one_without_scores_nothing(config: RunConfig) -> None:
    data = build_data(config)
    alone = data.held_out_batches()

    def share_of(rank: int) -> HeldOutBatches:
        data.trainer = cast(Any, SimpleNamespace(global_rank=rank, world_size=2))
        return data.held_out_batches()

    shares = [share_of(0), share_of(1)]
    last = len(alone) - 1
    assert data.num_held_out_windows % config.batch_size == 1, "the last batch has a window for one process only"
    assert torch.equal(shares[0][last].target, alone[last].target)
    assert bool((shares[1][last].target == IGNORED).all())
    both = torch.cat([share[0].target for share in shares])
    assert torch.equal(both, alone[0].target)
