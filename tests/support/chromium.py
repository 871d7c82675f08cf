"""A headless Chromium that opens pages, over its debugging pipe: what it logs and requests, and screenshots."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
    *("--remote-debugging-pipe", "about:blank"),
)
#: Chromium reads commands from the first and writes answers to the second.
COMMANDS, ANSWERS = 3, 4
#: The largest height of a screenshot, in CSS pixels.
TALLEST = 8000


def needs_chromium() -> str:
    """The program. Skips without one."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.skip("chromium is not installed")
    return found


@dataclass
class Visit:
    """What a page did: its console lines and problems, and the addresses that it requested, its own first."""

    log: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


class Browser:
    """One tab."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._rest, self._number, self._session = b"", 0, ""
        self.visit = Visit()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, file: Path, *, width: int, scheme: str, script: bool = True) -> Visit:
        """Loads the page at that width, in a "dark" or "light" scheme; with or without JavaScript."""
        self.visit = Visit()
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self._resize(width, 800)
        self.call("Page.navigate", url=file.as_uri())
        self._wait("Page.loadEventFired")
        return self.visit

    def value(self, expression: str) -> Any:
        """Of an expression in the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def screenshot(self, file: Path, *, width: int) -> None:
        """Of the whole page, but for what is below TALLEST."""
        height = self.call("Page.getLayoutMetrics")["cssContentSize"]["height"]
        self._resize(width, min(int(height), TALLEST))
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def _resize(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _wait(self, event: str) -> None:
        while (answer := self._next()).get("method") != event:
            self._note(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._answers, 1 << 20)
            if not part:
                raise RuntimeError("Chromium ended.")
            self._rest += part
        whole, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(whole)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        given = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.visit.requests.append(given["request"]["url"])
            case "Log.entryAdded":
                self.visit.log.append(given["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.visit.log.append(json.dumps(given))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """`profile`: a new folder, for all that Chromium writes."""
    program = needs_chromium()
    to_browser, from_browser = os.pipe(), os.pipe()
    # The shell gives the pipes their numbers in the browser alone.
    typed = f'exec {COMMANDS}<&{to_browser[0]} {ANSWERS}>&{from_browser[1]} && exec "$@"'
    process = subprocess.Popen(
        ["bash", "-c", typed, "chromium", program, f"--user-data-dir={profile}", *FLAGS],
        pass_fds=(to_browser[0], from_browser[1]),
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser[0])
    os.close(from_browser[1])
    try:
        yield Browser(to_browser[1], from_browser[0])
    finally:
        os.close(to_browser[1])  # Chromium ends when its pipe does
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(from_browser[0])
