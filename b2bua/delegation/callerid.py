"""What the called party sees: the identity of the caller, of the executive on behalf, and the assistants' display (A17, B3, B7).

A `Presentation` is a display name and a user part. Text that came from outside is made printable here, so that nothing in a
caller's name can start a new line on another leg or in a log; quoting and URI escaping are left to whoever writes the header.
"""

from __future__ import annotations

import re
from typing import Final

from b2bua.delegation.people import Alerting, Executive, User
from b2bua.delegation.plan import Caller, Presentation

ANONYMOUS: Final = Presentation("Anonymous", "anonymous")
"""RFC 3323 section 4.1.1.3."""
PRIVATE: Final = Presentation("Private", "anonymous")
"""A confidential contact, as assistants see it (A24)."""
MAX_NAME: Final = 128
_NOT_A_NUMBER = re.compile(r"[^A-Za-z0-9+*#._\-!~'()&=$,;?/]")
_NOT_A_TOKEN = re.compile(r"[^ !#-\[\]-~]")


def printable(text: str, limit: int = MAX_NAME) -> str:
    """`text` without control characters, line separators and undecodable bytes, and not longer than `limit` characters."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text).strip()
    return text[:limit]


def quotable(text: str) -> str:
    """`text` as it may stand between quotes in a header or in a log line: printable ASCII, no quotes, no backslash, short."""
    return _NOT_A_TOKEN.sub("?", text[:40])


def caller_inside(caller: Caller) -> Presentation:
    """The caller as users of this server see them: name and extension, or the trunk's name and number."""
    number = _NOT_A_NUMBER.sub("", caller.number)
    if caller.anonymous or not number:
        return ANONYMOUS
    return Presentation(printable(caller.name), number)


def user_outside(user: User) -> Presentation:
    """A user as the outside sees them: name and main number."""
    return Presentation(user.name, user.main_number)


def executive_outside(user: User, executive: Executive) -> Presentation:
    """The executive on whose behalf an outside number is called: name and delegated caller ID (B3)."""
    return Presentation(user.name, executive.caller_id or user.main_number)


def user_inside(user: User) -> Presentation:
    """A user as other users see them: name and extension."""
    return Presentation(user.name, user.extension)


def to_assistant(caller: Presentation, executive: User, alerting: Alerting) -> Presentation:
    """What an assistant's phone shows for a filtered call of `caller` to `executive` (A17)."""
    name = caller.name or caller.number
    match alerting.name:
        case "originator_executive":
            shown = f"{name} → {executive.name}"
        case "executive_originator":
            shown = f"{executive.name} ← {name}"
        case "originator":
            shown = name
        case "executive":
            shown = executive.name
        case "custom":
            shown = alerting.custom_name
    match alerting.number:
        case "originator":
            number = caller.number
        case "executive":
            number = executive.extension
        case "custom":
            number = alerting.custom_number
    return Presentation(alerting.name_prefix + shown, number)
