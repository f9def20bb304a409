"""How many calls and conferences one core carries: relayed packets and mixed ones, seen from outside, rtpengine beside our media process."""

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import load
from bench.engines import LOAD_HOST, MEMBERS, Own, Rtpengine, engines, running
from bench.load import PACKETS_PER_SECOND, Traffic
from bench.signalling import PARTY_CORE, SERVER_CORE

WARM_SECONDS = 1.0
MOST_LOST = 0.001
"""The share of relayed packets lost at which a number of calls still counts as carried."""
MOST_DELAY_MS = 5.0
"""Added to a relayed packet, 99 of 100."""
MOST_GAP_MS = 25.0
"""Between two packets of a conference to the same party, 99 of 100; 20 when each tick is met."""
MOST_LATE = 0.01
"""The share of ticks that may begin late."""
CLOSE_ENOUGH = 0.05
"""Of the highest number, when it is searched."""
TRIES = 3
"""Of a number that is not carried."""
MOST_CALLS = 3_000
"""There are ports for no more."""
MOST_CONFERENCES = 2_000


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Shares are of one core."""

    traffic: Traffic
    lost_percent: float
    cpu_us_per_packet: float
    core_share: float
    load_share: float
    carried: bool
    load_failed: bool
    """The load could not send all of it in time: the number says nothing of the server."""
    ticks: int = 0
    ticks_late: int = 0
    ticks_skipped: int = 0


@dataclass(frozen=True, slots=True)
class Carried:
    """An engine at one number of calls or conferences, and the highest number (None: not searched) at which all is well."""

    engine: str
    what: str
    number: int
    runs: list[Run]
    most: int | None
    most_by_load: bool
    """Above ``most`` it was the load that failed, not the server."""

    def median(self, value: Callable[[Run], float]) -> float:
        """Of the runs."""
        return statistics.median(map(value, self.runs))


def relay(calls: int, seconds: float, runs: int, *, search: bool) -> list[Carried]:
    """Two-way G.711 calls through each engine that is here, in turns."""
    return _measure("calls", calls, seconds, runs, search=search, kinds=engines())


def mixer(conferences: int, seconds: float, runs: int, *, search: bool) -> list[Carried]:
    """Three-party G.711 conferences, everybody speaking."""
    return _measure("conferences", conferences, seconds, runs, search=search, kinds=[Own])


def _measure(
    what: str, number: int, seconds: float, runs: int, *, search: bool, kinds: list[type[Own] | type[Rtpengine]]
) -> list[Carried]:
    found: dict[str, list[Run]] = {kind.name: [] for kind in kinds}
    for _ in range(runs):
        for kind in kinds:
            run = once(kind, what, number, seconds)
            found[kind.name].append(run)
            _note(kind.name, number, what, run)
    carried = []
    for kind in kinds:
        limit = MOST_CALLS if what == "calls" else MOST_CONFERENCES
        most, by_load = None, False
        if search:
            most, by_load = highest(partial(once, kind, what, seconds=seconds), kind.name, what, number, limit)
        carried.append(Carried(kind.name, what, number, found[kind.name], most, by_load))
    return carried


def once(kind: type[Own] | type[Rtpengine], what: str, number: int, seconds: float) -> Run:
    """A fresh engine on the server's core, the load on the other."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {PARTY_CORE})
    try:
        with tempfile.TemporaryDirectory(prefix="b2bua-bench-") as name, running(kind, Path(name), SERVER_CORE) as engine:
            return _run(engine, what, number, seconds)
    finally:
        os.sched_setaffinity(0, cores)


def _run(engine: Own | Rtpengine, what: str, number: int, seconds: float) -> Run:
    mixed = what == "conferences"
    legs = engine.mix(number) if isinstance(engine, Own) and mixed else engine.relay(number)
    ticks = _ticks(engine)
    traffic = load.run(LOAD_HOST, legs, mixed=mixed, seconds=seconds, warm=WARM_SECONDS, pids=engine.pids)
    ticks = [after - before for before, after in zip(ticks, _ticks(engine), strict=True)]
    engine.clear()
    return judge(traffic, (ticks[0], ticks[1], ticks[2]), expected=len(legs) * PACKETS_PER_SECOND * traffic.seconds, mixed=mixed)


def judge(traffic: Traffic, ticks: tuple[int, int, int], *, expected: float, mixed: bool) -> Run:
    """Whether all was carried as it ought to be. `ticks`: how many, late ones, those left out. `expected`: packets of this load."""
    load_failed = traffic.sent < 0.999 * expected
    if mixed:
        whole = traffic.received >= 0.999 * expected and traffic.missing <= MOST_LOST * expected and not ticks[2]
        carried = whole and traffic.times.p99 <= MOST_GAP_MS and ticks[1] <= MOST_LATE * max(1, ticks[0])
        heard = traffic.heard_others * PACKETS_PER_SECOND * traffic.seconds >= 0.99 * expected  # nearly all legs, in their last packet
        carried = carried and heard
        lost = traffic.missing / max(1, traffic.received + traffic.missing)
    else:
        lost = traffic.lost
        carried = lost < MOST_LOST and traffic.times.p99 < MOST_DELAY_MS
    return Run(
        traffic,
        round(100 * lost, 3),
        round(1e6 * traffic.server_cpu / max(1, traffic.received), 2),
        round(traffic.server_cpu / traffic.seconds, 3),
        round(traffic.load_cpu / traffic.seconds, 3),
        carried,
        load_failed,
        *ticks,
    )


def highest(run: Callable[[int], Run], engine: str, what: str, start: int, limit: int) -> tuple[int, bool]:
    """The highest number that is carried, by steps of a quarter and then by halving; and whether only the load stopped it.

    A number that is not carried is tried again: what disturbs the machine for a moment shall not decide.
    """
    low, high, by_load, number = 0, 0, False, start
    while not high or high - low > max(1, CLOSE_ENOUGH * low):
        for _ in range(TRIES):
            found = run(number)
            _note(engine, number, what, found)
            if found.carried and not found.load_failed:
                break
        if found.carried and not found.load_failed:
            low = number
        else:
            high, by_load = number, found.load_failed
        if low == limit:
            return low, True
        number = (low + high) // 2 if high else min(limit, int(number * 1.25))
        if number < 1:
            break
    return low, by_load


def _note(engine: str, number: int, what: str, run: Run) -> None:
    times = run.traffic.times
    verdict = "the load failed" if run.load_failed else "carried" if run.carried else "not carried"
    seen = f"{run.core_share:.2f} of the core, p50 {times.p50} p99 {times.p99} ms; the load sent {run.traffic.lags.p99} ms late"
    text = f"  {engine}, {number} {what}: {verdict} ({seen})"
    print(text, file=sys.stderr, flush=True)


def _ticks(engine: Own | Rtpengine) -> list[int]:
    """How many there were, how many late, how many left out."""
    counts = engine.counts() if isinstance(engine, Own) else {}
    return [counts.get(name, 0) for name in ("ticks", "ticks_late", "ticks_skipped")]


def table(found: list[Carried]) -> str:
    """The figures as Markdown, medians of the runs with the least and the most."""
    lines = ["| engine | carries | packets/s | CPU µs a packet | of the core | lost % | p50 / p99 ms | most |", "|---|--:|--:|--:|--:|--:|--:|--:|"]
    for each in found:
        cells = [each.engine, f"{each.number} {each.what}", str(round(each.median(lambda r: r.traffic.received / r.traffic.seconds)))]
        cells.append(_spread(each, lambda r: r.cpu_us_per_packet))
        cells.append(_spread(each, lambda r: r.core_share))
        cells.append(_spread(each, lambda r: r.lost_percent))
        cells.append(f"{_spread(each, lambda r: r.traffic.times.p50)} / {_spread(each, lambda r: r.traffic.times.p99)}")
        cells.append("" if each.most is None else f"{each.most}{'+' if each.most_by_load else ''}")
        lines.append(f"| {' | '.join(cells)} |")
    conferences = [run for each in found if each.what == "conferences" for run in each.runs]
    if conferences:
        ticks, late, skipped = (sum(getattr(run, name) for run in conferences) for name in ("ticks", "ticks_late", "ticks_skipped"))
        lines.append(f"\nconferences of {MEMBERS}: p50 and p99 are from packet to packet; ticks of 5 ms: {ticks}, late {late}, left out {skipped}")
    return "\n".join(lines)


def _spread(carried: Carried, value: Callable[[Run], float]) -> str:
    values = sorted(map(value, carried.runs))
    middle = round(statistics.median(values), 3)
    return f"{middle}" if len(values) == 1 else f"{middle} ({values[0]}-{values[-1]})"
