"""What the C media plane counts of a party, what it tells of silence, and how it bears a flood."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from b2bua.media import native
from b2bua.media.native import Plane
from tests.media.native_calls import SOUND, Call, new_call, new_plane
from tests.media.rtp import Packet, run, settle


@pytest.fixture
def plane() -> Iterator[Plane]:
    with new_plane(1_000) as made:
        yield made


@pytest.fixture
def call(plane: Plane) -> Iterator[Call]:
    with new_call(plane) as made:
        yield made


@pytest.mark.parametrize(("each", "least"), [(30, 300), (200, 1_000)], ids=["1500 a second", "10000 a second"])
def test_a_flood_is_dropped_and_disturbs_no_other(plane: Plane, call: Call, each: int, least: int) -> None:
    other = Call(plane)
    sent = []

    def both() -> None:
        for _ in range(each):
            call.a.talk()
        sent.append(other.a.talk())

    run(plane, 0.5, both)
    settle(plane)
    assert other.b.party.received() == sent
    crossed = call.b.counters().sent
    assert crossed < 450, f"{crossed} of {each * len(sent)} packets crossed in half a second"
    assert call.a.counters().flood > least
    other.close()


def test_loss_is_counted_across_the_wrap_and_a_new_source(plane: Plane, call: Call) -> None:
    for number in [65530, 65531, 65534, 65533, 65535, 0, 3, 2, 3]:  # 65532 and 1 never came, 3 came twice
        call.a.party.send(call.a.port, bytes(Packet(0, number, number * 160, 7, SOUND)))
    settle(plane)
    assert (call.a.counters().received, call.a.counters().lost) == (9, 1), "RFC 3550 A.3: one came twice"
    for number in [100, 102]:
        call.a.party.send(call.a.port, bytes(Packet(0, number, number * 160, 8, SOUND)))
    settle(plane)
    assert (call.a.counters().received, call.a.counters().lost) == (11, 2)


def test_jitter_is_measured(plane: Plane, call: Call) -> None:
    waits = iter([0, 0, 1] * 10)

    def uneven() -> None:
        for _ in range(3 if next(waits) else 0):
            call.a.talk()

    run(plane, 0.4, uneven)
    jitter = call.a.counters().jitter_ms
    assert 5 < jitter < 40, jitter


def test_silence_is_measured_and_told(plane: Plane, call: Call) -> None:
    call.a.talk()
    run(plane, 1.7, call.b.talk)
    silent = [event for event in plane.events() if event.kind == native.SILENT]
    assert [event.termination for event in silent] == [call.a.handle] and 1 <= silent[0].seconds < 2
    call.a.talk()
    settle(plane)
    assert 1.5 < call.a.counters().silent_seconds < 2.5
    assert call.b.counters().silent_seconds == 0


def test_who_may_not_send_is_not_silent(plane: Plane, call: Call) -> None:
    plane.set_direction(call.a.handle, 0, from_party=False, to_party=True)
    run(plane, 1.6, call.b.talk)
    assert [event for event in plane.events() if event.kind == native.SILENT] == []
    assert call.a.counters().silent_seconds == 0
