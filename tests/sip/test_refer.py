"""REFER and the headers that name a dialog."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.message import Request, parse_message
from b2bua.sip.refer import (
    Join,
    Replaces,
    event,
    named_dialog,
    parse_join,
    parse_refer,
    parse_replaces,
    sipfrag,
    subscription_state,
)
from b2bua.sip.values import SipError

DIALOG = Replaces("090459243588173445@pc.example", "7553452", "31431")
WRITTEN = "090459243588173445@pc.example;to-tag=7553452;from-tag=31431"
ESCAPED = "090459243588173445%40pc.example%3Bto-tag%3D7553452%3Bfrom-tag%3D31431"


def request(*lines: str, method: str = "REFER") -> Request:
    head = [
        f"{method} sip:b2bua.example SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx",
        "From: <sip:667@example.com>;tag=a",
        "To: <sip:668@example.com>;tag=b",
        "Call-ID: c1",
        f"CSeq: 2 {method}",
        *lines,
    ]
    message = parse_message("\r\n".join([*head, "", ""]).encode("utf-8", "surrogateescape"))
    assert isinstance(message, Request)
    return message


def test_a_blind_transfer() -> None:
    refer = parse_refer(request('Refer-To: "Dana" <sip:%2320@example.com;user=phone>'))
    assert (refer.target.user_text, refer.target.host, refer.target.params) == ("#20", "example.com", {"user": "phone"})
    assert refer.method == "INVITE"
    assert (refer.replaces, refer.join, refer.reports) == (None, None, True)


def test_the_rest_of_what_a_phone_may_say() -> None:
    refer = parse_refer(
        request(
            "r: sip:701@example.com",
            'b: "Ann" <sip:667@example.com>;cid="1@x"',
            "Refer-Sub: False ;x=y",
        )
    )
    assert (refer.target.user_text, refer.target.host) == ("701", "example.com")
    assert not refer.reports


@pytest.mark.parametrize(
    "text",
    [
        f"<sip:668@192.0.2.8:5062;transport=tcp?Replaces={ESCAPED}>",
        f"<sip:668@192.0.2.8:5062;transport=tcp?Require=replaces&replaces={ESCAPED}&Subject=x>",
        f"<sip:668@192.0.2.8:5062;method=INVITE;transport=tcp?%52eplaces={ESCAPED}>",
        "<sip:668@192.0.2.8:5062;transport=tcp?Replaces=090459243588173445@pc.example;to-tag=7553452;from-tag=31431>",
        f"sip:668@192.0.2.8:5062;transport=tcp?Replaces={ESCAPED}",
    ],
)
def test_an_attended_transfer(text: str) -> None:
    """Also as some phones write it: without escapes, without brackets."""
    refer = parse_refer(request(f"Refer-To: {text}"))
    assert refer.replaces == DIALOG
    target = refer.target
    assert (target.user_text, target.host, target.port) == ("668", "192.0.2.8", 5062)
    assert (target.headers, target.params) == ("", {"transport": "tcp"})


def test_an_invitation_to_join() -> None:
    refer = parse_refer(request("Refer-To: <sip:668@example.com?Join=c2%3Bto-tag%3Dt%3Bfrom-tag%3Df>"))
    assert (refer.join, refer.replaces) == (Join("c2", "t", "f"), None)


@pytest.mark.parametrize(
    ("text", "scheme", "user", "method"),
    [
        ("<sip:668@example.com;method=BYE>", "sip", "668", "BYE"),
        ("<sip:668@example.com;METHOD=MESSAGE;lr>", "sip", "668", "MESSAGE"),
        ("<sip:668;method=x;y@example.com>", "sip", "668;method=x;y", "INVITE"),
        ("<sip:what?now@example.com>", "sip", "what?now", "INVITE"),
        ("<sip:668@example.com?>", "sip", "668", "INVITE"),
        ("<tel:+1-555>", "tel", "+1-555", "INVITE"),
        ("<http://example.com/>", "http", "", "INVITE"),
    ],
)
def test_the_target(text: str, scheme: str, user: str, method: str) -> None:
    refer = parse_refer(request(f"Refer-To: {text}"))
    assert (refer.target.scheme, refer.target.user_text, refer.method) == (scheme, user, method)
    assert "method" not in refer.target.params


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "Missing Refer-To"),
        (["Refer-To:"], "Missing Refer-To"),
        (["Refer-To: sip:1@h", "Refer-To: sip:2@h"], "Repeated Refer-To"),
        (["Refer-To: sip:1@h, sip:2@h"], "Bad Address"),
        (["Refer-To: <sip:>"], "Bad URI"),
        (["Refer-To: <sip:1@h"], "Bad Address"),
        (["Refer-To: <sip:1@h?Replaces=x>"], "Bad Replaces"),
        (["Refer-To: <sip:1@h?Replaces=>"], "Bad Replaces"),
        (["Refer-To: <sip:1@h?Replaces=x%0D%0AEvil:1%3Bto-tag%3D1%3Bfrom-tag%3D2>"], "Bad Replaces"),
        ([f"Refer-To: <sip:1@h?Replaces={ESCAPED}&REPLACES={ESCAPED}>"], "Repeated Replaces"),
        ([f"Refer-To: <sip:1@h?Replaces={ESCAPED}&Join={ESCAPED}>"], "Replaces And Join"),
        ([f"Refer-To: <sip:1@h?{'&'.join('abcdefgh' * 20)}>"], "Too Many URI Headers"),
    ],
)
def test_what_cannot_be_read(lines: list[str], reason: str) -> None:
    with pytest.raises(SipError) as caught:
        parse_refer(request(*lines))
    assert (caught.value.status, caught.value.reason) == (400, reason)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12adf2f34456gs5;to-tag=12345;from-tag=54321", Replaces("12adf2f34456gs5", "12345", "54321")),
        ("a@b ; from-tag = f;x=y;To-Tag=t ;early-only", Replaces("a@b", "t", "f", True)),
        ("a@b;to-tag=0;from-tag=0", Replaces("a@b", "0", "0")),
    ],
)
def test_replaces(text: str, expected: Replaces) -> None:
    assert parse_replaces(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a;to-tag=1",
        "a;from-tag=1",
        "a;to-tag=1;from-tag",
        "a;to-tag=1;from-tag=2;to-tag=3",
        "a b;to-tag=1;from-tag=2",
        ";to-tag=1;from-tag=2",
        "a;to-tag=1;from-tag=2;",
        'a;to-tag="1";from-tag=2',
        "a,b;to-tag=1;from-tag=2",
    ],
)
def test_a_dialog_that_cannot_be_read(text: str) -> None:
    for parse in (parse_replaces, parse_join):
        with pytest.raises(SipError, match="400 Bad"):
            parse(text)


def test_replaces_as_a_uri_header() -> None:
    early = DIALOG._replace(early_only=True)
    assert parse_refer(request(f"Refer-To: <sip:1@h?Replaces={ESCAPED}%3Bearly-only>")).replaces == early


def test_the_dialog_that_an_invite_names() -> None:
    def invite(*lines: str) -> Request:
        return request(*lines, method="INVITE")

    assert named_dialog(invite()) is None
    assert named_dialog(invite(f"Replaces: {WRITTEN}")) == DIALOG
    assert named_dialog(invite("Join: c;to-tag=t;from-tag=f")) == Join("c", "t", "f")
    for lines in (
        [f"Replaces: {WRITTEN}", "Join: c;to-tag=t;from-tag=f"],
        [f"Replaces: {WRITTEN}", f"Replaces: {WRITTEN}"],
        [f"Replaces: {WRITTEN}, {WRITTEN}"],
        ["Join: c;to-tag=t;from-tag=f", "Join: c;to-tag=t;from-tag=f"],
        ["Replaces:"],
    ):
        with pytest.raises(SipError, match="400"):
            named_dialog(invite(*lines))


def test_how_progress_is_told() -> None:
    assert sipfrag(100, "Trying") == b"SIP/2.0 100 Trying\r\n"
    assert sipfrag(486, "Busy\r\nEvil: 1") == b"SIP/2.0 486 Busy  Evil: 1\r\n"
    assert subscription_state(180, 60) == "active;expires=60"
    assert subscription_state(100, -3) == "active;expires=0"
    assert subscription_state(200, 60) == subscription_state(603, 60) == "terminated;reason=noresource"
    assert event(93809823) == "refer;id=93809823"


PIECES = st.sampled_from(
    ["sip:", "1@h", "<", ">", "?", "Replaces=", "Join=", "&", ESCAPED, "%", "%0A", ";method=", "x", "@", '"', "tel:+1", ","]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=30))
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        refer = parse_refer(request(f"Refer-To: {text}"))
    except SipError as error:
        assert error.status == 400
        return
    assert not refer.target.headers
    if refer.replaces is not None:
        assert not {"\r", "\n"} & set("".join(refer.replaces[:3]))
