"""`pytest tests/corruptions/test_transcripts.py --update-golden` writes the golden transcripts anew."""

import pytest


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write tests/corruptions/golden anew")


@pytest.fixture
def update_golden(request):
    """Whether the golden files are to be written and not compared; the option is unknown to a whole run."""
    return request.config.getoption("--update-golden", default=False)
