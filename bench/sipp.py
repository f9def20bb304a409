"""Runs SIPp with the scenarios in ``parties/`` and reads what it counted."""

import csv
import os
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench import server

SCENARIOS = Path(__file__).parent / "parties"
MOST_OPEN_CALLS = 15_000


@dataclass(frozen=True, slots=True)
class Count:
    """What one party counted: calls begun, done, failed, and requests it had to repeat."""

    created: int = 0
    completed: int = 0
    failed: int = 0
    retransmissions: int = 0
    open: int = 0


class Message(NamedTuple):
    """One that a party sent or received: seconds since the epoch, its Call-ID, and the method of its CSeq."""

    at: float
    sent: bool
    call: str
    method: str
    first_line: str


class Party:
    """One SIPp process on ``core`` with its files in ``folder``."""

    def __init__(self, folder: Path, name: str, scenario: str, port: int, core: int, *options: str) -> None:
        self._folder = folder
        self._stat = folder / f"{name}.csv"
        self._log = (folder / f"{name}.out").open("wb")
        command = ["sipp", "-sf", str(SCENARIOS / scenario), "-i", server.PARTIES, "-p", str(port), "-mp", str(port * 4)]
        command += ["-l", str(MOST_OPEN_CALLS), "-nostdin", "-trace_stat", "-stf", str(self._stat), "-fd", "1"]
        command += ["-buff_size", "4000000", "-timer_resol", "1", *options]
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # no threads here
        )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self, seconds: float) -> None:
        """Wait for the party's end, at most ``seconds``; then end it."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.stop()

    def stop(self) -> None:
        if not self.ended:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def count(self) -> Count:
        """The last line of its statistics."""
        if not self._stat.exists():
            return Count()
        with self._stat.open() as lines:
            rows = [row for row in csv.reader(lines, delimiter=";") if len(row) > 10]
        if len(rows) < 2:
            return Count()
        last = dict(zip(rows[0], rows[-1], strict=False))
        names = ("TotalCallCreated", "SuccessfulCall(C)", "FailedCall(C)", "Retransmissions(C)", "CurrentCall")
        return Count(*(int(last.get(name) or 0) for name in names))

    def latencies_ms(self, status: int) -> list[float]:
        """From the first request of each call to its first response with ``status``, sorted; needs ``-trace_shortmsg``."""
        return sorted(_latencies(self.messages(), f"SIP/2.0 {status}"))

    def messages(self) -> list[Message]:
        """What it sent and received, in order; needs ``-trace_shortmsg``."""
        logs = list(self._folder.glob(f"*_{self._process.pid}_shortmessages.log"))
        return _messages(logs[0]) if logs else []


def _messages(log: Path) -> list[Message]:
    with log.open(errors="replace") as lines:
        rows = (line.rstrip("\n").split("\t") for line in lines)
        return [Message(float(row[2]), row[3] == "S", row[4], row[5].rpartition(" ")[2], row[6]) for row in rows if len(row) >= 7]


def _latencies(messages: Iterable[Message], answer: str) -> list[float]:
    begun: dict[str, float] = {}
    found: dict[str, float] = {}
    for each in messages:
        if each.sent:
            begun.setdefault(each.call, each.at)
        elif each.call in begun and each.call not in found and each.first_line.startswith(answer):
            found[each.call] = 1000 * (each.at - begun[each.call])
    return list(found.values())


@dataclass(slots=True)
class Callees:
    """The parties that answer; started before the callers and ended after them."""

    folder: Path
    core: int
    parties: list[Party] = field(default_factory=list)

    def start(self, scenario: str, ring_ms: int = 50) -> None:
        """Those of ``scenario``: nobody for registrations. Who is not alone answers after ``ring_ms``."""
        if scenario == "basic":
            self._add("callee.xml", server.CALLEE_PORT)
        elif scenario == "fork":
            for port in server.ASSISTANT_PORTS[:-1]:
                self._add("loser.xml", port)
            self._add("callee.xml", server.ASSISTANT_PORTS[-1], "-d", str(ring_ms))
        time.sleep(0.5)
        for party in self.parties:
            if party.ended:
                raise SystemExit(f"a SIPp party ended at once; see {self.folder}")

    def _add(self, scenario: str, port: int, *options: str) -> None:
        self.parties.append(Party(self.folder, f"callee{port}", scenario, port, self.core, *options))

    def stop(self) -> None:
        for party in self.parties:
            party.stop()
        self.parties.clear()
