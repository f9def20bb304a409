"""What phones have set, in the database: read once at start, written behind the writer. One row for each `Setting`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Engine, select

from b2bua.delegation.plan import Setting
from b2bua.store.models import state

if TYPE_CHECKING:
    from b2bua.store.writer import Writer


class SqlState:
    """`StateStore` over the database."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    def load(self) -> list[Setting]:
        """Every stored setting, those whose time is over included; blocks."""
        return load(self._engine)

    def save(self, settings: Sequence[Setting]) -> None:
        """Keep `settings`, each in place of the one with the same key; a value of None deletes."""
        self._writer.save_settings(settings)


def load(engine: Engine) -> list[Setting]:
    """Every stored setting; blocks. The columns of `models.state` are the fields of `Setting`, in that order."""
    with engine.connect() as connection:
        return [Setting._make(row) for row in connection.execute(select(state))]
