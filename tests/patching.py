"""Something more at each call of a method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def before(monkeypatch: pytest.MonkeyPatch, owner: Any, method: str, act: Callable[..., None]) -> None:
    """Do something before each call of a method, with its arguments."""
    original = getattr(owner, method)

    def wrapped(*arguments: Any, **options: Any) -> Any:
        act(*arguments, **options)
        return original(*arguments, **options)

    monkeypatch.setattr(owner, method, wrapped)
