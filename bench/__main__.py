"""Measure and print: µs per decision, CPU ms per call, INVITE→180, calls/s, KiB per held call; relayed calls and conferences on one core,
what sound costs signalling, how long people wait; pages and API of a large organisation; tables, then the same as JSON.

The server runs on the first core and the parties on the second. CPU per call falls steeply with the rate, because at a high rate
messages come in batches: compare figures at the same rate only. docs/performance.md says how they relate to other servers.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bench import decide, desk, media, pages, signalling
from bench.desk import Waits
from bench.media import Carried
from bench.signalling import CALLED, SERVER_CORE, Anchoring, Cost

SIGNALLING = (*CALLED, "max", "mem")
MEDIA = ("relay", "mixer", "anchored", "desk")
NEEDS_SIPP = {*SIGNALLING, "anchored", "pages"}


@dataclass(frozen=True, slots=True)
class Extent:
    """How long and how often is measured."""

    seconds: float
    media_seconds: float
    runs: int
    calls: int
    conferences: int
    search: bool
    repetitions: int
    requests: int
    pages: int


FULL = Extent(15, 10, 3, 800, 300, search=True, repetitions=20, requests=25_000, pages=500)
QUICK = Extent(5, 2, 1, 100, 30, search=False, repetitions=3, requests=500, pages=100)
"""A look at each; says little of what a core can carry."""


def decisions_on(core: int, passes: int) -> decide.Report:
    """What a decision costs on one core, measured in this process."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        return decide.measure(passes=passes)
    finally:
        os.sched_setaffinity(0, cores)


def table(costs: list[Cost], most: int | None, memory: float | None) -> str:
    """The figures of signalling as Markdown."""
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


def anchoring_table(found: Sequence[Anchoring]) -> str:
    """The figures of calls with and without their sound here as Markdown; the ratio is the median of the pairs."""
    lines = ["| rate /s | direct, CPU ms | anchored | media process | ratio | with media | failed |", "|--:|--:|--:|--:|--:|--:|--:|"]
    for each in found:
        costs = " | ".join(_range(values) for values in (each.direct_ms, each.anchored_ms, each.media_ms))
        lines.append(f"| {each.rate} | {costs} | {round(each.ratio, 2)} ({_range(each.ratios)}) | {each.ratio_with_media} | {each.failed} |")
    return "\n".join(lines)


def _range(values: list[float]) -> str:
    return "-".join(str(x) for x in sorted({min(values), max(values)}))


def _signalling(options: argparse.Namespace, wanted: Sequence[str], extent: Extent) -> tuple[str, dict[str, Any]]:
    """The table and the figures."""
    rates = [(s, options.rate) for s in CALLED] if options.rate else [("basic", 100), ("basic", 800), ("fork", 100), ("reg", 100)]
    plan = [(scenario, rate) for scenario, rate in rates if scenario in wanted]
    costs = [signalling.cost(scenario, rate, extent.seconds, extent.runs) for scenario, rate in plan]
    most = signalling.highest_rate(1000, 20) if "max" in wanted else None
    memory = signalling.memory_per_call(options.held, 100) if "mem" in wanted else None
    figures = {"costs": [asdict(c) for c in costs], "max_calls_per_second": most, "kib_per_held_call": memory}
    return table(costs, most, memory), figures


def _media(options: argparse.Namespace, wanted: Sequence[str], extent: Extent) -> tuple[str, dict[str, Any]]:
    """The same for sound."""
    texts, figures = [], {}
    carried: list[Carried] = []
    if "relay" in wanted:
        carried += media.relay(options.calls or extent.calls, extent.media_seconds, extent.runs, search=extent.search)
    if "mixer" in wanted:
        carried += media.mixer(options.conferences or extent.conferences, extent.media_seconds, extent.runs, search=extent.search)
    if carried:
        texts.append(media.table(carried))
        figures["carried"] = [asdict(each) for each in carried]
    if "anchored" in wanted:
        rates = [options.rate or 100] if options.rate or options.quick else [100, 400]
        pairs = [signalling.anchoring(rate, extent.seconds, extent.runs) for rate in rates]
        texts.append(anchoring_table(pairs))
        figures["anchoring"] = [{**asdict(each), "ratio": each.ratio, "ratio_with_media": each.ratio_with_media} for each in pairs]
    if "desk" in wanted:
        waits: Waits = desk.measure(extent.repetitions)
        texts.append(desk.table(waits))
        figures["desk"] = [asdict(waits)]
    return "\n\n".join(texts), figures


def _pages(_options: argparse.Namespace, _wanted: Sequence[str], extent: Extent) -> tuple[str, dict[str, Any]]:
    """The same for pages and API."""
    found = pages.measure(extent.seconds, extent.runs, extent.requests, extent.pages)
    return pages.table(found), {"pages": asdict(found)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short run of each, four minutes in all; no search for what is the most")
    lengths = f"{FULL.seconds:g}, with sound {FULL.media_seconds:g}; quick {QUICK.seconds:g} and {QUICK.media_seconds:g}"
    parser.add_argument("--seconds", type=float, help=f"length of a run ({lengths})")
    parser.add_argument("--runs", type=int, help=f"runs whose median is printed ({FULL.runs}, quick {QUICK.runs})")
    parser.add_argument("--rate", type=int, help="measure the scenarios at this rate instead of 100 and 800 a second")
    parser.add_argument("--held", type=int, default=1000, help="calls held for the memory figure (1000)")
    parser.add_argument("--calls", type=int, help=f"calls that are relayed ({FULL.calls}, quick {QUICK.calls})")
    parser.add_argument("--conferences", type=int, help=f"conferences that are mixed ({FULL.conferences}, quick {QUICK.conferences})")
    parser.add_argument("--repetitions", type=int, help=f"of what is waited for at the desk ({FULL.repetitions}, quick {QUICK.repetitions})")
    parser.add_argument("--no-search", action="store_true", help="do not search for the most calls and conferences")
    choices = ["decide", *SIGNALLING, *MEDIA, "pages"]
    parser.add_argument("--only", choices=choices, action="append", help="measure this; may be given several times")
    return parser.parse_args()


def _extent(options: argparse.Namespace) -> Extent:
    extent = QUICK if options.quick else FULL
    given = {name: value for name in ("seconds", "runs", "repetitions") if (value := getattr(options, name)) is not None}
    if options.seconds is not None:
        given["media_seconds"] = options.seconds
    return replace(extent, search=extent.search and not options.no_search, **given)


def main() -> None:
    """Read the options, measure, print."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # and end what was started
    options = _options()
    extent = _extent(options)
    everything = ["decide", *SIGNALLING, *MEDIA, "pages"]
    wanted = options.only or [each for each in everything if not (options.quick and each == "max")]
    if NEEDS_SIPP.intersection(wanted) and shutil.which("sipp") is None:
        raise SystemExit("sipp is not installed: make tools (Debian package sip-tester)")

    figures: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "python": platform.python_version()}
    figures |= {"cores": os.cpu_count(), "decide": None}
    if "decide" in wanted:
        decisions = decisions_on(SERVER_CORE, 1 if options.quick else 3)
        figures["decide"] = asdict(decisions)
        print(decide.table(decisions), end="\n\n", flush=True)
    for measured, names in ((_signalling, SIGNALLING), (_media, MEDIA), (_pages, ("pages",))):
        if set(names).intersection(wanted):
            text, found = measured(options, wanted, extent)
            figures |= found
            print(text, end="\n\n", flush=True)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
