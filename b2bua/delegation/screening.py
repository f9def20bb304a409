"""Does a call to an executive go to the assistants, or to the executive? (A9-A11, A20, A24, B11)

The order is the order of the lines below: whoever is confidential, excepted or an own assistant gets through, whatever else is set.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Final, Literal

from b2bua.delegation.callerid import quotable
from b2bua.delegation.callers import caller_words
from b2bua.delegation.digits import number_key
from b2bua.delegation.office import Check, Office, Run
from b2bua.delegation.people import Criterion
from b2bua.delegation.plan import Rule
from b2bua.delegation.situation import Situation

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
    caller, trace = situation.caller, situation.trace
    if executive.confidential is not None:
        if executive.confidential.match(caller, situation.key):
            situation.note("confidential contact", True, "rings the executive only")
            return "confidential"
        trace.append(_NOT_CONFIDENTIAL)
    if executive.filtering.criteria:
        trace.append(_asked(situation, office, dialled))
    if office.exceptions and first_match(situation, office, office.exceptions, dialled):
        return "executive"
    if caller.extension is not None:
        if _is_assistant(situation, caller.extension, executive.extension):
            trace.append(_OWN_ASSISTANT)
            return "executive"
        if executive.filtering.executives_pass and situation.directory.is_executive(caller.extension):
            trace.append(_EXECUTIVES_PASS)
            return "executive"
    trace.append(_NOT_PAST)
    if not _enabled(situation, office):
        return "executive"
    return "assistants" if _taken(situation, office, dialled) else "executive"


def _is_assistant(situation: Situation, caller: str, executive: str) -> bool:
    """Whether the caller is an assistant of the executive, approved and at this time (A20, A25)."""
    delegation = situation.directory.delegation(caller, executive)
    if delegation is None or delegation.approval != "approved":
        return False
    return (delegation.begins is None or situation.now >= delegation.begins) and (
        delegation.ends is None or situation.now < delegation.ends
    )


def filtering_on(situation: Situation, office: Office) -> bool:
    """Whether filtering is on: as a phone set it (A12), else as the directory says."""
    switched = situation.setting("filter", office.executive.extension)
    return office.executive.filtering.enabled if switched is None else switched == "on"


def _enabled(situation: Situation, office: Office) -> bool:
    on = filtering_on(situation, office)
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


def first_match(situation: Situation, office: Office, runs: tuple[Run, ...], dialled: str) -> Criterion | None:
    """The first criterion that matches the call; each one looked at leaves a line, with the part of it that did not match."""
    caller, trace = situation.caller, situation.trace
    key = "" if caller.anonymous and caller.kind == "trunk" else situation.key  # who withheld the number is not found by number
    for checks, numbers, prefixes, passed_over in runs:
        if numbers is not None and key not in numbers and not (key and prefixes and key.startswith(prefixes)):
            trace.extend(passed_over)
            continue
        found = _matching(situation, office, checks, key, number_key(dialled))
        if found is not None:
            return found
    return None


def _matching(situation: Situation, office: Office, checks: tuple[Check, ...], key: str, called: str) -> Criterion | None:
    say, words_of_caller = situation.trace.append, caller_words(situation.caller)
    for criterion, words, numbers, prefixes, dialled, timed, matched, wrong_callers, wrong_dialled, wrong_time in checks:
        if words.isdisjoint(words_of_caller) and key not in numbers and not (prefixes and key.startswith(prefixes)):
            say(wrong_callers)
        elif dialled and called not in dialled:
            say(wrong_dialled)
        elif timed and not _in_time(situation, criterion, office.executive.time_zone):
            say(wrong_time)
        else:
            say(matched)
            return criterion
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
