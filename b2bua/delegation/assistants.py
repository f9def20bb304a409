"""Which assistants are rung for a call (A13, A14, A18, A24, A25, B6), and at which phone or number.

Every assistant is looked at, in ring order, and leaves one line in the explainer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from b2bua.delegation.callerid import quotable
from b2bua.delegation.numbering import Destination
from b2bua.delegation.office import RINGS, Office, Seat, endpoints_of
from b2bua.delegation.people import Executive
from b2bua.delegation.plan import Endpoint
from b2bua.delegation.situation import Situation
from b2bua.delegation.stages import Turn
from b2bua.delegation.standing import divert_of, filtering_on, not_covering, off_duty, on_dnd

MAX_HOPS: Final = 5
"""Diverts and forwards in a row that a call may take."""


def who_rings(situation: Situation, office: Office) -> Sequence[Turn]:
    """The assistants who are rung for the call, in ring order; `office.turns` itself when it is all of them. Never the caller."""
    state, caller = situation.state, situation.caller
    no_duty = office.executive.extension not in situation.directory.duty
    as_written = no_duty and office.unconditional and not (office.executive.kind != "executive" and situation.directory.represented)
    if as_written and state.subjects.isdisjoint(office.assistants) and caller.extension not in office.assistants:
        situation.trace.extend(office.lines)
        return office.turns
    represented = situation.directory.represented if office.executive.kind != "executive" else {}
    turns: list[Turn] = []
    for seat, line in zip(office.seats, office.lines, strict=True):
        assistant = seat.delegation.assistant
        if assistant in represented and not seat.never and _ring_instead(situation, represented[assistant].executive):
            turns.append(_represented(situation, seat, represented[assistant]))
        elif no_duty and not seat.conditional and assistant not in state.subjects and assistant != caller.extension:
            situation.trace.append(line)  # nothing but what is written counts
            if line.matched:
                turns.append(Turn(seat.delegation, seat.endpoints))
        elif why_not := seat.never or unavailable(situation, seat):
            situation.note(seat.name, False, why_not)
        else:
            turns.append(Turn(seat.delegation, where_rung(situation, seat)))
    return turns


def _ring_instead(situation: Situation, executive: Executive) -> bool:
    """Whether the assistants ring for this member of a group: with the filter on, and not for a confidential contact (A24)."""
    contacts = executive.confidential
    return filtering_on(situation, executive) and not (contacts is not None and contacts.match(situation.caller, situation.key))


def _represented(situation: Situation, seat: Seat, office: Office) -> Turn:
    """Delegation comes first (A4): a member of a group whose own calls are filtered is represented by their assistants."""
    situation.note(seat.name, False, "is an executive with the filter on: the assistants ring instead")
    return Turn(seat.delegation, tuple(endpoint for turn in who_rings(situation, office) for endpoint in turn.endpoints))


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
    if "opt" in delegation.rights and situation.setting("opt", assistant, executive) == "out":  # else they could not come back
        return "has opted out"
    if on_dnd(situation, seat.assistant):
        return "does not want to be disturbed"
    hours = seat.assistant.hours
    if delegation.respect_hours and hours is not None and not hours.is_open(situation.local(seat.assistant.time_zone)):
        return f"is outside the working hours {hours.name}"
    return off_duty(situation, assistant, executive)


# --- divert (A14) -------------------------------------------------------------------------------------------------------------


def where_rung(situation: Situation, seat: Seat) -> tuple[Endpoint, ...]:
    """The assistant's phones, or where they divert their filtered calls."""
    assistant = seat.delegation.assistant
    number = divert_of(situation, assistant)
    if number is None:
        situation.note(seat.name, True, RINGS)
        return seat.endpoints
    path = [assistant]
    while True:
        target = situation.directory.numbers.resolve(number)
        outside = target.kind == "outside" and target.trunk is not None
        if not outside and (target.extension is None or target.extension in situation.directory.offices_without_phones):
            situation.note(seat.name, True, f"diverts to {quotable(number)}, which leads nowhere: rings their own phones")
            return seat.endpoints
        further = divert_of(situation, target.extension) if target.extension else None
        if target.extension in path or (further is not None and len(path) >= MAX_HOPS):
            situation.note(seat.name, True, f"diverts in a circle or more than {MAX_HOPS} times: rings their own phones")
            return seat.endpoints
        if further is None:
            if target.extension is not None and not situation.directory.users[target.extension].active:
                situation.note(seat.name, True, f"diverts to {quotable(number)}, which has no phones: rings their own phones")
                return seat.endpoints
            if target.extension is not None and on_dnd(situation, situation.directory.users[target.extension]):
                situation.note(seat.name, True, f"diverts to {quotable(number)}, where nobody wants to be disturbed: rings their own phones")
                return seat.endpoints
            situation.note(seat.name, True, f"diverts to {quotable(number)}")
            return _diverted(situation, seat, target)
        path.append(target.extension or "")
        number = further


def _diverted(situation: Situation, seat: Seat, target: Destination) -> tuple[Endpoint, ...]:
    """What rings where the assistant diverts: the outside number, or the user's phones in the user's own order."""
    assistant, executive = seat.delegation.assistant, seat.delegation.executive
    if target.extension is None:
        return (Endpoint("number", None, target.number, target.trunk, "assistant", executive, diverted_by=assistant),)
    phones = endpoints_of(situation.directory.users[target.extension], "assistant", executive)
    return tuple(each._replace(diverted_by=assistant) for each in phones)
