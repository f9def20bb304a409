"""Who covers an executive, and when nobody does (A25): the agreed delegations laid over a week.

What counts is what was agreed: the right to receive, approval, time box and working hours. What phones do from day to day (opt out,
do not disturb, divert) does not. All reckoning is in UTC, so that it stays right over the clock changes of every zone that takes part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import groupby, pairwise
from typing import Final, NamedTuple

from b2bua.delegation.people import Delegation, Executive, User
from b2bua.delegation.schedule import DAY, Span, clipped, midnight

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NOBODY: Final = "nobody"


class Cover(NamedTuple):
    """Who takes the filtered calls from `start` until just before `end`, both in the executive's time zone."""

    start: datetime
    end: datetime
    assistants: tuple[str, ...]
    """Extensions in ring order; empty: nobody."""
    limited: tuple[str, ...] = ()
    """Those of them who take the calls of some callers only (A24)."""

    @property
    def gap(self) -> bool:
        """Whether there are callers whom nobody takes: all the assistants there are take some callers only."""
        return len(self.limited) == len(self.assistants)


def coverage(executive: Executive, users: Mapping[str, User], first: date, days: int = 7) -> tuple[Cover, ...]:
    """So many days from `first`, in the executive's time zone, as spans without holes; neighbours differ in who covers.

    Raises:
        KeyError: an assistant who respects their hours is not one of `users`.

    """
    zone = executive.time_zone
    begin, end = midnight(first, zone), midnight(first + days * DAY, zone)
    delegations = [one for one in executive.delegations if "receive" in one.rights and one.approval == "approved"]
    # A delegation's spans never touch, so each instant at which one begins or ends turns it on or off.
    turns: defaultdict[datetime, set[int]] = defaultdict(set)
    for place, delegation in enumerate(delegations):
        for span in spans_of(delegation, users, begin, end):
            for at in span:
                turns[at].add(place)
    active: set[int] = set()
    covers = []
    for start, stop in pairwise(sorted({begin, end, *turns})):
        active ^= turns[start]
        covers.append(Cover(start, stop, *who_covers([delegations[place] for place in sorted(active)])))
    return tuple(joined(covers, executive))


def spans_of(delegation: Delegation, users: Mapping[str, User], begin: datetime, end: datetime) -> Iterator[Span]:
    """When, from `begin` to `end` (UTC), the assistant takes calls: within the time box and, where they count, the working hours."""
    user = users[delegation.assistant] if delegation.respect_hours else None
    spans = [(begin, end)] if user is None or user.hours is None else user.hours.open_between(begin, end, user.time_zone)
    opens = begin if delegation.begins is None else delegation.begins.astimezone(UTC)
    closes = end if delegation.ends is None else delegation.ends.astimezone(UTC)
    return clipped(spans, opens, closes) if opens < closes else iter(())


def who_covers(delegations: Collection[Delegation]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The assistants of these delegations, and those of them who take the calls of some callers only."""
    unlimited = {one.assistant for one in delegations if one.callers.everybody}
    assistants = tuple(dict.fromkeys(one.assistant for one in delegations))
    return assistants, tuple(extension for extension in assistants if extension not in unlimited)


def joined(covers: list[Cover], executive: Executive) -> Iterator[Cover]:
    """The spans with neighbours of the same assistants made one, in the executive's time zone."""
    for who, same in groupby(covers, key=lambda cover: cover[2:]):
        run = list(same)
        yield Cover(run[0].start.astimezone(executive.time_zone), run[-1].end.astimezone(executive.time_zone), *who)


def render_week(executive: Executive, users: Mapping[str, User], first: date, days: int = 7) -> str:
    """The coverage for a command line, one line per span.

    Raises:
        KeyError: an assistant is not one of `users`.

    """
    return "\n".join(f"{span_text(cover)}  {names(cover, users)}" for cover in coverage(executive, users, first, days))


def span_text(cover: Cover) -> str:
    """As in ``Mon 2026-11-23 08:00 – 17:00``; the end has a day when it is another one, and midnight is 24:00."""
    first, last, end = cover.start.date(), cover.end.date(), clock(cover.end)
    if first < last and end.startswith("00:00"):
        last, end = last - DAY, end.replace("00:00", "24:00", 1)
    return f"{day_text(first)} {clock(cover.start)} – {end if last == first else f'{day_text(last)} {end}'}"


def day_text(day: date) -> str:
    """As in ``Mon 2026-11-23``, whatever the language of the machine."""
    return f"{WEEKDAYS[day.weekday()]} {day.isoformat()}"


def clock(at: datetime) -> str:
    """The time of day; with the offset from UTC when the wall clock shows this time twice."""
    twice = at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()
    return at.isoformat(timespec="minutes")[11:] if twice else f"{at:%H:%M}"


def names(cover: Cover, users: Mapping[str, User]) -> str:
    """The assistants as ``Name (extension)``, or ``nobody``."""
    if not cover.assistants:
        return NOBODY
    some = ", some callers only"
    who = ", ".join(f"{users[one].name} ({one}{some if one in cover.limited else ''})" for one in cover.assistants)
    return f"{who}, otherwise {NOBODY}" if cover.gap else who
