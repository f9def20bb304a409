"""Alembic's entry: migrates over the connection that `open_organisation` hands in; there is no other way to run it."""

from __future__ import annotations

from alembic import context

from b2bua.store.organisation.models import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
