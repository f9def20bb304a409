"""Session timers (RFC 4028) of one leg: the far end of a dead call is noticed although no BYE ever comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from b2bua.sip.message import Request, Response
from b2bua.sip.timers import Timer
from b2bua.sip.values import SipError, parse_params, parse_seconds

if TYPE_CHECKING:
    from b2bua.calls.leg import Leg

MIN_SE: Final = 90
"""The shortest session interval that we accept, seconds (RFC 4028 §5)."""
_RETRY: Final = 3.0  # after a refused refresh: between the 2.1 and 4 s of RFC 3261 §14.1; doubled with each refusal in a row


class SessionTimer:
    """Refreshes the session at half of its interval, or ends the leg when the peer does not.

    `interval` is in seconds; `ours` says that we are the refresher.
    """

    __slots__ = ("_leg", "interval", "ours", "_timer", "_refused")

    def __init__(self, leg: Leg, interval: int, ours: bool) -> None:
        self._leg: Leg | None = leg
        self.interval = interval
        self.ours = ours
        self._timer: Timer | None = None
        self._refused = 0  # refreshes in a row

    def start(self, now: float) -> None:
        """(Re)start the clock: the session has just been set up or refreshed."""
        self._refused = 0
        self._cancel()
        if self._leg is None:
            return
        seconds = self.interval / 2 if self.ours else self.interval - min(32.0, self.interval / 3)
        self._timer = self._leg.stack.timers.after(now, seconds, self._due)

    def retry(self, now: float) -> None:
        """Our refresh was refused, for now (491, 500) or by a peer that refuses them all, and so lives: once more, ever less often."""
        self._cancel()
        if self._leg is not None:
            seconds = min(_RETRY * 2 ** min(self._refused, 16), self.interval / 2)
            self._refused += 1
            self._timer = self._leg.stack.timers.after(now, seconds, self._due)

    def stop(self) -> None:
        self._cancel()
        self._leg = None

    def request_headers(self) -> str:
        """For a re-INVITE or UPDATE of ours: in that transaction we are the UAC."""
        return f"Session-Expires: {self.interval};refresher={'uac' if self.ours else 'uas'}\r\n"

    def response_headers(self) -> str:
        """For our 2xx: in that transaction the peer is the UAC."""
        if self.ours:
            return f"Session-Expires: {self.interval};refresher=uas\r\n"
        return f"Require: timer\r\nSession-Expires: {self.interval};refresher=uac\r\n"

    def on_peer_refresh(self, request: Request, now: float) -> None:
        """A re-INVITE or UPDATE of the peer."""
        value = request.get("session-expires")
        if value is not None:
            self.interval = max(MIN_SE, parse_seconds(value) or self.interval)
            refresher = _refresher(value)
            if refresher is not None:
                self.ours = refresher == "uas"
        self.start(now)

    def on_refreshed(self, response: Response, now: float) -> None:
        """The 2xx to a re-INVITE or UPDATE of ours."""
        value = response.get("session-expires")
        if value is not None:
            self.interval = max(MIN_SE, seconds_in(response, "session-expires") or self.interval)
            self.ours = _refresher(value) != "uas"
        self.start(now)

    def _due(self, now: float) -> None:
        leg = self._leg
        self._timer = None
        if leg is None:
            return
        if not self.ours:
            leg.lose("session timer expired")
        elif not leg.refresh_session():
            self.retry(now)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def seconds_in(response: Response, name: str) -> int | None:
    """The seconds in a header of a response; None without one, and for one that is none: a final response counts all the same."""
    try:
        return parse_seconds(response.get(name))
    except SipError:
        return None


def _refresher(value: str) -> str | None:
    _, semicolon, params = value.partition(";")
    try:
        found = parse_params(semicolon + params).get("refresher")
    except SipError:
        return None
    return found.lower() if found else None


def for_answer(
    leg: Leg, session_expires: str | None, supported: frozenset[str], interval: int, min_se: str | None = None
) -> SessionTimer | None:
    """The timer of a leg whose INVITE we answer (RFC 4028 §9): none unless the caller's phone knows session timers.

    Unless the caller wants to refresh, we do: then it needs no more of the phone than to answer. Raises `SipError(400)`.
    """
    if "timer" not in supported or interval <= 0:
        return None
    requested = parse_seconds(session_expires)
    interval = max(interval, parse_seconds(min_se) or 0)  # what is asked for may be shortened, but not below the caller's minimum
    ours = session_expires is None or _refresher(session_expires) != "uac"
    return SessionTimer(leg, max(MIN_SE, min(requested or interval, interval)), ours)


def for_response(leg: Leg, response: Response) -> SessionTimer | None:
    """The timer of a leg whose 2xx to our INVITE asks for one (RFC 4028 §7.2)."""
    value = response.get("session-expires")
    interval = seconds_in(response, "session-expires")
    if value is None or not interval:
        return None
    return SessionTimer(leg, max(MIN_SE, interval), _refresher(value) != "uas")
