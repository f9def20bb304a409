"""What a SIP password must be like that somebody chooses on a page, by the API or in a sheet: whoever guesses it calls at the organisation's expense.

A file may hold any; `b2bua check` warns of short ones.
"""

from __future__ import annotations

from collections.abc import Iterable

from b2bua.administration.entries import Body, Finding, Op, Put
from b2bua.administration.secrets import MIN_PASSWORD, Unsuitable, check_password


def unsuitable(ops: Iterable[Op]) -> tuple[Finding, ...]:
    """Of each user whose new password others would guess: what to choose instead."""
    return tuple(found for op in ops if isinstance(op, Put) and op.kind == "users" for found in _of(op.key, op.body))


def _of(extension: str, body: Body) -> Iterable[Finding]:
    password = body.get("password")
    if not isinstance(password, str) or not password:
        return  # the schema has more to say about it
    if len(password) < MIN_PASSWORD:
        text = f"is too short for phones, which anybody may try to guess: choose at least {MIN_PASSWORD} characters"
        yield Finding("users", extension, "password", text)
        return
    try:
        check_password(password, _names(extension, body))
    except Unsuitable as error:
        yield Finding("users", extension, "password", error.text)


def _names(extension: str, body: Body) -> list[str]:
    """What others would try."""
    name, numbers = str(body.get("name") or ""), body.get("numbers")
    return [extension, name, *name.split(), str(body.get("email") or ""), *(map(str, numbers) if isinstance(numbers, list | tuple) else ())]
