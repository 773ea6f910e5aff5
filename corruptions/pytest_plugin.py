"""For other people's test modules: each law that a corruption must keep as a test of its own.

    import pytest
    from my_noise import MyNoise

    @pytest.mark.corruption(MyNoise(), MyNoise(every=2))
    def test_my_noise_keeps(law):
        law.check()

gives one test for each law and corruption, such as
`test_my_noise_keeps[my noise (every 2): restore gives the window back]`. Whatever else the mark is given by
name goes on to `corruptions.contract.checks`: a vocabulary, windows, seeds. Pytest loads this module in
every run wherever denoise is installed, so it is light: no torch, no compiler, and the laws on demand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

_MARK = "corruption"
_ARGUMENT = "law"
_EXAMPLE = "@pytest.mark.corruption(MyNoise(), MyNoise(every=2))"


@dataclass(frozen=True, kw_only=True)
class KeptLaw:
    """One law for one corruption."""

    name: str
    """The law."""
    corruption: Any
    """What must keep it."""
    holds: Callable[[], None]
    """Raises AssertionError where it does not."""

    def check(self) -> None:
        """Raise AssertionError, with the window and the address, if the law is broken."""
        __tracebackhide__ = True
        try:
            self.holds()
        except AssertionError as broken:
            # Without the frames of the contract, the test's own line and this sentence are all that is shown.
            raise broken.with_traceback(None) from broken.__cause__


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, so that --strict-markers accepts it."""
    config.addinivalue_line("markers", f"{_MARK}(*corruptions): one test for each law, in the argument `{_ARGUMENT}`")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a marked test each law of each corruption."""
    marks = list(metafunc.definition.iter_markers(_MARK))
    if not marks:
        return
    if _ARGUMENT not in metafunc.fixturenames:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid} is marked `{_MARK}` and takes no argument `{_ARGUMENT}`; "
            f"write: def {metafunc.definition.name}({_ARGUMENT}): {_ARGUMENT}.check()"
        )
    laws = [law for mark in marks for law in _laws(mark, metafunc.definition.nodeid)]
    metafunc.parametrize(_ARGUMENT, laws, ids=[f"{law.corruption.describe()}: {law.name}" for law in laws])


def _laws(mark: pytest.Mark, test: str) -> list[KeptLaw]:
    from corruptions.contract import checks
    from corruptions.protocol import Corruption

    others = [given for given in mark.args if not isinstance(given, Corruption)]
    if others or not mark.args:
        found = f"{others[0]!r}, which is no corruption" if others else "nothing"
        advice = ": call the class" if others and isinstance(others[0], type) else ""
        raise pytest.UsageError(f"the mark `{_MARK}` of {test} is given {found}{advice}; write: {_EXAMPLE}")
    return [
        KeptLaw(name=name, corruption=corruption, holds=holds)
        for corruption in mark.args
        for name, holds in checks(corruption, **mark.kwargs).items()
    ]
