"""What phones have set, in the database: read once at start, written behind the writer. One row for each `Setting`.

What the database could not take is in the journal, which is newer than the database wherever the two differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Engine, select

from b2bua.delegation.plan import Setting
from b2bua.store.models import state
from b2bua.store.settings_journal import SettingsJournal

if TYPE_CHECKING:
    from b2bua.store.writer import Writer


class SqlState:
    """`StateStore` over the database."""

    def __init__(self, engine: Engine, journal: SettingsJournal, writer: Writer) -> None:
        self._engine = engine
        self._journal = journal
        self._writer = writer

    def load(self) -> list[Setting]:
        """Every stored setting, those whose time is over included; blocks."""
        return load(self._engine, self._journal)

    def save(self, settings: Sequence[Setting]) -> None:
        """Keep `settings`, each in place of the one with the same key; a value of None deletes."""
        self._writer.save_settings(settings)


def load(engine: Engine, journal: SettingsJournal) -> list[Setting]:
    """Every stored setting; blocks. The columns of `models.state` are the fields of `Setting`, in that order."""
    newer = journal.read()  # first: what the database takes meanwhile is then seen twice rather than not at all
    with engine.connect() as connection:
        stored = [Setting._make(row) for row in connection.execute(select(state))]
    last = {each[:3]: each for each in (*stored, *newer)}
    return [each for each in last.values() if each.value is not None]
