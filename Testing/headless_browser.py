"""Chromium without a window, driven over a pipe by its DevTools protocol: no port, no further package."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from select import select
from time import monotonic, sleep
from types import TracebackType
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = "--headless --no-sandbox --disable-gpu-sandbox --use-angle=swiftshader --enable-unsafe-swiftshader --hide-scrollbars --no-first-run --mute-audio"
SECONDS = 60.0
STARTER = """import os, sys
ends = [os.dup(os.dup(os.dup(int(end)))) for end in sys.argv[1:3]]
os.dup2(ends[0], 3), os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])"""
"""The browser reads from 3 and writes to 4; dup's new ends lie above both."""


def chromium() -> str:
    """The program; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None or sys.platform == "win32":
        pytest.skip("no Chromium was found, so that the page is not looked at in a browser")
    return found


class HeadlessBrowser:
    """One page.

    Args:
        folder: an empty one, for the browser's own files.
        size: of the window in pixels.
    """

    def __init__(self, folder: Path, size: tuple[int, int] = (1280, 800)) -> None:
        (self._read, theirs_out), (theirs_in, self._write) = os.pipe(), os.pipe()
        command = [chromium(), *FLAGS.split(), f"--window-size={size[0]},{size[1]}", f"--user-data-dir={folder}", "--remote-debugging-pipe"]
        starter = [sys.executable, "-c", STARTER, str(theirs_in), str(theirs_out), *command]
        silent = subprocess.DEVNULL
        self._process = subprocess.Popen(starter, pass_fds=(theirs_in, theirs_out), stdin=silent, stdout=silent, stderr=silent)
        os.close(theirs_in)
        os.close(theirs_out)
        self._unread, self._number, self._session, self.events = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)

    def __enter__(self) -> HeadlessBrowser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the browser answers to a command of the protocol."""
        self._number += 1
        said = {"id": self._number, "method": method, "params": parameters, **({"sessionId": self._session} if self._session else {})}
        os.write(self._write, json.dumps(said).encode() + b"\0")
        until = monotonic() + SECONDS
        while monotonic() < until:
            message = self._message(until)
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)
        raise AssertionError(f"no answer to {method}")

    def _message(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select([self._read], [], [], max(0.0, until - monotonic()))
            block = os.read(self._read, 1 << 20) if ready else b""
            assert block, "the browser ended, or does not answer"
            self._unread += block
        first, _, self._unread = self._unread.partition(b"\0")
        return json.loads(first)

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)

    def value(self, script: str) -> Any:
        """What a script gives, awaited."""
        told = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait_for(self, script: str, seconds: float = SECONDS) -> None:
        """Until a script gives what is true."""
        until = monotonic() + seconds
        while not self.value(f"!!({script})"):
            assert monotonic() < until, f"in vain waited for: {script}\n{self.complaints()}"
            sleep(0.1)

    def click(self, selector: str) -> None:
        self.value(f"document.querySelector({json.dumps(selector)}).click()")

    def choose_files(self, selector: str, paths: list[Path]) -> None:
        """Gives files to a field, as if a person had chosen them."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def complaints(self) -> list[str]:
        """Errors that the page and the browser have told of so far."""
        self.value("0")
        told = []
        for event in self.events:
            if event.get("method") == "Runtime.exceptionThrown":
                told.append(json.dumps(event["params"]["exceptionDetails"])[:600])
            elif event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                told.append(event["params"]["entry"]["text"])
        return told
