"""What one decision costs in a large organisation: 10,000 users, 1,000 executives with 10 assistants and 50 criteria each.

No server and no SIP: `decide` is called from here, once for each of many different calls, with the garbage collector as quiet as the
server keeps it. Of several passes the best counts: whatever else the machine does makes a pass slower, never faster.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from b2bua.delegation.callers import Callers
from b2bua.delegation.model import Directory
from b2bua.delegation.people import Criterion, Delegation, Executive, Filtering, OnBehalf, TrunkRoute, User
from b2bua.delegation.plan import Caller, Facts, Setting
from b2bua.delegation.policy import decide
from b2bua.delegation.schedule import Holiday, Hours, Schedule
from b2bua.delegation.state import State

USERS, EXECUTIVES, ASSISTANTS, CRITERIA = 10_000, 1_000, 10, 50
CALLS = 20_000
ZONE = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
"""A Monday, ten o'clock in Jakarta: within office hours."""
OFFICE = Schedule(
    "office",
    (*((Hours(480, 720), Hours(780, 1020)),) * 5, (), ()),
    (Holiday(date(2026, 12, 25), date(2026, 12, 25), yearly=True),),
)
NIGHT = Schedule("night", ((Hours(1320, 360),),) * 7)


@dataclass(frozen=True, slots=True)
class Decisions:
    """One kind of call. Times in µs, of the best pass."""

    call: str
    median_us: float
    p99_us: float
    medians_us: list[float]
    """Of every pass."""


@dataclass(frozen=True, slots=True)
class Report:
    """How long it takes to make the snapshot from checked settings, and to decide a call on it."""

    build_seconds: float
    decisions: list[Decisions]


def measure(calls: int = CALLS, passes: int = 3) -> Report:
    """Build the organisation and decide `calls` different calls of each kind, `passes` times."""
    users, executives = _users(), _executives()
    begun = time.perf_counter()
    directory = _directory(users, executives)
    built = time.perf_counter() - begun
    with _no_garbage_collection():
        decisions = [_decisions(name, make, where, calls, passes) for name, make, where in _kinds(directory)]
    return Report(round(built, 3), decisions)


def table(report: Report) -> str:
    """The figures as Markdown."""
    lines = ["| decision | median µs | p99 µs |", "|---|--:|--:|"]
    for each in report.decisions:
        passes = "-".join(str(x) for x in sorted({min(each.medians_us), max(each.medians_us)}))
        lines.append(f"| {each.call} | {each.median_us} ({passes}) | {each.p99_us} |")
    lines.append(f"\nsnapshot of {USERS} users and {EXECUTIVES} executives: {report.build_seconds} s")
    return "\n".join(lines)


# --- the organisation -----------------------------------------------------------------------------------------------------------------


def _extension(n: int) -> str:
    return str(10_000 + n)


def _number(n: int) -> str:
    return f"+62215{n:06}"


def _users() -> list[User]:
    return [User(_extension(n), f"User {n}", "secret", (_number(n),), time_zone=ZONE) for n in range(USERS)]


def _assistant(executive: int, place: int) -> int:
    return EXECUTIVES + (executive * ASSISTANTS + place) % (USERS - EXECUTIVES)


def _executives() -> list[Executive]:
    """The first users; each of the others assists one or two of them."""
    return [
        Executive(
            _extension(n),
            filtering=Filtering(mode="criteria", criteria=_criteria(n)),
            on_behalf=OnBehalf(callback_seconds=86_400),
            delegations=tuple(Delegation(_extension(_assistant(n, k)), _extension(n)) for k in range(ASSISTANTS)),
            time_zone=ZONE,
        )
        for n in range(EXECUTIVES)
    ]


def _criteria(n: int) -> tuple[Criterion, ...]:
    """Numbers, prefixes, caller groups and words with hours, a tenth of them exceptions; what takes an ordinary call comes last but one."""
    return (*(_criterion(n, place) for place in range(CRITERIA - 2)), _OFFICE_HOURS, _ANONYMOUS)


def _criterion(n: int, place: int) -> Criterion:
    name, own = f"rule {place}", f"+1555{n:04}{place:02}"
    match place % 10:
        case 0:
            return Criterion(name, filter=False, callers=Callers.of(own, f"+4989{place:02}*", text="family"))
        case 1 | 2 | 3:
            return Criterion(name, callers=Callers.of(own))
        case 4 | 5:
            return Criterion(name, callers=Callers.of(f"+44{place:02}*", f"+3361{place:02}*"), during=OFFICE)
        case 6 | 7:
            return Criterion(name, callers=Callers.of(*(f"{own}{k:02}" for k in range(20)), text="press"))
        case 8:
            return Criterion(name, callers=Callers.of("external"), during=NIGHT)
        case _:
            return Criterion(name, callers=Callers.of(own, "+33*"), outside=OFFICE, holidays=OFFICE)


_OFFICE_HOURS = Criterion("office hours", callers=Callers.of("external"), during=OFFICE)
_ANONYMOUS = Criterion("anonymous", callers=Callers.of("anonymous", "unavailable"))


def _directory(users: list[User], executives: list[Executive]) -> Directory:
    return Directory.build(
        domain="acme.test",
        users=users,
        executives=executives,
        trunks=(TrunkRoute("carrier", (r"^\+?[0-9]{6,15}$",)),),
        emergency=("112",),
    )


def _set_by_phones(directory: Directory) -> Directory:
    """A fifth of the assistants have opted out for an executive, a tenth divert to a mobile, some are on DND, all executives are remembered."""
    settings = [
        setting
        for n in range(EXECUTIVES)
        for setting in (
            Setting("opt", _extension(_assistant(n, 1)), _extension(n), "out"),
            Setting("opt", _extension(_assistant(n, 4)), _extension(n), "out"),
            Setting("divert", _extension(_assistant(n, 6)), "", "on"),
            Setting("divert_to", _extension(_assistant(n, 6)), "", f"+62811{n:06}"),
            Setting("dnd", _extension(_assistant(n, 8)), "", "on"),
            Setting("callback", _extension(n), f"62899{n:06}", _extension(_assistant(n, 2)), NOW.timestamp() + 3600),
        )
    ]
    return directory.with_state(State.of(settings))


# --- the calls ------------------------------------------------------------------------------------------------------------------------


def _kinds(directory: Directory) -> Iterator[tuple[str, Callable[[int], Facts], Directory]]:
    yield "filtered by a criterion near the end", _from_outside, directory
    yield "filtered, phones have set things", _from_outside, _set_by_phones(directory)
    yield "let through by an exception", _very_important, directory
    yield "plain", _plain, directory
    yield "on behalf by code", _on_behalf, directory


def _from_outside(n: int) -> Facts:
    return Facts(Caller("trunk", None, None, "carrier", f"+4930{n:06}", "Anna", False), _number(n % EXECUTIVES))


def _very_important(n: int) -> Facts:
    place = n // EXECUTIVES % 5 * 10
    return Facts(Caller("trunk", None, None, "carrier", f"+4989{place:02}{n:06}", "Anna", False), _number(n % EXECUTIVES))


def _plain(n: int) -> Facts:
    others = USERS - EXECUTIVES
    caller, called = _extension(n % EXECUTIVES), EXECUTIVES + (n + n // others) % others
    return Facts(Caller("user", caller, None, None, caller, f"User {n % EXECUTIVES}", False), _number(called))


def _on_behalf(n: int) -> Facts:
    executive = n % EXECUTIVES
    caller = _assistant(executive, n // EXECUTIVES % ASSISTANTS)
    dialled = f"#64{_extension(executive)}*+4930{n:06}"
    return Facts(Caller("user", _extension(caller), None, None, _extension(caller), f"User {caller}", False), dialled)


# --- the clock ------------------------------------------------------------------------------------------------------------------------


def _decisions(name: str, make: Callable[[int], Facts], directory: Directory, calls: int, passes: int) -> Decisions:
    found = [_pass(make, directory, calls) for _ in range(passes)]
    medians, p99s = zip(*found, strict=True)
    return Decisions(name, min(medians), min(p99s), list(medians))


def _pass(make: Callable[[int], Facts], directory: Directory, calls: int) -> tuple[float, float]:
    """Median and p99 in µs."""
    clock, took = time.perf_counter_ns, []
    for n in range(calls):
        facts, plan = make(n), None
        begun = clock()
        plan = decide(facts, directory, NOW)
        took.append(clock() - begun)
        del plan  # the call that follows the plan drops it, much later
    took.sort()
    return round(took[calls // 2] / 1000, 1), round(took[calls * 99 // 100] / 1000, 1)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """As in the server while calls run; a decision leaves no cycle behind."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
