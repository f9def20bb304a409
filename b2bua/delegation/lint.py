"""What is wrong with a directory, or looks so: every outcome of every executive, group and service (A21, A25).

A directory in which some call is lost for sure is refused, with the path that ends in silence or comes back; what works and is
probably not meant is a warning. Who rings and when somebody is there is not worked out here: the policy's own rules are asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from b2bua.delegation.callers import user_key
from b2bua.delegation.lint_cover import check_duty, check_hours, check_profiles, check_rights
from b2bua.delegation.lint_filter import check_filter
from b2bua.delegation.lint_finding import KIND_OF, Finding, named
from b2bua.delegation.lint_paths import check_diverts, check_ends, check_paths
from b2bua.delegation.model import Directory
from b2bua.delegation.office import Office
from b2bua.delegation.plan import Caller, Facts
from b2bua.delegation.situation import Situation

__all__ = ["Finding", "lint"]

SOMEBODY = Caller("trunk", None, None, "", "", "", anonymous=True, unavailable=True)
"""A caller from outside of whom nothing is known."""


def lint(directory: Directory, today: date) -> tuple[Finding, ...]:
    """The findings; the week from `today` on is looked at, in each executive's own time zone. Raises nothing."""
    situation = Situation(Facts(SOMEBODY, ""), directory, datetime.combine(today, time(12), UTC))
    found = [*check_paths(directory), *check_ends(directory, situation), *check_diverts(directory)]
    executives = frozenset(user_key(each) for each in directory.executives if directory.is_executive(each))
    for office in directory.offices.values():
        found += _caller_id(directory, office)
        if office.executive.kind == "executive":
            found += check_filter(office, executives, today)
        found += check_hours(directory, office, today)
        found += check_rights(directory, office)
        found += _rollover(directory, office)
        found += check_duty(directory, office)
    return (*found, *check_profiles(directory))


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
