"""The tables. A change here needs a revision in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, MetaData, Table, Text

metadata = MetaData()

history = Table(
    "history",
    metadata,
    Column("id", Text, primary_key=True),
    Column("started", Float, nullable=False),
    Column("answered", Float),
    Column("ended", Float, nullable=False),
    Column("direction", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("called", Text, nullable=False),
    Column("executive", Text),
    Column("answered_by", Text),
    Column("on_behalf_of", Text),
    Column("actor", Text),
    Column("outcome", Text, nullable=False),
    Column("segments", Text, nullable=False, comment="JSON list of [kind, party, started, ended, speaks_as, with, why]"),
    Column("status", Integer, nullable=False),
    Column("parties", Text, nullable=False, comment="extensions between commas: ,667,676,"),
    Column("call_ids", Text, nullable=False, comment="JSON list"),
    Column("decision", Text, comment="JSON: [seconds since the epoch, facts, plan], named tuples as lists; see decisions.py"),
    Column("quality", Text, comment="JSON list of [party, received, sent, lost, jitter_ms, silent_seconds, foreign]"),
)
Index("history_started", history.c.started)

bindings = Table(
    "bindings",
    metadata,
    Column("aor", Text, primary_key=True),
    Column("contact", Text, primary_key=True),
    Column("params", Text, nullable=False),
    Column("q", Float, nullable=False),
    Column("instance", Text),
    Column("reg_id", Integer),
    Column("expires", Float, nullable=False),
    Column("transport", Text, nullable=False),
    Column("remote_host", Text, nullable=False),
    Column("remote_port", Integer, nullable=False),
    Column("local_host", Text, nullable=False),
    Column("local_port", Integer, nullable=False),
    Column("path", Text, nullable=False, comment="JSON list of Path values"),
    Column("call_id", Text, nullable=False),
    Column("cseq", Integer, nullable=False),
    Column("user_agent", Text, nullable=False),
)

state = Table(
    "state",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("until", Float),
)
