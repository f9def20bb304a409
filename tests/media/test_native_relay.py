"""The C media plane as a relay: what crosses, what does not, and what is counted. Real sockets on loopback."""

from __future__ import annotations

import itertools
import math
import socket
import struct
from collections.abc import Iterator

import pytest

from b2bua.media import build, native
from b2bua.media.native import KIND_OTHER, NativeError, Plane
from tests.media.rtp import EVENT, OPUS, PCMU, Event, Packet, Party, dtmf_5, encode, free_port, key, run, settle, until

AUDIO, VIDEO = 0, 1
SOUND = b"\x7f" * 160


class Side:
    """One party and its termination, with one stream."""

    def __init__(
        self,
        plane: Plane,
        host: str = "127.0.0.1",
        kind: int = AUDIO,
        address: tuple[str, int] | None = None,
        sources: tuple[str, ...] | None = None,
    ) -> None:
        self.plane, self.host = plane, host
        self.party = Party(host)
        self.port = free_port(host)
        self.handle = plane.open_termination(host)
        plane.open_stream(self.handle, 0, kind, self.port)
        plane.set_payloads(self.handle, 0, [PCMU, EVENT], [PCMU, EVENT])
        self.remote(address, sources)

    def remote(self, address: tuple[str, int] | None = None, sources: tuple[str, ...] | None = None) -> None:
        self.plane.set_remote(self.handle, 0, address or self.party.address, None, (self.host,) if sources is None else sources)

    def counters(self) -> native.Counters:
        return self.plane.statistics(self.handle)

    def talk(self, payload: bytes = SOUND) -> bytes:
        return self.party.talk(self.port, payload)


@pytest.fixture
def plane() -> Iterator[Plane]:
    library, _ = build.build()
    made = Plane(native.load(library), silent_ms=1_000)
    yield made
    made.free()


class Call:
    """Two sides in a relay."""

    def __init__(self, plane: Plane, a: Side | None = None, b: Side | None = None) -> None:
        self.plane = plane
        self.a, self.b = a or Side(plane), b or Side(plane)
        self.context = plane.open_context()
        plane.set_context(self.context, [self.a.handle, self.b.handle], None)

    def close(self) -> None:
        for side in (self.a, self.b):
            self.plane.close_termination(side.handle)
            side.party.close()
        self.plane.close_context(self.context)


@pytest.fixture
def call(plane: Plane) -> Iterator[Call]:
    made = Call(plane)
    yield made
    made.close()
    assert plane.counts()[:3] == (0, 0, 0)


def digits(plane: Plane) -> str:
    return "".join(chr(event.number) for event in plane.events() if event.kind == native.DIGIT)


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


def test_sound_goes_where_it_came_from_and_not_where_a_third_party_was_named(plane: Plane) -> None:
    victim = Party("127.0.0.2")
    call = Call(plane, Side(plane, address=victim.address))
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


def test_a_flood_is_dropped_and_disturbs_no_other(plane: Plane, call: Call) -> None:
    other = Call(plane)
    sent = []

    def both() -> None:
        for _ in range(200):
            call.a.talk()
        sent.append(other.a.talk())

    run(plane, 0.5, both)
    settle(plane)
    assert other.b.party.received() == sent
    crossed = len(call.b.party.received())
    assert crossed < 500, f"{crossed} of {200 * len(sent)} packets crossed in half a second"
    assert call.a.counters().flood > 1_000
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


def test_a_tone_in_the_sound_of_a_relay_is_told_where_it_is_listened_for(plane: Plane, call: Call) -> None:
    plane.set_digits(call.a.handle, take=False, inband=True)
    ticks = itertools.count()

    def press() -> None:
        n = next(ticks)
        call.a.talk(dtmf_5(n) if 5 <= n < 12 else encode([0] * 160))

    run(plane, 0.5, press)
    events = [event for event in plane.events() if event.kind == native.DIGIT]
    assert [(chr(event.number), event.inband) for event in events] == [("5", True)]
