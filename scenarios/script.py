"""One SIPp party, written as the sequence of messages it sends and expects.

A `Script` turns method calls into the elements of a SIPp scenario file, in order; its subclasses in `parties` know their side of
a call. A failed check fails the party, and SIPp's exit status says so.

Nothing here is clever about time: SIPp takes a message that arrives during a pause for an error, and that is what we want.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from scenarios import tones
from scenarios.checks import Check, has, quoted, session, somewhere

RINGING_SECONDS = 20.0
"""How long a party waits at most for the next message that it expects."""
MEDIA_PORT, CONTROL_PORT = "26000", "28888"
"""The same for everybody, each on its own address; not SIPp's defaults, which another SIPp may hold on all addresses."""
SDP_TYPE = "Content-Type: application/sdp"
NAMED, NAMED_ESCAPED = "{{dialog}}", "{{escaped dialog}}"
"""In the scenario file of a party that names the dialog of another one."""
ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, REFER, NOTIFY"
"""Of a phone that is told by UPDATE whom it is connected with now."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a party sits: its address, and the account it uses there. `password` is None for a trunk (no digest)."""

    ip: str
    user: str
    display: str
    domain: str
    password: str | None = None
    transport: str = "udp"
    port: int = 5060
    login: str = ""
    """The digest user, when it is another one than `user`."""

    @property
    def contact(self) -> str:
        """The URI at which this party takes calls."""
        suffix = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:{self.user}@{self.ip}:{self.port}{suffix}"


class Script:
    """The messages of one party, in the order in which it sends and expects them."""

    calls = True
    """Whether this party begins (SIPp client) or waits (SIPp server)."""

    def __init__(self, name: str, seat: Seat) -> None:
        self.name = name
        self.seat = seat
        self.silent = False
        self.before = False
        self.act = 1
        self.echo = False
        self.files: dict[str, bytes] = {}
        """What stands beside the scenario file, by name."""
        self.auth_uri = f"{seat.user}@{seat.domain}"
        self.names = ""
        """The party whose dialog this one names, and for which it waits."""
        self._steps: list[str] = []
        self._kept: set[str] = set()
        self._transactions = 0
        self._labels = 0
        self._cseq = 0
        self._version = 1
        self._local = ""
        self._remote = ""
        self._target = "[$target]"

    # -- the elements of SIPp

    def send(self, start: str, headers: Iterable[str], body: str = "", *, again: bool = False) -> Self:
        """Sends one message; `again` repeats it until the answer comes (RFC 3261 §17.1)."""
        lines = [start, *(line for line in headers if line)]
        if not any(line.startswith("Content-Length:") for line in lines):
            lines.append("Content-Length: [len]" if body else "Content-Length: 0")
        text = "\n".join(lines) + "\n\n" + body
        repeat = ' retrans="500"' if again else ""
        self._steps.append(f"<send{repeat}><![CDATA[\n{text}\n]]></send>")
        return self

    def recv(
        self,
        what: int | str,
        *checks: Check,
        keep: dict[str, tuple[str, str]] | None = None,
        optional: bool = False,
        auth: bool = False,
    ) -> Self:
        """Expects a response (its status) or a request (its method). `keep`: variable -> (header, expression) for later use."""
        kind = "response" if isinstance(what, int) else "request"
        flags = "".join(f' {flag}="true"' for flag, on in (("optional", optional), ("auth", auth)) if on)
        limit = "" if optional else f' timeout="{RINGING_SECONDS * 1000:.0f}"'
        kept = [
            f'<ereg regexp={quoted(regexp)} search_in="hdr" header="{header}:" case_indep="true" assign_to="{variable}"/>'
            for variable, (header, regexp) in (keep or {}).items()
        ]
        self._kept.update(keep or {}, ["seen"] if checks else [])
        actions = "".join(f"\n  {action}" for action in [*kept, *checks])
        inside = f">\n <action>{actions}\n </action>\n</recv>" if actions else "/>"
        self._steps.append(f'<recv {kind}="{what}"{flags}{limit}{inside}')
        return self

    def either(self, *statuses: int) -> Self:
        """Expects any one of these final responses."""
        self._labels += 1
        for status in statuses[:-1]:
            self._steps.append(f'<recv response="{status}" optional="true" next="{self._labels}"/>')
        self.recv(statuses[-1])
        self._steps.append(f'<label id="{self._labels}"/>')
        return self.pause(0.01)

    def pause(self, seconds: float) -> Self:
        """Does nothing; anything that arrives meanwhile fails the party."""
        self._steps.append(f'<pause milliseconds="{seconds * 1000:.0f}"/>')
        return self

    def plays(self, file: Path) -> Self:
        """Sends this sound from here on: a file of what G.711 µ-law puts into packets, over and over."""
        self._steps.append(f'<nop><action><exec rtp_stream={quoted(f"{file},-1,0")}/></action></nop>')
        return self

    def sound_at(self, port: int) -> Self:
        """The descriptions so far name this port on our address: somebody else speaks and listens there."""
        self._steps = [step.replace("[media_port]", str(port)) for step in self._steps]
        return self

    def listen(self, seconds: float) -> Self:
        """After the end of the call: stays for a while, so that whatever still arrives is seen."""
        self._steps.append(f'<timewait milliseconds="{seconds * 1000:.0f}"/>')
        return self

    def xml(self) -> str:
        """The scenario file."""
        steps = "\n".join(self._steps)
        variables = ",".join(sorted(self._kept))  # SIPp refuses variables that are set and never read
        reference = f'<Reference variables="{variables}"/>\n' if variables else ""
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name={quoted(self.name)}>\n{steps}\n{reference}</scenario>\n'

    def command(self, server: str, xml: Path | str) -> list[str]:
        """The SIPp command line that plays this party against `server` ("host:port")."""
        ip = self.seat.ip
        target = [server] if self.calls else []
        return [
            "sipp", *target, "-sf", str(xml), "-i", ip, "-p", str(self.seat.port), "-bind_local", "-mi", ip, "-mp", MEDIA_PORT,
            "-ci", ip, "-cp", CONTROL_PORT, "-t", "t1" if self.seat.transport == "tcp" else "u1", "-m", "1", "-l", "1", "-nostdin",
            "-auth_uri", self.auth_uri, "-timeout", "60s", "-timeout_error", *(["-rtp_echo"] if self.echo else []),
        ]  # fmt: skip

    # -- SIP

    def _via(self, again: bool = False) -> str:
        """A Via with a new branch, or with the one of the last request."""
        if not again:
            self._transactions += 1
        branch = f"z9hG4bK-[pid]-[call_number]-{self.name}-{self._transactions}"
        return f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch};rport"

    @property
    def _contact(self) -> str:
        return f"Contact: <{self.seat.contact}>"

    def _proof(self, password: str | None = None) -> str:
        login = self.seat.login or self.seat.user
        return f"[authentication username={login} password={password or self.seat.password}]"

    def _same(self) -> list[str]:
        """The headers of a response that are those of the request just received."""
        return ["[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"]

    def request(self, method: str, *headers: str, body: str = "", cseq: int | None = None) -> Self:
        """Sends a request inside the dialog; `cseq` only when it must be another one than the next."""
        self._cseq += 1
        number = self._cseq if cseq is None else cseq
        return self.send(
            f"{method} {self._target} SIP/2.0",
            [
                self._via(), "Max-Forwards: 70", f"From: {self._local}", f"To: {self._remote}", "Call-ID: [call_id]",
                f"CSeq: {number} {method}", self._contact, *headers,
            ],
            body,
            again=True,
        )  # fmt: skip

    def done(self, status: int, method: str, *checks: Check) -> Self:
        """Expects the final response to a request of ours."""
        return self.recv(status, has("CSeq", f" {method}"), *checks)

    def served(self, method: str, *checks: Check, status: int = 200, headers: Iterable[str] = (), body: str = "") -> Self:
        """Expects a request inside the dialog and answers it."""
        self.recv(method, *checks)
        return self.send(f"SIP/2.0 {status} {reason(status)}", [*self._same(), self._contact, *headers], body)

    def press(self, keys: str, *, plain: bool = False) -> Self:
        """Keys in the call, as a phone sends them that knows no telephone events: one INFO each, in one of the two ways in use."""
        for key in keys:
            kind, body = ("dtmf", key) if plain else ("dtmf-relay", f"Signal={key}\nDuration=160\n")
            self.request("INFO", f"Content-Type: application/{kind}", body=body).done(200, "INFO")
        return self

    def sound(self, keys: str) -> Self:
        """Keys as tones in the sound; the party has described itself by `checks.without_events`."""
        name = f"{self.name}-{len(self.files) + 1}.pcmu"
        self.files[name] = tones.keys(keys)
        self._steps.append(f'<nop><action><exec rtp_stream="{name},1,0"/></action></nop>')
        return self

    def dialog_of(self, other: Script, *, escaped: bool = False) -> str:
        """The value of a Replaces or Join header for the dialog of another party, which this one does not begin before. `escaped`: for a URI.

        Only who plays the parties can know it, so it stands here as `NAMED`, or `NAMED_ESCAPED`.
        """
        self.names = other.name
        return NAMED_ESCAPED if escaped else NAMED

    def refer(self, to: str, *headers: str) -> Self:
        """Asks the server to send the other party to a number, or to a URI without its scheme (RFC 3515)."""
        return self.request("REFER", f"Refer-To: <sip:{to if '@' in to else f'{to}@{self.seat.domain}'}>", *headers)

    def notified(self, *statuses: int) -> Self:
        """Is told how that goes, step by step; with the final one the subscription ends (RFC 3515 §2.4.4)."""
        for status in statuses:
            state = "active" if status < 200 else "terminated"
            self.served("NOTIFY", has("Event", "^ *refer"), has("Subscription-State", f"^ *{state}"), somewhere(f"SIP/2.0 {status} "))
        return self

    def meets(self, *checks: Check) -> Self:
        """Is told with whom it is connected now (RFC 5876 §3.2); its phone has said that it knows UPDATE."""
        return self.served("UPDATE", has("P-Asserted-Identity", "<sip:"), *checks)

    def bye(self, *headers: str) -> Self:
        """Hangs up."""
        return self.request("BYE", *headers).done(200, "BYE")

    def byed(self, *checks: Check) -> Self:
        """Expects the other side to hang up."""
        return self.served("BYE", *checks)

    def reinvite(self, direction: str = "sendrecv", *checks: Check, status: int = 200) -> Self:
        """Offers a new session description, expects the answer, and acknowledges it."""
        self._version += 1
        self.request("INVITE", SDP_TYPE, body=session(direction, self._version))
        self.recv(100, optional=True)
        self.done(status, "INVITE", *checks)
        return self._acknowledge(ok=status < 300)

    def reinvited(self, direction: str = "sendrecv", *checks: Check, status: int = 200) -> Self:
        """Expects a new offer, answers it, and expects the ACK."""
        self._version += 1
        body = session(direction, self._version) if status < 300 else ""
        self.served("INVITE", *checks, status=status, headers=[SDP_TYPE] if body else [], body=body)
        return self.recv("ACK")

    def acknowledge(self, answer: str = "") -> Self:
        """The ACK of the 200 just received, with `answer` as its session description when the offer came in the 200."""
        return self._acknowledge(ok=True, body=answer)

    def acknowledge_failure(self) -> Self:
        """The ACK of the failure just received."""
        return self._acknowledge(ok=False)

    def left_waiting(self, method: str) -> Self:
        """Expects a request inside the dialog, and keeps it for `answered_late`: whatever we send now crosses it."""
        return self.recv(method, keep={"late_via": ("Via", ".*"), "late_cseq": ("CSeq", ".*")})

    def answered_late(self, status: int = 200) -> Self:
        """Answers the request that was left waiting."""
        headers = ["Via: [$late_via]", f"From: {self._remote}", f"To: {self._local}", "[last_Call-ID:]", "CSeq: [$late_cseq]"]
        return self.send(f"SIP/2.0 {status} {reason(status)}", headers)

    def _acknowledge(self, *, ok: bool, body: str = "") -> Self:
        """The ACK: a transaction of its own after a 2xx, part of the INVITE's after anything else."""
        return self.send(
            f"ACK {self._target} SIP/2.0",
            [
                self._via(again=not ok), "Max-Forwards: 70", f"From: {self._local}",
                f"To: {self._remote}" if ok else "[last_To:]", "Call-ID: [call_id]", f"CSeq: {self._cseq} ACK",
                SDP_TYPE if body else "",
            ],
            body,
        )  # fmt: skip


REASONS = {
    180: "Ringing", 183: "Session Progress", 200: "OK", 302: "Moved Temporarily", 404: "Not Found", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here",
    491: "Request Pending", 503: "Service Unavailable", 603: "Decline",
}  # fmt: skip


def reason(status: int) -> str:
    """The reason phrase that a phone would send."""
    return REASONS.get(status, "Response")
