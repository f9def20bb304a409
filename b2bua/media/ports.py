"""The pool of UDP ports that call control puts into descriptions: even RTP ports, the RTCP port above each (RFC 3550 §11)."""

from __future__ import annotations

import errno
import os
import socket
from collections import OrderedDict
from collections.abc import Iterable

from b2bua.media.engine import EngineError


class PortPool:
    """First in, first out: a port that was given back rests as long as possible, so that late packets of one call reach no other.

    Speaks of RTP ports only; each stands for itself and the RTCP port above it.
    """

    def __init__(self, first: int, last: int) -> None:
        self._range = range(first + first % 2, last, 2)
        self._free: OrderedDict[int, None] = OrderedDict.fromkeys(self._range)
        self._used: set[int] = set()
        self._lost: set[int] = set()

    @property
    def in_use(self) -> int:
        """UDP ports that are reserved, RTCP ones included."""
        return 2 * len(self._used)

    @property
    def lost(self) -> int:
        """RTP ports that other programs have."""
        return len(self._lost)

    def reserve(self, count: int) -> tuple[int, ...]:
        """The `count` ports that have rested longest. Raises `EngineError`, and keeps nothing, when there are not so many."""
        if count > len(self._free):
            raise EngineError(f"no media ports left: {len(self._used)} streams have one each")
        ports = tuple(self._free.popitem(last=False)[0] for _ in range(count))
        self._used.update(ports)
        return ports

    def claim(self, ports: Iterable[int]) -> None:
        """Ports that a call had before the restart, whatever the range was then."""
        for port in ports:
            self._free.pop(port, None)
            self._used.add(port)

    def release(self, ports: Iterable[int]) -> None:
        """Take ports back; those nobody had are left as they are."""
        for port in ports:
            if port in self._used:
                self._used.discard(port)
                self._return(port)

    def lose(self, port: int) -> None:
        """Never hand out the pair of this port (RTP or RTCP) again: another program has it."""
        rtp = port - port % 2
        self._free.pop(rtp, None)
        self._lost.add(rtp)

    def regain(self, taken: Iterable[int]) -> None:
        """Other programs have `taken`, and no other ports than these."""
        lost, self._lost = self._lost, set()
        for port in lost - self._used:
            self._return(port)
        for port in taken:
            self.lose(port)

    def _return(self, port: int) -> None:
        if port in self._range and port not in self._lost:
            self._free[port] = None


def probe(host: str, ports: Iterable[int]) -> tuple[tuple[int, ...], str]:
    """Which of these RTP ports other programs have, them or the RTCP port above; and why none can be used, "" when that is not so.

    Binds and closes each: some 10 µs a port.
    """
    taken = []
    for port in ports:
        error = _bind(host, port) or _bind(host, port + 1)
        if error in (errno.EADDRINUSE, errno.EACCES):
            taken.append(port)
        elif error:
            return (), f"cannot open UDP ports on {host}: {os.strerror(error)}"
    return tuple(taken), ""


def _bind(host: str, port: int) -> int:
    """0, or the errno."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probing:
            probing.bind((host, port))
    except OSError as error:
        return error.errno or errno.EINVAL
    return 0
