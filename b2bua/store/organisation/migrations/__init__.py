"""Alembic migrations of the organisation's database, run by `open_organisation` at every start, on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import Final

HEAD: Final = "0001"
"""The newest revision. A database that has it is opened without loading Alembic."""
