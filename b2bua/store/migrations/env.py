"""Alembic's entry: migrates over the connection that `open_store` hands in; there is no other way to run it."""

from __future__ import annotations

from alembic import context

from b2bua.store.models import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
