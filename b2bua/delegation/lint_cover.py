"""The linter's look at who is there: hours and callers that nobody takes, rights without use, duty (A13, A24, A25, B5, B6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import Final

from b2bua.delegation.callers import Callers
from b2bua.delegation.coverage import Cover, coverage, day_text, span_text
from b2bua.delegation.lint_filter import filtered_callers, within
from b2bua.delegation.lint_finding import KIND_OF, PEOPLE_OF, Finding, Key, listed, named
from b2bua.delegation.model import Directory
from b2bua.delegation.office import Office
from b2bua.delegation.people import Criterion, Delegation, DutyProfile
from b2bua.delegation.schedule import DAY, Span, clipped, merged, midnight

WEEK: Final = 7
"""Days that are looked at."""


def _warning(office: Office, key: Key, text: str) -> Finding:
    return Finding("warning", KIND_OF[office.executive.kind], office.executive.extension, key, text)


# --- hours (A25) ----------------------------------------------------------------------------------------------------------------


def check_hours(directory: Directory, office: Office, first: date) -> Iterator[Finding]:
    """Hours of the week from `first` on in which calls are filtered and nobody is there for them, or for some of the callers."""
    executive, receiving = office.executive, [each for each in office.executive.delegations if "receive" in each.rights]
    if not receiving or any(map(_always_there, receiving)):
        return
    covers = [each for each in coverage(executive, directory.users, first, WEEK) if each.gap]
    when = _when_filtered(office, first)
    who, people = named(directory, executive.extension), (PEOPLE_OF[executive.kind],)
    nobody = _during([each for each in covers if not each.assistants], when)
    if nobody:
        text = f"nobody covers {who} {_times(office, nobody, first)}, and filtered calls go straight to the rollover"
        yield _warning(office, people, f"{text}; write another assistant, or other hours")
    limited = [each for each in covers if each.assistants and not _take_all(office, receiving, each)]
    some = _during(limited, when)
    if some:
        there = dict.fromkeys(one for each in limited for one in each.assistants)
        limits = f"only assistants who take the calls of some callers ({listed([*there])})"
        text = f"{limits} cover {who} {_times(office, some, first)}, and all others go straight to the rollover"
        yield _warning(office, people, f"{text}; write an assistant without `callers`")


def _always_there(delegation: Delegation) -> bool:
    """Whether there is nothing to be worked out: this assistant takes every call at any time."""
    limited = delegation.respect_hours or delegation.begins or delegation.ends or not delegation.callers.everybody
    return delegation.approval == "approved" and not limited


def _take_all(office: Office, receiving: Sequence[Delegation], cover: Cover) -> bool:
    """Whether the assistants who are there take the calls of everybody whose calls are filtered."""
    united = Callers.united(each.callers for each in receiving if each.assistant in cover.assistants)
    return all(within(each, united) for each in filtered_callers(office))


def _when_filtered(office: Office, first: date) -> list[Span]:
    """When calls are filtered, in UTC: at any time, unless every criterion has hours of its own."""
    executive = office.executive
    week = midnight(first, executive.time_zone), midnight(first + WEEK * DAY, executive.time_zone)
    if executive.filtering.mode == "simple":
        return [week]
    criteria = [each for each in executive.filtering.criteria if each.filter and each.active]
    if any(each.during is each.outside is each.holidays is None for each in criteria):
        return [week]
    by_hours = {tuple(map(id, (one.during, one.outside, one.holidays))): one for one in criteria}
    return merged(span for each in by_hours.values() for span in _when(each, week, office))


def _when(criterion: Criterion, week: Span, office: Office) -> list[Span]:
    zone, spans = office.executive.time_zone, [week]
    if criterion.during is not None:
        spans = criterion.during.open_between(*week, zone)
    if criterion.outside is not None:
        spans = _without(spans, criterion.outside.open_between(*week, zone))
    if criterion.holidays is not None:
        days = [week[0].astimezone(zone).date() + n * DAY for n in range(WEEK)]
        off = [day for day in days if criterion.holidays.is_holiday(datetime.combine(day, time(12), zone))]
        spans = [part for day in off for part in clipped(spans, midnight(day, zone), midnight(day + DAY, zone))]
    return spans


def _without(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """What is left of the spans; both in order and without overlap."""
    left: list[Span] = []
    for start, end in spans:
        for begin, stop in clipped(holes, start, end):
            if start < begin:
                left.append((start, begin))
            start = stop
        if start < end:
            left.append((start, end))
    return left


def _during(covers: Sequence[Cover], when: Sequence[Span]) -> list[Span]:
    """The time of `covers` in which calls are filtered, in UTC."""
    return merged(part for each in covers for part in clipped(when, each.start.astimezone(UTC), each.end.astimezone(UTC)))


def _times(office: Office, spans: Sequence[Span], first: date) -> str:
    """At most three of them in words, or the whole week."""
    zone = office.executive.time_zone
    if spans == [(midnight(first, zone), midnight(first + WEEK * DAY, zone))]:
        return f"at any time of the week from {day_text(first)} on"
    return f"on {listed([span_text(Cover(start.astimezone(zone), end.astimezone(zone), ())) for start, end in spans])}"


# --- rights (B5) ----------------------------------------------------------------------------------------------------------------


def check_rights(directory: Directory, office: Office) -> Iterator[Finding]:
    """Rights that make a feature code useless."""
    executive = office.executive
    for place, each in enumerate(executive.delegations):
        text = _useless(directory, each)
        if text:
            yield _warning(office, (PEOPLE_OF[executive.kind], place), f"{named(directory, each.assistant)} {text}")
    if executive.kind == "executive" and executive.delegations:
        yield from _refused_codes(directory, office)
    if not executive.may_be_impersonated:
        callers = [each.assistant for each in executive.delegations if each.rights == {"call"}]
        if callers:
            text = f"is false, so {listed(callers)} with `direction: out` can do nothing for {executive.extension}"
            yield _warning(office, ("enabled",), f"{text}; write true, or another direction")


def _useless(directory: Directory, delegation: Delegation) -> str:
    if not delegation.rights:
        return "has no rights, and so neither takes calls nor makes them; write rights, or remove the assistant"
    if "opt" in delegation.rights and "receive" not in delegation.rights:
        codes = " and ".join(directory.codes.codes[code] for code in ("opt_in", "opt_out"))
        return f"has the right `opt` without `receive`, so {codes} change nothing; write `receive`, too, or remove `opt`"
    return ""


def _refused_codes(directory: Directory, office: Office) -> Iterator[Finding]:
    """Codes that nobody may dial for this executive."""
    codes, extension = directory.codes.codes, office.executive.extension
    rights = [each.rights for each in office.executive.delegations]
    if any("receive" in each for each in rights) and not any({"receive", "opt"} <= each for each in rights):
        dialled = f"{codes['opt_in']}{extension} and {codes['opt_out']}{extension}"
        text = f"no assistant has the right `opt`, so {dialled} are refused; write it for one who may opt out"
        yield _warning(office, ("assistants",), text)
    if not any("call" in each for each in rights):
        dialled = f"{codes['call_as']}{extension}*NUMBER"
        text = f"no assistant has the right `call`, so {dialled} is refused; write it for one who calls on behalf"
        yield _warning(office, ("assistants",), text)


# --- duty (B6) ------------------------------------------------------------------------------------------------------------------


def check_duty(directory: Directory, office: Office) -> Iterator[Finding]:
    """Services that no duty profile is responsible for, and people who are never on duty where one is."""
    executive = office.executive
    profiles = directory.duty.get(executive.extension)
    if profiles is None:
        if executive.kind == "service" and (directory.duty or directory.profiles):
            text = "is in no duty profile, so its agents are always on duty; write it under `responsible_for` of one"
            yield _warning(office, (), text)
        return
    people = PEOPLE_OF[executive.kind]
    never = [
        (place, each.assistant)
        for place, each in enumerate(executive.delegations)
        if each.rights and not any(each.assistant in profile.agents for profile in profiles)
    ]
    if not never:
        return
    if len(never) == len(executive.delegations):
        text = f"nobody is ever on duty for {named(directory, executive.extension)}: none of the {people} is an agent of"
        yield _warning(office, (people,), f"{text} {_names(profiles)}; write them under its `agents`")
        return
    who, are = listed([named(directory, agent) for _, agent in never]), "is" if len(never) == 1 else "are"
    text = f"{who} {are} never on duty for {executive.extension}: no agent of {_names(profiles)}; write them under its `agents`"
    yield _warning(office, (people, never[0][0]), text)


def check_profiles(directory: Directory) -> Iterator[Finding]:
    """Duty profiles under which nobody does anything."""
    every = [each for profiles in (*directory.duty.values(), *directory.profiles.values()) for each in profiles]
    for profile in {each.name: each for each in every}.values():
        text = _why_idle(directory, profile)
        if text:
            key = "agents" if profile.responsible_for else "responsible_for"
            yield Finding("warning", "duty_profiles", profile.name, (key,), text)


def _why_idle(directory: Directory, profile: DutyProfile) -> str:
    if not profile.responsible_for:
        return "is empty, so on duty with this profile nobody does anything; write executives, services or groups"
    if not profile.agents:
        return "is empty, so nobody can be on duty with this profile; write extensions of users"
    pairs = [directory.delegation(agent, one) for agent in profile.agents for one in profile.responsible_for]
    working = [pair for pair in pairs if pair is not None]
    if working and not any({"receive", "call"} & pair.rights for pair in working):
        return "none of them may take calls or make them; write the right `receive` or `call` for one"
    return ""


def _names(profiles: Sequence[DutyProfile]) -> str:
    return " or ".join(f"duty profile {each.name}" for each in profiles)
