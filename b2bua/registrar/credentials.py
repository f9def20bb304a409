"""The digest users of a directory: hashed passwords and what each account may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from b2bua.delegation.model import Delegation, Directory, User
from b2bua.sip.digest import HashedPassword, hash_password


class DigestAccount(NamedTuple):
    """An account that can authenticate: an extension, or a delegated line."""

    name: str
    extension: str
    """Whose account it is; for a delegated line the assistant's."""
    line: str | None
    """The executive of a delegated line, else None."""
    may_register: bool
    """False for a delegated line whose delegation gives neither `receive` nor `call`."""
    password: HashedPassword | None
    """None: a delegated line without a password of its own; its phone authenticates as the assistant."""


class CredentialTable:
    """Every digest account of one directory. Immutable: a new directory gets a new table."""

    def __init__(self, accounts: dict[str, DigestAccount]) -> None:
        self._accounts = accounts
        self._realm = ""
        self._users: Mapping[str, User] = {}
        """What it was made of, and `_lines`."""
        self._lines: Mapping[str, Delegation] = {}

    @classmethod
    def from_directory(cls, directory: Directory, realm: str, previous: CredentialTable | None = None) -> CredentialTable:
        """Hash all passwords of the directory (about 4 µs each), but for the accounts that `previous` has of the same users and lines."""
        if previous is None or previous._realm != realm:
            previous = cls({})
        table = cls(dict(previous._accounts))
        table._realm, table._users, table._lines = realm, directory.users, directory.lines
        for name in previous._outdated(directory):
            table._accounts.pop(name, None)
            account = _digest_account(name, directory, realm)
            if account is not None:
                table._accounts[name] = account
        return table

    def _outdated(self, directory: Directory) -> set[str]:
        """Names of accounts that are new, gone, or depend on something that has changed."""
        users, lines = directory.users, directory.lines
        extensions = {name for name, user in users.items() if self._users.get(name) is not user} | (self._users.keys() - users.keys())
        found = {name for name, line in lines.items() if self._lines.get(name) is not line or line.assistant in extensions}
        return extensions | found | (self._lines.keys() - lines.keys())

    def __contains__(self, name: object) -> bool:
        return name in self._accounts

    def __iter__(self) -> Iterator[DigestAccount]:
        return iter(self._accounts.values())

    def __len__(self) -> int:
        return len(self._accounts)

    def account(self, name: str) -> DigestAccount | None:
        """The account of that digest user name."""
        return self._accounts.get(name)

    def may_act_for(self, name: str, account: str) -> bool:
        """Whether who has authenticated as `name` may register `account`: their own, or a delegated line of theirs."""
        found = self._accounts.get(account)
        return found is not None and found.may_register and name in (account, found.extension)

    def may_register(self, name: str) -> bool:
        """Whether there is such an account and it may have bindings; what `Location.retain` asks after a reload."""
        account = self._accounts.get(name)
        return account is not None and account.may_register

    def password(self, name: str) -> HashedPassword | None:
        """What `DigestServer.verify` asks for."""
        account = self._accounts.get(name)
        return None if account is None else account.password


def _digest_account(name: str, directory: Directory, realm: str) -> DigestAccount | None:
    line = directory.lines.get(name)
    useful = line is None or bool({"receive", "call"} & line.rights)
    account = directory.account(name)
    if account is not None:
        password = hash_password(name, realm, account.password) if account.digests is None else HashedPassword(*account.digests)
        return DigestAccount(name, account.extension, account.line, useful, password)
    if line is None or directory.account(line.assistant) is None:
        return None
    return DigestAccount(name, line.assistant, line.executive, useful, None)
