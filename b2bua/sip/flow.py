"""What the SIP core knows of a transport: a flow (a way to one peer) and how to get one.

The classes behind these protocols live in `b2bua.net`; tests put a fake wire behind them.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple, Protocol


class Target(NamedTuple):
    """One resolved next hop (the outcome of RFC 3263): transport ("UDP" or "TCP"), IP literal without brackets, port."""

    transport: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport}:{host_port(self.host, self.port)}"


class Flow(Protocol):
    """One way to a peer: a UDP socket and a remote address, or one stream connection (RFC 5626 §3)."""

    @property
    def transport(self) -> str: ...
    @property
    def reliable(self) -> bool: ...
    @property
    def remote(self) -> tuple[str, int]: ...
    @property
    def local(self) -> tuple[str, int]: ...
    @property
    def sent_by(self) -> str:
        """`host:port` for Via and Contact, IPv6 in brackets; the advertised address when behind NAT."""
        ...

    @property
    def closed(self) -> bool: ...
    @property
    def key(self) -> Hashable:
        """Equal for the same way to the same peer."""
        ...

    def send(self, data: bytes) -> None:
        """Send or queue `data`; never raises: what fails comes back as `SipStack.flow_failed`."""
        ...

    def close(self) -> None: ...


class Connector(Protocol):
    """Where new flows come from."""

    def flow_to(self, target: Target, via: Flow | None = None) -> Flow:
        """A flow to `target`: an open one where there is one, else a new one (a stream may still be connecting)."""
        ...


def host_port(host: str, port: int) -> str:
    """`host:port` with IPv6 literals in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
