"""What a call costs in signalling: CPU ms per call, the time to the first answer, calls a second, KiB per held call; measured with SIPp."""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench import server
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
    """A fresh server with its parties in a temporary folder. ``mode`` is ``media.mode``."""

    def __init__(self, folder: Path, scenario: str, mode: str) -> None:
        self.folder, self.scenario = folder, scenario
        self.server = Server(server.write(folder, mode), SERVER_CORE)
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
def stand(scenario: str, mode: str = "direct") -> Iterator[Stand]:
    with tempfile.TemporaryDirectory(prefix="b2bua-bench-") as name:
        made = Stand(Path(name), scenario, mode)
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
        percentile(latencies, 50),
        percentile(latencies, 99),
        sum(c.completed for c in counts),
        sum(max(c.failed, int(rate * seconds) - c.completed) for c in counts),
        sum(c.retransmissions for c in counts),
    )


@dataclass(frozen=True, slots=True)
class Anchoring:
    """What it costs signalling to have the sound here: calls without (``media.mode: direct``) and with (``anchored``), in turns.

    CPU ms per call of each run; ``anchored_ms`` is signalling alone, ``media_ms`` the media process in the same runs. No sound flows.
    """

    rate: int
    direct_ms: list[float]
    anchored_ms: list[float]
    media_ms: list[float]
    failed: int

    @property
    def ratios(self) -> list[float]:
        """Signalling of each pair, sorted."""
        return sorted(round(a / d, 2) for a, d in zip(self.anchored_ms, self.direct_ms, strict=True))

    @property
    def ratio(self) -> float:
        """The median."""
        return statistics.median(self.ratios)

    @property
    def ratio_with_media(self) -> float:
        """The same with the media process's share."""
        whole = (a + m for a, m in zip(self.anchored_ms, self.media_ms, strict=True))
        return round(statistics.median(w / d for w, d in zip(whole, self.direct_ms, strict=True)), 2)


def anchoring(rate: int, seconds: float, pairs: int) -> Anchoring:
    """The basic call both ways, one after the other, `pairs` times."""
    found = Anchoring(rate, [], [], [], 0)
    failed = 0
    for _ in range(pairs):
        for mode in ("direct", "anchored"):
            signalling_ms, media_ms, lost = _split_cost(mode, rate, seconds)
            failed += lost
            (found.direct_ms if mode == "direct" else found.anchored_ms).append(signalling_ms)
            if mode == "anchored":
                found.media_ms.append(media_ms)
    return replace(found, failed=failed)


def _split_cost(mode: str, rate: int, seconds: float) -> tuple[float, float, int]:
    """CPU ms per basic call of signalling and of the media process, less what they use idle; and how many calls failed."""
    with stand("basic", mode) as at:
        time.sleep(1)
        before = at.server.cpu_split()
        time.sleep(IDLE_SECONDS)
        idle = [(b - a) / IDLE_SECONDS for a, b in zip(before, at.server.cpu_split(), strict=True)]
        before, begun = at.server.cpu_split(), time.monotonic()
        _, count, _ = at.run(rate, seconds)
        time.sleep(DRAIN_SECONDS)
        took = time.monotonic() - begun
        used = [b - a - i * took for a, b, i in zip(before, at.server.cpu_split(), idle, strict=True)]
        signalling_ms, media_ms = (round(1000 * each / max(1, count.completed), 3) for each in used)
        return signalling_ms, media_ms, int(rate * seconds) - count.completed


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


def percentile(ordered: list[float], percent: int) -> float | None:
    """Of sorted values; None when there are none."""
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 2) if ordered else None
