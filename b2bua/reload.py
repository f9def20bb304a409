"""How a directory reaches the calls: made ready beside them, taken over in one step on the loop, the old one freed beside them again.

Whoever changes the directory (the page, the API, an import, SIGHUP with a new file) does so through the book, which publishes here. What
takes long is done in a thread: a piece of work in C holds the interpreter until it is done, and with it every datagram.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from b2bua.administration.book import Book
from b2bua.config import Config
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Setting
from b2bua.logs import Logger
from b2bua.registrar.credentials import CredentialTable


class Server(Protocol):
    """What a new directory needs of the server (`app.Core`)."""

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
    @property
    def credentials(self) -> CredentialTable: ...
    def use_directory(self, directory: Directory, credentials: CredentialTable | None = None) -> list[object]:
        """Decide on `directory` from now on; returns what it replaces, which nobody else holds any more."""
        ...

    def forget(self, dangling: Sequence[tuple[Setting, str]]) -> None:
        """Drop these settings, each with why."""
        ...


class Candidate(NamedTuple):
    """A directory that is ready to be taken over, with its accounts."""

    directory: Directory
    credentials: CredentialTable


def take_over(server: Server, candidate: Candidate) -> list[object]:
    """From now on the new directory. Returns what was replaced, to be freed by `let_go`."""
    directory = candidate.directory
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
    """The book's publisher, and SIGHUP. `post` brings something to the loop (`call_soon_threadsafe`), `begin` starts work beside it."""

    def __init__(self, server: Server, book: Book, post: Callable[..., object], begin: Callable[..., None] = start_thread) -> None:
        self._server = server
        self._book = book
        self._post = post
        self._begin = begin
        self._reading = False
        self._asked_again = False

    # -- publishing

    def prepare(self, directory: Directory) -> Candidate:
        """Beside the calls: the accounts take a while."""
        server = self._server
        return Candidate(directory, CredentialTable.from_directory(directory, server.config.domain, server.credentials))

    def take_over(self, prepared: object) -> None:
        """On the loop."""
        assert isinstance(prepared, Candidate)
        try:
            remains = take_over(self._server, prepared)
        except Exception as error:  # noqa: BLE001 - told and counted; the server goes on with the directory it has
            self._bug(error)
        else:
            self._begin(self._tidy, remains)

    def _tidy(self, remains: list[object]) -> None:
        """Beside the calls, too: look for settings that have lost their owner, and free the old directory."""
        let_go(remains)
        directory = self._server.directory
        dangling = directory.dangling(directory.state)
        if dangling:
            self._call(self._server.forget, dangling)

    # -- SIGHUP

    def request(self) -> None:
        """Read the directory file; once more afterwards when it is being read already."""
        if self._reading:
            self._asked_again = True
            return
        self._reading = True
        self._book.begin(self._read)

    def _read(self) -> None:
        """Beside the calls; the lines of the log as well, for there may be thousands."""
        server = self._server
        problems: Sequence[object]
        try:
            problems = self._book.take_in(server.config, again=True)
        except Exception as error:  # noqa: BLE001 - told and counted; the server goes on with the directory it has
            self._bug(error)
            problems = [f"{server.config.directory}: cannot be read because of a bug ({error!r})"]
        for problem in problems:
            server.log.error("directory refused", problem=str(problem))
        # The cyclic garbage collector is kept away from what lives on. Reading leaves no cycles behind, so nothing is frozen that
        # should have been collected.
        gc.freeze()
        self._call(self._done, bool(problems))

    def _call(self, work: Callable[..., None], *arguments: object) -> None:
        """Have the loop do it; once the loop is closed, the server has stopped, and nothing matters any more."""
        with suppress(RuntimeError):
            self._post(work, *arguments)

    def _done(self, refused: bool) -> None:
        """On the loop."""
        self._reading = False
        if refused:
            self._server.reloads["refused"] += 1
        else:
            self._begin(self._warn, self._book.warnings)
        if self._asked_again:
            self._asked_again = False
            self.request()

    def _warn(self, warnings: Sequence[object]) -> None:
        """Beside the calls: what the directory allows and probably does not mean. There may be thousands."""
        for warning in warnings:
            self._server.log.warning("directory", problem=str(warning))

    def _bug(self, error: Exception) -> None:
        self._server.errors += 1
        self._server.log.error("bug", exc_info=error)
