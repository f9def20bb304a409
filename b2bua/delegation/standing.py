"""As things stand: what phones have set, where they have, else what the directory says; and whether an agreement counts now.

Every rule that asks one of these questions asks it here, so that the filter, the ring plan and the codes never disagree.
"""

from __future__ import annotations

from b2bua.delegation.people import Delegation, DutyProfile, Executive, User
from b2bua.delegation.situation import Situation


def filtering_on(situation: Situation, executive: Executive) -> bool:
    """Whether filtering is on: as a phone set it (A12), else as the directory says."""
    switched = situation.setting("filter", executive.extension)
    return executive.filtering.enabled if switched is None else switched == "on"


def on_dnd(situation: Situation, user: User) -> bool:
    """Whether `user` does not want to be disturbed: as set by phone, else as the directory says (A19)."""
    switched = situation.setting("dnd", user.extension)
    return user.dnd if switched is None else switched == "on"


def divert_of(situation: Situation, assistant: str) -> str | None:
    """Where `assistant` diverts filtered calls now (A14): switch and number each as set by phone, else as the directory says."""
    user = situation.directory.users.get(assistant)
    if user is None:
        return None
    switched = situation.setting("divert", assistant)
    on = user.divert.enabled if switched is None else switched == "on"
    return (situation.setting("divert_to", assistant) or user.divert.number) if on else None


def in_force(situation: Situation, delegation: Delegation) -> bool:
    """Whether the delegation counts now: approved, begun, and not over (A25)."""
    return delegation.approval == "approved" and not not_covering(situation, delegation)


def not_covering(situation: Situation, delegation: Delegation) -> str:
    """Why an approved delegation is not in force at this time, in the executive's time; "" when it is."""
    if delegation.begins is None and delegation.ends is None:
        return ""
    zone = situation.directory.executives[delegation.executive].time_zone
    if delegation.begins is not None and situation.now < delegation.begins:
        return f"covers from {delegation.begins.astimezone(zone):%Y-%m-%d %H:%M} on"
    if delegation.ends is not None and situation.now >= delegation.ends:
        return f"covered until {delegation.ends.astimezone(zone):%Y-%m-%d %H:%M}"
    return ""


def in_office(situation: Situation, extension: str, executive: str) -> bool:
    """Whether this is the executive, or one of the assistants whose delegation is in force."""
    if extension == executive:
        return True
    delegation = situation.directory.delegation(extension, executive)
    return delegation is not None and in_force(situation, delegation)


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
    """The duty profiles of `agent`: the one chosen by phone, else those that are active by themselves; empty: off duty.

    A choice that is no profile of theirs (any more) does not count: renaming a profile takes nobody off duty.
    """
    profiles = situation.directory.profiles.get(agent, ())
    chosen = situation.setting("duty", agent)
    if chosen == "":
        return ()
    by_name = tuple(profile for profile in profiles if profile.name == chosen)
    return by_name or tuple(profile for profile in profiles if profile.active)
