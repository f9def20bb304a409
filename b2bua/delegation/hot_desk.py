"""Shared phones (E7): who speaks at one, and what is dialled to log in.

A shared phone belongs to nobody. While somebody has logged in on it, calls from it are theirs and theirs ring there; emergency calls stay
the phone's own, for help is to go where it stands. A PIN is split off here, before anything keeps what was dialled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from b2bua.delegation.features import LOG_IN, LOG_OUT

if TYPE_CHECKING:
    from b2bua.delegation.model import Directory
    from b2bua.delegation.people import User
    from b2bua.delegation.plan import Caller, Facts

STAY_SECONDS: Final = 24 * 3_600.0
"""After so long whoever has logged in is logged out."""
HIDDEN: Final = "****"
"""In the place of a PIN, however long it is."""
MARK: Final = "*"
"""What may stand between the extension and the PIN."""


class LogIn(NamedTuple):
    """What follows the code, taken apart."""

    extension: str
    """"": nobody has one that it begins with."""
    pin: str
    """As dialled; "": there is none."""


def log_in(argument: str, directory: Directory) -> LogIn:
    """``676*4711``, or ``6764711``: then the longest extension of somebody who may log in counts, and all the rest is the PIN."""
    extension, mark, pin = argument.partition(MARK)
    if mark and may_log_in(directory.users.get(extension)):
        return LogIn(extension, pin)
    ends = range(min(len(argument), _LONGEST), 0, -1)
    found = next((argument[:end] for end in ends if may_log_in(directory.users.get(argument[:end]))), "")
    return LogIn(found, argument[len(found) :])


_LONGEST: Final = 32  # of an extension


def is_shared(user: User | None) -> bool:
    """Whether this is a phone that belongs to nobody."""
    return user is not None and user.type == "shared"


def may_log_in(user: User | None) -> bool:
    """Whether this is a person who has phones."""
    return user is not None and user.kind == "person" and user.type == "person" and user.active


def without_pin(dialled: str, directory: Directory) -> tuple[str, str]:
    """What was dialled, as it may be kept and shown, and the PIN that stood in it ("": none)."""
    code = directory.codes.match(dialled)
    if code is None or code.feature != LOG_IN or not code.argument:
        return dialled, ""
    wanted = log_in(code.argument, directory)
    if not wanted.pin:
        return dialled, ""
    return f"{code.code}{wanted.extension}{MARK}{HIDDEN}", wanted.pin


def settled(facts: Facts, directory: Directory, stamp: float) -> Facts:
    """The facts about a user's call without a PIN, and with whoever really calls."""
    caller = speaker(facts.caller, facts.dialled, directory, stamp)
    dialled, _ = without_pin(facts.dialled, directory)
    same = caller is facts.caller and dialled is facts.dialled
    return facts if same else facts._replace(caller=caller, dialled=dialled)


def speaker(caller: Caller, dialled: str, directory: Directory, stamp: float) -> Caller:
    """Who really calls from a shared phone: whoever has logged in, but for emergency numbers and for the codes that log in and out. `stamp`:
    seconds since the epoch."""
    phone = directory.users.get(caller.extension or "")
    if phone is None or phone.type != "shared":
        return caller
    user = directory.users.get(directory.state.value("hot_desk", phone.extension, now=stamp) or "")
    if user is None or not may_log_in(user) or _stays_the_phones(dialled, directory):
        return caller
    return caller._replace(extension=user.extension, number=user.extension, name=user.name, device=phone.extension)


def _stays_the_phones(dialled: str, directory: Directory) -> bool:
    code = directory.codes.match(dialled)
    if code is not None and code.feature in (LOG_IN, LOG_OUT):
        return True
    return directory.numbers.is_emergency(directory.codes.behind(dialled))
