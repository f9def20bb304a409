"""The ng protocol of rtpengine: requests and replies over UDP, matched by cookies, repeated until answered, and a ping between them.

A datagram is a cookie, a space, and a bencoded dictionary. rtpengine keeps its reply to each cookie for half a minute and gives it
again, so a request may be repeated without being done twice. Nothing here opens a socket or reads a clock: datagrams go out through
`send`, come in by `receive`, and time passes through `later`.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Protocol

from b2bua.media.bencode import BencodeError, Encodable, Value, decode, encode

log = logging.getLogger(__name__)

REPEATS = (0.25, 0.5, 1.0)
"""When a request is sent again, seconds after it was sent first."""
PATIENCE = 2.0
"""When it is given up, seconds after it was sent first."""
PING_INTERVAL = 2.0
"""Seconds from one answered ping to the next; one that was not answered is followed by the next at once."""

Reply = dict[str, Value]
Done = Callable[[Reply | None], None]
"""Called with the reply; None: there was none."""


class Alarm(Protocol):
    """Something that will happen unless it is cancelled."""

    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Alarm]


class _Pending:
    """A request that waits for its reply."""

    __slots__ = ("alarms", "datagram", "done", "heard")

    def __init__(self, datagram: bytes, done: Done, heard: int) -> None:
        self.datagram = datagram
        self.done = done
        self.heard = heard
        self.alarms: list[Alarm] = []


class Exchange:
    """All requests to one rtpengine, and whether it lives."""

    def __init__(self, send: Callable[[bytes], None], later: Later, changed: Callable[[bool], None]) -> None:
        """`changed` is told when the engine is found alive (True) or dead (False), and what was found first."""
        self._send = send
        self._later = later
        self._changed = changed
        self._prefix = secrets.token_hex(8).encode()  # the replies of rtpengine are kept by cookie alone, whoever asked
        self._serial = count(1)
        self._pending: dict[bytes, _Pending] = {}
        self._heard = 0
        self._next_ping: Alarm | None = None
        self._known = self._stopped = False
        self.alive = False
        self.counts = {"requests": 0, "repeated": 0, "given_up": 0, "ignored": 0}
        """`ignored`: datagrams that answer nothing: repeated replies, wrong cookies, garbage."""

    def start(self) -> None:
        """Begin to ping; the engine counts as dead until it has answered."""
        self._ping()

    def stop(self) -> None:
        """No more pings; what waits gets no reply."""
        self._stopped = True
        self.alive = False
        if self._next_ping is not None:
            self._next_ping.cancel()
            self._next_ping = None
        self._fail_all()

    def request(self, message: Mapping[str, Encodable], done: Done) -> None:
        """Send a request. To an engine that is known to be dead nothing is sent: `done(None)` at once."""
        if self.alive:
            self._begin(message, done)
        else:
            done(None)

    def _begin(self, message: Mapping[str, Encodable], done: Done) -> None:
        cookie = b"%b_%d" % (self._prefix, next(self._serial))
        pending = self._pending[cookie] = _Pending(cookie + b" " + encode(message), done, self._heard)
        pending.alarms = [self._later(after, partial(self._repeat, pending)) for after in REPEATS]
        pending.alarms.append(self._later(PATIENCE, partial(self._give_up, cookie)))
        self.counts["requests"] += 1
        self._send(pending.datagram)

    def _repeat(self, pending: _Pending) -> None:
        self.counts["repeated"] += 1
        self._send(pending.datagram)

    def _give_up(self, cookie: bytes) -> None:
        self.counts["given_up"] += 1
        pending = self._take(cookie)
        if pending is None:
            return
        if pending.heard == self._heard:  # not a word since: the others would wait in vain
            self._found(alive=False)
            self._fail_all()
        pending.done(None)

    def _take(self, cookie: bytes) -> _Pending | None:
        pending = self._pending.pop(cookie, None)
        if pending is not None:
            for alarm in pending.alarms:
                alarm.cancel()
        return pending

    def _fail_all(self) -> None:
        for cookie in tuple(self._pending):
            pending = self._take(cookie)
            if pending is not None:
                pending.done(None)

    def receive(self, datagram: bytes) -> None:
        """A datagram from the engine's address."""
        cookie, _, text = datagram.partition(b" ")
        if cookie not in self._pending:
            self.counts["ignored"] += 1
            return
        try:
            reply = decode(text)
        except BencodeError as error:
            log.debug("reply of rtpengine: %s", error)
            reply = b""
        if not isinstance(reply, dict):
            self.counts["ignored"] += 1
            return
        pending = self._take(cookie)
        self._heard += 1
        self._found(alive=True)
        if pending is not None:
            pending.done(reply)

    def _found(self, *, alive: bool) -> None:
        if alive is not self.alive or not self._known:
            self._known = True
            self.alive = alive
            self._changed(alive)

    def _ping(self) -> None:
        self._begin({"command": "ping"}, self._pinged)

    def _pinged(self, reply: Reply | None) -> None:
        if not self._stopped:
            self._next_ping = self._later(PING_INTERVAL if reply is not None else 0.0, self._ping)
