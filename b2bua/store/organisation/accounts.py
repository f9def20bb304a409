"""Accounts, sessions and tokens in the database. A secret comes here as its hash only."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Column, Table, delete, func, select, update

from b2bua.store.organisation.connections import Database
from b2bua.store.organisation.models import accounts, sessions, tokens
from b2bua.store.organisation.rows import upsert
from b2bua.store.ports import AccountRow, Newest, SessionRow, TokenRow

T = TypeVar("T", AccountRow, SessionRow, TokenRow)


class SqlAccounts:
    """`AccountStore` over the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def account(self, name: str) -> AccountRow | None:
        found = self._rows(AccountRow, accounts, accounts.c.name, name)
        return found[0] if found else None

    def accounts(self) -> list[AccountRow]:
        return self._rows(AccountRow, accounts)

    def save_account(self, row: AccountRow) -> None:
        self._save(accounts, row)

    def delete_account(self, name: str) -> None:
        """With its sessions and tokens: nobody gets in any more by what was made for it."""
        with self._database.writing() as connection:
            connection.execute(delete(accounts).where(accounts.c.name == name))
            connection.execute(delete(sessions).where(sessions.c.account == name))
            connection.execute(delete(tokens).where(tokens.c.account == name))

    def by_invitation(self, digest: str) -> AccountRow | None:
        """The account with this invitation; "" invites nobody."""
        found = self._rows(AccountRow, accounts, accounts.c.invitation, digest) if digest else []
        return found[0] if found else None

    def sessions(self) -> list[SessionRow]:
        return self._rows(SessionRow, sessions)

    def save_session(self, row: SessionRow) -> None:
        self._save(sessions, row)

    def delete_session(self, session_id: str) -> None:
        self._delete(sessions, session_id)

    def tokens(self) -> list[TokenRow]:
        return self._rows(TokenRow, tokens)

    def save_token(self, row: TokenRow) -> None:
        self._save(tokens, row)

    def delete_token(self, token_id: str) -> None:
        self._delete(tokens, token_id)

    def newest(self) -> Newest:
        return Newest(*self._newest(sessions), *self._newest(tokens))

    def _newest(self, table: Table) -> tuple[int, float]:
        with self._database.glancing() as connection:
            count, created = connection.execute(select(func.count(), func.max(table.c.created)).select_from(table)).one()
        return count, created or 0.0

    def session_used(self, session_id: str, at: float) -> None:
        with self._database.writing() as connection:
            connection.execute(update(sessions).where(sessions.c.id == session_id).values(seen=at))

    def token_used(self, token_id: str, at: float) -> None:
        with self._database.writing() as connection:
            connection.execute(update(tokens).where(tokens.c.id == token_id).values(used=at))

    def _rows(self, made: type[T], table: Table, column: Column[Any] | None = None, value: str = "") -> list[T]:
        """The columns of each table are the fields of its row, in that order."""
        wanted = select(table).order_by(*table.primary_key)
        with self._database.reading() as connection:
            return [made._make(row) for row in connection.execute(wanted if column is None else wanted.where(column == value))]

    def _save(self, table: Table, row: NamedTuple) -> None:
        with self._database.writing() as connection:
            upsert(connection, table, [row._asdict()])

    def _delete(self, table: Table, key: str) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.id == key))
