"""The directory that a server with this configuration serves, or would serve if it were started now; for commands beside it."""

from __future__ import annotations

from b2bua.administration.edition import Edition, file_bodies, file_digest, placed
from b2bua.administration.entries import Put
from b2bua.administration.merge import merge
from b2bua.config import Config, load_directory
from b2bua.delegation.model import Directory
from b2bua.errors import ConfigError, Problem
from b2bua.store.ports import DirectoryStore, Written


def served_directory(config: Config, store: DirectoryStore | None, now: float) -> Directory:
    """What the database holds, with what the file has changed since; the file alone while there is no database. Changes nothing.

    `now`: seconds since the epoch. Blocks. Raises ConfigError.
    """
    revision, entries, _ = store.load() if store is not None else (0, [], [])
    if store is None or not revision:
        return load_directory(config)
    edition = Edition().with_entries(revision, entries)
    digest, base = store.base()
    if file_digest(config) != digest:
        ops = merge(base, file_bodies(config), edition.bodies()).ops
        writes = [Written(op.kind, op.key, op.body if isinstance(op, Put) else None) for op in ops]
        edition = edition.with_entries(revision, *placed(edition, writes))
    edition = edition.checked_at(config, now)
    if edition.findings:
        raise ConfigError(tuple(Problem("the database", 1, f"{each.kind} {each.key} {each.field}".strip(), each.text) for each in edition.findings))
    return edition.directory
