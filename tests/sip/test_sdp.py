"""Session descriptions: everything crosses byte for byte but who made them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.sdp import LocalDescription, direction, extract, on_hold
from b2bua.sip.values import SipError

MEDIA = b"c=IN IP4 192.0.2.7\r\nt=0 0\r\na=tool:x\r\nm=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\nb=AS:64\r\nm=video 0 RTP/AVP 99\r\n"
OFFER = b"v=0\r\no=alice 2890844526 7 IN IP4 10.0.0.5\r\ns=Alice's secret project\r\n" + MEDIA


def test_the_origin_becomes_ours_and_the_rest_crosses() -> None:
    ours = LocalDescription(4711, "192.0.2.1").of(OFFER)
    assert ours == b"v=0\r\no=- 4711 1 IN IP4 192.0.2.1\r\ns=-\r\n" + MEDIA


def test_ipv6() -> None:
    assert b"o=- 1 1 IN IP6 2001:db8::1\r\n" in LocalDescription(1, "2001:db8::1").of(OFFER)


def test_the_version_counts_changes() -> None:
    """RFC 3264 §8: the same text again must be the same session; any change is one version on."""
    local = LocalDescription(1, "h")
    first = local.of(OFFER)
    assert local.of(OFFER) == first == local.last
    held = local.of(OFFER + b"a=sendonly\r\n")
    assert b" 1 2 IN " in held
    assert b" 1 3 IN " in local.of(OFFER), "back again is a change too"


@pytest.mark.parametrize("line", [b"i=Alice's title", b"u=http://alice.example/", b"e=alice@example.com", b"p=+1 617 555-6011"])
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b""])
def test_lines_that_name_a_person_go(line: bytes, end: bytes) -> None:
    """Also the last line of all, without an end."""
    for body in (OFFER + line + end, OFFER.replace(b"c=IN", line + (end or b"\r\n") + b"c=IN")):
        ours = LocalDescription(1, "h").of(body)
        assert line not in ours
        assert b"10.0.0.5" not in ours
        assert b"secret" not in ours
        assert b"m=audio 4000" in ours


def test_other_line_ends_and_orders_are_read_too() -> None:
    unix = OFFER.replace(b"\r\n", b"\n")
    ours = LocalDescription(1, "h").of(unix)
    assert b"o=- 1 1 IN IP4 h\n" in ours
    assert b"s=-\n" in ours
    assert b"alice" not in ours.lower()


@pytest.mark.parametrize("body", [b"", b"hello", b"v=0\r\n", b"o=a 1 1 IN IP4 h\r\ns=-\r\n", b"v=1\r\no=a 1 1 IN IP4 h\r\n"])
def test_what_is_none_is_refused(body: bytes) -> None:
    local = LocalDescription(1, "h")
    if not body:
        assert local.of(body) == b"", "nothing stays nothing"
        return
    with pytest.raises(SipError) as caught:
        local.of(body)
    assert caught.value.status == 488
    assert local.version == 0


@pytest.mark.parametrize(
    ("line", "way", "hold"),
    [
        (b"", "sendrecv", False),
        (b"a=sendonly\r\n", "sendonly", True),
        (b"a=recvonly\n", "recvonly", False),
        (b"a=inactive", "inactive", True),
        (b"a=sendonly \t\r\n", "sendonly", True),
        (b"a=sendonlyish\r\n", "sendrecv", False),
        (b"c=IN IP4 0.0.0.0\r\n", "sendonly", True),
        (b"c=IN IP4 0.0.0.0\r\na=sendrecv\r\n", "sendrecv", False),
    ],
)
def test_direction(line: bytes, way: str, hold: bool) -> None:
    assert direction(OFFER + line) == way
    assert on_hold(OFFER + line) is hold


def test_extract() -> None:
    assert extract("application/sdp", OFFER) is OFFER
    assert extract("Application/SDP;charset=utf-8", OFFER) is OFFER
    parts = (
        b"preamble\r\n--b1\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b1\r\nContent-Type: application/sdp\r\n\r\n"
        + OFFER
        + b"\r\n--b1--\r\n"
    )
    for content_type in ("multipart/mixed;boundary=b1", 'Multipart/Mixed; Boundary="b1"; x=y'):
        assert extract(content_type, parts) == OFFER


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "multipart/mixed", "multipart/mixed;boundary=other", "application/sdpx"]
)
def test_nothing_to_extract(content_type: str) -> None:
    with pytest.raises(SipError) as caught:
        extract(content_type, OFFER)
    assert caught.value.status == 415


@given(
    st.lists(
        st.sampled_from(
            [b"v=0", b"o=x 1 1 IN IP4 10.0.0.5", b"s=x", b"p=x", b"a=b", b"\r\n", b"\n", b"\r", b"m=audio 1 RTP/AVP 0", b"\xff\0"]
        ),
        max_size=12,
    )
)
def test_anything_is_rewritten_or_refused(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    direction(body)
    try:
        ours = LocalDescription(1, "192.0.2.1").of(body)
    except SipError:
        return
    if body:
        assert ours.startswith(b"v=0")
        assert b"192.0.2.1" in ours
