"""Registrations in the database: read once at start, written behind the writer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, select

from b2bua.store.models import bindings
from b2bua.store.ports import StoredBinding

if TYPE_CHECKING:
    from b2bua.store.writer import Writer


class SqlBindings:
    """`BindingStore` over the database."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    def load(self) -> list[StoredBinding]:
        """Every stored binding, expired ones included; blocks."""
        with self._engine.connect() as connection:
            return [from_columns(tuple(row)) for row in connection.execute(select(bindings))]

    def save(self, binding: StoredBinding) -> None:
        """Keep `binding`, in place of one with the same account and contact."""
        self._writer.save_binding(binding)

    def delete(self, aor: str, contact: str) -> None:
        """Forget that binding."""
        self._writer.delete_binding(aor, contact)


def to_columns(binding: StoredBinding) -> tuple[object, ...]:
    """The values of `models.bindings`, in its order."""
    return (*binding[:12], json.dumps(binding.path) if binding.path else "[]", *binding[13:])


def from_columns(columns: tuple[Any, ...]) -> StoredBinding:
    """The inverse of `to_columns`."""
    return StoredBinding._make((*columns[:12], tuple(json.loads(columns[12])), *columns[13:]))
