"""The tables of the organisation. A change here needs a revision in `migrations/versions`; a test compares the two on both databases.

JSON is text, not a database's own type: the same on both, and it keeps every character that a name may have.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Dialect, Float, Index, Integer, MetaData, Table, Text
from sqlalchemy.types import TypeDecorator

metadata = MetaData()
VERSION_TABLE: Final = "organisation_version"
"""Of Alembic; not its default name, so that another lineage may live in the same PostgreSQL database one day."""


class Plain(TypeDecorator[str]):
    """Text that either database takes: what UTF-8 cannot carry, and NUL, which PostgreSQL refuses, become marks. Some of it (a
    browser's name, an account's name at sign-in) is what a stranger sent."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


Number = BigInteger().with_variant(Integer, "sqlite")
"""Counts for good; SQLite gives its own numbers to a key of the type INTEGER only, which has 64 bits there anyway."""

counter = Table(
    "counter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1: there is one row
    Column("revision", Number, nullable=False),  # how many changes there have been; whoever changes locks this row
)

entries = Table(
    "entries",
    metadata,
    Column("kind", Plain, primary_key=True),
    Column("key", Plain, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("revision", Number, nullable=False),
    Column("body", Text),  # JSON object; null: removed by the change `revision`
)
Index("entries_revision", entries.c.revision)

base = Table(
    "base",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1: there is one row
    Column("digest", Plain, nullable=False),
    Column("entries", Text, nullable=False),  # lines of JSON, each [kind, key, body]
)

audit = Table(
    "audit",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor", Plain, nullable=False),
    Column("via", Plain, nullable=False),
    Column("kind", Plain, nullable=False),
    Column("key", Plain, nullable=False),
    Column("action", Plain, nullable=False),
    Column("before", Text),  # JSON object without secrets, or null
    Column("after", Text),  # JSON object without secrets, or null
    Column("group", Plain, nullable=False),
)
Index("audit_entry", audit.c.kind, audit.c.key, audit.c.id)
Index("audit_actor", audit.c.actor, audit.c.id)
Index("audit_group", audit.c.group, audit.c.id)

imports = Table(
    "imports",
    metadata,
    Column("id", Plain, primary_key=True),
    Column("started", Float, nullable=False),
    Column("actor", Plain, nullable=False),
    Column("state", Plain, nullable=False),
    Column("counts", Text, nullable=False),  # JSON object
    Column("errors", Text, nullable=False),  # JSON list
)
Index("imports_started", imports.c.started)

undo = Table(
    "undo",
    metadata,
    Column("group", Plain, primary_key=True),
    Column("kind", Plain, primary_key=True),
    Column("key", Plain, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("revision", Number, nullable=False),  # of the last change of this group
    Column("body", Text),  # JSON object before the first change of this group; null: there was no such entry
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", Plain, primary_key=True),
    Column("password", Plain, nullable=False),  # argon2, or empty
    Column("must_change", Boolean, nullable=False),
    Column("pin", Plain, nullable=False),  # argon2, or empty
    Column("invitation", Plain, nullable=False),  # SHA-256, or empty
    Column("invited_until", Float, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("signed_in", Float, nullable=False),
    Column("changed", Float, nullable=False),
    Column("pin_must_change", Boolean, nullable=False),
)
Index("accounts_invitation", accounts.c.invitation)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Plain, primary_key=True),  # SHA-256 of what the cookie holds
    Column("account", Plain, nullable=False),
    Column("created", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("agent", Plain, nullable=False),
)
Index("sessions_account", sessions.c.account)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Plain, primary_key=True),
    Column("secret", Plain, nullable=False),  # SHA-256
    Column("account", Plain, nullable=False),
    Column("name", Plain, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("used", Float, nullable=False),
    Column("scope", Plain, nullable=False),
)
Index("tokens_account", tokens.c.account)
