"""The C media plane as a mixer, with plays and keys: each party sends its own tone, and what it gets is searched for the tones of all."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence

import pytest

from b2bua.media import native
from b2bua.media.native import Plane
from tests.media.native_calls import new_plane
from tests.media.rtp import (
    EVENT,
    G722,
    OPUS,
    PCMA,
    PCMU,
    Event,
    Packet,
    Party,
    Tone,
    decode,
    dtmf_5,
    encode,
    free_port,
    key,
    loudness,
    run,
    settle,
    tone,
    until,
)

TONES = (440.0, 700.0, 1100.0, 1600.0)
LOUD, QUIET = 4_000, 400
"""Amplitudes: a tone of 8000 that must be heard, and what is left of one that must not."""


class Member:
    """A party with its termination, that sends a tone of its own."""

    def __init__(self, plane: Plane, hertz: float, sends: Sequence[tuple[int, int, int]] = (PCMU, EVENT)) -> None:
        self.plane, self.party, self.tone = plane, Party(), Tone(hertz)
        self.port = free_port()
        self.handle = plane.open_termination("127.0.0.1")
        plane.open_stream(self.handle, 0, 0, self.port)
        plane.set_payloads(self.handle, 0, sends, sends)
        plane.set_remote(self.handle, 0, self.party.address, None, ["127.0.0.1"])

    def talk(self) -> None:
        self.party.talk(self.port, self.tone())

    def heard(self, skip: int = 10) -> list[int]:
        """What it has got, without the first packets."""
        return [sample for packet in self.party.packets()[skip:] for sample in decode(packet.payload)]

    def close(self) -> None:
        self.plane.close_termination(self.handle)
        self.party.close()


class Room:
    """Some members in a context."""

    def __init__(self, plane: Plane) -> None:
        self.plane, self.members = plane, [Member(plane, hertz) for hertz in TONES]
        self.context = plane.open_context()

    def hears(self, *masks: int) -> None:
        self.plane.set_context(self.context, [member.handle for member in self.members[: len(masks)]], masks)

    def talk(self) -> None:
        for member in self.members:
            member.talk()

    def tones(self) -> list[str]:
        """For each member the numbers of the tones that it hears; nothing at all: "-"."""
        found = []
        for member in self.members:
            sound = member.heard()
            levels = [loudness(sound, hertz) for hertz in TONES]
            assert all(level > LOUD or level < QUIET for level in levels), levels
            found.append("".join(str(n) for n, level in enumerate(levels) if level > LOUD) if sound else "-")
        return found

    def close(self) -> None:
        for member in self.members:
            member.close()
        self.plane.close_context(self.context)


@pytest.fixture
def plane() -> Iterator[Plane]:
    with new_plane() as made:
        yield made


@pytest.fixture
def room(plane: Plane) -> Iterator[Room]:
    made = Room(plane)
    yield made
    made.close()
    assert plane.counts()[:3] == (0, 0, 0)


def sound(plane: Plane, hertz: float, seconds: float) -> int:
    samples = tone(hertz, int(8000 * seconds))
    return plane.sound(struct.pack(f"{len(samples)}h", *samples), b"")


def told(plane: Plane, kind: int) -> list[tuple[int, int]]:
    return [(event.termination, event.number) for event in plane.events() if event.kind == kind]


@pytest.mark.parametrize(
    ("masks", "tones"),
    [
        ((0b110, 0b101, 0b011), ["12", "02", "01", "-"]),
        ((0b1110, 0b1101, 0b1011, 0b0111), ["123", "023", "013", "012"]),
        ((0b010, 0b001, 0b011), ["1", "0", "01", "-"]),  # 2 listens only
        ((0b110, 0b001, 0b011), ["12", "0", "01", "-"]),  # 2 whispers to 0
        ((0b10, 0b00), ["1", "-", "-", "-"]),
        ((0b111, 0b000, 0b000), ["12", "-", "-", "-"]),  # nobody hears itself
    ],
)
def test_each_hears_whom_it_is_to_hear(plane: Plane, room: Room, masks: tuple[int, ...], tones: list[str]) -> None:
    room.hears(*masks)
    run(plane, 0.5, room.talk)
    assert room.tones() == tones


def test_the_made_sound_is_one_stream(plane: Plane, room: Room) -> None:
    room.hears(0b010, 0b001)
    run(plane, 0.3, room.talk)
    room.hears(0b000, 0b001)
    run(plane, 0.2, room.talk)
    room.hears(0b010, 0b001)
    run(plane, 0.2, room.talk)
    packets = room.members[0].party.packets()
    assert len({packet.ssrc for packet in packets}) == 1
    assert [packet.sequence - packets[0].sequence & 0xFFFF for packet in packets] == list(range(len(packets)))
    steps = [after.timestamp - before.timestamp & 0xFFFFFFFF for before, after in itertools.pairwise(packets)]
    pause = next(n for n, step in enumerate(steps) if step != 160)
    assert [n for n, step in enumerate(steps) if step != 160] == [pause] and 1_200 < steps[pause] < 3_200, steps
    assert [n for n, packet in enumerate(packets) if packet.marker] == [0, pause + 1]


def test_codecs_are_translated_and_the_wide_one_stays_wide(plane: Plane) -> None:
    narrow, a_law, wide, other_wide = (
        Member(plane, hertz, [codec]) for hertz, codec in zip(TONES, [PCMU, PCMA, G722, G722], strict=True)
    )
    members = [narrow, a_law, wide, other_wide]
    context = plane.open_context()
    plane.set_context(context, [member.handle for member in members], [0b1110, 0b0001, 0b0001, 0b0001])
    run(plane, 0.6, narrow.talk)
    assert {packet.type for packet in a_law.party.packets()} == {8}
    packets = wide.party.packets()
    assert {packet.type for packet in packets} == {9} and {len(packet.payload) for packet in packets} == {160}
    assert {after.timestamp - before.timestamp for before, after in itertools.pairwise(packets)} == {160}, "its RTP clock is 8000"
    # What one G.722 party gets, sent by the other, is heard by the narrow one.
    narrow.party.received()
    replay = iter(packet.payload for packet in packets)
    run(plane, 0.4, lambda: wide.party.talk(wide.port, next(replay), 9))
    assert loudness(narrow.heard(), TONES[0]) > LOUD
    for member in members:
        member.close()


def test_lost_late_and_swapped_packets_leave_the_tone(plane: Plane, room: Room) -> None:
    room.hears(0b010, 0b001)
    numbers = itertools.count()

    def talk() -> None:
        n = next(numbers)
        payload = room.members[0].tone()
        member = room.members[0]
        packet = Packet(0, n, n * 160, 7, payload)
        if n % 20 == 7:
            return  # lost
        if n % 10 == 4:
            member.held = bytes(packet)  # type: ignore[attr-defined]
            return
        member.party.send(member.port, bytes(packet))
        if n % 10 == 5:
            member.party.send(member.port, member.held)  # type: ignore[attr-defined]

    run(plane, 1.0, talk)
    heard = room.members[1].heard()
    assert loudness(heard, TONES[0]) > LOUD
    assert plane.statistics(room.members[0].handle).lost in (2, 3)


def test_keys_in_a_mix_are_taken_and_told(plane: Plane, room: Room) -> None:
    room.hears(0b010, 0b001)
    for data in key("7", timestamp=0, sequence=0):
        room.members[0].party.send(room.members[0].port, data)
    run(plane, 0.1)
    assert told(plane, native.DIGIT) == [(room.members[0].handle, ord("7"))]
    assert {packet.type for packet in room.members[1].party.packets()} == {0}


@pytest.mark.parametrize("codec", [PCMU, G722], ids=["narrow", "wide"])
def test_tones_in_a_mix_are_told_where_they_are_listened_for(plane: Plane, room: Room, codec: tuple[int, int, int]) -> None:
    plane.set_payloads(room.members[1].handle, 0, [codec], [codec])
    room.hears(0b010, 0b001)
    plane.set_digits(room.members[0].handle, take=False, inband=True)
    ticks = itertools.count()

    def press() -> None:
        n = next(ticks)
        member = room.members[0]
        member.party.talk(member.port, dtmf_5(n) if 5 <= n < 12 else encode([0] * 160))

    run(plane, 0.5, press)
    assert told(plane, native.DIGIT) == [(room.members[0].handle, ord("5"))]


def test_a_play_is_heard_and_its_end_is_told(plane: Plane, room: Room) -> None:
    first, second = sound(plane, 500, 0.21), sound(plane, 900, 0.25)
    room.hears(0, 0)
    plane.start_play(room.members[0].handle, 5, [first, second], loop=False, over=False)
    until(plane, lambda: bool(told(plane, native.PLAYED)))
    heard = room.members[0].heard(0)
    assert len(heard) == 23 * 160, "0.46 s"
    assert loudness(heard[:1_600], 500) > LOUD and loudness(heard[:1_600], 900) < QUIET
    assert loudness(heard[1_760:], 900) > LOUD and loudness(heard[1_760:], 500) < QUIET
    plane.start_play(room.members[0].handle, 5, [first], loop=False, over=False)
    run(plane, 0.1)
    assert room.members[0].heard(0) == [], "the same play begins again"
    plane.start_play(room.members[0].handle, 6, [first], loop=False, over=False)
    until(plane, lambda: told(plane, native.PLAYED) == [(room.members[0].handle, 6)])
    assert len(room.members[0].heard(0)) == 11 * 160


def test_a_loop_goes_on_without_a_gap_until_it_is_stopped(plane: Plane, room: Room) -> None:
    music = sound(plane, 500, 0.05)  # 25 periods in 2.5 frames
    room.hears(0)
    plane.start_play(room.members[0].handle, 5, [music], loop=True, over=False)
    run(plane, 0.4)
    plane.start_play(room.members[0].handle, 5, [music], loop=True, over=False)
    run(plane, 0.2)
    heard = room.members[0].heard(0)
    assert loudness(heard, 500) > 7_500, "a gap, or it began again"
    plane.stop_play(room.members[0].handle)
    run(plane, 0.1)
    assert room.members[0].heard(0) == [] and told(plane, native.PLAYED) == []
    plane.start_play(room.members[0].handle, 6, [music], loop=True, over=False)
    run(plane, 0.1)
    assert [packet.marker for packet in room.members[0].party.packets()][:2] == [True, False], "sound begins after a silence"


@pytest.mark.parametrize("relay", [True, False])
@pytest.mark.parametrize("over", [True, False])
def test_a_play_instead_of_the_others_or_over_them(plane: Plane, room: Room, relay: bool, over: bool) -> None:
    music = sound(plane, 900, 1)
    a, b = room.members[0], room.members[1]
    plane.set_context(room.context, [a.handle, b.handle], None if relay else [0b10, 0b01])
    plane.start_play(a.handle, 1, [music], loop=True, over=over)
    run(plane, 0.5, room.talk)
    heard, other = a.heard(15), b.heard(15)
    assert loudness(heard, 900) > LOUD
    assert (loudness(heard, TONES[1]) > LOUD) == over and (loudness(heard, TONES[1]) < QUIET) == (not over)
    assert loudness(other, TONES[0]) > LOUD and loudness(other, 900) < QUIET
    plane.stop_play(a.handle)
    run(plane, 0.1, room.talk)
    a.party.received()
    run(plane, 0.2, room.talk)
    heard = a.heard(0)
    assert loudness(heard, TONES[1]) > LOUD and loudness(heard, 900) < QUIET


def test_a_play_over_what_cannot_be_decoded_is_heard_instead(plane: Plane, room: Room) -> None:
    a, b = room.members[0], room.members[1]
    plane.set_payloads(b.handle, 0, [OPUS], [OPUS])
    plane.set_context(room.context, [a.handle, b.handle], None)
    plane.start_play(a.handle, 1, [sound(plane, 900, 1)], loop=True, over=True)
    run(plane, 0.3, lambda: b.party.talk(b.port, bytes(80), 111))
    assert {packet.type for packet in a.party.packets()} == {0}


def test_a_play_waits_for_a_party_whose_address_is_not_known_yet(plane: Plane, room: Room) -> None:
    a = room.members[0]
    plane.set_remote(a.handle, 0, ("127.0.0.2", a.party.port), None, ["127.0.0.1"])
    room.hears(0)
    plane.start_play(a.handle, 1, [sound(plane, 900, 0.2)], loop=False, over=False)
    run(plane, 0.3)
    a.talk()
    until(plane, lambda: bool(told(plane, native.PLAYED)))
    assert len(a.heard(0)) == 10 * 160


@pytest.mark.parametrize("relay", [True, False])
def test_keys_are_sent_as_events(plane: Plane, room: Room, relay: bool) -> None:
    a, b = room.members[0], room.members[1]
    plane.set_context(room.context, [a.handle, b.handle], None if relay else [0b10, 0b01])
    plane.send_digits(a.handle, "1#")
    run(plane, 0.5, room.talk)
    packets = [packet for packet in a.party.packets() if packet.type == 101]
    pressed = [packet.timestamp for packet in packets if packet.marker]
    assert len(pressed) == 2 and pressed[1] - pressed[0] & 0xFFFFFFFF == 1_280, "100 ms and 60 ms"
    for digit, timestamp in zip("1#", pressed, strict=True):
        events = [Event.parse(packet.payload) for packet in packets if packet.timestamp == timestamp]
        assert events == [Event(digit, n >= 4, min(160 * (n + 1), 800)) for n in range(7)]
    assert [after.sequence - before.sequence for before, after in itertools.pairwise(packets[:7])] == [1] * 6


def test_keys_are_sent_at_the_clock_of_the_sound_where_there_are_two(plane: Plane, room: Room) -> None:
    a, wide = room.members[0], (102, 4, 48000)
    room.hears(0)
    plane.set_payloads(a.handle, 0, [PCMU], [OPUS, wide, PCMU, EVENT])
    plane.send_digits(a.handle, "1")
    run(plane, 0.2)
    assert {packet.type for packet in a.party.packets()} == {101}
    plane.set_payloads(a.handle, 0, [OPUS], [OPUS, wide])
    plane.send_digits(a.handle, "1")
    run(plane, 0.2)
    packets = a.party.packets()
    assert {packet.type for packet in packets} == {102} and len({packet.timestamp for packet in packets}) == 1
    assert [Event.parse(packet.payload).duration for packet in packets] == [960, 1920, 2880, 3840, 4800, 4800, 4800]


def test_keys_are_sent_as_tones_where_events_are_not_known(plane: Plane, room: Room) -> None:
    a, b = room.members[0], room.members[1]
    for member in (a, b):
        plane.set_payloads(member.handle, 0, [PCMU], [PCMU])
    plane.set_context(room.context, [a.handle, b.handle], None)
    plane.send_digits(a.handle, "5,9")
    run(plane, 0.95)
    packets = a.party.packets()
    assert len(packets) == 16 and [n for n, packet in enumerate(packets) if packet.marker] == [0, 8]
    for begin, pair in ((0, (770, 1336)), (8, (852, 1477))):
        heard = [sample for packet in packets[begin : begin + 5] for sample in decode(packet.payload)]
        after = [sample for packet in packets[begin + 5 : begin + 8] for sample in decode(packet.payload)]
        assert all(loudness(heard, hertz) > LOUD for hertz in pair) and max(map(abs, after)) < QUIET


def test_digits_that_are_none_or_too_many_are_refused(plane: Plane, room: Room) -> None:
    for digits in ("", "12x", "1" * 65):
        with pytest.raises(native.NativeError):
            plane.send_digits(room.members[0].handle, digits)


def test_a_mix_sends_its_own_reports(plane: Plane, room: Room) -> None:
    room.hears(0b010, 0b001)
    a = room.members[0]
    run(plane, 1.2, room.talk)
    reports = a.party.received_control()
    assert len(reports) == 1
    first, kind, words, ssrc = struct.unpack_from("!BBHI", reports[0])
    assert (first, kind, words) == (0x81, 200, 12) and ssrc == a.party.packets()[0].ssrc
    about, lost = struct.unpack_from("!II", reports[0], 28)
    assert (about, lost) == (a.party.ssrc, 0)
    assert reports[0][52:54] == b"\x81\xca"


def test_no_packets_where_nothing_is_to_be_heard(plane: Plane, room: Room) -> None:
    room.hears(0, 0)
    room.talk()
    settle(plane)
    run(plane, 0.1, room.talk)
    assert room.members[0].party.received() == []
    assert plane.counts().sent == 0
