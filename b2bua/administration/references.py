"""Which entry of the directory names which other one; renaming and removing an entry with all that names it. Pure.

One walk over a body serves all three: each name that it finds is shown to a visitor, which answers what shall stand there instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from b2bua.administration.assistants import items, settled
from b2bua.administration.entries import KEY_FIELDS, Body, Delete, Finding, Kind, Op, Put
from b2bua.administration.rights import Reader, acceptance

Names = Literal["extension", "caller", "office", "site", "cost_centre", "schedule", "narrowing", "caller_group"]
"""What a name stands for. caller: an extension or a caller group · office: an executive, group or service · narrowing: a schedule without which
a rule would match more than it was meant to, so it is never just left out."""
Step = str
"""A key; ``*`` each of a list; ``@`` each of a list whose items are names or mappings with ``extension``, ``extensions`` or ``group``;
``#`` the keys of a mapping; ``>`` where a rollover leads."""
Visitor = Callable[[Names, str, str], str | None]
"""(what it stands for, the name, the field) -> the name that shall stand there, None: none."""


class Path(NamedTuple):
    """Where a kind of entry names others."""

    steps: tuple[Step, ...]
    names: Names


def _path(text: str, names: Names) -> Path:
    return Path(tuple(text.split(".")), names)


_ROLLOVER: Final = _path("rollover.>", "extension")
_CLASSES: Final = _path("on_behalf.classes.#", "caller_group")
PATHS: Final[Mapping[str, tuple[Path, ...]]] = {
    "users": (
        *(_path(f"forwarding.{key}", "extension") for key in ("always", "busy", "no_answer", "unreachable")),
        _path("divert.to", "extension"),
        _path("location", "site"),
        _path("cost_centre", "cost_centre"),
        _path("hours", "schedule"),
        _path("manages.sites.*", "site"),
        _path("manages.groups.*", "extension"),
    ),
    "phones": (_path("user", "extension"), _path("site", "site")),
    "sites": (_path("parent", "site"), _path("managers.*", "extension")),
    "cost_centres": (_path("parent", "cost_centre"),),
    "caller_groups": (_path("value.*", "caller"),),
    "executives": (
        _path("assistants.@", "extension"),
        _path("assistants.*.callers.*", "caller"),
        _path("confidential.*", "caller"),
        _path("filtering.criteria.*.from.*", "caller"),
        _path("filtering.criteria.*.dialled.*", "extension"),
        *(_path(f"filtering.criteria.*.{key}", "narrowing") for key in ("during", "outside", "holidays")),
        _CLASSES,
        _ROLLOVER,
    ),
    "groups": (_path("members.@", "extension"), _path("managers.*", "extension"), _path("location", "site"), _ROLLOVER),
    "services": (_path("agents.@", "extension"), _path("managers.*", "extension"), _path("location", "site"), _CLASSES, _ROLLOVER),
    "duty_profiles": (_path("agents.*", "extension"), _path("responsible_for.*", "office")),
    "conferences": (_path("moderators.*", "extension"),),
}
_EXTENSION: Final[frozenset[Names]] = frozenset({"extension", "caller", "office"})
NAMED_AS: Final[Mapping[str, frozenset[Names]]] = {
    "users": _EXTENSION,
    "groups": _EXTENSION,
    "services": _EXTENSION,
    "conferences": frozenset({"extension"}),
    "executives": frozenset({"office"}),
    "sites": frozenset({"site"}),
    "cost_centres": frozenset({"cost_centre"}),
    "schedules": frozenset({"schedule", "narrowing"}),
    "caller_groups": frozenset({"caller", "caller_group"}),
}
"""As what an entry of a kind is named by others."""


GONE: Final = "is gone, for a phone signs in with its extension: set a new one; who signs in on the page must be invited anew"


class Changes(NamedTuple):
    """What renames or removes an entry everywhere."""

    ops: tuple[Op, ...]
    warnings: tuple[Finding, ...] = ()
    """What comes of it that nobody may have meant."""


def references(kind: str, key: str, book: Reader) -> list[Finding]:
    """Who names this entry; the executive's entry of a user is one of them."""
    found: list[Finding] = []
    if kind == "users" and book.entry("executives", key) is not None:
        found.append(Finding("executives", key, "extension", f"is the executive's entry of {key}"))
    for other, entry in _others(kind, key, book):
        visited: list[str] = []
        rewritten(other, entry.body, _looking_for(kind, key, visited))
        found += [Finding(other, entry.key, field, f"names {key}") for field in visited]
    return found


def renamed(kind: Kind, key: str, to: str, book: Reader) -> Changes:
    """The entry under the name `to`, and every reference to it; KeyError when there is no entry.

    It keeps its place in its list. A phone signs in with its extension, so the password of a renamed user is gone.
    """
    entry = book.entries(kind)[key]
    named = _renaming(kind, key, to)
    ops: list[Op] = [Delete(kind, key, entry.revision), Put(kind, to, _with_key(kind, rewritten(kind, entry.body, named), to), 0, entry.position)]
    warnings: list[Finding] = []
    changed: dict[tuple[str, str], Body] = {}
    for other, each in _others(kind, key, book):
        body = rewritten(other, each.body, named)
        if body != each.body:
            changed[other, each.key] = body
    if kind == "users":
        _rename_executive(key, to, book, ops, changed)
        warnings = [Finding("users", to, "password", GONE), *_forget_lines(key, to, book, changed)]
    ops += [Put(other, name, body, book.entries(other)[name].revision) for (other, name), body in changed.items()]  # type: ignore[arg-type]
    return Changes(tuple(map(_accepted, ops) if acceptance(book) else ops), tuple(warnings))


def _accepted(op: Op) -> Op:
    """Who has accepted does not have to do it again because of a name."""
    return op._replace(body=settled(op.body)) if isinstance(op, Put) and op.kind == "executives" else op


def removed(kind: Kind, key: str, book: Reader) -> Changes:
    """Without the entry, and without every reference that can be left out; KeyError when there is no entry.

    What would mean something else without the name stays, and is refused where the directory is checked.
    """
    ops: list[Op] = [Delete(kind, key, book.entries(kind)[key].revision)]
    warnings: list[Finding] = []
    executive = book.entry("executives", key) if kind == "users" else None
    if executive is not None:
        ops.append(Delete("executives", key, executive.revision))
    for other, entry in _others(kind, key, book):
        if executive is not None and (other, entry.key) == ("executives", key):
            continue
        body = rewritten(other, entry.body, _removing(kind, key))
        if body != entry.body:
            ops.append(Put(other, entry.key, body, entry.revision))  # type: ignore[arg-type]
            warnings += _silenced(other, entry.key, entry.body, body, key)
    return Changes(tuple(ops), tuple(warnings))


def rewritten(kind: str, body: Body, visit: Visitor) -> dict[str, Any]:
    """The body with each name as the visitor answers."""
    result: Any = dict(body)
    for path in PATHS.get(kind, ()):
        result = _walk(result, path.steps, path.names, "", visit)
    return dict(result)


# --- the walk -----------------------------------------------------------------------------------------------------------------

_GONE: Final = object()


def _walk(node: Any, steps: tuple[Step, ...], names: Names, field: str, visit: Visitor) -> Any:
    if not steps:
        if not isinstance(node, str):
            return node
        name = visit(names, node, field)
        return _GONE if name is None else name
    step, rest = steps[0], steps[1:]
    if step in _SPECIAL:
        return _SPECIAL[step](node, rest, names, field, visit)
    if not isinstance(node, Mapping) or step not in node:
        return node
    child = _walk(node[step], rest, names, f"{field}.{step}".lstrip("."), visit)
    if child is node[step]:
        return node
    return {key: child if key == step else value for key, value in node.items() if key != step or child is not _GONE}


def _each(node: Any, steps: tuple[Step, ...], names: Names, field: str, visit: Visitor) -> Any:
    if not isinstance(node, list | tuple):
        return node
    walked = [_walk(each, steps, names, f"{field}[{index}]", visit) for index, each in enumerate(node)]
    return _kept(node, [each for each in walked if each is not _GONE])


def _items(node: Any, steps: tuple[Step, ...], names: Names, field: str, visit: Visitor) -> Any:
    if not isinstance(node, list | tuple):
        return node
    walked = [_item(each, steps, names, f"{field}[{index}]", visit) for index, each in enumerate(node)]
    return _kept(node, [each for each in walked if each is not _GONE])


def _item(node: Any, steps: tuple[Step, ...], names: Names, field: str, visit: Visitor) -> Any:
    """One assistant, member or agent: without its name there is no item left."""
    if not isinstance(node, Mapping):
        return _walk(node, steps, names, field, visit)
    result: Any = node
    for key in ("extension", "group"):
        result = _walk(result, (key, *steps), names, field, visit)
    result = _walk(result, ("extensions", "*", *steps), names, field, visit)
    if result is node:
        return node
    return _GONE if any(key in node and not result.get(key) for key in ("extension", "group", "extensions")) else result


def _keys(node: Any, _steps: tuple[Step, ...], names: Names, field: str, visit: Visitor) -> Any:
    if not isinstance(node, Mapping):
        return node
    pairs = [(visit(names, key, f"{field}.{key}"), value) for key, value in node.items()]
    kept = {key: value for key, value in pairs if key is not None}
    return node if list(kept) == list(node) else kept


def _rollover(node: Any, _steps: tuple[Step, ...], names: Names, field: str, visit: Visitor) -> Any:
    """Written as ``{action: forward, forward: NUMBER}`` or ``{action: {forward: NUMBER}}``; without the number the call ends."""
    if not isinstance(node, Mapping):
        return node
    inner = node.get("action")
    where = ("action", "forward") if isinstance(inner, Mapping) else ("forward",)
    walked = _walk(node, where, names, field, visit)
    target = walked["action"].get("forward") if isinstance(inner, Mapping) else walked.get("forward")
    if walked is node or target is not None:
        return walked
    return {**{key: value for key, value in walked.items() if key != "forward"}, "action": "hangup"}


_SPECIAL: Final[Mapping[Step, Callable[[Any, tuple[Step, ...], Names, str, Visitor], Any]]] = {
    "*": _each,
    "@": _items,
    "#": _keys,
    ">": _rollover,
}


def _kept(before: list[Any] | tuple[Any, ...], after: list[Any]) -> Any:
    same = len(before) == len(after) and all(one is other for one, other in zip(before, after, strict=True))
    return before if same else after


# --- visitors -----------------------------------------------------------------------------------------------------------------


def _others(kind: str, key: str, book: Reader) -> list[tuple[str, Any]]:
    """Every entry that may name one of this kind, but for itself."""
    wanted = NAMED_AS.get(kind, frozenset())
    kinds = [other for other, paths in PATHS.items() if any(path.names in wanted for path in paths)]
    return [(other, entry) for other in kinds for entry in book.entries(other).values() if (other, entry.key) != (kind, key)]


def _looking_for(kind: str, key: str, found: list[str]) -> Visitor:
    wanted = NAMED_AS.get(kind, frozenset())

    def visit(names: Names, name: str, field: str) -> str:
        if name == key and names in wanted:
            found.append(field)
        return name

    return visit


def _renaming(kind: str, key: str, to: str) -> Visitor:
    wanted = NAMED_AS.get(kind, frozenset())
    return lambda names, name, _field: to if name == key and names in wanted else name


def _removing(kind: str, key: str) -> Visitor:
    wanted = NAMED_AS.get(kind, frozenset()) - {"narrowing"}
    return lambda names, name, _field: None if name == key and names in wanted else name


def _with_key(kind: str, body: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Under another name, and without secrets that were made of the old one."""
    field = KEY_FIELDS.get(kind)
    kept = {name: value for name, value in body.items() if kind != "users" or name != "digest"}
    return kept if field is None else {**kept, field: key}


def _rename_executive(key: str, to: str, book: Reader, ops: list[Op], changed: dict[tuple[str, str], Body]) -> None:
    """The executive's entry goes with its user."""
    executive = book.entry("executives", key)
    if executive is not None:
        body = changed.pop(("executives", key), executive.body)
        ops += [Delete("executives", key, executive.revision), Put("executives", to, {**body, "extension": to}, 0, executive.position)]


def _forget_lines(key: str, to: str, book: Reader, changed: dict[tuple[str, str], Body]) -> list[Finding]:
    """Passwords of the delegated lines of a renamed executive: their name was part of what was hashed."""
    executive = book.entry("executives", key)
    warnings = []
    for extension in items(executive.body if executive is not None else None):
        user = book.entry("users", extension)
        line = f"{extension}-{key}"
        if user is None or line not in (user.body.get("digest") or {}):
            continue
        body = changed.get(("users", extension), user.body)
        changed["users", extension] = {**body, "digest": {name: value for name, value in body["digest"].items() if name != line}}
        warnings.append(Finding("users", extension, "password", f"no longer opens the delegated line {extension}-{to}: set a new one"))
    return warnings


def _silenced(kind: str, key: str, before: Body, after: Body, name: str) -> list[Finding]:
    one, other = before.get("rollover"), after.get("rollover")
    return [Finding(kind, key, "rollover", f"led to {name}; callers whom nobody answers hear that nobody is there now")] if one != other else []
