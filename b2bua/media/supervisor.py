"""Sees to it that there is a media process: finds the one that runs, starts one, restarts it, ends it with the server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from b2bua.logs import Logger
from b2bua.media import wire
from b2bua.media.build import compiler, library
from b2bua.media.client import Link, NativeEngine
from b2bua.media.sockets import older_sockets
from b2bua.media.wire import Hello

START_SECONDS: Final = 5.0
"""How long the start of the server waits for it, and how long one that listens may take for its hello."""
PATIENCE_SECONDS: Final = 30.0
"""How long one that we have started may take: it may have to be compiled first, on a machine that has just been switched on."""
PING_SECONDS: Final = 1.0
LONGEST_PAUSE: Final = 5.0
"""Between two starts of a process that dies again and again."""
FIRST_PAUSE: Final = 0.5
STEADY_SECONDS: Final = 30.0
"""Who has lived so long is started again at once."""
GONE_SECONDS: Final = 2.0
"""For a process that was told to quit, or killed, to be gone."""
RESTORE_SECONDS: Final = 30.0
"""For the calls of an older server to be restored, while a media process of another version carries them."""
MOST_UNANSWERED: Final = 30
"""Pings after which it is killed even if it only waits for a processor: by then nobody is heard any more anyway."""
_POLL_SECONDS: Final = 0.02


class Supervisor:
    """Keeps `engine` connected to the media process at the socket `path`. `command` starts one that will listen there."""

    def __init__(self, engine: NativeEngine, path: Path, command: Sequence[str], log: Logger) -> None:
        self.engine = engine
        self._path = path
        self._command = tuple(command)
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Link | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.deaths = 0
        """How many media processes have gone that were not told to."""
        self._tried = asyncio.Event()
        self._replaced = False
        self._problem = ""
        """Why there is no media process, as it was logged."""
        self._failure = ""
        """Why one could not even be started."""

    async def start(self) -> None:
        """Returns when the engine is there, or could not be had: the log says why, and it is tried again."""
        if not library().exists() and compiler() is None:
            self.log.error("no media engine", why="no C compiler; install gcc or run make, and start again", effect="calls go direct where they can")
            return
        self._keeper = asyncio.create_task(self._keep(), name="media")
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._tried.wait()
        except TimeoutError:
            self.log.warning("media process is slow to start", seconds=START_SECONDS, effect="calls go direct where they can")

    async def stop(self) -> None:
        """Let go of the media process; when it has nothing to carry for us it ends with us."""
        if self._keeper is None:
            return
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        link, self._link = self._link, None
        self.engine.flush()
        self.engine.detach()
        if self._replaced:
            return
        if link is None or link.closed.done():
            await self._kill(None)  # it was being started
        elif self.engine.contexts == 0:
            link.write(wire.line("quit"))
            await _within(GONE_SECONDS, link.closed)
            await self._reap()
        else:
            link.close()
            await _within(GONE_SECONDS, link.closed)

    async def _keep(self) -> None:
        """Until it is cancelled, or another server has taken the media process over."""
        loop = asyncio.get_running_loop()
        await self._relieve_older()
        pause = 0.0
        while not self._replaced:
            since = loop.time()
            try:
                await self._serve_once()
            except Exception:
                self.engine.detach()
                self.log.exception("bug")  # and sound is tried again
            self._tried.set()
            if loop.time() - since > STEADY_SECONDS:
                pause = 0.0
            await asyncio.sleep(pause)
            pause = min(max(FIRST_PAUSE, 2 * pause), LONGEST_PAUSE)

    async def _serve_once(self) -> None:
        """Find a media process, and keep to it while it lives."""
        link = await self._connect()
        if link is None:
            return
        self._link = link
        self.engine.attach(link, link.greeted.result())
        self._tried.set()
        await self._attend(link)
        self.engine.detach()
        self._replaced = link.replaced
        if link.replaced:
            self.log.error("media engine lost", why="another server uses the same state folder")
        else:
            self.deaths += 1
            self.log.error("media process gone", pid=link.pid, status=await self._reap())

    async def _attend(self, link: Link) -> None:
        """While it lives."""
        while not await _within(PING_SECONDS, link.closed):
            link.ping()
            if link.stuck and not (link.unanswered < MOST_UNANSWERED and _starves(link.pid)):
                self.log.error("media process is stuck and is killed", why=link.stuck, pid=link.pid)
                await self._kill(link)
                return

    async def _connect(self) -> Link | None:
        """A media process that has said hello and can be used; None, and a line in the log, when there is none in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_SECONDS
        link = await self._call(self._path)
        if link is None:
            deadline = loop.time() + PATIENCE_SECONDS
            self._start_process()
        while link is None and loop.time() < deadline and self._process is not None and self._process.poll() is None:
            await asyncio.sleep(_POLL_SECONDS)
            link = await self._call(self._path)
        if link is not None:
            await _within(deadline - loop.time(), link.greeted, link.closed)
        if link is None or not link.greeted.done():
            self._complain(self._end() if link is None else "the media process does not answer")
            await self._kill(link)
            return None
        why = _useless(link.greeted.result())
        self._complain(why)
        if why:
            link.close()
            await _within(GONE_SECONDS, link.closed)
        return None if why else link

    def _complain(self, why: str) -> None:
        """Log why there is no media process, once until that changes; "": there is one."""
        if why and why != self._problem:
            self.log.error("no media engine", why=why, effect="calls go direct where they can; it is tried again every few seconds")
        self._problem = why

    async def _call(self, path: Path) -> Link | None:
        """A connection to whoever listens there; None when nobody does."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(START_SECONDS):
                _, link = await loop.create_unix_connection(lambda: Link(self.engine.ports, self.engine.deliver, self.log), str(path))
        except OSError:  # TimeoutError is one
            return None
        return link

    # Other versions

    async def _relieve_older(self) -> None:
        """End media processes of other versions, after an upgrade: as soon as their calls can be given to one of ours."""
        for path in older_sockets(self._path):
            link = await self._call(path)
            if link is None:
                continue
            await _within(START_SECONDS, link.greeted, link.closed)
            if link.greeted.done() and link.greeted.result().contexts:
                self.log.warning("media process of another version", contexts=len(link.greeted.result().contexts))
                self._tried.set()
                with suppress(TimeoutError):
                    async with asyncio.timeout(RESTORE_SECONDS):
                        await self.engine.is_restored.wait()
            link.write(wire.line("quit"))
            if not await _within(GONE_SECONDS, link.closed):
                await self._kill(link)

    # The process

    def _start_process(self) -> None:
        self._failure = ""
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            self._process, self._failure = None, str(error)

    async def _kill(self, link: Link | None) -> None:
        """The process at the other end, or the one that we started: it does not listen any more."""
        if link is not None and link.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(link.pid, signal.SIGKILL)
            await _within(GONE_SECONDS, link.closed)
            link.close()
        elif self._process is not None and self._process.poll() is None:
            self._process.kill()
        await self._reap()

    async def _reap(self) -> int | None:
        """The exit status of the process that we started; None when it is not ours, or still runs."""
        loop = asyncio.get_running_loop()
        process, end = self._process, loop.time() + GONE_SECONDS
        while process is not None and process.poll() is None and loop.time() < end:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(_POLL_SECONDS)
        return None if process is None else process.returncode

    def _end(self) -> str:
        """Why the process that we started does not listen."""
        status = None if self._process is None else self._process.poll()
        if self._failure:
            return f"the media process cannot be started: {self._failure}"
        if status is None:
            return f"the media process does not listen within {PATIENCE_SECONDS:.0f} s"
        return f"the media process ended with status {status}; standard error says why"


def _useless(hello: Hello) -> str:
    """Why a media process that said this cannot be used; "" when it can."""
    if hello.version != wire.VERSION:
        return f"it speaks version {hello.version}, not {wire.VERSION}"
    return hello.problem


async def _within(seconds: float, *futures: asyncio.Future[Any]) -> bool:
    """Whether one of them is done within that time; they go on."""
    done, _ = await asyncio.wait(futures, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


def _starves(pid: int) -> bool:
    """Whether a process could run and is not let: a machine that is busy with something else. To kill it would make a pause a loss."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text("ascii").split()
    except (OSError, ValueError):
        return False
    return bool(fields) and fields[0] == "R" and int(waited) > int(ran)
