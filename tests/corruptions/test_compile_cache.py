"""Where compiled loops cannot be kept they are compiled all the same, and a sentence says what to do."""

import os
import subprocess
import sys

import numba
import pytest

from corruptions.compiled import loop


def test_a_machine_that_cannot_keep_compiled_loops_compiles_them_anew_and_says_so(monkeypatch):
    def njit(*, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return numba.njit(**options)

    monkeypatch.setattr(loop, "njit", njit)
    with pytest.warns(UserWarning, match="set NUMBA_CACHE_DIR"):
        assert callable(loop.make_loop(0))


@pytest.mark.slow
def test_a_disk_that_is_full_while_loops_are_kept_stops_nothing(tmp_path):
    program = """
import resource, signal, warnings
import numpy as np
from corruptions import SpanCorruption
from corruptions.batch import Rows, corrupt_rows
from corruptions.letters import LETTERS
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
row = np.zeros(1, dtype=np.int64)
rows = Rows(np.full(40, 5, np.uint16), np.zeros(40, np.uint8), row, row + 40, row, row.astype(np.uint64), row)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for _ in range(2):
        made = corrupt_rows([SpanCorruption()], rows, LETTERS, seed=1, pad_to=SpanCorruption().longest(40))
print(int(made.target_is_noise.sum()), [str(warning.message).split(",")[0] for warning in said])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
    )
    assert done.stdout.strip() == "6 ['compiled corruptions cannot be kept on this disk']", done.stderr
