"""What a directory file changes in the directory: a three-way merge.

The file names the whole organisation, and people edit on the page besides. What counts is therefore what the file has changed since it
was taken in last, field by field; what it has left alone stays as the page has made it. Who was disabled on the page is not enabled
again because somebody has corrected their name in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from b2bua.administration.entries import KINDS, ORGANISATION, Body, Delete, Op, Put

Bodies = Mapping[tuple[str, str], Body]
DIGEST: Final = "digest"
"""The digests of a user's SIP password, by account: their own first."""


class Merged(NamedTuple):
    """The changes that a file asks for, and which of them undo what was changed on the page."""

    ops: tuple[Op, ...]
    overruled: tuple[tuple[str, str, str], ...]
    """(kind, key, field) that both have changed: the file wins, and the audit keeps what was there. Field "": the whole entry."""


def merge(base: Bodies, file: Bodies, current: Bodies) -> Merged:
    """From `base`, the file as it was taken in last, to `file`, on top of `current`."""
    ops: list[Op] = []
    overruled: list[tuple[str, str, str]] = []
    for name in dict.fromkeys((*base, *file)):
        before, wanted, now = base.get(name), file.get(name), current.get(name)
        if wanted in (before, now):
            continue
        fields: list[str] = []
        if wanted is not None and now is not None:
            wanted = _combined(before or {}, wanted, now, fields)
        elif now != before:
            fields = [""]
        overruled += [(*name, field) for field in fields]
        if wanted != now:
            ops.append(_op(name, wanted))
    return Merged(in_order(ops), tuple(overruled))


def _combined(base: Body, file: Body, current: Body, overruled: list[str], path: str = "") -> Body:
    """`current` with what has changed from `base` to `file`, field by field; lists are fields. The fields that both have changed are added
    to `overruled`."""
    made = {}
    for key in dict.fromkeys((*current, *file)):
        before, wanted, now = base.get(key), file.get(key), current.get(key)
        if wanted in (before, now):
            value = now
        elif key == DIGEST:
            value = _digests(before or {}, wanted or {}, now or {})
        elif isinstance(wanted, Mapping) and isinstance(now, Mapping):
            value = _combined(before if isinstance(before, Mapping) else {}, wanted, now, overruled, f"{path}{key}.")
        else:
            value = wanted
            if now != before:
                overruled.append(f"{path}{key}")
        if value is not None or (key in file and wanted is None and now is None):
            made[key] = value
    return made


def _digests(base: Body, file: Body, current: Body) -> Body:
    """A password that was changed on the page stays changed when the file only knows of another delegated line: the digests of a user
    are those of one password."""
    own = next(iter(file), None)
    return current if current != base and own is not None and file[own] == base.get(own) else file


def replace(file: Bodies, current: Bodies) -> tuple[Op, ...]:
    """From `current` to exactly what the file says."""
    return in_order([_op(name, file.get(name)) for name in dict.fromkeys((*current, *file)) if file.get(name) != current.get(name)])


def in_order(ops: list[Op]) -> tuple[Op, ...]:
    """As the kinds stand in a file, what is removed first: an extension may move from one kind to another."""
    return tuple(sorted(ops, key=lambda op: (isinstance(op, Put), KINDS.index(op.kind))))


def _op(name: tuple[str, str], body: Body | None) -> Op:
    kind, key = name
    if body is None and name == ORGANISATION:
        body = {}
    return Delete(kind, key) if body is None else Put(kind, key, body)  # type: ignore[arg-type]


def difference(before: Body | None, after: Body | None, path: str = "") -> list[tuple[str, object, object]]:
    """Where two bodies differ: (path, before, after), leaf by leaf; lists are compared as a whole."""
    found: list[tuple[str, object, object]] = []
    one, other = before or {}, after or {}
    for key in dict.fromkeys((*one, *other)):
        old, new = one.get(key), other.get(key)
        place = f"{path}.{key}" if path else key
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += difference(old, new, place)
        elif old != new:
            found.append((place, old, new))
    return found
