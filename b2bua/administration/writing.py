"""What pages are told, as JSON: written once for all who may see the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any, Final

from b2bua.administration.desk import Desk
from b2bua.administration.ports import Switchboard
from b2bua.administration.sight import Eyes, allowed, kind_of, show, sight_of
from b2bua.administration.viewer import Viewer
from b2bua.cluster.bus import CallView
from b2bua.delegation.model import Directory

FRESH_SECONDS: Final = 1.0
"""How long what may be done in a call is not asked again while the call stays as it is: many pages that come back at once cost one answer."""
dumps = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Writing:
    """Writes calls, cards and people. `serialised` counts how often something was written as JSON, ever."""

    def __init__(self, switchboard: Switchboard, desk: Desk) -> None:
        self._switchboard = switchboard
        self._desk = desk
        self._calls: dict[str, _Call] = {}
        self.serialised = 0

    def write(self, value: dict[str, Any]) -> str:
        self.serialised += 1
        return dumps(value)

    def call(self, call: CallView, eyes: Eyes) -> str | None:
        """The call as these eyes see it; None: not at all."""
        directory, at = self._switchboard.directory, self._switchboard.now()
        known = self._calls.get(call.id)
        if known is None or not known.is_fresh(call, directory, at):
            known = self._calls[call.id] = _Call(call, directory, at, self.write)
        return known.text(eyes)

    def forget(self, call_id: str) -> None:
        """The call is over."""
        self._calls.pop(call_id, None)

    def phones_changed(self, extension: str) -> None:
        """Their phones have come or gone."""
        self._desk.phones_changed(extension)

    def clear(self) -> None:
        """Nobody tells any more what happens."""
        self._calls.clear()
        self._desk.phones_changed()

    def card(self, extension: str, viewer: Viewer) -> str:
        return self.write(self._desk.executive(extension, viewer))

    def me(self, viewer: Viewer) -> str:
        return self.write(self._desk.me(viewer))

    def person(self, extension: str) -> str:
        return self.write(self._desk.person(extension))


class _Call:
    """One call as it is, for each kind of viewer."""

    __slots__ = ("_at", "_by_eyes", "_by_kind", "_call", "_directory", "_write")

    def __init__(self, call: CallView, directory: Directory, at: datetime, write: Callable[[dict[str, Any]], str]) -> None:
        self._call, self._directory, self._at, self._write = call, directory, at, write
        self._by_eyes: dict[Eyes, str | None] = {}
        self._by_kind: dict[Hashable, str] = {}

    def is_fresh(self, call: CallView, directory: Directory, at: datetime) -> bool:
        return call is self._call and directory is self._directory and abs((at - self._at).total_seconds()) < FRESH_SECONDS

    def text(self, eyes: Eyes) -> str | None:
        if eyes not in self._by_eyes:
            self._by_eyes[eyes] = self._written(eyes)
        return self._by_eyes[eyes]

    def _written(self, eyes: Eyes) -> str | None:
        sight = sight_of(self._directory, eyes, self._call, self._at)
        if sight is None:
            return None
        can = allowed(self._directory, eyes.extension, self._call, self._at)
        kind = kind_of(eyes, self._call, sight, can)
        if kind not in self._by_kind:
            self._by_kind[kind] = self._write(show(self._directory, eyes, self._call, sight, can))
        return self._by_kind[kind]
