"""As whom does the caller speak? (B2-B7, B9-B11): the identity that was chosen, whether it may be, and what the called party sees.

Chosen by the code dialled, else the header, else the delegated line, else the sticky choice. Emergency calls never get here (B9).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from b2bua.delegation import callerid
from b2bua.delegation.callerid import quotable
from b2bua.delegation.callers import user_key
from b2bua.delegation.digits import number_key
from b2bua.delegation.model import Directory
from b2bua.delegation.people import Disclosure, Executive
from b2bua.delegation.plan import Caller, Presentation, Rule, Setting
from b2bua.delegation.situation import Refusal, Situation
from b2bua.delegation.standing import not_covering, off_duty


class Identity(NamedTuple):
    """As whom the caller wants to speak."""

    executive: str | None
    """None: as oneself."""
    means: str
    """How it was chosen, for the explainer."""
    disclosed: bool = False
    """This call shall say that an assistant speaks (B10)."""


class Voice(NamedTuple):
    """As whom the caller is shown to one destination."""

    executive: Executive
    disclosure: Literal["executive", "assistant"]


ONESELF: Final = Identity(None, "")
STICKY: Final = "sticky choice"
_AS_ONESELF: Final = Rule("on behalf", False, "no other identity was chosen")


def chosen_identity(situation: Situation, by_code: Identity | None) -> Identity:
    """The identity asked for. Naming oneself in a header is no choice; a code that says "as myself" is one."""
    caller, directory = situation.caller, situation.directory
    if by_code is not None:
        if by_code.executive is None:
            return by_code
        named = _named(by_code.executive, caller, directory)
        return by_code if named is None else by_code._replace(executive=named[0])
    preferred = situation.facts.preferred_identity
    if preferred:
        found = _named(preferred, caller, directory)
        if found is not None and found[0] is not None:
            return Identity(found[0], "P-Preferred-Identity")
        situation.note("P-Preferred-Identity", False, f"{quotable(preferred)} names {'the caller' if found else 'nobody here'}")
    if caller.line is not None:
        return Identity(caller.line, "delegated line")
    sticky = situation.setting("call_as", caller.extension or "")
    return ONESELF if sticky is None else Identity(sticky, STICKY)


def _named(text: str, caller: Caller, directory: Directory) -> tuple[str | None] | None:
    """Whom `text` names: a user by extension or number, or one of the caller's own lines; (None,) the caller, None nobody here."""
    delegation = directory.lines.get(text)
    if delegation is not None and delegation.assistant == caller.extension:
        return (delegation.executive,)
    user = directory.find(text)
    if user is None:
        return None
    return (None if user.extension == caller.extension else user.extension,)


def may_speak_as(situation: Situation, chosen: Identity) -> Refusal | None:
    """Speaking as somebody else needs a delegation with the right `call`, in force and on duty (B5, B6, A25); None = allowed."""
    if chosen.executive is None:
        if chosen.means:
            situation.note("on behalf", False, f"as oneself (chosen by {chosen.means})")
        else:
            situation.trace.append(_AS_ONESELF)
        return None
    wanted, caller = quotable(chosen.executive), situation.caller.extension or ""
    if chosen.executive not in situation.directory.users and chosen.means != STICKY:
        situation.note("right to call on behalf", False, f"nobody has the extension {wanted} (chosen by {chosen.means})")
        return Refusal(404, f"nobody has the extension {wanted}")
    missing = _missing(situation, caller, chosen.executive)
    if not missing:
        situation.note("right to call on behalf", True, f"{caller} may call as {wanted} (chosen by {chosen.means})")
        return None
    situation.note("right to call on behalf", False, f"{caller} {missing} (chosen by {chosen.means})")
    hint = ""
    if chosen.means == STICKY:
        hint = f"; dial {situation.directory.codes.codes['call_as_clear']} to call as yourself"
    return Refusal(403, f"you may not call as {wanted}{hint}")


def _missing(situation: Situation, caller: str, wanted: str) -> str:
    """What keeps `caller` from speaking as `wanted`; "" when nothing does."""
    delegation = situation.directory.delegation(caller, wanted)
    if delegation is None:
        return f"is no assistant of {wanted}"
    if not situation.directory.executives[wanted].may_be_impersonated:
        return f"cannot call as the service {wanted}, which is not enabled for that"
    if "call" not in delegation.rights:
        return f"has no right 'call' for {wanted}"
    if delegation.approval != "approved":
        return f"has a delegation for {wanted} that is {delegation.approval}, not approved"
    return not_covering(situation, delegation) or off_duty(situation, caller, wanted)


def voice(situation: Situation, chosen: Identity, number: str, inside: str | None) -> Voice | None:
    """As whom the called party sees the caller: by class of destination (B7) and disclosure (B10); None = as oneself.

    `inside` is the extension of the called user, None for the outside number `number`.
    """
    if chosen.executive is None:
        return None
    executive = situation.directory.executives[chosen.executive]
    if inside == executive.extension:
        situation.note("identity by destination", False, "the executive sees who really calls")
        return None
    where, disclosure = _disclosure(executive, number, inside)
    if disclosure == "executive" and chosen.disclosed:
        disclosure = "assistant"
    shown = {"executive": "the executive", "assistant": "the assistant for the executive", "self": "the caller"}[disclosure]
    situation.note("identity by destination", disclosure != "self", f"{where} destinations see {shown}")
    return None if disclosure == "self" else Voice(executive, disclosure)


def _disclosure(executive: Executive, number: str, inside: str | None) -> tuple[str, Disclosure]:
    on_behalf = executive.on_behalf
    if on_behalf.classes:
        key = number_key(number) if inside is None else user_key(inside)
        for each in on_behalf.classes:
            if each.numbers.has(key):
                return each.name, each.disclosure
    return ("outside", on_behalf.outside) if inside is None else ("inside", on_behalf.inside)


def shown_outside(situation: Situation, spoken: Voice | None) -> Presentation:
    """Name and number of the caller for an outside number: on behalf the executive's delegated caller ID (B3)."""
    directory = situation.directory
    own = directory.users.get(situation.caller.extension or "")
    if spoken is None:
        return callerid.user_outside(own) if own else callerid.caller_inside(situation.caller)
    identity = callerid.executive_outside(directory.users[spoken.executive.extension], spoken.executive)
    return _disclosed(situation, spoken, identity)


def shown_inside(situation: Situation, spoken: Voice | None) -> Presentation:
    """The same for users: the extension."""
    if situation.caller.anonymous:
        return callerid.ANONYMOUS
    if spoken is None:
        caller = situation.caller
        if caller.kind == "trunk" and caller.number in situation.directory.users:  # no colleague: calling back would reach somebody else
            return Presentation(f"{caller.number} (outside)", callerid.ANONYMOUS.number)
        return callerid.caller_inside(caller)
    return _disclosed(situation, spoken, callerid.user_inside(situation.directory.users[spoken.executive.extension]))


def _disclosed(situation: Situation, spoken: Voice, identity: Presentation) -> Presentation:
    """`Sam Secretary for Olivia Boss` where the call says that an assistant speaks (B10)."""
    if spoken.disclosure == "executive":
        return identity
    return identity._replace(name=f"{situation.caller.name} for {identity.name}")


def call_back_memory(situation: Situation, spoken: Voice | None, number: str) -> tuple[Setting, ...]:
    """What is remembered so that a call back from `number` finds the assistant who called (B11)."""
    seconds = spoken.executive.on_behalf.callback_seconds if spoken else 0.0
    assistant = situation.caller.extension
    if spoken is None or assistant is None or not seconds:
        return ()
    situation.note("sticky callback", True, f"for {seconds / 3600:g} h a call back goes to {assistant} first")
    return (Setting("callback", spoken.executive.extension, number_key(number), assistant, situation.stamp + seconds),)
