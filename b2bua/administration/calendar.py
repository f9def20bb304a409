"""The coverage calendar: who takes an executive's filtered calls in a week as agreed, and the gaps in which nobody does (A25)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from b2bua.administration.viewer import Viewer
from b2bua.config.values import parse_date
from b2bua.delegation.coverage import Cover, coverage, names, span_text
from b2bua.delegation.model import Directory

DAYS: Final = 7


def may_see(viewer: Viewer, executive: str, directory: Directory) -> bool:
    """Administrators, those who manage the executive or the site, and the executive's office."""
    if not directory.is_executive(executive):
        return False
    if viewer.administers or executive in viewer.manages or directory.users[executive].location in viewer.sites:
        return True
    return executive == viewer.extension or executive in viewer.works_for


def week_of(directory: Directory, executive: str, day: str, now: datetime) -> dict[str, Any]:
    """The week with this day in it ("": with `now`, which is aware), from Monday to Sunday in the executive's time zone, JSON-able.

    Raises KeyError: there is no such executive. ValueError: `day` is no date; the text says what to write.
    """
    boss = directory.executives[executive]
    here = now.astimezone(boss.time_zone)
    wanted = parse_date(day) if day else here.date()
    monday = wanted - timedelta(days=wanted.weekday())
    covers = coverage(boss, directory.users, monday, DAYS)
    return {
        "executive": executive,
        "name": directory.users[executive].name,
        "time_zone": str(boss.time_zone),
        "week": monday.isoformat(),
        "days": [(monday + timedelta(days=number)).isoformat() for number in range(DAYS)],
        "now": here.isoformat(),
        "spans": [_span(each, directory, monday) for each in covers],
        "gaps": [f"{span_text(each)}: {names(each, directory.users)}" for each in covers if each.gap],
    }


def _span(cover: Cover, directory: Directory, monday: date) -> dict[str, Any]:
    return {
        "start": cover.start.isoformat(),
        "end": cover.end.isoformat(),
        "from_minute": _minute(cover.start, monday),
        "to_minute": _minute(cover.end, monday),
        "text": span_text(cover),
        "who": names(cover, directory.users),
        "assistants": [{"extension": each, "name": directory.users[each].name, "limited": each in cover.limited} for each in cover.assistants],
        "gap": cover.gap,
    }


def _minute(at: datetime, monday: date) -> int:
    """On the wall clock, from the beginning of the week: where it is drawn."""
    return (at.date() - monday).days * 24 * 60 + at.hour * 60 + at.minute
