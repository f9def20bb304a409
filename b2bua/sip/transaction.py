"""The four transaction machines as transition tables (RFC 3261 §17, RFC 6026).

A table maps (state, event) to (next state, actions). What a table does not list is absorbed. Entering TERMINATED is the
removal: timers stop, the stack forgets the transaction; nobody has to remember to delete one.

States and events are the RFC's words; timer events are its letters. "2xx timer" is the retransmission of a 2xx to INVITE
until its ACK (RFC 3261 §13.3.1.4), which the RFC leaves to the core and which lives here with the other timers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from b2bua.sip.flow import Flow, Target
from b2bua.sip.timers import Timed

if TYPE_CHECKING:
    from b2bua.sip.core import Core
    from b2bua.sip.dialog import Dialog
    from b2bua.sip.message import Request, Response
    from b2bua.sip.uac import UserAgentClient
    from b2bua.sip.uas import UserAgentServer

CALLING: Final = "calling"
TRYING: Final = "trying"
PROCEEDING: Final = "proceeding"
ACCEPTED: Final = "accepted"
COMPLETED: Final = "completed"
CONFIRMED: Final = "confirmed"
TERMINATED: Final = "terminated"

REQUEST: Final = "request"  # the request again (a retransmission)
ACK: Final = "ACK"
PROVISIONAL: Final = "1xx"
SUCCESS: Final = "2xx"
FAILURE: Final = "3xx-6xx"
FINAL: Final = "2xx-6xx"
RETRANSMIT: Final = "timer A/E/G"
TIMEOUT: Final = "timer B/F/H"
LINGER: Final = "timer D/I/J/K/L/M"
TIMER_2XX: Final = "2xx timer"
TRANSPORT_ERROR: Final = "transport error"

_NEVER: Final = float("inf")
Action = Callable[[Any, float], None]
Table = dict[tuple[str, str], tuple[str, tuple[Action, ...]]]


class Transaction(Timed):
    """What the four machines share: a state, the last message sent, when to send it again, and when the state ends.

    The transaction itself stands in the timer wheel, at what comes first, and is set there after all actions of an event.
    """

    __slots__ = ("stack", "key", "method", "flow", "state", "owner", "sent", "interval", "_repeat_at", "_repeat_event", "_end_at",
                 "_end_event", "_due")  # fmt: skip

    TABLE: Table = {}

    def __init__(self, stack: Core, key: Any, method: str, flow: Flow, state: str) -> None:
        self._bucket = None
        self.stack = stack
        self.key = key
        self.method = method
        self.flow = flow
        self.state = state
        self.owner: Any = None
        self.sent = b""
        self.interval = 0.0
        self._repeat_at = self._end_at = self._due = _NEVER
        self._repeat_event = RETRANSMIT
        self._end_event = TIMEOUT

    def fire(self, event: str, now: float) -> bool:
        """Feed an event to the table; False when the table absorbs it."""
        transition = self.TABLE.get((self.state, event))
        if transition is None:
            return False
        self.state, actions = transition
        try:
            for action in actions:
                action(self, now)
        finally:  # a bug of the owner, who is told last, must not leave the transaction behind
            if self.state is TERMINATED:
                self._terminate()
            elif (self._repeat_at if self._repeat_at < self._end_at else self._end_at) != self._due:
                self.set_timer(now)
        return True

    def _terminate(self) -> None:
        self._repeat_at = self._end_at = _NEVER
        self.stack.timers.clear(self)
        self._forget()
        self.owner = None

    def _forget(self) -> None:
        raise NotImplementedError

    def set_timer(self, now: float) -> None:
        """Stand in the timer wheel at what comes first: the next repetition or the end of the state."""
        due = self._repeat_at if self._repeat_at < self._end_at else self._end_at
        if due == self._due:
            return
        self._due = due
        if due < _NEVER:
            self.stack.timers.set(self, now, due - now)
        else:
            self.stack.timers.clear(self)

    def expire(self, now: float) -> None:
        """The one timer: which of the two it was for."""
        self._due = _NEVER
        if self._end_at <= self._repeat_at:
            event, self._end_at = self._end_event, _NEVER
        else:
            event, self._repeat_at = self._repeat_event, _NEVER
        if not self.fire(event, now):
            self.set_timer(now)

    # Actions. All take (self, now) so that they can stand in a table.

    def transmit(self, now: float) -> None:
        flow = self.flow
        if flow.reliable and flow.closed:
            flow = self.flow = self._reconnected(flow)
        self.stack.output.append((flow, self.sent))

    def _reconnected(self, flow: Flow) -> Flow:
        """Another way to the peer when the stream has been closed; none for a request, which fails with its stream."""
        return flow

    def stop_retransmit(self, now: float) -> None:
        self._repeat_at = _NEVER

    def _end_in(self, now: float, seconds: float, event: str) -> None:
        if seconds <= 0:
            self.state = TERMINATED
            return
        self._end_at = now + seconds
        self._end_event = event

    def _repeat_in(self, now: float, seconds: float, event: str = RETRANSMIT) -> None:
        self.interval = seconds
        self._repeat_at = now + seconds
        self._repeat_event = event

    def start_retransmit(self, now: float) -> None:
        """Timers A, E and G: T1 first; over a reliable transport there is nothing to repeat."""
        if not self.flow.reliable:
            self._repeat_in(now, self.stack.values.t1)

    def double_retransmit(self, now: float) -> None:
        """Timer A: each interval twice the last."""
        self._repeat_in(now, self.interval * 2)

    def double_to_t2(self, now: float) -> None:
        """Timers E and G: twice the last, T2 at most."""
        self._repeat_in(now, min(self.interval * 2, self.stack.values.t2))

    def retransmit_at_t2(self, now: float) -> None:
        """Timer E once a provisional response was received."""
        self._repeat_in(now, self.stack.values.t2)

    def start_timeout(self, now: float) -> None:
        """Timers B, F and H."""
        self._end_in(now, self.stack.values.transaction, TIMEOUT)

    def linger_64t1(self, now: float) -> None:
        """Timers L and M (whatever the transport), and D and J where it is unreliable."""
        self._end_in(now, self.stack.values.transaction, LINGER)

    def linger_64t1_unreliable(self, now: float) -> None:
        """Timers D and J: zero over a reliable transport."""
        self._end_in(now, 0 if self.flow.reliable else self.stack.values.transaction, LINGER)

    def linger_t4(self, now: float) -> None:
        """Timers I and K: zero over a reliable transport."""
        self._end_in(now, 0 if self.flow.reliable else self.stack.values.t4, LINGER)


class ClientTransaction(Transaction):
    """A request of ours. Its owner gets every response that matters, or one `failed` with 408 or 503.

    The request's parts stay until it is over, since CANCEL, ACK and the fall-back from TCP to UDP are made of them.
    """

    __slots__ = ("uri", "via", "cseq", "from_text", "to_text", "call_id", "route", "dialog", "dialogs", "acks", "response", "fallback", "cancelled")

    stack: UserAgentClient

    def __init__(self, stack: UserAgentClient, branch: str, method: str, flow: Flow, state: str) -> None:
        super().__init__(stack, (branch, method), method, flow, state)
        self.uri = ""
        self.via = ""
        self.cseq = 0
        self.from_text = ""
        self.to_text = ""
        self.call_id = ""
        self.route = ""
        self.dialog: Dialog | None = None
        self.dialogs: dict[str, Dialog] | None = None
        self.acks: dict[str, tuple[Flow, bytes]] | None = None
        self.response: Response | None = None
        self.fallback: tuple[Flow, str, bytes] | None = None
        self.cancelled = False

    @property
    def done(self) -> bool:
        """Whether the final response has come; what is left is to absorb its repetitions."""
        return self.state in (ACCEPTED, COMPLETED, TERMINATED)

    @property
    def branch(self) -> str:
        branch: str = self.key[0]
        return branch

    def _forget(self) -> None:
        self.stack.clients.pop(self.key, None)
        self.dialog = None
        self.dialogs = None
        self.acks = None
        self.response = None
        self.fallback = None

    def drop_parts(self) -> None:
        """The 2xx is acknowledged: nothing more is made of the INVITE, whose transaction stays for half a minute."""
        self.sent = b""
        self.uri = self.via = self.from_text = self.to_text = self.route = ""
        self.dialog = None

    def deliver(self, now: float) -> None:
        """Hand the response to the owner."""
        if self.response is not None:
            self.stack.deliver_response(self, self.response, now)
            self.response = None

    def expire_in(self, now: float, seconds: float) -> None:
        """Give an INVITE that has a provisional response so much time for the final one; then it fails with 408."""
        if self.state is PROCEEDING:
            self._end_in(now, seconds, TIMEOUT)
            self.set_timer(now)

    def fail_timeout(self, now: float) -> None:
        self.stack.deliver_failure(self, 408, now)

    def fail_transport(self, now: float) -> None:
        self.stack.deliver_failure(self, 503, now)


class InviteClient(ClientTransaction):
    """INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §8.4)."""

    __slots__ = ()

    def acknowledge_failure(self, now: float) -> None:
        """ACK for a 3xx–6xx: part of the transaction, same branch (RFC 3261 §17.1.1.3)."""
        if self.response is not None:
            self.sent = self.stack.failure_ack(self, self.response)
            self.transmit(now)

    def transmit_ack(self, now: float) -> None:
        """The 3xx–6xx again: the ACK was lost."""
        self.response = None
        self.transmit(now)

    def repeat_ack(self, now: float) -> None:
        """A 2xx again or from another fork: repeat its ACK, or tell the owner of the new dialog (RFC 3261 §13.2.2.4)."""
        response, self.response = self.response, None
        if response is not None:
            ack = self.acks.get(response.to.tag) if self.acks else None
            if ack is not None:
                self.stack.output.append(ack)
            else:
                self.stack.deliver_response(self, response, now)

    def start(self, now: float) -> None:
        """Send it; timers A and B."""
        self.transmit(now)
        self.start_retransmit(now)
        self.start_timeout(now)
        self.set_timer(now)

    def stop_timeout(self, now: float) -> None:
        """Timer B ends with the first provisional response; from there on the call's own ring time counts."""
        self._end_at = _NEVER

    TABLE = {
        (CALLING, RETRANSMIT): (CALLING, (Transaction.transmit, Transaction.double_retransmit)),
        (CALLING, TIMEOUT): (TERMINATED, (ClientTransaction.fail_timeout,)),
        (CALLING, TRANSPORT_ERROR): (TERMINATED, (ClientTransaction.fail_transport,)),
        (CALLING, PROVISIONAL): (PROCEEDING, (Transaction.stop_retransmit, stop_timeout, ClientTransaction.deliver)),
        (CALLING, SUCCESS): (ACCEPTED, (Transaction.stop_retransmit, Transaction.linger_64t1, ClientTransaction.deliver)),
        (CALLING, FAILURE): (
            COMPLETED,
            (Transaction.stop_retransmit, acknowledge_failure, Transaction.linger_64t1_unreliable, ClientTransaction.deliver),
        ),
        (PROCEEDING, PROVISIONAL): (PROCEEDING, (ClientTransaction.deliver,)),
        (PROCEEDING, SUCCESS): (ACCEPTED, (Transaction.linger_64t1, ClientTransaction.deliver)),
        (PROCEEDING, FAILURE): (COMPLETED, (acknowledge_failure, Transaction.linger_64t1_unreliable, ClientTransaction.deliver)),
        (PROCEEDING, TIMEOUT): (TERMINATED, (ClientTransaction.fail_timeout,)),  # armed by our CANCEL (RFC 3261 §9.1)
        (PROCEEDING, TRANSPORT_ERROR): (TERMINATED, (ClientTransaction.fail_transport,)),
        (ACCEPTED, SUCCESS): (ACCEPTED, (repeat_ack,)),
        (ACCEPTED, LINGER): (TERMINATED, ()),
        (COMPLETED, FAILURE): (COMPLETED, (transmit_ack,)),
        (COMPLETED, LINGER): (TERMINATED, ()),
        (COMPLETED, TRANSPORT_ERROR): (TERMINATED, ()),
    }


class NonInviteClient(ClientTransaction):
    """Non-INVITE client transaction (RFC 3261 §17.1.2)."""

    __slots__ = ()

    TABLE = {
        (TRYING, RETRANSMIT): (TRYING, (Transaction.transmit, Transaction.double_to_t2)),
        (TRYING, TIMEOUT): (TERMINATED, (ClientTransaction.fail_timeout,)),
        (TRYING, TRANSPORT_ERROR): (TERMINATED, (ClientTransaction.fail_transport,)),
        (TRYING, PROVISIONAL): (PROCEEDING, (ClientTransaction.deliver,)),
        (TRYING, FINAL): (COMPLETED, (Transaction.stop_retransmit, Transaction.linger_t4, ClientTransaction.deliver)),
        (PROCEEDING, RETRANSMIT): (PROCEEDING, (Transaction.transmit, Transaction.retransmit_at_t2)),
        (PROCEEDING, TIMEOUT): (TERMINATED, (ClientTransaction.fail_timeout,)),
        (PROCEEDING, TRANSPORT_ERROR): (TERMINATED, (ClientTransaction.fail_transport,)),
        (PROCEEDING, PROVISIONAL): (PROCEEDING, (ClientTransaction.deliver,)),
        (PROCEEDING, FINAL): (COMPLETED, (Transaction.stop_retransmit, Transaction.linger_t4, ClientTransaction.deliver)),
        (COMPLETED, LINGER): (TERMINATED, ()),
        (COMPLETED, TRANSPORT_ERROR): (TERMINATED, ()),
    }

    def start(self, now: float) -> None:
        """Send it; timers E and F."""
        self.transmit(now)
        self.start_retransmit(now)
        self.start_timeout(now)
        self.set_timer(now)


class ServerTransaction(Transaction):
    """A request of a peer. `request` is there until the final response has been sent."""

    __slots__ = ("request", "dialog", "head", "to_text", "tail", "record_route", "local_tag", "merge_key", "source", "status", "cseq", "reply_port")

    stack: UserAgentServer

    def __init__(self, stack: UserAgentServer, key: Any, request: Request, flow: Flow, state: str) -> None:
        super().__init__(stack, key, request.method, flow, state)
        self.request: Request | None = request
        self.dialog: Dialog | None = None
        self.head = ""
        self.to_text = ""
        self.tail = ""
        self.record_route = ""
        self.local_tag = ""
        self.merge_key: Any = None
        self.source = flow.remote[0]
        self.status = 0
        self.cseq = request.cseq
        self.reply_port = request.via.port or 5060

    def _reconnected(self, flow: Flow) -> Flow:
        """A response whose connection is gone opens one to the address of the Via (RFC 3261 §18.2.2)."""
        return self.stack.connector.flow_to(Target(flow.transport, self.source, self.reply_port), flow)

    @property
    def answered(self) -> bool:
        """Whether a final response has been sent."""
        return self.status >= 200

    def drop_parts(self) -> None:
        """A final response has been made: nothing more is made of the request."""
        self.request = None
        self.head = self.to_text = self.tail = self.record_route = ""
        if self.method != "INVITE":
            self.owner = self.dialog = None

    def _forget(self) -> None:
        self.stack.forget_server(self)
        self.request = None
        self.dialog = None


class InviteServer(ServerTransaction):
    """INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §8.2) with the 2xx retransmission of §13.3.1.4."""

    __slots__ = ("acknowledged",)

    def __init__(self, stack: UserAgentServer, key: Any, request: Request, flow: Flow, state: str) -> None:
        super().__init__(stack, key, request, flow, state)
        self.acknowledged = False

    def start_2xx(self, now: float) -> None:
        self._repeat_in(now, self.stack.values.t1, TIMER_2XX)

    def repeat_2xx(self, now: float) -> None:
        self.transmit(now)
        self._repeat_in(now, min(self.interval * 2, self.stack.values.t2), TIMER_2XX)

    def accept_ack(self, now: float) -> None:
        """Only the transaction's name is needed from here on, to absorb the INVITE again; the rest need not wait for timer L."""
        self.acknowledged = True
        self.owner = self.dialog = None
        self.sent = b""

    def never_acknowledged(self, now: float) -> None:
        """No ACK within 64·T1: the session should be ended (RFC 3261 §13.3.1.4)."""
        if not self.acknowledged:
            self.stack.deliver_no_ack(self, now)

    TABLE = {
        (PROCEEDING, REQUEST): (PROCEEDING, (Transaction.transmit,)),
        (PROCEEDING, PROVISIONAL): (PROCEEDING, (Transaction.transmit,)),
        (PROCEEDING, SUCCESS): (ACCEPTED, (Transaction.transmit, start_2xx, Transaction.linger_64t1)),
        (PROCEEDING, FAILURE): (COMPLETED, (Transaction.transmit, Transaction.start_retransmit, Transaction.start_timeout)),
        (ACCEPTED, TIMER_2XX): (ACCEPTED, (repeat_2xx,)),
        (ACCEPTED, ACK): (ACCEPTED, (Transaction.stop_retransmit, accept_ack)),
        (ACCEPTED, LINGER): (TERMINATED, (never_acknowledged,)),
        (COMPLETED, REQUEST): (COMPLETED, (Transaction.transmit,)),
        (COMPLETED, RETRANSMIT): (COMPLETED, (Transaction.transmit, Transaction.double_to_t2)),
        (COMPLETED, ACK): (CONFIRMED, (Transaction.stop_retransmit, Transaction.linger_t4)),
        (COMPLETED, TIMEOUT): (TERMINATED, ()),
        (COMPLETED, TRANSPORT_ERROR): (TERMINATED, ()),
        (CONFIRMED, LINGER): (TERMINATED, ()),
    }


class NonInviteServer(ServerTransaction):
    """Non-INVITE server transaction (RFC 3261 §17.2.2)."""

    __slots__ = ()

    TABLE = {
        (TRYING, PROVISIONAL): (PROCEEDING, (Transaction.transmit,)),
        (TRYING, FINAL): (COMPLETED, (Transaction.transmit, Transaction.linger_64t1_unreliable)),
        (PROCEEDING, REQUEST): (PROCEEDING, (Transaction.transmit,)),
        (PROCEEDING, PROVISIONAL): (PROCEEDING, (Transaction.transmit,)),
        (PROCEEDING, FINAL): (COMPLETED, (Transaction.transmit, Transaction.linger_64t1_unreliable)),
        (COMPLETED, REQUEST): (COMPLETED, (Transaction.transmit,)),
        (COMPLETED, LINGER): (TERMINATED, ()),
        (COMPLETED, TRANSPORT_ERROR): (TERMINATED, ()),
    }
