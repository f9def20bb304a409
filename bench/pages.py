"""The pages and the API of a large organisation: how soon an open page knows of a call, what open pages cost the calls, how quickly the API
answers, how long an import takes, what the server needs to start and whether it grows.

SIPp and the pages run on one core, the server on the other. When something happened is what SIPp wrote down, when a page knew of it is when
its socket had the message; the clock is the same.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import company, programs
from bench.browsing import OpenPage, pages
from bench.company import Company
from bench.programs import Growth, Import, Interface, Kind, over
from bench.signalling import IDLE_SECONDS, PARTY_CORE, percentile
from bench.sipp import Message

PAGES, PAGES_BESIDE_CALLS = 200, 50
RATE = 50
"""Calls a second."""
DRAIN_SECONDS = 2.0
"""After the last call's end, for what is told of it."""
STEPS = ("rings", "answered", "over")
"""From the caller's INVITE until the call stands on the page; from the 200 at the caller until it stands there as answered; from the BYE."""
NO_PAGES, ELSEWHERE, HERE = "no pages", "pages of other offices", "pages of these offices"
"""What is open beside the calls. Pages of other offices show none of them; fifty of these offices show every fourth call twice."""


@dataclass(frozen=True, slots=True)
class Told:
    """How long the pages took to know of one step of the calls, in ms."""

    step: str
    p50: float | None
    p95: float | None
    p99: float | None
    count: int
    missing: int
    """How often a page that shows a call was not told."""


@dataclass(slots=True)
class Beside:
    """Calls with and without open pages, in turns: CPU ms per call of the server, INVITE→180 in ms at p50 and p99, of each run."""

    rate: int
    cpu_ms: dict[str, list[float]] = field(default_factory=dict)
    """By what is open."""
    ringing_p50_ms: dict[str, list[float]] = field(default_factory=dict)
    ringing_p99_ms: dict[str, list[float]] = field(default_factory=dict)
    failed: int = 0

    def ratios(self, what: str) -> list[float]:
        """CPU against that without pages, of each round."""
        return [round(b / a, 3) for a, b in zip(self.cpu_ms[NO_PAGES], self.cpu_ms[what], strict=True)]


@dataclass(frozen=True, slots=True)
class Pages:
    """All of it."""

    load: float
    """Load average of the machine before the first measurement."""
    told: list[Told]
    beside: Beside
    interface: Interface
    imported: Import
    growth: Growth


def measure(seconds: float, pairs: int, requests: int, opened: int) -> Pages:
    """Each part on a fresh server with its own copy of the organisation. `requests` and `opened` (pages): how many until the server's memory
    is looked at again."""
    load = os.getloadavg()[0]
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {PARTY_CORE})
    try:
        with tempfile.TemporaryDirectory(prefix="b2bua-bench-") as name:
            large, small = Path(name) / "large", Path(name) / "small"
            for folder, users in ((large, company.USERS), (small, 0)):
                folder.mkdir()
                company.write(folder, users)
            with company.running(large) as at:
                told = asyncio.run(_told(at, seconds))
            with company.running(large) as at:
                beside = asyncio.run(_beside(at, seconds, pairs))
            with company.running(large) as at:
                interface = asyncio.run(programs.interface(at, seconds, pairs))
            with company.running(small) as at:
                imported = asyncio.run(programs.imported(at))
            with company.running(large) as at:
                growth = asyncio.run(programs.growth(at, requests, opened))
    finally:
        os.sched_setaffinity(0, cores)
    return Pages(round(load, 2), told, beside, interface, imported, growth)


async def _told(at: Company, seconds: float) -> list[Told]:
    await over(at.calls(RATE, 1), 1)  # warm caches and imports
    async with pages(company.watchers(PAGES)) as opened:
        party = at.calls(RATE, seconds)
        await over(party, seconds)
        await asyncio.sleep(DRAIN_SECONDS)
        return judge(party.messages(), opened)


def judge(messages: Iterable[Message], opened: Sequence[OpenPage]) -> list[Told]:
    """When the pages knew what the caller's messages say. Who shows a call at all is to be told of each of its steps."""
    happened = _happened(messages)
    waits: dict[str, list[float]] = {step: [] for step in STEPS}
    missing = dict.fromkeys(STEPS, 0)
    shown = 0
    for page in opened:
        for number, steps in _known(page).items():
            shown += 1
            for step in STEPS:
                if step in steps and step in happened.get(number, {}):
                    waits[step].append(1000 * (steps[step] - happened[number][step]))
                else:
                    missing[step] += 1
    if not shown:
        raise OSError("no page was told of any call")
    return [_as_told(step, sorted(waits[step]), missing[step]) for step in STEPS]


def _as_told(step: str, waits: list[float], missing: int) -> Told:
    return Told(step, percentile(waits, 50), percentile(waits, 95), percentile(waits, 99), len(waits), missing)


def _happened(messages: Iterable[Message]) -> dict[str, dict[str, float]]:
    """When each call began, was answered and ended, by the caller's number; SIPp's Call-IDs begin with the number of the call."""
    found: dict[str, dict[str, float]] = {}
    for each in messages:
        if each.sent and each.method in ("INVITE", "BYE"):
            step = "rings" if each.method == "INVITE" else "over"
        elif not each.sent and each.method == "INVITE" and each.first_line.startswith("SIP/2.0 200"):
            step = "answered"
        else:
            continue
        found.setdefault(f"+1555{each.call.partition('-')[0]}", {}).setdefault(step, each.at)
    return found


def _known(page: OpenPage) -> dict[str, dict[str, float]]:
    """The same, as a page came to know."""
    numbers: dict[str, str] = {}
    found: dict[str, dict[str, float]] = {}
    for at, event in page.events():
        if event["type"] == "call":
            call = event["call"]
            number = numbers[call["id"]] = call["caller"]["number"]
            steps = found.setdefault(number, {})
            steps.setdefault("rings", at)
            if call["state"] == "talking":
                steps.setdefault("answered", at)
        elif event["type"] == "call_ended" and event["id"] in numbers:
            found[numbers[event["id"]]].setdefault("over", at)
    return found


async def _beside(at: Company, seconds: float, rounds: int) -> Beside:
    await over(at.calls(RATE, 1), 1)
    await asyncio.sleep(1)
    before = at.server.cpu_seconds()
    await asyncio.sleep(IDLE_SECONDS)
    idle = (at.server.cpu_seconds() - before) / IDLE_SECONDS
    found = Beside(RATE)
    watching = {
        NO_PAGES: [],
        ELSEWHERE: company.watchers(PAGES_BESIDE_CALLS, company.OFFICES),
        HERE: company.watchers(PAGES_BESIDE_CALLS),
    }
    for turn in range(rounds):
        for what in list(watching)[:: 1 if turn % 2 == 0 else -1]:
            async with pages(watching[what]):
                before, begun = at.server.cpu_seconds(), time.monotonic()
                party = at.calls(RATE, seconds)
                await over(party, seconds)
                await asyncio.sleep(DRAIN_SECONDS)
                used = at.server.cpu_seconds() - before - idle * (time.monotonic() - begun)
            done = party.count().completed
            found.failed += int(RATE * seconds) - done
            found.cpu_ms.setdefault(what, []).append(round(1000 * used / max(1, done), 3))
            waits = party.latencies_ms(180)
            for percent, where in ((50, found.ringing_p50_ms), (99, found.ringing_p99_ms)):
                where.setdefault(what, []).append(percentile(waits, percent) or 0.0)
    return found


def table(found: Pages) -> str:
    """The figures as Markdown."""
    lines = [f"load of the machine before: {found.load}", "", "| ms until the pages know | p50 | p95 | p99 | of | not told |", "|---|--:|--:|--:|--:|--:|"]
    lines += [f"| {each.step} | {each.p50} | {each.p95} | {each.p99} | {each.count} | {each.missing} |" for each in found.told]
    beside = found.beside
    lines += ["", f"| {beside.rate} calls/s, {PAGES_BESIDE_CALLS} | CPU ms a call | ratio | INVITE→180 p50 ms | p99 ms |", "|---|--:|--:|--:|--:|"]
    for what, costs in beside.cpu_ms.items():
        waits = f"{_list(beside.ringing_p50_ms[what])} | {_list(beside.ringing_p99_ms[what])}"
        ratios = "" if what == NO_PAGES else f"{statistics.median(beside.ratios(what))} ({_list(beside.ratios(what))})"
        lines.append(f"| {what} | {_list(costs)} | {ratios} | {waits} |")
    lines.append(f"\nfailed calls: {beside.failed}")
    return "\n".join([*lines, "", *_interface(found.interface), "", _imported(found.imported), "", *_growth(found.growth)])


def _interface(found: Interface) -> list[str]:
    lines = ["| API, 20 requests/s | alone: p50 / p95 ms | with calls: p50 / p95 ms | of |", "|---|--:|--:|--:|"]
    for alone, beside in zip(found.alone, found.beside_calls, strict=True):
        lines.append(f"| {alone.name} | {_two(alone)} | {_two(beside)} | {alone.count}, {beside.count} |")
    for name, values in (("no requests", found.ringing_without), ("requests", found.ringing_with)):
        lines.append(f"\nINVITE→180 with {name}, p50 / p99 ms of each run: {', '.join(f'{p50} / {p99}' for p50, p99 in values)}")
    return lines


def _two(kind: Kind) -> str:
    return f"{kind.p50} / {kind.p95}"


def _imported(found: Import) -> str:
    return (
        f"import of {found.users} users: {found.seconds} s until applied ({found.upload_seconds} s of them the upload); /health meanwhile p50 {found.health_p50_ms}, "
        f"p99 {found.health_p99_ms}, most {found.health_most_ms} ms"
    )


def _growth(found: Growth) -> list[str]:
    lines = [f"start with {company.USERS} users: {found.start_seconds} s; memory then {found.start_kib} KiB (PSS)"]
    return [*lines, *(f"- {what}: {kib} KiB, {seconds} s" for what, kib, seconds in found.steps)]


def _list(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))
