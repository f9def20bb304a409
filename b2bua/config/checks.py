"""What one section of the directory cannot know of another: numbers, roles, limits (A1-A4), targets of calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from b2bua.config.draft import Boss, Draft
from b2bua.config.people import Heading
from b2bua.config.schema import Report, quoted
from b2bua.config.server import Config
from b2bua.config.values import URI_HINT, is_uri, parse_uri, parsed
from b2bua.config.yamltree import Where
from b2bua.delegation.digits import normalise, number_key
from b2bua.delegation.numbering import NumberPlan
from b2bua.delegation.people import Delegation, User

SHORT_PASSWORD: Final = 10
"""Characters below which the password of a phone is soon guessed."""


def check_numbers(draft: Draft, config: Config, report: Report) -> None:
    """Every extension and number leads to one user, group or service, and none is an emergency number."""
    emergency = frozenset(config.emergency)
    owners: dict[str, str] = {}
    by_key, keys = draft.extension_keys, draft.number_keys
    for extension, user in draft.users.items():
        where = draft.places[extension]
        if normalise(extension) in emergency:
            report.error((*where, "extension"), f"{extension} is an emergency number; write another extension")
        for index, number in enumerate(user.numbers):
            place = (*where, "numbers", index)
            key = keys[number]
            if number in emergency:
                report.error(place, f"{number} is an emergency number; remove it")
            if key in owners:
                report.error(place, f"{number} is already a number of {draft.shown(owners[key])}; remove one of the two")
            owners.setdefault(key, extension)
            if by_key.get(key, extension) != extension:
                report.error(place, f"{number} is the extension of {draft.shown(by_key[key])}; remove one of the two")


# --- roles and limits (A1-A4) -------------------------------------------------------------------------------------------------


def check_roles(draft: Draft, heading: Heading, report: Report) -> None:
    """Who may work for whom. Members of groups and agents of services are no assistants in this sense."""
    for boss in draft.of_kind("executive"):
        for where, delegation in boss.delegations:
            _check_pair(draft, heading, boss, where, delegation, report)
    if heading.roles == "acyclic":
        for cycle in _cycles(draft):
            boss = draft.bosses[cycle[0]]
            where = next(where for where, delegation in boss.delegations if delegation.assistant == cycle[1])
            report.error(
                where, f"closes a circle of executives and assistants ({' - '.join(cycle)}); remove one of these delegations"
            )


def _check_pair(draft: Draft, heading: Heading, boss: Boss, where: Where, delegation: Delegation, report: Report) -> None:
    executive, assistant = boss.extension, delegation.assistant
    if assistant == executive:
        report.error(where, f"{assistant} cannot be their own assistant; write another extension")
        return
    if heading.roles == "strict" and _is_executive(draft, assistant):
        report.error(
            where, f"{draft.shown(assistant)} is an executive and so nobody's assistant; remove them, or write `roles: acyclic`"
        )
    if heading.same_location and draft.is_sure(executive, "location") and draft.is_sure(assistant, "location"):
        theirs, ours = draft.users[assistant].location, draft.users[executive].location
        if theirs != ours:
            report.error(
                where,
                f"{draft.shown(assistant)} is at {theirs or 'no location'}, the executive at {ours or 'none'}; "
                "write an assistant of the same location, or `same_location: false`",
            )


def _is_executive(draft: Draft, extension: str) -> bool:
    boss = draft.bosses.get(extension)
    return boss is not None and boss.kind == "executive"


def _cycles(draft: Draft) -> Iterable[tuple[str, ...]]:
    """Circles of delegations, each once, as the extensions along it; found without recursion."""
    finished: set[str] = set()
    for start in draft.of_kind("executive"):
        path: list[str] = [start.extension]
        pending = [_assistants_of(draft, start.extension)]
        while pending and start.extension not in finished:
            assistant = next(iter(pending[-1]), None)
            if assistant is None:
                finished.add(path.pop())
                pending.pop()
                continue
            pending[-1].remove(assistant)
            if assistant in path[:-1]:
                yield _circle(path, assistant)
            elif _is_executive(draft, assistant) and assistant not in finished and assistant != path[-1]:
                path.append(assistant)
                pending.append(_assistants_of(draft, assistant))


def _circle(path: list[str], back_to: str) -> tuple[str, ...]:
    """The circle that the last of `path` closes by having `back_to` as an assistant, beginning with the last."""
    return (path[-1], *path[path.index(back_to) :])


def _assistants_of(draft: Draft, executive: str) -> list[str]:
    return [delegation.assistant for _, delegation in draft.bosses[executive].delegations]


def check_counts(draft: Draft, heading: Heading, report: Report) -> None:
    """How many assistants an executive may have, and the other way round."""
    most = heading.limits.assistants_per_executive
    most_bosses = heading.limits.executives_per_assistant
    served: Counter[str] = Counter()
    for boss in draft.of_kind("executive"):
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


def check_members(draft: Draft, report: Report) -> None:
    """A member of a group neither delegates nor is a delegate (A4); both lines are named."""
    if not draft.of_kind("group"):
        return
    roles: dict[str, list[tuple[str, Where]]] = {}
    for boss in draft.of_kind("executive"):
        roles.setdefault(boss.extension, []).append(("an executive", boss.where))
        for where, delegation in boss.delegations:
            roles.setdefault(delegation.assistant, []).append((f"an assistant of {draft.shown(boss.extension)}", where))
    for group in draft.of_kind("group"):
        for where, delegation in group.delegations:
            for role, place in roles.get(delegation.assistant, ())[:1]:
                report.error(
                    where,
                    f"{draft.shown(delegation.assistant)} is {role}{report.beside(place)} and so no member of a group; "
                    "remove one of the two, or write `delegating_members: true`",
                )


# --- where calls go on --------------------------------------------------------------------------------------------------------


def check_users_targets(draft: Draft, plan: NumberPlan, report: Report) -> None:
    """Forwarding and divert of every user lead somewhere."""
    for extension, user in draft.users.items():
        where = draft.places[extension]
        for key in ("always", "busy", "no_answer", "unreachable"):
            target = getattr(user.forwarding, key)
            if target is not None:
                _check_forwarding(draft, user, target, (*where, "forwarding", key), plan, report)
        if user.divert.number is not None:
            _check_divert(draft, user, user.divert.number, (*where, "divert", "to"), plan, report)


def _check_divert(draft: Draft, user: User, number: str, where: Where, plan: NumberPlan, report: Report) -> None:
    """An assistant diverts to somebody who answers in their stead: a group would ring people who are no assistants."""
    target = _check_target(draft, user.extension, number, where, plan, report)
    if target is not None and draft.users[target].kind != "person":
        kind = draft.users[target].kind
        report.error(where, f"{quoted(number)} is a {kind}; write the extension of a user, or an outside number")


def _check_forwarding(draft: Draft, user: User, target: str, where: Where, plan: NumberPlan, report: Report) -> None:
    if is_uri(target):
        parsed(parse_uri, target, where, report)
    else:
        _check_target(draft, user.extension, target, where, plan, report, instead=f", or a URI such as {URI_HINT}")


def _check_target(
    draft: Draft, owner: str, number: str, where: Where, plan: NumberPlan, report: Report, *, instead: str = "", itself: str = ""
) -> str | None:
    """Says so when calls cannot go to `number`; else the extension that it leads to, None for an outside number."""
    if (number in draft.places and number not in draft.users) or number_key(number) in draft.unread_numbers:
        return None  # belongs to a user that could not be read, which has been reported
    target = plan.resolve(number)
    if target.kind == "nowhere" and not draft.trunks_unsure:
        report.error(
            where, f"{quoted(number)} leads nowhere; write a user's extension or number, or one that a trunk takes{instead}"
        )
    elif target.kind == "emergency":
        report.error(where, f"{target.number} is an emergency number; write another number")
    elif target.extension == owner:
        report.error(where, itself or f"{quoted(number)} is {draft.shown(owner)}, whose calls these are; write another number")
    return target.extension


def check_boss(draft: Draft, boss: Boss, plan: NumberPlan, report: Report) -> None:
    """The caller ID is one's own, and the rollover leads somewhere."""
    _check_caller_id(draft, boss, report)
    rollover, user = boss.settings.rollover, draft.users.get(boss.extension)
    if rollover.action == "no_answer" and boss.kind == "executive" and user and user.forwarding.no_answer is None:
        _missing_no_answer(draft, boss, report)
    if boss.rollover_target is None or rollover.forward is None:
        return
    itself = f"{quoted(rollover.forward)} is the {boss.kind}; write "
    itself += "`action: executive`" if boss.kind == "executive" else "another number"
    _check_target(draft, boss.extension, rollover.forward, boss.rollover_target, plan, report, itself=itself)


def _missing_no_answer(draft: Draft, boss: Boss, report: Report) -> None:
    """A rollover to the executive's own no-answer handling, of which there is none; silent when it could not be read."""
    if draft.is_sure(boss.extension, "forwarding.no_answer"):
        path = report.key((*draft.places[boss.extension], "forwarding", "no_answer"))
        text = f"is no_answer, but {draft.shown(boss.extension)} has no {path}; write that one, or another action"
        report.error((*boss.where, "rollover", "action"), text)


def _check_caller_id(draft: Draft, boss: Boss, report: Report) -> None:
    caller_id = boss.settings.caller_id
    if caller_id is None or not draft.is_sure(boss.extension, "numbers"):
        return
    numbers = draft.users[boss.extension].numbers
    if caller_id not in numbers and (numbers or boss.kind == "executive"):
        report.error(
            (*boss.where, "caller_id"),
            f"{caller_id} is not a number of {draft.shown(boss.extension)}; "
            f"write one of {', '.join(numbers) or 'their numbers (there are none yet)'}",
        )


# --- warnings -----------------------------------------------------------------------------------------------------------------


def warn(draft: Draft, heading: Heading, report: Report) -> None:
    """What is allowed and probably not meant."""
    if not heading.users:
        report.warn(("users",), "is empty: nobody can register or be called; write users")
    guessed = [each for each in draft.users.values() if each.password and (len(each.password) < SHORT_PASSWORD or each.password in (each.extension, each.name))]
    if guessed:
        named = ", ".join(each.extension for each in guessed[:5]) + (f" and {len(guessed) - 5} more" if len(guessed) > 5 else "")
        report.warn(("users",), f"have passwords that are soon guessed: {named}; before the server is reachable from outside, write {SHORT_PASSWORD} characters")
    executives = draft.of_kind("executive")
    assistants = {delegation.assistant: None for boss in executives for _, delegation in boss.delegations}
    for extension in dict.fromkeys((*(boss.extension for boss in executives), *assistants)):
        user = draft.users.get(extension)
        if user and not user.numbers and draft.is_sure(extension, "numbers"):
            role = "executive" if _is_executive(draft, extension) else "assistant"
            report.warn(draft.places[extension], f"{role} {user.name} has no outside number; write one under `numbers`")
    for boss in draft.bosses.values():
        receives = any("receive" in delegation.rights and _has_phones(draft, delegation) for _, delegation in boss.delegations)
        if not receives and boss.settings.filtering.enabled and not boss.broken & {"assistants", "members", "agents"}:
            report.warn(boss.where, f"{boss.extension} {_NOBODY[boss.kind]}")


def _has_phones(draft: Draft, delegation: Delegation) -> bool:
    user = draft.users.get(delegation.assistant)
    return user is None or user.active


_NOBODY = {
    "executive": "is filtered but no assistant receives calls; write one under `assistants`",
    "group": "has no members to take its calls; write them under `members`",
    "service": "has no agents to take its calls; write them under `agents`",
}
