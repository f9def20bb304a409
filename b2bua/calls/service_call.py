"""A call to the server itself: a feature code that was obeyed (FEATURES.md, A12, A13).

The settings are made, the call is answered with a description that joins nothing, the phone shows the confirmation for a moment,
and the server hangs up. Nobody else is in the call, and it is heard by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from b2bua.calls.call import Call
from b2bua.calls.commands import Outcome
from b2bua.calls.events import Acknowledged, Cancelled, Deadline, Ended, Event, HangUp, Info, Offered, Ordered, Referred
from b2bua.calls.identity import Origin, name_addr, reason
from b2bua.calls.record import Record
from b2bua.delegation.callerid import printable
from b2bua.delegation.plan import Caller, Presentation, RoutePlan
from b2bua.sip.timers import Timer
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.index import CallIndex

CONFIRMATION_SECONDS: Final = 1.5
"""How long the confirmation can be read, from the ACK on."""
READ: Final = Deadline("read")

_FORMATS: Final = (
    b"m=audio 9 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)
_MEDIA = re.compile(rb"m=([!-~]+) ([0-9]{1,5})(?:/[0-9]{1,5})? ([!-~]+)((?: [!-~]+)+)[ \t]*")
_MAPPING = re.compile(rb"a=(?:rtpmap|fmtp):([!-~]+) ")
_PLAIN_RTP: Final = (b"RTP/AVP", b"RTP/AVPF")  # the only ones that take no key to answer


class ServiceCall(Call):
    """The script of a feature code: obey, answer, wait until the confirmation has been read, hang up."""

    visible = False
    __slots__ = ("_timer",)

    _timer: Timer | None

    def __init__(self, index: CallIndex, call_id: str, plan: RoutePlan, caller: Caller, origin: Origin, record: Record) -> None:
        super().__init__(index, call_id, plan, caller, origin, record)
        self._timer = None

    async def _run(self) -> None:
        try:
            self._obey()
            while self.incoming is not None:
                self._handle(await self.mailbox)
        except Exception:
            self.record.refuse(500)  # for the caller, if the INVITE is not answered yet
            raise
        finally:
            self._close()

    def _handle(self, event: Event) -> None:
        _HANDLERS.get(type(event), ServiceCall._ignore)(self, event)

    def _confirmation(self) -> str:
        """What has been done, as the connected identity, which phones display (RFC 3325 §9.1)."""
        shown = Presentation(printable(self.plan.confirmation), self.plan.called)
        return f"P-Asserted-Identity: {name_addr(shown, self.index.directory.domain)}\r\n"

    def _obey(self) -> None:
        """Make the settings and answer. An INVITE whose offer cannot be answered sets nothing."""
        invite, index = self.invite, self.index
        assert invite is not None
        try:
            description = joins_nothing(invite.offer, index.media_address)
            index.remember(self.plan.settings)
            invite.answer(description, headers=self._confirmation())
        except SipError as error:
            self._fail_call(error)
        else:
            self.record.served()

    def _close(self) -> None:
        self._cancel_timer()
        super()._close()

    def _good_bye(self) -> None:
        """Hang up, and say once more what has been done: some phones show the Reason of a BYE (RFC 3326)."""
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            incoming.hang_up(headers=reason(self.plan.confirmation))

    def _on_heard(self, event: Acknowledged) -> None:
        if self._timer is None:
            self._after(CONFIRMATION_SECONDS, READ)

    def _after(self, seconds: float, deadline: Deadline) -> None:
        """Post `deadline` in so many seconds, in place of the one that is running."""
        self._cancel_timer()
        self._timer = self.index.stack.timers.after(self.index.stack.now, seconds, self._on_timer, deadline)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self, now: float, deadline: Deadline) -> None:
        self._timer = None
        self.mailbox.post(deadline)

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

    def _on_ordered(self, event: Ordered) -> None:
        event.done(Outcome(409, "nobody is in this call but who has dialled the code"))


_HANDLERS: Final[dict[type, Callable[[ServiceCall, Any], None]]] = {
    Acknowledged: ServiceCall._on_heard,
    Deadline: ServiceCall._on_deadline,
    Ended: ServiceCall._on_gone,
    Cancelled: ServiceCall._on_gone,
    HangUp: ServiceCall._on_hang_up,
    Offered: ServiceCall._on_offered,
    Info: ServiceCall._on_info,
    Referred: Call._on_early_refer,
    Ordered: ServiceCall._on_ordered,
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
