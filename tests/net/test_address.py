from __future__ import annotations

import pytest

from b2bua.net.address import Listen, is_ip_literal, parse_advertise, reach, routed_host


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("udp://127.0.0.1:5060", Listen("UDP", "127.0.0.1", 5060)),
        ("tcp://[::1]:5070", Listen("TCP", "::1", 5070)),
        ("UDP://0.0.0.0", Listen("UDP", "0.0.0.0", 5060)),
    ],
)
def test_listens(text: str, listen: Listen) -> None:
    assert Listen.parse(text) == listen
    assert Listen.parse(str(listen)) == listen


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:5060",
        "tls://127.0.0.1",
        "udp://example.com:5060",
        "udp://127.0.0.1:99999",
        "udp://127.0.0.1:5060/x",
        "udp://a@127.0.0.1",
    ],
)
def test_bad_listens_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Listen.parse(text)


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "<broadcast>", "::g", "a\0b", "1.2.3.4 ", "[::1]", "\udcff"])
def test_what_would_ask_dns_is_no_literal(text: str) -> None:
    assert not is_ip_literal(text)


def test_reach_prefers_loopback_for_loopback() -> None:
    assert reach("127.0.0.1", "127.0.0.9") == reach("192.0.2.1", "192.0.2.9") == 4
    assert reach("0.0.0.0", "127.0.0.1") == reach("0.0.0.0", "192.0.2.9") == 2
    assert reach("127.0.0.1", "192.0.2.9") == reach("192.0.2.1", "127.0.0.1") == 0
    assert reach("127.0.0.1", "::1") is None
    assert reach("127.0.0.1", "example.com") is None


def test_routed_host() -> None:
    assert routed_host("127.0.0.1") == "127.0.0.1"
    assert routed_host("::1") == "::1"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, None),
        ("203.0.113.5", ("203.0.113.5", None)),
        ("203.0.113.5:5070", ("203.0.113.5", 5070)),
        ("sip.example.com", ("sip.example.com", None)),
        ("2001:db8::5", ("2001:db8::5", None)),
        ("[2001:db8::5]:5070", ("2001:db8::5", 5070)),
    ],
)
def test_advertise(text: str | None, value: tuple[str, int | None] | None) -> None:
    assert parse_advertise(text) == value


def test_a_bad_advertise_is_refused() -> None:
    with pytest.raises(ValueError, match="write for example"):
        parse_advertise("sip:me/x")
