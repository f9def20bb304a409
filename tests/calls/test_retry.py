"""Credentials for a trunk, as header lines."""

from __future__ import annotations

import pytest

from b2bua.calls.retry import Credentials, may_retry
from b2bua.sip.digest import DigestClient
from b2bua.sip.message import Response, parse_message


def challenge(status: int, *values: str) -> Response:
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    lines = "".join(f"{name}: {value}\r\n" for value in values)
    message = parse_message(
        f"SIP/2.0 {status} Who are you\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\nCall-ID: a\r\n"
        f"CSeq: 1 INVITE\r\n{lines}\r\n".encode()
    )
    assert isinstance(message, Response)
    return message


GOOD = 'Digest realm="carrier", nonce="n", algorithm=MD5, qop="auth"'


def credentials() -> Credentials:
    return Credentials(DigestClient("acme", "secret", "carrier"))


@pytest.mark.parametrize(("status", "name"), [(401, "Authorization: "), (407, "Proxy-Authorization: ")])
def test_the_answer_goes_into_the_header_that_the_status_asks_for(status: int, name: str) -> None:
    mine = credentials()
    assert mine.ahead("INVITE", "sip:1@x", b"") == "", "nothing before the first challenge"
    line = mine.answer(challenge(status, GOOD), "INVITE", "sip:1@x", b"")
    assert line is not None and line.startswith(name) and line.endswith("\r\n") and "nc=00000001" in line
    ahead = mine.ahead("BYE", "sip:1@x", b"")
    assert ahead.startswith(name) and "nc=00000002" in ahead


@pytest.mark.parametrize(
    "value", ['Digest realm="other", nonce="n"', 'Basic realm="carrier"', "", 'Digest realm="carrier", nonce="n", algorithm=XYZ']
)
def test_what_is_not_answered(value: str) -> None:
    assert credentials().answer(challenge(407, value), "INVITE", "sip:1@x", b"") is None


def test_a_uri_that_would_break_the_header_is_not_answered() -> None:
    assert credentials().answer(challenge(407, GOOD), "INVITE", 'sip:"@x', b"") is None


def test_the_credentials_of_a_request_that_was_sent() -> None:
    line = 'Proxy-Authorization: Digest username="acme"\r\n'
    assert Credentials.of(f"INVITE sip:1@x SIP/2.0\r\nVia: x\r\n{line}Content-Length: 0\r\n\r\n".encode()) == line
    assert Credentials.of(b"INVITE sip:1@x SIP/2.0\r\nVia: x\r\n\r\nAuthorization: in the body") == ""


def test_whether_it_may_be_tried_at_all() -> None:
    assert may_retry(credentials(), challenge(407, GOOD))
    assert not may_retry(None, challenge(407, GOOD))
    assert not may_retry(credentials(), challenge(486))
