"""The organisation that is measured: written to a folder, one server started on it, pinned to one core."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

SERVER = "127.0.8.1"
PARTIES = "127.0.8.2"
SIP_PORT = 5060
HTTP_PORT = 8089
CALLER_PORT = 5080
CALLEE_PORT = 5070
ASSISTANT_PORTS = (5071, 5072, 5073)
"""Where the three assistants of 3000 listen; the last one answers."""
USERS = 1000
"""Users that register: user0000 to user0999 with secret0000 to secret0999."""

_SERVER_YAML = f"""\
domain: {SERVER}
listen: ["udp://{SERVER}:{SIP_PORT}"]
http: {{listen: "{SERVER}:{HTTP_PORT}"}}
directory: directory.yaml
state: state
trunks:
  - name: parties
    uri: "sip:{PARTIES}:{CALLER_PORT}"
    addresses: ["{PARTIES}"]
    trusted: true
    numbers: ['^\\+[0-9]+$']
digest: [MD5]                         # SIPp 3.6 knows no other
media: {{mode: MODE, address: {SERVER}, ports: 40000-49999}}
"""

_EXECUTIVE_YAML = """\
executives:
  - extension: "3000"
    filtering: {enabled: true, mode: simple, type: all}
    alerting: {mode: ring_all, ring_seconds: 30, executive: none}
    rollover: {after_seconds: null, action: hangup}
    assistants: ["3001", "3002", "3003"]
"""


def write(folder: Path, mode: str = "direct") -> Path:
    """Write the server's two files and SIPp's list of users into ``folder``; returns the server's file. ``mode`` is ``media.mode``."""
    users = [f'  - {{extension: "user{n:04d}", name: "User {n}", password: "secret{n:04d}"}}' for n in range(USERS)]
    users.append(f'  - {{extension: "1000", name: Callee, password: callee, contacts: ["sip:1000@{PARTIES}:{CALLEE_PORT}"]}}')
    users.append('  - {extension: "3000", name: Executive, password: executive}')
    for n, port in enumerate(ASSISTANT_PORTS, 1):
        users.append(f'  - {{extension: "300{n}", name: Assistant {n}, password: a{n}, contacts: ["sip:300{n}@{PARTIES}:{port}"]}}')
    (folder / "directory.yaml").write_text("\n".join(["organisation: Bench", "users:", *users, _EXECUTIVE_YAML]))
    csv = [f"user{n:04d};[authentication username=user{n:04d} password=secret{n:04d}]" for n in range(USERS)]
    (folder / "users.csv").write_text("\n".join(["SEQUENTIAL", *csv, ""]))
    config = folder / "b2bua.yaml"
    config.write_text(_SERVER_YAML.replace("MODE", mode))
    return config


class Server:
    """A server process on one core, and what the kernel says of it."""

    def __init__(self, config: Path, core: int) -> None:
        """Start it on what `write` has written; it listens for SIP and HTTP where that says."""
        self._log = (config.parent / "server.log").open("wb")
        command = [sys.executable, "-m", "b2bua", "run", "--config", str(config)]
        self._process = subprocess.Popen(
            command,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # no threads here
        )
        self._await_ready(Path(self._log.name))

    def _await_ready(self, log: Path) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if self.health()["status"] == "ok":
                    return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise SystemExit(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")

    def health(self) -> dict[str, Any]:
        """The answer of ``/health``. Raises OSError while nothing answers."""
        with urllib.request.urlopen(f"http://{SERVER}:{HTTP_PORT}/health", timeout=5) as answer:
            report: dict[str, Any] = json.load(answer)
            return report

    def cpu_seconds(self) -> float:
        """User and system time of the process and of its children."""
        return sum(_cpu_seconds(pid) for pid in self._pids())

    def cpu_split(self) -> tuple[float, float]:
        """The same apart: signalling, and its children, which is the media process."""
        own, *children = self._pids()
        return _cpu_seconds(own), sum(map(_cpu_seconds, children))

    def memory_kib(self) -> int:
        """Proportional set size of the process and of its children."""
        total = 0
        for pid in self._pids():
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        return total

    def _pids(self) -> list[int]:
        pids = [self._process.pid]
        for pid in pids:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            if children.exists():
                pids.extend(map(int, children.read_text().split()))
        return pids

    def stop(self) -> None:
        """End the server at once: what is measured is over."""
        if self._process.poll() is None:
            children = [os.pidfd_open(pid) for pid in self._pids()[1:]]
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            for child in children:  # the media process would stay for calls that may come back
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(child, signal.SIGKILL)
                os.close(child)
        self._log.close()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
