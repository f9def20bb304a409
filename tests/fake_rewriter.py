"""An engine that rewrites, for tests: at once or later, or not at all, as it is told.

It gives each party a port of its own and puts that into what the party is given, as rtpengine does; who talks with whom is what was
answered last. It wants to be asked in order, and closed once.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

from b2bua.media.engine import Digit, Listener, Statistics
from b2bua.media.rewriter import Rewritten

HOST = "127.7.7.1"
Done = Callable[[Rewritten], None]


class FakeRewriter:
    """`calls` are those that it has. `delay`: seconds that each request takes, 0: done at once. `refuse` answers the next requests, by
    command ("offer", "answer"): statuses in order, 0 for none. `log` is what was asked for."""

    def __init__(self, delay: float = 0.0) -> None:
        self.available = True
        self.delay = delay
        self.refuse: dict[str, list[int]] = {}
        self.calls: dict[str, FakeRelay] = {}
        self.log: list[str] = []
        self.after: Callable[[float, Callable[[], None]], Any] = lambda seconds, what: what()
        self.next_port = 30_000

    def relay(self, call: str, listener: Listener) -> FakeRelay:
        known = self.calls.get(call)
        assert known is None or known.inherited, "two relays for one call"
        relay = self.calls[call] = FakeRelay(self, call, listener, known)
        return relay

    def survive(self) -> FakeRewriter:
        """What a new server finds: the sound goes on."""
        heir = FakeRewriter(self.delay)
        heir.after, heir.next_port = self.after, self.next_port
        for call, relay in self.calls.items():
            heir.calls[call] = FakeRelay(heir, call, relay.listener, relay)
            heir.calls[call].inherited = True
        return heir

    def die(self) -> None:
        """It is dead, and that is known."""
        self.available = False

    # For tests.

    def talking(self, *bodies: object) -> bool:
        """Whether those who were given these descriptions hear each other."""
        found = [self._find(bytes(body)) for body in bodies]  # type: ignore[call-overload]
        return len({call for call, _ in found}) == 1 and {party for _, party in found} == set(self.calls[found[0][0]].talks)

    def press(self, body: object, digits: str) -> None:
        """Whoever was given this description presses keys."""
        call, party = self._find(bytes(body))  # type: ignore[call-overload]
        for digit in digits:
            self.calls[call].listener(Digit(party, digit))

    def _find(self, body: bytes) -> tuple[str, str]:
        port = int(body.split(b"m=audio ", 1)[1].split()[0])
        assert HOST.encode() in body, f"not relayed: {body!r}"
        return next((call, party) for call, relay in self.calls.items() for party, known in relay.ports.items() if known == port)


class FakeRelay:
    """One call. `ports` of its parties; `talks`: who was answered by whom last; `believed`: what each party has written last."""

    def __init__(self, engine: FakeRewriter, call: str, listener: Listener, known: FakeRelay | None = None) -> None:
        self.listener = listener
        self.inherited = False
        self.ports: dict[str, int] = known.ports if known is not None else {}
        self.talks: tuple[str, ...] = known.talks if known is not None else ()
        self.believed: dict[str, bytes] = known.believed if known is not None else {}
        self.closed = False
        self._engine = engine
        self._call = call
        self._queue: deque[Callable[[], None]] = deque()

    def offer(self, body: bytes, source: str, target: str, done: Done) -> None:
        self._describe("offer", body, source, target, done)

    def answer(self, body: bytes, source: str, target: str, done: Done) -> None:
        self._describe("answer", body, source, target, done)

    def _describe(self, command: str, body: bytes, source: str, target: str, done: Done) -> None:
        assert source != target and re.fullmatch("[0-9a-f]+", source + target)
        if self.closed:
            done(Rewritten(None, 481, "Call Is Over"))
            return
        self._engine.log.append(command)

        def do() -> None:
            if self.closed:
                done(Rewritten(None, 481, "Call Is Over"))
                return
            statuses = self._engine.refuse.get(command)
            status = statuses.pop(0) if statuses else 0 if self._engine.available else 503
            if status:
                done(Rewritten(None, status, "Media Engine Unavailable" if status == 503 else "Not Acceptable Here"))
                return
            if target not in self.ports:
                self._engine.next_port += 2
                self.ports[target] = self._engine.next_port
            if command == "answer":
                self.talks = (source, target)
            self.believed[source] = body
            rewritten = re.sub(rb"(?m)^c=IN IP4 \S+", b"c=IN IP4 " + HOST.encode(), body)
            done(Rewritten(re.sub(rb"(?m)^m=(\w+) \d+", rb"m=\1 %d" % self.ports[target], rewritten)))

        self._later(do)

    def forget(self, party: str) -> None:
        assert not self.closed
        self._engine.log.append("forget")
        self._later(lambda: self._forget(party))

    def _forget(self, party: str) -> None:
        self.ports.pop(party, None)
        self.believed.pop(party, None)

    def close(self, done: Callable[[tuple[Statistics, ...]], None]) -> None:
        assert not self.closed, "closed twice"
        self.closed = True
        self._engine.log.append("close")
        waiting, self._queue = self._queue, deque()
        for each in waiting:
            each()

        def gone() -> None:
            self._engine.calls.pop(self._call, None)
            done(tuple(Statistics(party, 40, 40, 0, 0.0, 0.0, 0) for party in self.ports))

        self._later(gone)

    def _later(self, what: Callable[[], None]) -> None:
        """One request at a time, in order."""
        if self._engine.delay == 0.0:
            what()
            return
        self._queue.append(what)
        if len(self._queue) == 1:
            self._engine.after(self._engine.delay, self._next)

    def _next(self) -> None:
        if self._queue:
            self._queue.popleft()()
            if self._queue:
                self._engine.after(self._engine.delay, self._next)
