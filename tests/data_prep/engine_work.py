"""Work for the tests of engines; in a module of its own, for other processes to import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from data_prep.errors import BadInput
from data_prep.job.tasks import Result, Workplace


def square(place: Workplace, *, number: int) -> Result:
    (place.folder / "square").write_text(str(number * number))
    place.tell(1.0, {"pages": number})
    return {"square": number * number, "pages": number}


def halts_half_way(place: Workplace, *, number: int) -> Result:
    place.tell(0.5, {"pages": 3}, {"too long": 2})
    time.sleep(0.7)  # a report comes every fifth of a second
    return {"pages": 6, "dropped": {"too long": 4}}


def fails(place: Workplace, *, number: int) -> Result:
    (place.folder / "half").write_text("half")
    if number % 2:
        raise BadInput(f"{number} is odd; give even numbers")
    return {"square": number * number}


def dies_once(place: Workplace, *, number: int, scar: Path) -> Result:
    """Of number 3 the process is killed the first time."""
    if number == 3 and not scar.exists():
        scar.write_text("x")
        time.sleep(0.3)  # so that others are under way
        os.kill(os.getpid(), signal.SIGKILL)
    return square(place, number=number)


def dies(place: Workplace, *, number: int) -> Result:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def full(place: Workplace, *, number: int) -> Result:
    raise OSError(28, "No space left on device", str(place.folder / "text"))
