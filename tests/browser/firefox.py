"""Firefox as the system has it, driven by its own protocol (Marionette): JSON over a socket of this machine.

Source: https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html; the commands are those of WebDriver.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any

NAMES = ("firefox-esr", "firefox")
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Space": " "}
PREFERENCES = {
    "marionette.port": 0,  # any that is free
    "network.proxy.type": 1,  # and nothing listens there: no network
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
}
PATIENCE = 60.0


def program() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class Firefox:
    """One window, until the end of the ``with``."""

    def __init__(self, path: str, profile: Path) -> None:
        self.path, self.profile, self.asked = path, profile, 0
        self.stream: IO[bytes] | None = None

    def __enter__(self) -> Firefox:
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
        (self.profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
        self.process = subprocess.Popen(
            [self.path, "--headless", "--marionette", "--no-remote", "--profile", self.profile],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with socket.create_connection(("127.0.0.1", self._port()), timeout=PATIENCE) as connection:
                self.stream = connection.makefile("rwb")  # which keeps the connection
            self._read()  # it says who it is
            self.ask("WebDriver:NewSession", capabilities={})
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.stream is not None:
            self.stream.close()
        self.process.kill()
        self.process.wait()

    def ask(self, command: str, **told: Any) -> Any:
        self.asked += 1
        assert self.stream is not None
        text = json.dumps([0, self.asked, command, told]).encode()
        self.stream.write(b"%d:%s" % (len(text), text))
        self.stream.flush()
        _, number, error, answer = self._read()
        assert number == self.asked
        if error:
            raise AssertionError(f"{command}: {error['message']}")
        return answer.get("value", answer) if isinstance(answer, dict) else answer

    def run(self, script: str, *args: Any) -> Any:
        """Run the body of a function, and return what it returns."""
        return self.ask("WebDriver:ExecuteScript", script=script, args=args)

    def press(self, *keys: str) -> None:
        each = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self.ask("WebDriver:PerformActions", actions=[{"type": "key", "id": "keyboard", "actions": each}])

    def _port(self) -> int:
        end, there = time.monotonic() + PATIENCE, self.profile / "MarionetteActivePort"
        while time.monotonic() < end:
            if there.is_file() and there.read_text().strip():
                return int(there.read_text())
            time.sleep(0.1)
        raise AssertionError(f"Firefox did not open a port in {PATIENCE:g} s")

    def _read(self) -> Any:
        assert self.stream is not None
        digits = b""
        while (one := self.stream.read(1)) != b":":
            assert one, "Firefox has gone"
            digits += one
        return json.loads(self.stream.read(int(digits)))
