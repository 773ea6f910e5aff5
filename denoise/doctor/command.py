"""`denoise doctor`: everything looked at, as lines in the terminal or as JSON."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence

from denoise.doctor.finding import Check, Finding, State, found_by

_STYLES: Mapping[State, str] = {"ok": "green", "warning": "bold yellow", "missing": "dim", "broken": "bold red"}
_NAME_WIDTH = 14


def doctor(arguments: Sequence[str]) -> int:
    """What this machine has for training, what it lacks, and what to do about it."""
    from denoise.command_line import PlainParser

    parser = PlainParser(prog="denoise doctor", description=doctor.__doc__)
    parser.add_argument("--json", action="store_true", help="Print the findings as JSON.")
    values = parser.parse_args(arguments)
    if values.json:
        found = {area: [finding for check in checks for finding in found_by(check)] for area, checks in areas().items()}
        shown = {area: [dataclasses.asdict(finding) for finding in findings] for area, findings in found.items()}
        print(json.dumps(shown, indent=2, ensure_ascii=False))
        everything = [finding for findings in found.values() for finding in findings]
    else:
        everything = _print(areas())
    return 1 if any(finding.state == "broken" for finding in everything) else 0


def areas() -> dict[str, list[Check]]:
    """What is looked at, in the order in which it is told."""
    from denoise.doctor import gpus, machine, software

    return {
        "Software": [software.python_and_denoise, software.numba_cache, software.compiler],
        "GPU": [gpus.torch_and_gpus, gpus.bfloat16, gpus.attention],
        "Machine": [machine.cores, machine.memory, machine.disk],
        "Processes": [launcher],
        "Dashboard and extras": [software.wandb, software.extras],
    }


def launcher(environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Who would start the processes of a run."""
    from denoise.train.processes import BadProcesses, Processes

    try:
        found = Processes.of("auto", "auto", environ)
    except BadProcesses as error:
        yield Finding(name="launcher", value="does not fit", state="broken", advice=str(error))
        return
    if found.launcher != "none":
        value = f"{found.launcher}: process {found.rank} of {found.num_all} on {found.num_nodes} machine(s)"
    elif "SLURM_JOB_ID" in environ:
        value = f"job {environ['SLURM_JOB_ID']} of Slurm, not inside srun: one process"
    else:
        value = "none: one process; --devices N starts more, docs/scale.md tells of torchrun and Slurm"
    yield Finding(name="launcher", value=value)
    if visible := environ.get("CUDA_VISIBLE_DEVICES"):
        yield Finding(name="GPUs shown", value=f"CUDA_VISIBLE_DEVICES={visible}")


def _print(checks: Mapping[str, Sequence[Check]]) -> list[Finding]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    everything: list[Finding] = []
    for area, of_area in checks.items():
        found = [finding for check in of_area for finding in found_by(check)]
        everything += found
        table = Table.grid(padding=(0, 1), pad_edge=False)
        table.add_column(width=9)
        table.add_column(width=_NAME_WIDTH)
        table.add_column(overflow="fold")
        for finding in found:
            told = Text(finding.value)
            if finding.advice:
                told.append(f"\n→ {finding.advice}", "italic" if finding.state == "missing" else "bold")
            table.add_row(Text(f"  {finding.state}", _STYLES[finding.state]), Text(finding.name), told)
        console.print(Text(area, "bold"))
        console.print(table)
    console.print()
    console.print(_verdict(everything), highlight=False)
    return everything


def _verdict(everything: Sequence[Finding]) -> str:
    broken = [finding.name for finding in everything if finding.state == "broken"]
    warned = [finding.name for finding in everything if finding.state == "warning"]
    if broken:
        return f"Training cannot run here: {', '.join(broken)}."
    if warned:
        return f"Training can run; look at: {', '.join(warned)}."
    return "Training can run."
