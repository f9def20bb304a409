"""Running calls over the end of the process: a file of lines beside the database, written at once.

A line goes to the system as soon as a call has changed, and so survives the process, however it dies; nothing of it need survive the
machine. The last line about a call counts. The file is written anew when it is mostly about calls that are over.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from b2bua import logs
from b2bua.store.private import private

JOURNAL: Final = "calls.journal"
LARGE: Final = 32 * 1024 * 1024
"""Bytes from which on the file is looked at whether it is worth writing anew."""

_log = logs.get("store")


class CallJournal:
    """`CallStore` in a file of the directory `state`. Lines are `<id> <snapshot>`, or `<id>` alone for a call that is over."""

    def __init__(self, state: Path) -> None:
        self._path = state / JOURNAL
        self._kept: dict[str, str] = {}
        self._file = -1
        self._size = 0
        self._alive = 0  # bytes of `_kept`
        self._broken = False

    def load(self) -> Iterable[tuple[str, str]]:
        """What an earlier life of the server has left. What cannot be read is told, and left behind."""
        try:
            lines = self._path.read_text("ascii", "replace").split("\n")[:-1]  # what follows the last end of line is torn
        except FileNotFoundError:
            lines = []
        except OSError as error:
            _log.error("calls of before the restart cannot be read", reason=str(error))
            lines = []
        for line in lines:
            call_id, _, snapshot = line.partition(" ")
            if snapshot:
                self._kept[call_id] = snapshot
            else:
                self._kept.pop(call_id, None)
        self._alive = sum(map(len, self._kept.values()))
        try:
            self._rewrite()
        except OSError as error:
            _log.error("calls cannot be kept over a restart", reason=str(error))
        return list(self._kept.items())

    def save(self, call_id: str, snapshot: str) -> None:
        self._alive += len(snapshot) - len(self._kept.get(call_id, ""))
        self._kept[call_id] = snapshot
        self._append(f"{call_id} {snapshot}\n")

    def delete(self, call_id: str) -> None:
        snapshot = self._kept.pop(call_id, None)
        if snapshot is not None:
            self._alive -= len(snapshot)
            self._append(f"{call_id}\n")

    def close(self) -> None:
        """No more calls are kept."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, line: str) -> None:
        """A disk that is full loses no call that runs; it is told once."""
        try:
            if self._file < 0:
                self._rewrite()
            data = line.encode("ascii")
            if os.write(self._file, data) != len(data):
                raise OSError("the disk is full")  # noqa: TRY301 - handled like what the system itself raises
            self._size += len(data)
            if self._size > LARGE and self._size > 4 * self._alive:
                self._rewrite()
            self._broken = False
        except OSError as error:
            if not self._broken:
                _log.error("calls cannot be kept over a restart", reason=str(error))
            self._broken = True
            self.close()

    def _rewrite(self) -> None:
        """The file with nothing in it but what is kept, put in place of the old one. Raises OSError."""
        self.close()
        fresh = self._path.with_suffix(".new")
        text = "".join(f"{call_id} {snapshot}\n" for call_id, snapshot in self._kept.items())
        with open(fresh, "w", encoding="ascii", opener=private) as file:
            file.write(text)
        fresh.replace(self._path)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._size = len(text)
