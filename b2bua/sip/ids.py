"""Branches, tags, Call-IDs: at least 64 random bits each, and the owner token of the worker that minted them.

The owner token (node and worker) stands first, so that any worker or front end can tell from the text alone whose
message it is, without a shared table.
"""

from __future__ import annotations

import os

BRANCH_COOKIE = "z9hG4bK"
_DIGITS = 16  # hex digits of randomness: 64 bits
_POOL = 256 * _DIGITS


class Identifiers:
    """Mints identifiers. `random` is replaceable so that a test can make them predictable."""

    __slots__ = ("owner", "_pool", "_at", "_random")

    def __init__(self, owner: str = "0", random: object = None) -> None:
        if not owner.isalnum():
            raise ValueError("the owner token takes letters and digits only")
        self.owner = owner
        self._random = random if callable(random) else os.urandom
        self._pool = ""
        self._at = _POOL

    def token(self) -> str:
        """16 hex digits, drawn from a pool because a system call for each would cost more than the rest of a message."""
        at = self._at
        if at >= _POOL:
            self._pool = self._random(_POOL // 2).hex()
            at = 0
        self._at = at + _DIGITS
        return self._pool[at : at + _DIGITS]

    def tag(self) -> str:
        """A From or To tag (RFC 3261 §19.3)."""
        return f"{self.owner}-{self.token()}"

    def branch(self) -> str:
        """A Via branch (RFC 3261 §8.1.1.7)."""
        return f"{BRANCH_COOKIE}{self.owner}-{self.token()}"

    def call_id(self) -> str:
        """A Call-ID; no host name in it, so that it tells nothing of the network (RFC 3261 §8.1.1.4)."""
        return f"{self.owner}-{self.token()}{self.token()}"
