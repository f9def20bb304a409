"""What a question about a call starts from: the directory as the viewer may ask it, and what phones have set, in the words of a what-if
case and as switches to be shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar

from b2bua.administration.viewer import Viewer
from b2bua.delegation.callers import caller_key
from b2bua.delegation.model import Directory
from b2bua.delegation.office import office
from b2bua.delegation.people import User
from b2bua.delegation.plan import Facts, RoutePlan, Rule, Setting
from b2bua.delegation.policy import decide
from b2bua.delegation.situation import Situation
from b2bua.delegation.standing import active_profiles, divert_of, filtering_on, on_dnd
from b2bua.delegation.state import State
from b2bua.delegation.whatif import summary

_T = TypeVar("_T")
Scope = Literal["whole", "caller", "nothing"]
"""whole: everything · caller: as whom the caller speaks, and to whom, but nothing of who is called · nothing."""
THEIRS_FROM: Final = "a user's number"
"""The rule with which the part of a plan begins that is about who is called."""


def open_to(viewer: Viewer, directory: Directory) -> Directory:
    """The directory as the viewer may ask it: whom others have as confidential contacts must not be found out by asking (F3)."""
    if viewer.administers:
        return directory
    hidden = {key: replace(boss, confidential=None) for key, boss in directory.executives.items() if boss.confidential and key != viewer.extension}
    if not hidden:
        return directory
    return replace(
        directory,
        executives=MappingProxyType({**directory.executives, **hidden}),
        offices=MappingProxyType({**directory.offices, **{key: office(boss, directory.users) for key, boss in hidden.items()}}),
    )


def scope(viewer: Viewer, caller: str, dialled: str, directory: Directory) -> Scope:
    """How much of a call somebody may ask about. `caller`, `dialled`: as they were written."""
    called = directory.find(dialled)
    if viewer.administers or (called is not None and called.extension in viewer.manages):
        return "whole"
    line = directory.lines.get(caller)
    if line is None or line.executive not in viewer.manages:
        return "nothing"
    return "caller" if line.assistant == viewer.extension or directory.codes.match(dialled) is None else "nothing"


def narrowed(viewer: Viewer, facts: Facts, directory: Directory, at: datetime) -> RoutePlan:
    """The decision without what is the business of who is called: their filter, assistants, forwarding and hours. Who is called and what
    they see is left. Whole when the viewer manages them, or nothing of theirs was looked at."""
    plan = decide(facts, directory, at)
    called = directory.numbers.resolve(plan.called).extension
    ends = next((place for place, rule in enumerate(plan.trace) if rule.name == THEIRS_FROM), None)
    if called is None or called in viewer.manages or ends is None:
        return plan
    plan = decide(facts, _with_nothing_set(called, directory), at)
    last = Rule("whose call", True, f"what becomes of it is for {directory.users[called].shown} and administrators to ask")
    return RoutePlan(
        "ring", direction=plan.direction, called=plan.called, on_behalf_of=plan.on_behalf_of, actor=plan.actor, present=plan.present,
        asserted=plan.asserted, plain=True, trace=(*plan.trace[: ends + 1], last),
    )  # fmt: skip


def _with_nothing_set(extension: str, directory: Directory) -> Directory:
    """In which a call to this user rings their phones: otherwise what the caller looks like would tell whether they take calls."""
    user = directory.users[extension]
    plain = User(extension, user.name, numbers=user.numbers, location=user.location)
    state = State.of([each for each in directory.state.settings.values() if each.subject != extension])
    return replace(
        directory,
        users=MappingProxyType({**directory.users, extension: plain}),
        executives=_without(directory.executives, extension),
        offices=_without(directory.offices, extension),
        phones=_without(directory.phones, extension),
    ).with_state(state)


def _without(entries: Mapping[str, _T], key: str) -> Mapping[str, _T]:
    return MappingProxyType({each: value for each, value in entries.items() if each != key})


def concerning(facts: Facts, state: State, subjects: Collection[str], now: float) -> list[Setting]:
    """The settings of `subjects` that count, and of their callbacks only that of this caller: an executive may have thousands."""
    key = caller_key(facts.caller)
    callbacks = [state.callbacks[each][key] for each in subjects if key in state.callbacks.get(each, ())]
    mine = [each for each in (*state.settings.values(), *callbacks) if each.subject in subjects and each.value is not None]
    return [each for each in mine if each.until is None or each.until > now]


def entry_of(settings: Collection[Setting]) -> dict[str, Any]:
    """The settings as ``state:`` of a what-if case.

    What a case cannot say is left out: that do not disturb is off where the directory has it on.
    """
    entry: dict[str, Any] = {}
    targets = {each.subject: each.value for each in settings if each.kind == "divert_to"}
    for each in settings:
        _say(entry, each, targets.get(each.subject))
    return entry


def _say(entry: dict[str, Any], setting: Setting, target: str | None) -> None:
    subject, value = setting.subject, setting.value
    match setting.kind:
        case "filter":
            entry.setdefault("filter", {})[subject] = value == "on"
        case "opt" if value == "out":
            entry.setdefault("opted_out", []).append(f"{subject}-{setting.object}")
        case "divert":
            entry.setdefault("divert", {})[subject] = target if value == "on" and target else value
        case "dnd" if value == "on":
            entry.setdefault("dnd", []).append(subject)
        case "call_as" if value:
            entry.setdefault("call_as", {})[subject] = value
        case "duty":
            entry.setdefault("duty", {})[subject] = value or "off"
        case "hot_desk" if value:
            entry.setdefault("logged_in", {})[subject] = value
        case "callback":
            entry.setdefault("callback", {}).setdefault(subject, {})[setting.object] = value


def needed(facts: Facts, directory: Directory, at: datetime, settings: Collection[Setting]) -> list[Setting]:
    """Those of `settings` without which the decision would be another one."""
    wanted = summary(decide(facts, directory.with_state(State.of(settings)), at))
    left = list(settings)
    for each in settings:
        others = [other for other in left if other is not each]
        if summary(decide(facts, directory.with_state(State.of(others)), at)) == wanted:
            left = others
    return left


def switches(facts: Facts, directory: Directory, at: datetime, subjects: Sequence[str]) -> list[dict[str, Any]]:
    """Everybody whose settings may play a part, and how they stand."""
    situation = Situation(facts, directory, at)
    return [_person(each, situation, subjects) for each in subjects if directory.users[each].kind == "person"]


def _person(extension: str, situation: Situation, subjects: Sequence[str]) -> dict[str, Any]:
    directory = situation.directory
    user, boss = directory.users[extension], directory.executives.get(extension)
    works_for = [each for each in directory.delegations.get(extension, ()) if each.executive in subjects]
    return {
        "extension": extension,
        "name": user.name,
        "role": "executive" if boss else "assistant" if works_for else "caller" if extension == situation.facts.caller.extension else "user",
        "filter": filtering_on(situation, boss) if boss else None,
        "dnd": on_dnd(situation, user),
        "divert": divert_of(situation, extension) if works_for else None,
        "call_as": situation.setting("call_as", extension) or None,
        "duty": [each.name for each in active_profiles(situation, extension)] if extension in directory.profiles else None,
        "duty_profiles": [each.name for each in directory.profiles.get(extension, ())],
        "opted_out": [each.executive for each in works_for if situation.setting("opt", extension, each.executive) == "out"],
        "works_for": [each.executive for each in works_for],
    }
