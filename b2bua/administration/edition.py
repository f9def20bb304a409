"""An edition: the directory at one revision of the database, and what the next one would be."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from b2bua.administration.entries import WHAT_IF, Body, Finding, bodies_of, tree_of
from b2bua.administration.merge import Bodies
from b2bua.config import Config, load_tree
from b2bua.config.canonical import canonical, secrets_to_digests
from b2bua.config.directory import Checked, check_tree
from b2bua.config.located import Located
from b2bua.config.whatif import check_cases
from b2bua.delegation.model import Directory
from b2bua.store.ports import Entry, Written

NO_ENTRIES: Final[Mapping[str, Entry]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Edition:
    """The directory at one revision."""

    revision: int = 0
    kinds: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)
    """By kind and key, each kind in its order."""
    checked: Checked | None = None
    """What came of checking it; in an edition that is being made, that of the one before."""

    @property
    def directory(self) -> Directory:
        """What calls are decided on."""
        assert self.checked is not None and self.checked.directory is not None
        return self.checked.directory

    def all(self) -> list[Entry]:
        return [entry for entries in self.kinds.values() for entry in entries.values()]

    def entry(self, kind: str, key: str) -> Entry | None:
        return self.kinds.get(kind, NO_ENTRIES).get(key)

    def bodies(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {(entry.kind, entry.key): entry.body for entry in self.all()}

    def with_entries(self, revision: int, put: Sequence[Entry], removed: Sequence[tuple[str, str]] = ()) -> Edition:
        """The same with these entries, not checked yet."""
        touched = {entry.kind for entry in put} | {kind for kind, _ in removed}
        changed = {kind: dict(self.kinds.get(kind, NO_ENTRIES)) for kind in touched}
        for kind, key in removed:
            changed[kind].pop(key, None)
        for entry in put:
            changed[entry.kind][entry.key] = entry
        ordered = {kind: sorted(entries.values(), key=lambda entry: entry.position) for kind, entries in changed.items()}
        return Edition(revision, {**self.kinds, **{kind: {each.key: each for each in entries} for kind, entries in ordered.items()}}, self.checked)

    def checked_at(self, config: Config, seconds: float) -> Edition:
        """The same, checked; it may have no directory then."""
        now = datetime.fromtimestamp(seconds, UTC)
        return Edition(self.revision, self.kinds, check_tree(tree_of(self.all()), config, self.checked, now))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What speaks against it."""
        return () if self.checked is None else found(self.checked.findings)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What it allows and probably does not mean."""
        return () if self.checked is None else found(self.checked.warnings)

    def broken_cases(self, config: Config) -> tuple[Finding, ...]:
        """What the what-if cases say against it; nothing when the server's file names none."""
        if config.what_if is None:
            return ()
        return tuple(Finding(WHAT_IF, f"{each.file}:{each.line}", each.key, each.text) for each in check_cases(config.what_if, self.directory))


class Candidate(NamedTuple):
    """A change that has been checked: what to write, and what the directory will be."""

    edition: Edition
    writes: tuple[Written, ...]
    findings: tuple[Finding, ...]
    """What speaks against it."""
    warnings: tuple[Finding, ...] = ()
    """About the entries of the change."""


def found(located: Sequence[Located]) -> tuple[Finding, ...]:
    """Findings in the words of this room."""
    return tuple(Finding(each.kind, each.key, each.field, each.text) for each in located)


def placed(edition: Edition, writes: Sequence[Written]) -> tuple[list[Entry], list[tuple[str, str]]]:
    """The entries that are put, each in its place or at the end, and those that are removed."""
    put, removed = [], []
    last = {kind: max((entry.position for entry in entries.values()), default=-1) for kind, entries in edition.kinds.items()}
    for each in writes:
        if each.body is None:
            removed.append((each.kind, each.key))
            continue
        before = edition.entry(each.kind, each.key)
        if before is None and each.position is None:
            last[each.kind] = last.get(each.kind, -1) + 1
        position = each.position if each.position is not None else before.position if before is not None else last[each.kind]
        put.append(Entry(each.kind, each.key, position, edition.revision, each.body))
    return put, removed


def file_bodies(config: Config, path: Path | None = None) -> Bodies:
    """The entries of the directory file, or of `path`, as they are stored. Raises ConfigError with every problem of the file."""
    return as_stored(bodies_of(load_tree(config, path)), config)


def as_stored(bodies: Bodies, config: Config) -> Bodies:
    """All entries of a directory as they are stored: typed, with digests in place of passwords."""
    lines = _lines(bodies)
    stored: dict[tuple[str, str], Body] = {}
    for (kind, key), body in bodies.items():
        typed = canonical(kind, body)
        stored[kind, key] = secrets_to_digests(typed, config.domain, lines.get(key, ())) if kind == "users" else typed
    return stored


def _lines(bodies: Bodies) -> dict[str, list[str]]:
    """The delegated lines of each assistant."""
    lines: dict[str, list[str]] = {}
    for (kind, key), body in bodies.items():
        for each in (body.get("assistants") or ()) if kind == "executives" else ():
            assistant = each if isinstance(each, str) else str(each["extension"])
            lines.setdefault(assistant, []).append(f"{assistant}-{key}")
    return lines


def file_digest(config: Config) -> str:
    """Of the directory file and of the realm: with another domain the digests of passwords are others."""
    try:
        data = config.directory.read_bytes()
    except OSError:
        return "unreadable"  # reading it tells why
    return hashlib.sha256(config.domain.encode() + b"\n" + data).hexdigest()
