"""The composition root: the only file that knows every room.

`Core` joins the rooms that need no event loop (tests run it on a fake wire); `run` puts it on real sockets and a real clock.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvloop

from b2bua import logs
from b2bua.calls.conference_events import ConferenceEvents
from b2bua.calls.index import Account, CallIndex, Settings
from b2bua.calls.ports import MediaPlace, Phone, Resolve, Trunk
from b2bua.calls.retry import Credentials
from b2bua.config import Config, TrunkTable, load, load_directory
from b2bua.config.hosts import Hosts, media_places, own_address
from b2bua.delegation.attendance import is_missed
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Setting
from b2bua.delegation.state import State
from b2bua.media.client import NativeEngine
from b2bua.media.engine import Address, MediaEngine
from b2bua.media.rewriter import Rewriter
from b2bua.media.rtpengine import OpenRtpengine, open_rtpengine
from b2bua.media.sockets import socket_path
from b2bua.media.supervisor import Supervisor
from b2bua.media.wire import Range
from b2bua.net.engine import Engine
from b2bua.net.limits import Limits
from b2bua.net.resolver import Resolver
from b2bua.readings import of_media, of_rtpengine, of_store
from b2bua.registrar.credentials import CredentialTable
from b2bua.registrar.devices import is_app
from b2bua.registrar.keepalive import KeepAlive
from b2bua.registrar.location import Binding, Location
from b2bua.registrar.registrar import Registrar
from b2bua.registrar.subscriptions import Subscriptions
from b2bua.registrar.trunk_registration import TrunkAccount, TrunkRegistration
from b2bua.registrar.watch import CoverageWatch
from b2bua.reload import Reloads, broken_cases
from b2bua.sip.digest import DigestClient, DigestServer, HashedPassword
from b2bua.sip.flow import Connector, Flow, Target, host_port
from b2bua.sip.ids import Identifiers
from b2bua.sip.message import Request
from b2bua.sip.stack import ALLOW, SipStack
from b2bua.sip.values import Uri
from b2bua.store.database import open_store
from b2bua.store.ports import BindingStore, CallStore, HistorySink, StateStore, StoredBinding
from b2bua.web.api import create_app, serve
from b2bua.web.metrics import Reading, registry

SWEEP_SECONDS: Final = 1.0
MAX_CACHED_ACCOUNTS: Final = 100_000
FORGET_SECONDS: Final = 60.0
"""How often settings whose time is over are looked for; by then they have long ceased to count."""
COLLECT_AFTER_SECONDS: Final = 10
"""Seconds without a call or transaction after which the cyclic garbage collector looks at everything, once."""
LEAKED_OBJECTS: Final = 5_000_000
"""Containers more than at the last collection: 15,000 calls at once and half a minute of transactions at 2,000 calls/s are fewer."""
SWITCH_SECONDS: Final = 0.0005
"""How long a thread that writes logs or history may hold the interpreter while a datagram waits; Python's own 5 ms are ten calls."""
GOODBYE_SECONDS: Final = 3.0
"""How long the last BYEs and un-registrations may take after the drain."""
_OPTIONS_HEADERS: Final = f"Allow: {ALLOW}\r\nAccept: application/sdp\r\nSupported: 100rel, timer, replaces, join, norefersub, path, outbound\r\nAllow-Events: conference\r\n"


class Accounts:
    """The digest accounts as call control wants them."""

    def __init__(self, table: CredentialTable) -> None:
        self._table = table

    def password(self, name: str) -> HashedPassword | None:
        return self._table.password(name)

    def owner(self, name: str) -> Account | None:
        account = self._table.account(name)
        return None if account is None else Account(account.extension, account.line)


class _Clock:
    """The wall clock as decisions about calls want it: aware, to the second, made once a second."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._last = (-1, datetime.fromtimestamp(0, UTC))

    def local_time(self) -> datetime:
        second = int(self._wall())
        if second != self._last[0]:
            self._last = (second, datetime.fromtimestamp(second, UTC))
        return self._last[1]


class Core:
    """Stack, registrar and calls, joined. `wall` reads the wall clock, seconds since the epoch."""

    def __init__(
        self,
        config: Config,
        directory: Directory,
        *,
        resolve: Resolve,
        history: HistorySink,
        target_failed: Callable[[Target], None] | None = None,
        bindings: BindingStore | None = None,
        state: StateStore | None = None,
        wall: Callable[[], float] = time.time,
        connector: Connector | None = None,
        ids: Identifiers | None = None,
        media: MediaEngine | None = None,
        rewriter: Rewriter | None = None,
        snapshots: CallStore | None = None,
    ) -> None:
        self.config = config
        self.media = media
        self._state = state
        self._wall = wall
        self._clock = _Clock(wall)
        self._forget_at = 0.0
        if state is not None:
            directory = directory.with_state(State.of(state.load()))
        self.directory = directory
        self.log = logs.get("app")
        self.stack = SipStack(connector, ids or Identifiers(config.node), on_error=self._on_error)
        self.errors = 0
        self.reloads = {"loaded": 0, "refused": 0}
        self.hosts = Hosts(config)
        table = CredentialTable.from_directory(directory, config.domain)
        digest = DigestServer(config.domain, config.digest, own_host=self.hosts.__contains__)
        self.location = Location(bindings, wall=wall, max_contacts=config.limits.registrations_per_user)
        self.location.set_permanent({user.extension: user.contacts for user in directory.users.values() if user.contacts})
        self._phones: dict[str, tuple[Phone, ...]] = {}
        self.location.on_change(self._on_location_change)
        self.registrar = Registrar(self.stack, self.location, digest, table, is_ours=self.hosts.__contains__, wall=wall)
        self.keepalive = KeepAlive(self.stack, self.location, domain=config.domain, which=config.keep_alive)
        self._sources = TrunkTable(config.trunks)
        self.calls = CallIndex(
            self.stack,
            directory=directory,
            accounts=Accounts(table),
            trunks={trunk.name: self._trunk(trunk.name) for trunk in config.trunks},
            trunk_of=self._trunk_of,
            phones=self.phones,
            resolve=resolve,
            target_failed=target_failed,
            digest=digest,
            history=history,
            wall=wall,
            local_time=self._clock.local_time,
            log=logs.get("calls").bind(),
            settings=_settings(config, self.hosts),
            remember=self.remember,
            media=media,
            rewriter=rewriter,
            snapshots=snapshots,
        )
        self.subscriptions = Subscriptions(self.stack, self.calls.authenticated, self.hosts.__contains__)
        self.subscriptions.sources["conference"] = ConferenceEvents(self.calls)
        self.calls.watchers = self.subscriptions
        self.forget(directory.dangling(directory.state))
        self.watch = CoverageWatch(self._is_missed, self.log)
        self.registrations: list[TrunkRegistration] = []
        self.stack.handlers["REGISTER"] = self.registrar.handle
        self.stack.handlers["OPTIONS"] = self._on_options
        self.stack.flow_listeners.append(self._on_flow_failed)

    def phones(self, account: str) -> Sequence[Phone]:
        """Where an account can be rung now."""
        phones = self._phones.get(account)
        if phones is None:
            phones = tuple(_phone(binding, self.config.apps) for binding in self.location.contacts(account))
            if len(self._phones) > MAX_CACHED_ACCOUNTS:
                self._phones.clear()
            self._phones[account] = phones
        return phones

    def _is_missed(self, executive: str, directory: Directory, at: datetime) -> bool:
        return is_missed(directory.offices[executive], directory, at, lambda each: bool(self.calls.contacts(each)))

    def _on_location_change(self, account: str) -> None:
        self._phones.pop(account, None)

    def register_at_trunks(self, flow_to_trunk: Callable[[Uri], Flow | None]) -> None:
        """Keep the server registered where a trunk's `auth.register` asks for it; `sweep` does the work."""
        for trunk in self.config.trunks:
            auth = trunk.auth
            if auth is not None and auth.registers:
                uri = Uri.parse(trunk.uri)
                account = TrunkAccount(trunk.name, trunk.uri, auth.username, auth.password, auth.realm)
                self.registrations.append(TrunkRegistration(self.stack, account, lambda uri=uri: flow_to_trunk(uri)))  # type: ignore[misc]

    def sweep(self, now: float) -> None:
        """What is done about once a second: expired bindings and settings, keep-alives, trunk registrations, who is uncovered."""
        self.stack.tick(now)
        self.location.sweep(now)
        self.keepalive.sweep(now)
        for registration in self.registrations:
            registration.sweep(now)
        self.watch.sweep(now, self.directory, self._clock.local_time())
        if now >= self._forget_at:
            self._forget_at = now + FORGET_SECONDS
            self._keep(self.directory.state.expired(self._wall()))

    def remember(self, settings: Sequence[Setting]) -> None:
        """What a phone or a call has set counts from the next decision on, and outlives the server."""
        for each in settings:
            self.log.info("setting", kind=each.kind, subject=each.subject, object=each.object, value=each.value)
        self._keep(settings)
        if any(each.kind == "callback" for each in settings):
            self._keep(self.directory.state.overflow())

    def _keep(self, settings: Sequence[Setting]) -> None:
        if not settings:
            return
        self.directory = self.calls.directory = self.directory.with_state(self.directory.state.with_settings(settings))
        if self._state is not None:
            self._state.save(settings)

    def forget(self, dangling: Sequence[tuple[Setting, str]]) -> None:
        """Drop what phones have set about whom or what the directory has no more: whoever gets the extension next begins anew."""
        for each, why in dangling:
            self.log.info("setting dropped", kind=each.kind, subject=each.subject, object=each.object, value=each.value, why=why)
        self._keep([each._replace(value=None, until=None) for each, _ in dangling])

    def use_directory(self, directory: Directory, credentials: CredentialTable | None = None) -> list[object]:
        """From now on calls are decided on `directory`; running ones go on as they are, and what phones have set stays set.

        `credentials`: its digest accounts, when they have been made already. Returns what they replace: the caller holds it alone, and
        may empty the list where that disturbs nobody.
        """
        replaced: list[object] = [self.directory, self.registrar.credentials]
        table = credentials or CredentialTable.from_directory(directory, self.config.domain)
        self.directory = directory = directory.with_state(self.directory.state)
        self.registrar.credentials = table
        self.calls.accounts = Accounts(table)
        self.calls.directory = directory
        self.location.retain(table.may_register)
        self.location.set_permanent({user.extension: user.contacts for user in directory.users.values() if user.contacts})
        return replaced

    def said_goodbye(self) -> bool:
        """Whether nothing of ours waits for an answer any more: no BYE, CANCEL or REGISTER is open, and all calls are in the history."""
        return not self.calls.unfinished and not self.stack.dialogs and all(tx.done for tx in self.stack.clients.values())

    def health(self) -> dict[str, object]:
        """What `GET /health` says (CONTRACT.md): the counts are zero when nothing goes on."""
        stack = self.stack
        return {
            "status": "draining" if self.calls.draining else "ok",
            "calls": len(self.calls.calls),
            "legs": self.calls.legs,
            "dialogs": len(stack.dialogs),
            "transactions": len(stack.clients) + len(stack.servers),
            "timers": stack.timers.count,
            "registrations": self.location.count,
            "media_ports": self.media.ports_in_use if self.media is not None else 0,
        }

    def readings(self) -> list[Reading]:
        """What `GET /metrics` says."""
        gauges = [
            Reading(f"b2bua_{name}", f"{name.replace('_', ' ').capitalize()} at the moment.", lambda name=name: float(self.health()[name]))  # type: ignore[arg-type,misc]
            for name in ("calls", "legs", "dialogs", "transactions", "timers", "registrations", "media_ports")
        ]
        return [
            *gauges,
            Reading("b2bua_calls_ended", "Calls and attempts by outcome, as in the history.", lambda: dict(self.calls.outcomes), "counter", "outcome"),
            Reading("b2bua_invites", "INVITEs by what became of them at the door.", lambda: dict(self.calls.counters), "counter", "kind"),
            Reading(
                "b2bua_trunk_registered",
                "1 where the server is registered at the trunk.",
                lambda: {each.account.trunk: float(each.state == "registered") for each in self.registrations},
                "gauge",
                "trunk",
            ),
            Reading(
                "b2bua_executives_uncovered",
                "Executives whose filtered calls nobody reachable would take.",
                lambda: float(self.watch.uncovered),
            ),
            Reading("b2bua_sip_messages", "SIP messages by method or fate.", lambda: dict(self.stack.counters), "counter", "kind"),
            Reading("b2bua_register", "REGISTER requests by result.", lambda: dict(self.registrar.counters), "counter", "kind"),
            Reading(
                "b2bua_directory_reloads", "Directories read on SIGHUP by result.", lambda: dict(self.reloads), "counter", "result"
            ),
            Reading("b2bua_errors", "Bugs caught; each ended at most one call.", lambda: float(self.errors), "counter"),
        ]

    def _trunk(self, name: str) -> Trunk:
        trunk = next(each for each in self.config.trunks if each.name == name)
        auth = trunk.auth
        credentials = Credentials(DigestClient(auth.username, auth.password, auth.realm)) if auth is not None else None
        account = auth.username if auth is not None and auth.registers else ""
        return Trunk(name, Uri.parse(trunk.uri), trunk.trusted, lambda flow: self._trunk_of(flow) == name, credentials, account)

    def _trunk_of(self, flow: Flow) -> str | None:
        trunk = self._sources.find(*flow.remote)
        return None if trunk is None else trunk.name

    def _on_options(self, request: Request, flow: Flow, now: float) -> None:
        """A ping: of trunks, phones and monitors. Says the same whoever is asked for."""
        if self.calls.draining:
            self.stack.reject(request, flow, 503, headers="Retry-After: 30\r\n")
        else:
            self.stack.reject(request, flow, 200, headers=_OPTIONS_HEADERS)

    def _on_flow_failed(self, flow: Flow) -> None:
        if flow.reliable:
            self.location.flow_closed(flow)

    def _on_error(self, error: Exception) -> None:
        self.errors += 1
        self.log.error("bug", exc_info=error)


def _settings(config: Config, hosts: Hosts) -> Settings:
    place, place6 = media_places(config)
    return Settings(
        hosts,
        own_address(config),
        config.session_expires,
        config.limits.calls,
        config.media.ports,
        MediaPlace(*place),
        None if place6 is None else MediaPlace(*place6),
    )


def run(path: Path) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigError, OSError, and what the database raises when it cannot be opened."""
    config = load(path)
    logs.configure(config.log.level, config.log.format)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(config, _first_directory(config)))
    finally:
        logs.flush()


def _first_directory(config: Config) -> Directory:
    """The directory to start with, before there is a socket or a loop. A what-if case that it breaks is told, and it serves all the same."""
    log = logs.get("app")
    directory = load_directory(config)
    for warning in directory.warnings:
        log.warning("directory", problem=warning)
    for problem in broken_cases(config, directory):
        log.error("what-if", problem=str(problem))  # a reboot must not take the phones away
    return directory


async def _serve(config: Config, directory: Directory) -> None:
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
            directory,
            resolve=_resolve(resolver, lambda: core.stack.tick(loop.time())),
            target_failed=resolver.mark_failed,
            history=store.writer,
            bindings=store.bindings,
            state=store.state,
            media=None if media is None else media.engine,
            rewriter=None if rtpengine is None else rtpengine.engine,
            snapshots=store.calls,
        )
        del directory  # the core's from now on, and gone when another one is taken over
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
        http = None
        try:
            if media is not None:  # now that the ports for SIP are ours: a server started twice by mistake must not take the sound away
                await media.start()
            readings = [*core.readings(), *of_store(store), *of_media(media), *of_rtpengine(rtpengine)]
            http = await serve(create_app(core.health, registry(readings)), *config.http.listen)
            core.location.restore(lambda row: _restored_flow(engine, row), loop.time())
            core.calls.keeping.restore(lambda *way: _restored_way(engine, *way))
            if media is not None:
                media.engine.restored()
            engine.let_in()
            core.register_at_trunks(lambda uri: _flow_to(resolver, engine, uri))
            await _until_stopped(core, engine, config)
        finally:
            if http is not None:
                await http.stop()
            if media is not None:
                await media.stop()
            await engine.stop()
    finally:
        if rtpengine is not None:
            rtpengine.close()
        await resolver.close()
        store.close()
        log.info("stopped")


async def _until_stopped(core: Core, engine: Engine, config: Config) -> None:
    """Serve, then drain: no new calls, running ones go on for `drain_seconds` at most. After SIGUSR1 they are left to the next server."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Queue[int] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        loop.add_signal_handler(number, stopping.put_nowait, number)
    loop.add_signal_handler(signal.SIGHUP, Reloads(core, loop.call_soon_threadsafe).request)
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
    """Keep the cyclic garbage collector off the call path.

    Calls and transactions leave no cycles behind, so there is nothing to find while calls run, and looking at a hundred thousand
    objects stops the server for tens of milliseconds. What lives now lives on and need not be looked at again; idle time is when
    the rest is. On a server that is never idle it is looked at when so many objects more are alive as only a leak could explain.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(LEAKED_OBJECTS, 1_000_000, 1_000_000)
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
            if idle_seconds == COLLECT_AFTER_SECONDS:
                gc.collect()
            idle_seconds = 0 if core.calls.calls or core.stack.servers else idle_seconds + 1
        except Exception:
            core.errors += 1  # and the housekeeping goes on
            core.log.exception("bug")


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


def _phone(binding: Binding, apps: tuple[str, ...]) -> Phone:
    route = "".join(f"Route: {value}\r\n" for value in binding.path)
    app = is_app(binding.user_agent, binding.params, apps)
    return Phone(binding.contact, binding.flow, route, binding.instance or binding.remote, app)


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
