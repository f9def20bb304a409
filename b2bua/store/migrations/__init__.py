"""Alembic migrations, run by `b2bua.store.database.open_store` at every start."""

from __future__ import annotations

from typing import Final

HEAD: Final = "0003"
"""The newest revision. A database that has it is opened without loading Alembic."""
