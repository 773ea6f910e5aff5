"""Whether runs can be logged online: there is a key, and the server of Weights & Biases answers."""

from __future__ import annotations

import netrc
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

Mode = Literal["auto", "offline", "off"]

ANSWER_WITHIN_S = 5.0
"""How long a server may take before a run is logged offline."""
_DEFAULT_SERVER = "https://api.wandb.ai"


def why_offline(mode: Mode) -> str | None:
    """The reason to log offline, or None if there is a key and the server answers.

    >>> why_offline("offline")
    'as asked'
    """
    if mode == "offline" or os.environ.get("WANDB_MODE") in ("offline", "dryrun"):
        return "as asked"
    server = os.environ.get("WANDB_BASE_URL", _DEFAULT_SERVER)
    if not has_key(server):
        return "no API key; `wandb login` stores one"
    if not answers(server):
        return f"no answer within {ANSWER_WITHIN_S:.0f} s from {urlsplit(server).hostname}"
    return None


def has_key(server: str) -> bool:
    """Whether an API key is in the environment or in the netrc file where `wandb login` puts it."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    path = os.environ.get("NETRC") or str(Path.home() / ".netrc")
    try:
        return netrc.netrc(path).authenticators(urlsplit(server).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def answers(server: str, within_s: float = ANSWER_WITHIN_S) -> bool:
    """Whether anything at all speaks HTTP at `server`; looking the name up counts in the time."""
    answered = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(server, timeout=within_s):
                answered.append(True)
        except urllib.error.HTTPError:  # an error page is an answer
            answered.append(True)
        except (OSError, ValueError):
            pass

    waited_for(within_s, ask)
    return bool(answered)


def waited_for(seconds: float, action: Callable[[], Any]) -> bool:
    """Run `action`, but wait for it no longer than `seconds`; whether it ended. A look-up cannot be interrupted."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()
