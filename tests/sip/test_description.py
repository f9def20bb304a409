"""Session descriptions: what they say, what must not be believed, and what is written."""

import re
from timeit import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.description import (
    MIXABLE,
    TELEPHONE_EVENT,
    Description,
    Format,
    Stream,
    answer,
    answerable,
    answering_direction,
    audio,
    common,
    hostile,
    is_mixable,
    offer,
    parse,
    with_direction,
    with_ports,
)
from b2bua.sip.sdp import Direction, LocalDescription
from b2bua.sip.sdp import direction as direction_of
from b2bua.sip.values import SipError

OURS = (*MIXABLE, TELEPHONE_EVENT)
HEAD = b"v=0\r\no=- 20518 0 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n"
AUDIO = (
    b"m=audio 54400 RTP/AVP 8 0 96 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:30\r\n"
)
VIDEO = b"m=video 54402 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
PHONE = HEAD + AUDIO + b"a=sendrecv\r\n"


def only(body: bytes) -> Stream:
    (stream,) = parse(body).streams
    return stream


def nobody(host: str, port: int) -> bool:
    return False


# --- reading


def test_a_phone() -> None:
    assert only(PHONE) == Stream(
        "audio",
        54400,
        "RTP/AVP",
        (
            Format(8, "PCMA"),
            Format(0, "PCMU"),
            Format(96, "OPUS", 48000, 2, "useinbandfec=1"),
            Format(101, "TELEPHONE-EVENT", 8000, 1, "0-15"),
        ),
        "203.0.113.1",
        None,
        "sendrecv",
        30,
        False,
    )
    assert parse(PHONE).raw is PHONE
    assert parse(PHONE.replace(b"t=0 0", b"t=3034423619 3042462419")).times == b"t=3034423619 3042462419"


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_other_line_ends(end: bytes) -> None:
    assert parse(PHONE.replace(b"\r\n", end)).streams == parse(PHONE).streams


def test_missing_lines_of_the_session() -> None:
    bare = b"v=0\nc=IN IP4 203.0.113.1\n" + AUDIO
    assert parse(bare).streams == parse(PHONE).streams
    assert parse(bare).times == b"t=0 0"


def test_static_payload_types_need_no_rtpmap_and_unnamed_dynamic_ones_are_none() -> None:
    stream = only(HEAD + b"m=audio 4000 RTP/AVP 0 3 4 8 9 18 10 13 99 \r\na=fmtp:18 annexb=no \r\n")
    assert [(f.payload_type, f.encoding, f.clock, f.channels) for f in stream.formats] == [
        (0, "PCMU", 8000, 1),
        (3, "GSM", 8000, 1),
        (4, "G723", 8000, 1),
        (8, "PCMA", 8000, 1),
        (9, "G722", 8000, 1),
        (18, "G729", 8000, 1),
        (10, "L16", 44100, 2),
        (13, "CN", 8000, 1),
    ]
    assert stream.formats[5].parameters == "annexb=no"


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        (b"9 G722/16000", Format(9, "G722", 8000)),
        (b"9 g722/8000/1", Format(9, "G722", 8000)),
        (b"9 G722", Format(9, "G722", 8000)),
        (b" 9  SPEEX/16000 ", Format(9, "SPEEX", 16000)),
    ],
)
def test_odd_mappings(mapping: bytes, expected: Format) -> None:
    assert only(HEAD + b"m=audio 4000 RTP/AVP 9\r\na=rtpmap:" + mapping + b"\r\n").formats == (expected,)


def test_addresses() -> None:
    assert only(HEAD + b"m=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::7\r\n").host == "2001:db8::7"
    assert only(HEAD + b"m=audio 4000 RTP/AVP 0\r\nc=IN IP6 [2001:db8::7]\r\n").host == "2001:db8::7"
    assert only(HEAD + b"m=audio 4000/2 RTP/AVP 0\r\nc=IN IP4 192.0.2.9/127/3\r\n").host == "192.0.2.9"
    assert only(HEAD + b"m=audio 4000 RTP/AVP 0\r\na=rtcp:5001\r\n").rtcp == ("203.0.113.1", 5001)
    assert only(HEAD + b"m=audio 4000 RTP/AVP 0\r\na=rtcp:5001 IN IP4 192.0.2.9\r\n").rtcp == ("192.0.2.9", 5001)
    assert only(b"v=0\r\nm=audio 0 RTP/AVP\r\n") == Stream("audio", 0, "RTP/AVP", (), "", None, "sendrecv", None, False)


@pytest.mark.parametrize(
    ("session", "media", "expected"),
    [
        (b"", b"", "sendrecv"),
        (b"", b"a=sendonly \r\n", "sendonly"),
        (b"a=inactive\r\n", b"", "inactive"),
        (b"a=inactive\r\n", b"a=recvonly\r\n", "recvonly"),
        (b"", b"c=IN IP4 0.0.0.0\r\n", "sendonly"),
        (b"", b"c=IN IP4 0.0.0.0\r\na=inactive\r\n", "inactive"),
    ],
)
def test_directions(session: bytes, media: bytes, expected: str) -> None:
    body = HEAD + session + AUDIO + media
    assert only(body).direction == expected
    if not (session and media):
        assert direction_of(body) == expected, "as `sdp.direction` sees it"


@pytest.mark.parametrize(
    ("session", "line", "media", "keyed"),
    [
        (b"", b"RTP/SAVP", b"", True),
        (b"", b"UDP/TLS/RTP/SAVPF", b"", True),
        (b"", b"RTP/AVP", b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n", True),
        (b"a=fingerprint:SHA-1 00\r\n", b"RTP/AVP", b"", True),
        (b"", b"RTP/AVPF", b"", False),
    ],
)
def test_keys(session: bytes, line: bytes, media: bytes, keyed: bool) -> None:
    assert only(HEAD + session + b"m=audio 4000 " + line + b" 0\r\n" + media).keyed is keyed


def test_streams_that_are_no_rtp_have_no_formats() -> None:
    assert only(HEAD + b"m=image 4000 udptl t38\r\n").formats == ()


def test_many_streams() -> None:
    description = parse(HEAD + (b"m=audio 0 RTP/AVP 0\r\n" + VIDEO + AUDIO) * 20)
    assert len(description.streams) == 60
    found = audio(description)
    assert found is description.streams[2]
    assert found.port
    assert audio(parse(HEAD + VIDEO)) is None
    assert parse(HEAD).streams == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"v=1\r\n",
        b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n",
        HEAD + b"m=audio\r\n",
        HEAD + b"m=audio 4000 RTP/AVP\r\n",
        HEAD + b"m=audio 65536 RTP/AVP 0\r\n",
        HEAD + b"m=audio -1 RTP/AVP 0\r\n",
        HEAD + b"m=audio 4000 RTP/AVP PCMU\r\n",
        HEAD + b"m=audio 4000 RTP/AVP 128\r\n",
        HEAD + b"m=audio 4000 RTP/AVP" + b" 0" * 129 + b"\r\n",
        HEAD + b"m=audio 4000 RTP/AVP 0\r\nc=IN IP4\r\n",
        HEAD + b"m=audio 4000 RTP/AVP 0\r\na=rtcp:65536\r\n",
        HEAD + b"m=audio 4000 RTP/AVP 0\r\na=rtcp:x\r\n",
    ],
)
def test_what_is_refused(body: bytes) -> None:
    with pytest.raises(SipError) as caught:
        parse(body)
    assert caught.value.status == 488


def test_reading_is_quick() -> None:
    """Each message with a body is read; the bound is five times what it takes."""
    assert min(timeit(lambda: parse(PHONE), number=200) for _ in range(20)) / 200 < 40e-6


# --- judging


def test_what_can_be_mixed() -> None:
    assert all(is_mixable(each) for each in MIXABLE)
    assert is_mixable(Format(120, "PCMA"))
    for each in (TELEPHONE_EVENT, Format(97, "OPUS", 48000, 2), Format(98, "PCMU", 16000), Format(99, "PCMA", 8000, 2)):
        assert not is_mixable(each)


def test_common_formats_stand_in_the_order_of_the_offer() -> None:
    assert [f.payload_type for f in common(only(PHONE), OURS)] == [8, 0, 101]
    assert common(only(PHONE), [Format(0, "OPUS", 48000, 1)]) == ()
    assert common(only(PHONE), [Format(120, "OPUS", 48000, 2)]) == (only(PHONE).formats[2],)


@pytest.mark.parametrize(
    ("offered", "wanted", "expected"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendrecv", "recvonly", "recvonly"),
        ("sendrecv", "inactive", "inactive"),
        ("sendonly", "sendrecv", "recvonly"),
        ("sendonly", "recvonly", "recvonly"),
        ("sendonly", "sendonly", "inactive"),
        ("recvonly", "sendrecv", "sendonly"),
        ("recvonly", "recvonly", "inactive"),
        ("inactive", "sendrecv", "inactive"),
    ],
)
def test_the_direction_of_an_answer(offered: Direction, wanted: Direction, expected: str) -> None:
    assert answering_direction(offered, wanted) == expected


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (b"IP4 203.0.113.1", ""),
        (b"IP4 127.0.0.1", ""),
        (b"IP6 2001:db8::1", ""),
        (b"IP4 0.0.0.0", ""),
        (b"IP6 ::", ""),
        (b"IP4 224.2.1.1/127", "Multicast Media Address"),
        (b"IP6 ff15::101", "Multicast Media Address"),
        (b"IP6 ::ffff:239.1.1.1", "Multicast Media Address"),
        (b"IP4 255.255.255.255", "Broadcast Or Reserved Media Address"),
        (b"IP4 240.0.0.1", "Broadcast Or Reserved Media Address"),
        (b"IP4 0.1.2.3", "Broadcast Or Reserved Media Address"),
        (b"IP6 fe80::1%eth0", "Scoped Media Address"),
        (b"IP4 media.example.com", "Host Name As Media Address"),
        (b"IP4 0177.0.0.1", "Host Name As Media Address"),
        (b"IP4 " + b"1" * 5000, "Host Name As Media Address"),
    ],
)
def test_addresses_that_nothing_is_sent_to(address: bytes, reason: str) -> None:
    where = b"c=IN " + address + b"\r\n"
    assert hostile(parse(HEAD + AUDIO + where), nobody) == reason
    assert hostile(parse(HEAD + AUDIO + VIDEO + where), nobody) == reason, "any stream"
    assert hostile(parse(HEAD + b"m=audio 0 RTP/AVP 0\r\n" + where), nobody) == "", "a refused stream goes nowhere"
    if b"/" not in address:
        assert hostile(parse(HEAD + AUDIO + b"a=rtcp:4001 IN " + address + b"\r\n"), nobody) == reason, "RTCP too"


@pytest.mark.parametrize(
    "media",
    [
        b"m=audio 30000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n",
        b"m=audio 29999 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n",
        b"m=audio 30000 RTP/AVP 0\r\nc=IN IP6 ::ffff:192.0.2.1\r\n",
        b"m=audio 4000 RTP/AVP 0\r\na=rtcp:30000 IN IP4 192.0.2.1\r\n",
        AUDIO + b"m=video 30000 RTP/AVP 99\r\nc=IN IP4 192.0.2.1\r\n",
    ],
)
def test_our_own_ports(media: bytes) -> None:
    """Also by the RTCP port above, and by an IPv4 address in disguise."""
    assert hostile(parse(HEAD + media), lambda host, port: (host, port) == ("192.0.2.1", 30000)) == "Media Address Is Our Own"


# --- relaying


def test_ports_are_ours_and_all_else_crosses() -> None:
    body = HEAD + b"a=x:1\r\n" + AUDIO + b"b=AS:64\r\n" + b"m=image 4006 udptl t38\r\na=T38FaxVersion:0\r\nc=IN IP4 10.0.0.9\r\n"
    expected = (
        body.replace(b"c=IN IP4 203.0.113.1", b"c=IN IP4 192.0.2.1")
        .replace(b"c=IN IP4 10.0.0.9", b"c=IN IP4 192.0.2.1")
        .replace(b"54400", b"30000")
        .replace(b"4006", b"30002")
    )
    assert with_ports(body, "192.0.2.1", (30000, 30002)) == expected
    assert with_ports(body.replace(b"\r\n", b"\n"), "192.0.2.1", (30000, 30002)) == expected.replace(b"\r\n", b"\n")


def test_the_other_family() -> None:
    six = with_ports(PHONE, "2001:db8::1", (30000,))
    assert only(six).host == "2001:db8::1"
    assert b"c=IN IP6 2001:db8::1\r\n" in six
    assert with_ports(six, "203.0.113.1", (54400,)) == PHONE


def test_streams_without_a_port_are_refused() -> None:
    body = HEAD + AUDIO + VIDEO + b"m=application 9 TCP/MSRP *\r\nm=x 4008 TCP/RTP/AVP 0\r\nm=audio 0 RTP/AVP 0\r\n" + VIDEO
    description = parse(with_ports(body, "192.0.2.1", (30000, 0, 30004, 30006, 30008)))
    assert [stream.port for stream in description.streams] == [30000, 0, 0, 0, 0, 0]
    assert [stream.kind for stream in description.streams] == [stream.kind for stream in parse(body).streams]


@pytest.mark.parametrize(
    "line",
    [
        b"a=rtcp:5001",
        b"a=rtcp:5001 IN IP4 10.0.0.9",
        b"a=rtcp-mux",
        b"a=rtcp-mux-only",
        b"a=candidate:1 1 UDP 2130706431 10.0.0.9 8998 typ host",
        b"a=ice-ufrag:8hhY",
        b"a=ice-lite",
        b"a=end-of-candidates",
        b"a=remote-candidates:1 10.0.0.9 8998",
        b"a=source-filter: incl IN IP4 * 10.0.0.9",
        b"a=altc:1 IP6 2001:db8::9 4000",
        b"a=group:BUNDLE 1 2",
    ],
)
def test_nothing_leads_past_the_relay(line: bytes) -> None:
    for body in (PHONE + line + b"\r\n", PHONE.replace(b"t=0 0\r\n", b"t=0 0\r\n" + line + b"\r\n"), PHONE + line):
        assert with_ports(body, "192.0.2.1", (30000,)) == with_ports(PHONE, "192.0.2.1", (30000,))


def test_feedback_and_keys_cross() -> None:
    lines = b"a=rtcp-fb:* nack\r\na=rtcp-xr:rcvr-rtt\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\na=group:LS 1 2\r\n"
    assert with_ports(PHONE + lines, "192.0.2.1", (30000,)).endswith(b"a=sendrecv\r\n" + lines)


def test_the_old_way_to_hold_stays_one() -> None:
    held = PHONE.replace(b"c=IN IP4 203.0.113.1", b"c=IN IP4 0.0.0.0").replace(b"a=sendrecv\r\n", b"")
    relayed = only(with_ports(held, "192.0.2.1", (30000,)))
    assert (relayed.host, relayed.port, relayed.direction) == ("0.0.0.0", 30000, "sendonly")


@pytest.mark.parametrize(
    "media", [b"m=audio 4000 RTP/AVP 0\r\n", b"m=audio 4000 RTP/AVP 0\r\n" + VIDEO + b"c=IN IP4 192.0.2.9\r\n", b"m=audio\r\n"]
)
def test_relaying_what_cannot_be_read(media: bytes) -> None:
    with pytest.raises(SipError):
        with_ports(b"v=0\r\n" + media, "192.0.2.1", (30000, 30002))


# --- directions


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_the_direction_of_the_audio_stream_changes_and_nothing_else(end: bytes) -> None:
    refused = b"m=audio 0 RTP/AVP 0\r\na=inactive\r\n"
    body = (HEAD + b"a=recvonly\r\n" + refused + VIDEO + b"a=recvonly\r\n" + AUDIO + b"a=sendrecv \r\n" + VIDEO).replace(
        b"\r\n", end
    )
    changed = with_direction(body, "sendonly")
    assert [stream.direction for stream in parse(changed).streams] == ["inactive", "recvonly", "sendonly", "recvonly"]
    assert changed.replace(b"a=sendonly" + end, b"") == body.replace(b"a=sendrecv " + end, b"")
    assert with_direction(HEAD + refused + VIDEO, "sendonly") == HEAD + refused + VIDEO


def test_the_last_line_may_lack_its_end() -> None:
    assert with_direction(PHONE.removesuffix(b"\r\n"), "sendonly") == HEAD + AUDIO + b"a=sendonly\r\n"
    assert with_direction(HEAD + b"m=audio 4000 RTP/AVP 0", "inactive") == HEAD + b"m=audio 4000 RTP/AVP 0\r\na=inactive\r\n"


# --- writing


def test_an_offer() -> None:
    assert offer("192.0.2.1", 30000, [*OURS, Format(96, "OPUS", 48000, 2)], "sendonly", 20) == (
        b"v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 9 0 8 101 96\r\n"
        b"a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=rtpmap:96 opus/48000/2\r\na=ptime:20\r\na=sendonly\r\n"
    )
    assert LocalDescription(7, "192.0.2.1").of(offer("192.0.2.1", 30000, OURS)).startswith(b"v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\n")


def test_what_is_offered_reads_the_same() -> None:
    stream = only(offer("2001:db8::1", 30000, OURS, "recvonly", 20))
    assert stream == Stream("audio", 30000, "RTP/AVP", OURS, "2001:db8::1", None, "recvonly", 20, False)


def test_an_answer() -> None:
    offered = (
        HEAD.replace(b"t=0 0", b"t=1 2")
        + b"m=audio 4000 RTP/SAVP 0\r\na=crypto:1 x\r\nm=application 9 TCP/MSRP *\r\nm=audio 4002 RTP/AVP 18\r\nm=audio 0 RTP/AVP\r\n"
        + AUDIO.replace(b"RTP/AVP", b"RTP/AVPF").replace(b"101", b"110")
        + VIDEO
        + AUDIO
    )
    description = parse(offered)
    assert answerable(description, OURS) is description.streams[4]
    assert answer(description, "192.0.2.1", 30000, OURS) == (
        b"v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=1 2\r\n"
        b"m=audio 0 RTP/SAVP 0\r\nm=application 0 TCP/MSRP *\r\nm=audio 0 RTP/AVP 18\r\nm=audio 0 RTP/AVP 0\r\n"
        b"m=audio 30000 RTP/AVPF 8 0 110\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
        b"a=rtpmap:110 telephone-event/8000\r\na=fmtp:110 0-15\r\na=sendrecv\r\nm=video 0 RTP/AVP 97\r\nm=audio 0 RTP/AVP 8\r\n"
    )


def test_an_answer_takes_the_parameters_of_who_answers() -> None:
    description = parse(HEAD + AUDIO)
    assert b"a=fmtp:96 maxaveragebitrate=16000\r\n" in answer(
        description, "h", 2, [Format(120, "OPUS", 48000, 2, "maxaveragebitrate=16000")]
    )


def test_the_answer_to_a_hold() -> None:
    held = parse(HEAD + AUDIO + b"a=sendonly\r\n")
    assert only(answer(held, "192.0.2.1", 30000, OURS)).direction == "recvonly"
    assert only(answer(held, "192.0.2.1", 30000, OURS, "sendonly")).direction == "inactive"


@pytest.mark.parametrize(
    "media",
    [
        b"",
        VIDEO,
        b"m=audio 4000 RTP/AVP 18\r\n",
        b"m=audio 0 RTP/AVP 0\r\n",
        b"m=audio 4000 RTP/SAVP 0\r\n",
        b"m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n",
        b"m=audio 4000 RTP/AVP 99\r\n",
    ],
)
def test_nothing_in_common(media: bytes) -> None:
    assert answerable(parse(HEAD + media), OURS) is None
    with pytest.raises(SipError, match="488 No Common Codec"):
        answer(parse(HEAD + media), "192.0.2.1", 30000, OURS)


# --- anything

PIECES = st.sampled_from(
    [
        b"v=0",
        *HEAD.splitlines(),
        *AUDIO.splitlines(),
        *VIDEO.splitlines(),
        b"m=audio 0 RTP/AVP",
        b"c=IN IP4 224.0.0.1",
        b"a=rtcp:1",
        b"a=sendonly",
        b"a=candidate:1",
        b"a=rtpmap:0 x/0",
        b"a=fmtp:",
        b"\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"\xff\0",
        b" ",
        b"m=",
        b"x",
    ]
)
BODIES = st.binary(max_size=80) | st.lists(PIECES, max_size=30).map(b"".join) | st.lists(PIECES, max_size=30).map(b"\r\n".join)


def described(body: bytes) -> Description | None:
    try:
        return parse(body)
    except SipError as error:
        assert error.status == 488
        return None


@given(BODIES, st.lists(st.sampled_from([0, 30000, 30002]), max_size=4))
def test_anything_is_read_and_led_to_us_or_refused(body: bytes, ports: list[int]) -> None:
    for text in (body, b"v=0\r\n" + body, HEAD + body):
        description = described(text)
        if description is None:
            continue
        hostile(description, nobody)
        relayed = described(with_ports(text, "192.0.2.1", ports))
        assert relayed is not None
        assert len(relayed.streams) == len(description.streams)
        for stream in relayed.streams:
            assert stream.port in (0, *ports)
            assert stream.host in ("192.0.2.1", "0.0.0.0", "::") or not stream.port
            assert stream.rtcp is None
        turned = described(with_direction(text, "recvonly"))
        found = None if turned is None else audio(turned)
        assert found is None or found.direction == "recvonly"


@given(BODIES)
def test_every_answer_fits_its_offer(body: bytes) -> None:
    description = described(HEAD + body)
    if description is None:
        return
    try:
        answered = parse(answer(description, "192.0.2.1", 30000, OURS))
    except SipError:
        return
    assert [(s.kind, s.protocol) for s in answered.streams] == [(s.kind, s.protocol) for s in description.streams]
    (accepted,) = [stream for stream in answered.streams if stream.port]
    offered = description.streams[answered.streams.index(accepted)]
    assert {f.payload_type for f in accepted.formats} <= {f.payload_type for f in offered.formats}
    assert re.fullmatch(r"[\x20-\x7e\r\n\x80-\xff]*", answered.raw.decode("latin-1"))


def test_addresses_that_we_cannot_send_to_from_ours() -> None:
    four, six, held = (parse(HEAD + AUDIO + b"c=IN " + where + b"\r\n") for where in (b"IP4 192.0.2.1", b"IP6 2001:db8::1", b"IP4 0.0.0.0"))
    for description, ours, reason in (
        (four, "192.0.2.9", ""),
        (four, "", ""),
        (four, "2001:db8::9", "Other Address Family"),
        (six, "192.0.2.9", "Other Address Family"),
        (six, "2001:db8::9", ""),
        (held, "2001:db8::9", ""),
    ):
        assert hostile(description, nobody, ours) == reason
