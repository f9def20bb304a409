"""Which assistants are rung for a call (A13, A14, A18, A24, A25, B6), and at which phone or number.

Every assistant is looked at, in ring order, and leaves one line in the explainer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from b2bua.delegation.callerid import quotable
from b2bua.delegation.office import RINGS, Office, Seat
from b2bua.delegation.people import Delegation, DutyProfile
from b2bua.delegation.plan import Endpoint
from b2bua.delegation.situation import Situation
from b2bua.delegation.stages import Turn

MAX_HOPS: Final = 5
"""Diverts and forwards in a row that a call may take."""


def who_rings(situation: Situation, office: Office) -> Sequence[Turn]:
    """The assistants who are rung for the call, in ring order; `office.turns` itself when it is all of them. Never the caller."""
    state, caller = situation.state, situation.caller
    as_written = office.executive.extension not in situation.directory.duty and state.subjects.isdisjoint(office.assistants)
    if as_written and office.unconditional and caller.extension not in office.assistants:
        situation.trace.extend(office.lines)
        return office.turns
    turns: list[Turn] = []
    for seat in office.seats:
        why_not = seat.never or unavailable(situation, seat)
        if why_not:
            situation.note(seat.name, False, why_not)
        else:
            turns.append(Turn(seat.delegation, _where(situation, seat)))
    return turns


def unavailable(situation: Situation, seat: Seat) -> str:
    """Why this assistant, who has the right to receive, is not rung now; "" when they are."""
    delegation = seat.delegation
    assistant, executive = delegation.assistant, delegation.executive
    if assistant == situation.caller.extension:
        return "is the caller"
    if outside_time_box := not_covering(situation, delegation):
        return outside_time_box
    if not delegation.callers.match(situation.caller, situation.key):
        return f"takes only calls from {delegation.callers.text}"
    if situation.setting("opt", assistant, executive) == "out":
        return "has opted out"
    dnd = situation.setting("dnd", assistant)
    if dnd == "on" or (seat.assistant.dnd and dnd is None):
        return "does not want to be disturbed"
    hours = seat.assistant.hours
    if delegation.respect_hours and hours is not None and not hours.is_open(situation.local(seat.assistant.time_zone)):
        return f"is outside the working hours {hours.name}"
    return off_duty(situation, assistant, executive)


def not_covering(situation: Situation, delegation: Delegation) -> str:
    """Why the delegation is not in force at this time (A25), in the executive's time; "" when it is."""
    zone = situation.directory.executives[delegation.executive].time_zone
    if delegation.begins is not None and situation.now < delegation.begins:
        return f"covers from {delegation.begins.astimezone(zone):%Y-%m-%d %H:%M} on"
    if delegation.ends is not None and situation.now >= delegation.ends:
        return f"covered until {delegation.ends.astimezone(zone):%Y-%m-%d %H:%M}"
    return ""


def off_duty(situation: Situation, agent: str, executive: str) -> str:
    """Why `agent` is not on duty for `executive` (B6); "" when on duty, or when no duty profile names the executive."""
    profiles = situation.directory.duty.get(executive)
    if profiles is None:
        return ""
    active = active_profiles(situation, agent)
    if not active:
        return "is off duty"
    if any(profile in profiles for profile in active):
        return ""
    return f"is on duty with {' and '.join(profile.name for profile in active)}, which is not responsible for {executive}"


def active_profiles(situation: Situation, agent: str) -> tuple[DutyProfile, ...]:
    """The duty profiles of `agent`: the one chosen by phone, else those that are active by themselves; empty: off duty."""
    profiles = situation.directory.profiles.get(agent, ())
    chosen = situation.setting("duty", agent)
    return tuple(profile for profile in profiles if (profile.active if chosen is None else profile.name == chosen))


# --- divert (A14) -------------------------------------------------------------------------------------------------------------


def _where(situation: Situation, seat: Seat) -> tuple[Endpoint, ...]:
    """The assistant's phones, or where they divert their filtered calls."""
    assistant = seat.delegation.assistant
    number = divert_of(situation, assistant)
    if number is None:
        situation.note(seat.name, True, RINGS)
        return seat.endpoints
    path = [assistant]
    while True:
        target = situation.directory.numbers.resolve(number)
        here = Endpoint("user", target.extension, None, None, "assistant", seat.delegation.executive, diverted_by=assistant)
        if target.trunk is not None and target.kind == "outside":
            here = here._replace(kind="number", extension=None, number=target.number, trunk=target.trunk)
        elif target.extension is None or target.extension in situation.directory.offices_without_phones:
            situation.note(seat.name, True, f"diverts to {quotable(number)}, which leads nowhere: rings their own phones")
            return seat.endpoints
        further = divert_of(situation, target.extension) if target.extension else None
        if target.extension in path or (further is not None and len(path) >= MAX_HOPS):
            situation.note(seat.name, True, f"diverts in a circle or more than {MAX_HOPS} times: rings their own phones")
            return seat.endpoints
        if further is None:
            situation.note(seat.name, True, f"diverts to {quotable(number)}")
            return (here,)
        path.append(target.extension or "")
        number = further


def divert_of(situation: Situation, assistant: str) -> str | None:
    """Where `assistant` diverts filtered calls now: switch and number each as set by phone, else as the directory says."""
    user = situation.directory.users.get(assistant)
    if user is None:
        return None
    switched = situation.setting("divert", assistant)
    on = user.divert.enabled if switched is None else switched == "on"
    return (situation.setting("divert_to", assistant) or user.divert.number) if on else None
