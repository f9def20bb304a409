"""Typed header values: what the grammar allows, what it does not, and no way to smuggle anything through."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from b2bua.sip.values import (
    NameAddr,
    SipError,
    Uri,
    Via,
    parse_cseq,
    parse_params,
    parse_seconds,
    quote_string,
    split_values,
    unquote_string,
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a", ["a"]),
        ("", [""]),
        ("a, b ,c", ["a", "b", "c"]),
        ("a,", ["a", ""]),
        (",a", ["", "a"]),
        (",", ["", ""]),
        ('"x, y" <sip:a@b>, <sip:c,d@e>', ['"x, y" <sip:a@b>', "<sip:c,d@e>"]),
        (r'"a\", b" <sip:a@b>,<sip:c@d>', [r'"a\", b" <sip:a@b>', "<sip:c@d>"]),
        (r'"ends in a backslash\\", <sip:a@b>', [r'"ends in a backslash\\"', "<sip:a@b>"]),
        ('<sip:a@b>;x="1,2";y, <sip:c@d>', ['<sip:a@b>;x="1,2";y', "<sip:c@d>"]),
    ],
)
def test_split_values(text: str, values: list[str]) -> None:
    assert split_values(text) == values


@pytest.mark.parametrize("text", ['"a, b', "<a, b", 'a, "b\\"', "a, <b"])
def test_split_values_wants_what_opens_to_close(text: str) -> None:
    with pytest.raises(SipError) as caught:
        split_values(text)
    assert caught.value.status == 400


def test_a_lone_value_is_left_to_its_own_parser() -> None:
    assert split_values('"never closed') == ['"never closed']


@pytest.mark.parametrize(
    ("text", "params"),
    [
        (None, {}),
        ("", {}),
        ("  ", {}),
        (";lr", {"lr": None}),
        (";Tag=AbC", {"tag": "AbC"}),
        (' ; a = b ; c="x;y=,\\"z" ;d', {"a": "b", "c": '"x;y=,\\"z"', "d": None}),
        (";a=1;a=2", {"a": "1"}),
        (";received=[2001:db8::9]", {"received": "[2001:db8::9]"}),
    ],
)
def test_parse_params(text: str | None, params: dict[str, str | None]) -> None:
    assert parse_params(text) == params


@pytest.mark.parametrize("text", [";", ";;a", ";=b", "a", ';a="x', ";a=b,c", ";a b", ";a;"])
def test_bad_params(text: str) -> None:
    with pytest.raises(SipError):
        parse_params(text)


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:667@acme.test", Uri("sip", "667", None, "acme.test", None, {}, "")),
        ("SIP:667@Acme.TEST:5070", Uri("sip", "667", None, "acme.test", 5070, {}, "")),
        ("sips:a:secret@h;transport=TLS;lr", Uri("sips", "a", "secret", "h", None, {"transport": "TLS", "lr": None}, "")),
        ("sip:h", Uri("sip", None, None, "h", None, {}, "")),
        ("sip:[2001:db8::9:1]:5070", Uri("sip", None, None, "2001:db8::9:1", 5070, {}, "")),
        ("sip:[2001:db8::10:5070]", Uri("sip", None, None, "2001:db8::10:5070", None, {}, "")),
        ("sip:[::ffff:192.0.2.10]", Uri("sip", None, None, "::ffff:c000:20a", None, {}, "")),
        ("sip:user;par=u%40example.net@example.com", Uri("sip", "user;par=u%40example.net", None, "example.com", None, {}, "")),
        ("sip:a@h;p=1?Subject=x&Route=%3Csip:z%3E", Uri("sip", "a", None, "h", None, {"p": "1"}, "Subject=x&Route=%3Csip:z%3E")),
        ("sip:#64667*+15551234567@h", Uri("sip", "#64667*+15551234567", None, "h", None, {}, "")),
        ("tel:+1-555-123;phone-context=+49", Uri("tel", "+1-555-123", None, "", None, {"phone-context": "+49"}, "")),
        ("http://example.com/x", Uri("http", None, None, "", None, {}, "")),
    ],
)
def test_uri(text: str, uri: Uri) -> None:
    assert Uri.parse(text) == uri


@pytest.mark.parametrize(
    "text",
    [
        "", "sip:", "sip:a@", "sip:a@b@c", "sip:a b@h", "sip:a@h:99999", "sip:a@h:port", "sip:a@[1::2::3]", "sip:a@[::1",
        "sip:2001:db8::9:1", "sip:a@h;", "tel:", "tel:abc xyz", "a@b", "sip:a@h\r\nX: y", "sip:a@h\n", "sip:<a>@h", "nonsense", "sip:a@h;x y",
    ],
)  # fmt: skip
def test_bad_uri(text: str) -> None:
    with pytest.raises(SipError) as caught:
        Uri.parse(text)
    assert caught.value.status == 400


def test_an_empty_user_is_nobody() -> None:
    """Not in the grammar, but harmless."""
    assert Uri.parse("sip:@h").user_text == ""


def test_user_text_decodes_and_user_does_not() -> None:
    uri = Uri.parse("sip:%23%36%34+1%00%C3%A9%ff@h")
    assert uri.user == "%23%36%34+1%00%C3%A9%ff"
    assert uri.user_text == "#64+1\0é\udcff"
    assert Uri.parse("sip:h").user_text == ""


@pytest.mark.parametrize(
    ("text", "hostport"), [("sip:a@H:5070", "h:5070"), ("sip:[::1]", "[::1]"), ("sip:[::1]:1", "[::1]:1"), ("sip:h", "h")]
)
def test_hostport(text: str, hostport: str) -> None:
    assert Uri.parse(text).hostport == hostport


def test_transport_parameter() -> None:
    assert Uri.parse("sip:h;transport=tcp").transport == "TCP"
    assert Uri.parse("sip:h").transport == Uri.parse("sip:h;transport").transport == ""


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("<sip:a@b>", "", "sip:a@b", {}),
        ("sip:a@b;tag=1", "", "sip:a@b", {"tag": "1"}),
        ("sip:a@b", "", "sip:a@b", {}),
        ('"A. \\"B\\" C" <sip:a@b;x=y>;tag=1', 'A. "B" C', "sip:a@b;x=y", {"tag": "1"}),
        ('"quoted"<sip:a@b>', "quoted", "sip:a@b", {}),
        ("Watson  Here <sip:a@b> ; tag = 2", "Watson  Here", "sip:a@b", {"tag": "2"}),
        ("caller<sip:a@b>", "caller", "sip:a@b", {}),
        ('"<evil>, ;tag=x" <sip:a@b>;tag=real', "<evil>, ;tag=x", "sip:a@b", {"tag": "real"}),
        ("<sip:a@b?Route=%3Csip:c%3E>", "", "sip:a@b?Route=%3Csip:c%3E", {}),
        ("<tel:+1555>", "", "tel:+1555", {}),
    ],
)
def test_name_addr(text: str, display: str, uri: str, params: dict[str, str]) -> None:
    assert NameAddr.parse(text) == NameAddr(display, uri, params)


@pytest.mark.parametrize(
    "text",
    ["", "<>", "<sip:a@b", "sip:a@b>", '"open <sip:a@b>', "A, B <sip:a@b>", "<sip:a@b> junk", '"a" "b" <sip:a@b>', "< sip:a@b >", "sip:a@b?x=y;tag=1",
     "<<sip:a@b>>", "<sip:a@b>;tag=1;", "sip:a@b,sip:c@d"],
)  # fmt: skip
def test_bad_name_addr(text: str) -> None:
    with pytest.raises(SipError):
        NameAddr.parse(text)


@pytest.mark.parametrize(
    ("text", "via"),
    [
        (
            "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport",
            Via("UDP", "192.0.2.1", 5060, "z9hG4bK1", {"branch": "z9hG4bK1", "rport": None}),
        ),
        ("SIP / 2.0 / tcp \t Host.Example : 5070 ; Branch = z9 ", Via("TCP", "host.example", 5070, "z9", {"branch": "z9"})),
        ("SIP/2.0/SCTP [2001:DB8::9:1]", Via("SCTP", "2001:db8::9:1", None, "", {})),
        (
            "SIP/2.0/UDP h;received=[2001:db8::9:255];branch=x",
            Via("UDP", "h", None, "x", {"received": "[2001:db8::9:255]", "branch": "x"}),
        ),
        ("SIP/2.0/UNKNOWN h;hidden", Via("UNKNOWN", "h", None, "", {"hidden": None})),
    ],
)
def test_via(text: str, via: Via) -> None:
    assert Via.parse(text) == via


@pytest.mark.parametrize(
    "text",
    ["", "SIP/2.0/UDP", "SIP/3.0/UDP h", "SIP/2.0/UDP h;;", "SIP/2.0/UDP h:70000", "SIP/2.0/UDP [::g]", "SIP/2.0/UDP h, x", "h"],
)
def test_bad_via(text: str) -> None:
    with pytest.raises(SipError):
        Via.parse(text)


@pytest.mark.parametrize(
    ("text", "via"),
    [
        ("SIP/2.0/UDP 192.0.2.15;;,;,,", Via("UDP", "192.0.2.15", None, "", {})),
        ("SIP/2.0/UDP h:5070;;branch=z9hG4bKx;;", Via("UDP", "h", 5070, "z9hG4bKx", {"branch": "z9hG4bKx"})),
        ("SIP/2.0/UDP h:99999;branch=x", None),
        ("SIP/2.0/UDP [::g]", None),
        ("garbage", None),
        ("", None),
    ],
)
def test_salvage(text: str, via: Via | None) -> None:
    assert Via.salvage(text) == via


@pytest.mark.parametrize(
    ("text", "cseq"),
    [("1 INVITE", (1, "INVITE")), ("0009\t INVITE", (9, "INVITE")), ("0 x", (0, "x")), ("2147483647 ACK", (2147483647, "ACK"))],
)
def test_cseq(text: str, cseq: tuple[int, str]) -> None:
    assert parse_cseq(text) == cseq


@pytest.mark.parametrize(
    "text", ["", "1", "INVITE", "1\u00a0", "2147483648 INVITE", "-1 INVITE", "1.0 INVITE", "1 ", "٣ INVITE", "9" * 50 + " INVITE"]
)
def test_bad_cseq(text: str) -> None:
    with pytest.raises(SipError):
        parse_cseq(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, None), ("60", 60), (" 90 ;refresher=uac", 90), ("99999999999999999", 2**31 - 1), ("0", 0)]
)
def test_seconds(text: str | None, seconds: int | None) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1.5", "soon", "٣", ";x"])
def test_bad_seconds(text: str) -> None:
    with pytest.raises(SipError):
        parse_seconds(text)


@given(st.text())
@example('\\"')
@example("a\r\nVia: evil")
@example("\udcff\x00\x7f")
def test_quoting_a_name_never_makes_a_header(name: str) -> None:
    quoted = quote_string(name)
    assert "\r" not in quoted
    assert "\n" not in quoted
    clean = "".join(" " if ord(c) < 32 or ord(c) == 127 else c for c in name)
    assert unquote_string(quoted) == clean
    assert NameAddr.parse(f"{quoted} <sip:a@b>;tag=t") == NameAddr(clean, "sip:a@b", {"tag": "t"})
    assert split_values(f"{quoted} <sip:a@b>,x") == [f"{quoted} <sip:a@b>", "x"]


def test_unquote_leaves_tokens() -> None:
    assert unquote_string("token") == "token"
    assert unquote_string('"') == '"'


_HOSTILE = st.text(alphabet='<>"\\;,=:@?[]%&/ \t\r\n\0aA1.-sipé\udc80\u00a0', max_size=60)


@given(
    st.one_of(
        _HOSTILE,
        st.text(max_size=60),
        _HOSTILE.map("sip:".__add__),
        _HOSTILE.map("<sip:a@b>".__add__),
        _HOSTILE.map("SIP/2.0/UDP h".__add__),
    )
)
def test_nothing_but_sip_errors(text: str) -> None:
    for parse in (Uri.parse, NameAddr.parse, Via.parse, Via.salvage, split_values, parse_params, parse_cseq, parse_seconds):
        try:
            value = parse(text)
        except SipError as error:
            assert error.status == 400
            continue
        if isinstance(value, NameAddr):
            try:
                assert isinstance(value.uri.user_text, str)
            except SipError as error:
                assert error.status == 400
        if isinstance(value, NameAddr | Uri):
            accepted = value.uri_text if isinstance(value, NameAddr) else text
            assert not set(accepted) & set('\r\n <>"'), "what is accepted as a URI cannot break a line or a bracket"


_USER = st.text(alphabet="abcXYZ019-_.!~*'()&=+$,;?/#%", min_size=1, max_size=12)
_HOST = st.one_of(st.just("acme.test"), st.just("192.0.2.1"), st.just("[2001:db8::1]"))
_WORD = st.text(alphabet="abcXYZ019-", min_size=1, max_size=8)


@given(
    st.sampled_from(["sip", "sips"]),
    _USER,
    _HOST,
    st.one_of(st.none(), st.integers(0, 65535)),
    st.dictionaries(_WORD, st.one_of(st.none(), _WORD), max_size=4),
)
def test_what_is_built_is_read_back(scheme: str, user: str, host: str, port: int | None, params: dict[str, str | None]) -> None:
    text = f"{scheme}:{user}@{host}" + ("" if port is None else f":{port}")
    text += "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())
    uri = Uri.parse(text)
    assert (uri.scheme, uri.user, uri.port) == (scheme, user, port)
    assert uri.host == host.strip("[]")
    expected: dict[str, str | None] = {}
    for name, value in params.items():
        expected.setdefault(name.lower(), value)
    assert dict(uri.params) == expected
    address = NameAddr.parse(f'"N" <{text}>;tag=x')
    assert address.uri_text == text
    assert address.tag == "x"


_USUAL = st.lists(
    st.sampled_from(
        ["SIP/2.0/UDP ", "SIP/2.0/TCP ", "h", "H", "-", ".", ":5060", ":99999", ":0", ";branch=z9hG4bK1", ";rport", ";rport=1", ";received=1.2.3.4",
         "<sip:a@b>", "<sip:a@b;x=y>", ";tag=1", ";Tag=2", '"N" ', '"N\\"" ', "N ", " ", ";lr", "=", '""', "<>", "\u00a0"]
    ),
    max_size=6,
).map("".join)  # fmt: skip


@given(_USUAL)
def test_the_usual_way_and_the_long_way_read_alike(text: str) -> None:
    """A blank in front sends a value the long way."""

    def read(parse: Callable[[str], object], given: str) -> object:
        try:
            return parse(given)
        except SipError as error:
            return error.status

    for parse in (Via.parse, NameAddr.parse):
        assert read(parse, text) == read(parse, f" {text}")


def test_long_texts_are_not_cached() -> None:
    """A flood of odd values must not pin memory: what is long is parsed each time."""
    long_user = "sip:" + "a" * 5000 + "@h"
    assert Uri.parse(long_user) is not Uri.parse(long_user)
    assert Uri.parse("sip:short@h") is Uri.parse("sip:short@h")
