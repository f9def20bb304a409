"""Where to send a request for a URI: RFC 3263, with a cache, deadlines and a memory of what failed.

The outcome is a list of targets in the order to try them. An IP literal and what is in the cache are answered at once.
"""

from __future__ import annotations

import asyncio
import logging
import random as standard_random
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from b2bua.net.address import is_ip_literal
from b2bua.net.dns import Answer, DnsQuery, Naptr, Query, RecordType, Srv, is_local_name
from b2bua.sip.flow import Target
from b2bua.sip.values import Uri

log = logging.getLogger(__name__)

DEFAULT_PORTS: Final = {"UDP": 5060, "TCP": 5060, "TLS": 5061}
SERVICES: Final = {"sip+d2u": "UDP", "sip+d2t": "TCP", "sips+d2t": "TLS"}  # NAPTR services (RFC 3263 §4.1)
SRV_PREFIXES: Final = {"UDP": "_sip._udp.", "TCP": "_sip._tcp.", "TLS": "_sips._tcp."}
MAX_RECORDS: Final = 32  # looked at per answer: a zone cannot make us ask forever

LOOKUP_SECONDS = 5.0  # for all questions of one lookup, of which three go out one after the other
DNS_SECONDS = 1.2  # for the servers to answer one question
QUESTION_SECONDS = 2.5  # with the look into the hosts file
NEGATIVE_TTL = 30.0  # seconds that a name without targets is remembered
LONGEST_TTL = 3_600.0
CACHED_NAMES = 1_000
UNHEALTHY_SECONDS = 60.0  # that a failed target stays behind the others
UNHEALTHY_TARGETS = 1_000
WEIGHT_OF_ZERO = 0.01  # "a very small chance of being selected" (RFC 2782), and equal ones where all have weight 0


class Candidate(NamedTuple):
    """Targets of one SRV record (or of the plain name), before the draw by weight."""

    rank: tuple[int, int]  # (place of the transport, SRV priority)
    weight: int
    targets: tuple[Target, ...]


class Key(NamedTuple):
    """What a lookup depends on."""

    secure: bool
    host: str
    port: int | None
    transport: str


class Cached(NamedTuple):
    """The outcome of a lookup and when it ends, in seconds of the loop's clock."""

    candidates: tuple[Candidate, ...]
    until: float


class Resolver:
    """Turns URIs into targets. Used on the loop's thread only.

    `transports` are those that this server speaks, the preferred one first; `query` asks DNS, `random` draws by weight;
    `answered` runs after each callback that came later than its `lookup` (`Engine.run_soon`, to send what it led to).
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        query: Query | None = None,
        transports: Sequence[str] = ("UDP", "TCP"),
        ipv6: bool = True,
        random: Callable[[], float] = standard_random.random,
        lookup_seconds: float = LOOKUP_SECONDS,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._query = DnsQuery(DNS_SECONDS, NEGATIVE_TTL) if query is None else query
        self._transports = tuple(transports)
        self._address_types: tuple[RecordType, ...] = ("A", "AAAA") if ipv6 else ("A",)
        self._random = random
        self._lookup_seconds = lookup_seconds
        self._answered = answered
        self._literals: dict[tuple[str | int | None, ...], list[Target]] = {}
        self._cache: dict[Key, Cached] = {}
        self._running: dict[Key, asyncio.Task[tuple[Candidate, ...]]] = {}
        self._unhealthy: dict[Target, float] = {}

    async def resolve(self, uri: Uri, transport_hint: str | None = None) -> list[Target]:
        """The targets of `uri` in the order to try them, [] when there are none. `transport_hint` counts unless `uri` says.

        Takes at most `lookup_seconds`. Raises nothing for what DNS does.
        """
        key = self._key(uri, transport_hint)
        candidates = self._known(key)
        if candidates is None:
            candidates = await asyncio.shield(self._ask(key))  # others may wait for the same answer
        return self._ordered(candidates)

    def lookup(self, uri: Uri, callback: Callable[[list[Target]], None], transport_hint: str | None = None) -> None:
        """Like `resolve`; calls back before returning when the answer is known, later (and always) otherwise."""
        literal = (uri.host, uri.port, uri.params.get("transport"), uri.params.get("maddr"), uri.scheme, transport_hint)
        known = self._literals.get(literal)
        if known is not None:
            callback(known)
            return
        key = self._key(uri, transport_hint)
        candidates = self._known(key)
        if candidates is not None:
            targets = self._ordered(candidates)
            if is_ip_literal(key.host) and len(self._literals) < CACHED_NAMES:
                self._literals[literal] = targets  # nothing about it can change
            callback(targets)
            return

        def answered(task: asyncio.Task[tuple[Candidate, ...]]) -> None:
            callback([] if task.cancelled() else self._ordered(task.result()))
            self._answered()

        self._ask(key).add_done_callback(answered)

    def mark_failed(self, target: Target) -> None:
        """Put `target` behind the others for `UNHEALTHY_SECONDS` (RFC 3263 §4.3)."""
        self._unhealthy.pop(target, None)
        if len(self._unhealthy) >= UNHEALTHY_TARGETS:
            del self._unhealthy[next(iter(self._unhealthy))]
        self._unhealthy[target] = self._loop.time() + UNHEALTHY_SECONDS

    def mark_working(self, target: Target) -> None:
        """Forget that `target` failed."""
        self._unhealthy.pop(target, None)

    async def close(self) -> None:
        """End the lookups that run; their callbacks get []."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # Known answers

    def _key(self, uri: Uri, transport_hint: str | None) -> Key:
        host = uri.params.get("maddr") or uri.host
        transport = uri.transport or (transport_hint or "").upper()
        return Key(uri.scheme == "sips", host.strip("[]").lower(), uri.port, transport)

    def _known(self, key: Key) -> tuple[Candidate, ...] | None:
        """What needs no question: IP literals, transports that nobody speaks, the cache. None: ask."""
        transport = self._given_transport(key)
        if not key.host or key.port == 0 or (transport and transport not in self._transports):
            return ()
        if key.secure and "TLS" not in (transport or self._transports):
            return ()  # never less than what sips asks for
        if is_ip_literal(key.host):
            transport = transport or ("TLS" if key.secure else self._default_transport)
            if transport not in self._transports:
                return ()
            target = Target(transport, key.host, key.port or DEFAULT_PORTS[transport])
            return (Candidate((0, 0), 0, (target,)),)
        cached = self._cache.get(key)
        if cached is None:
            return None
        if cached.until <= self._loop.time():
            del self._cache[key]
            return None
        return cached.candidates

    @property
    def _default_transport(self) -> str:
        """For a URI with a port or an IP literal and no transport: UDP (RFC 3263 §4.1), if this server speaks it."""
        return "UDP" if "UDP" in self._transports else self._transports[0]

    def _given_transport(self, key: Key) -> str:
        """The transport that URI and hint name; "" when DNS may choose. sips over TCP is TLS (RFC 3261 §26.2.2)."""
        return "TLS" if key.secure and key.transport == "TCP" else key.transport

    def _ordered(self, candidates: Iterable[Candidate]) -> list[Target]:
        targets: list[Target] = []
        for _, group in groupby(candidates, key=lambda candidate: candidate.rank):
            for candidate in _drawn_by_weight(list(group), self._random):
                targets += candidate.targets
        targets = list(dict.fromkeys(targets))
        if not self._unhealthy:
            return targets
        now = self._loop.time()
        return sorted(targets, key=lambda target: self._unhealthy.get(target, 0.0) > now)

    # Questions

    def _ask(self, key: Key) -> asyncio.Task[tuple[Candidate, ...]]:
        task = self._running.get(key)
        if task is None:
            task = self._loop.create_task(self._look_up(key))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    async def _look_up(self, key: Key) -> tuple[Candidate, ...]:
        lookup = Lookup(self._query, self._address_types)
        try:
            async with asyncio.timeout(self._lookup_seconds):
                candidates = await self._candidates(key, lookup)
        except TimeoutError:
            log.warning("DNS gave no answer for %s within %s s", key.host, self._lookup_seconds)
            candidates = ()
        except Exception:
            log.exception("DNS lookup of %s failed", key.host)
            candidates = ()
        ttl = min(lookup.ttl, LONGEST_TTL) if candidates else NEGATIVE_TTL
        while len(self._cache) >= CACHED_NAMES:
            del self._cache[next(iter(self._cache))]
        self._cache[key] = Cached(candidates, self._loop.time() + ttl)
        return candidates

    async def _candidates(self, key: Key, lookup: Lookup) -> tuple[Candidate, ...]:
        transport = self._given_transport(key)
        if key.port is not None or is_local_name(key.host):
            transport = transport or ("TLS" if key.secure else self._default_transport)
            return await lookup.plain(transport, key.host, key.port or DEFAULT_PORTS[transport])
        services = [(transport, SRV_PREFIXES[transport] + key.host)] if transport else await self._services(key, lookup)
        found = await asyncio.gather(*(lookup.srv(place, name, service) for place, (name, service) in enumerate(services)))
        if lookup.published:
            return tuple(sorted((item for items in found for item in items), key=lambda candidate: candidate.rank))
        transport = transport or ("TLS" if key.secure else self._default_transport)
        return await lookup.plain(transport, key.host, DEFAULT_PORTS[transport])

    async def _services(self, key: Key, lookup: Lookup) -> list[tuple[str, str]]:
        """(transport, SRV name) by NAPTR; without NAPTR those of the transports that this server speaks (RFC 3263 §4.1)."""
        usable = [name for name in self._transports if name == "TLS" or not key.secure]
        records = [record for record in await lookup.records(key.host, "NAPTR") if isinstance(record, Naptr)]
        found = [
            (SERVICES[record.service], record.replacement)
            for record in sorted(records)
            if record.flags == "s" and SERVICES.get(record.service) in usable and record.replacement
        ]
        return found or [(name, SRV_PREFIXES[name] + key.host) for name in usable]


class Lookup:
    """The questions of one lookup: remembers the shortest time to live, and whether the domain has SRV records at all."""

    def __init__(self, query: Query, address_types: tuple[RecordType, ...]) -> None:
        self._query = query
        self._address_types = address_types
        self.ttl = LONGEST_TTL
        self.published = False

    async def records(self, name: str, rdtype: RecordType) -> tuple[Naptr | Srv | str, ...]:
        """The records of one question; () also when no server answers it within `QUESTION_SECONDS`."""
        try:
            async with asyncio.timeout(QUESTION_SECONDS):
                answer: Answer = await self._query(name, rdtype)
        except OSError as error:  # TimeoutError is one
            log.info("DNS: %s %s: %s", name, rdtype, error)
            self.ttl = min(self.ttl, NEGATIVE_TTL)
            return ()
        if answer.records:
            self.ttl = min(self.ttl, answer.ttl)
        return answer.records[:MAX_RECORDS]

    async def addresses(self, host: str) -> list[str]:
        """The IP literals of `host`, IPv4 first."""
        if is_ip_literal(host):
            return [host]
        answers = await asyncio.gather(*(self.records(host, rdtype) for rdtype in self._address_types))
        return [record for records in answers for record in records if isinstance(record, str) and is_ip_literal(record)]

    async def plain(self, transport: str, host: str, port: int) -> tuple[Candidate, ...]:
        """The addresses of `host` itself."""
        targets = tuple(Target(transport, address, port) for address in await self.addresses(host))
        return (Candidate((0, 0), 0, targets),) if targets else ()

    async def srv(self, place: int, transport: str, service: str) -> list[Candidate]:
        """The candidates that `service` (`_sip._udp.example.com`) names."""
        records = [record for record in await self.records(service, "SRV") if isinstance(record, Srv)]
        if not records:
            return []
        self.published = True  # then these count, even when none leads anywhere (RFC 3263 §4.2)
        records = [record for record in records if record.host and record.port]  # a target of "." is no service (RFC 2782)
        found = await asyncio.gather(*(self.addresses(record.host) for record in records))
        return [
            Candidate(
                (place, record.priority), record.weight, tuple(Target(transport, address, record.port) for address in addresses)
            )
            for record, addresses in zip(records, found, strict=True)
            if addresses
        ]


def _drawn_by_weight(group: list[Candidate], random: Callable[[], float]) -> list[Candidate]:
    """The candidates of one priority, drawn one after the other by weight (RFC 2782)."""
    left = group
    drawn: list[Candidate] = []
    while len(left) > 1:
        mark = random() * sum(_share(candidate) for candidate in left)
        for candidate in left:
            mark -= _share(candidate)
            if mark <= 0:
                break
        left.remove(candidate)
        drawn.append(candidate)
    return drawn + left


def _share(candidate: Candidate) -> float:
    return candidate.weight or WEIGHT_OF_ZERO
