"""Our parser against sipmessage, which other people wrote: what both accept, both read alike.

They need not accept the same. sipmessage stops at what is not strict (folding, UTF-8 errors, blanks, an empty quoted name); ours refuses what can be
read in two ways. Differences of opinion about a value that both accept would be a mistake of one of them.
"""

import contextlib
import re

import pytest
import sipmessage
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.message import MessageError, Request, Response, parse_message
from b2bua.sip.values import NameAddr, SipError, Uri, Via, parse_cseq, split_values, unquote_string
from tests.sip.test_torture import CASES

# What both grammars allow, and no escapes: sipmessage decodes them in parameters, ours leaves them as written.
_WORD = st.text(alphabet="abcXYZ019-_.!~*'", min_size=1, max_size=8)
_HOST = st.sampled_from(["acme.test", "192.0.2.1", "[2001:db8::9:1]", "h", "a-b.c"])
_USER = st.text(alphabet="abcXYZ019-_.!~*'()&=+$,;?/", min_size=1, max_size=10)
_PORT = st.one_of(st.just(""), st.integers(0, 65535).map(":{}".format))
_PARAMS = st.lists(
    st.tuples(_WORD, st.one_of(st.just(""), _WORD.map("={}".format))), max_size=3, unique_by=lambda p: p[0].lower()
).map(lambda pairs: "".join(f";{name}{value}" for name, value in pairs))
_QUOTED = st.text(alphabet="abc XYZ019'<>,;:@\"\\éßλ€", min_size=1, max_size=10).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
_URI = st.builds(
    lambda scheme, user, host, port, params: f"{scheme}:{user}@{host}{port}{params}",
    st.sampled_from(["sip", "sips"]),
    _USER,
    _HOST,
    _PORT,
    _PARAMS,
)
_PLAIN_ADDRESS = st.builds(
    lambda name, uri, params: f"{name}<{uri}>{params}", st.sampled_from(["", "Plain Words "]), _URI, _PARAMS
)
_ADDRESS = st.one_of(_PLAIN_ADDRESS, st.builds(lambda name, uri, params: f"{name}<{uri}>{params}", _QUOTED, _URI, _PARAMS))


def squeezed(name: str) -> str:
    """sipmessage takes each run of blanks for one, in quotes too."""
    return re.sub(" +", " ", name)


def plain(parameters: object) -> dict[str, str | None]:
    """sipmessage's parameters as a mapping with lower-case names."""
    return {name.lower(): value for name, value in parameters.items()}  # type: ignore[attr-defined]


def same_uri(ours: Uri, theirs: sipmessage.URI) -> None:
    assert ours.scheme == theirs.scheme.lower()
    assert ours.user_text == (theirs.user or "")
    assert ours.host == theirs.host.strip("[]").lower()
    assert ours.port == theirs.port
    assert {name: unquote_string(value) if value else value for name, value in ours.params.items()} == plain(theirs.parameters)


@given(_URI)
def test_uri(text: str) -> None:
    same_uri(Uri.parse(text), sipmessage.URI.parse(text))


@given(_ADDRESS)
def test_address(text: str) -> None:
    ours, theirs = NameAddr.parse(text), sipmessage.Address.parse(text)
    assert squeezed(ours.display) == squeezed(theirs.name)
    assert {name: unquote_string(value) if value else value for name, value in ours.params.items()} == plain(theirs.parameters)
    same_uri(ours.uri, theirs.uri)


@given(st.lists(_PLAIN_ADDRESS, max_size=3), _ADDRESS, st.sampled_from([",", ",  "]))
def test_many_addresses(addresses: list[str], last: str, comma: str) -> None:
    """One quoted name at most, at the end: from the first quote sipmessage reads on to the last one of the line."""
    line = comma.join([*addresses, last])
    assert [squeezed(NameAddr.parse(value).display) for value in split_values(line)] == [
        squeezed(address.name) for address in sipmessage.Address.parse_many(line)
    ]


@given(st.sampled_from(["UDP", "TCP", "TLS", "WS"]), _HOST, _PORT, _PARAMS)
def test_via(transport: str, host: str, port: str, params: str) -> None:
    text = f"SIP/2.0/{transport} {host}{port}{params}"
    ours, theirs = Via.parse(text), sipmessage.Via.parse(text)
    assert (ours.transport, ours.host, ours.port) == (theirs.transport, theirs.host.strip("[]").lower(), theirs.port)
    assert dict(ours.params) == plain(theirs.parameters)


@given(st.integers(0, 2**31 - 1), st.sampled_from(["INVITE", "ACK", "X-y"]))
def test_cseq(number: int, method: str) -> None:
    theirs = sipmessage.CSeq.parse(f"{number} {method}")
    assert parse_cseq(f"{number} {method}") == (theirs.sequence, theirs.method)


@given(_ADDRESS, _ADDRESS, _URI, st.lists(_ADDRESS, max_size=3), st.binary(max_size=20))
def test_whole_messages(from_: str, to: str, uri: str, contacts: list[str], body: bytes) -> None:
    lines = [
        f"Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: {from_}\r\nTo: {to}\r\ni: x@y\r\nCSeq: 1 INVITE\r\n",
        *(f"m: {contact}\r\n" for contact in contacts),
    ]
    data = (f"INVITE {uri} SIP/2.0\r\n" + "".join(lines) + f"l: {len(body)}\r\n\r\n").encode() + body
    ours, theirs = parse_message(data), sipmessage.Message.parse(data)
    assert isinstance(ours, Request)
    assert isinstance(theirs, sipmessage.Request)
    assert ours.method == theirs.method
    assert ours.body == theirs.body
    same_uri(ours.target, theirs.uri)
    assert ours.get_all("contact") == theirs.headers.getlist("Contact")
    assert ours.call_id == theirs.call_id


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if b"\r\n " not in case.data and b"\r\n\t" not in case.data]
)
def test_torture_messages_that_both_read(name: str) -> None:
    """Those without folded lines, which sipmessage does not unfold."""
    data = CASES[name].data
    try:
        ours = parse_message(data)
        theirs = sipmessage.Message.parse(data)
    except (MessageError, ValueError):
        return  # one of them refuses: test_torture.py has the verdicts
    if any(name.endswith(" ") for name in theirs.headers.keys()):  # noqa: SIM118 (not a mapping)
        return  # a blank before the colon is part of the name for sipmessage
    assert isinstance(ours, Request) == isinstance(theirs, sipmessage.Request)
    if isinstance(ours, Response):
        assert isinstance(theirs, sipmessage.Response)
        assert (ours.status, ours.reason) == (theirs.code, theirs.phrase)
    for header in theirs.headers.keys():  # noqa: SIM118 (not a mapping)
        mine, other = ours.get_all(header.lower()), theirs.headers.getlist(header)
        assert [" ".join(value.split()) for value in mine] == [" ".join(value.split()) for value in other]
    with contextlib.suppress(SipError, ValueError):
        assert ours.from_.tag == (theirs.from_address.parameters.get("tag") or "")
