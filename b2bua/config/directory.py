"""Reads the directory and checks what one section cannot know of another; every finding is reported, none hides another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from b2bua.config.people import AssistantEntry, ExecutiveEntry, Heading, UserEntry, seconds
from b2bua.config.schema import Report, closest, quoted, read_section
from b2bua.config.server import Config
from b2bua.config.yamltree import Map, Where
from b2bua.delegation.model import Directory
from b2bua.delegation.numbering import NumberPlan, normalise, number_key
from b2bua.delegation.people import DEFAULT_RIGHTS, Delegation, Executive, User


@dataclass
class Boss:
    """An executive as read: where they stand, and which keys were wrong."""

    where: Where
    entry: ExecutiveEntry
    broken: frozenset[str]
    delegations: list[tuple[Where, Delegation]] = field(default_factory=list)
    """Each with where it stands."""


@dataclass
class Draft:
    """The directory while it is being checked."""

    heading: Heading
    users: dict[str, User] = field(default_factory=dict)
    places: dict[str, Where] = field(default_factory=dict)
    """Where each user stands, those that could not be read included."""
    unsure: set[str] = field(default_factory=set)
    """Extensions of users some of whose keys were wrong: checks that need those say nothing."""
    unread_numbers: set[str] = field(default_factory=set)
    """Look-up keys of the numbers of users that could not be read."""
    bosses: dict[str, Boss] = field(default_factory=dict)
    trunks_unsure: bool = False
    """Some trunks could not be read: a number that no trunk takes may still be good."""


def read_directory(tree: Map, config: Config, report: Report, *, trunks_unsure: bool = False) -> Directory | None:
    """The directory in `tree`; None when `report` has problems."""
    heading, broken = read_section(Heading, tree, (), report)
    draft = Draft(heading or Heading(), trunks_unsure=trunks_unsure)
    _read_users(draft, report)
    _read_executives(draft, report)
    _check_numbers(draft, config, report)
    _check_roles(draft, report)
    _check_counts(draft, report, unsure="limits" in broken)
    plan = NumberPlan(draft.users, {}, config.routes, config.emergency)
    for boss in draft.bosses.values():
        _check_executive(draft, boss, plan, report)
    _warn(draft, report)
    if report.problems:
        return None
    return Directory.build(
        organisation=draft.heading.organisation,
        domain=config.domain,
        aliases=config.aliases,
        users=draft.users.values(),
        executives=[_executive(boss) for boss in draft.bosses.values()],
        trunks=config.routes,
        emergency=config.emergency,
        feature_codes=config.feature_codes,
        warnings=map(str, (*config.warnings, *report.warnings)),
    )


# --- reading ------------------------------------------------------------------------------------------------------------------


def _read_users(draft: Draft, report: Report) -> None:
    for index, item in enumerate(draft.heading.users):
        where: Where = ("users", index)
        entry, broken = read_section(UserEntry, item, where, report)
        extension = entry.extension if entry else _extension_in(item)
        if extension is None:
            continue
        if extension in draft.places:
            report.error(
                (*where, "extension"), f"{extension} is already the extension of {_shown(draft, extension)}; write another one"
            )
            continue
        draft.places[extension] = where
        if broken:
            draft.unsure.add(extension)
            draft.unread_numbers.update(_numbers_in(item))
        if entry:
            draft.users[extension] = entry.user()


def _read_executives(draft: Draft, report: Report) -> None:
    for index, item in enumerate(draft.heading.executives):
        where: Where = ("executives", index)
        entry, broken = read_section(ExecutiveEntry, item, where, report)
        if entry is None:
            continue
        if entry.extension in draft.bosses:
            report.error((*where, "extension"), f"{entry.extension} is already an executive above; write each executive once")
            continue
        if entry.extension not in draft.places:
            report.error((*where, "extension"), _unknown(entry.extension, draft))
        boss = draft.bosses[entry.extension] = Boss(where, entry, broken)
        _read_assistants(draft, boss, report)


def _read_assistants(draft: Draft, boss: Boss, report: Report) -> None:
    seen: set[str] = set()
    for index, item in enumerate(boss.entry.assistants):
        where = (*boss.where, "assistants", index)
        entry, _ = read_section(AssistantEntry, {"extension": item} if isinstance(item, str) else item, where, report)
        if entry is None:
            continue
        if entry.extension in seen:
            report.error(where, f"{entry.extension} is an assistant of this executive already; write each assistant once")
            continue
        seen.add(entry.extension)
        if entry.extension not in draft.places:
            report.error(where, _unknown(entry.extension, draft))
        if entry.ring_seconds is not None and entry.rings is not None:
            report.error((*where, "rings"), "stands beside ring_seconds; write one of the two")
        rights = DEFAULT_RIGHTS if entry.rights is None else frozenset(entry.rights)
        ring_seconds = seconds(entry.ring_seconds, entry.rings)
        boss.delegations.append((where, Delegation(entry.extension, boss.entry.extension, rights, ring_seconds)))


def _executive(boss: Boss) -> Executive:
    entry = boss.entry
    return Executive(
        extension=entry.extension,
        caller_id=entry.caller_id,
        filtering=entry.filtering.filtering(),
        alerting=entry.alerting.alerting(),
        rollover=entry.rollover.rollover(),
        on_behalf=entry.on_behalf.on_behalf(),
        delegations=tuple(delegation for _, delegation in boss.delegations),
    )


# --- numbers ------------------------------------------------------------------------------------------------------------------


def _check_numbers(draft: Draft, config: Config, report: Report) -> None:
    """Every extension and number leads to one user, and none is an emergency number."""
    emergency = frozenset(config.emergency)
    owners: dict[str, str] = {}
    by_key = {number_key(extension): extension for extension in draft.places}
    for extension, user in draft.users.items():
        where = draft.places[extension]
        if normalise(extension) in emergency:
            report.error((*where, "extension"), f"{extension} is an emergency number; write another extension")
        for index, number in enumerate(user.numbers):
            place = (*where, "numbers", index)
            key = number_key(number)
            if number in emergency:
                report.error(place, f"{number} is an emergency number; remove it")
            if key in owners:
                report.error(place, f"{number} is already a number of {_shown(draft, owners[key])}; remove one of the two")
            owners.setdefault(key, extension)
            if by_key.get(key, extension) != extension:
                report.error(place, f"{number} is the extension of {_shown(draft, by_key[key])}; remove one of the two")


# --- roles and limits (A1-A3) -------------------------------------------------------------------------------------------------


def _check_roles(draft: Draft, report: Report) -> None:
    for boss in draft.bosses.values():
        for where, delegation in boss.delegations:
            _check_pair(draft, boss, where, delegation, report)
    if draft.heading.roles == "acyclic":
        for cycle in _cycles(draft):
            boss = draft.bosses[cycle[0]]
            where = next(where for where, delegation in boss.delegations if delegation.assistant == cycle[1])
            report.error(
                where, f"closes a circle of executives and assistants ({' - '.join(cycle)}); remove one of these delegations"
            )


def _check_pair(draft: Draft, boss: Boss, where: Where, delegation: Delegation, report: Report) -> None:
    executive, assistant = boss.entry.extension, delegation.assistant
    if assistant == executive:
        report.error(where, f"{assistant} cannot be their own assistant; write another extension")
        return
    if draft.heading.roles == "strict" and assistant in draft.bosses:
        report.error(
            where, f"{_shown(draft, assistant)} is an executive and so nobody's assistant; remove them, or write `roles: acyclic`"
        )
    known = draft.users.keys() - draft.unsure
    if draft.heading.same_location and {executive, assistant} <= known:
        theirs, ours = draft.users[assistant].location, draft.users[executive].location
        if theirs != ours:
            report.error(
                where,
                f"{_shown(draft, assistant)} is at {theirs or 'no location'}, the executive at {ours or 'none'}; "
                "write an assistant of the same location, or `same_location: false`",
            )


def _cycles(draft: Draft) -> Iterable[tuple[str, ...]]:
    """Circles of delegations, each once, as the extensions along it; found without recursion."""
    finished: set[str] = set()
    for start in draft.bosses:
        path: list[str] = [start]
        pending = [_assistants_of(draft, start)]
        while pending and start not in finished:
            assistant = next(iter(pending[-1]), None)
            if assistant is None:
                finished.add(path.pop())
                pending.pop()
                continue
            pending[-1].remove(assistant)
            if assistant in path[:-1]:
                yield _circle(path, assistant)
            elif assistant in draft.bosses and assistant not in finished and assistant != path[-1]:
                path.append(assistant)
                pending.append(_assistants_of(draft, assistant))


def _circle(path: list[str], back_to: str) -> tuple[str, ...]:
    """The circle that the last of `path` closes by having `back_to` as an assistant, beginning with the last."""
    return (path[-1], *path[path.index(back_to) :])


def _assistants_of(draft: Draft, executive: str) -> list[str]:
    return [delegation.assistant for _, delegation in draft.bosses[executive].delegations]


def _check_counts(draft: Draft, report: Report, *, unsure: bool) -> None:
    if unsure:
        return
    most = draft.heading.limits.assistants_per_executive
    most_bosses = draft.heading.limits.executives_per_assistant
    served: Counter[str] = Counter()
    for boss in draft.bosses.values():
        for count, (where, delegation) in enumerate(boss.delegations, start=1):
            served[delegation.assistant] += 1
            if count > most:
                report.error(
                    where,
                    f"{delegation.assistant} is assistant number {count}, and an executive may have {most}; "
                    "remove one, or raise limits.assistants_per_executive",
                )
            if served[delegation.assistant] > most_bosses:
                report.error(
                    where,
                    f"{delegation.assistant} would work for {served[delegation.assistant]} executives, and may for "
                    f"{most_bosses}; remove one, or raise limits.executives_per_assistant",
                )


# --- one executive ------------------------------------------------------------------------------------------------------------


def _check_executive(draft: Draft, boss: Boss, plan: NumberPlan, report: Report) -> None:
    entry, where = boss.entry, boss.where
    user = draft.users.get(entry.extension)
    if entry.caller_id is not None and user and user.extension not in draft.unsure and entry.caller_id not in user.numbers:
        report.error(
            (*where, "caller_id"),
            f"{entry.caller_id} is not a number of {_shown(draft, user.extension)}; "
            f"write one of {', '.join(user.numbers) or 'their numbers (there are none yet)'}",
        )
    alerting = entry.alerting
    if alerting.ring_seconds is not None and alerting.rings is not None:
        report.error((*where, "alerting", "rings"), "stands beside ring_seconds; write one of the two")
    if alerting.name == "custom" and not alerting.custom_name:
        report.error((*where, "alerting", "custom_name"), "is missing; write the name to show, or another `name` mode")
    if alerting.number == "custom" and not alerting.custom_number:
        report.error((*where, "alerting", "custom_number"), "is missing; write the number to show, or another `number` mode")
    _check_rollover(draft, boss, plan, report)


def _check_rollover(draft: Draft, boss: Boss, plan: NumberPlan, report: Report) -> None:
    entry = boss.entry.rollover
    where = (*boss.where, "rollover")
    place = (*where, "action", "forward") if entry.action.forward is not None else (*where, "forward")
    if entry.forward is not None and (entry.action.word != "forward" or entry.action.forward is not None):
        report.error((*where, "forward"), "stands beside another action; write `action: forward`, or remove the number")
        return
    if entry.action.word != "forward":
        return
    number = entry.action.forward or entry.forward
    if not number:
        report.error(place, "is missing; write the extension or outside number to forward to")
        return
    if number in draft.places.keys() - draft.users.keys() or number_key(number) in draft.unread_numbers:
        return  # belongs to a user that could not be read, which has been reported
    target = plan.resolve(number)
    if target.kind == "nowhere" and not draft.trunks_unsure:
        report.error(place, f"{quoted(number)} leads nowhere; write a user's extension or number, or one that a trunk takes")
    elif target.kind == "emergency":
        report.error(place, f"{target.number} is an emergency number; write another number")
    elif target.extension == boss.entry.extension:
        report.error(place, f"{quoted(number)} is the executive; write `action: executive`")
    elif target.extension in draft.bosses:
        report.warn(place, f"{target.extension} is an executive, whose phones ring past their own filter")


# --- warnings -----------------------------------------------------------------------------------------------------------------


def _warn(draft: Draft, report: Report) -> None:
    if not draft.heading.users:
        report.warn(("users",), "is empty: nobody can register or be called; write users")
    assistants = {delegation.assistant: None for boss in draft.bosses.values() for _, delegation in boss.delegations}
    for extension in dict.fromkeys((*draft.bosses, *assistants)):
        user = draft.users.get(extension)
        if user and not user.numbers and extension not in draft.unsure:
            role = "executive" if extension in draft.bosses else "assistant"
            report.warn(draft.places[extension], f"{role} {user.name} has no outside number; write one under `numbers`")
    for boss in draft.bosses.values():
        receives = any("receive" in delegation.rights for _, delegation in boss.delegations)
        if boss.entry.filtering.enabled and not receives and "assistants" not in boss.broken:
            report.warn(
                boss.where, f"{boss.entry.extension} is filtered but no assistant receives calls; write one under `assistants`"
            )


def _shown(draft: Draft, extension: str) -> str:
    user = draft.users.get(extension)
    return f"{user.name} ({extension})" if user else extension


def _unknown(extension: str, draft: Draft) -> str:
    return f"{extension} is no user's extension{closest(extension, list(draft.places))}; write the extension of a user"


def _extension_in(item: object) -> str | None:
    """The extension of a user that could not be read, so that others may name it."""
    found = item.get("extension") if isinstance(item, dict) else None
    return found if isinstance(found, str) and found else None


def _numbers_in(item: object) -> list[str]:
    """The same for the user's numbers, as keys to look up."""
    found = item.get("numbers") if isinstance(item, dict) else None
    return [number_key(number) for number in found if isinstance(number, str)] if isinstance(found, list) else []
