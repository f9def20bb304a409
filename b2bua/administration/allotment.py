"""Which outside numbers and extensions the manager of a site may give (E10, E17). Pure.

Whoever has a number gets the calls to it, also what others forward there. So managers give what the organisation has set aside, or what a
user of theirs has already; the number of a bank, a lawyer or a colleague elsewhere is none of these.
"""

from __future__ import annotations

from collections.abc import Iterable

from b2bua.administration.entries import Body
from b2bua.administration.viewer import Viewer
from b2bua.delegation.digits import number_key
from b2bua.delegation.model import Directory
from b2bua.delegation.organisation import NumberRange
from b2bua.errors import Refused


def check(viewer: Viewer, key: str, before: Body | None, after: Body | None, directory: Directory) -> None:
    """That a user of the viewer's site may get these numbers, or this extension. Raises Refused."""
    if after is None:
        return
    if before is None and _hides_outside_number(key, directory):
        raise Refused(403, f"{key} is as long as an outside number, and calls to that would come here: this needs the role user_admin")
    kept = {number_key(str(each)) for each in _numbers(before)}
    for number in map(str, _numbers(after)):
        if number_key(number) not in kept and not _may_give(viewer, number, directory):
            raise Refused(403, f"{number} is no number of the organisation's inventory, nor of a user of your site: to give it you need the role user_admin")


def _numbers(body: Body | None) -> Iterable[object]:
    found = (body or {}).get("numbers")
    return found if isinstance(found, (list, tuple)) else ()


def _may_give(viewer: Viewer, number: str, directory: Directory) -> bool:
    if any(has(each, number) for each in directory.number_inventory):
        return True
    owner = directory.users.get(directory.numbers.owner_of(number) or "")
    return owner is not None and owner.location in viewer.sites


def has(span: NumberRange, number: str) -> bool:
    """Whether a number, with or without its +, is in a range of the inventory."""
    digits, first, last = number_key(number), number_key(span.first), number_key(span.last)
    return digits.isdecimal() and len(digits) == len(first) and first <= digits <= last


def _hides_outside_number(extension: str, directory: Directory) -> bool:
    """Extensions come before trunks. Where a trunk takes everything, one that is as long as those there are is meant as one."""
    return directory.numbers.trunk_for(extension) is not None and all(len(extension) != len(each) for each in directory.users)
