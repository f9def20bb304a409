"""Where the media process listens: a Unix socket in the server's state folder, one for each version of the wire."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from b2bua.media.wire import VERSION

LONGEST: Final = 107
"""Bytes of a path that fit into a Unix socket's address."""
_BACKLOG: Final = 16


def socket_path(state: Path, version: int = VERSION) -> Path:
    """The socket of that version for the state folder: ``media-1.sock``.

    In the folder itself, or where that is too long for a socket in one of our own under ``$XDG_RUNTIME_DIR`` or the temporary folder, named
    by a hash. Raises OSError when that one is not ours alone.
    """
    path = state / f"media-{version}.sock"
    if len(os.fsencode(path)) <= LONGEST:
        return path
    root = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"b2bua-{os.geteuid()}"
    folder = root / hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    for each in (root, folder):
        _make_private(each)
    path = folder / path.name
    if len(os.fsencode(path)) > LONGEST:
        raise OSError(f"{path}: too long for a socket; set XDG_RUNTIME_DIR to a shorter folder, or use a shorter `state`")
    return path


def older_sockets(path: Path) -> list[Path]:
    """The sockets of other versions beside `path`."""
    return sorted(each for each in path.parent.glob("media-*.sock") if each.name != path.name)


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise OSError(f"{folder}: is not a folder of this user alone; remove it, or use a shorter `state`")


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """The socket at `path`, mode 0600, not blocking, while this process is the only one that has it. Raises OSError when another has."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"{path}: another media process serves it") from None
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            _bind_private(listener, path)
            listener.listen(_BACKLOG)
            listener.setblocking(False)
            try:
                yield listener
            finally:
                with suppress(OSError):  # the folder may be gone
                    path.unlink(missing_ok=True)


def _bind_private(listener: socket.socket, path: Path) -> None:
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
