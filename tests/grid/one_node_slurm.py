"""A real Slurm of one node in a folder of its own, for as long as a test takes; nothing of the machine is changed.

Needs Debian's slurm-wlm and munge (22.05 was run): munged on a socket of its own, slurmctld and slurmd on free ports,
all as the user who runs the tests.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
REQUEUED_AFTER_S = 5
"""Slurm waits so long, and a second, before it starts a job again; its default is 120, and below 5 it takes none."""

_CONFIG = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire={requeued_after_s}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=usual Nodes=ALL Default=YES MaxTime=60 State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=60 State=UP PriorityTier=2
"""


class CannotStart(Exception):
    """Why there can be no Slurm here."""


@contextmanager
def one_node_slurm(start_within_s: float = 20.0) -> Iterator[Path]:
    """Start it, point SLURM_CONF to it, and end whatever it has started. Raises CannotStart."""
    missing = [name for name in PROGRAMS if _program(name) is None]
    if missing:
        raise CannotStart(f"{', '.join(missing)} is not installed; apt install slurm-wlm munge")
    with ExitStack() as undo:
        # pytest's folders have names too long for a socket.
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True)))
        conf = _configured(folder)
        before = os.environ.get("SLURM_CONF")
        undo.callback(_set_environment, "SLURM_CONF", before)
        _set_environment("SLURM_CONF", str(conf))
        undo.callback(_end_all_of, conf)
        started = [_start(folder, "munged", *_munge(folder))]
        undo.callback(_end, started)
        deadline_s = time.monotonic() + start_within_s
        _until((folder / "munge.socket").exists, started, deadline_s, folder)
        started += [_start(folder, name, "-D", "-f", str(conf)) for name in ("slurmctld", "slurmd")]
        _until(_is_idle, started, deadline_s, folder)
        undo.callback(_cancel_all)
        yield folder


def _configured(folder: Path) -> Path:
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    folder.chmod(0o755)
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in (one, other)]
    host = socket.gethostname().partition(".")[0]
    values = {"host": host, "user": getpass.getuser(), "folder": folder, "ports": ports}
    conf = folder / "slurm.conf"
    conf.write_text(_CONFIG.format(**values, requeued_after_s=REQUEUED_AFTER_S))
    return conf


def _munge(folder: Path) -> list[str]:
    names = {"socket": "munge.socket", "pid-file": "munge.pid", "log-file": "munge.log"}
    names |= {"seed-file": "munge.seed", "key-file": "munge.key"}
    return ["--foreground", "--force", *(f"--{option}={folder / name}" for option, name in names.items())]


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _start(folder: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    with open(folder / f"{name}.said", "wb") as said:
        return subprocess.Popen(
            [_program(name) or name, *arguments], stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )


def _until(what: Callable[[], bool], started: list[subprocess.Popen[bytes]], deadline_s: float, folder: Path) -> None:
    while not what():
        dead = any(process.poll() is not None for process in started)
        if dead or time.monotonic() > deadline_s:
            said = [line for path in sorted(folder.glob("*.said")) for line in path.read_text().splitlines()]
            raise CannotStart(f"Slurm does not start here: {' '.join(said[-2:]) or 'its node stays down'}")
        time.sleep(0.05)


def _is_idle() -> bool:
    answer = subprocess.run(["sinfo", "--noheader", "--format=%T"], capture_output=True, text=True, check=False)
    return set(answer.stdout.split()) == {"idle"}


def _cancel_all() -> None:
    """Before the daemons end, or what runs jobs would wait for them."""
    subprocess.run(["scancel", f"--user={os.getuid()}"], capture_output=True, check=False, timeout=20)


def _end(started: list[subprocess.Popen[bytes]]) -> None:
    for process in reversed(started):
        process.terminate()
    for process in started:
        with suppress(subprocess.TimeoutExpired):
            process.wait(3)
        process.kill()
        process.wait()


def _end_all_of(conf: Path) -> None:
    """Kill what outlives the daemons: all that has this Slurm's own file in its environment, but this process."""
    mark = f"SLURM_CONF={conf}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_ours = mark in (place / "environ").read_bytes().split(b"\0")
            if is_ours and int(place.name) != os.getpid():
                os.kill(int(place.name), signal.SIGKILL)


def _set_environment(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
