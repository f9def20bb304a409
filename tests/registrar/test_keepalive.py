"""OPTIONS to phones behind NAT: one per flow, spread over time, and the end of flows that are dead."""

from __future__ import annotations

from collections import Counter

import pytest

from b2bua.registrar.keepalive import KeepAlive, Which
from b2bua.sip.message import Request
from tests.support.registrations import Bench, FakeFlow, contact, source

INSIDE = "sip:667@10.0.0.5:5060"
NAT = ("198.51.100.1", 40_000)


def keeper(bench: Bench, which: Which = "nat") -> KeepAlive:
    return KeepAlive(bench.stack, bench.location, domain="acme.test", which=which, interval=30.0, failures=3, jitter=lambda: 1.0)


def register(bench: Bench, uri: str = INSIDE, flow: FakeFlow | None = None, aor: str = "667", expires: int = 3600) -> FakeFlow:
    flow = flow or FakeFlow(NAT)
    bench.location.update(aor, [contact(uri, expires)], source(flow, call_id=f"{aor}{bench.now}"), bench.now)
    return flow


def run(bench: Bench, keep: KeepAlive, seconds: int, answer: str | None = "200 OK") -> list[Request]:
    """Let time pass second by second; the OPTIONS that were sent, each answered or not."""
    seen: list[Request] = []
    branches: set[str] = set()
    for _ in range(seconds):
        bench.pass_time(1)
        keep.sweep(bench.now)
        for message in bench.sent():
            assert isinstance(message, Request) and message.method == "OPTIONS"
            if message.via.branch not in branches:
                seen.append(message)
            branches.add(message.via.branch)
            if answer is not None:
                lines = "".join(f"{name}: {message.get(name.lower())}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
                bench.stack.receive(bench.flow, f"SIP/2.0 {answer}\r\n{lines}Content-Length: 0\r\n\r\n".encode(), bench.now)
    return seen


@pytest.mark.parametrize(
    ("which", "uri", "expected"),
    [("nat", INSIDE, 3), ("nat", "sip:667@198.51.100.1:40000", 0), ("all", "sip:667@198.51.100.1:40000", 3), ("none", INSIDE, 0)],
)
def test_who_is_kept_alive(which: Which, uri: str, expected: int) -> None:
    bench = Bench()
    keep = keeper(bench, which)
    register(bench, uri)
    requests = run(bench, keep, 100)
    assert [each.uri for each in requests] == [uri] * expected
    assert [each.cseq for each in requests] == list(range(1, expected + 1))
    assert bench.location.count == 1


@pytest.mark.parametrize("answer", ["200 OK", "404 Not Found", "501 Not Implemented"])
def test_any_answer_is_a_sign_of_life(answer: str) -> None:
    bench = Bench()
    keep = keeper(bench)
    register(bench)
    run(bench, keep, 300, answer)
    assert (bench.location.count, keep.removed) == (1, 0)


def test_a_silent_flow_is_removed_after_three_failures_and_nothing_is_left() -> None:
    bench = Bench()
    keep = keeper(bench)
    register(bench)
    register(bench, "sip:668@10.0.0.5:5060", aor="668")
    requests = run(bench, keep, 260, None)
    assert len(requests) == 3
    assert (bench.location.count, keep.removed) == (0, 1)
    assert bench.at_rest() and len(keep) == 0


def test_an_answer_in_between_starts_the_count_again() -> None:
    bench = Bench()
    keep = keeper(bench)
    register(bench)
    run(bench, keep, 130, None)
    run(bench, keep, 40)
    run(bench, keep, 130, None)
    assert bench.location.count == 1


def test_one_exchange_per_flow() -> None:
    bench = Bench()
    keep = keeper(bench)
    flow = register(bench)
    register(bench, "sip:668@10.0.0.5:5060", flow, "668")
    assert len(run(bench, keep, 31)) == 1
    bench.location.remove_all("667", source(flow, "new"))
    assert [each.uri for each in run(bench, keep, 30)] == ["sip:668@10.0.0.5:5060"]


def test_watching_ends_with_the_registration() -> None:
    bench = Bench()
    keep = keeper(bench)
    register(bench, expires=60)
    assert len(run(bench, keep, 120)) == 1
    assert len(keep) == 0
    bench.pass_time(40)
    assert bench.at_rest()


def test_a_phone_whose_nat_address_changes_is_followed() -> None:
    bench = Bench()
    keep = keeper(bench)
    register(bench)
    bench.now += 1
    register(bench, flow=FakeFlow(("198.51.100.1", 41_000)))
    assert len(run(bench, keep, 70)) == 2
    assert len(keep) == 1


def test_many_phones_are_a_trickle() -> None:
    bench = Bench(max_bindings=10_000)
    keep = KeepAlive(bench.stack, bench.location, domain="acme.test", interval=30.0)
    for number in range(1000):
        register(bench, f"sip:{number}@10.0.0.5", FakeFlow(("198.51.100.1", 10_000 + number)), str(number))
    per_second = Counter[int]()
    for second in range(60):
        per_second[second] = len(run(bench, keep, 1))
    assert max(per_second.values()) <= 100
    assert sum(per_second.values()) > 1000
    assert not any(per_second[second] for second in range(10))


def test_path_is_the_route() -> None:
    bench = Bench()
    keep = keeper(bench, "all")
    bench.location.update("667", [contact(INSIDE)], source(path=("<sip:p.example;lr>",)), bench.now)
    (request,) = run(bench, keep, 31)
    assert request.get("route") == "<sip:p.example;lr>"
    assert request.from_.uri_text == "sip:acme.test"
