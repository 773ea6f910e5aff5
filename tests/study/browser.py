"""A headless Chromium, driven through its own devtools pipe: no library, no port, no network."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PHONE, DESKTOP = 390, 1280
"""The two widths at which pages are looked at, in CSS px."""


def chromium() -> str | None:
    """The browser of this machine, if it has one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page in one headless Chromium; what its scripts complain about and what it asks the network for are kept."""

    def __init__(self, wait_s: float = 60.0) -> None:
        path = chromium()
        assert path is not None, "no Chromium on this machine"
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._wait_s = wait_s
        self._number = 0
        self._buffer = b""
        self._profile = tempfile.TemporaryDirectory(prefix="chromium")
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        command = [path, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
        command += ["--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={self._profile.name}", "about:blank"]
        # The pipe is descriptors 3 and 4 of the browser, whichever they are here.
        wire = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", wire, "bash", *command],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        os.set_blocking(self._read, False)
        self._session = ""
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)
        time.sleep(0.1)  # its children still write to the profile
        shutil.rmtree(self._profile.name, ignore_errors=True)
        self._profile._finalizer.detach()  # type: ignore[attr-defined]

    def open(self, page: Path, width: int = DESKTOP, *, dark: bool = False, height: int = 900) -> None:
        """Load a page at a width, in a theme, and wait until its charts are drawn."""
        self.complaints.clear()
        self.requests.clear()
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", media="", features=[theme])
        self.send("Page.navigate", url=page.resolve().as_uri())
        self.until("document.readyState === 'complete' && document.documentElement.dataset.drawn !== undefined")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        told = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise AssertionError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        deadline = time.monotonic() + self._wait_s
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, f"never came true: {expression}"
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """Press and let go of a key where the focus is."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        codes = {"Enter": 13, "Tab": 9, " ": 32}
        of_key = {"key": key, "windowsVirtualKeyCode": codes[key], **({"text": text} if text else {})}
        self.send("Input.dispatchKeyEvent", type="keyDown", **of_key)
        self.send("Input.dispatchKeyEvent", type="keyUp", **of_key)

    def picture(self, out: Path, clip: dict[str, float] | None = None) -> Path:
        """The whole page as PNG, or the part of it that `clip` names: x, y, width, height in CSS px."""
        if clip is None:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"]}
        told = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip={**clip, "scale": 1})
        out.write_bytes(base64.b64decode(told["data"]))
        return out

    def pdf(self, out: Path) -> Path:
        """The page as it prints."""
        told = self.send("Page.printToPDF", printBackground=False)
        out.write_bytes(base64.b64decode(told["data"]))
        return out

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the devtools protocol, and its answer; what is told meanwhile is kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + self._wait_s
        while True:
            told = self._next(deadline, method)
            if told.get("id") == self._number:
                assert "error" not in told, f"{method}: {told['error']}"
                result: dict[str, Any] = told["result"]
                return result
            self._keep(told)

    def _next(self, deadline: float, method: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert time.monotonic() < deadline, f"no answer to {method}"
            assert self._process.poll() is None, "Chromium ended"
            try:
                self._buffer += os.read(self._read, 1 << 20)
            except BlockingIOError:
                time.sleep(0.005)
        line, _, self._buffer = self._buffer.partition(b"\0")
        told: dict[str, Any] = json.loads(line)
        return told

    def _keep(self, told: dict[str, Any]) -> None:
        method, about = told.get("method"), told.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"]))
        elif method == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.complaints.append(about["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.complaints.append(str([argument.get("value") for argument in about["args"]]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
