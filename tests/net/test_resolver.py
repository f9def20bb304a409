"""RFC 3263 without a network: the zone is a table, the clock and the dice are the test's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from b2bua.net.dns import Answer, DnsQuery, Naptr, RecordType, Srv, is_local_name
from b2bua.net.resolver import CACHED_NAMES, NEGATIVE_TTL, UNHEALTHY_SECONDS, UNHEALTHY_TARGETS, Resolver
from b2bua.sip.flow import Target
from b2bua.sip.values import Uri

from .fakes import run

Record = Naptr | Srv | str
ZONE: dict[tuple[str, str], list[Record]] = {
    ("naptr.test", "NAPTR"): [
        Naptr(20, 10, "s", "sip+d2u", "_sip._udp.naptr.test"),
        Naptr(10, 10, "s", "sip+d2t", "_sip._tcp.naptr.test"),
        Naptr(5, 10, "s", "sips+d2t", "_sips._tcp.naptr.test"),
        Naptr(1, 1, "u", "e2u+sip", ""),
    ],
    ("_sip._udp.naptr.test", "SRV"): [Srv(1, 0, 5061, "a.test")],
    ("_sip._tcp.naptr.test", "SRV"): [Srv(1, 0, 5062, "b.test")],
    ("_sip._udp.srv.test", "SRV"): [Srv(20, 1, 5070, "b.test"), Srv(10, 90, 5060, "a.test"), Srv(10, 10, 5061, "c.test")],
    ("_sip._tcp.srv.test", "SRV"): [Srv(0, 0, 5090, "a.test")],
    ("_sip._udp.zero.test", "SRV"): [Srv(0, 0, 5060, "a.test"), Srv(0, 0, 5060, "c.test")],
    ("_sip._udp.none.test", "SRV"): [Srv(0, 0, 0, "")],
    ("none.test", "A"): ["192.0.2.99"],
    ("_sip._udp.evil.test", "SRV"): [Srv(0, 0, 5060, f"h{number}.test") for number in range(500)],
    ("a.test", "A"): ["192.0.2.1"],
    ("b.test", "A"): ["192.0.2.2", "192.0.2.3"],
    ("b.test", "AAAA"): ["2001:db8::2"],
    ("c.test", "A"): ["192.0.2.4"],
    ("localhost", "A"): ["127.0.0.1"],
}


class Zone:
    """Answers from `ZONE`, counts the questions, fails or hangs on demand."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.ttl = 300.0
        self.broken: set[str] = set()
        self.silent: set[str] = set()

    async def __call__(self, name: str, rdtype: RecordType) -> Answer:
        self.asked.append((name, rdtype))
        await asyncio.sleep(0)
        if rdtype in self.broken:
            raise OSError("no server answers")
        if rdtype in self.silent:
            await asyncio.get_running_loop().create_future()
        return Answer(tuple(ZONE.get((name, rdtype), ())), self.ttl)


class Clock:
    """A running loop with a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self._loop = asyncio.get_running_loop()

    def time(self) -> float:
        return self._loop.time() + self.now

    def __getattr__(self, name: str) -> object:
        return getattr(self._loop, name)


def dice(*values: float) -> Callable[[], float]:
    rolls: Iterator[float] = iter(values)
    return lambda: next(rolls, 0.0)


def resolver(zone: Zone | None = None, **options: object) -> Resolver:
    options.setdefault("random", dice())
    return Resolver(Clock(), query=zone or Zone(), **options)  # type: ignore[arg-type]


def targets(text: str, hint: str | None = None, **options: object) -> list[str]:
    async def main() -> list[Target]:
        return await resolver(None, **options).resolve(Uri.parse(text), hint)

    return [str(target) for target in run(main())]


@pytest.mark.parametrize(
    ("uri", "hint", "expected"),
    [
        ("sip:a@192.0.2.7", None, ["UDP:192.0.2.7:5060"]),
        ("sip:192.0.2.7:5090;transport=tcp", None, ["TCP:192.0.2.7:5090"]),
        ("sip:[2001:db8::7]:5090", None, ["UDP:[2001:db8::7]:5090"]),
        ("sip:192.0.2.7", "TCP", ["TCP:192.0.2.7:5060"]),
        ("sip:192.0.2.7;transport=UDP", "TCP", ["UDP:192.0.2.7:5060"]),
        ("sip:example.test;maddr=192.0.2.8", None, ["UDP:192.0.2.8:5060"]),
        ("sip:192.0.2.7;transport=sctp", None, []),
        ("sips:192.0.2.7", None, []),
        ("sips:192.0.2.7;transport=udp", None, []),
        ("sip:192.0.2.7:0", None, []),
        ("tel:+15551234567", None, []),
        ("sip:a.test:5099", None, ["UDP:192.0.2.1:5099"]),
        ("sip:A.Test:5099;transport=tcp", None, ["TCP:192.0.2.1:5099"]),
        ("sip:b.test", None, ["UDP:192.0.2.2:5060", "UDP:192.0.2.3:5060", "UDP:[2001:db8::2]:5060"]),
        ("sip:naptr.test", None, ["TCP:192.0.2.2:5062", "TCP:192.0.2.3:5062", "TCP:[2001:db8::2]:5062", "UDP:192.0.2.1:5061"]),
        ("sip:naptr.test;transport=udp", None, ["UDP:192.0.2.1:5061"]),
        ("sip:srv.test;transport=tcp", None, ["TCP:192.0.2.1:5090"]),
        ("sip:srv.test", "TCP", ["TCP:192.0.2.1:5090"]),
        ("sip:none.test;transport=udp", None, []),
        ("sip:nowhere.test", None, []),
    ],
)
def test_rfc_3263(uri: str, hint: str | None, expected: list[str]) -> None:
    assert targets(uri, hint) == expected


def test_sips_with_tls() -> None:
    assert targets("sips:192.0.2.7", transports=("UDP", "TCP", "TLS")) == ["TLS:192.0.2.7:5061"]
    assert targets("sips:192.0.2.7;transport=tcp", transports=("UDP", "TCP", "TLS")) == ["TLS:192.0.2.7:5061"]
    assert targets("sips:192.0.2.7;transport=udp", transports=("UDP", "TCP", "TLS")) == []
    assert targets("sips:a.test", transports=("UDP", "TCP", "TLS")) == ["TLS:192.0.2.1:5061"]


def test_without_ipv6_nobody_asks_for_it() -> None:
    async def main() -> None:
        zone = Zone()
        assert len(await resolver(zone, ipv6=False).resolve(Uri.parse("sip:b.test:5060"))) == 2
        assert zone.asked == [("b.test", "A")]

    run(main())


@pytest.mark.parametrize(("roll", "hosts"), [(0.0, "14"), (0.89, "14"), (0.91, "41"), (0.99, "41")])
def test_weights_within_a_priority(roll: float, hosts: str) -> None:
    """a has 90 of 100, c has 10; the lower priority comes after both, the other transport last."""
    found = targets("sip:srv.test", random=lambda: roll)
    ordered = {"1": "UDP:192.0.2.1:5060", "4": "UDP:192.0.2.4:5061"}
    assert found[:2] == [ordered[host] for host in hosts]
    assert found[2:] == ["UDP:192.0.2.2:5070", "UDP:192.0.2.3:5070", "UDP:[2001:db8::2]:5070", "TCP:192.0.2.1:5090"]


def test_weights_of_zero_share_equally() -> None:
    assert targets("sip:zero.test;transport=udp", random=lambda: 0.1)[0] == "UDP:192.0.2.1:5060"
    assert targets("sip:zero.test;transport=udp", random=lambda: 0.9)[0] == "UDP:192.0.2.4:5060"


def test_the_draw_follows_the_weights() -> None:
    async def main() -> None:
        rolls = [number / 1000 for number in range(1000)]
        asking = resolver(random=iter(rolls).__next__)
        first = [(await asking.resolve(Uri.parse("sip:srv.test;transport=udp")))[0].host for _ in range(1000)]
        assert 890 <= first.count("192.0.2.1") <= 910

    run(main())


def test_the_callback_comes_at_once_when_the_answer_is_known() -> None:
    async def main() -> None:
        zone = Zone()
        late: list[bool] = []
        asking = resolver(zone, answered=lambda: late.append(True))
        got: list[list[Target]] = []
        asking.lookup(Uri.parse("sip:192.0.2.7"), got.append)
        assert got.pop() == [Target("UDP", "192.0.2.7", 5060)]
        for _ in range(3):
            asking.lookup(Uri.parse("sip:a.test:5060"), got.append)
        assert got == []
        await asking.resolve(Uri.parse("sip:a.test:5060"))
        await asyncio.sleep(0)
        assert got == [[Target("UDP", "192.0.2.1", 5060)]] * 3
        assert len(late) == 3
        assert zone.asked == [("a.test", "A"), ("a.test", "AAAA")], "one question for all"
        asking.lookup(Uri.parse("sip:a.test:5060"), got.append)
        assert len(got) == 4
        assert len(late) == 3

    run(main())


def test_answers_live_as_long_as_their_records() -> None:
    async def main() -> None:
        zone = Zone()
        asking = resolver(zone)
        clock: Clock = asking._loop  # type: ignore[assignment]
        for now, questions in ((0.0, 2), (299.0, 2), (301.0, 4)):
            clock.now = now
            await asking.resolve(Uri.parse("sip:a.test:5060"))
            assert len(zone.asked) == questions

    run(main())


def test_names_without_targets_are_remembered_for_a_while() -> None:
    async def main() -> None:
        zone = Zone()
        asking = resolver(zone)
        clock: Clock = asking._loop  # type: ignore[assignment]
        for now, questions in ((0.0, 2), (NEGATIVE_TTL - 1, 2), (NEGATIVE_TTL + 1, 4)):
            clock.now = now
            assert await asking.resolve(Uri.parse("sip:nowhere.test:5060")) == []
            assert len(zone.asked) == questions

    run(main())


def test_the_cache_is_bounded() -> None:
    async def main() -> None:
        asking = resolver()
        for number in range(CACHED_NAMES + 50):
            await asking.resolve(Uri.parse(f"sip:n{number}.test:5060"))
        assert len(asking._cache) == CACHED_NAMES
        assert asking._running == {}

    run(main())


def test_a_zone_cannot_make_us_ask_forever() -> None:
    async def main() -> None:
        zone = Zone()
        await resolver(zone).resolve(Uri.parse("sip:evil.test;transport=udp"))
        assert len(zone.asked) <= 65

    run(main())


def test_failed_targets_come_last_for_a_while() -> None:
    async def main() -> None:
        asking = resolver()
        clock: Clock = asking._loop  # type: ignore[assignment]
        uri = Uri.parse("sip:b.test:5060")
        one, two, three = await asking.resolve(uri)
        asking.mark_failed(one)
        assert await asking.resolve(uri) == [two, three, one]
        asking.mark_working(one)
        assert await asking.resolve(uri) == [one, two, three]
        for target in (one, two, three):
            asking.mark_failed(target)
        assert await asking.resolve(uri) == [one, two, three], "all failed: all are tried"
        asking.mark_working(two)
        assert await asking.resolve(uri) == [two, one, three]
        clock.now += UNHEALTHY_SECONDS + 1
        assert await asking.resolve(uri) == [one, two, three]
        for number in range(UNHEALTHY_TARGETS + 10):
            asking.mark_failed(Target("UDP", "192.0.2.9", number))
        assert len(asking._unhealthy) == UNHEALTHY_TARGETS

    run(main())


def test_servers_that_do_not_answer_naptr_and_srv_leave_the_addresses() -> None:
    async def main() -> None:
        zone = Zone()
        zone.broken = {"NAPTR", "SRV"}
        assert await resolver(zone).resolve(Uri.parse("sip:a.test")) == [Target("UDP", "192.0.2.1", 5060)]

    run(main())


def test_every_lookup_ends() -> None:
    async def main() -> None:
        zone = Zone()
        zone.silent = {"NAPTR", "SRV", "A", "AAAA"}
        asking = resolver(zone, lookup_seconds=0.01)
        assert await asking.resolve(Uri.parse("sip:a.test")) == []
        assert asking._running == {}

    run(main())


def test_one_who_waits_and_goes_away_does_not_end_the_lookup_of_the_others() -> None:
    async def main() -> None:
        asking = resolver()
        got: list[list[Target]] = []
        impatient = asyncio.ensure_future(asking.resolve(Uri.parse("sip:a.test:5060")))
        await asyncio.sleep(0)
        asking.lookup(Uri.parse("sip:a.test:5060"), got.append)
        impatient.cancel()
        await asking.resolve(Uri.parse("sip:a.test:5060"))
        await asyncio.sleep(0)
        assert got == [[Target("UDP", "192.0.2.1", 5060)]]

    run(main())


def test_closing_ends_lookups() -> None:
    async def main() -> None:
        zone = Zone()
        zone.silent = {"A"}
        asking = resolver(zone)
        got: list[list[Target]] = []
        asking.lookup(Uri.parse("sip:a.test:5060"), got.append)
        await asyncio.sleep(0)
        await asking.close()
        await asyncio.sleep(0)
        assert got == [[]]

    run(main())


def test_localhost_is_never_asked_of_dns() -> None:
    async def main() -> None:
        zone = Zone()
        assert await resolver(zone).resolve(Uri.parse("sip:localhost")) == [Target("UDP", "127.0.0.1", 5060)]
        assert zone.asked == [("localhost", "A"), ("localhost", "AAAA")], "no NAPTR, no SRV"
        query = DnsQuery(1.0, 30.0)
        query._resolver = None
        answer = await query("localhost", "A")
        assert answer.records == ("127.0.0.1",)
        assert query._resolver is None, "from the hosts file"

    run(main())
    assert is_local_name("a.localhost")
    assert not is_local_name("localhost.test")
