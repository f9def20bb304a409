"""The C media plane as a relay: what crosses, what does not, and what is counted. Real sockets on loopback."""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Iterator

import pytest

from b2bua.media import native
from b2bua.media.native import KIND_OTHER, NativeError, Plane
from tests.media.native_calls import AUDIO, SOUND, VIDEO, Call, Side, new_call, new_plane
from tests.media.rtp import OPUS, PCMU, Packet, Party, free_port, settle, until


@pytest.fixture
def plane() -> Iterator[Plane]:
    with new_plane() as made:
        yield made


@pytest.fixture
def call(plane: Plane) -> Iterator[Call]:
    with new_call(plane) as made:
        yield made


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_packets_cross_untouched_both_ways(plane: Plane, host: str) -> None:
    call = Call(plane, Side(plane, host), Side(plane, host))
    extended = (
        bytes.fromhex("b180000100000002000000070000000a") + bytes.fromhex("bede0001") + b"ext\x00" + SOUND + b"\x00\x00\x00\x04"
    )
    sent = [call.a.talk(), call.a.talk(), extended]
    call.a.party.send(call.a.port, extended)
    back = call.b.talk()
    settle(plane)
    assert call.b.party.received() == sent
    assert call.a.party.received() == [back]
    call.close()


def test_payload_types_are_translated_and_the_marker_kept(plane: Plane, call: Call) -> None:
    table = bytearray(range(128))
    table[101], table[13] = 96, native.DROP
    plane.set_translation(call.a.handle, 0, bytes(table))
    for payload_type, marker in ((0, False), (101, True), (13, False)):
        call.a.party.send(call.a.port, bytes(Packet(payload_type, 1, 1, 7, b"abcd", marker)))
    settle(plane)
    assert [(packet.type, packet.marker) for packet in call.b.party.packets()] == [(0, False), (96, True)]


def test_the_first_source_is_locked_and_others_are_dropped_and_never_answered(plane: Plane, call: Call) -> None:
    stranger = Party()
    call.a.talk()
    settle(plane)
    call.b.party.received()
    for _ in range(5):
        stranger.send(call.a.port, bytes(Packet(0, 99, 99, 99, SOUND)))
    stranger.send(call.a.port, b"\x00")
    call.b.talk()
    settle(plane)
    assert call.b.party.received() == [] and stranger.received() == [] and len(call.a.party.received()) == 1
    assert call.a.counters().foreign == 6
    assert call.a.counters().received == 1
    stranger.close()


@pytest.mark.parametrize("sources", [("::1", "127.0.0.2"), ("phone.example", "127.0.0.2", "127.0.0.1")])
def test_nothing_is_sent_to_a_host_that_is_not_the_first_of_the_sources(plane: Plane, sources: tuple[str, ...]) -> None:
    victim = Party("127.0.0.2")
    call = Call(plane, Side(plane, address=victim.address, sources=sources))
    call.b.talk()
    settle(plane)
    assert victim.received() == [] and call.a.counters().sent == 0
    victim.close()
    call.close()


@pytest.mark.parametrize("sources", [("127.0.0.1",), ("127.0.0.1", "127.0.0.2")])
def test_sound_goes_where_it_came_from_and_not_where_a_third_party_was_named(plane: Plane, sources: tuple[str, ...]) -> None:
    victim = Party("127.0.0.2")
    call = Call(plane, Side(plane, address=victim.address, sources=sources))
    call.b.talk()
    settle(plane)
    assert victim.received() == [] and call.a.party.received() == []
    call.a.talk()
    settle(plane)
    call.b.talk()
    settle(plane)
    assert victim.received() == [] and len(call.a.party.received()) == 1
    victim.close()
    call.close()


def test_before_its_first_packet_a_party_is_sent_to_where_its_own_host_is_named(plane: Plane, call: Call) -> None:
    sent = call.b.talk()
    settle(plane)
    assert call.a.party.received() == [sent]


@pytest.mark.parametrize("host", ["224.0.0.5", "0.0.0.0", "255.255.255.255", "::", "ff02::1", "::ffff:127.0.0.1"])
def test_nothing_is_sent_to_what_is_no_single_host(plane: Plane, host: str) -> None:
    ours = "::1" if ":" in host else "127.0.0.1"
    call = Call(plane, Side(plane, ours, address=(host, 9), sources=(host,)), Side(plane, ours))
    call.b.talk()
    settle(plane)
    assert call.a.counters().sent == 0 and call.a.counters().unsent == 0
    call.close()


def test_our_own_ports_make_no_circle(plane: Plane, call: Call) -> None:
    call.a.remote(("127.0.0.1", call.b.port))
    call.b.remote(("127.0.0.1", call.a.port))
    call.a.party.close()
    call.b.talk()
    settle(plane)
    assert plane.counts().sent == 0


def test_nothing_is_learned_from_a_port_of_ours(plane: Plane, call: Call) -> None:
    later = free_port()
    call.a.remote(("127.0.0.1", later))
    third = Side(plane, port=later)
    call.b.talk()
    settle(plane)
    assert third.counters().foreign == 1 and third.counters().received == 0
    third.talk()
    settle(plane)
    assert (third.counters().foreign, third.counters().received) == (1, 1)
    plane.close_termination(third.handle)
    third.party.close()


def test_a_changed_description_lets_another_source_in(plane: Plane, call: Call) -> None:
    call.a.talk()
    settle(plane)
    moved = Party()
    call.a.remote(call.a.party.address, sources=("127.0.0.1", "127.0.0.9"))
    moved.talk(call.a.port, SOUND)
    settle(plane)
    assert call.a.counters().foreign == 1, "a description that says the same changes nothing"
    call.a.remote(moved.address)
    call.a.talk()
    settle(plane)
    moved.talk(call.a.port, SOUND)
    settle(plane)
    call.a.talk()
    call.b.talk()
    settle(plane)
    assert len(moved.received()) == 1, "packets that were still on their way have kept the new source out"
    assert call.a.counters().foreign == 2 and len(call.b.party.received()) == 3
    moved.close()


def test_a_source_that_is_not_allowed_any_more_is_dropped(plane: Plane, call: Call) -> None:
    call.a.talk()
    settle(plane)
    call.a.remote(sources=("127.0.0.9",))
    call.a.talk()
    settle(plane)
    assert call.a.counters().foreign == 1 and len(call.b.party.received()) == 1


BAD_RTP = {
    "empty": b"",
    "short": bytes(11),
    "version 1": b"\x40" + bytes(171),
    "more CSRC than there is": b"\x8f" + bytes(20),
    "extension beyond the end": b"\x90\x00" + bytes(10) + b"\xbe\xde\xff\xff" + bytes(8),
    "padding beyond the end": b"\xa0\x00" + bytes(10) + b"ab\xff",
    "padding of nothing": b"\xa0\x00" + bytes(10) + b"ab\x00",
    "RTCP at the RTP port": b"\x81\xc9\x00\x01" + bytes(8),
    "too long": b"\x80\x00" + bytes(3000),
}


@pytest.mark.parametrize("data", BAD_RTP.values(), ids=BAD_RTP)
def test_what_is_not_rtp_does_not_cross_and_teaches_nothing(plane: Plane, call: Call, data: bytes) -> None:
    stranger = Party()
    stranger.send(call.a.port, data)
    settle(plane)
    call.a.talk()
    settle(plane)
    assert len(call.b.party.received()) == 1
    assert (call.a.counters().malformed, call.a.counters().foreign) == (1, 0)
    stranger.close()


def test_a_binding_request_is_ignored(plane: Plane, call: Call) -> None:
    call.a.party.send(call.a.port, bytes.fromhex("000100002112a442") + bytes(12))
    settle(plane)
    assert call.b.party.received() == [] and call.a.party.received() == []
    assert call.a.counters().malformed == 0


RECEIVER_REPORT = struct.pack("!BBHI", 0x80, 201, 1, 7)
BYE = RECEIVER_REPORT + struct.pack("!BBHI", 0x81, 203, 1, 7)


def test_rtcp_crosses_from_the_host_of_the_party_only(plane: Plane, call: Call) -> None:
    call.a.party.send_control(call.a.port, RECEIVER_REPORT)
    settle(plane)
    assert call.b.party.received_control() == [], "nobody is known yet"
    call.a.talk()
    call.b.talk()
    settle(plane)
    call.a.party.send_control(call.a.port, RECEIVER_REPORT)
    settle(plane)
    stranger = Party("127.0.0.2")
    stranger.rtcp.sendto(BYE, ("127.0.0.1", call.a.port + 1))
    settle(plane)
    call.a.talk()
    settle(plane)
    assert call.b.party.received_control() == [RECEIVER_REPORT]
    assert len(call.b.party.received()) == 2, "a forged BYE has ended something"
    assert call.a.counters().foreign == 1
    stranger.close()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        RECEIVER_REPORT[:7],
        b"\x40" + RECEIVER_REPORT[1:],
        RECEIVER_REPORT + BYE[8:12],
        BYE[8:],
        b"\x80\xc8\x00\x01" + bytes(4),
    ],
)
def test_rtcp_that_is_no_compound_packet_does_not_cross(plane: Plane, call: Call, data: bytes) -> None:
    call.a.talk()
    settle(plane)
    call.a.party.send_control(call.a.port, data)
    settle(plane)
    assert call.b.party.received_control() == [] and call.a.counters().malformed == 1


def test_who_may_not_send_is_not_heard_and_who_wants_nothing_is_sent_nothing(plane: Plane, call: Call) -> None:
    plane.set_direction(call.a.handle, 0, from_party=False, to_party=True)
    call.a.talk()
    call.b.talk()
    settle(plane)
    assert call.b.party.received() == [] and len(call.a.party.received()) == 1
    plane.set_direction(call.a.handle, 0, from_party=True, to_party=False)
    call.a.talk()
    call.b.talk()
    settle(plane)
    assert len(call.b.party.received()) == 1 and call.a.party.received() == []


def test_fax_and_video_cross(plane: Plane) -> None:
    fax = Call(plane, Side(plane, kind=KIND_OTHER), Side(plane, kind=KIND_OTHER))
    video = Call(plane, Side(plane, kind=VIDEO), Side(plane, kind=VIDEO))
    fax.a.party.send(fax.a.port, b"\x00\x00\x06udptl")
    sent = video.a.party.talk(video.a.port, bytes(1200), 120)
    settle(plane)
    assert fax.b.party.received() == [b"\x00\x00\x06udptl"] and video.b.party.received() == [sent]
    assert plane.counts().ports == 6
    fax.close()
    video.close()


def test_a_port_that_another_program_has_is_told(plane: Plane) -> None:
    taken = Party()
    handle = plane.open_termination("127.0.0.1")
    plane.open_stream(handle, 0, AUDIO, taken.port)
    assert [(event.kind, event.termination, event.number) for event in plane.events()] == [
        (native.PORT_LOST, handle, taken.port),
        (native.PORT_LOST, handle, taken.port + 1),
    ]
    assert plane.counts().ports == 0
    plane.close_termination(handle)
    taken.close()


def test_a_port_moves(plane: Plane, call: Call) -> None:
    again = free_port()
    plane.open_stream(call.a.handle, 0, AUDIO, again)
    assert plane.counts().ports == 4
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as freed:
        freed.bind(("127.0.0.1", call.a.port))
    call.a.port = again
    plane.set_payloads(call.a.handle, 0, [PCMU], [PCMU])
    call.a.remote()
    sent = call.a.talk()
    settle(plane)
    assert call.b.party.received() == [sent]


def test_a_termination_that_changes_context_leaves_the_other_one(plane: Plane, call: Call) -> None:
    third = Side(plane)
    moved = plane.open_context()
    plane.set_context(moved, [call.a.handle, third.handle], None)
    sent = call.a.talk()
    settle(plane)
    assert third.party.received() == [sent] and call.b.party.received() == []
    plane.close_context(moved)
    call.a.talk()
    settle(plane)
    assert third.party.received() == []
    plane.close_termination(third.handle)
    third.party.close()


def test_an_old_handle_names_nothing(plane: Plane) -> None:
    handle = plane.open_termination("127.0.0.1")
    plane.close_termination(handle)
    another = plane.open_termination("127.0.0.1")
    for wrong in (handle, -1, 1 << 30, another + 1):
        with pytest.raises(NativeError, match="EINVAL"):
            plane.statistics(wrong)
    plane.close_termination(another)


def test_it_returns_at_once_when_there_is_a_command(plane: Plane) -> None:
    ours, theirs = socket.socketpair()
    plane.watch(ours.fileno(), reading=True)
    assert plane.run(0) == 0
    theirs.send(b"x")
    assert plane.run(5_000) == native.WATCHED and plane.ready() == [ours.fileno()]
    plane.watch(ours.fileno(), reading=False)
    assert plane.run(10) == 0
    ours.close()
    theirs.close()


def test_opus_crosses_a_relay(plane: Plane, call: Call) -> None:
    for side in (call.a, call.b):
        plane.set_payloads(side.handle, 0, [OPUS], [OPUS])
    sent = call.a.party.talk(call.a.port, bytes(range(80)), 111)
    until(plane, lambda: call.b.counters().sent == 1)
    assert call.b.party.received() == [sent] and math.isfinite(call.a.counters().jitter_ms)
