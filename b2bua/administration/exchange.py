"""The directory as a file: written out, and what a file would change in the directory, entry by entry."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from b2bua.administration.edition import as_stored, file_bodies
from b2bua.administration.entries import (
    KEY_FIELDS,
    KINDS,
    NAMED,
    ORGANISATION,
    SECRETS,
    Body,
    Delete,
    Op,
    bodies_of,
    kept_secrets,
    tree_of,
)
from b2bua.administration.merge import Bodies, difference, replace
from b2bua.config import Config
from b2bua.config.yamltree import Map, read
from b2bua.errors import ConfigError, Problem
from b2bua.logs import printable
from b2bua.store.ports import Entry

WIDTH: Final = 130
LONGEST: Final = 200
"""Characters of a value that a difference shows."""
_Dumper: Final[type[Any]] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Yaml(_Dumper):  # type: ignore[misc]
    """Without anchors: two entries that are alike are still two."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


# --- out ---------------------------------------------------------------------------------------------------------------------------


def exported(entries: Iterable[Entry], origin: str, now: float) -> Iterator[str]:
    """The text of a file that, taken in, makes the same entries, with their digests. In parts, each a few lines.

    `origin`: what is exported, such as "directory.sqlite at revision 7". `now`: seconds since the epoch.
    """
    when = datetime.fromtimestamp(now, UTC).isoformat(" ", "minutes").removesuffix("+00:00")
    yield f"# {printable(origin)}, exported {when} UTC.\n"
    yield "# It holds the digests of SIP passwords, with which one can register: keep it as carefully as the passwords.\n"
    tree = tree_of(entries)
    yield "\n"
    yield from (_yaml({key: value}) for key, value in tree.items() if key not in KINDS or key == "organisation")
    for kind in KINDS[1:]:
        if part := tree.get(kind):
            yield f"\n{kind}:\n"
            for each in [{key: value} for key, value in part.items()] if kind in NAMED else [[item] for item in part]:
                yield _indented(_yaml(each))


def _yaml(value: Any) -> str:
    """Block style outside, a line for what holds only scalars inside."""
    values = value.values() if isinstance(value, Mapping) else value
    style = None if any(isinstance(each, Mapping | list) for each in values) else False
    text: str = yaml.dump(value, Dumper=_Yaml, default_flow_style=style, sort_keys=False, allow_unicode=True, width=WIDTH)
    return text


def _indented(text: str) -> str:
    return "".join(f"  {line}" for line in text.splitlines(keepends=True))


# --- in ----------------------------------------------------------------------------------------------------------------------------


def wanted(config: Config, path: Path, current: Bodies, *, partial: bool = False) -> Bodies:
    """The entries that there shall be when the file `path` has been taken in: those of the file; with `partial` the others as well, and
    of the organisation's settings those that the file does not name. Raises ConfigError.

    Secrets that the file does not mention stay, as wherever an entry is written.
    """
    found = as_stored({**current, **_some_bodies(path, current)}, config) if partial else file_bodies(config, path)
    if not any(kind == "users" for kind, _ in found):
        # As an editor leaves a file half-way through saving, or a file that was meant to be a part; every phone would be lost.
        raise ConfigError((Problem(str(path), 1, "users", "there are none; write some, or take the file in as a part of the directory"),))
    return {name: kept_secrets(body, current.get(name)) for name, body in found.items()}


def changes(current: Bodies, then: Bodies) -> tuple[Op, ...]:
    """What makes `then` of `current`."""
    return replace(then, current)


def _some_bodies(path: Path, current: Bodies) -> Bodies:
    """The entries of a file that need not be a whole directory. Whether they fit into it, is for the check of the whole to say."""
    problems: list[Problem] = []
    tree = read(path, problems)
    for kind in KINDS[1:]:
        problems += _misshapen(path, tree, kind)
    if problems:
        raise ConfigError(tuple(sorted(problems, key=lambda problem: problem.line)))
    bodies = dict(bodies_of(tree))
    bodies[ORGANISATION] = {**current.get(ORGANISATION, {}), **bodies[ORGANISATION]}
    return bodies


def _misshapen(path: Path, tree: Map, kind: str) -> Iterator[Problem]:
    part = tree.get(kind)
    if part is None:
        tree.pop(kind, None)
    elif kind in NAMED:
        if not isinstance(part, Mapping):
            yield Problem(str(path), tree.lines[kind], kind, "must be names with values")
    elif not isinstance(part, list):
        yield Problem(str(path), tree.lines[kind], kind, "must be a list")
    else:
        yield from _misshapen_items(path, part, kind)


def _misshapen_items(path: Path, items: Any, kind: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, (item, line) in enumerate(zip(items, items.lines, strict=True)):
        key = item.get(KEY_FIELDS[kind]) if isinstance(item, Mapping) else None
        if not isinstance(key, str) or not key:
            yield Problem(str(path), line, f"{kind}[{index}]", f"has no {KEY_FIELDS[kind]}; write one")
        elif key in seen:
            yield Problem(str(path), line, f"{kind}[{index}].{KEY_FIELDS[kind]}", f"{key!r} stands here twice; remove one")
        else:
            seen.add(key)


# --- what a change does, for people ------------------------------------------------------------------------------------------------


def told(ops: Sequence[Op], current: Bodies) -> Iterator[str]:
    """A line for each entry that comes or goes, and for each field that changes. No secret is shown."""
    for op in ops:
        before = current.get((op.kind, op.key))
        name = f"{op.kind} {op.key}".rstrip()
        if isinstance(op, Delete):
            yield printable(f"- {name}{_called(before)}")
        elif before is None:
            yield printable(f"+ {name}{_called(op.body)}")
        else:
            yield from (printable(f"~ {name}: {_changed(*each)}") for each in difference(before, op.body))


def counted(ops: Sequence[Op], current: Bodies) -> str:
    """How many entries come, change and go."""
    gone = sum(isinstance(op, Delete) for op in ops)
    new = sum((op.kind, op.key) not in current for op in ops)
    return f"{new} new, {len(ops) - gone - new} changed, {gone} removed"


def _called(body: Body | None) -> str:
    name = (body or {}).get("name")
    return f"  {name}" if isinstance(name, str) else ""


def _changed(path: str, old: object, new: object) -> str:
    if SECRETS.intersection(path.split(".")):
        return f"{path}: " + ("removed" if new is None else "set" if old is None else "changed")
    if isinstance(old, list) and isinstance(new, list):
        return f"{path}: {_list_changed(old, new)}"
    return f"{path}: {_shown(old)} → {_shown(new)}"


def _list_changed(old: list[Any], new: list[Any]) -> str:
    more = [f"+ {_shown(each)}" for each in new if each not in old]
    less = [f"- {_shown(each)}" for each in old if each not in new]
    return ", ".join(less + more) or f"in another order: {_shown(new)}"


def _shown(value: object) -> str:
    if value is None:
        return "(not set)"
    text = json.dumps(_without_secrets(value), ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: "***" if key in SECRETS else _without_secrets(each) for key, each in value.items()}
    return [_without_secrets(each) for each in value] if isinstance(value, list) else value
