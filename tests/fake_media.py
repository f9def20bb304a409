"""A media engine for tests without sound: it remembers what it was told, and says who hears what.

Ports come from a small range and must all be given back. `hears` answers in the words of a test: what a party of the fake wire would
hear, found by the port in the description that it was given.
"""

from __future__ import annotations

from collections.abc import Callable

from b2bua.media.engine import Ability, Context, Digit, EngineError, Listener, MediaEvent, Played, Statistics

FIRST, LAST = 20000, 20999


class FakeMedia:
    """`contexts` by id, as last set; `sent` are the digits that parties were given, by termination; `log` is everything, in order."""

    def __init__(self) -> None:
        self.abilities: frozenset[Ability] = frozenset({"relay", "mix", "play", "digits"})
        self.available = True
        self.contexts: dict[str, Context] = {}
        self.sent: dict[str, str] = {}
        self.log: list[Context | str] = []
        self._free = list(range(FIRST, LAST, 2))
        self._used: set[int] = set()
        self._listeners: dict[str, Listener] = {}

    # MediaEngine.

    @property
    def ports_in_use(self) -> int:
        return 2 * len(self._used)

    def reserve(self, streams: int) -> tuple[int, ...]:
        if not self.available or streams > len(self._free):
            raise EngineError("no media ports")
        ports = tuple(self._free.pop(0) for _ in range(streams))
        self._used.update(ports)
        return ports

    def release(self, ports: tuple[int, ...]) -> None:
        for port in ports:
            self._used.remove(port)
            self._free.append(port)

    def claim(self, ports: tuple[int, ...]) -> None:
        for port in ports:
            if port not in self._used:
                self._free.remove(port)
                self._used.add(port)

    def set(self, context: Context) -> None:
        members = [each.id for each in context.terminations]
        assert len(set(members)) == len(members), context
        assert set(context.hears) <= set(members) and set(context.plays) <= set(members), context
        assert all(set(heard) <= set(members) for heard in context.hears.values()), context
        ports = [stream.port for each in context.terminations for stream in each.streams]
        assert len(set(ports)) == len(ports) and all(FIRST <= port <= LAST for port in ports), context
        for other, known in list(self.contexts.items()):
            if other != context.id:
                left = tuple(each for each in known.terminations if each.id not in members)
                if len(left) < len(known.terminations):
                    self.contexts[other] = known._replace(terminations=left)
        self.contexts[context.id] = context
        self.log.append(context)

    def drop(self, context: str, done: Callable[[tuple[Statistics, ...]], None]) -> None:
        known = self.contexts.pop(context, None)
        self.log.append(f"drop {context}")
        done(tuple(Statistics(each.id, 50, 50, 0, 0.0, 0.0, 0) for each in known.terminations) if known is not None else ())

    def send_digits(self, termination: str, digits: str) -> None:
        self.sent[termination] = self.sent.get(termination, "") + digits

    def listen(self, termination: str, listener: Listener | None) -> None:
        if listener is None:
            self._listeners.pop(termination, None)
        else:
            self._listeners[termination] = listener

    # For tests.

    @property
    def listened(self) -> int:
        """At how many terminations somebody listens."""
        return len(self._listeners)

    def survive(self) -> FakeMedia:
        """What a new server finds: the sound goes on, and no port is reserved until it is claimed."""
        heir = FakeMedia()
        heir.contexts = dict(self.contexts)
        heir.log = list(self.log)
        return heir

    def happen(self, event: MediaEvent) -> None:
        """Something happens at a termination."""
        listener = self._listeners.get(event.termination)
        if listener is not None:
            listener(event)

    def find(self, body: bytes) -> str:
        """The termination whose port stands in a description that a party was given."""
        port = port_of(body)
        for context in self.contexts.values():
            for each in context.terminations:
                if any(stream.port == port for stream in each.streams):
                    return each.id
        raise AssertionError(f"no termination has port {port}: {self.contexts}")

    def press(self, body: bytes, digits: str) -> None:
        """The party that was given this description presses keys, as telephone events."""
        for digit in digits:
            self.happen(Digit(self.find(body), digit))

    def finish(self, body: bytes) -> None:
        """What is played to that party ends, if it is not played for ever."""
        termination = self.find(body)
        for context in self.contexts.values():
            play = context.plays.get(termination)
            if play is not None and not play.loop:
                self.happen(Played(termination, play.id))
                return
        raise AssertionError("nothing is played that ends")

    def hears(self, body: bytes, others: dict[str, bytes]) -> set[str]:
        """What the party that was given `body` hears: names of `others` (by the descriptions that they were given) and of sounds."""
        mine = self.find(body)
        names = {self.find(each): name for name, each in others.items() if port_of(each) != port_of(body) and self._known(each)}
        for context in self.contexts.values():
            members = {each.id: each for each in context.terminations}
            if mine not in members:
                continue
            heard: set[str] = set()
            play = context.plays.get(mine)
            if play is not None:
                heard |= set(play.sounds)
            if play is None or play.over:
                speakers = [each for each in members if each != mine] if context.relay else context.hears.get(mine, ())
                heard |= {names.get(each, each) for each in speakers}
            return heard
        return set()

    def _known(self, body: bytes) -> bool:
        port = port_of(body)
        return any(stream.port == port for context in self.contexts.values() for each in context.terminations for stream in each.streams)


def port_of(body: bytes) -> int:
    """The port of the first sound in a description."""
    return int(body.split(b"m=audio ", 1)[1].split()[0])
