"""Keys in INFO bodies, as phones write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.dtmf_relay import PLAIN, RELAY, keys, relay_body
from b2bua.sip.values import SipError


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        (RELAY, b"Signal=5\r\nDuration=160\r\n", "5"),
        (RELAY, b"Signal= 5\nDuration= 160", "5"),
        (RELAY, b"Duration=160\rsignal = * \r", "*"),
        (RELAY, b"Signal=#\r\n", "#"),
        (RELAY, b"Signal=10\r\nDuration=250\r\n", "*"),
        (RELAY, b"Signal=11\r\nDuration=250\r\n", "#"),
        (RELAY, b"Signal=12\r\n", "A"),
        (RELAY, b"Signal=d\r\n", "D"),
        (RELAY, b"Signal=1\r\nDuration=100\r\nSignal=2\r\nDuration=100\r\n", "12"),
        (RELAY, b"Signal=##20\r\n", "##20"),
        (RELAY, b"Signal=16\r\nDuration=100\r\n", ""),
        (RELAY, b"Signal=hf\r\n", ""),
        (RELAY, b"7", "7"),
        ("Application/DTMF-Relay; charset=utf-8", b"Signal=5\r\n", "5"),
        (PLAIN, b"5", "5"),
        (PLAIN, b"*\r\n", "*"),
        (PLAIN, b"1234\n", "1234"),
        (PLAIN, b"10", "10"),
        (PLAIN, b"16", "16"),
        (PLAIN, b" c ", "C"),
        (PLAIN, b"Signal=11\r\nDuration=160\r\n", "#"),
    ],
)
def test_what_is_pressed(content_type: str, body: bytes, expected: str) -> None:
    assert keys(content_type, body) == expected


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/sdp", "application/dtmf-relays"])
def test_another_type(content_type: str) -> None:
    with pytest.raises(SipError) as caught:
        keys(content_type, b"Signal=5\r\n")
    assert caught.value.status == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"x",
        b"Signal=",
        b"Signal=Z",
        b"Duration=160",
        b"Signal=\xb2",
        b"\xb2",
        b"1" * 33,
        b"Signal=1\r\n" * 40,
        b" " * 2000,
    ],
)
def test_no_keys(body: bytes) -> None:
    for content_type in (RELAY, PLAIN):
        with pytest.raises(SipError) as caught:
            keys(content_type, body)
        assert caught.value.status == 400


@pytest.mark.parametrize("key", "0123456789*#ABCD")
def test_what_is_written_is_read(key: str) -> None:
    assert relay_body(key) == f"Signal={key}\r\nDuration=160\r\n".encode()
    assert keys(RELAY, relay_body(key)) == key


@pytest.mark.parametrize("key", ["", "10", "x", "5\r\n"])
def test_only_keys_are_written(key: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        relay_body(key)


@given(st.binary(max_size=60) | st.text("Signal=0123456789*#ABCD \r\n", max_size=40).map(str.encode))
def test_anything_is_keys_or_refused(body: bytes) -> None:
    for content_type in (RELAY, PLAIN):
        try:
            found = keys(content_type, body)
        except SipError as error:
            assert error.status == 400
        else:
            assert set(found) <= set("0123456789*#ABCD")
