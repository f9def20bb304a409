"""Makes the C plane what contexts ask for, changing only what differs, and tells in their words what happened there.

Names (contexts, terminations, plays, sounds) live here, handles and numbers in the plane. Everything of a context that is refused is
an `EngineError` and leaves tables from which the next `set` of it begins anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from b2bua.media import native
from b2bua.media.engine import (
    Context,
    Digit,
    EngineError,
    MediaEvent,
    Play,
    Played,
    PortLost,
    Silent,
    Statistics,
    Stream,
    Termination,
)
from b2bua.media.native import Counters, NativeError, Plane
from b2bua.sip.description import Format

_DYNAMIC: Final = 96
"""Payload types from here on mean what the description says (RFC 3551 §6)."""
_SAME: Final = bytes(range(native.PAYLOADS))
_CACHED: Final = 1_024
"""Pairs of format lists whose translation is kept: phones of a few makes have a few of them."""


class _Playing(NamedTuple):
    number: int
    id: str


class _Place:
    """A termination that is open."""

    __slots__ = ("digits", "ended", "handle", "host", "id", "joined", "playing", "streams", "tables")

    def __init__(self, given: Termination, handle: int, joined: _Joined) -> None:
        self.id = given.id
        self.host = given.host
        self.handle = handle
        self.joined = joined
        """The context that it is in."""
        self.digits = (False, False)
        """Taken out, listened for in its sound."""
        self.streams: dict[int, Stream] = {}
        """What the plane has, by number."""
        self.tables: dict[int, bytes | None] = {}
        """The translations that the plane has."""
        self.playing: _Playing | None = None
        self.ended = ""
        """The play that was over last: the same one does not begin again."""


class _Joined:
    """A context that is open."""

    __slots__ = ("finished", "handle", "members")

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.members: dict[str, _Place] = {}
        self.finished: list[Statistics] = []
        """Of members that were closed."""


class Tables:
    """The contexts of one plane. `sounds`: the numbers of the sounds by name."""

    def __init__(self, plane: Plane, sounds: Mapping[str, int]) -> None:
        self._plane = plane
        self._sounds = sounds
        self._contexts: dict[str, _Joined] = {}
        self._places: dict[str, _Place] = {}
        self._ids: dict[int, str] = {}
        self._numbers = itertools.count(1)
        self._told: list[MediaEvent] = []

    @property
    def contexts(self) -> tuple[str, ...]:
        """The ids of those that are open."""
        return tuple(self._contexts)

    def ports(self) -> Iterator[int]:
        """The RTP ports that are open, or should be."""
        for place in self._places.values():
            yield from (stream.port for stream in place.streams.values())

    def received(self, context: str) -> int:
        """Packets that its members have received so far."""
        return sum(self._plane.statistics(each.handle).received for each in self._contexts[context].members.values())

    # What signalling asks for

    def set(self, context: Context) -> None:
        """Make it so. Raises `EngineError`."""
        _check(context)
        try:
            joined = self._contexts.get(context.id)
            if joined is None:
                joined = self._contexts[context.id] = _Joined(self._plane.open_context())
            for gone in joined.members.keys() - {each.id for each in context.terminations}:
                self._close(joined.members[gone])
            wrong = [error for termination in context.terminations for error in self._open(joined, termination)]
            self._join(joined, context)
            unknown = self._play(context)
        except NativeError as error:
            raise EngineError(f"context {context.id}: {error}") from None
        if wrong:
            raise EngineError(f"context {context.id}: {'; '.join(wrong)}")
        if unknown:
            raise EngineError(f"context {context.id}: no sound {', '.join(unknown)}")

    def drop(self, context: str) -> tuple[Statistics, ...]:
        """Close its members; what they, and those closed before, have counted. () when there is no such context."""
        joined = self._contexts.pop(context, None)
        if joined is None:
            return ()
        for place in tuple(joined.members.values()):
            self._close(place)
        self._plane.close_context(joined.handle)
        return tuple(joined.finished)

    def send_digits(self, termination: str, digits: str) -> None:
        """Raises `EngineError`."""
        place = self._places.get(termination)
        if place is None:
            raise EngineError(f"digits for {termination}, which is not open")
        try:
            self._plane.send_digits(place.handle, digits)
        except NativeError as error:
            raise EngineError(f"digits for {termination}: {error}") from None

    def events(self) -> list[MediaEvent]:
        """What has happened since it was asked for last."""
        told, self._told = self._told, []
        for event in self._plane.events():
            place = self._places.get(self._ids.get(event.termination, ""))
            if place is not None and (found := self._named(place, event)) is not None:
                told.append(found)
        return told

    def _named(self, place: _Place, event: native.Event) -> MediaEvent | None:
        match event.kind:
            case native.DIGIT:
                return Digit(place.id, chr(event.number), event.inband)
            case native.PLAYED if place.playing is not None and place.playing.number == event.number:
                place.ended, place.playing = place.playing.id, None
                return Played(place.id, place.ended)
            case native.SILENT:
                return Silent(place.id, event.seconds)
            case native.PORT_LOST:
                return PortLost(place.id, event.number)
        return None

    # Terminations

    def _open(self, joined: _Joined, given: Termination) -> list[str]:
        """Make a member what it is to be; what the plane has refused of it, for the others' sake."""
        place = self._places.get(given.id)
        if place is not None and place.host != given.host:
            self._close(place)
            place = None
        if place is None:
            place = self._places[given.id] = _Place(given, self._plane.open_termination(given.host), joined)
            self._ids[place.handle] = given.id
        else:
            place.joined.members.pop(given.id)
        place.joined = joined
        joined.members[given.id] = place
        digits = (given.digits == "take", given.inband)
        if place.digits != digits:
            self._plane.set_digits(place.handle, take=digits[0], inband=digits[1])
            place.digits = digits
        return self._set_streams(place, given.streams)

    def _set_streams(self, place: _Place, streams: Sequence[Stream]) -> list[str]:
        wrong: list[str] = []
        wanted = {number: stream for number, stream in enumerate(streams) if stream.port}
        for number in place.streams.keys() - wanted.keys():
            del place.streams[number]
            place.tables.pop(number, None)
            self._plane.close_stream(place.handle, number)
        for number, stream in wanted.items():
            had = place.streams.pop(number, None)
            place.streams[number] = stream if had == stream else self._set_stream(place, number, stream, had, wrong)
        return wrong

    def _set_stream(self, place: _Place, number: int, stream: Stream, had: Stream | None, wrong: list[str]) -> Stream:
        """The stream as it is now: one whose party cannot be sent to is let be, for the sound of the others goes on."""
        plane, handle = self._plane, place.handle
        if had is not None and (had.kind, had.port) != (stream.kind, stream.port):
            had = None
        if had is None:
            place.tables.pop(number, None)
            plane.open_stream(handle, number, native.KINDS.get(stream.kind, native.KIND_OTHER), stream.port)
        if had is None or (had.remote, had.remote_rtcp, had.sources) != (stream.remote, stream.remote_rtcp, stream.sources):
            try:
                plane.set_remote(handle, number, stream.remote, stream.remote_rtcp, stream.sources)
            except NativeError as error:
                stream = stream._replace(remote=None, remote_rtcp=None, sources=())
                plane.set_remote(handle, number, None, None, ())
                wrong.append(f"{place.id}: {error}")
        if had is None or (had.from_party, had.to_party) != (stream.from_party, stream.to_party):
            plane.set_direction(handle, number, from_party=stream.from_party, to_party=stream.to_party)
        if had is None or (had.sends, had.receives) != (stream.sends, stream.receives):
            plane.set_payloads(handle, number, _payloads(stream.sends), _payloads(stream.receives))
        return stream

    def _close(self, place: _Place) -> None:
        del self._places[place.id], self._ids[place.handle], place.joined.members[place.id]
        place.joined.finished.append(_statistics(place.id, self._plane.close_termination(place.handle)))

    # Contexts

    def _join(self, joined: _Joined, context: Context) -> None:
        places = [self._places[each.id] for each in context.terminations]
        self._plane.set_context(joined.handle, [each.handle for each in places], None if context.relay else _masks(context))
        if context.relay and len(places) == 2:
            self._translate(places[0], places[1])
            self._translate(places[1], places[0])

    def _translate(self, one: _Place, other: _Place) -> None:
        for number, stream in one.streams.items():
            there = other.streams.get(number)
            table = None if there is None else translation(stream.sends, there.receives)
            if table != one.tables.get(number):
                self._plane.set_translation(one.handle, number, table)
            one.tables[number] = table

    def _play(self, context: Context) -> list[str]:
        """The sounds that are none."""
        unknown: list[str] = []
        for termination in context.terminations:
            place, play = self._places[termination.id], context.plays.get(termination.id)
            if play is None:
                self._stop_play(place)
            elif play.id != place.ended and (place.playing is None or play.id != place.playing.id):
                self._start_play(place, play)
                unknown += [name for name in play.sounds if name not in self._sounds]
        return unknown

    def _stop_play(self, place: _Place) -> None:
        place.ended = ""
        if place.playing is not None:
            place.playing = None
            self._plane.stop_play(place.handle)

    def _start_play(self, place: _Place, play: Play) -> None:
        numbers = [self._sounds[name] for name in play.sounds if name in self._sounds]
        self._stop_play(place)
        if numbers:
            playing = _Playing(next(self._numbers), play.id)
            self._plane.start_play(place.handle, playing.number, numbers, loop=play.loop, over=play.over)
            place.playing = playing
        elif not play.loop:  # nobody shall wait for the end of what cannot be played
            place.ended = play.id
            self._told.append(Played(place.id, play.id))


@lru_cache(_CACHED)
def translation(sends: tuple[Format, ...], receives: tuple[Format, ...]) -> bytes | None:
    """For each payload type that one party sends the one of the same encoding that the other wants; None when all stay as they are.

    Those of which the other knows nothing do not cross, nor do dynamic types of no description that mean something else there.
    """
    if not sends or not receives:
        return None
    taken = {each.payload_type for each in receives if each.payload_type >= _DYNAMIC}
    table = bytearray(native.DROP if number in taken else number for number in range(native.PAYLOADS))
    for each in sends:
        table[each.payload_type] = _counterpart(each, receives)
    return None if table == _SAME else bytes(table)


def _counterpart(sent: Format, receives: Sequence[Format]) -> int:
    same = [each for each in receives if each[1:4] == sent[1:4]]
    exact = [each.payload_type for each in same if each.parameters == sent.parameters] or [each.payload_type for each in same]
    if not exact:
        return native.DROP
    return sent.payload_type if sent.payload_type in exact else exact[0]


def _payloads(formats: Sequence[Format]) -> list[tuple[int, int, int]]:
    return [(each.payload_type, _codec(each), each.clock) for each in formats]


def _codec(found: Format) -> int:
    """Which of the plane's codecs it is: all of them have one channel, and a clock of 8000 Hz (G.722 too, RFC 3551 §4.5.2)."""
    return native.CODECS.get(found.encoding, native.CODEC_OTHER) if (found.clock, found.channels) == (8000, 1) else native.CODEC_OTHER


def _masks(context: Context) -> list[int]:
    places = {each.id: position for position, each in enumerate(context.terminations)}
    return [sum(1 << places[other] for other in set(context.hears.get(each.id, ())) if other in places) for each in context.terminations]


def _check(context: Context) -> None:
    """Raises `EngineError` when it is more than the plane can hold."""
    ids = [each.id for each in context.terminations]
    if len(set(ids)) < len(ids):
        raise EngineError(f"context {context.id}: a termination stands in it twice")
    if len(ids) > native.MAX_MEMBERS:
        raise EngineError(f"context {context.id}: {len(ids)} members; {native.MAX_MEMBERS} fit")
    if context.relay and len(ids) > 2:
        raise EngineError(f"context {context.id}: a relay of {len(ids)} members; write a mix")
    for each in context.terminations:
        if len(each.streams) > native.MAX_STREAMS:
            raise EngineError(f"termination {each.id}: {len(each.streams)} streams; {native.MAX_STREAMS} fit")


def _statistics(termination: str, counted: Counters) -> Statistics:
    return Statistics(
        termination,
        counted.received,
        counted.sent,
        counted.lost,
        round(counted.jitter_ms, 3),
        round(counted.silent_seconds, 3),
        counted.foreign,
    )
