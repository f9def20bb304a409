"""SIGHUP: the directory is read again beside the calls, tried on the what-if cases, and taken over in one step on the loop.

What takes long is done in a thread: reading and trying the new directory, and freeing the old one, which goes piece by piece. A
piece of work in C holds the interpreter until it is done, and with it every datagram.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from b2bua.config import Config, load_directory
from b2bua.config.whatif import check_cases
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Setting
from b2bua.errors import ConfigError, Problem
from b2bua.logs import Logger
from b2bua.registrar.credentials import CredentialTable


class Server(Protocol):
    """What a reload needs of the server (`app.Core`)."""

    errors: int
    """Bugs caught."""
    reloads: dict[str, int]
    """How many directories were ``loaded``, and how many ``refused``."""

    @property
    def config(self) -> Config: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def log(self) -> Logger: ...
    def use_directory(self, directory: Directory, credentials: CredentialTable | None = None) -> list[object]:
        """Decide on `directory` from now on; returns what it replaces, which nobody else holds any more."""
        ...

    def forget(self, dangling: Sequence[tuple[Setting, str]]) -> None:
        """Drop these settings, each with why."""
        ...


class Candidate(NamedTuple):
    """A directory that was read and tried, ready to be taken over; or why it cannot be."""

    directory: Directory | None
    credentials: CredentialTable | None
    problems: Sequence[object] = ()


def read_candidate(config: Config, current: Directory) -> Candidate:
    """The directory that `config` names, in place of `current`, with its what-if cases tried.

    Takes a second for ten thousand users, and touches nothing.
    """
    try:
        directory = load_directory(config)
    except ConfigError as error:
        return Candidate(None, None, error.problems)
    if current.users and not directory.users:
        # As an editor leaves a file half-way through saving; every phone would be lost.
        return Candidate(None, None, [f"{config.directory}: has no users any more; write some, or restart"])
    broken = broken_cases(config, directory)
    if broken:
        remains: list[object] = [directory]
        del directory
        let_go(remains)
        return Candidate(None, None, broken)
    return Candidate(directory, CredentialTable.from_directory(directory, config.domain))


def broken_cases(config: Config, directory: Directory) -> Sequence[Problem]:
    """What the what-if cases say against `directory`; nothing when the server's file names none."""
    return () if config.what_if is None else check_cases(config.what_if, directory)


def take_over(server: Server, candidate: Candidate) -> list[object]:
    """From now on the new directory, where there is one. Returns what was replaced, to be freed by `let_go`."""
    directory = candidate.directory
    if directory is None:
        server.reloads["refused"] += 1
        return []
    replaced = server.use_directory(directory, candidate.credentials)
    server.reloads["loaded"] += 1
    server.log.info("directory loaded", users=len(directory.users), executives=len(directory.executives))
    return replaced


def let_go(remains: list[object]) -> None:
    """Free what is in the list, a user at a time, so that other threads get their turn; all at once takes tens of milliseconds.

    The list is emptied: whoever else still refers to it keeps nothing alive.
    """
    pieces: list[object] = []
    while remains:
        pieces += _pieces(remains.pop())
    while pieces:
        pieces.pop()


def _pieces(thing: object) -> list[object]:
    """What a directory or a table of accounts is made of."""
    if isinstance(thing, CredentialTable):
        return list(thing)
    parts = [getattr(thing, name) for name in thing.__slots__] if isinstance(thing, Directory) else []
    return [each for part in parts if isinstance(part, Mapping) for each in part.values()]


def start_thread(work: Callable[..., None], *arguments: object) -> None:
    """Do `work` beside the calls."""
    threading.Thread(target=work, args=arguments, name="reload", daemon=True).start()


class Reloads:
    """One directory after the other. `post` brings a result back to the loop (`call_soon_threadsafe`), `begin` starts work beside it."""

    def __init__(self, server: Server, post: Callable[..., object], begin: Callable[..., None] = start_thread) -> None:
        self._server = server
        self._post = post
        self._begin = begin
        self._reading = False
        self._asked_again = False

    def request(self) -> None:
        """Read the directory; once more afterwards when it is being read already."""
        if self._reading:
            self._asked_again = True
            return
        self._reading = True
        self._begin(self._read)

    def _read(self) -> None:
        """Beside the calls; the lines of the log as well, for there may be thousands."""
        server = self._server
        try:
            candidate = read_candidate(server.config, server.directory)
        except Exception as error:
            server.errors += 1
            server.log.exception("bug")
            candidate = Candidate(None, None, [f"{server.config.directory}: cannot be read because of a bug ({error!r})"])
        for problem in candidate.problems:
            server.log.error("directory refused", problem=str(problem))
        self._call(self._done, candidate)

    def _call(self, work: Callable[..., None], *arguments: object) -> None:
        """Have the loop do it; once the loop is closed, the server has stopped, and nothing matters any more."""
        with suppress(RuntimeError):
            self._post(work, *arguments)

    def _done(self, candidate: Candidate) -> None:
        """On the loop."""
        self._reading = False
        try:
            remains = take_over(self._server, candidate)
        except Exception:
            self._server.errors += 1
            self._server.log.exception("bug")
        else:
            self._begin(self._tidy, candidate.directory.warnings if candidate.directory else (), remains)
        if self._asked_again:
            self._asked_again = False
            self.request()

    def _tidy(self, warnings: Sequence[str], remains: list[object]) -> None:
        """Beside the calls, too: look for settings that have lost their owner, and free the old directory.

        The cyclic garbage collector is kept away from the new one. Reading leaves no cycles behind, so nothing is frozen that should
        have been collected.
        """
        gc.freeze()
        for warning in warnings:
            self._server.log.warning("directory", problem=warning)
        let_go(remains)
        directory = self._server.directory
        dangling = directory.dangling(directory.state)
        if dangling:
            self._call(self._server.forget, dangling)
