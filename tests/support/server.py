"""The server under test, as a process of its own."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from b2bua.media.sockets import socket_path
from tests.support.network import wait_for

START_SECONDS = 20.0
STOP_SECONDS = 15.0
IDLE_SECONDS = 64 * 0.5 + 8
"""After the last message: 64·T1 until the last transaction is forgotten, and some air."""


class Server:
    """`b2bua run --config FILE`, from the `ready` line until SIGTERM has done its work."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.log = config.parent / "server.log"
        settings = yaml.safe_load(config.read_text(encoding="utf-8"))
        self.http = settings["http"]["listen"]
        self.address = settings["listen"][0].partition("://")[2]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "b2bua", "run", "--config", str(self.config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            wait_for(self._ready, f"the server to be ready:\n{self.tail()}", START_SECONDS)
        except (TimeoutError, RuntimeError) as error:
            self.stop()
            raise RuntimeError(f"{error}\n{self.tail()}") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the server ended with status {self._process.returncode}")
        if not re.search(rb"\bready\b", self.log.read_bytes()):
            return False
        with suppress(OSError):
            return bool(self.health().get("status") == "ok")
        return False

    def stop(self) -> int | None:
        """SIGTERM, and SIGKILL when that is not heard; the exit status."""
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        return process.returncode

    def kill(self) -> None:
        """SIGKILL: nothing is put in order. Its log is kept under another name."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(5)
        self.log.rename(self.log.with_suffix(".killed.log"))

    def media_lives(self) -> bool:
        """Whether there is a media process, with the server or without."""
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(socket_path(self.config.parent / "state")))
            return True
        return False

    def terminate(self) -> None:
        """Asks it to end, without waiting."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def reload(self) -> None:
        """Makes it read the directory again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def health(self) -> dict[str, Any]:
        """What `GET /health` says."""
        with urllib.request.urlopen(f"http://{self.http}/health", timeout=5) as answer:
            return dict(json.load(answer))

    def busy(self) -> dict[str, Any]:
        """Every count of /health that is not zero, without the registrations: empty when nothing is going on."""
        return {key: value for key, value in self.health().items() if key not in ("status", "registrations") and value}

    def wait_idle(self, seconds: float = IDLE_SECONDS) -> None:
        """Until nothing is going on; AssertionError says what still is."""
        try:
            wait_for(lambda: not self.busy(), "the server to be idle", seconds)
        except TimeoutError as error:
            raise AssertionError(f"{seconds:g} s after the last call the server still counts {self.busy()}") from error

    def history(self, extension: str | None = None) -> list[dict[str, Any]]:
        """What `b2bua history --json` prints, as everybody or as one user."""
        view = ["--as", extension] if extension else []
        command = [sys.executable, "-m", "b2bua", "history", "--config", str(self.config), *view, "--json"]
        answer = subprocess.run(command, capture_output=True, timeout=30, check=True)
        return list(json.loads(answer.stdout))

    def tail(self, lines: int = 60) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
