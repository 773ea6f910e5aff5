"""Fixtures of the grid's tests."""

from tests.grid.fake_cells import folder

__all__ = ["folder"]
