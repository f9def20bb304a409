"""Plays a scenario with SIPp and grades every party, not only the caller.

A party has played its part when SIPp says so (exit status 0: everything expected came, every check matched). On top of that
`grading` judges what any leg of any call must keep to. A failure shows the messages of all parties.
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from scenarios.office import Draft, Grader
from scenarios.script import NAMED, NAMED_ESCAPED, Script
from tests.support.network import bound, wait_for

DEADLINE = 45.0
"""Seconds in which a scenario must be over."""
GRACE = 0.5
"""Seconds that the others have left once a party has failed: nothing they are waiting for will come."""
DIALOG_SECONDS = 15.0
"""How long a party waits for the dialog that it names."""

_ENTRY = re.compile(rb"^-{10,} (\d{4}-\d\d-\d\d) (\d\d):(\d\d):([\d.]+)\r?\n(UDP|TCP) message (sent|received) [\[(](\d+)", re.M)


@dataclass(frozen=True)
class Message:
    """A message as one party sent or received it; `when` in seconds of the day."""

    when: float
    sent: bool
    text: str

    @cached_property
    def _parts(self) -> tuple[str, list[tuple[str, str]], str]:
        head, _, body = self.text.partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return start, [(name.strip().lower(), value.strip()) for name, _, value in pairs], body

    @property
    def start(self) -> str:
        """The first line."""
        return self._parts[0]

    @property
    def head(self) -> str:
        """First line and headers."""
        return self.text.partition("\r\n\r\n")[0]

    @property
    def body(self) -> str:
        """What follows the empty line."""
        return self._parts[2]

    @property
    def status(self) -> int | None:
        """The status of a response, None for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else None

    @property
    def method(self) -> str:
        """The method of a request; of a response, that of its CSeq."""
        return self.start.split()[0] if self.status is None else self.get("CSeq").split()[-1]

    def all(self, name: str) -> list[str]:
        """Every value of a header, one per line."""
        return [value for key, value in self._parts[1] if key == name.lower()]

    def get(self, name: str) -> str:
        """The first value of a header, "" when it is not there."""
        return next(iter(self.all(name)), "")

    @property
    def opens(self) -> bool:
        """Whether this is an INVITE outside any dialog."""
        return self.status is None and self.method == "INVITE" and "tag=" not in self.get("To")


def read_trace(path: Path) -> list[Message]:
    """The messages in a log that SIPp wrote with -trace_msg."""
    if not path.exists():
        return []
    data = path.read_bytes()
    found = []
    for entry in _ENTRY.finditer(data):
        hour, minute, second, size = float(entry[2]), float(entry[3]), float(entry[4]), int(entry[7])
        start = data.index(b"\n\n", entry.end()) + 2
        text = data[start : start + size].decode("utf-8", "surrogateescape")
        found.append(Message(hour * 3600 + minute * 60 + second, entry[6] == b"sent", text))
    return found


def _tag(address: str) -> str:
    found = re.search(r";\s*tag=([^;>\s]+)", address)
    return found[1] if found else ""


@dataclass
class Party:
    """One SIPp process."""

    script: Script
    folder: Path
    arguments: list[str] | None = None
    """Another command line than the script's own."""
    process: subprocess.Popen[bytes] | None = None
    status: int | None = None
    stopped: bool = False

    @property
    def xml(self) -> Path:
        """The scenario file."""
        return self.folder / f"{self.script.name}.xml"

    def _file(self, kind: str) -> Path:
        return self.folder / f"{self.script.name}.{kind}"

    def start(self, server: str, named: str = "") -> None:
        """Writes the scenario file and starts SIPp; a party that waits for calls is ready when this returns. `named`: a dialog."""
        xml = self.script.xml().replace(NAMED, named).replace(NAMED_ESCAPED, quote(named, safe=""))
        self.xml.write_text(xml, encoding="utf-8")
        for name, data in self.script.files.items():
            (self.folder / name).write_bytes(data)
        command = [
            *(self.arguments or self.script.command(server, self.xml)),
            "-trace_msg", "-message_file", str(self._file("messages")), "-trace_err", "-error_file", str(self._file("errors")),
        ]  # fmt: skip
        with self._file("screen").open("wb") as screen:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=screen, stderr=subprocess.STDOUT, cwd=self.folder)
        if not self.script.calls:
            seat = self.script.seat
            wait_for(lambda: self.over() or bound(seat.ip, seat.port, seat.transport), f"SIPp on {seat.ip}:{seat.port}")

    def over(self) -> bool:
        """Whether the process has ended."""
        assert self.process is not None
        if self.status is None:
            self.status = self.process.poll()
        return self.status is not None

    def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        if self.process is None or self.over():
            return
        self.stopped = True
        for how in (signal.SIGTERM, signal.SIGKILL):
            self.process.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                self.status = self.process.wait(5)
                return

    @property
    def trace(self) -> list[Message]:
        """What it sent and received."""
        return read_trace(self._file("messages"))

    def dialog(self) -> str:
        """Its dialog, as a Replaces header names it; "" before there is one."""
        ids = [(each.get("Call-ID"), _tag(each.get("To")), _tag(each.get("From"))) for each in self.trace if each.method == "INVITE"]
        return next((f"{call_id};to-tag={to};from-tag={from_}" for call_id, to, from_ in ids if to and from_), "")

    @property
    def complaint(self) -> str | None:
        """Why this party has not played its part, None when it has."""
        if self.process is None:
            return "never had its turn"
        if self.script.silent:
            return f"was to be left alone, got {self.trace[0].start}" if self.trace else None
        if self.stopped:
            return "was still waiting when the others had ended"
        return None if self.status == 0 else f"SIPp exit status {self.status}, {self._reason()}"

    def _reason(self) -> str:
        """The first thing that SIPp complains about, without the message that follows it."""
        errors = self._file("errors")
        words = errors.read_text(encoding="utf-8", errors="replace") if errors.exists() else ""
        found = re.search(r"\t[\d.]+: ([^\n]*)", words)
        return found[1].strip()[:300] if found else "no reason given"

    def report(self) -> str:
        """Its state, SIPp's own words, and all its messages."""
        if self.process is None:
            return f"===== {self.script.name}: {self.complaint}"
        errors = self._file("errors")
        words = errors.read_text(encoding="utf-8", errors="replace").strip() if errors.exists() else ""
        if not self.trace and not words:
            words = self._file("screen").read_text(encoding="utf-8", errors="replace")[-1500:]
        lines = [f"===== {self.script.name} ({self.script.seat.ip}): {self.complaint or 'ok'}", words]
        for each in self.trace:
            lines += [f"--- {'sent' if each.sent else 'received'} at {each.when:.3f}", each.text.replace("\r", "").strip()]
        return "\n".join(lines)


@dataclass
class Play:
    """One run of one scenario."""

    draft: Draft
    folder: Path
    parties: list[Party] = field(default_factory=list)

    def run(self, server: str) -> None:
        """Plays all parties against `server` ("host:port"); judge afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.parties = [Party(script, self.folder) for script in self.draft.scripts]
        try:
            for party in [party for party in self.parties if party.script.before]:
                party.start(server)
                self._wait([party])
            for act in sorted({script.act for script in self.draft.scripts}):
                parties = [party for party in self.parties if party.script.act == act and not party.script.before]
                if not self._perform(parties, server):
                    return
        finally:
            for party in self.parties:
                party.stop()

    def _perform(self, parties: Sequence[Party], server: str) -> bool:
        """Plays one act: those who wait, then those who call; whether all went well."""
        for party in sorted(parties, key=lambda party: (party.script.calls, bool(party.script.names))):
            named = self._dialog_of(party.script.names, parties) if party.script.names else ""
            if named is not None:
                party.start(server, named)
        self._wait([party for party in parties if not party.script.silent and party.process is not None])
        for party in parties:
            party.stop()
        return not any(party.complaint for party in parties)

    @staticmethod
    def _dialog_of(name: str, parties: Sequence[Party]) -> str | None:
        """The dialog of another party, as soon as there is one; None when there is not."""
        other = next(party for party in parties if party.script.name == name)
        with suppress(TimeoutError):
            return wait_for(other.dialog, f"the dialog of {name}", DIALOG_SECONDS)
        return None

    def succeeds(self, server: str) -> bool:
        """Plays it, and says whether every party has played its part."""
        self.run(server)
        return not any(party.complaint for party in self.parties)

    def _wait(self, parties: Sequence[Party]) -> None:
        """Until all have ended, or one has failed and the others had their time to notice."""
        deadline = time.monotonic() + DEADLINE
        while not all(party.over() for party in parties) and time.monotonic() < deadline:
            if any(party.over() and party.status for party in parties):
                deadline = min(deadline, time.monotonic() + GRACE)
            time.sleep(0.02)

    @property
    def traces(self) -> Mapping[str, list[Message]]:
        """What every party saw, by its name."""
        return {party.script.name: party.trace for party in self.parties}

    def report(self) -> str:
        """Everything about everyone."""
        return "\n".join(party.report() for party in self.parties)

    def judge(self, *graders: Grader) -> None:
        """Raises AssertionError, with the report, unless every party and every grader is content."""
        complaints = [f"{party.script.name}: {party.complaint}" for party in self.parties if party.complaint]
        if not complaints:
            for grader in (*graders, *self.draft.graders):
                try:
                    grader(self.traces)
                except AssertionError as error:
                    complaints.append(str(error))
        if complaints:
            raise AssertionError(f"{self.draft.name}: " + "; ".join(complaints) + "\n" + self.report())
