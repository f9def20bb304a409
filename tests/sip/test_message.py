"""Messages: what is read, what is refused and how, and that what nobody touches leaves as it came."""

import contextlib
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from b2bua.sip.message import MAX_HEADERS, MessageError, Request, Response, encode, header, parse_message
from b2bua.sip.values import SipError
from tests.sip.parts import UDP, Rig, request, request_bytes


def refused(data: bytes) -> MessageError:
    with pytest.raises(MessageError) as caught:
        parse_message(data)
    return caught.value


# What is read.


def test_request() -> None:
    message = request("INVITE", headers="Subject: hello\r\n", body=b"v=0\r\n")
    assert (message.method, message.uri, message.target.user) == ("INVITE", "sip:667@acme.test", "667")
    assert (message.call_id, message.cseq, message.cseq_method) == ("call-1", 1, "INVITE")
    assert (message.from_.tag, message.to.tag, message.via.branch) == ("theirs", "", "z9hG4bKone")
    assert message.body == b"v=0\r\n"
    assert message.get("subject") == "hello"
    assert message.get("date") is None
    assert message.get_all("date") == message.values("date") == []
    assert message.tokens("date") == frozenset()
    assert "subject" in message.names()


def test_response() -> None:
    data = b"SIP/2.0 183 Gleich, m\xc3\xb6glicherweise\r\nv: SIP/2.0/UDP h;branch=b\r\nf: <sip:a@b>;tag=1\r\nt: <sip:c@d>\r\ni: x\r\nCSeq: 7 INVITE\r\nl: 0\r\n\r\n"
    message = parse_message(data)
    assert isinstance(message, Response)
    assert (message.status, message.reason, message.cseq) == (183, "Gleich, möglicherweise", 7)
    assert message.encode() is data


@pytest.mark.parametrize("start", ["SIP/2.0 200", "SIP/2.0 200 ", "sip/2.0 200 OK"])
def test_status_line_variants(start: str) -> None:
    message = parse_message(
        f"{start}\r\nVia: SIP/2.0/UDP h\r\nFrom: sip:a\r\nTo: sip:a\r\nCall-ID: x\r\nCSeq: 1 A\r\n\r\n".encode()
    )
    assert isinstance(message, Response)
    assert message.status == 200


@pytest.mark.parametrize(
    "start",
    ["SIP/2.0 99 X", "SIP/2.0 700 X", "SIP/2.0 4294967301 X", "SIP/2.0  200 OK", "SIP/2.0 20O OK", "SIP/3.0 200 OK", "SIP/"],
)
def test_a_bad_response_is_only_dropped(start: str) -> None:
    error = refused(f"{start}\r\nVia: SIP/2.0/UDP h\r\nFrom: sip:a\r\nTo: sip:a\r\nCall-ID: x\r\nCSeq: 1 A\r\n\r\n".encode())
    assert error.request is None


@pytest.mark.parametrize(
    ("compact", "name"),
    [("k", "supported"), ("m", "contact"), ("e", "content-encoding"), ("s", "subject"), ("x", "session-expires"), ("r", "refer-to"), ("b", "referred-by"),
     ("o", "event"), ("u", "allow-events"), ("a", "accept-contact"), ("j", "reject-contact"), ("d", "request-disposition"), ("y", "identity")],
)  # fmt: skip
def test_compact_forms(compact: str, name: str) -> None:
    for written in (compact, compact.upper()):
        assert request(headers=f"{written}: value\r\n", contact="").get(name) == "value"


def test_names_in_any_case_and_blanks_before_the_colon() -> None:
    message = request(headers="sUbJeCt \t:  folded\r\n \t  twice\r\n\tand\r\n  again  \r\n")
    assert message.get("subject") == "folded twice and again"


def test_unknown_headers_keep_their_order() -> None:
    message = request(headers="X-A: 1\r\nX-B: 2\r\nx-a: 3, 4\r\n")
    assert message.get_all("x-a") == ["1", "3, 4"]
    assert message.values("x-a") == ["1", "3", "4"]


def test_addresses_and_tokens() -> None:
    message = request(
        contact="", headers='Contact: "A, B" <sip:a@b>;q=1, <sip:c@d>\r\nm: sip:e@f\r\nRequire: A, b\r\nRequire: c;x\r\n'
    )
    assert [address.uri_text for address in message.addresses("contact")] == ["sip:a@b", "sip:c@d", "sip:e@f"]
    assert message.tokens("require") == {"a", "b", "c", "x"}


def test_several_vias_in_one_line() -> None:
    message = request(via="SIP/2.0/UDP one;branch=z9hG4bK1, SIP/2.0/TCP two;branch=z9hG4bK2")
    assert (message.via.host, message.via.branch) == ("one", "z9hG4bK1")


def test_keepalives_before_a_message() -> None:
    assert isinstance(parse_message(b"\r\n\r\n" + request_bytes()), Request)


def test_body_is_cut_to_its_length() -> None:
    assert parse_message(request_bytes(body=b"12345") + b"INVITE sip:evil SIP/2.0\r\n").body == b"12345"
    without = request_bytes(body=b"12345").replace(b"Content-Length: 5\r\n", b"")
    assert parse_message(without).body == b"12345"


# What is refused.


@pytest.mark.parametrize("missing", ["From", "To", "Call-ID", "CSeq"])
def test_missing_core_header(missing: str) -> None:
    lines = [line for line in request_bytes().split(b"\r\n") if not line.startswith(missing.encode() + b":")]
    error = refused(b"\r\n".join(lines))
    assert (error.status, error.reason) == (400, f"Missing {missing.title()}")
    assert error.request is not None


def test_without_via_there_is_nobody_to_answer() -> None:
    lines = [line for line in request_bytes().split(b"\r\n") if not line.startswith(b"Via")]
    assert refused(b"\r\n".join(lines)).request is None


@pytest.mark.parametrize(
    "name", ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Expires", "f", "t", "i", "l"]
)
def test_repeated_single_header(name: str) -> None:
    value = {"CSeq": "1 OPTIONS", "Content-Length": "0", "l": "0", "From": "<sip:a@b>;tag=t", "f": "sip:a"}.get(name, "<sip:a@b>")
    headers = f"{name}: {value}\r\n" * (2 if name == "Expires" else 1)
    error = refused(request_bytes(headers=headers))
    assert error.status == 400
    assert error.reason.startswith("Repeated")
    assert error.request is not None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((b"Subject: x", b"No colon here"), "Bad Header Line"),
        ((b"Subject: x", b"Two words: x"), "Bad Header Line"),
        ((b"Subject: x", b": x"), "Bad Header Line"),
        ((b"Subject: x", b"Subject"), "Bad Header Line"),
        ((b"Content-Length: 0", b"Content-Length: -1"), "Bad Content-Length"),
        ((b"Content-Length: 0", b"Content-Length: +0"), "Bad Content-Length"),
        ((b"Content-Length: 0", b"Content-Length: 0x0"), "Bad Content-Length"),
        ((b"Content-Length: 0", b"Content-Length: 9999999999"), "Bad Content-Length"),
        ((b"Content-Length: 0", b"Content-Length: 1"), "Body Shorter Than Content-Length"),
        ((b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"), "CSeq Method Differs"),
        ((b"CSeq: 1 OPTIONS", b"CSeq: 1 OPTIONS X"), "CSeq Method Differs"),
        ((b"Call-ID: call-1", b"Call-ID: a b"), "Bad Call-Id"),
        ((b"Call-ID: call-1", b"Call-ID:"), "Bad Call-Id"),
        ((b"OPTIONS sip:667@acme.test ", b"OPTIONS <sip:667@acme.test> "), "Bad Request-URI"),
        ((b"OPTIONS sip:667@acme.test ", b"OPTIONS  sip:667@acme.test "), "Bad Request-URI"),
        ((b"OPTIONS sip:667@acme.test ", b"OPTIONS sip:667@acme.test;a b "), "Bad Request-URI"),
        ((b"SIP/2.0\r\nVia", b"SIP/2.0 \r\nVia"), "Bad Request Line"),
        ((b"Subject: x", b"Subject: x\ny"), "Bad Line Ends"),
        ((b"Subject: x", b"Subject: x\ry"), "Bad Line Ends"),
        ((b"Subject: x", b"Subject: x\r\r\n y"), "Bad Line Ends"),
    ],
)
def test_bad_requests_are_told_so(change: tuple[bytes, bytes], reason: str) -> None:
    error = refused(request_bytes(headers="Subject: x\r\n").replace(*change, 1))
    assert (error.status, error.reason) == (400, reason)
    assert error.request is not None


def test_the_version_in_any_case() -> None:
    assert isinstance(parse_message(request_bytes().replace(b"SIP/2.0\r\n", b"sip/2.0\r\n", 1)), Request)


@pytest.mark.parametrize("version", ["SIP/7.0", "SIP/2.1", "sip/1.0"])
def test_other_versions(version: str) -> None:
    error = refused(request_bytes().replace(b"SIP/2.0\r\n", version.encode() + b"\r\n", 1))
    assert (error.status, error.reason) == (505, "Version Not Supported")


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"\0", b"hello", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" * 100, b"INVITE", b" \r\n\r\n"]
)
def test_what_is_not_sip_is_dropped(data: bytes) -> None:
    assert refused(data).request is None


def test_ack_is_never_answered() -> None:
    assert refused(request_bytes("ACK").replace(b"Call-ID: call-1\r\n", b"")).request is None


def test_a_broken_via_is_salvaged_for_the_answer() -> None:
    error = refused(request_bytes(via="SIP/2.0/UDP 192.0.2.15:5070;;,;,,"))
    assert error.request is not None
    assert (error.request.via.host, error.request.via.port) == ("192.0.2.15", 5070)


def test_too_many_headers_and_too_large() -> None:
    assert refused(request_bytes(headers="X: y\r\n" * MAX_HEADERS)).status == 400
    assert refused(request_bytes(headers="X: " + "y" * 40_000 + "\r\n")).status == 513
    error = refused(request_bytes(body=b"x" * 70_000))
    assert error.status == 513
    assert error.request is not None


# What is written.


def test_encode() -> None:
    assert encode("OPTIONS sip:a SIP/2.0", "A: b\r\n") == b"OPTIONS sip:a SIP/2.0\r\nA: b\r\nContent-Length: 0\r\n\r\n"
    assert encode("X", "", b"12", "text/plain") == b"X\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n12"


@pytest.mark.parametrize("value", ["a\r\nVia: x", "a\n", "\r"])
def test_a_value_cannot_start_a_header(value: str) -> None:
    with pytest.raises(ValueError, match="line end"):
        header("Subject", value)


_TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20).map(lambda text: text.strip(" \t"))
_VALUE = st.binary(max_size=40).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b"").strip(b" \t"))


@given(_VALUE, st.sampled_from(["X-Odd", "Subject"]))
@example(b"\xc2\xa0x\xc2\x85\x0b", "X-Odd")
@example(b"\xc2\xa0x\xc2\x85\x0b", "Subject")
@example(b"\xff\x00\x7f", "Subject")
def test_a_value_nobody_touches_leaves_as_it_came(value: bytes, name: str) -> None:
    """Of a well-known header and of another: they are read by different code."""
    data = request_bytes(headers=f"{name}: @@\r\n").replace(b"@@", value)
    message = parse_message(data)
    assert message.encode() is data
    read = message.get(name.lower())
    assert read is not None
    assert header(name, read).encode("utf-8", "surrogateescape") == f"{name}: ".encode() + value + b"\r\n"


@given(
    st.one_of(
        st.sampled_from(
            ["Subject: x", "Subject", "v", "Date :x", "FROM: x", "f: <sip:a>", "sUbJect: y", ": z", "Event:\t x", "expires: 5 "]
        ),
        _TEXT,
    )
)
def test_the_usual_way_and_the_long_way_read_alike(line: str) -> None:
    """A header nobody knows sends the whole message the long way."""

    def read(extra: str) -> object:
        data = request_bytes(headers=f"@@\r\n{extra}").replace(b"@@", line.encode())
        try:
            message = parse_message(data)
        except MessageError as error:
            return error.status, error.reason
        return {name: message.get_all(name) for name in message.names() if name != "x-long-way"}

    assert read("") == read("X-Long-Way: 1\r\n")


_TOKEN = st.text(alphabet="abcXYZ019-.!%*_+`'~", min_size=1, max_size=10)


@given(
    st.dictionaries(st.from_regex(r"X-[A-Za-z0-9]{1,8}", fullmatch=True).map(str.title), _TEXT, max_size=8),
    st.binary(max_size=60),
    _TOKEN,
)
def test_round_trip(headers: dict[str, str], body: bytes, method: str) -> None:
    if method.upper() == "SIP/":
        return
    lines = "".join(header(name, value) for name, value in headers.items())
    data = request_bytes(method, headers=lines, body=body)
    message = parse_message(data)
    assert isinstance(message, Request)
    assert message.method == method
    assert message.body == body
    assert {name: message.get(name.lower()) for name in headers} == headers
    assert message.encode() == data


# Hostile input. Nothing but MessageError, nothing raised out of the stack, at most one datagram out for one in.

_FRAGMENTS = st.sampled_from(
    [b"INVITE ", b"ACK ", b"CANCEL ", b"sip:a@b ", b"SIP/2.0", b"SIP/2.0 200 OK", b"\r\n", b"\r\n\r\n", b"\r", b"\n", b" ", b"\t", b"\r\n ", b":", b";", b",",
     b"<", b">", b'"', b"\\", b"=", b"\0", b"\xff", b"\xc3\xa9", b"Via: SIP/2.0/UDP h;branch=z9hG4bK1", b"v: SIP/2.0/UDP [::1]:5060;rport", b"From: <sip:a@b>;tag=1",
     b"To: <sip:c@d>", b"t: sip:c@d;tag=2", b"Call-ID: x", b"CSeq: 1 INVITE", b"CSeq: 99999999999 ACK", b"Content-Length: 5", b"l: -1", b"Require: x", b"Contact: *",
     b"Route: <sip:x;lr>", b"Max-Forwards: 0", b"rport", b"received=1.2.3.4", b"maddr=9.9.9.9"]
)  # fmt: skip
_PIECES = st.lists(st.one_of(_FRAGMENTS, st.binary(max_size=6)), max_size=30).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good request with pieces replaced, removed, repeated or thrown in."""
    method = draw(st.sampled_from(["INVITE", "OPTIONS", "ACK", "CANCEL", "BYE", "REGISTER", "NOVEL"]))
    data = bytearray(request_bytes(method, headers="Subject: x\r\nRequire: 100rel\r\n", body=b"v=0\r\n"))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        until = min(len(data), at + draw(st.integers(0, 12)))
        data[at:until] = draw(st.one_of(_FRAGMENTS, st.binary(max_size=4)))
    return bytes(data)


@given(st.one_of(st.binary(max_size=200), _PIECES, mutated()))
def test_the_parser_raises_nothing_but_message_errors(data: bytes) -> None:
    try:
        message = parse_message(data)
    except MessageError as error:
        assert error.status in (400, 505, 513)
        return
    for name in [*message.names(), "contact", "via"]:
        for look in (message.get, message.get_all, message.tokens):
            look(name)
        with contextlib.suppress(SipError):
            message.values(name)
        with contextlib.suppress(SipError):
            message.addresses(name)
        for line in message.get_all(name):
            assert "\r" not in line
            assert "\n" not in line
    if isinstance(message, Request):
        assert not set(message.uri) & set("\r\n \t")


@given(st.one_of(st.binary(max_size=200), _PIECES, mutated()))
@example(request_bytes(via='SIP/2.0/UDP h;branch=x, "'))
@example(request_bytes(via="SIP/2.0/UDP h;branch=x, <", headers="Subject: x\ry\r\n"))
@example(request_bytes(via='SIP/2.0/UDP h;branch=z9hG4bK0-1;;, "').replace(b"Call-ID: call-1\r\n", b""))
def test_the_stack_survives_anything(data: bytes) -> None:
    """`Rig` fails the test when anything is raised or reported as a bug; what is sent is itself well-formed."""
    rig = Rig()
    rig.stack.handlers["OPTIONS"] = lambda request, flow, now: rig.stack.reject(request, flow, 200)
    out = rig.receive(data)
    assert len(out) <= 1
    for flow in [flow for _, flow, _ in rig.sent]:
        assert flow.remote[0] == UDP.remote[0], "answers go to where the request came from"
    for answer in out:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"SIP/2.0 ")
        assert b"\n" not in head.replace(b"\r\n", b"")
        assert b"\r" not in head.replace(b"\r\n", b"")
        assert body == b""
    rig.assert_empty()


_RUNS = [b"<", b">", b'"', b"'", b";", b",", b" ", b"\t", b"\\", b"a", b"=", b":", b"@", b"[", b"%", b"?", b"&", b";a", b";a=", b';a="', b",<", b",<a>", b'\\"', b"; ",
         b" ;", b"\xff", b"\r\n ", b" \r\n\t", b"\r\n", b"\r", b"\n", b"a:b\r\n", b"SIP/2.0/UDP h,", b"z9hG4bK", b"rport;", b";rport", b";branch", b"; \t", b"\r\n \r\n"]  # fmt: skip
_PLACES: list[tuple[bytes, bytes]] = [
    (b"Subject: x", b"Subject: @@"),
    (b"Subject: x", b"Contact: <sip:a@b>@@"),
    (b"Subject: x", b"Record-Route: @@"),
    (b"Subject: x", b"@@"),
    (b"Subject: x", b"X: a\r\n b\r\nY: c@@d"),
    (b"Subject: x", b"Require: @@"),
    (b";branch=z9hG4bKone;rport", b";branch=z9hG4bKone@@"),
    (b"SIP/2.0/UDP 192", b"SIP/2.0/UDP @@"),
    (b"<sip:676@acme.test>;tag=theirs", b"@@"),
    (b"<sip:667@acme.test>\r\n", b"<sip:667@acme.test>@@\r\n"),
    (b"<sip:667@acme.test>\r\n", b'"@@" <sip:667@acme.test>\r\n'),
    (b"OPTIONS sip:667@acme.test", b"OPTIONS sip:667@@@acme.test"),
    (b"OPTIONS sip:667@acme.test", b"@@OPTIONS sip:667@acme.test"),
    (b"CSeq: 1 ", b"CSeq: @@ "),
    (b"Call-ID: call-1", b"Call-ID: @@"),
]


@pytest.mark.parametrize("run", _RUNS, ids=repr)
def test_time_is_linear(run: bytes) -> None:
    """30 kB of one thing, in every place: some 50 ns a byte at worst. A quadratic step would take seconds, so 0.25 s tells them
    apart on any machine."""
    rig = Rig()
    rig.stack.handlers["OPTIONS"] = lambda request, flow, now: (
        request.addresses("contact"),
        rig.stack.reject(request, flow, 200),
    )  # type: ignore[func-returns-value]
    good = request_bytes(headers="Subject: x\r\n")
    messages = [good.replace(old, new.replace(b"@@", (run * 30_000)[:30_000]), 1) for old, new in _PLACES]
    for message, (_, place) in zip([*messages, run * (60_000 // len(run))], [*_PLACES, (b"", b"all")], strict=True):
        started = time.process_time()
        rig.receive(message)
        taken = time.process_time() - started
        assert taken < 0.25, f"{place!r} took {taken:.3f} s"
    rig.assert_empty()


def test_an_ack_that_repeats_the_cseq_of_its_invite_is_an_ack() -> None:
    """As some load generators write it."""
    lines = ["ACK sip:601@acme.test SIP/2.0", "Via: SIP/2.0/UDP 127.0.0.9:5060;branch=z9hG4bK-a", "From: <sip:a@b>;tag=1", "To: <sip:c@d>;tag=2"]
    data = "\r\n".join([*lines, "Call-ID: x", "CSeq: 1 INVITE", "Content-Length: 0", "", ""]).encode()
    request = parse_message(data, datagram=True)
    assert isinstance(request, Request) and (request.method, request.cseq) == ("ACK", 1)
