"""Framing of streams, one piece of the stream at a time."""

from __future__ import annotations

import pytest

from b2bua.net.framing import Framer, FramingError

from .fakes import sip


def framer() -> Framer:
    return Framer(1_000, 5_000)


def frames(framer: Framer, data: bytes, piece: int) -> list[bytes]:
    found = []
    for at in range(0, len(data), piece):
        framer.feed(data[at : at + piece])
        while (message := framer.next_message()) is not None:
            found.append(message)
    return found


MESSAGES = [
    sip(b"v=0\r\n\r\nbody with an empty line\r\n\r\n"),
    sip(b""),
    sip(b"xyz", header="l"),
    sip(b"12345", header="CONTENT-length  "),
    sip(b"12", length="\r\n 2"),
    sip(b"123", length="3\r\nContent-Length: 3"),
    sip(b"\r\n\r\n"),
    sip(bytes(range(256))),
]


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 100_000])
def test_every_split_gives_the_same_messages(piece: int) -> None:
    reader = framer()
    assert frames(reader, b"".join(MESSAGES), piece) == MESSAGES
    assert not reader.partial
    assert reader.pings == 0


def test_each_single_split_of_two_messages() -> None:
    data = MESSAGES[0] + MESSAGES[2]
    for at in range(len(data)):
        reader = framer()
        found = frames(reader, data[:at], len(data)) if at else []
        assert found + frames(reader, data[at:], len(data)) == [MESSAGES[0], MESSAGES[2]]


@pytest.mark.parametrize("piece", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("crlfs", "pings"),
    [(1, 0), (2, 1), (3, 1), (4, 2), (7, 3)],
    ids=["pong", "ping", "ping and a half", "two", "three and a half"],
)
def test_keep_alives(piece: int, crlfs: int, pings: int) -> None:
    reader = framer()
    assert frames(reader, b"\r\n" * crlfs, piece) == []
    assert reader.pings == pings
    assert not reader.partial
    assert frames(reader, sip(b"a"), piece) == [sip(b"a")]
    assert frames(reader, b"\r\n" + sip(b"b") + b"\r\n", piece) == [sip(b"b")]
    assert reader.pings == pings, "single CRLFs around messages are no pings"


@pytest.mark.parametrize(
    "header",
    [
        b"X: 1",
        b"Content-Length:",
        b"Content-Length: abc",
        b"Content-Length: -1",
        b"Content-Length: +1",
        b"Content-Length: 1, 1",
        b"Content-Length: 1\r\nl: 2",
        b"Content-Length: 99999999999999999999999999",
        b"Content-Length: \xb2",
        b"XContent-Length: 1",
        b"Subject: x\r\n Content-Length: 1",
    ],
)
@pytest.mark.parametrize("piece", [1, 1_000])
def test_without_a_usable_length_the_header_is_handed_over_once(header: bytes, piece: int) -> None:
    message = b"INVITE sip:a SIP/2.0\r\n" + header + b"\r\n\r\n"
    with pytest.raises(FramingError) as caught:
        frames(framer(), message + b"unknown rest", piece)
    assert caught.value.message == message


@pytest.mark.parametrize("piece", [1, 10_000])
def test_a_body_over_the_limit_is_refused_before_it_comes(piece: int) -> None:
    with pytest.raises(FramingError) as caught:
        frames(framer(), sip(b"", length="5000"), piece)
    assert caught.value.message == sip(b"", length="5000")


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
@pytest.mark.parametrize("piece", [1, 10_000])
def test_a_header_over_the_limit_is_refused(piece: int, end: bytes) -> None:
    reader = framer()
    with pytest.raises(FramingError) as caught:
        frames(reader, b"OPTIONS sip:a SIP/2.0\r\nX: " + b"x" * 1_000 + end, piece)
    assert caught.value.message == b""


def test_many_small_pieces_are_not_searched_again_and_again() -> None:
    reader = Framer(1_000_000, 1_000_000)
    for _ in range(200_000):  # seconds if each piece searched the whole buffer
        reader.feed(b"x")
        assert reader.next_message() is None
