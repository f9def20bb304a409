"""Does a call to an executive go to the assistants, or to the executive? (A9-A11, A20, A24, B11)

The order is the order of the lines below: whoever is confidential, excepted or an own assistant gets through, whatever else is set.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Final, Literal

from b2bua.delegation.callerid import quotable
from b2bua.delegation.callers import caller_words
from b2bua.delegation.digits import number_key
from b2bua.delegation.office import Check, Criteria, Office
from b2bua.delegation.people import Criterion
from b2bua.delegation.plan import Rule
from b2bua.delegation.situation import Situation
from b2bua.delegation.standing import filtering_on, in_force

Verdict = Literal["confidential", "executive", "assistants"]

_NOT_CONFIDENTIAL: Final = Rule("confidential contact", False, "the caller is none of the executive's confidential contacts")
_OWN_ASSISTANT: Final = Rule("past the filter", True, "the caller is an assistant of this executive")
_EXECUTIVES_PASS: Final = Rule("past the filter", True, "the caller is an executive, and executives pass")
_NOT_PAST: Final = Rule("past the filter", False, "the caller is no assistant of this executive, nor let through otherwise")
_FILTER_OFF: Final = Rule("filter", False, "filtering is off")
_SWITCHED_OFF: Final = Rule("filter", False, "filtering was switched off by phone")
_SWITCHED_ON: Final = Rule("filter switch", True, "filtering was switched on by phone")
_SIMPLE: Final = {
    (kind, origin): Rule("filter", kind in ("all", origin), f"it takes {kind} calls and this call is {origin}")
    for kind in ("all", "internal", "external")
    for origin in ("internal", "external")
}
_NO_CRITERION: Final = Rule("filter", False, "no criterion matched, so the call is not filtered")
_CRITERION: Final = Rule("filter", True, "a criterion matched, so the call is filtered")


def screen(situation: Situation, office: Office, dialled: str) -> Verdict:
    """Who takes the call of this caller to the number `dialled` of `office`: a group's or service's members always do."""
    executive = office.executive
    if executive.kind != "executive":
        return "assistants"
    trace = situation.trace
    if executive.confidential is not None:
        if executive.confidential.match(situation.caller, situation.key):
            situation.note("confidential contact", True, "rings the executive only")
            return "confidential"
        trace.append(_NOT_CONFIDENTIAL)
    if executive.filtering.criteria:
        trace.append(_asked(situation, office, dialled))
    if office.exceptions.runs and first_match(situation, office, office.exceptions, dialled):
        return "executive"
    if situation.caller.extension is not None and passes(situation, office):
        return "executive"
    trace.append(_NOT_PAST)
    if not _enabled(situation, office):
        return "executive"
    return "assistants" if _taken(situation, office, dialled) else "executive"


def passes(situation: Situation, office: Office) -> bool:
    """Whether the caller gets through for being who they are: an own assistant, or an executive where executives pass (A20)."""
    caller, executive = situation.caller, office.executive
    if caller.extension is None:
        return False
    delegation = situation.directory.delegation(caller.extension, executive.extension)
    if delegation is not None and in_force(situation, delegation):
        situation.trace.append(_OWN_ASSISTANT)
        return True
    if executive.filtering.executives_pass and situation.directory.is_executive(caller.extension):
        situation.trace.append(_EXECUTIVES_PASS)
        return True
    return False


def _enabled(situation: Situation, office: Office) -> bool:
    on = filtering_on(situation, office.executive)
    if on and not office.executive.filtering.enabled:
        situation.trace.append(_SWITCHED_ON)
    if not on:
        situation.trace.append(_SWITCHED_OFF if office.executive.filtering.enabled else _FILTER_OFF)
    return on


def _taken(situation: Situation, office: Office, dialled: str) -> bool:
    filtering = office.executive.filtering
    if filtering.mode == "simple":
        rule = _SIMPLE[filtering.type, "internal" if situation.caller.kind == "user" else "external"]
    else:
        rule = _CRITERION if first_match(situation, office, office.criteria, dialled) else _NO_CRITERION
    situation.trace.append(rule)
    return rule.matched


def first_match(situation: Situation, office: Office, criteria: Criteria, dialled: str) -> Criterion | None:
    """The first criterion that matches the call; each one looked at leaves a line, with the part of it that did not match."""
    caller, trace = situation.caller, situation.trace
    words = caller_words(caller)
    key = situation.key
    named = key in criteria.numbers or (key != "" and key.startswith(criteria.prefixes))
    for checks, by_number, passed_over in criteria.runs:
        if by_number and not named:
            trace.extend(passed_over)
            continue
        found = _matching(situation, office, checks, words, key, dialled)
        if found is not None:
            return found
    return None


def _matching(
    situation: Situation, office: Office, checks: tuple[Check, ...], words: frozenset[str], key: str, called: str
) -> Criterion | None:
    say = situation.trace.append
    for check in checks:
        if check.words.isdisjoint(words) and key not in check.numbers and not (key and key.startswith(check.prefixes)):
            say(check.wrong_callers)
        elif check.dialled and number_key(called) not in check.dialled:
            say(check.wrong_dialled)
        elif check.timed and not _in_time(situation, check.criterion, office.executive.time_zone):
            say(check.wrong_time)
        else:
            say(check.matched)
            return check.criterion
    return None


def _in_time(situation: Situation, criterion: Criterion, zone: tzinfo) -> bool:
    if criterion.during is not None and not situation.is_open(criterion.during, zone):
        return False
    if criterion.outside is not None and situation.is_open(criterion.outside, zone):
        return False
    return criterion.holidays is None or criterion.holidays.is_holiday(situation.local(zone))


def _asked(situation: Situation, office: Office, dialled: str) -> Rule:
    """What the criteria are compared with: the values that decide."""
    caller = situation.caller
    if caller.unavailable:
        who = "a caller without a number"
    elif caller.anonymous:
        who = "an anonymous caller"
    else:
        who = quotable(caller.number)
    where = "inside" if caller.kind == "user" else "outside"
    zone = office.executive.time_zone
    local = situation.local(zone)
    when = f"{_DAYS[local.weekday()]} {local.date()} {local.hour:02}:{local.minute:02}"
    return Rule("the call", True, f"{who} from {where} called {quotable(dialled)}, {when} ({zone})")


_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
