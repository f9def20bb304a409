"""Keys in a relay of the C media plane: taken out and told once (RFC 4733), heard as tones, or left to cross."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from b2bua.media import native
from b2bua.media.native import Plane
from tests.media.native_calls import Call, new_call, new_plane
from tests.media.rtp import Event, Packet, dtmf_5, encode, key, run, settle


@pytest.fixture
def plane() -> Iterator[Plane]:
    with new_plane() as made:
        yield made


@pytest.fixture
def call(plane: Plane) -> Iterator[Call]:
    with new_call(plane) as made:
        yield made


def digits(plane: Plane) -> str:
    return "".join(chr(event.number) for event in plane.events() if event.kind == native.DIGIT)


def test_a_key_is_taken_out_and_told_once(plane: Plane, call: Call) -> None:
    plane.set_digits(call.a.handle, take=True, inband=False)
    first, second = key("#", timestamp=800, sequence=1), key("2", timestamp=2400, sequence=8)
    # Lost beginning, packets in another order, the end of the first one again after the second.
    for data in [*first[2:4], first[1], *first[4:6], second[1], first[6], second[0], *second[2:]]:
        call.a.party.send(call.a.port, data)
    call.a.talk()
    settle(plane)
    assert digits(plane) == "#2"
    assert [packet.type for packet in call.b.party.packets()] == [0]


def test_a_key_that_is_pressed_for_very_long_is_one_key(plane: Plane, call: Call) -> None:
    plane.set_digits(call.a.handle, take=True, inband=False)
    for sequence, (timestamp, event) in enumerate(
        [
            (0, Event("5", False, 160)),
            (0, Event("5", False, 0xFFFF)),
            (0xFFFF, Event("5", False, 160)),
            (0xFFFF, Event("5", True, 800)),
        ]
    ):
        call.a.party.send(call.a.port, bytes(Packet(101, sequence, timestamp, 7, bytes(event))))
    settle(plane)
    assert digits(plane) == "5"


def test_a_sender_whose_timestamp_goes_on_within_a_key_presses_it_once(plane: Plane, call: Call) -> None:
    plane.set_digits(call.a.handle, take=True, inband=False)
    for n in range(6):
        call.a.party.send(call.a.port, bytes(Packet(101, n, n * 160, 7, bytes(Event("5", n > 4, 160 * (n + 1))), marker=n == 0)))
    for n in range(6, 9):
        call.a.party.send(call.a.port, bytes(Packet(101, n, n * 160, 7, bytes(Event("5", n > 7, 160 * (n - 5))), marker=n == 6)))
    settle(plane)
    assert digits(plane) == "55"


def test_keys_cross_as_they_are_unless_they_are_taken(plane: Plane, call: Call) -> None:
    sent = key("1", timestamp=800, sequence=1)
    for data in sent:
        call.a.party.send(call.a.port, data)
    settle(plane)
    assert call.b.party.received() == sent and digits(plane) == ""


def test_a_tone_in_the_sound_of_a_relay_is_told_where_it_is_listened_for(plane: Plane, call: Call) -> None:
    plane.set_digits(call.a.handle, take=False, inband=True)
    ticks = itertools.count()

    def press() -> None:
        n = next(ticks)
        call.a.talk(dtmf_5(n) if 5 <= n < 12 else encode([0] * 160))

    run(plane, 0.5, press)
    events = [event for event in plane.events() if event.kind == native.DIGIT]
    assert [(chr(event.number), event.inband) for event in events] == [("5", True)]
