"""A call to the server itself: a feature code that was obeyed (FEATURES.md, A12, A13).

The settings are made, the call is answered with a description that joins nothing, the phone shows the confirmation for a moment,
and the server hangs up. Nobody else is in the call, and it is heard by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from b2bua.calls.call import Call
from b2bua.calls.events import Acknowledged, Cancelled, Deadline, Ended, HangUp, Info, Offered
from b2bua.calls.identity import name_addr
from b2bua.delegation.callerid import printable
from b2bua.delegation.plan import Presentation
from b2bua.sip.values import SipError, quote_string

CONFIRMATION_SECONDS: Final = 1.5
"""How long the confirmation can be read, from the ACK on."""
_READ: Final = Deadline("read")

_FORMATS: Final = (
    b"m=audio 9 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)
_MEDIA = re.compile(rb"m=([!-~]+) ([0-9]{1,5})(?:/[0-9]{1,5})? ([!-~]+)((?: [!-~]+)+)[ \t]*")
_MAPPING = re.compile(rb"a=(?:rtpmap|fmtp):([!-~]+) ")
_PLAIN_RTP: Final = (b"RTP/AVP", b"RTP/AVPF")  # the only ones that take no key to answer


class ServiceCall(Call):
    """The script of a feature code: obey, answer, wait until the confirmation has been read, hang up."""

    __slots__ = ()

    async def _run(self) -> None:
        try:
            self._obey()
            while self.incoming is not None:
                event = await self.mailbox
                _HANDLERS.get(type(event), ServiceCall._ignore)(self, event)
        except Exception:
            self.record.refuse(500)  # for the caller, if the INVITE is not answered yet
            raise
        finally:
            self._close()

    def _obey(self) -> None:
        """Make the settings and answer; what is asserted is the connected identity, which phones display (RFC 3325 §9.1).

        An INVITE whose offer cannot be answered sets nothing.
        """
        invite, index = self.invite, self.index
        assert invite is not None
        shown = name_addr(Presentation(printable(self.plan.confirmation), self.plan.called), index.directory.domain)
        try:
            description = joins_nothing(invite.offer, index.media_address)
            index.remember(self.plan.settings)
            invite.answer(description, headers=f"P-Asserted-Identity: {shown}\r\n")
        except SipError as error:
            self._fail_call(error)
        else:
            self.record.served()

    def _good_bye(self) -> None:
        """Hang up, and say once more what has been done: some phones show the Reason of a BYE (RFC 3326)."""
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            incoming.hang_up(headers=f"Reason: SIP;cause=200;text={quote_string(printable(self.plan.confirmation))}\r\n")

    def _on_heard(self, event: Acknowledged) -> None:
        if self._timer is None:
            self._timer = self.index.stack.timers.after(self.index.stack.now, CONFIRMATION_SECONDS, self._on_read)

    def _on_read(self, now: float) -> None:
        self._timer = None
        self.mailbox.post(_READ)

    def _on_deadline(self, event: Deadline) -> None:
        self._good_bye()

    def _on_gone(self, event: Ended | Cancelled) -> None:
        """The caller has hung up, or never acknowledged; the settings stay."""
        self.incoming = None

    def _on_hang_up(self, event: HangUp) -> None:
        self._good_bye()

    def _on_offered(self, event: Offered) -> None:
        """A re-INVITE or UPDATE joins as little as the first offer did; who asks for an offer gets what holds already."""
        leg = event.leg
        try:
            leg.answer_offer(leg.local.last if event.sdp is None else joins_nothing(event.sdp, self.index.media_address))
        except SipError as error:
            leg.refuse_offer(error.status, error.reason)

    def _on_info(self, event: Info) -> None:
        """A key pressed, which nobody waits for."""
        self.index.stack.respond(event.tx, 200, now=self.index.stack.now)


_HANDLERS: Final[dict[type, Callable[[ServiceCall, Any], None]]] = {
    Acknowledged: ServiceCall._on_heard,
    Deadline: ServiceCall._on_deadline,
    Ended: ServiceCall._on_gone,
    Cancelled: ServiceCall._on_gone,
    HangUp: ServiceCall._on_hang_up,
    Offered: ServiceCall._on_offered,
    Info: ServiceCall._on_info,
}
"""What else may come is about offers and branches of ours, of which there are none."""


def joins_nothing(offer: bytes | None, address: str) -> bytes:
    """A description by which no media flow: our answer to `offer`, or our own offer where there is none (RFC 3264 §6).

    The first stream of plain audio is accepted inactive on the discard port, in one of its formats, so that a phone takes the
    call for answered; all others are refused. Raises `SipError(488)` for an offer that is none.
    """
    if offer is None:
        return _head(address, b"t=0 0") + _FORMATS + b"a=inactive\r\n"
    session, *streams = _sections(offer)
    if session[:1] != [b"v=0"]:
        raise SipError(488, "Not A Session Description")
    times = next((line for line in session if line.startswith(b"t=")), b"t=0 0")  # the same as offered (RFC 3264 §6)
    answer = _head(address, times)
    accepted = False
    for stream in streams:
        line = _MEDIA.fullmatch(stream[0])
        if line is None:
            raise SipError(488, "Bad Media Description")
        kind, port, protocol, formats = line[1], line[2], line[3], line[4].split()
        if accepted or kind != b"audio" or int(port) == 0 or protocol not in _PLAIN_RTP:
            answer += b"m=" + b" ".join((kind, b"0", protocol, formats[0])) + b"\r\n"
            continue
        accepted = True
        answer += b"m=audio 9 " + protocol + b" " + formats[0] + b"\r\n"
        answer += b"".join(each + b"\r\n" for each in stream if (found := _MAPPING.match(each)) and found[1] == formats[0])
        answer += b"a=inactive\r\n"
    return answer


def _head(address: str, times: bytes) -> bytes:
    family = "IP6" if ":" in address else "IP4"
    where = f"IN {family} {address}".encode()
    return b"v=0\r\no=- 0 0 " + where + b"\r\ns=-\r\nc=" + where + b"\r\n" + times + b"\r\n"


def _sections(body: bytes) -> list[list[bytes]]:
    """The lines of the session, then of each stream."""
    sections: list[list[bytes]] = [[]]
    for line in body.splitlines():
        if line.startswith(b"m="):
            sections.append([])
        sections[-1].append(line)
    return sections
