"""The composition root: with `core` the only files that know every room. `run` puts `Core` on real sockets and a real clock."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import uvloop

from b2bua import logs
from b2bua.administration.book import Book, open_book
from b2bua.calls.ports import Resolve
from b2bua.config import Config, load
from b2bua.config.hosts import media_places
from b2bua.core import Core
from b2bua.media.client import NativeEngine
from b2bua.media.engine import Address
from b2bua.media.rtpengine import OpenRtpengine, open_rtpengine
from b2bua.media.sockets import socket_path
from b2bua.media.supervisor import Supervisor
from b2bua.media.wire import Range
from b2bua.net.engine import Engine
from b2bua.net.limits import Limits
from b2bua.net.resolver import Resolver
from b2bua.office import Office
from b2bua.readings import of_media, of_rtpengine, of_store
from b2bua.reload import Reloads
from b2bua.sip.flow import Flow, Target, host_port
from b2bua.sip.values import Uri
from b2bua.store.database import open_store
from b2bua.store.organisation.database import Organisation, open_organisation, place_of
from b2bua.store.ports import StoredBinding
from b2bua.switchboard import Switchboard
from b2bua.web.app import create_app
from b2bua.web.metrics import registry
from b2bua.web.serving import serve

SWEEP_SECONDS: Final = 1.0
COLLECT_AFTER_SECONDS: Final = 10
"""Seconds without a call or transaction after which the cyclic garbage collector looks at everything, once."""
YOUNG_OBJECTS: Final = 50_000
"""Containers more than at the last look, after which the new ones are looked at while calls go on: that takes a few milliseconds."""
LEAKED_OBJECTS: Final = 5_000_000
"""Containers more than at the last collection: 15,000 calls at once and half a minute of transactions at 2,000 calls/s are fewer."""
SWITCH_SECONDS: Final = 0.0005
"""How long a thread that writes logs or history may hold the interpreter while a datagram waits; Python's own 5 ms are ten calls."""
GOODBYE_SECONDS: Final = 3.0
"""How long the last BYEs and un-registrations may take after the drain."""


def run(path: Path) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigError, OSError, and what the database raises when it cannot be opened."""
    config = load(path)
    logs.configure(config.log.level, config.log.format)
    # A large directory is read now, and all of it stays: looking at it again and again would take a fifth of the time.
    gc.set_threshold(LEAKED_OBJECTS, 1_000_000, 1_000_000)
    try:
        organisation = open_organisation(place_of(config.database, config.state))
        try:
            book = _open_book(config, organisation)
            try:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(_serve(config, organisation, book))
            finally:
                book.close()
        finally:
            organisation.close()
    finally:
        logs.flush()


def _open_book(config: Config, organisation: Organisation) -> Book:
    """The directory to start with, before there is a socket or a loop. A what-if case that it breaks is told, and it serves all the same."""
    log = logs.get("app")
    book = open_book(organisation.directory, config, time.time)
    for warning in (*config.warnings, *book.warnings):
        log.warning("directory", problem=str(warning))
    for finding in book.broken_cases():
        log.error("what-if", problem=str(finding))  # a reboot must not take the phones away
    return book


async def _serve(config: Config, organisation: Organisation, book: Book) -> None:
    log = logs.get("app")
    _raise_file_limit()
    store = open_store(config.state)
    loop = asyncio.get_running_loop()
    resolver = Resolver(loop, answered=lambda: _wake(core, engine, loop))
    media = _media(config, loop)
    rtpengine: OpenRtpengine | None = None
    try:
        rtpengine = await _rtpengine(config)
        core = Core(
            config,
            book.directory,
            resolve=_resolve(resolver, lambda: core.stack.tick(loop.time())),
            target_failed=resolver.mark_failed,
            history=store.writer,
            bindings=store.bindings,
            state=store.state,
            media=None if media is None else media.engine,
            rewriter=None if rtpengine is None else rtpengine.engine,
            snapshots=store.calls,
        )
        engine = Engine(
            core.stack,
            loop,
            advertise=config.advertise,
            limits=Limits(message_size=config.limits.message_bytes, connections=config.limits.connections),
        )
        core.stack.connector = engine
        if media is not None:
            media.engine.wake = lambda: _wake(core, engine, loop)
        if rtpengine is not None:
            rtpengine.engine.wake = lambda: _wake(core, engine, loop)
        engine.hold_back()
        await engine.start(f"{listen.transport.lower()}://{host_port(listen.host, listen.port)}" for listen in config.listen)
        http, office = None, None
        try:
            if media is not None:  # now that the ports for SIP are ours: a server started twice by mistake must not take the sound away
                await media.start()
            readings = [*core.readings(), *of_store(store), *of_media(media), *of_rtpengine(rtpengine)]
            reloads = Reloads(core, book, loop.call_soon_threadsafe)
            book.publish_to(reloads, loop.call_soon_threadsafe)
            switchboard = Switchboard(core, lambda: _wake(core, engine, loop), loop)
            office = Office(config, organisation, book, switchboard, store, registry(readings))
            await office.open()
            http = await serve(create_app(office.services), *config.http.listen)
            core.location.restore(lambda row: _restored_flow(engine, row), loop.time())
            core.calls.keeping.restore(lambda *way: _restored_way(engine, *way))
            if media is not None:
                media.engine.restored()
            engine.let_in()
            core.register_at_trunks(lambda uri: _flow_to(resolver, engine, uri))
            book.watch(loop)
            await _until_stopped(core, engine, config, reloads)
        finally:
            book.unwatch()
            if office is not None:
                office.hang_up()
            if http is not None:
                await http.stop()
            if office is not None:
                await office.close()
            if media is not None:
                await media.stop()
            await engine.stop()
    finally:
        if rtpengine is not None:
            rtpengine.close()
        await resolver.close()
        store.close()
        log.info("stopped")


async def _until_stopped(core: Core, engine: Engine, config: Config, reloads: Reloads) -> None:
    """Serve, then drain: no new calls, running ones go on for `drain_seconds` at most. After SIGUSR1 they are left to the next server."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Queue[int] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        loop.add_signal_handler(number, stopping.put_nowait, number)
    loop.add_signal_handler(signal.SIGHUP, reloads.request)
    sweeper = loop.create_task(_sweep(core, engine), name="sweep")
    _tame_collector()
    core.log.info(
        "ready",
        listen=[f"{each.transport.lower()}://{host_port(each.host, each.port)}" for each in engine.listens],
        http=host_port(*config.http.listen),
        users=len(core.directory.users),
    )
    try:
        first = await stopping.get()
        core.calls.drain()
        if first == signal.SIGUSR1:
            core.log.info("handing over", calls=len(core.calls.calls))
            core.calls.keeping.hand_over()
            return
        seconds = config.drain_seconds if first == signal.SIGTERM else 0.0
        core.log.info("draining", calls=len(core.calls.calls), seconds=seconds)
        await _until(lambda: not core.calls.calls or not stopping.empty(), seconds)
        core.calls.hang_up_all()
        core.subscriptions.end_all()
        for registration in core.registrations:
            registration.stop(loop.time())
        engine.flush()
        await _until(core.said_goodbye, GOODBYE_SECONDS)
    finally:
        sweeper.cancel()


def _tame_collector() -> None:
    """Keep the cyclic garbage collector off the call path; its thresholds are those of `run`.

    Calls and transactions leave no cycles behind, so there is nothing to find while calls run, and looking at a hundred thousand
    objects stops the server for tens of milliseconds. What lives now lives on and need not be looked at again; idle time is when
    the rest is. On a server that is never idle it is looked at when so many objects more are alive as only a leak could explain. A page
    that is rendered and a change that is written do leave cycles, some tens of objects each: see `_look_for_garbage`.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)


async def _until(done: Callable[[], bool], seconds: float) -> None:
    """Wait until `done`, for `seconds` at most."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not done() and loop.time() < end:  # noqa: ASYNC110 - only while stopping; an event would cost each call
        await asyncio.sleep(0.05)


async def _sweep(core: Core, engine: Engine) -> None:
    loop = asyncio.get_running_loop()
    idle_seconds = 0
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            core.sweep(loop.time())
            engine.flush()
            _look_for_garbage(idle_seconds)
            idle_seconds = 0 if core.calls.calls or core.stack.servers else idle_seconds + 1
        except Exception:
            core.errors += 1  # and the housekeeping goes on
            core.log.exception("bug")


def _look_for_garbage(idle_seconds: int) -> None:
    """Once a second: everything when the server has been idle for a while, else what is new, and only where there is much of it."""
    young, looks, _ = gc.get_count()
    if idle_seconds == COLLECT_AFTER_SECONDS:
        gc.collect()
    elif young > YOUNG_OBJECTS:
        gc.collect(0 if looks * YOUNG_OBJECTS < LEAKED_OBJECTS else 1)


def _wake(core: Core, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
    """Something is about to happen that came by none of the SIP sockets: what is sent because of it must not wait for one of them."""
    core.stack.tick(loop.time())
    engine.run_soon()


def _media(config: Config, loop: asyncio.AbstractEventLoop) -> Supervisor | None:
    """The media engine with what keeps it alive; None when no sound is to cross this server."""
    if config.media.mode == "direct":
        return None
    log = logs.get("media")
    engine = NativeEngine(Range(media_places(config)[0][0], *config.media.ports), loop, log)
    command = (sys.executable, "-m", "b2bua", "media", "--config", str(config.file.resolve()))
    return Supervisor(engine, socket_path(config.state), command, log)


async def _rtpengine(config: Config) -> OpenRtpengine | None:
    """The engine for calls of two at a large site; None where our own carries them. It need not be there yet."""
    control, digits = config.media.rtpengine, config.media.rtpengine_digits
    if config.media.engine != "rtpengine" or control is None:
        return None
    return await open_rtpengine(Address(*control), None if digits is None else Address(*digits))


def _resolve(resolver: Resolver, tick: Callable[[], None]) -> Resolve:
    """`tick` tells the stack how late it is, before what came of a look-up that took its time."""

    def resolve(uri: Uri, done: Callable[[Sequence[Target]], None]) -> None:
        waited = False

        def answered(targets: Sequence[Target]) -> None:
            if waited:
                tick()
            done(targets)

        resolver.lookup(uri, answered)
        waited = True

    return resolve


def _flow_to(resolver: Resolver, engine: Engine, uri: Uri) -> Flow | None:
    """A flow to a trunk as soon as its address is known."""
    found: list[Sequence[Target]] = []
    resolver.lookup(uri, found.append)
    return engine.flow_to(found[0][0]) if found and found[0] else None


def _restored_flow(engine: Engine, row: StoredBinding) -> Flow | None:
    """The way to a phone that registered over UDP before the restart: the same two addresses, or NAT would not let it pass."""
    return engine.udp_flow((row.local_host, row.local_port), (row.remote_host, row.remote_port))


def _restored_way(engine: Engine, transport: str, local: tuple[str, int], remote: tuple[str, int]) -> Flow | None:
    """The way to a party of a call from before the restart; a connection has ended with the process, and is made anew when it is needed."""
    return engine.udp_flow(local, remote) if transport == "UDP" else engine.flow_to(Target(transport, *remote))


def _raise_file_limit() -> None:
    """As many sockets as the system lets us have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
