"""`Core`: stack, registrar and calls, joined; what needs no event loop. Tests run it on a fake wire, `app` on real sockets and a real clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from b2bua import logs
from b2bua.calls.conference_events import ConferenceEvents
from b2bua.calls.index import Account, CallIndex, Settings
from b2bua.calls.ports import MediaPlace, Phone, Resolve, Trunk
from b2bua.calls.retry import Credentials
from b2bua.cluster.bus import Bus, PhonesChanged, SettingsChanged
from b2bua.config import Config, TrunkTable
from b2bua.config.hosts import Hosts, media_places, own_address
from b2bua.delegation.attendance import is_missed
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Setting
from b2bua.delegation.state import State
from b2bua.media.engine import MediaEngine
from b2bua.media.rewriter import Rewriter
from b2bua.registrar.credentials import CredentialTable
from b2bua.registrar.devices import is_app
from b2bua.registrar.keepalive import KeepAlive
from b2bua.registrar.location import Binding, Location
from b2bua.registrar.registrar import Registrar
from b2bua.registrar.subscriptions import Subscriptions
from b2bua.registrar.trunk_registration import TrunkAccount, TrunkRegistration
from b2bua.registrar.watch import CoverageWatch
from b2bua.sip.digest import DigestClient, DigestServer, HashedPassword
from b2bua.sip.flow import Connector, Flow, Target
from b2bua.sip.ids import Identifiers
from b2bua.sip.message import Request
from b2bua.sip.stack import ALLOW, SipStack
from b2bua.sip.values import Uri
from b2bua.store.ports import BindingStore, CallStore, HistorySink, StateStore
from b2bua.web.metrics import Reading

MAX_CACHED_ACCOUNTS: Final = 100_000
FORGET_SECONDS: Final = 60.0
"""How often settings whose time is over are looked for; by then they have long ceased to count."""
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
        bus: Bus | None = None,
    ) -> None:
        self.config = config
        self.media = media
        self.bus = Bus() if bus is None else bus
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
            bus=self.bus,
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

    @property
    def credentials(self) -> CredentialTable:
        """The digest accounts."""
        return self.registrar.credentials

    def phones(self, account: str) -> Sequence[Phone]:
        """Where an account can be rung now: also the shared phones at which the user has logged in."""
        phones = self._own_phones(account)
        if account in self.directory.state.desks:
            for desk in self.directory.state.at_desks(account, self._wall()):
                phones = (*phones, *self._own_phones(desk))
        return phones

    def contacts(self, account: str) -> Sequence[Binding]:
        """The same as they have registered."""
        desks = self.directory.state.at_desks(account, self._wall())
        return [each for name in (account, *desks) for each in self.location.contacts(name)]

    def _own_phones(self, account: str) -> tuple[Phone, ...]:
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
        if self.bus:
            self.bus.publish(PhonesChanged(account, len(self.contacts(account))))
            user = self.directory.state.value("hot_desk", account, now=self._wall())
            if user is not None:
                self.bus.publish(PhonesChanged(user, len(self.contacts(user))))

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
        desks = [each for each in settings if each.kind == "hot_desk"]
        moved = {who for each in desks for who in (self.directory.state.value("hot_desk", each.subject), each.value) if who is not None}
        self.directory = self.calls.directory = self.directory.with_state(self.directory.state.with_settings(settings))
        if self._state is not None:
            self._state.save(settings)
        self.bus.publish(SettingsChanged(frozenset(who for each in settings for who in (each.subject, each.object) if who in self.directory.users)))
        for who in moved:
            self.bus.publish(PhonesChanged(who, len(self.contacts(who))))

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
        table = credentials if credentials is not None else CredentialTable.from_directory(directory, self.config.domain)
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
        config.auto_answer,
    )


def _phone(binding: Binding, apps: tuple[str, ...]) -> Phone:
    route = "".join(f"Route: {value}\r\n" for value in binding.path)
    app = is_app(binding.user_agent, binding.params, apps)
    return Phone(binding.contact, binding.flow, route, binding.instance or binding.remote, app)
