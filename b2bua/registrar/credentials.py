"""The digest users of a directory: hashed passwords and what each account may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from b2bua.delegation.model import Directory
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
    password: HashedPassword


class CredentialTable:
    """Every digest account of one directory. Immutable: a new directory gets a new table."""

    def __init__(self, accounts: dict[str, DigestAccount]) -> None:
        self._accounts = accounts

    @classmethod
    def from_directory(cls, directory: Directory, realm: str) -> CredentialTable:
        """Hash all passwords of the directory (about 4 µs each)."""
        accounts = {}
        for each in directory.accounts():
            delegation = directory.lines.get(each.name) if each.line is not None else None
            useful = delegation is None or bool({"receive", "call"} & delegation.rights)
            password = hash_password(each.name, realm, each.password)
            accounts[each.name] = DigestAccount(each.name, each.extension, each.line, useful, password)
        return cls(accounts)

    def __contains__(self, name: object) -> bool:
        return name in self._accounts

    def __iter__(self) -> Iterator[DigestAccount]:
        return iter(self._accounts.values())

    def __len__(self) -> int:
        return len(self._accounts)

    def account(self, name: str) -> DigestAccount | None:
        """The account of that digest user name."""
        return self._accounts.get(name)

    def may_register(self, name: str) -> bool:
        """Whether there is such an account and it may have bindings; what `Location.retain` asks after a reload."""
        account = self._accounts.get(name)
        return account is not None and account.may_register

    def password(self, name: str) -> HashedPassword | None:
        """What `DigestServer.verify` asks for."""
        account = self._accounts.get(name)
        return None if account is None else account.password
