"""Telephone numbers as text: what is written between the digits does not count (RFC 3966 section 5.1.1)."""

from __future__ import annotations

import re
from typing import Final

_SEPARATED = re.compile(r"\+?[0-9().\- ]*[0-9][0-9().\- ]*")
_SEPARATORS: Final = str.maketrans("", "", "().- ")


def normalise(dialled: str) -> str:
    """The number without visual separators; anything that is no phone number is returned unchanged."""
    if dialled.isalnum() or not _SEPARATED.fullmatch(dialled):
        return dialled
    return dialled.translate(_SEPARATORS)


def number_key(number: str) -> str:
    """The form under which a number is looked up and compared: normalised, without the ``+``."""
    return normalise(number).removeprefix("+")
