"""Why a call goes where it goes: a plan as text for people and as data for programs (F7).

The plan explains itself; nothing is decided here. `facts_for` makes the facts of a call that somebody asks about.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from b2bua.delegation.callerid import printable
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Caller, Endpoint, Facts, Presentation, RoutePlan, Stage

MAX_SHOWN = 200


def facts_for(caller: str, dialled: str, directory: Directory) -> Facts:
    """The facts of a call from `caller` to `dialled`, as if both had authenticated.

    `caller` is an extension, a user's number, a delegated line (``676-667``), ``anonymous``, or an outside number, which comes
    over the first trunk. `dialled` may be escaped as phones write it in a URI (``%2364…``).
    """
    dialled = unquote(dialled)
    account = directory.account(caller)
    user = directory.users[account.extension] if account else directory.find(caller)
    if user is not None:
        line = account.line if account else None
        return Facts(Caller("user", user.extension, line, None, user.extension, user.name, anonymous=False), dialled)
    trunk = directory.trunks[0].name if directory.trunks else None
    anonymous = caller.lower() == "anonymous"
    return Facts(Caller("trunk", None, None, trunk, "" if anonymous else caller, "", anonymous), dialled)


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
    if plan.action == "refuse":
        yield f"The call is refused with {plan.final_status}{f' ({plan.warning})' if plan.warning else ''}."
        return
    yield "What happens:"
    yield from (f"  {number}. {_stage(stage, directory)}" for number, stage in enumerate(plan.stages, start=1))
    yield from (f"  {line}" for line in _afterwards(plan, directory))
    yield ""
    yield from _identities(plan, directory)


def _caller(caller: Caller) -> str:
    if caller.kind == "trunk":
        who = "Somebody anonymous" if caller.anonymous else caller.number
        return f"{who} (outside, over trunk {caller.trunk})"
    line = f", on the line for {caller.line}" if caller.line else ""
    return f"{caller.name} ({caller.extension}{line})"


def _afterwards(plan: RoutePlan, directory: Directory | None) -> Iterator[str]:
    if plan.plain:
        yield "Then the caller hears what the called party answered, or 480 when nobody did."
        return
    when = "When nobody is left to ring"
    if plan.rollover_after is not None:
        when += f", and after {plan.rollover_after:g} s at the latest"
    if not plan.rollover:
        yield f"{when}: hang up ({plan.final_status})."
        return
    yield f"{when}:"
    yield from (f"   {_stage(stage, directory)}" for stage in plan.rollover)
    yield f"Then: hang up ({plan.final_status})."


def _stage(stage: Stage, directory: Directory | None) -> str:
    limit = "" if stage.seconds is None else f", {stage.seconds:g} s"
    return f"{stage.name}{limit}: {', '.join(_endpoint(endpoint, directory) for endpoint in stage.endpoints)}"


def _endpoint(endpoint: Endpoint, directory: Directory | None) -> str:
    if endpoint.kind == "number":
        return f"{endpoint.number} over trunk {endpoint.trunk}"
    shown = _named(endpoint.extension, directory)
    return f"{shown}, until the end" if endpoint.lasting else shown


def _named(extension: str | None, directory: Directory | None) -> str:
    user = directory.users.get(extension or "") if directory else None
    return f"{user.name} ({extension})" if user else extension or ""


def _identities(plan: RoutePlan, directory: Directory | None) -> Iterator[str]:
    if plan.present_assistant:
        yield f"Assistants see {_shown(plan.present_assistant)}."
    if plan.present:
        everybody = "Everybody else sees" if plan.present_assistant else "The called party sees"
        yield f"{everybody} {_shown(plan.present)}."
    if plan.present_outside:
        yield f"Outside numbers see {_shown(plan.present_outside)}."
    if plan.on_behalf_of:
        yield f"{_named(plan.actor, directory)} speaks on behalf of {_named(plan.on_behalf_of, directory)}."


def _shown(identity: Presentation) -> str:
    return f'"{identity.name}" <{identity.number}>' if identity.name else f"<{identity.number}>"
