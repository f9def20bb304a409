"""Who may do what during a call (C1-C14): rights, locks, confidential contacts.

`Subject` is what a call that runs, rings or is parked looks like from here. `may` is the one place where it is decided, whether the wish
came by code, by REFER, Replaces or Join, from the page or from the API. Nothing here reads a clock: how long something lasts is part of
the subject.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from b2bua.delegation.callers import user_key
from b2bua.delegation.model import Directory
from b2bua.delegation.people import Right
from b2bua.delegation.plan import Caller, Facts
from b2bua.delegation.situation import Refusal, Situation
from b2bua.delegation.standing import in_force, in_office, not_covering, off_duty

GIVE_BACK_SECONDS: Final = 5.0
"""For so long after answering a call can be given back (C14)."""
_NOBODY: Final = Caller("trunk", None, None, None, "", "", anonymous=True, unavailable=True)
_UNANSWERED: Final = "nobody has answered this call yet"
_HIDDEN: Final = "the call is confidential: nobody but the executive may"
OTHER_SIDE: Final = "you may take the place of your own office only"


class Subject(NamedTuple):
    """One call. Parties are users, by extension; outside parties do not stand here."""

    parties: frozenset[str] = frozenset()
    """Who is in the call: who has answered it, called it, or joined it. Who listens or whispers is not in here."""
    ringing: frozenset[str] = frozenset()
    """Whose phones ring for it now; outside numbers among them do no harm."""
    caller: Caller | None = None
    """Who is, was or will be connected: the caller of a delegated call, as in the facts of its decision. None: not known."""
    executive: str | None = None
    """`RoutePlan.executive`: whose delegated call it is; a group or service, too."""
    on_behalf_of: str | None = None
    """`RoutePlan.on_behalf_of`."""
    confidential: bool = False
    """`RoutePlan.confidential` (A24)."""
    holder: str | None = None
    """Who has put the other party on hold."""
    parked_by: str | None = None
    slot: str | None = None
    """The slot in which it is parked."""
    locked_by: str | None = None
    """Who has made it private (C9), as long as they are in it."""
    answered_by: str | None = None
    """Who took it, as long as they are in it."""
    listeners: frozenset[str] = frozenset()
    """Who listens or whispers (C8)."""
    called: str | None = None
    """The extension that was called: a user, group or service."""
    seconds: float = 0.0
    """For how long it has been as it is: rings, talks, is on hold, is parked."""
    since_answer: float = 0.0
    """How long ago `answered_by` took it."""


def may(directory: Directory, actor: str, what: str, subject: Subject, at: datetime) -> str:
    """Why `actor` may not do `what`, in words that fit a Warning; "" when they may. `at` is aware.

    `what`: a feature of `features.OWN_CALL` or `OTHERS_CALL`, or "transfer"; KeyError for anything else. Replaces is "pull" of a call that talks or is on hold,
    "pick_up" of one that rings and "retrieve" of one that is parked; Join is "barge_in".
    """
    rule = _RULES[what]
    user = directory.users.get(actor)
    if user is None or user.kind != "person":
        return "you are no user of this server"
    return _locked_out(actor, what, subject) or rule(_situation(directory, subject, at), actor, subject)


def _situation(directory: Directory, subject: Subject, at: datetime) -> Situation:
    return Situation(Facts(subject.caller or _NOBODY, ""), directory, at)


def _locked_out(actor: str, what: str, subject: Subject) -> str:
    """Private means: nobody but who locked it picks up, listens, joins or sends it elsewhere (C9). The others in it stay in it."""
    if subject.locked_by in (None, actor) or (what == "pull" and actor in subject.parties) or what == "give_back":
        return ""
    return "this call is private"


# --- the call that one is in --------------------------------------------------------------------------------------------------


def _is_in(actor: str, subject: Subject) -> bool:
    return actor in subject.parties or actor == subject.holder


def is_answered(subject: Subject) -> bool:
    """Whether somebody talks, or waits on hold: more than a caller for whom it rings."""
    caller = subject.caller.extension if subject.caller is not None else None
    return bool(subject.parties - {caller}) or (bool(subject.parties) and not subject.ringing) or subject.holder is not None


def _send(situation: Situation, actor: str, subject: Subject) -> str:
    """To the executive (C5): whoever is in the call and works for the executive."""
    found = executive_for(situation.directory, actor, subject)
    return found.warning if isinstance(found, Refusal) else ""


def _keep(situation: Situation, actor: str, subject: Subject) -> str:  # noqa: ARG001 - every feature is asked the same way
    """Park, transfer, lock and unlock: whoever is in the call."""
    if subject.slot is not None:
        return f"the call is parked in {subject.slot} already"
    if not _is_in(actor, subject):
        return "you are not in this call"
    return "" if is_answered(subject) else _UNANSWERED


def _unlock(situation: Situation, actor: str, subject: Subject) -> str:
    return _keep(situation, actor, subject) or ("" if subject.locked_by else "the call is not locked")


def _give_back(situation: Situation, actor: str, subject: Subject) -> str:  # noqa: ARG001
    if actor != subject.answered_by:
        return "you have not answered this call"
    if subject.executive is None:
        return "nobody else takes this call: it was for you"
    if subject.since_answer > GIVE_BACK_SECONDS:
        return f"a call can be given back within {GIVE_BACK_SECONDS:g} seconds"
    return ""


def executive_for(directory: Directory, actor: str, subject: Subject) -> str | Refusal:
    """To whom `actor` sends the call (C5): whose call it is, else the only executive whose assistant they are.

    Whose time of cover has ended may still send back the call that they have.
    """
    if not _is_in(actor, subject):
        return Refusal(403, "you are not in this call")
    if not is_answered(subject):
        return Refusal(403, _UNANSWERED)
    theirs = [each.executive for each in directory.delegations.get(actor, ()) if each.approval == "approved"]
    theirs = [each for each in theirs if directory.is_executive(each)]
    owners = [each for each in (subject.executive, subject.on_behalf_of) if each is not None and directory.is_executive(each)]
    found = next((each for each in owners if each in theirs), None)
    if found is None and actor in owners:
        return Refusal(403, "this is your own call")
    if found is None and owners:
        return Refusal(403, f"you are no assistant of {owners[0]}")
    if found is None and not theirs:
        return Refusal(403, "you are nobody's assistant: there is nobody to send the call to")
    if found is None and len(theirs) > 1:
        return Refusal(403, f"you work for {', '.join(theirs[:-1])} and {theirs[-1]}: transfer the call to one of them")
    found = found or theirs[0]
    return Refusal(403, f"{found} is in this call") if found in subject.parties else found


# --- calls that others have ---------------------------------------------------------------------------------------------------


def _owners(directory: Directory, subject: Subject) -> tuple[str, ...]:
    """The executives whose call it is, by delegation, on behalf, or because they are in it themselves."""
    owners = [each for each in (subject.executive, subject.on_behalf_of) if each is not None]
    return (*dict.fromkeys(owners), *(each for each in sorted(subject.parties) if directory.is_executive(each) and each not in owners))


def _denied(situation: Situation, actor: str, owners: Sequence[str], right: Right) -> str:
    """Why `actor` has no such right for any of `owners`; an executive has them all for the own office's calls (B5)."""
    if actor in owners:
        return ""
    reasons = [_missing(situation, actor, owner, right) for owner in owners]
    return "" if "" in reasons else next(iter(reasons), "it is no call of an executive for whom you work")


def _missing(situation: Situation, actor: str, executive: str, right: Right) -> str:
    delegation = situation.directory.delegation(actor, executive)
    if delegation is None:
        return f"you are no assistant of {executive}"
    if right not in delegation.rights:
        return f"you have no right '{right}' for {executive}"
    if delegation.approval != "approved":
        return f"your delegation for {executive} is {delegation.approval}, not approved"
    if not delegation.callers.match(situation.caller, situation.key):
        return f"you take only calls from {delegation.callers.text} for {executive}"
    reason = not_covering(situation, delegation) or off_duty(situation, actor, executive)
    return f"your delegation for {executive} {reason}" if reason else ""


def _is_confidential(directory: Directory, subject: Subject) -> bool:
    """A confidential contact's call (A24), a colleague's to whom the executive talks, too."""
    executives = [directory.executives[each] for each in subject.parties if each in directory.executives]
    contacts = [(each.extension, each.confidential) for each in executives if each.confidential is not None]
    return subject.confidential or any(
        other != executive and confidential.has(user_key(other)) for executive, confidential in contacts for other in subject.parties
    )


def _pull(situation: Situation, actor: str, subject: Subject) -> str:
    """A held call by right; one that talks by the executive only; one's own from another phone (C1, C2, C6)."""
    if subject.slot is not None:
        return f"the call is parked: dial {situation.directory.codes.codes['retrieve']}{subject.slot}"
    if not is_answered(subject):
        return _UNANSWERED
    if _is_in(actor, subject):
        return ""
    owners = _owners(situation.directory, subject)
    if _is_confidential(situation.directory, subject) and actor not in owners:
        return f"{_HIDDEN} take it off hold"
    if owners and subject.holder is not None:
        owners = _side_of(situation.directory, subject.holder, subject, owners)
        if not owners:
            return OTHER_SIDE
    if actor in owners:
        return ""
    return _denied(situation, actor, owners, "pick_up_held") or ("" if subject.holder else "the call is not on hold")


def _side_of(directory: Directory, holder: str, subject: Subject, owners: Sequence[str]) -> tuple[str, ...]:
    """Those of the owners for whom the holder has the call: the office that was called goes before one that only talks in it."""
    theirs = tuple(each for each in owners if works_for(directory, holder, each))
    return tuple(each for each in theirs if each in (subject.executive, subject.on_behalf_of)) or theirs


def works_for(directory: Directory, extension: str, office: str) -> bool:
    """Whether somebody belongs to the office of an executive, group or service, on duty or not."""
    return office in _offices_of(directory, extension)


def same_side(directory: Directory, one: str, other: str) -> bool:
    """Whether two users are the same, or work for the same executive, or one for the other: nobody else is put out of a call."""
    return one == other or not _offices_of(directory, one).isdisjoint(_offices_of(directory, other))


def _offices_of(directory: Directory, extension: str) -> set[str]:
    """The executives, groups and services to whom somebody belongs, on duty or not."""
    bosses = {each.executive for each in directory.delegations.get(extension, ()) if each.approval == "approved"}
    return bosses | {extension} if directory.is_executive(extension) else bosses


def _enter(right: Right) -> Callable[[Situation, str, Subject], str]:
    """Join, listen and whisper, each by its right (C7, C8)."""

    def rule(situation: Situation, actor: str, subject: Subject) -> str:
        if actor in subject.parties:
            return "you are in this call already"
        if subject.slot is not None:
            return f"the call is parked: dial {situation.directory.codes.codes['retrieve']}{subject.slot}"
        if not is_answered(subject):
            return _UNANSWERED
        owners = _owners(situation.directory, subject)
        if _is_confidential(situation.directory, subject) and actor not in owners:
            return f"{_HIDDEN} {right}"
        return _denied(situation, actor, owners, right)

    return rule


def _retrieve(situation: Situation, actor: str, subject: Subject) -> str:
    """From a public slot everybody, from an executive's own slot that office (C4); a confidential contact the office only (A24)."""
    if subject.slot is None:
        return "the call is not parked"
    if actor == subject.parked_by:
        return ""
    place = situation.directory.places.get(subject.slot)
    if place is not None and place.executive is not None and not in_office(situation, actor, place.executive):
        return f"{subject.slot} is the park slot of {place.executive}"
    owners = _owners(situation.directory, subject)
    if subject.confidential and not any(in_office(situation, actor, owner) for owner in owners):
        return "the call is confidential: nobody outside the executive's office may retrieve it"
    return ""


# --- pick-up of what rings (C10, C11) -----------------------------------------------------------------------------------------


def _pick_up(situation: Situation, actor: str, subject: Subject) -> str:
    return _take_ringing(situation, actor, subject, everybody=situation.directory.pick_up == "organisation")


def _pick_up_group(situation: Situation, actor: str, subject: Subject) -> str:
    """Without naming who rings: in an organisation where all may pick up, that would be anything that rings."""
    return _take_ringing(situation, actor, subject, everybody=False)


def _take_ringing(situation: Situation, actor: str, subject: Subject, *, everybody: bool) -> str:
    """A delegated call: who could have been rung for it, and the executive. Any other: the same office or group."""
    if not subject.ringing:
        return "the call does not ring"
    if subject.confidential and actor not in (subject.executive, *subject.ringing):
        return f"{_HIDDEN} pick it up"
    if actor in subject.ringing or actor == subject.executive:
        return ""
    if subject.executive is not None:
        return _missing(situation, actor, subject.executive, "receive")
    if everybody or any(_are_close(situation, actor, each) for each in subject.ringing):
        return ""
    return "it rings for nobody of your office or groups"


def _are_close(situation: Situation, one: str, other: str) -> bool:
    """Whether two users are of the same group, of the same office, or of the same location where that counts."""
    directory = situation.directory
    if not directory.groups.get(one, frozenset()).isdisjoint(directory.groups.get(other, ())):
        return True
    if directory.pick_up == "location":
        here, there = directory.users[one].location, directory.users[other].location if other in directory.users else None
        if here is not None and here == there:
            return True
    return not _offices(situation, one).isdisjoint(_offices(situation, other))


def _offices(situation: Situation, extension: str) -> set[str]:
    """The executives for whom `extension` works now; themselves, for an executive."""
    directory = situation.directory
    bosses = {each.executive for each in directory.delegations.get(extension, ()) if in_force(situation, each)}
    return {each for each in (*bosses, extension) if directory.is_executive(each)}


_RULES: Final[Mapping[str, Callable[[Situation, str, Subject], str]]] = {
    "push_back": _send,
    "push": _send,
    "push_announced": _send,
    "park": _keep,
    "transfer": _keep,
    "lock": _keep,
    "unlock": _unlock,
    "give_back": _give_back,
    "pull": _pull,
    "barge_in": _enter("join"),
    "barge": _enter("join"),
    "listen": _enter("listen"),
    "whisper": _enter("whisper"),
    "retrieve": _retrieve,
    "pick_up": _pick_up,
    "pick_up_group": _pick_up_group,
}
"""Every feature that has a code, and transfer, which has none."""
