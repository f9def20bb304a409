"""Measure and print: µs per decision, CPU ms per call, INVITE→180, calls/s, KiB per held call; tables, then the same as JSON.

The server runs on the first core and SIPp on the second. CPU per call falls steeply with the rate, because at a high rate
messages come in batches: compare figures at the same rate only. docs/performance.md says how they relate to other servers.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import decide
from bench.server import CALLER_PORT, SERVER, SIP_PORT, Server
from bench.sipp import Callees, Count, Party

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, PARTY_CORE = CORES[0], CORES[-1]
CALLED = {"basic": "1000", "fork": "3000", "reg": "register"}
FIRST_ANSWER = {"basic": 180, "fork": 180, "reg": 401}
MOST_FAILED = 0.001
"""The share of failed or unfinished calls at which a rate still counts as served."""
DRAIN_SECONDS = 4.0
IDLE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Cost:
    """One scenario at one rate. Times in ms; ``cpu_ms`` is the median of the runs."""

    scenario: str
    rate: int
    cpu_ms: float
    cpu_ms_runs: list[float]
    first_answer_p50_ms: float | None
    first_answer_p99_ms: float | None
    completed: int
    failed: int
    retransmissions: int


class Stand:
    """A fresh server with its parties in a temporary folder."""

    def __init__(self, folder: Path, scenario: str) -> None:
        self.folder, self.scenario = folder, scenario
        self.server = Server(folder, SERVER_CORE)
        self.callees = Callees(folder, PARTY_CORE)
        self._runs = 0

    def calls(self, rate: int, total: int, *options: str) -> Party:
        """Start a caller that makes ``total`` calls (or registrations) at ``rate`` a second."""
        self._runs += 1
        scenario = "register.xml" if self.scenario == "reg" else "caller.xml"
        users = ("-inf", str(self.folder / "users.csv")) if self.scenario == "reg" else ()
        target = f"{SERVER}:{SIP_PORT}"
        fixed = ("-s", CALLED[self.scenario], "-r", str(rate), "-m", str(total), *users, *options, target)
        return Party(self.folder, f"caller{self._runs}", scenario, CALLER_PORT, PARTY_CORE, *fixed)

    def run(self, rate: int, seconds: float, *options: str) -> tuple[Party, Count, float]:
        """Calls for ``seconds`` and wait for their end; also the seconds it took."""
        begun = time.monotonic()
        party = self.calls(rate, int(rate * seconds), *options)
        party.wait(seconds + 15)
        return party, party.count(), time.monotonic() - begun


@contextmanager
def stand(scenario: str) -> Iterator[Stand]:
    with tempfile.TemporaryDirectory(prefix="b2bua-bench-") as name:
        made = Stand(Path(name), scenario)
        try:
            made.callees.start(scenario)
            made.run(20, 2)  # warm caches, imports and connections
            yield made
        finally:
            made.callees.stop()
            made.server.stop()


def cost(scenario: str, rate: int, seconds: float, runs: int) -> Cost:
    """CPU per call at a fixed rate, less what the idle server uses."""
    with stand(scenario) as at:
        time.sleep(1)
        before = at.server.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        idle = (at.server.cpu_seconds() - before) / IDLE_SECONDS
        each, counts, latencies = [], [], []
        for _ in range(runs):
            before, begun = at.server.cpu_seconds(), time.monotonic()
            party, count, _ = at.run(rate, seconds, "-trace_shortmsg")
            time.sleep(DRAIN_SECONDS)
            used = at.server.cpu_seconds() - before - idle * (time.monotonic() - begun)
            each.append(round(1000 * used / max(1, count.completed), 3))
            counts.append(count)
            latencies += party.latencies_ms(FIRST_ANSWER[scenario])
    latencies.sort()
    return Cost(
        scenario,
        rate,
        statistics.median(each),
        each,
        _percentile(latencies, 50),
        _percentile(latencies, 99),
        sum(c.completed for c in counts),
        sum(max(c.failed, int(rate * seconds) - c.completed) for c in counts),
        sum(c.retransmissions for c in counts),
    )


def highest_rate(start: int, seconds: float) -> int:
    """Most basic calls a second with at most ``MOST_FAILED`` lost, found by steps of a quarter and then by halving."""
    with stand("basic") as at:

        def served(rate: int) -> bool:
            _, count, took = at.run(rate, seconds)
            total = int(rate * seconds)
            good = total - count.completed <= MOST_FAILED * total and took < 1.07 * seconds + 1
            print(f"  {rate}/s: {'served' if good else 'not served'}", file=sys.stderr, flush=True)
            time.sleep(2 if good else 15)  # what was lost is repeated for a while and would count against the next rate
            return good

        low, high, rate = 0, 0, start
        while not high or high - low > max(5, 0.06 * low):
            if served(rate):
                low = rate
            else:
                high = rate
            rate = (low + high) // 2 if high else int(rate * 1.25)
            if rate < 2:
                break
        return low


def memory_per_call(held: int, rate: int) -> float:
    """KiB (PSS) that each of ``held`` answered calls adds to a fresh server."""
    with stand("basic") as at:
        time.sleep(2)
        before = at.server.memory_kib()
        ramp = held / rate
        party = at.calls(rate, held, "-d", str(int((ramp + 8) * 1000)))
        time.sleep(ramp + 4)
        now_open, now_used = party.count().open, at.server.memory_kib()
        party.wait(ramp + 30)
    if now_open < held * 0.99:
        raise SystemExit(f"only {now_open} of {held} calls were held")
    return round((now_used - before) / now_open, 1)


def decisions_on(core: int, passes: int) -> decide.Report:
    """What a decision costs on one core, measured in this process."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        return decide.measure(passes=passes)
    finally:
        os.sched_setaffinity(0, cores)


def _percentile(ordered: list[float], percent: int) -> float | None:
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 2) if ordered else None


def table(costs: list[Cost], most: int | None, memory: float | None) -> str:
    """The figures as Markdown."""
    lines = ["| scenario | rate /s | CPU ms | first answer p50 / p99 ms | done | failed |", "|---|--:|--:|--:|--:|--:|"]
    for c in costs:
        runs = "-".join(str(x) for x in sorted({min(c.cpu_ms_runs), max(c.cpu_ms_runs)}))
        waits = f"{c.first_answer_p50_ms} / {c.first_answer_p99_ms}"
        lines.append(f"| {c.scenario} | {c.rate} | {c.cpu_ms} ({runs}) | {waits} | {c.completed} | {c.failed} |")
    if most is not None:
        lines.append(f"\nhighest rate, basic, one core: {most} calls/s")
    if memory is not None:
        lines.append(f"memory per held call: {memory} KiB")
    return "\n".join(lines)


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short run of each, about a minute in all; no search for the highest rate")
    parser.add_argument("--seconds", type=float, default=15, help="length of a run (15)")
    parser.add_argument("--runs", type=int, default=3, help="runs whose median is printed (3)")
    parser.add_argument("--rate", type=int, help="measure the scenarios at this rate instead of 100 and 800 a second")
    parser.add_argument("--held", type=int, default=1000, help="calls held for the memory figure (1000)")
    parser.add_argument("--only", choices=["decide", *CALLED, "max", "mem"], action="append", help="measure this; may be given several times")
    options = parser.parse_args()
    wanted = options.only or (["decide", *CALLED, "mem"] if options.quick else ["decide", *CALLED, "max", "mem"])
    if wanted != ["decide"] and shutil.which("sipp") is None:
        raise SystemExit("sipp is not installed: make tools (Debian package sip-tester)")

    decisions = decisions_on(SERVER_CORE, 1 if options.quick else 3) if "decide" in wanted else None
    seconds, runs = (5, 1) if options.quick else (options.seconds, options.runs)
    rates = [(s, options.rate) for s in CALLED] if options.rate else [("basic", 100), ("basic", 800), ("fork", 100), ("reg", 100)]
    plan = [(scenario, rate) for scenario, rate in rates if scenario in wanted]
    costs = [cost(scenario, rate, seconds, runs) for scenario, rate in plan]
    most = highest_rate(1000, 20) if "max" in wanted else None
    memory = memory_per_call(options.held, 100) if "mem" in wanted else None

    if decisions is not None:
        print(decide.table(decisions), end="\n\n")
    if wanted != ["decide"]:
        print(table(costs, most, memory), end="\n\n")
    about = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "python": platform.python_version(), "cores": os.cpu_count()}
    figures = {"costs": [asdict(c) for c in costs], "max_calls_per_second": most, "kib_per_held_call": memory}
    print(json.dumps({**about, "decide": None if decisions is None else asdict(decisions), **figures}, indent=1))


if __name__ == "__main__":
    main()
