"""Which of a run's processes this one is, told by whoever started it; and sums over all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from data_prep.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor


class BadProcesses(BadInput):
    """A number of processes that the launcher, the batch or the machine does not allow."""


@dataclass(frozen=True, kw_only=True)
class Processes:
    """The processes of a run: as many on each machine, a GPU each.

    >>> Processes.of("auto", "auto", {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"})
    Processes(rank=5, num_here=4, num_nodes=2, launcher='torchrun')
    """

    rank: int
    """The number of this process among all, from 0."""
    num_here: int
    """Processes on this machine, and on each other one."""
    num_nodes: int
    """Machines."""
    launcher: Literal["torchrun", "srun", "none"]
    """Who starts the processes; none: the first one starts the others of its machine."""

    @classmethod
    def of(cls, devices: int | str, num_nodes: int | str, environ: Mapping[str, str] = os.environ) -> Processes:
        """What the environment says, or else what was asked for. Raises BadProcesses where the two differ.

        torchrun comes first: under Slurm both have left their variables, and each machine's srun task is then
        the one that started torchrun. Of Slurm only the variables of a job step count: those of a batch script
        are seen by whatever it starts without srun.
        """
        if all(name in environ for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE")):
            world, here = int(environ["WORLD_SIZE"]), int(environ.get("LOCAL_WORLD_SIZE", environ["WORLD_SIZE"]))
            found = cls(rank=int(environ["RANK"]), num_here=here, num_nodes=world // here, launcher="torchrun")
        elif int(environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
            world, nodes = int(environ["SLURM_STEP_NUM_TASKS"]), int(environ["SLURM_STEP_NUM_NODES"])
            rank = int(environ["SLURM_PROCID"])
            found = cls(rank=rank, num_here=world // nodes, num_nodes=nodes, launcher="srun")
        else:
            here = 1 if devices == "auto" else int(devices)
            nodes = 1 if num_nodes == "auto" else int(num_nodes)
            rank = int(environ.get("NODE_RANK", 0)) * here + int(environ.get("LOCAL_RANK", 0))
            return cls(rank=rank, num_here=here, num_nodes=nodes, launcher="none")
        if found.num_here * found.num_nodes != world:
            raise BadProcesses(
                f"{found.launcher} started {world} processes on {found.num_nodes} machines; "
                "start as many on each (srun: --ntasks-per-node)"
            )
        found._check_asked(devices, num_nodes)
        return found

    def _check_asked(self, devices: int | str, num_nodes: int | str) -> None:
        asked = (("devices", devices, self.num_here), ("num_nodes", num_nodes, self.num_nodes))
        for name, given, there in asked:
            if given not in ("auto", there):
                raise BadProcesses(f"{name} is {given}, but {self.launcher} started {there}; leave {name} at auto")

    @property
    def num_all(self) -> int:
        """Processes on all machines."""
        return self.num_here * self.num_nodes

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes the run folder and talks to people."""
        return self.rank == 0

    def check_batch(self, batch_size: int) -> None:
        """Raises BadProcesses if a batch cannot be shared out evenly."""
        if batch_size % self.num_all:
            raise BadProcesses(
                f"batch_size is {batch_size}, which does not divide over {self.num_all} processes; "
                f"choose a multiple of {self.num_all}"
            )


def is_first_process(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process speaks for all; the others keep silent about what all of them see.

    >>> is_first_process({}), is_first_process({"LOCAL_RANK": "1", "NODE_RANK": "0"})
    (True, False)
    """
    is_in_step = int(environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1
    ranks = ("RANK", "NODE_RANK", "LOCAL_RANK", *(("SLURM_PROCID",) if is_in_step else ()))
    return all(int(environ.get(name, 0)) == 0 for name in ranks)


def is_first_here(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process speaks for its machine, of what another may not see: a missing folder, a missing GPU.

    >>> is_first_here({"RANK": "8", "LOCAL_RANK": "0"}), is_first_here({"RANK": "9", "LOCAL_RANK": "1"})
    (True, False)
    """
    is_in_step = int(environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1 and "LOCAL_RANK" not in environ
    return int(environ.get("SLURM_LOCALID" if is_in_step else "LOCAL_RANK", 0)) == 0


def num_processes() -> int:
    """How many processes train together, this one among them."""
    from torch import distributed

    is_alone = not (distributed.is_available() and distributed.is_initialized())
    return 1 if is_alone else distributed.get_world_size()


def summed(tensor: Tensor) -> Tensor:
    """The sum of the processes' tensors, in each of them; the tensor itself where there is one process.

    All of them must call it. It waits for the others, but not for the GPU: whoever reads the sum does.
    """
    if num_processes() == 1:
        return tensor
    from torch import distributed

    total = tensor.clone()
    distributed.all_reduce(total)
    return total
