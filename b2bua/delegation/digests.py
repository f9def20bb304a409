"""The digests of a password, by account: all that is kept of it where a directory is stored (RFC 7616 section 3.4.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple


class Digests(NamedTuple):
    """H(account:realm:password) in lower-case hexadecimal digits, for each algorithm."""

    md5: str
    sha256: str


def digests_of(accounts: Iterable[str], realm: str, password: str) -> dict[str, Digests]:
    """The digests of one password for each of the account names (an extension, delegated lines)."""
    found = {}
    for account in accounts:
        secret = f"{account}:{realm}:{password}".encode("utf-8", "surrogateescape")
        found[account] = Digests(hashlib.md5(secret, usedforsecurity=False).hexdigest(), hashlib.sha256(secret).hexdigest())
    return found
