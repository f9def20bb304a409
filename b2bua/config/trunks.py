"""From which trunk a packet comes: its source address looked up in the configured ones."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from b2bua.config.server import Trunk

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Source(NamedTuple):
    """One configured address: a network (a single address is a /32 or /128), and a port when only that one counts."""

    network: Network
    port: int | None

    def __str__(self) -> str:
        single = self.network.prefixlen == self.network.max_prefixlen
        host = str(self.network.network_address) if single else str(self.network)
        if self.port is None:
            return host
        return f"[{host}]:{self.port}" if self.network.version == 6 else f"{host}:{self.port}"


def parse_source(text: str) -> Source:
    """``192.0.2.1``, ``192.0.2.1:5060``, ``192.0.2.0/24``, ``2001:db8::1``, ``[2001:db8::1]:5060`` or ``2001:db8::/32``.

    Raises ValueError with what to write instead.
    """
    host, port = text, None
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        if rest:
            port = rest.removeprefix(":") if rest.startswith(":") else "wrong"
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        network = ipaddress.ip_network(host)
    except ValueError as error:
        if "host bits" in str(error):
            raise ValueError(f"{text!r} is no network; write {ipaddress.ip_network(host, strict=False)}") from None
        raise ValueError(f"is {text[:60]!r}; write an IP address, IP:port or a network such as 192.0.2.0/24") from None
    if port is None:
        return Source(network, None)
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536) or network.prefixlen != network.max_prefixlen:
        raise ValueError(f"is {text[:60]!r}; write IP:port with a port from 1 to 65535, or leave the port away")
    return Source(network, int(port))


class TrunkTable:
    """Finds a trunk by source address. The most exact address wins: IP:port, then IP, then the smallest network."""

    __slots__ = ("_by_address", "_by_ip", "_networks")

    def __init__(self, trunks: Iterable[Trunk]) -> None:
        self._by_address: dict[tuple[str, int], Trunk] = {}
        self._by_ip: dict[str, Trunk] = {}
        networks: list[tuple[Network, Trunk]] = []
        for trunk in trunks:
            for network, port in trunk.sources:
                host = str(network.network_address)
                if port is not None:
                    self._by_address[host, port] = trunk
                elif network.prefixlen == network.max_prefixlen:
                    self._by_ip[host] = trunk
                else:
                    networks.append((network, trunk))
        self._networks = sorted(networks, key=lambda entry: -entry[0].prefixlen)

    def find(self, ip: str, port: int) -> Trunk | None:
        """The trunk that `ip`:`port` belongs to. `ip` is the text of a socket's peer address; None for anything unknown."""
        trunk = self._by_address.get((ip, port)) or self._by_ip.get(ip)
        if trunk is not None:
            return trunk
        if ":" in ip:
            return self._find_v6(ip, port)
        return self._in_networks(ip) if self._networks else None

    def _find_v6(self, ip: str, port: int) -> Trunk | None:
        """IPv6 in any spelling: with a zone, or an IPv4 address mapped by a dual-stack socket."""
        try:
            address = ipaddress.IPv6Address(ip.partition("%")[0])
        except ValueError:
            return None
        plain = str(address.ipv4_mapped or address)
        return self._by_address.get((plain, port)) or self._by_ip.get(plain) or self._in_networks(plain)

    def _in_networks(self, ip: str) -> Trunk | None:
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return None
        return next((trunk for network, trunk in self._networks if address in network), None)
