"""The parties of a call: who calls, who is called, who registers.

`Caller` and `Callee` know their side of a dialog (RFC 3261 §12): who is From and who is To, where requests go, which CSeq is next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from scenarios.checks import ELSEWHERE, Check, has, lacks, literal, nowhere, session, somewhere
from scenarios.script import SDP_TYPE, Script, Seat, reason


class Caller(Script):
    """The party that sends the first INVITE (RFC 3261 §13.2)."""

    _uri = ""

    def invite(
        self,
        to: str,
        *headers: str,
        number: str | None = None,
        display: str | None = None,
        offer: bool = True,
        extra: str = "",
        head: str = "",
        max_forwards: int = 70,
        from_host: str | None = None,
        password: str | None = None,
    ) -> Self:
        """Calls `to` (a user part, or a whole URI), with digest when the seat has a password.

        `number` ("": none), `display`, `from_host`: another From than the account's own. `extra`: further lines of the session description.
        `head`: lines of the session description before its first stream. `password`: another one than the account's own.
        """
        seat = self.seat
        uri = to if to.startswith("sip") else f"sip:{to}@{seat.domain}"
        # SIPp knows one digest URI for all calls of a party: this one, or for several what stands for all of them
        self.auth_uri = uri.removeprefix("sip:") if self._uri in ("", uri) else seat.domain
        name = display if display is not None else seat.display
        user = seat.user if number is None else number
        where = f"{user}@{from_host or seat.domain}" if user else from_host or seat.domain
        self._local = f'"{name}" <sip:{where}>;tag=[pid]c[call_number]'
        self._uri = uri
        self._invite = (list(headers), session(extra=extra, head=head) if offer else "", max_forwards)
        self._send_invite("")
        if seat.password is not None:
            self.recv(407, has("Proxy-Authenticate", "^ *Digest "), has("CSeq", " INVITE"), auth=True)
            self.acknowledge_failure()
            self._send_invite(self._proof(password))
        return self

    def invite_again(self) -> Self:
        """The same INVITE by another way: same CSeq, another branch, as a forking proxy might deliver it (RFC 3261 §8.2.2.2)."""
        self._cseq -= 1
        self._send_invite("")
        return self

    def _send_invite(self, proof: str) -> None:
        headers, body, max_forwards = self._invite
        self._cseq += 1
        self.send(
            f"INVITE {self._uri} SIP/2.0",
            [
                self._via(), f"Max-Forwards: {max_forwards}", f"From: {self._local}", f"To: <{self._uri}>", "Call-ID: [call_id]",
                f"CSeq: {self._cseq} INVITE", self._contact, "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, PRACK",
                *headers, proof, SDP_TYPE if body else "",
            ],
            body,
            again=True,
        )  # fmt: skip

    def acknowledge_failure(self) -> Self:
        """The ACK of the failure just received, wherever it stands: it belongs to the INVITE (RFC 3261 §17.1.1.3)."""
        if self._remote:
            return super().acknowledge_failure()
        return self.send(
            f"ACK {self._uri} SIP/2.0",
            [
                self._via(again=True), "Max-Forwards: 70", f"From: {self._local}", "[last_To:]", "Call-ID: [call_id]",
                f"CSeq: {self._cseq} ACK",
            ],
        )  # fmt: skip

    def trying(self) -> Self:
        """Expects the 100."""
        return self.recv(100)

    def refused_at_once(self, status: int, *checks: Check) -> Self:
        """A refusal for which nobody had to be asked; whether a 100 comes first is the server's business."""
        return self.recv(100, optional=True).refused(status, *checks)

    def rings(self, *checks: Check, status: int = 180) -> Self:
        """Expects one provisional response, and remembers its dialog for a PRACK or an UPDATE."""
        keep = {"remote": ("To", ".*"), "target": ("Contact", "sip:[^>]*"), "rseq": ("RSeq", "[0-9]+")}
        self._remote = "[$remote]"
        return self.recv(status, has("CSeq", " INVITE"), *checks, keep=keep)

    def prack(self) -> Self:
        """Acknowledges the reliable provisional response just received (RFC 3262)."""
        invite = self._cseq
        return self.request("PRACK", f"RAck: [$rseq] {invite} INVITE").done(200, "PRACK")

    def answered(self, *checks: Check, answer: str = "") -> Self:
        """Expects the 200 and sends the ACK, with `answer` as its session description when the offer came in the 200."""
        keep = {"remote": ("To", ".*"), "target": ("Contact", "sip:[^>]*")}
        self._remote = "[$remote]"
        self.recv(200, has("CSeq", " INVITE"), has("To", "tag="), *checks, keep=keep)
        return self._acknowledge(ok=True, body=answer)

    def refused(self, status: int, *checks: Check) -> Self:
        """Expects a final failure and acknowledges it."""
        self.recv(status, has("CSeq", " INVITE"), *checks)
        return self.acknowledge_failure()

    def obeyed(self, code: str, shown: str) -> Self:
        """Dials a feature code that is obeyed: answered with nothing to hear, the words to show, and hung up on by the server."""
        self.invite(code).recv(100, optional=True)
        words = f'"{literal(shown)}"'
        self.answered(
            has("P-Asserted-Identity", f"^ *{words} *<sip:"), somewhere("a=inactive"), nowhere("a=(sendrecv|sendonly|recvonly)")
        )
        return self.byed(has("Reason", f"^ *SIP *; *cause=200 *; *text={words}"))

    def told(self, code: str, status: int, says: str) -> Self:
        """Dials what the server does not obey, and is told why in the Warning (RFC 3261 §20.43). May be done several times."""
        return self.invite(code).refused_at_once(status, has("Warning", f'^ *399 {literal(self.seat.domain)} "{literal(says)}"'))

    def cancel(self) -> Self:
        """Gives up: CANCEL, its 200, the 487 of the INVITE."""
        self.send(
            f"CANCEL {self._uri} SIP/2.0",
            [
                self._via(again=True), "Max-Forwards: 70", f"From: {self._local}", f"To: <{self._uri}>", "Call-ID: [call_id]",
                f"CSeq: {self._cseq} CANCEL",
            ],
            again=True,
        )  # fmt: skip
        return self.done(200, "CANCEL").refused(487)

    def calls_up(self, to: str, *headers: str, number: str | None = None, display: str | None = None) -> Self:
        """Calls, and hears it ring: INVITE, one 100, one 180."""
        return self.invite(to, *headers, number=number, display=display).trying().rings()

    def talks(self, seconds: float = 0.2) -> Self:
        """The answer, some talk, and the caller hangs up."""
        return self.answered().pause(seconds).bye()


class Callee(Script):
    """The party that waits for an INVITE (RFC 3261 §13.3)."""

    calls = False

    def invited(self, *checks: Check) -> Self:
        """Expects the INVITE; whatever it needs of it for the rest of the call is kept here."""
        self._tag = f"[pid]s[call_number]{self.name}"
        self._local, self._remote = f"[$to];tag={self._tag}", "[$from]"
        keep = {
            "via": ("Via", ".*"), "cseq": ("CSeq", "[0-9]+"), "from": ("From", ".*"), "to": ("To", ".*"),
            "target": ("Contact", "sip:[^>]*"),
        }  # fmt: skip
        return self.recv("INVITE", lacks("To", "tag="), has("From", "tag="), has("Max-Forwards", "[0-9]"), *checks, keep=keep)

    def reply(self, status: int, *headers: str, body: str = "", again: bool = False, tag: str = "", contact: str = "") -> Self:
        """Answers the INVITE; `tag` adds to our tag, as a fork behind us would (RFC 3261 §12.1)."""
        return self.send(
            f"SIP/2.0 {status} {reason(status)}",
            [
                "Via: [$via]", "From: [$from]", f"To: [$to];tag={self._tag}{tag}", "[last_Call-ID:]", "CSeq: [$cseq] INVITE",
                contact or self._contact, *headers, SDP_TYPE if body else "",
            ],
            body,
            again=again,
        )  # fmt: skip

    def ring(self, *headers: str, status: int = 180, early: bool = False, tag: str = "") -> Self:
        """Rings, with a session description when `early`."""
        return self.reply(status, *headers, body=session() if early else "", tag=tag)

    def answer(self, *headers: str, body: str | None = None, tag: str = "", offered: bool = True) -> Self:
        """Takes the call: 200 until the ACK."""
        self._tag += tag
        self._local += tag
        description = session(version=self._version) if body is None else body
        return self.reply(200, *headers, body=description, again=True).recv("ACK", *([] if offered else [somewhere("m=audio")]))

    def reject(self, status: int, *headers: str) -> Self:
        """Refuses the call, and expects the ACK."""
        return self.reply(status, *headers, again=True).recv("ACK")

    def cancelled(self, *checks: Check) -> Self:
        """Expects the CANCEL; answers it and the INVITE."""
        self.recv("CANCEL", has("CSeq", " CANCEL"), *checks)
        self.send("SIP/2.0 200 OK", self._same())
        return self.reply(487, again=True).recv("ACK")

    def loses(self, *checks: Check) -> Self:
        """Rings until somebody else has answered (feature A23)."""
        return self.invited(*checks).ring().cancelled(ELSEWHERE)

    def gives_up(self, *checks: Check) -> Self:
        """Rings until the caller, or the plan, gives up: nobody has answered elsewhere."""
        return self.invited(*checks).ring().cancelled(lacks("Reason", "elsewhere"))

    def takes(self, *checks: Check, after: float = 0.2) -> Self:
        """Rings, answers `after` seconds, and is hung up on."""
        return self.invited(*checks).ring().pause(after).answer().byed()


class Registrant(Script):
    """A phone that registers (RFC 3261 §10), once, before the calls of the scenario begin."""

    def __init__(self, name: str, seat: Seat) -> None:
        super().__init__(name, seat)
        self.before = True
        self.auth_uri = seat.domain
        self._local = f"<sip:{seat.user}@{seat.domain}>;tag=[pid]r[call_number]"

    def register(self, *headers: str, expires: int = 300, contact: str | None = None, proof: bool = False) -> Self:
        """Sends one REGISTER; `proof` answers the challenge just received."""
        self._cseq += 1
        domain = self.seat.domain
        return self.send(
            f"REGISTER sip:{domain} SIP/2.0",
            [
                self._via(), "Max-Forwards: 70", f"From: {self._local}", f"To: <sip:{self.seat.user}@{domain}>",
                "Call-ID: [call_id]", f"CSeq: {self._cseq} REGISTER", f"Contact: {contact or f'<{self.seat.contact}>'}",
                f"Expires: {expires}", *headers, self._proof() if proof else "",
            ],
            again=True,
        )  # fmt: skip

    def challenged(self, *checks: Check) -> Self:
        """Expects the 401."""
        return self.recv(401, has("WWW-Authenticate", "^ *Digest "), *checks, auth=True)

    def refused_registration(self) -> Self:
        """Expects a refusal for good, or another challenge."""
        return self.either(401, 403)

    def registers(self, *headers: str, expires: int = 300, checks: Iterable[Check] = ()) -> Self:
        """The whole exchange: REGISTER, 401, REGISTER with digest, 200 with our binding."""
        self.register(*headers, expires=expires).challenged()
        return self.register(*headers, expires=expires, proof=True).recv(200, has("CSeq", "REGISTER"), *checks)
