"""A real browser for the tests of the page: Chromium over a pipe (its DevTools protocol)."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip


class Page:
    """One tab: what it logged, what it asked the network for, and what its document says."""

    def __init__(self, to_browser: Any, from_browser: Any) -> None:
        self._out, self._in, self._number, self._session = to_browser, from_browser, 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self.events.append(answer)

    def _read(self) -> dict[str, Any]:
        parts = []
        while (byte := self._in.read(1)) != b"\0":
            assert byte, "the browser closed its pipe"
            parts.append(byte)
        return json.loads(b"".join(parts))

    def ask(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, path: Path, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Show a report without a network, and wait until its figures are drawn."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.call("Network.emulateNetworkConditions", offline=True, **conditions)
        self.call("Page.navigate", url=path.as_uri())
        deadline = time.monotonic() + 40
        while self.ask("document.documentElement?.dataset.ready") != "true":
            assert time.monotonic() < deadline, f"the page was not drawn: {self.faults()}"
            time.sleep(0.1)

    def faults(self) -> list[str]:
        """Errors and warnings of the console, exceptions, and what the policy refused."""
        bad = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            logged = method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning")
            called = method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning")
            if logged or called or method == "Runtime.exceptionThrown":
                bad.append(json.dumps(params)[:400])
        return bad

    def requests(self) -> list[str]:
        """The addresses that were asked for, except what lies in the page."""
        asked = [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]
        return [url for url in asked if not url.startswith(("data:", "blob:"))]

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser() -> Iterator[Page]:
    """A fresh Chromium, ended afterwards."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        ours_in, its_out = os.pipe()
        its_in, ours_out = os.pipe()

        def wire() -> None:
            # Chromium reads from 3 and writes to 4; both are free only once moved out of the way.
            spare_in, spare_out = os.dup(its_in), os.dup(its_out)
            os.dup2(spare_in, 3)
            os.dup2(spare_out, 4)

        process = subprocess.Popen(
            [CHROMIUM, *_SWITCHES, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=wire,  # noqa: PLW1509 (no thread is running yet)
            close_fds=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(its_in)
        os.close(its_out)
        try:
            with os.fdopen(ours_out, "wb") as to_it, os.fdopen(ours_in, "rb") as from_it:
                yield Page(to_it, from_it)
        finally:
            process.terminate()
            process.wait(timeout=20)
