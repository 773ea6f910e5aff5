"""A stranger's test module: a mark gives a test for each law, and a report that names the one that is broken."""

import re
import subprocess
import sys

import pytest

from corruptions import SpanCorruption
from corruptions.contract import checks

pytest_plugins = ["pytester"]

NOISE = """
from dataclasses import dataclass
import numpy as np
from corruptions import Corruption, Example

@dataclass(frozen=True, kw_only=True)
class EveryNth(Corruption):
    every: int = 4

    def corrupt(self, window, draws, vocab):
        if len(window.tokens) == 3 and self.every == 2:
            raise KeyError("three")
        is_noise = (np.arange(len(window.tokens)) + draws.below(self.every)) % self.every == 0
        source = np.where(is_noise & ~window.protected, vocab.mask, window.tokens)
        source, target = np.append(source, vocab.eos), np.append(window.tokens, vocab.eos)
        kind = np.int64 if self.every == 3 else np.int32
        return Example(source.astype(kind), target.astype(np.int32))
"""

MARKED = """
import pytest
from my_noise import EveryNth

@pytest.mark.corruption({given})
def test_my_noise_keeps(law):
    law.check()
"""

NUM_LAWS = len(checks(SpanCorruption(), windows=[]))


@pytest.fixture
def run(pytester):
    """Runs a test module with these arguments of the mark, warnings as errors and marks strict."""
    pytester.makepyfile(my_noise=NOISE)
    options = ("-p", "corruptions.pytest_plugin", "--strict-markers", "-W", "error", "-p", "no:cacheprovider")

    def run(given=None, module=MARKED, *more):
        pytester.makepyfile(test_mine=module.format(given=given))
        return pytester.runpytest_inprocess(*options, *more)

    return run


def test_each_law_is_a_test_that_says_what_it_holds(run):
    result = run("EveryNth(), EveryNth(every=5)", MARKED, "-v")
    result.assert_outcomes(passed=2 * NUM_LAWS)
    names = result.stdout.str()
    assert "test_my_noise_keeps[every nth (every 4): the window is never written to] PASSED" in names
    assert "test_my_noise_keeps[every nth (every 5): restore gives the window back] PASSED" in names


def test_a_broken_law_fails_alone_and_says_where(run):
    result = run("EveryNth(), EveryNth(every=3)")
    result.assert_outcomes(passed=2 * NUM_LAWS - 1, failed=1)
    report = result.stdout.str()
    law = "arrays are one-dimensional, of int32 or bool"
    assert f'E       AssertionError: every nth (every 3) breaks "{law}" at seed 0, epoch 0, window 0' in report
    assert "contract.py" not in report  # the test's own line is all of ours that is shown
    assert ">       law.check()" in report


def test_an_error_in_a_corruption_is_shown_where_it_was_raised(run):
    result = run("EveryNth(every=2)")
    result.assert_outcomes(passed=NUM_LAWS - 1, failed=1)
    report = result.stdout.str()
    assert re.search(r"^my_noise\.py:\d+: KeyError$", report, re.MULTILINE)
    assert 'breaks "every window gives an example" at seed 0, epoch 0, window 18 of 3 tokens' in report


def test_names_in_the_mark_go_on_to_the_contract(run):
    run("EveryNth(every=2), seeds=[1], windows=[]").assert_outcomes(passed=NUM_LAWS)


@pytest.mark.parametrize(
    ("given", "module", "message"),
    [
        (
            "EveryNth, EveryNth()",
            MARKED,
            "which is no corruption: call the class; write: @pytest.mark.corruption(MyNoise(),",
        ),
        ("4", MARKED, "is given 4, which is no corruption; write:"),
        ("", MARKED, "is given nothing; write: @pytest.mark.corruption(MyNoise(), MyNoise(every=2))"),
        (
            "EveryNth()",
            MARKED.replace("law):\n    law.check()", "):\n    pass"),
            "takes no argument `law`; write: def test_my_noise_keeps(law): law.check()",
        ),
    ],
    ids=["a class", "a number", "nothing", "no argument"],
)
def test_a_mark_that_cannot_be_meant_is_told_in_one_sentence(run, given, module, message):
    result = run(given, module)
    assert result.ret != 0
    assert message in " ".join(result.stdout.str().split() + result.stderr.str().split())


def test_tests_without_the_mark_are_left_alone(run):
    module = "import pytest\n@pytest.fixture\ndef law(): return 7\ndef test_mine(law): assert law == 7\n"
    run(None, module).assert_outcomes(passed=1)


def test_it_is_light_since_it_is_loaded_in_every_run():
    program = (
        "import sys, corruptions.pytest_plugin; print({'torch', 'numba', 'corruptions.contract'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
