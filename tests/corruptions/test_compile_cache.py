"""Where compiled loops cannot be kept they are compiled all the same, and a sentence says what to do."""

import numba
import pytest

from corruptions.compiled import rows


def test_a_machine_that_cannot_keep_compiled_loops_compiles_them_anew_and_says_so(monkeypatch):
    def njit(*, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return numba.njit(**options)

    monkeypatch.setattr(rows, "njit", njit)
    with pytest.warns(UserWarning, match="set NUMBA_CACHE_DIR"):
        assert callable(rows.make_loop(0))
