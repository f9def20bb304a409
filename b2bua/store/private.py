"""Files that nobody else on the machine may read, from their first byte on."""

from __future__ import annotations

import os


def private(path: str, flags: int) -> int:
    """The `opener` of `open` for a file that has mode 0600 if it is new. Raises OSError."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
