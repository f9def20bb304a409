"""From which trunk a packet comes."""

import pytest

from b2bua.config.server import Trunk
from b2bua.config.trunks import TrunkTable, parse_source


def trunk(name: str, *addresses: str) -> Trunk:
    return Trunk(name=name, uri="sip:192.0.2.1", addresses=addresses)


TABLE = TrunkTable(
    [
        trunk("wide", "10.0.0.0/8", "2001:db8::/32"),
        trunk("narrow", "10.1.0.0/16"),
        trunk("host", "10.1.1.1", "2001:DB8:0::1"),
        trunk("port", "10.1.1.1:5080", "[2001:db8::1]:5080"),
    ]
)


@pytest.mark.parametrize(
    ("ip", "port", "name"),
    [
        ("10.1.1.1", 5080, "port"),
        ("10.1.1.1", 5060, "host"),
        ("10.1.2.3", 5060, "narrow"),
        ("10.2.2.3", 5060, "wide"),
        ("11.0.0.1", 5060, None),
        ("2001:db8::1", 5080, "port"),
        ("2001:db8::1", 5060, "host"),
        ("2001:db8:0:0::1%eth0", 5060, "host"),
        ("2001:db8::2", 5060, "wide"),
        ("2001:db9::2", 5060, None),
        ("::ffff:10.1.1.1", 5060, "host"),
        ("nonsense", 5060, None),
        ("", 0, None),
        (":", 0, None),
    ],
)
def test_the_most_exact_address_wins(ip: str, port: int, name: str | None) -> None:
    found = TABLE.find(ip, port)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    "text", ["", "host", "10.0.0.1/8", "10.0.0.0/8:5060", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:70000", "[::1]x", "1.2.3"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        parse_source(text)


@pytest.mark.parametrize(
    "text", ["192.0.2.1", "192.0.2.1:5060", "192.0.2.0/24", "2001:db8::1", "[2001:db8::1]:5060", "2001:db8::/32"]
)
def test_an_address_prints_as_it_is_written(text: str) -> None:
    assert str(parse_source(text)) == text
