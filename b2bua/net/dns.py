"""The three DNS questions of RFC 3263 as plain records, answered by dnspython and the hosts file."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
from dns.rdata import Rdata
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

RecordType = Literal["NAPTR", "SRV", "A", "AAAA"]
HOSTS_TTL = 60.0  # seconds; the hosts file has none


class Naptr(NamedTuple):
    """One NAPTR record (RFC 3403); texts are in lower case, `replacement` has no final dot."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Srv(NamedTuple):
    """One SRV record (RFC 2782); `host` has no final dot, "" means that the service is not offered."""

    priority: int
    weight: int
    port: int
    host: str


class Answer(NamedTuple):
    """`records` are Naptr, Srv, or IP literals as text by the question; empty: there are none. `ttl` in seconds."""

    records: tuple[Naptr | Srv | str, ...]
    ttl: float


Query = Callable[[str, RecordType], Awaitable[Answer]]  # raises OSError when no server answers


class DnsQuery:
    """Asks the servers of /etc/resolv.conf; a name without addresses there is looked up as the machine does (hosts file).

    `seconds` is how long one question may take.
    """

    def __init__(self, seconds: float, negative_ttl: float) -> None:
        self._seconds = seconds
        self._negative_ttl = negative_ttl
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def __call__(self, name: str, rdtype: RecordType) -> Answer:
        """Ask one question. Raises `OSError` when nobody answers it."""
        problem: OSError | None = None
        try:
            answer = Answer((), self._negative_ttl) if is_local_name(name) else await self._ask(name, rdtype)
        except dns.exception.DNSException as error:
            answer, problem = Answer((), self._negative_ttl), OSError(f"{name} {rdtype}: {error}")
        if not answer.records and rdtype in ("A", "AAAA"):
            hosts = await _hosts(name, socket.AF_INET if rdtype == "A" else socket.AF_INET6)
            if hosts:
                return Answer(hosts, HOSTS_TTL)
        if problem is not None:
            raise problem
        return answer

    async def _ask(self, name: str, rdtype: RecordType) -> Answer:
        if self._resolver is None:
            self._resolver = dns.asyncresolver.Resolver()
        try:
            found = await self._resolver.resolve(
                dns.name.from_text(name), rdtype, lifetime=self._seconds, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            return Answer((), self._negative_ttl)
        if found.rrset is None:
            return Answer((), self._negative_ttl)
        return Answer(tuple(_record(rdata) for rdata in found.rrset), float(found.rrset.ttl))


def is_local_name(name: str) -> bool:
    """Whether `name` is this machine by definition and no question for DNS (RFC 6761 §6.3)."""
    return name == "localhost" or name.endswith(".localhost")


def _record(rdata: Rdata) -> Naptr | Srv | str:
    if isinstance(rdata, NAPTR):
        flags, service = (text.decode("ascii", "replace").lower() for text in (rdata.flags, rdata.service))
        return Naptr(rdata.order, rdata.preference, flags, service, _host(rdata.replacement))
    if isinstance(rdata, SRV):
        return Srv(rdata.priority, rdata.weight, rdata.port, _host(rdata.target))
    return rdata.to_text()


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")


async def _hosts(name: str, family: socket.AddressFamily) -> tuple[str, ...]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, family=family, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):  # no such name; UnicodeError: no name at all
        return ()
    return tuple(dict.fromkeys(str(address[4][0]) for address in found))
