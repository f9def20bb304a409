"""What a scripted phone keeps of each request: the ones it sent, until they are answered, and its answers, to be repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.plain_sip import Sip
from tests.wire import Address, Alarm

if TYPE_CHECKING:
    from tests.phones import Phone

T1, T2 = 0.5, 4.0
GIVE_UP = 64 * T1
SOON = 3.0
"""How long an expectation waits unless it says otherwise, seconds."""

Way = tuple[Address, str]
"""Address and transport."""


class Attempt:
    """One request of a phone and what became of it. `final` is the final response; without one after 32 s `timed_out`."""

    def __init__(self, phone: Phone, data: bytes, way: Way, on_response: Callable[[Sip], None] | None = None) -> None:
        self.phone = phone
        self.data = data
        self.request = Sip(data)
        self.way = way
        self.on_response = on_response
        self.provisional: list[Sip] = []
        self.final: Sip | None = None
        self.timed_out = False
        self.retransmissions = 0
        self._alarm: Alarm | None = None
        self._give_up: Alarm | None = None

    @property
    def done(self) -> bool:
        return self.final is not None or self.timed_out

    def start(self) -> Attempt:
        self.phone.transmit(self.data, self.way)
        if self.way[1] == "UDP":
            self._again_in(T1)
        self._give_up = self.phone.wire.after(GIVE_UP, self._timeout)
        return self

    def _again_in(self, interval: float) -> None:
        def again() -> None:
            if self.done or (self.provisional and self.request.method == "INVITE"):
                return
            self.retransmissions += 1
            self.phone.transmit(self.data, self.way)
            self._again_in(min(interval * 2, GIVE_UP if self.request.method == "INVITE" else T2))

        self._alarm = self.phone.wire.after(interval, again)

    def _timeout(self) -> None:
        if not self.done and not (self.provisional and self.request.method == "INVITE"):
            self.timed_out = True
            self.stop()

    def stop(self) -> None:
        for alarm in (self._alarm, self._give_up):
            if alarm is not None:
                alarm.cancel()

    def take(self, response: Sip) -> bool:
        """A response; False when the attempt has had its final one."""
        if self.done:
            return False
        if response.status < 200:
            self.provisional.append(response)
        else:
            self.final = response
            self.stop()
        return True

    def expect(self, status: int, within: float = SOON) -> Sip:
        """Wait for the final response and want this status."""
        self.phone.wire.run_until(lambda: self.done, within)
        got = self.final.status if self.final is not None else "no answer"
        assert got == status, f"{self.request.method} got {got}, not {status}\n{self.phone.transcript()}"
        assert self.final is not None
        return self.final


class Answer:
    """What a phone has answered to one request, to be repeated when the request is."""

    def __init__(self, phone: Phone, request: Sip, way: Way) -> None:
        self.phone = phone
        self.request = request
        self.way = way
        self.data = b""
        self.status = 0
        self.settled = False
        """ACK or PRACK has arrived."""
        self.gave_up: Callable[[], object] | None = None

    def send(self, data: bytes, *, insist: bool = False) -> None:
        """Send a response; `insist` repeats it until ACK or PRACK arrives."""
        self.data, self.status, self.settled = data, Sip(data).status, False
        self.phone.transmit(data, self.way)
        if insist:
            self._insist(data, T1, self.phone.wire.now + GIVE_UP)

    def _insist(self, data: bytes, interval: float, until: float) -> None:
        def again() -> None:
            if self.settled or self.data is not data:
                return
            if self.phone.wire.now >= until:
                if self.gave_up is not None:
                    self.gave_up()
                return
            self.phone.transmit(data, self.way)
            self._insist(data, min(interval * 2, T2), until)

        self.phone.wire.after(interval, again)
