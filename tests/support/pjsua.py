"""PJSUA2 (PyPI `pjsua2-python`) as a phone: remote control of the process in pjsua_phone.py."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.audio import TONES, heard, write_tone
from tests.support.phone import Account, Events

ROOT = Path(__file__).resolve().parents[2]


class Pjsua:
    """One PJSUA2 process."""

    def __init__(self, account: Account, folder: Path) -> None:
        self.account = account
        self.events = Events(f"pjsua {account.user}")
        self._folder = folder / f"pjsua-{account.user}"
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._recordings = 0

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        account = self.account
        settings = {
            "ip": account.ip, "port": account.port, "user": account.user, "password": account.password,
            "domain": account.domain if account.server else f"{account.ip}:{account.port}", "server": account.server,
            "transport": account.transport, "tone": str(write_tone(self._folder / "tone.wav", account.tone)),
            "record": str(self._recording()), "log": str(self._folder / "log"), "codec": account.codec,
        }  # fmt: skip
        with (self._folder / "stderr").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.pjsua_phone", json.dumps(settings)],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        self._reader = threading.Thread(target=self._read, name=f"pjsua {account.user}", daemon=True)
        self._reader.start()
        try:
            self.events.wait("ready", 30)
            if account.server:
                self.events.wait("registered", 30)
        except BaseException:
            self._stop()
            print(self.log())
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        with suppress(OSError):
            self._tell("quit")
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        if self._reader is not None:
            self._reader.join(5)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with suppress(json.JSONDecodeError):  # the library writes a line of its own now and then
                self.events.add(**json.loads(line))

    def _tell(self, what: str, **details: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **details}).encode() + b"\n")
        self._process.stdin.flush()

    def _recording(self) -> Path:
        self._recordings += 1
        return self._folder / f"heard{self._recordings}.wav"

    # -- Phone

    def _uri(self, number: str) -> str:
        return number if number.startswith("sip:") else f"sip:{number.replace('#', '%23')}@{self.account.domain}"

    def dial(self, number: str, **headers: str) -> None:
        """Calls; a number is sent as a phone would, with `#` escaped. The call that the phone has becomes the other one."""
        self._tell("dial", uri=self._uri(number), headers=headers)

    def answer(self) -> None:
        """Takes the ringing call."""
        self._tell("answer")

    def hold(self) -> None:
        """Puts the call on hold."""
        self._tell("hold")

    def resume(self) -> None:
        """Takes the call back."""
        self._tell("resume")

    def hangup(self) -> None:
        """Ends or refuses the call."""
        self._tell("hangup")

    def hangup_all(self) -> None:
        """Ends every call of the phone, whatever it is doing."""
        self._tell("hang up all")

    def press(self, digits: str) -> None:
        """Keys, as telephone events (RFC 4733)."""
        self._tell("press", digits=digits)

    def press_info(self, digits: str) -> None:
        """Keys, as INFO with application/dtmf-relay."""
        self._tell("press", digits=digits, info=True)

    def transfer(self, number: str) -> None:
        """Sends the other party to a number (REFER)."""
        self._tell("transfer", uri=self._uri(number))

    def transfer_to_other(self) -> None:
        """Joins the other call's party to this call's party (REFER with Replaces)."""
        self._tell("transfer to other")

    def audible(self) -> float:
        """Seconds of the loudest tone in what it has heard since the recording began."""
        return max(heard(self.record(), hertz) for hertz in TONES)

    def record(self) -> Path:
        """The recording that is being written."""
        return self._folder / f"heard{self._recordings}.wav"

    def record_anew(self) -> Path:
        """Closes the recording and begins a new one; the path of the closed one."""
        closed, begun = self.record(), self._recording()
        self._tell("record", path=str(begun))
        self.events.wait("recording", path=str(begun))
        return closed

    def log(self) -> str:
        """Its log with every SIP message."""
        words = [self._folder / "stderr", self._folder / "log"]
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in words if path.exists())
