"""baresip (Debian's, 1.0) as a phone: no window, no sound card, commands and events over its TCP control socket.

It says a tone from a file and records what it decodes (module sndfile), until the first hold. Its RTP sockets are bound to no address, so
the kernel sends from 127.0.0.1 whatever its SIP address is, and an engine that takes sound from nowhere but the party's address drops
it: every baresip sits at 127.0.0.1, on ports of its own. Debian's build knows MD5 digest only, and gives up when
any other algorithm is offered beside it: a server for it is configured with `digest: [MD5]`.
"""

from __future__ import annotations

import json
import queue
import re
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.audio import RATE, write_tone
from tests.support.network import free_port, wait_for
from tests.support.phone import Account, Events

IP = "127.0.0.1"

_CONFIG = """\
poll_method epoll
net_interface {ip}
sip_listen {ip}:{port}
call_local_timeout 120
call_max_calls 4
audio_path {folder}
audio_player aubridge,nowhere
audio_source aufile,{tone}
audio_alert aubridge,alert
rtp_ports 10000-10998
jitter_buffer_delay 0-1
module_path {modules}
module g711.so
{codec}
module sndfile.so
module aufile.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {ip}:{control}
snd_path {folder}
"""
_MODULES = ("/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules")
_KINDS = {
    "REGISTER_FAIL": "register failed",
    "CALL_INCOMING": "incoming", "CALL_RINGING": "ringing", "CALL_PROGRESS": "ringing",
    "CALL_ESTABLISHED": "established", "CALL_CLOSED": "closed", "CALL_REMOTE_SDP": "session",
}  # fmt: skip


class Baresip:
    """One baresip process."""

    def __init__(self, account: Account, folder: Path) -> None:
        self.account = replace(account, ip=IP, port=free_port())
        self._control_port = free_port()
        self.events = Events(f"baresip {account.user}")
        self._folder = folder / f"baresip-{account.user}"
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._reader = threading.Thread(target=self._read, name=f"baresip {account.user}", daemon=True)
        self._answers: queue.Queue[str] = queue.Queue()

    def __enter__(self) -> Self:
        self._configure()
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["baresip", "-s", "-f", str(self._folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._control = wait_for(self._connect, "the control socket of baresip")
            self._reader.start()
            if self.account.server:  # it may have registered before we could hear of it: its log tells
                wait_for(lambda: re.search(r"200 OK \(.*\[\d+ binding", self.log()), "baresip to register")
        except BaseException:
            self._stop()
            print(self.log())
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def _configure(self) -> None:
        account = self.account
        self._folder.mkdir(parents=True)
        opus = account.codec == "opus"
        tone = write_tone(self._folder / "tone.wav", account.tone, rate=48000 if opus else RATE, channels=2 if opus else 1)
        modules = next((path for path in _MODULES if Path(path).is_dir()), _MODULES[0])
        here = {"ip": account.ip, "port": account.port, "folder": self._folder, "control": self._control_port, "codec": "module opus.so" if opus else ""}
        (self._folder / "config").write_text(_CONFIG.format(tone=tone, modules=modules, **here))
        where = f'outbound="sip:{account.server};transport={account.transport}";regint=300' if account.server else "regint=0"
        host = account.domain if account.server else f"{account.ip}:{account.port}"
        codec = "opus/48000/2" if opus else account.codec.lower()
        (self._folder / "accounts").write_text(
            f"<sip:{account.user}@{host}>;auth_user={account.user};auth_pass={account.password};audio_codecs={codec};{where}\n"
        )
        (self._folder / "contacts").touch()

    def _connect(self) -> socket.socket | None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"baresip ended with status {self._process.returncode}\n{self.log()}")
        with suppress(OSError):
            control = socket.create_connection((IP, self._control_port), timeout=2)
            control.settimeout(None)
            return control
        return None

    def _stop(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        if self._control is not None:
            with suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)
            if self._reader.is_alive():
                self._reader.join(5)
            self._control.close()

    def _read(self) -> None:
        """Netstrings of JSON: answers to commands, and events."""
        assert self._control is not None
        buffer = b""
        with suppress(OSError):
            while data := self._control.recv(65536):
                buffer += data
                while (colon := buffer.find(b":")) > 0 and len(buffer) >= (end := colon + 1 + int(buffer[:colon])) + 1:
                    self._happened(json.loads(buffer[colon + 1 : end]))
                    buffer = buffer[end + 1 :]

    def _happened(self, message: dict[str, Any]) -> None:
        if message.get("response"):
            self._answers.put(str(message.get("data", "")))
        else:
            self.events.add(_KINDS.get(message["type"], message["type"]), **message)

    def _command(self, name: str, parameter: str = "") -> str:
        """Gives one command; what baresip says to it."""
        assert self._control is not None
        text = json.dumps({"command": name, "params": parameter}).encode()
        self._control.sendall(str(len(text)).encode() + b":" + text + b",")
        return self._answers.get(timeout=5)

    # -- Phone

    def dial(self, number: str) -> None:
        """Calls; a number is sent as a phone would, with `#` escaped."""
        target = number if number.startswith("sip:") else f"sip:{number.replace('#', '%23')}@{self.account.domain}"
        self._command("dial", target)

    def answer(self) -> None:
        """Takes the ringing call."""
        self._command("accept")

    def hold(self) -> None:
        """Puts the call on hold."""
        self._command("hold")

    def resume(self) -> None:
        """Takes the call back."""
        self._command("resume")

    def hangup(self) -> None:
        """Ends or refuses the call."""
        self._command("hangup")

    def press(self, digits: str) -> None:
        """Keys, as telephone events (RFC 4733)."""
        self._command("sndcode", digits)

    def transfer(self, number: str) -> None:
        """Sends the other party to a number (REFER)."""
        self._command("transfer", number if number.startswith("sip:") else f"sip:{number}@{self.account.domain}")

    def audible(self) -> float:
        """Seconds of RTP received in this call, from whichever source: music, for one, is another than who holds."""
        return sum(int(received) for received in re.findall(r"rcvd=(\d+)", self._command("audio_debug"))) * 0.02

    def record(self) -> Path:
        """The recording of the newest call, without the time in which nothing came in, and only until the first hold.

        baresip 1.0 loses its recording filter when it is put on hold or holds; what it hears after that only `audible` tells.
        """
        return max(self._folder.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime, default=self._folder / "none.wav")

    def log(self) -> str:
        """Its log with every SIP message."""
        log = self._folder / "log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
