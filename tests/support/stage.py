"""Many scenarios at the same time, each on the server that it is for."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from scenarios.office import Draft, Mode
from tests.support.server import Server
from tests.support.sipp import Play

AT_ONCE = 6
"""Scenarios that run at the same time: most of them mostly wait."""


class Stage:
    """The servers, and the plays on them; `play` of a name gives the finished one."""

    def __init__(self, servers: Mapping[Mode, Server], made: list[Draft], folder: Path, wanted: set[str]) -> None:
        self.servers = servers
        self.server = servers["auto"]
        self.drafts = {draft.name: draft for draft in made}
        self._folder = folder
        self._pool = ThreadPoolExecutor(AT_ONCE, "scenario")
        self._plays: dict[str, Future[Play]] = {}
        for name in [name for name in self.drafts if name in wanted]:
            self._submit(name)

    def _submit(self, name: str) -> Future[Play]:
        self._plays[name] = self._pool.submit(self._run, self.drafts[name])
        return self._plays[name]

    def _run(self, draft: Draft) -> Play:
        play = Play(draft, self._folder / draft.name)
        play.run(self.servers[draft.media].address)
        return play

    def play(self, name: str) -> Play:
        """The scenario, played to its end."""
        future = self._plays.get(name) or self._submit(name)
        return future.result()

    def finish(self) -> None:
        """Until everything that was begun is over."""
        self._pool.shutdown(wait=True, cancel_futures=True)
