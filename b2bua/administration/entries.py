"""The directory as entries: each user, executive, group … is one document, which is the entry of the YAML file with the same keys.

One schema (`b2bua.config`) therefore reads files, the database, the API and spreadsheets, and gives each the same findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

from b2bua.store.ports import Entry

Kind = Literal[
    "organisation", "sites", "cost_centres", "schedules", "caller_groups", "users", "phones", "executives", "groups", "services",
    "duty_profiles", "conferences",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""In the order in which a file lists them: what is named stands before who names it."""
KEY_FIELDS: Final[Mapping[str, str]] = {
    "sites": "name",
    "cost_centres": "name",
    "users": "extension",
    "phones": "mac",
    "executives": "extension",
    "groups": "extension",
    "services": "extension",
    "duty_profiles": "name",
    "conferences": "number",
}
"""Which field of a list's entry names it. `organisation` is one entry, with the key "". Schedules and caller groups are mappings: the
name is the key and does not stand in the entry; their body is `{"value": …}`."""
NAMED: Final = frozenset({"schedules", "caller_groups"})
ORGANISATION: Final = ("organisation", "")

Body = Mapping[str, Any]
"""JSON: the keys that were written, numbers and booleans as such."""


class Put(NamedTuple):
    """Make or replace an entry. `revision` is that of the entry that the change is based on: None whichever (or none), 0 there is none."""

    kind: Kind
    key: str
    body: Body
    revision: int | None = None
    position: int | None = None
    """None: it keeps its place, or comes last."""


class Delete(NamedTuple):
    """Remove an entry."""

    kind: Kind
    key: str
    revision: int | None = None


Op = Put | Delete


WHAT_IF: Final = "what_if"
"""The kind of findings about what-if cases."""


class Finding(NamedTuple):
    """What is wrong with an entry, or may be: `field` is the path in its body, ``assistants[3].rights``, "" for the entry itself."""

    kind: str
    key: str
    field: str
    text: str

    def __str__(self) -> str:
        # A what-if case has its key from a file: the line at which it stands.
        place = self.key if self.kind == WHAT_IF else f"{self.kind} {self.key}".rstrip()
        return f"{place}: {self.field}: {self.text}" if self.field else f"{place}: {self.text}"


SECRETS: Final = frozenset({"password", "digest", "pin"})
"""Keys of entries that nobody is shown."""


def masked(body: Body) -> dict[str, Any]:
    """The body without its secrets, for people and for the audit."""
    return {key: value for key, value in body.items() if key not in SECRETS}


def kept_secrets(body: Body, before: Body | None) -> Body:
    """`body` with the secrets that the entry has already, where it does not mention them: nobody is shown them, so nobody can send them
    back. None takes one away."""
    old = {key: before[key] for key in SECRETS if key in before} if before is not None else {}
    if "password" in body:
        old.pop("digest", None)
    merged = {**old, **body}
    return {key: value for key, value in merged.items() if key not in SECRETS or value is not None}


def tree_of(entries: Iterable[Entry]) -> dict[str, Any]:
    """The entries as the tree of a YAML file, in their order."""
    tree: dict[str, Any] = {}
    for entry in sorted(entries, key=lambda each: (KINDS.index(each.kind), each.position)):
        if entry.kind == "organisation":
            tree.update({key: value for key, value in entry.body.items() if key == "organisation" or key not in KINDS})  # no list of entries
        elif entry.kind in NAMED:
            tree.setdefault(entry.kind, {})[entry.key] = entry.body["value"]
        else:
            tree.setdefault(entry.kind, []).append(entry.body)
    return tree


def bodies_of(tree: Mapping[str, Any]) -> dict[tuple[str, str], Body]:
    """The inverse: every entry of a checked tree, by kind and key, in order."""
    found: dict[tuple[str, str], Body] = {ORGANISATION: {key: value for key, value in tree.items() if key not in KINDS or key == "organisation"}}
    for kind in KINDS[1:]:
        part = tree.get(kind) or ()
        if isinstance(part, Mapping):
            found.update(((kind, name), {"value": value}) for name, value in part.items())
        else:
            found.update(((kind, str(body[KEY_FIELDS[kind]])), body) for body in part)
    return found
