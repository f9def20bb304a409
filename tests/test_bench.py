"""The benchmark itself: its organisations stay valid, its calls go where they say, what SIPp wrote is read right, the load counts what it
should; a short look at relay, mixer and desk shows that what is measured is what the names say."""

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from b2bua.config import check
from b2bua.delegation.policy import decide
from bench import browsing, company, desk, engines, load, media, pages, programs, server, signalling, sound
from bench import decide as decisions
from bench.__main__ import anchoring_table, table
from bench.browsing import OpenPage, Received
from bench.load import Times, Traffic
from bench.media import Carried, Run
from bench.signalling import Anchoring, Cost, percentile
from bench.sipp import SCENARIOS, Message, _latencies, _messages


def test_the_measured_organisation_is_valid(tmp_path: Path) -> None:
    problems, directory = check(server.write(tmp_path))
    assert not problems
    assert directory is not None
    assert len(directory.users) == server.USERS + 5
    assert directory.executives.keys() == {"3000"}


@pytest.mark.parametrize("scenario", sorted(SCENARIOS.glob("*.xml")), ids=lambda path: path.stem)
def test_every_party_is_a_scenario(scenario: Path) -> None:
    assert ElementTree.parse(scenario).getroot().tag == "scenario"


def test_latency_is_from_the_first_request_to_the_first_answer_of_its_call(tmp_path: Path) -> None:
    log = tmp_path / "short.log"
    rows = [
        (1.000, "S", "a", "INVITE sip:1000@x SIP/2.0"),
        (1.001, "R", "a", "SIP/2.0 100 Trying"),
        (1.500, "S", "a", "INVITE sip:1000@x SIP/2.0"),
        (1.600, "R", "a", "SIP/2.0 180 Ringing"),
        (1.700, "R", "a", "SIP/2.0 180 Ringing"),
        (2.000, "R", "stranger", "SIP/2.0 180 Ringing"),
    ]
    log.write_text("".join(f"day\ttime\t{t:.6f}\t{way}\t{call}\tCSeq:1\t{first}\n" for t, way, call, first in rows) + "cut off\n")
    assert _latencies(_messages(log), "SIP/2.0 180") == pytest.approx([600])


def test_percentiles() -> None:
    assert percentile([], 50) is None
    assert percentile([float(n) for n in range(100)], 99) == 99
    assert percentile([7.0], 99) == 7


def test_the_table_is_markdown() -> None:
    text = table([Cost("basic", 100, 0.5, [0.5, 0.6, 0.4], 0.3, 1.2, 4500, 0, 0)], 1500, 18.5)
    assert "| basic | 100 | 0.5 (0.4-0.6) | 0.3 / 1.2 | 4500 | 0 |" in text
    assert "1500 calls/s" in text
    assert "18.5 KiB" in text


def test_the_measured_decisions_are_what_their_names_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a hundredth of the organisation."""
    monkeypatch.setattr(decisions, "USERS", 100)
    monkeypatch.setattr(decisions, "EXECUTIVES", 10)
    directory = decisions._directory(decisions._users(), decisions._executives())
    found = {}
    for name, make, where in decisions._kinds(directory):
        facts = [make(n) for n in range(200)]
        assert len({(each.caller.number, each.dialled) for each in facts}) == 200, "no call is decided twice"
        found[name] = decide(facts[0], where, decisions.NOW)
    filtered, with_settings, exception, plain, on_behalf = found.values()
    assert [rule.name for rule in filtered.trace if rule.matched and rule.name.startswith("criterion")] == ["criterion 'office hours'"]
    assert len([rule for rule in filtered.trace if rule.name.startswith(("criterion", "exception"))]) == decisions.CRITERIA - 1
    assert (len(filtered.stages[0].endpoints), filtered.executive) == (decisions.ASSISTANTS, "10000")
    ringing = with_settings.stages[0].endpoints
    assert (len(ringing), [each.kind for each in ringing].count("number")) == (decisions.ASSISTANTS - 3, 1)
    assert [each.extension for each in exception.stages[0].endpoints] == ["10000"]
    assert (plain.plain, [each.role for each in plain.stages[0].endpoints]) == (True, ["user"])
    assert on_behalf.on_behalf_of == "10000"


def test_decisions_are_measured_and_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "USERS", 100)
    monkeypatch.setattr(decisions, "EXECUTIVES", 10)
    report = decisions.measure(calls=20, passes=2)
    assert all(0 < each.median_us <= each.p99_us and len(each.medians_us) == 2 for each in report.decisions)
    text = decisions.table(report)
    assert f"| plain | {report.decisions[3].median_us} (" in text
    assert f"{report.build_seconds} s" in text


# --- sound ----------------------------------------------------------------------------------------------------------------------


class Middle:
    """A server for two parties that does with each packet what the test says: gives the places it is sent from, and after how long."""

    def __init__(self, route: Callable[[int, int], tuple[tuple[int, float], ...]]) -> None:
        self._route = route
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for place, each in enumerate(self._sockets):
            each.bind((engines.HOST, engines.PORTS.start + 2 * place))
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._carry, args=(place,)) for place in range(2)]

    def _carry(self, place: int) -> None:
        number = 0
        while not self._over.is_set():
            data = self._sockets[place].recv(2048)
            for other, seconds in self._route(place, number):
                time.sleep(seconds)
                self._sockets[other].sendto(data, (engines.LOAD_HOST, load.local_port(other)))
            number += 1

    def _run(self, *, mixed: bool) -> Traffic:
        """What the load makes of half a second."""
        legs = [load.Leg(engines.HOST, engines.PORTS.start + 2 * place, 0, place) for place in range(2)]
        for thread in self._threads:
            thread.start()
        try:
            return load.run(engines.LOAD_HOST, legs, mixed=mixed, seconds=0.5, warm=0.1, pids=[os.getpid()])
        finally:
            self._over.set()
            for each in self._sockets:
                each.sendto(b"", each.getsockname())
            for thread in self._threads:
                thread.join()
            for each in self._sockets:
                each.close()


def calm(measure: Callable[[], Traffic]) -> Traffic:
    """One that says something of the server: the load was not held up itself, as happens where other tests run."""
    for _ in range(20):
        found = measure()
        if found.lags.most < 10 and not found.left_out:
            break
    return found


def through(route: Callable[[int, int], tuple[tuple[int, float], ...]], *, mixed: bool = False) -> Traffic:
    """What the load sees of a server that does so."""
    return calm(lambda: Middle(route)._run(mixed=mixed))


def test_the_load_counts_what_is_lost_and_how_long_it_took() -> None:
    found = through(lambda place, number: ((1 - place, 0.005 * place),) if number % 2 else ())
    assert found.sent in range(48, 53)
    assert found.lost == pytest.approx(0.5, abs=0.05)
    assert found.times.p50 < 5 <= found.times.p99
    assert (found.strays, found.errors) == (0, 0)
    assert found.server_cpu > 0


def test_a_packet_that_comes_back_to_its_sender_is_not_taken_for_relayed() -> None:
    found = through(lambda place, number: ((place, 0.0),))
    assert (found.received, found.lost) == (0, 1)
    assert found.strays >= found.sent


def test_the_load_hears_who_is_in_a_conference_and_how_regularly() -> None:
    found = through(lambda place, number: ((1 - place, 0.0),) if place or number % 5 else (), mixed=True)
    assert found.heard_others == 2
    assert found.missing in range(4, 7), "a fifth of one party's packets"
    assert 15 < found.times.p50 < 25
    assert found.times.p99 > 35, "twice as long where one is missing"


def test_who_hears_itself_hears_nobody() -> None:
    assert through(lambda place, number: ((place, 0.0),), mixed=True).heard_others == 0


def _traffic(**changes: Any) -> Traffic:
    times = Times(0.1, 2.0, 3.0, 4.0)
    usual = Traffic(1000, 1000, 0, 0, 0, 0, 0, 1.0, 0.1, 0.2, times, times)
    return replace(usual, **changes)


@pytest.mark.parametrize(
    ("traffic", "carried", "load_failed"),
    [
        (_traffic(), True, False),
        (_traffic(received=998), False, False),
        (_traffic(times=Times(0.1, 5.0, 6.0, 7.0)), False, False),
        (_traffic(sent=900, received=900), True, True),
    ],
)
def test_which_calls_are_carried(traffic: Traffic, carried: bool, load_failed: bool) -> None:
    run = media.judge(traffic, (0, 0, 0), expected=1000, mixed=False)
    assert (run.carried, run.load_failed) == (carried, load_failed)
    assert run.cpu_us_per_packet == pytest.approx(1e6 * 0.1 / traffic.received, abs=0.01)


MIXED = _traffic(heard_others=20, times=Times(20.0, 24.0, 26.0, 30.0))


@pytest.mark.parametrize(
    ("traffic", "ticks", "carried"),
    [
        (MIXED, (200, 2, 0), True),
        (MIXED, (200, 3, 0), False),
        (MIXED, (200, 0, 1), False),
        (replace(MIXED, missing=2), (200, 0, 0), False),
        (replace(MIXED, received=990), (200, 0, 0), False),
        (replace(MIXED, heard_others=10), (200, 0, 0), False),
        (replace(MIXED, times=Times(20.0, 25.1, 26.0, 30.0)), (200, 0, 0), False),
    ],
)
def test_which_conferences_are_carried(traffic: Traffic, ticks: tuple[int, int, int], carried: bool) -> None:
    assert media.judge(traffic, ticks, expected=1000, mixed=True).carried is carried


@pytest.mark.parametrize("limit", [1, 37, 800, 1003])
def test_the_highest_number_is_found(limit: int) -> None:
    def run(number: int) -> Run:
        return media.judge(_traffic(received=1000 if number <= limit else 0), (0, 0, 0), expected=1000, mixed=False)

    most, by_load = media.highest(run, "own", "calls", 800, media.MOST_CALLS)
    assert limit * (1 - media.CLOSE_ENOUGH) - 1 <= most <= limit
    assert not by_load


def test_where_the_load_fails_first_the_table_says_at_least() -> None:
    def run(number: int) -> Run:
        sent = 1000 if number <= 900 else 500
        return media.judge(_traffic(sent=sent, received=sent), (0, 0, 0), expected=1000, mixed=False)

    most, by_load = media.highest(run, "own", "calls", 800, media.MOST_CALLS)
    assert by_load
    text = media.table([Carried("own", "calls", 800, [run(800)], most, by_load)])
    assert f"| own | 800 calls | 1000 | 100.0 | 0.1 | 0.0 | 0.1 / 2.0 | {most}+ |" in text


@pytest.mark.parametrize("kind", [engines.Own, pytest.param(engines.Rtpengine, marks=pytest.mark.needs("rtpengine"))])
def test_calls_are_relayed(kind: type[engines.Own] | type[engines.Rtpengine]) -> None:
    found = calm(lambda: media.once(kind, "calls", 4, 0.5).traffic)
    assert (found.lost, found.strays, found.errors) == (0, 0, 0)
    assert found.received == pytest.approx(4 * 2 * load.PACKETS_PER_SECOND / 2, abs=5)
    assert found.server_cpu > 0


def test_conferences_are_mixed() -> None:
    runs = []

    def measure() -> Traffic:
        runs.append(media.once(engines.Own, "conferences", 2, 0.5))
        return runs[-1].traffic

    found = calm(measure)
    assert runs[-1].ticks > 50
    assert (found.heard_others, found.strays) == (6, 0)
    assert found.received == pytest.approx(2 * engines.MEMBERS * load.PACKETS_PER_SECOND / 2, abs=10)
    assert found.times.p50 == pytest.approx(20, abs=3)


def test_the_measured_desk_is_valid(tmp_path: Path) -> None:
    problems, directory = check(desk.write(tmp_path))
    assert not problems
    assert directory is not None
    assert directory.executives.keys() == {"3000"}


def test_what_people_wait_for_is_measured() -> None:
    waits = desk.measure(1)
    assert waits.failed == 0, waits.why
    (push,), (barge,) = waits.push_ms, waits.barge_ms
    assert 0 < push < 5_000
    assert 20 < barge < 5_000, "one frame at least"
    text = desk.table(waits)
    assert f"| `##20` to the executive's phone | {push} | {push} | {push} | 1 |" in text


def test_the_ear_waits_for_all_the_tones_at_once() -> None:
    def both(*hertz: int) -> bytes:
        tones = [sound.tone(each) for each in hertz]
        return bytes(sound._to_ulaw(sum(sound._LINEAR[octet] for octet in octets)) for octets in zip(*tones, strict=True))

    heard = sound.Sound(400)
    heard.heard = [sound.Heard(at, payload) for at, payload in ((1, both(650, 900)), (2, both(650)), (3, both(900)), (4, both(900, 650)))]
    assert sound.Ear(heard, [650, 900], 0).listen() == 1
    assert sound.Ear(heard, [650, 900], 1.5).listen() == 4
    assert sound.Ear(heard, [650, 400], 0).listen() is None


def test_what_sound_costs_signalling_is_told_by_pairs() -> None:
    found = Anchoring(100, direct_ms=[1.0, 2.0, 4.0], anchored_ms=[1.2, 2.8, 4.0], media_ms=[0.3, 0.2, 0.4], failed=1)
    assert found.ratios == [1.0, 1.2, 1.4]
    assert (found.ratio, found.ratio_with_media) == (1.2, 1.5)
    assert "| 100 | 1.0-4.0 | 1.2-4.0 | 0.2-0.4 | 1.2 (1.0-1.4) | 1.5 | 1 |" in anchoring_table([found])


def test_calls_with_and_without_sound_are_measured_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def cost(mode: str, rate: int, seconds: float) -> tuple[float, float, int]:
        asked.append((mode, rate, seconds))
        return (1.5, 0.25, 1) if mode == "anchored" else (1.0, 0.0, 0)

    monkeypatch.setattr(signalling, "_split_cost", cost)
    assert signalling.anchoring(100, 2, 2) == Anchoring(100, [1.0, 1.0], [1.5, 1.5], [0.25, 0.25], 2)
    assert asked == [("direct", 100, 2), ("anchored", 100, 2)] * 2


def test_the_measured_organisation_can_have_its_sound_here(tmp_path: Path) -> None:
    problems, directory = check(server.write(tmp_path, "anchored"))
    assert not problems
    assert directory is not None
    assert directory.media_mode == "anchored"


# --- pages and API ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of the organisation, with two offices that are called."""
    for name, value in (("USERS", 100), ("EXECUTIVES", 10), ("OFFICES", 2)):
        monkeypatch.setattr(company, name, value)


@pytest.mark.usefixtures("small_company")
def test_the_large_organisation_is_valid_and_its_first_offices_ring(tmp_path: Path) -> None:
    problems, directory = check(company.write(tmp_path, company.USERS))
    assert not problems
    assert directory is not None
    assert (len(directory.users), len(directory.executives)) == (101, 10)
    assert {len(each.delegations) for each in directory.executives.values()} == {company.ASSISTANTS}
    ports = [[contact.rpartition(":")[2] for each in office.delegations for contact in directory.users[each.assistant].contacts] for office in directory.executives.values()]
    assert ports[:3] == [[str(each) for each in server.ASSISTANT_PORTS]] * 2 + [[]], "the last of the three answers"
    assert (tmp_path / company.CALLED).read_text().split() == ["SEQUENTIAL", "10000", "10001"]


@pytest.mark.usefixtures("small_company")
def test_pages_are_those_of_executives_and_assistants_of_the_same_offices() -> None:
    assert company.watchers(3) == ["10000", "10010", "10001"]
    assert company.watchers(2, company.OFFICES) == ["10002", "10030"]
    assert company.directory(company.USERS)["executives"][0]["assistants"][0] == "10010"


def page_told(*events: tuple[float, dict[str, Any]]) -> OpenPage:
    return OpenPage("10000", cast("Any", None), [Received(at, json.dumps(event)) for at, event in events])


def row(call_id: str, number: str, state: str) -> dict[str, Any]:
    return {"type": "call", "call": {"id": call_id, "state": state, "caller": {"number": number}}}


def said(at: float, sent: bool, number: int, method: str, first_line: str = "") -> Message:
    return Message(at, sent, f"{number}-77@127.0.8.2", method, first_line)


CALLER = [
    said(10.0, True, 4, "INVITE", "INVITE sip:10000@x SIP/2.0"),
    said(10.01, False, 4, "INVITE", "SIP/2.0 180 Ringing"),
    said(10.5, False, 4, "INVITE", "SIP/2.0 200 OK"),
    said(10.5, True, 4, "ACK", "ACK sip:x SIP/2.0"),
    said(11.0, True, 4, "BYE", "BYE sip:x SIP/2.0"),
    said(11.2, True, 4, "BYE", "BYE sip:x SIP/2.0"),
    said(11.3, False, 4, "BYE", "SIP/2.0 200 OK"),
]


def test_a_page_knows_a_step_when_it_has_been_told_of_it() -> None:
    page = page_told(
        (9.0, {"type": "state", "calls": []}),
        (10.1, row("a", "+15554", "ringing")),
        (10.15, row("a", "+15554", "ringing")),
        (10.7, {"type": "batch", "events": [{"type": "person"}, row("a", "+15554", "talking")]}),
        (11.05, {"type": "call_ended", "id": "a"}),
        (11.06, {"type": "call_ended", "id": "unknown"}),
    )
    rings, answered, over = pages.judge(CALLER, [page, page])
    assert [each.step for each in (rings, answered, over)] == list(pages.STEPS)
    assert [each.p95 for each in (rings, answered, over)] == [100.0, 200.0, 50.0]
    assert {(each.count, each.missing) for each in (rings, answered, over)} == {(2, 0)}


def test_what_a_page_is_not_told_counts_as_missing() -> None:
    page = page_told((10.1, row("a", "+15554", "ringing")), (11.05, {"type": "call_ended", "id": "a"}))
    _, answered, over = pages.judge(CALLER, [page])
    assert (answered.count, answered.missing, answered.p95) == (0, 1, None)
    assert (over.count, over.missing) == (1, 0)


def test_pages_that_show_no_call_measure_nothing() -> None:
    with pytest.raises(OSError, match="no page"):
        pages.judge(CALLER, [page_told()])


def test_a_chunked_answer_is_read_and_its_connection_kept() -> None:
    answers = iter((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlong\r\n5\r\n list\r\n0\r\n\r\n", b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}"))
    connections = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(next(answers))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(answers))
        writer.close()

    async def ask() -> list[browsing.Answer]:
        async with await asyncio.start_server(serve, server.SERVER, server.HTTP_PORT):
            program = browsing.Program("9999")
            found = [await program.ask("GET", "/one"), await program.ask("GET", "/two")]
            program.close()
            return found

    first, second = asyncio.run(ask())
    assert (first.status, first.body) == (200, b"long list")
    assert (second.status, second.body) == (404, b"{}")
    assert len(connections) == 1
    assert b"Authorization: Bearer b2b_bench-9999" in connections[0]


def test_the_sheet_has_new_users_only() -> None:
    head, *rows = programs.sheet(3).decode().splitlines()
    assert head.split(",")[0] == "extension"
    assert [each.split(",")[0] for each in rows] == ["20000", "20001", "20002"]
    body, kind = programs._form(b"rows", {"dry_run": False})
    assert body.count(kind.partition("=")[2].encode()) == 3
    assert b'{"dry_run": false}' in body


@pytest.mark.needs("sipp")
def test_pages_and_api_of_a_company_are_measured_and_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All of it, for a second each, on one server of a small organisation."""
    for where, name, value in (
        (company, "USERS", 300), (company, "EXECUTIVES", 20), (company, "OFFICES", 2), (pages, "PAGES", 4), (pages, "PAGES_BESIDE_CALLS", 4),
        (pages, "RATE", 5), (programs, "CALL_RATE", 5), (programs, "IMPORTED", 50), (programs, "IDLE_SECONDS", 0.1), (programs, "WARM", 2),
        (pages, "IDLE_SECONDS", 0.2), (pages, "DRAIN_SECONDS", 0.5),
    ):  # fmt: skip
        monkeypatch.setattr(where, name, value)
    company.write(tmp_path, company.USERS)
    with company.running(tmp_path) as at:
        told = asyncio.run(pages._told(at, 1))
        beside = asyncio.run(pages._beside(at, 1, 1))
        interface = asyncio.run(programs.interface(at, 1, 1))
        imported = asyncio.run(programs.imported(at))
        growth = asyncio.run(programs.growth(at, asked=16, opened=2))
    assert [(each.step, each.missing, each.count) for each in told] == [(step, 0, 5 * 2) for step in pages.STEPS]
    assert all(each.p95 is not None and 0 < each.p95 < 5000 for each in told)
    assert beside.failed == 0
    assert {what: len(costs) for what, costs in beside.cpu_ms.items()} == dict.fromkeys((pages.NO_PAGES, pages.ELSEWHERE, pages.HERE), 1)
    assert sum(each.count for each in interface.alone) == programs.REQUEST_RATE
    assert imported.users == 50
    assert len(growth.steps) == 6
    text = pages.table(pages.Pages(0.5, told, beside, interface, imported, growth))
    assert f"| over | {told[2].p50} |" in text
    assert f"import of 50 users: {imported.seconds} s until applied" in text
