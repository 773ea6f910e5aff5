"""How a command ends: its exit code, and one line for whatever the user can mend."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable

from data_prep.errors import BadInput
from denoise.stopping import INTERRUPTED, Stopped
from denoise.train.processes import is_first_here


def exit_code_of(work: Callable[[], int]) -> int:
    """Do the work; its exit code, or that of the error it ended with, told in one line on stderr.

    2 is for what the user can mend; 75 says that a signal stopped the work, and that the same command goes on
    (REQUEUE); 130 the same after Ctrl-C.

    >>> exit_code_of(lambda: 3)
    3
    """
    try:
        return work()
    except (BadInput, OSError) as error:
        if os.environ.get("DENOISE_TRACEBACK"):
            traceback.print_exc()
        if is_first_here():  # the others that torchrun or srun started on this machine would say the same
            print(f"denoise: {_sentence(error)}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        if is_first_here():
            print(f"denoise: {stopped}", file=sys.stderr)
        return stopped.exit_code
    except KeyboardInterrupt:
        print("\ndenoise: stopped; the same command goes on where it was", file=sys.stderr)
        return INTERRUPTED


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        is_about_writing = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
        advice = "; free some space, or choose a folder that can be written to" if is_about_writing else ""
        return f"{f'{error.filename}: ' if error.filename else ''}{error.strerror}{advice}"
    return str(error)
