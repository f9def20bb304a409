"""What the composition root makes for people: accounts, the live view, records, imports and the simulator, over the book and the switchboard."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from prometheus_client import CollectorRegistry

from b2bua import logs
from b2bua.administration.accounts import Accounts
from b2bua.administration.book import Book
from b2bua.administration.imports import Imports
from b2bua.administration.live import Live
from b2bua.administration.records import Records
from b2bua.administration.simulator import Simulator
from b2bua.cluster.bus import DirectoryChanged
from b2bua.config import Config
from b2bua.store.database import Store
from b2bua.store.organisation.database import Organisation
from b2bua.switchboard import Switchboard
from b2bua.web.services import Services

_T = TypeVar("_T")


class Office:
    """Opened after the first socket, closed before the last one."""

    def __init__(
        self, config: Config, organisation: Organisation, book: Book, switchboard: Switchboard, store: Store, metrics: CollectorRegistry
    ) -> None:
        self._config = config
        self._switchboard = switchboard
        self._thread = ThreadPoolExecutor(1, "accounts")
        self._reader = ThreadPoolExecutor(1, "records")
        self.accounts = Accounts(organisation.accounts, book, lambda: book.directory, time.time, self._in(self._thread))
        self.services = Services(
            health=switchboard.figures,
            metrics=metrics,
            switchboard=switchboard,
            book=book,
            accounts=self.accounts,
            live=Live(switchboard, time.time),
            records=Records(store.history, lambda: switchboard.directory, self._in(self._reader)),
            imports=Imports(book, organisation.imports, time.time),
            simulator=Simulator(book, switchboard),
        )
        self.accounts.listen(self.services.live.recheck)
        book.listeners.append(lambda revision, keys: switchboard.bus.publish(DirectoryChanged(revision, keys)))

    def _in(self, thread: ThreadPoolExecutor) -> Callable[..., asyncio.Future[_T]]:
        def run(function: Callable[..., _T], *arguments: object) -> asyncio.Future[_T]:
            return asyncio.get_running_loop().run_in_executor(thread, function, *arguments)

        return run

    async def open(self) -> None:
        """Read who may sign in; where nobody has yet, say how the first one does."""
        await self.accounts.open()
        self._switchboard.check_pins(self.accounts.verify_pin)
        password = await self.accounts.bootstrap()
        if password is not None:
            _welcome(_url(self._config), password)

    def hang_up(self) -> None:
        """The open pages are told to come again; the last requests are still answered."""
        self.services.live.close()
        self.services.imports.cancel_all()

    async def close(self) -> None:
        """No request comes any more: finish what is under way, beside the calls that still end, and release the threads."""
        await asyncio.to_thread(self.services.imports.close)
        await self.accounts.close()
        await asyncio.to_thread(self._thread.shutdown)
        await asyncio.to_thread(self._reader.shutdown)


def _url(config: Config) -> str:
    """Where a browser finds the page."""
    host, port = config.http.listen
    return config.http.url or f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _welcome(url: str, password: str) -> None:
    """To whoever has started the server, not into the log: it ends up in places where others read."""
    logs.flush()
    sys.stderr.write(
        f"\n  Open {url} and sign in as  admin  with the one-time password  {password}\n"
        "  You choose your own at once; until then another one is printed at each start.\n\n"
    )
    sys.stderr.flush()
