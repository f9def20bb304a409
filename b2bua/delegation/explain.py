"""Why a call goes where it goes: a plan as text for people and as data for programs (F7).

The plan explains itself; nothing is decided here. `facts_for` makes the facts of a call that somebody asks about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import unquote

from b2bua.delegation.callerid import printable
from b2bua.delegation.features import CONFERENCE, DEFAULT_CODES
from b2bua.delegation.model import Directory, User
from b2bua.delegation.plan import Caller, Endpoint, Facts, Presentation, RoutePlan, Setting, Stage

MAX_SHOWN = 1000
_SEPARATORS: Final = re.compile(r"[ ().\-/]")
"""The visual separators of a telephone number (RFC 3966 section 5.1.1), and what people put there besides."""
_OUTSIDE_NUMBER: Final = re.compile(r"\+[0-9]{3,20}|[0-9]{6,20}")
"""Fewer digits without ``+`` are an extension that does not exist."""


def facts_for(
    caller: str,
    dialled: str,
    directory: Directory,
    preferred_identity: str | None = None,
    guess: Callable[[str], str] | None = None,
) -> Facts:
    """The facts of a call from `caller` to `dialled`, as if both had authenticated.

    `caller` is an extension, a user's number, a delegated line (``676-667``), ``anonymous`` (the number withheld),
    ``unavailable`` (no number came with the call), or an outside number; what is not inside comes over the first trunk. `dialled`
    may be escaped as phones write it in a URI (``%2364…``). `guess` is asked in place of `closest_callers`, which takes a tenth of a
    second among ten thousand users.

    Raises:
        ValueError: `caller` is none of these, or a group or service, which cannot call; the text says what may have been meant.

    """
    return Facts(_who(caller.strip(), directory, guess), unquote(dialled), preferred_identity)


def _who(caller: str, directory: Directory, guess: Callable[[str], str] | None) -> Caller:
    line = directory.lines.get(caller)
    number = _SEPARATORS.sub("", caller)
    user = directory.users.get(line.assistant) if line else directory.find(caller) or directory.find(number)
    if user is not None:
        if user.kind != "person":
            raise ValueError(f"{user.shown} is a {user.kind} and cannot call; name one of its members")
        return Caller("user", user.extension, line.executive if line else None, None, user.extension, user.name, anonymous=False)
    trunk = directory.trunks[0].name if directory.trunks else None
    if caller.lower() in ("anonymous", "unavailable"):
        return Caller("trunk", None, None, trunk, "", "", anonymous=True, unavailable=caller.lower() == "unavailable")
    if _OUTSIDE_NUMBER.fullmatch(number):
        return Caller("trunk", None, None, trunk, number, "", anonymous=False)
    meant = closest_callers(caller, directory) if guess is None else guess(caller)
    raise ValueError(
        f"nobody here is {printable(caller, 40)!r}, and it is no outside number.{meant}"
        " Write an extension, a delegated line such as 676-667, a number such as +15551234567, anonymous or unavailable."
    )


def closest_callers(caller: str, directory: Directory) -> str:
    """Whom somebody meant who wrote `caller`, as a question; "" when nobody is like it."""
    known = {name.lower(): user.extension for user in directory.users.values() for name in (user.name, *user.name.split())}
    known |= {name: name for name in (*directory.users, *directory.lines, "anonymous", "unavailable")}
    found = dict.fromkeys(known[each] for each in get_close_matches(caller.lower(), known, n=3))
    return f" Did you mean {' or '.join(named(each, directory) for each in found)}?" if found else ""


def to_json(facts: Facts, plan: RoutePlan, at: datetime) -> dict[str, Any]:
    """The facts, the rules and the plan as JSON-able data; the keys of ``plan`` are the fields of `RoutePlan`."""
    decided = _as_data(plan._replace(trace=()))
    del decided["trace"]
    return {
        "at": at.isoformat(),
        "caller": _as_data(facts.caller),
        "dialled": facts.dialled,
        "preferred_identity": facts.preferred_identity,
        "rules": [{"rule": rule.name, "matched": rule.matched, "reason": rule.reason} for rule in plan.trace],
        "plan": decided,
    }


def nothing_decided(at: datetime, dialled: str) -> dict[str, Any]:
    """The same keys for a call of which no decision is kept."""
    return {"at": at.isoformat(), "caller": None, "dialled": dialled, "preferred_identity": None, "rules": [], "plan": None}


def _as_data(value: Any) -> Any:
    """A tuple with named fields as a mapping, any other tuple as a list, and so on inwards."""
    if not isinstance(value, tuple):
        return value
    if hasattr(value, "_asdict"):
        return {name: _as_data(each) for name, each in value._asdict().items()}
    return [_as_data(each) for each in value]


def render_text(facts: Facts, plan: RoutePlan, at: datetime, directory: Directory | None = None) -> str:
    """The same for people, several lines without a final newline. With `directory`, extensions are followed by names."""
    return "\n".join(printable(line, MAX_SHOWN) for line in _lines(facts, plan, at, directory))


def _lines(facts: Facts, plan: RoutePlan, at: datetime, directory: Directory | None) -> Iterator[str]:
    yield f"{_caller(facts.caller)} calls {facts.dialled} on {at:%A, %Y-%m-%d at %H:%M %z}".rstrip()
    yield ""
    yield "The rules, in the order in which they were looked at:"
    for rule in plan.trace:
        yield f"  {'yes' if rule.matched else 'no ':3}  {rule.name}: {rule.reason}"
    yield ""
    match plan.action:
        case "refuse":
            yield f"The call is refused with {plan.final_status}{f' ({plan.warning})' if plan.warning else ''}."
        case "set":
            yield "What happens:"
            yield from (f"  {_setting(setting, at, directory)}." for setting in plan.settings)
            yield f'  The phone shows "{plan.confirmation}", and the call ends.' if plan.confirmation else "  The call ends."
        case "join":
            yield "What happens:"
            yield f"  {_joined(plan, directory)}."
        case "ring":
            yield "What happens:"
            yield from (f"  {line}" for line in _numbered(plan.stages, directory))
            yield from (f"  {line}" for line in _afterwards(plan, directory))
            yield from _remembered(plan, at, directory)
            yield ""
            yield from _identities(plan, directory)


def _joined(plan: RoutePlan, directory: Directory | None) -> str:
    """What a feature asks of another call, which is looked for when it is dialled."""
    argument = named(plan.argument, directory)
    if plan.feature == CONFERENCE:
        return f"The caller enters the conference room {argument}"
    what, _, _ = DEFAULT_CODES[plan.feature].purpose.partition(":")
    whose = f" ({argument})" if argument else ""
    return f"{what[:1].upper()}{what[1:]}{whose}, if there is such a call and the caller may"


def _caller(caller: Caller) -> str:
    if caller.kind == "trunk":
        who = "Somebody without a number" if caller.unavailable else "Somebody anonymous" if caller.anonymous else caller.number
        return f"{who} (outside, over trunk {caller.trunk})"
    line = f", on the line for {caller.line}" if caller.line else ""
    return f"{caller.name} ({caller.extension}{line})"


def _afterwards(plan: RoutePlan, directory: Directory | None) -> Iterator[str]:
    if plan.plain:
        yield "Then the caller hears what the called party answered, or 480 when nobody did."
        return
    when = "When the wait is over" if any(stage.hold for stage in plan.stages) else "When nobody is left to ring"
    if plan.rollover_after is not None:
        when += f", and after {plan.rollover_after:g} s at the latest"
    if not plan.rollover:
        yield f"{when}: hang up ({plan.final_status})."
        return
    yield f"{when}:"
    yield from (f"   {line}" for lines in _each(plan.rollover, directory) for line in lines)
    yield f"Then: hang up ({plan.final_status})."


def _numbered(stages: tuple[Stage, ...], directory: Directory | None) -> Iterator[str]:
    for number, (first, *follow_ups) in enumerate(_each(stages, directory), start=1):
        yield f"{number}. {first}"
        yield from (f"   {line}" for line in follow_ups)


def _each(stages: tuple[Stage, ...], directory: Directory | None) -> Iterator[list[str]]:
    """The lines of each stage; the rounds of a queue are told once, and then how often and for how long."""
    queue: Stage | None = None
    wait, again = 0.0, False
    for stage in stages:
        if stage.hold is not None:
            again = queue is not None and stage.hold > 0 and stage.endpoints == queue.endpoints
            if not again:
                if queue is not None:
                    yield [_how_long(queue, wait)]
                queue, wait = stage if stage.hold else None, 0.0
            wait += stage.hold
        if not again:
            yield list(_stage(stage, directory))
    if queue is not None:
        yield [_how_long(queue, wait)]


def _how_long(queue: Stage, wait: float) -> str:
    every = queue.hold or 0.0
    return f"again every {every:g} s, until {wait:g} s are over" if wait > every else f"nothing else until {wait:g} s are over"


def _stage(stage: Stage, directory: Directory | None) -> Iterator[str]:
    """Who rings, and below it, indented, where the call goes on when that does not help."""
    limit = "" if stage.seconds is None else f", {stage.seconds:g} s"
    yield f"{stage.name}{limit}: {', '.join(_endpoint(endpoint, directory) for endpoint in stage.endpoints)}"
    for when, stages in (("busy", stage.busy), ("nobody answers", stage.no_answer), ("unreachable", stage.unreachable)):
        for number, (first, *below) in enumerate(_each(stages, directory)):
            yield f"   {'then' if number else f'if {when}'}: {first}"
            yield from (f"   {line}" for line in below)


def _endpoint(endpoint: Endpoint, directory: Directory | None) -> str:
    """What rings, and how: ``Sam Secretary (676) on desk phones after 18 s``."""
    match endpoint.kind:
        case "number":
            what = f"{endpoint.number} over trunk {endpoint.trunk}"
        case "uri":
            what = f"mailbox {endpoint.number}" if endpoint.role == "voicemail" else f"{endpoint.number}"
        case "user":
            what = named(endpoint.extension, directory) + _PHONES[endpoint.devices]
    if endpoint.after:
        what += f" after {endpoint.after:g} s"
    if endpoint.alert == "splash":
        what += " with one short ring"
    elif endpoint.seconds is not None:
        what += f" for {endpoint.seconds:g} s"
    if endpoint.alert == "silent":
        what += " silently"
    elif endpoint.alert == "recall":
        what += " again"
    if endpoint.diverted_by:
        what += f" instead of {named(endpoint.diverted_by, directory)}, who diverts"
    return f"{what}, until the end" if endpoint.lasting else what


_PHONES: Final = {"all": "", "apps": " on apps", "desk": " on desk phones"}


def named(extension: str | None, directory: Directory | None) -> str:
    """``Olivia Boss (667)``; the extension alone when the directory does not know it, or there is none."""
    user: User | None = directory.users.get(extension or "") if directory else None
    return user.shown if user else extension or ""


def _remembered(plan: RoutePlan, at: datetime, directory: Directory | None) -> Iterator[str]:
    if plan.settings:
        yield "  Remembered from now on:"
        yield from (f"     {_setting(setting, at, directory)}." for setting in plan.settings)


def told(setting: Setting, at: datetime, directory: Directory | None) -> str:
    """What a phone or a call has set, as a sentence without its full stop, and how long it counts; times in the zone of `at`."""
    until = "" if setting.kind == "callback" else _until(setting, at)
    return printable(f"{_setting(setting, at, directory)}{until}", MAX_SHOWN)


def _until(setting: Setting, at: datetime) -> str:
    if setting.until is None:
        return ""
    return f" until {datetime.fromtimestamp(setting.until, at.tzinfo):%A, %Y-%m-%d at %H:%M %z}".rstrip()


def _setting(setting: Setting, at: datetime, directory: Directory | None) -> str:
    """What is remembered, as a sentence without its full stop; times in the zone of `at`."""
    value, whose, other = setting.value, named(setting.subject, directory), named(setting.object, directory)
    if setting.kind == "callback" and value is not None:
        return f"A call from {other} to {whose} rings {named(value, directory)} first{_until(setting, at)}"
    if value is None:
        return f"{_WHAT[setting.kind].format(whose=whose, other=other)}: as the directory says"
    match setting.kind:
        case "opt":
            value = "no, opted out" if value == "out" else value
        case "call_as":
            value = f"as {named(value, directory)}" if value else "as themselves"
        case "duty":
            value = f"with profile {value}" if value else "off duty"
        case "hot_desk":
            value = named(value, directory) or "nobody"
    return f"{_WHAT[setting.kind].format(whose=whose, other=other)}: {value}"


_WHAT: Final = {
    "filter": "Filtering of calls to {whose}",
    "opt": "{whose} takes calls for {other}",
    "divert": "Divert of {whose}",
    "divert_to": "{whose} diverts to",
    "dnd": "Do not disturb for {whose}",
    "call_as": "{whose} calls",
    "duty": "{whose} is on duty",
    "callback": "A call from {other} to {whose} rings first",
    "hot_desk": "Logged in on {whose}",
}


def _identities(plan: RoutePlan, directory: Directory | None) -> Iterator[str]:
    if plan.confidential:
        yield "The call is confidential: assistants whom it reaches see a private caller."
    if plan.present_assistant:
        yield f"Assistants see {_shown(plan.present_assistant)}."
    for each in plan.present_for:
        yield f"Assistants of {named(each.executive, directory)} see {_shown(each.presentation)}."
    if plan.present:
        everybody = "Everybody else sees" if plan.present_assistant else "The called party sees"
        yield f"{everybody} {_shown(plan.present)}."
    if plan.present_outside:
        yield f"Outside numbers see {_shown(plan.present_outside)}."
    if plan.on_behalf_of:
        yield f"{named(plan.actor, directory)} speaks on behalf of {named(plan.on_behalf_of, directory)}."


def _shown(identity: Presentation) -> str:
    return f'"{identity.name}" <{identity.number}>' if identity.name else f"<{identity.number}>"
