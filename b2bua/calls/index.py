"""All calls of the server: who may start one, where its legs are sent, and what becomes of it.

`on_invite` is the door: who calls is decided here by digest or by the trunk's address, never by a header.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from b2bua.calls import replaces
from b2bua.calls.anchor import Anchor
from b2bua.calls.call import Call
from b2bua.calls.commands import Command, Outcome
from b2bua.calls.dialling import Placed, dial
from b2bua.calls.entrance import Entrance
from b2bua.calls.events import Event, Failed, HangUp, Ordered
from b2bua.calls.hot_desk import LogInCall
from b2bua.calls.identity import (
    Diverted,
    Origin,
    caller_of_trunk,
    diverted,
    escape_user,
    from_header,
    identity_headers,
    origin_of,
    preferred_identity,
    wants_privacy,
)
from b2bua.calls.invite_client import ClientInvite, Invitation
from b2bua.calls.invite_server import check_invite
from b2bua.calls.keeping import Keeping
from b2bua.calls.leg import ENDED, Leg
from b2bua.calls.live import Live
from b2bua.calls.parking import ParkingLot
from b2bua.calls.ports import Log, MediaPlace, NoWatchers, Phone, Phones, Resolve, Trunk, VerifyPin, Watchers, no_pins
from b2bua.calls.record import Record
from b2bua.calls.relaying import Relaying
from b2bua.calls.service_call import ServiceCall
from b2bua.cluster.bus import Bus
from b2bua.delegation import hot_desk
from b2bua.delegation.callerid import printable
from b2bua.delegation.keypad import Keypad
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Caller, Direction, Endpoint, Facts, RoutePlan, Setting
from b2bua.delegation.policy import decide
from b2bua.media.engine import MediaEngine, Statistics
from b2bua.media.rewriter import Rewriter
from b2bua.sip import description
from b2bua.sip.digest import DigestServer, HashedPassword
from b2bua.sip.flow import Flow, Target
from b2bua.sip.message import Request
from b2bua.sip.refer import named_dialog
from b2bua.sip.stack import SipStack
from b2bua.sip.transaction import InviteServer
from b2bua.sip.values import NameAddr, SipError, Uri, quote_string
from b2bua.store.ports import CallStore, HistorySink

KEYS_IN_CALL: Final = ("push_back", "push", "push_announced", "park", "lock", "unlock", "give_back", "barge")
"""Codes that count when they are pressed during a call."""
SLOT_DIGITS: Final = 6
_NOT_TAKEN: Final = (480, 486)
"""Of calls that were decided to ring nobody: the called user takes none now."""
_RETRY_AFTER: Final = "Retry-After: 5\r\n"
_MAX_WARNING: Final = 200  # characters of a Warning's text: a phone shows less, and a datagram must hold it


class Account(NamedTuple):
    """An authenticated account: the user's extension, and the executive when it is a delegated line."""

    extension: str
    line: str | None


class Accounts(Protocol):
    """Digest accounts of the directory."""

    def password(self, name: str) -> HashedPassword | None: ...
    def owner(self, name: str) -> Account | None: ...


@dataclass(slots=True)
class Settings:
    """What `app` configures. `hosts` are the names and addresses of this server, IPv6 without brackets."""

    hosts: Container[str]
    media_address: str
    session_interval: int = 1800
    max_calls: int = 15_000
    media_ports: tuple[int, int] = (0, 0)
    media: MediaPlace | None = None
    """None: `media_address`, bound and shown."""
    media6: MediaPlace | None = None
    """For parties that signal over IPv6; None: as all others."""
    auto_answer: bool = False
    """Whether phones are asked to answer by themselves when their own user clicks to dial."""


class CallIndex:
    """The calls. `directory`, `accounts` and `trunks` may be replaced at any time; running calls keep what they decided on."""

    def __init__(
        self,
        stack: SipStack,
        *,
        directory: Directory,
        accounts: Accounts,
        trunks: Mapping[str, Trunk],
        trunk_of: Callable[[Flow], str | None],
        phones: Phones,
        resolve: Resolve,
        target_failed: Callable[[Target], None] | None = None,
        digest: DigestServer,
        history: HistorySink,
        wall: Callable[[], float],
        local_time: Callable[[], datetime],
        log: Log,
        settings: Settings,
        remember: Callable[[Sequence[Setting]], None] = lambda _: None,
        media: MediaEngine | None = None,
        rewriter: Rewriter | None = None,
        snapshots: CallStore | None = None,
        bus: Bus | None = None,
    ) -> None:
        """`remember` takes what a feature code or a call has set; decisions made later see it. `media`: None, all sound goes directly.
        `rewriter` carries the sound of calls of two in its place. `bus` is told what becomes of calls."""
        self.stack = stack
        self.directory = directory
        self.accounts = accounts
        self.trunks = trunks
        self.settings = settings
        self.media_address = settings.media_address
        self.session_interval = settings.session_interval
        self.log = log
        self.calls: dict[str, Call] = {}
        self.counters: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.draining = False
        self._trunk_of = trunk_of
        self._phones = phones
        self._resolve = resolve
        self._target_failed = target_failed
        self._digest = digest
        self._history = history
        self.wall = wall
        self.local_time = local_time
        self.remember = remember
        self.verify_pin: VerifyPin = no_pins
        self.media = media
        self.rewriter = rewriter
        self.unfinished = 0
        """Calls that are over and wait for what was counted in them."""
        self.parking = ParkingLot()
        self.watchers: Watchers = NoWatchers()
        self._with_media: set[str] = set()
        self.rooms: dict[str, Call] = {}
        """The running conferences, by the number of the room."""
        self.keeping = Keeping(self, snapshots)
        self.live = Live(self, Bus() if bus is None else bus)
        self.entrance = Entrance(self)
        stack.handlers["INVITE"] = self.on_invite

    @property
    def legs(self) -> int:
        """Parties in all calls."""
        return sum(call.live_legs for call in self.calls.values())

    # The door.

    def on_invite(self, request: Request, flow: Flow, now: float) -> None:
        """An INVITE outside of dialogs: refused without keeping state, or a call."""
        stack = self.stack
        if self.draining or (len(self.calls) >= self.settings.max_calls and not self._is_emergency(request)):
            self.counters["overload"] += 1
            stack.reject(request, flow, 503, headers=_RETRY_AFTER)
            return
        if request.get("max-forwards") == "0":
            stack.reject(request, flow, 483)
            return
        target = request.target
        if target.host not in self.settings.hosts and target.scheme != "tel":
            stack.reject(request, flow, 403, "Unknown Domain")
            return
        caller = self._who_calls(request, flow, now)
        if caller is None:
            return
        wrong = check_invite(request)
        if wrong is not None:
            stack.reject(request, flow, wrong[0], headers=wrong[1])
            if wrong[0] != 422:  # which is the caller's phone negotiating, not an attempt
                self._turn_away(request, caller, wrong[0])
            return
        tx = stack.accept(request, flow, now)
        assert isinstance(tx, InviteServer)
        self._begin(tx, request, caller)

    def authenticated(self, request: Request, flow: Flow, now: float) -> str | None:
        """The user who sends a request, by digest; None when it has been answered with a challenge or 403."""
        caller = self._who_calls(request, flow, now)
        if caller is not None and caller.extension is None:
            self.stack.reject(request, flow, 403)
        return caller.extension if caller is not None else None

    def _is_emergency(self, request: Request) -> bool:
        """An emergency number as it is dialled; such a call counts, but no limit of ours stops it (B9)."""
        return self.directory.numbers.is_emergency(request.target.telephone)

    def _who_calls(self, request: Request, flow: Flow, now: float) -> Caller | None:
        """The caller by the trunk's address or by digest; None when the request has been answered with a challenge or 403."""
        trunk = self._trunk_of(flow)
        if trunk is not None:
            return caller_of_trunk(request, self.trunks[trunk])
        verdict = self._digest.verify(
            request.get_all("proxy-authorization"), request.method, request.uri, self.accounts.password, now
        )
        if verdict.status == "ok" and verdict.username is not None:
            account = self.accounts.owner(verdict.username)
            if account is not None:
                user = self.directory.users[account.extension]
                line = account.line or self._line_of(user.extension, request)
                caller = Caller("user", user.extension, line, None, user.extension, user.name, wants_privacy(request))
                return hot_desk.speaker(caller, request.target.telephone, self.directory, self.wall())
        if verdict.status == "none" and not self._claims_user(request):
            self.counters["unknown_trunk"] += 1
            self.stack.reject(request, flow, 403, "Unknown Trunk")
            return None
        self.counters["challenged"] += 1
        challenges = self._digest.challenge(now, stale=verdict.status == "stale")
        self.stack.reject(request, flow, 407, headers="".join(f"Proxy-Authenticate: {value}\r\n" for value in challenges))
        return None

    def _line_of(self, extension: str, request: Request) -> str | None:
        """The executive, when a user calls on a delegated line that has no password of its own: From says so, and it is a line of theirs."""
        try:
            delegation = self.directory.lines.get(request.from_.uri.user_text)
        except SipError:
            return None
        return delegation.executive if delegation is not None and delegation.assistant == extension else None

    def _claims_user(self, request: Request) -> bool:
        """Whether From says that it is one of our users (or hides who it is); whether that is true is the digest's business."""
        try:
            uri = request.from_.uri
        except SipError:
            return False
        return uri.scheme == "tel" or uri.host in self.settings.hosts or uri.host.endswith(".invalid")

    def _dialled(self, request: Request, caller: Caller) -> str:
        """What is called: the Request-URI. A trunk that the server is registered at may put the registered contact there (RFC 3261
        §16.5); then To says which of its numbers was called. Raises `SipError(400)`."""
        dialled = request.target.telephone
        if caller.trunk is not None and dialled and dialled == self.trunks[caller.trunk].registered_as:
            return request.to.uri.telephone
        return dialled

    def _begin(self, tx: InviteServer, request: Request, caller: Caller) -> None:
        """Decide, and refuse or ring."""
        record = Record(self.wall)
        call_id = self.stack.ids.token()
        try:
            vouched = caller.trunk is None or self.trunks[caller.trunk].trusted
            origin = origin_of(request, caller.anonymous, vouched)
            dialled, pin = self._dialled(request, caller), ""
            if caller.kind == "user":
                dialled, pin = hot_desk.without_pin(dialled, self.directory)
            facts = Facts(caller, dialled, preferred_identity(request, self.settings.hosts) if caller.kind == "user" else None)
            facts = facts._replace(full=self.full_queues())
            named = named_dialog(request)
        except SipError as error:
            self.stack.respond(tx, error.status, error.reason, now=self.stack.now)
            self._turn_away(request, caller, error.status)
            return
        if named is not None:
            replaces.enter(self, tx, request, call_id, caller, named, record)
            return
        now = self.local_time()
        plan = self._with_sound(decide(facts, self.directory, now))
        record.decided(facts, now.timestamp())
        self.counters["attempts"] += 1
        if plan.action == "refuse":
            self.refuse(tx, request, call_id, caller, plan, record)
            return
        if plan.action == "join":
            self.entrance.enter(tx, request, call_id, caller, plan, record)
            return
        self.log.debug("call", call=call_id, caller=caller.number, dialled=facts.dialled, sip_call_id=request.call_id)
        if plan.pin_of is not None:
            self.begin(LogInCall(self, call_id, plan, caller, record, pin), tx, request)
            return
        kind = ServiceCall if plan.action == "set" else Call
        if self.begin(kind(self, call_id, plan, caller, origin, record), tx, request) and plan.action == "ring" and plan.settings:
            self.remember(plan.settings)

    def full_queues(self) -> tuple[str, ...]:
        """Extensions of queues in which as many callers wait as may (E10)."""
        if not self.directory.capacities:
            return ()
        hunts = [(call.plan.executive, call.hunt) for call in self.calls.values() if call.conversation is None]
        waiting = Counter(queue for queue, hunt in hunts if hunt is not None and not hunt.rolled_over)
        return tuple(queue for queue, most in self.directory.capacities.items() if waiting[queue] >= most)

    def _with_sound(self, plan: RoutePlan) -> RoutePlan:
        """The plan as it can be carried out with the engines that are there now."""
        engine = self.media if self.rewriter is None or plan.action != "ring" else self.rewriter
        if not plan.anchored or engine is None or engine.available:
            return plan
        self.counters["no_media"] += 1
        if plan.emergency or (engine is self.media and self.directory.media_mode != "anchored"):
            return plan._replace(anchored=False)  # a call without features is better than none
        return plan._replace(action="refuse", final_status=503, final_reason="", warning="the media engine is not available")

    def begin(self, call: Call, tx: InviteServer, request: Request) -> bool:
        """Start a call with the caller's INVITE; False when that can become no dialog: it is refused then, and the attempt kept."""
        self.calls[call.id] = call
        try:
            call.start(tx, request)
        except SipError as error:
            self.calls.pop(call.id, None)
            self.stack.respond(tx, error.status, error.reason, now=self.stack.now)
            call.record.refuse(error.status)
            self._keep(call.id, call.caller, call.plan, call.record)
            return False
        except Exception:
            if self.calls.pop(call.id, None) is not None and not tx.answered:
                self.stack.respond(tx, 500, now=self.stack.now)
            raise
        return True

    def refuse(self, tx: InviteServer, request: Request, call_id: str, caller: Caller, plan: RoutePlan, record: Record) -> None:
        """Answer with the plan's refusal, and keep the attempt."""
        self.stack.respond(tx, plan.final_status, plan.final_reason, self.warning(plan.warning), now=self.stack.now)
        record.call_ids.append(request.call_id)
        self.keep_refusal(call_id, caller, plan, record)

    def keep_refusal(self, call_id: str, caller: Caller, plan: RoutePlan, record: Record) -> None:
        """Keep an attempt that has been answered with the plan's refusal."""
        record.refuse(plan.final_status)
        self._keep(call_id, caller, plan, record, called=self._user_called(plan))

    def _user_called(self, plan: RoutePlan) -> str | None:
        """The user, group or service that missed the call if nobody takes it: also with no phone that could have rung. None: it concerned
        nobody but the caller."""
        if plan.action != "ring" and (plan.action != "refuse" or plan.final_status not in _NOT_TAKEN):
            return None
        return self.directory.numbers.resolve(plan.called).extension

    def warning(self, words: str) -> str:
        """Words as a Warning header line (RFC 3261 §20.43); "" for none."""
        return f"Warning: 399 {self.directory.domain} {quote_string(printable(words, _MAX_WARNING))}\r\n" if words else ""

    def _turn_away(self, request: Request, caller: Caller, status: int) -> None:
        """Keep the attempt of a known caller whose INVITE was refused before anything was decided."""
        record = Record(self.wall)
        record.call_ids.append(request.call_id)
        record.refuse(status)
        direction: Direction = "internal" if caller.kind == "user" else "incoming"
        plan = RoutePlan("refuse", final_status=status, direction=direction, called=self.named(request))
        self._keep(self.stack.ids.token(), caller, plan, record)

    def named(self, request: Request) -> str:
        """What a request is for, as it may be kept and shown."""
        return printable(hot_desk.without_pin(request.target.user_text, self.directory)[0])

    # What calls ask for.

    def contacts(self, endpoint: Endpoint) -> Sequence[Phone | Trunk]:
        """How an endpoint can be reached now. The delegated line of a phone rings instead of its main account."""
        if endpoint.kind == "number":
            trunk = self.trunks.get(endpoint.trunk or "")
            return () if trunk is None else (trunk,)
        if endpoint.kind == "uri":
            uri = endpoint.number or ""
            return (Phone(uri, None, "", uri),)
        phones = self._phones_of(endpoint)
        if endpoint.devices == "all":
            return phones
        return [phone for phone in phones if phone.app is (endpoint.devices == "apps")]

    def _phones_of(self, endpoint: Endpoint) -> Sequence[Phone]:
        extension = endpoint.extension or ""
        phones = self._phones(extension)
        if endpoint.for_executive is None:
            return phones
        lines = self._phones(f"{extension}-{endpoint.for_executive}")
        if not lines:
            return phones
        devices = {phone.device for phone in lines}
        return (*lines, *(phone for phone in phones if phone.device not in devices))

    def ring(
        self,
        call_id: str,
        plan: RoutePlan,
        origin: Origin,
        leg: Leg,
        endpoint: Endpoint,
        contact: Phone | Trunk,
        offer: bytes | None,
        reliable: bool,
    ) -> None:
        """Send the INVITE for one branch; `Failed` follows when it cannot be sent."""
        domain = self.directory.domain
        trunk = contact if isinstance(contact, Trunk) else None
        headers = identity_headers(plan, endpoint, origin, trunk, domain, self._diverted_by(plan, endpoint, trunk))
        flow, route = None, ""
        if isinstance(contact, Phone):
            uri_text = contact.uri.partition("?")[0]
            to = f"<{uri_text}>" if endpoint.kind == "uri" else f"<sip:{escape_user(endpoint.extension or '')}@{domain}>"
            flow, route = contact.flow, contact.route
            try:
                next_hop = None if flow is not None else _next_hop(route, uri_text)
            except SipError as error:
                _fail(leg, error)
                return
        else:
            leg.trunk = contact
            leg.credentials = contact.credentials
            uri_text = f"sip:{escape_user(endpoint.number or '')}@{contact.uri.hostport}"
            to, next_hop = f"<{uri_text}>", contact.uri
        invitation = Invitation(
            uri_text,
            from_header(plan, endpoint, domain),
            to,
            headers,
            offer,
            flow=flow,
            route=route,
            max_forwards=origin.max_forwards - 1,
            session_interval=self.session_interval,
            reliable=reliable,
            failed=self._target_failed,
        )
        self.log.debug("ringing", call=call_id, party=leg.party, role=endpoint.role, uri=uri_text)
        if next_hop is None:
            _send(leg, invitation)
        else:
            self._resolve(next_hop, lambda targets: _send_to(leg, invitation, targets))

    def _diverted_by(self, plan: RoutePlan, endpoint: Endpoint, trunk: Trunk | None) -> Sequence[Diverted]:
        """Who diverted the call, as the called party may know them: inside by extension, outside by number, or not at all."""
        found = diverted(plan, endpoint)
        if trunk is None or not found:
            return found
        named = [each._replace(number=self._outside_number(each.number, plan)) for each in found]
        return [each for each in named if each.number]

    def _outside_number(self, extension: str, plan: RoutePlan) -> str:
        user = self.directory.users.get(extension)
        if extension == plan.executive:
            return plan.called if user is None else user.main_number  # a new directory may have dropped them during the call
        return user.main_number if user is not None and user.numbers else ""

    # Sound.

    def new_leg(self, post: Callable[[Event], None], party: str, *, anchored: bool, host: str = "") -> Leg:
        """A leg; `anchored`: its sound comes to us. `host`: where its party signals from, when that is known."""
        leg = Leg(self.stack, post, party, self.media_address)
        leg.host = host
        if anchored and self.media is not None:
            self.anchor(leg)
        return leg

    def anchor(self, leg: Leg, termination: str = "", place: MediaPlace | None = None, ports: Sequence[int] = ()) -> None:
        """From its next description on, a leg's sound comes to us. With `termination` it has come before a restart, to these ports."""
        if leg.anchor is None and self.media is not None:
            place = place or self._place_for(leg)
            leg.anchor = Anchor(self.media, leg, termination or self.stack.ids.token(), place)
            leg.local.through = leg.anchor.put
            if ports:
                leg.anchor.ports = tuple(ports)
                self.media.claim(leg.anchor.ports)

    def _place_for(self, leg: Leg) -> MediaPlace:
        dialog = leg.current_dialog()
        if self.settings.media6 is not None and ":" in (dialog.host if dialog is not None else leg.host):
            return self.settings.media6
        return self.settings.media or MediaPlace(self.media_address, self.media_address)

    def unanchor(self, leg: Leg) -> None:
        """Its sound goes directly again: it has refused to send it to us."""
        anchor, leg.anchor = leg.anchor, None
        leg.local.through = None
        if anchor is not None:
            anchor.release()

    def relaying(self, call: Call) -> Relaying | None:
        """What rewrites the descriptions of a call whose sound is to cross the server; None where our own engine carries it at once."""
        return Relaying(self.rewriter, call) if self.rewriter is not None and call.plan.anchored and call.plan.action == "ring" else None

    def uses_media(self, call: Call) -> None:
        """The engine knows a context of this call from now on."""
        self._with_media.add(call.id)

    def hostile(self, body: bytes, leg: Leg | None = None) -> str:
        """Why no packet may be sent where a description of a peer wants them, or why it is none; "" when nothing is wrong. `leg`: whose
        sound comes to us, if it does."""
        try:
            ours = leg.anchor.host if leg is not None and leg.anchor is not None else ""
            return description.hostile(description.parse(body), self.is_own_media, ours)
        except SipError as error:
            return error.reason

    def is_own_media(self, host: str, port: int) -> bool:
        """Whether packets sent there would come back to us."""
        first, last = self.settings.media_ports
        places = (self.media_address, *(self.settings.media or ()), *(self.settings.media6 or ()))
        return host in places and first <= port <= last + 1

    # Keys.

    def uses_codes(self, extension: str) -> bool:
        """Whether keys of this user may be a code: an executive's or an assistant's."""
        return extension in self.directory.in_an_office

    def keypad(self) -> Keypad:
        """What collects the keys of a party who may use codes."""
        codes = self.directory.codes.codes
        return Keypad({feature: codes[feature] for feature in KEYS_IN_CALL}, {"park": SLOT_DIGITS})

    # Endings.

    def wall_at(self, moment: float) -> float:
        """A moment of the stack's clock on the wall's."""
        return self.wall() + moment - self.stack.now

    def ended(self, call: Call) -> None:
        """A call has released everything."""
        if self.calls.pop(call.id, None) is None:
            return
        self.keeping.forget(call.id)
        self.live.ended(call)
        if call.relaying is None:
            self._finish(call, ())
            return
        call.record.over()
        self.unfinished += 1
        call.relaying.finish(lambda relayed: self._finish_relayed(call, relayed))

    def _finish_relayed(self, call: Call, relayed: tuple[Statistics, ...]) -> None:
        self.unfinished -= 1
        self._finish(call, relayed)

    def _finish(self, call: Call, relayed: tuple[Statistics, ...]) -> None:
        """Keep what a call leaves behind. `relayed` is what was counted before its sound came to our own engine, if it ever did."""
        if self.media is not None and call.id in self._with_media:
            self._with_media.remove(call.id)
            self.media.drop(call.id, lambda counted: self._keep_ended(call, (*relayed, *counted)))
        else:
            self._keep_ended(call, relayed)

    def _keep_ended(self, call: Call, counted: tuple[Statistics, ...]) -> None:
        called = None if call.dialling else self._user_called(call.plan)
        self._keep(call.id, call.caller, call.plan, call.record, counted, called)

    def order(self, call_id: str, command: Command, done: Callable[[Outcome], None]) -> None:
        """Carry out a command of the page or the API; `done` is called once."""
        call = self.calls.get(call_id)
        if call is None:
            done(Outcome(404, "there is no such call"))
        else:
            call.mailbox.post(Ordered(command, done))

    def dial(self, actor: str, number: str, on_behalf_of: str | None = None) -> Placed:
        """Ring the actor's own phones, and `number` when one of them is picked up: as the executive, or as themselves (B1, B4)."""
        return dial(self, actor, number, on_behalf_of)

    def crashed(self, call: Call, error: Exception) -> None:
        """A bug ended a call."""
        self.counters["crashed"] += 1
        self.log.error("call crashed", call=call.id, exc_info=error)

    def _keep(
        self, call_id: str, caller: Caller, plan: RoutePlan, record: Record, counted: tuple[Statistics, ...] = (), called: str | None = None
    ) -> None:
        row = record.row(call_id, caller, plan, counted, called)
        self.outcomes[row.outcome] += 1
        self._history.record(row)
        self.log.info(
            "call ended",
            call=call_id,
            caller=row.caller,
            called=row.called,
            outcome=row.outcome,
            status=row.status,
            answered_by=row.answered_by,
            seconds=round(row.ended - row.started, 3),
        )

    def drain(self) -> None:
        """No new calls from now on; running ones go on."""
        self.draining = True

    def hang_up_all(self, status: int = 503) -> None:
        """End what still runs (the drain's time is up)."""
        for call in list(self.calls.values()):
            call.mailbox.post(HangUp(status, ""))


def _next_hop(route: str, uri_text: str) -> Uri:
    """Where a request goes: to its first Route, else to its Request-URI (RFC 3261 §8.1.2). Raises `SipError(400)`."""
    first = route.partition("\r\n")[0].removeprefix("Route: ")
    return NameAddr.parse(first).uri if first else Uri.parse(uri_text)


def _send(leg: Leg, invitation: Invitation) -> None:
    try:
        ClientInvite(leg, invitation).start()
    except SipError as error:
        _fail(leg, error)


def _fail(leg: Leg, error: SipError) -> None:
    post = leg.post
    leg.hang_up()
    post(Failed(leg, error.status, error.reason))


def _send_to(leg: Leg, invitation: Invitation, targets: Sequence[Target]) -> None:
    if leg.state is not ENDED:
        _send(leg, invitation._replace(targets=tuple(targets)))
