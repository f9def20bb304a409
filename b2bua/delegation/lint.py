"""What is wrong with a directory, or looks so: every outcome of every executive, group and service (A21, A25).

A directory in which some call is lost for sure is refused, with the path that ends in silence or comes back; what works and is
probably not meant is a warning. Who rings and when somebody is there is not worked out here: the policy's own rules are asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from b2bua.delegation.callers import user_key
from b2bua.delegation.lint_cover import check_duty, check_hours, check_profiles, check_rights
from b2bua.delegation.lint_desks import check_desks
from b2bua.delegation.lint_filter import check_filter
from b2bua.delegation.lint_finding import KIND_OF, Finding, named
from b2bua.delegation.lint_paths import check_diverts, check_ends, check_paths
from b2bua.delegation.model import Directory
from b2bua.delegation.office import Office
from b2bua.delegation.plan import Caller, Facts
from b2bua.delegation.situation import Situation

__all__ = ["Finding", "Looked", "lint", "look"]

SOMEBODY = Caller("trunk", None, None, "", "", "", anonymous=True, unavailable=True)
"""A caller from outside of whom nothing is known."""


class Looked(NamedTuple):
    """What was found in a directory, and in which of its offices for themselves."""

    findings: tuple[Finding, ...]
    offices: Mapping[str, tuple[Office, tuple[Finding, ...]]]
    """By extension; they count as long as the office is the same, and the rest here."""
    today: date
    executives: frozenset[str]
    """Look-up keys."""
    codes: Mapping[str, str]


def lint(directory: Directory, today: date) -> tuple[Finding, ...]:
    """The findings; the week from `today` on is looked at, in each executive's own time zone. Raises nothing."""
    return look(directory, today).findings


def look(directory: Directory, today: date, before: Looked | None = None) -> Looked:
    """The same, and what of it can be used again: offices that are the same as `before` are not looked at again."""
    situation = Situation(Facts(SOMEBODY, ""), directory, datetime.combine(today, time(12), UTC))
    found = [*check_paths(directory), *check_ends(directory, situation), *check_diverts(directory), *check_desks(directory)]
    executives = frozenset(user_key(each) for each in directory.executives if directory.is_executive(each))
    usable = before is not None and before[2:] == (today, executives, directory.codes.codes)
    known = before.offices if before is not None and usable else {}
    offices: dict[str, tuple[Office, tuple[Finding, ...]]] = {}
    for extension, office in directory.offices.items():
        last = known.get(extension)
        if last is None or last[0] is not office:
            last = office, tuple(_by_itself(directory, office, executives, today))
        offices[extension] = last
        found += _caller_id(directory, office)
        found += last[1]
        found += check_duty(directory, office)
    return Looked((*found, *check_profiles(directory)), offices, today, executives, directory.codes.codes)


def _by_itself(directory: Directory, office: Office, executives: frozenset[str], today: date) -> Iterator[Finding]:
    """What depends on nothing but the office and those in it, on who is an executive, and on the day."""
    if office.executive.kind == "executive":
        yield from check_filter(office, executives, today)
    yield from check_hours(directory, office, today)
    yield from check_rights(directory, office)
    yield from _rollover(directory, office)


def _caller_id(directory: Directory, office: Office) -> Iterator[Finding]:
    """Whoever is called on behalf must be able to call back (B3)."""
    executive = office.executive
    if executive.caller_id is not None and directory.numbers.owner_of(executive.caller_id) is None:
        text = f"{executive.caller_id} is no number of this organisation"
        instead = ", ".join(office.user.numbers) or "a number that stands under `numbers`"
        yield Finding("error", KIND_OF[executive.kind], executive.extension, ("caller_id",), f"{text}; write {instead}")


def _rollover(directory: Directory, office: Office) -> Iterator[Finding]:
    """Phones that have rung already ring once more."""
    executive, strategy = office.executive, office.executive.alerting.executive
    if executive.rollover.action == "executive" and strategy in ("first", "together"):
        whose = named(directory, executive.extension)
        text = f"is executive, but the phones of {whose} have rung already (`alerting.executive: {strategy}`)"
        yield Finding(
            "warning", KIND_OF[executive.kind], executive.extension, ("rollover", "action"), f"{text}; write another action"
        )
