"""Listening addresses, and which of them reaches a peer."""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from b2bua.sip.flow import host_port

DEFAULT_PORT = 5060
CACHED_PAIRS = 4_096
ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - recognised here, never bound by default


class Listen(NamedTuple):
    """One address to listen on; `transport` is "UDP" or "TCP", `host` an IP literal without brackets, port 0 is any."""

    transport: str
    host: str
    port: int

    @staticmethod
    def parse(text: str) -> Listen:
        """Parse `udp://127.0.0.1:5060` or `tcp://[::1]:5060`. Raises `ValueError` that says what is wrong."""
        parts = urlsplit(text)
        transport = parts.scheme.upper()
        if transport not in ("UDP", "TCP"):
            raise ValueError(f"{text}: the transport is {parts.scheme or 'missing'}; write udp:// or tcp://")
        host = parts.hostname or ""
        if not is_ip_literal(host):
            raise ValueError(f"{text}: {host or 'nothing'} is no IP address; write for example {parts.scheme}://127.0.0.1:5060")
        if parts.path or parts.query or parts.fragment or parts.username is not None:
            raise ValueError(f"{text}: write only {parts.scheme}://ADDRESS:PORT")
        port = parts.port  # raises ValueError above 65535
        return Listen(transport, host, DEFAULT_PORT if port is None else port)

    def __str__(self) -> str:
        return f"{self.transport.lower()}://{host_port(self.host, self.port)}"


def family_of(host: str) -> socket.AddressFamily:
    """The address family of an IP literal."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def is_ip_literal(host: str) -> bool:
    """Whether `host` is an IPv4 or IPv6 address (without brackets, without zone): what a socket takes without asking DNS."""
    try:
        socket.inet_pton(family_of(host), host)
    except (OSError, ValueError):  # ValueError: a NUL or a surrogate in the text
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether the IP literal `host` is this machine's loopback."""
    return host.startswith("127.") or host == "::1"


@lru_cache(CACHED_PAIRS)
def reach(listen_host: str, host: str) -> int | None:
    """How well a socket on `listen_host` reaches `host`, more is better; None when it cannot (other family, no IP literal)."""
    if family_of(listen_host) != family_of(host) or not is_ip_literal(host):
        return None
    if listen_host in ANY_HOST:
        return 2
    if is_loopback(listen_host) == is_loopback(host):
        return 4
    return 0  # a loopback source on the wire is dropped by the first router; left to the socket to say so


def routed_host(host: str) -> str:
    """The local address that the routing table picks towards `host`; the wildcard address when there is no route."""
    family = family_of(host)
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))  # sends nothing
        except OSError:
            return ANY_HOST[family == socket.AF_INET6]
        return str(probe.getsockname()[0])


def parse_advertise(text: str | None) -> tuple[str, int | None] | None:
    """`advertise` of the configuration as (host without brackets, port or None). Raises `ValueError`."""
    if text is None:
        return None
    bare = text.strip("[]")
    if is_ip_literal(bare):
        return bare, None
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"advertise: {text!r} is no address; write for example 203.0.113.5 or 203.0.113.5:5060")
    return parts.hostname, parts.port
