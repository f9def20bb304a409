"""What a transferor is told: the answer to the REFER, and how it goes on (RFC 3515, RFC 4488)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from b2bua.calls.commands import Outcome
from b2bua.calls.events import Referred
from b2bua.calls.leg import CONFIRMED
from b2bua.calls.party import Party
from b2bua.delegation.callerid import printable
from b2bua.delegation.plan import RoutePlan
from b2bua.sip import refer
from b2bua.sip.message import Response
from b2bua.sip.refer import Refer
from b2bua.sip.transaction import ClientTransaction
from b2bua.sip.values import quote_string

if TYPE_CHECKING:
    from b2bua.calls.conversation import Conversation

SUBSCRIPTION_SECONDS: Final = 180
"""How long a transferor may expect to be told how it goes."""
_ENDS_DIALOG: Final = frozenset({404, 408, 410, 416, 480, 481, 482, 484, 485, 501, 502, 604})
"""What a phone that gets it for a REFER may take for the end of the call (RFC 5057 §5.1): 403 says it instead."""
_MOST_WORDS: Final = 200
_PHRASES: Final = {
    100: "Trying", 180: "Ringing", 200: "OK", 403: "Forbidden", 404: "Not Found", 480: "Temporarily Unavailable", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 503: "Service Unavailable", 504: "Server Time-out", 603: "Decline",
}  # fmt: skip


class Referral:
    """A transfer under way, and what its transferor is told: the answer to the REFER, and NOTIFYs in the dialog of their leg.

    Without a REFER (`asked` None: a command) nobody is told anything. `rest` is rung when nobody takes the call and the transferor has
    hung up. A NOTIFY that fails changes nothing but that no other follows.
    """

    __slots__ = ("party", "home", "rest", "joins", "_asked", "_reports", "_event", "_told", "_expires")

    def __init__(self, conversation: Conversation, party: Party, asked: Referred | None = None, wanted: Refer | None = None) -> None:
        self.party = party
        self.home = conversation.id
        """The call that the REFER was sent in."""
        self.rest: RoutePlan | None = None
        self.joins = wanted is not None and wanted.join is not None
        """Attended: the transferor stays in the other call."""
        self._asked = asked
        self._reports = wanted is not None and wanted.reports
        self._event = refer.event(asked.request.cseq) if asked is not None else ""
        self._told = 0
        self._expires = conversation.now + SUBSCRIPTION_SECONDS

    def dump(self) -> dict[str, Any] | None:
        """As plain data; None when the REFER has not been answered: its phone sends it again."""
        if self._asked is not None:
            return None
        return {
            "actor": self.actor,
            "rest": self.rest,
            "joins": self.joins,
            "reports": self._reports,
            "event": self._event,
            "told": self._told,
            "seconds": self._expires - self.party.leg.stack.now,
        }

    @classmethod
    def load(cls, conversation: Conversation, party: Party, rest: RoutePlan | None, data: dict[str, Any]) -> Referral:
        """The same again after a restart."""
        self = cls(conversation, party)
        self.rest = rest
        self.joins = data["joins"]
        self._reports = data["reports"]
        self._event = data["event"]
        self._told = data["told"]
        self._expires = conversation.now + data["seconds"]
        return self

    @property
    def actor(self) -> str:
        """Who transfers, by extension."""
        return self.party.extension or ""

    def accept(self) -> None:
        """It shall be done: 202, or 200 where no NOTIFY is wanted (RFC 4488 §4)."""
        asked, self._asked = self._asked, None
        leg = self.party.leg
        if asked is None or asked.tx.dialog is None:
            return
        contact = leg.stack.contact(asked.tx.dialog.flow)
        if self._reports:
            leg.stack.respond(asked.tx, 202, headers=contact, now=leg.stack.now)
        else:
            leg.stack.respond(asked.tx, 200, headers=f"{contact}Refer-Sub: false\r\nSupported: norefersub\r\n", now=leg.stack.now)
        self.tell(100)

    def refuse(self, outcome: Outcome, domain: str) -> None:
        """It shall not be done, for this reason."""
        asked, self._asked = self._asked, None
        if asked is None:
            return
        status = 403 if outcome.status in _ENDS_DIALOG else outcome.status
        warning = f"Warning: 399 {domain} {quote_string(printable(outcome.words, _MOST_WORDS))}\r\n" if outcome.words else ""
        stack = self.party.leg.stack
        stack.respond(asked.tx, status, headers=warning, now=stack.now)

    def tell(self, status: int, reason: str = "") -> None:
        """A NOTIFY with how far it has got, each step once; a final one ends the subscription (RFC 3515 §2.4.4)."""
        if self._told >= 200 or status <= self._told:
            return
        self._told = status
        leg = self.party.leg
        if not self._reports or leg.state is not CONFIRMED or leg.dialog is None:
            return
        left = int(self._expires - leg.stack.now)
        headers = (
            f"{leg.stack.contact(leg.dialog.flow)}Event: {self._event}\r\n"
            f"Subscription-State: {refer.subscription_state(status, max(1, left))}\r\n"
        )
        body = refer.sipfrag(status, reason or _PHRASES.get(status, "Failed"))
        leg.stack.request_in(
            leg.dialog, "NOTIFY", owner=self, now=leg.stack.now, headers=headers, body=body, content_type=refer.SIPFRAG
        )

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        """Who does not know what the NOTIFY is about gets no other."""
        if response.status >= 300:
            self._reports = False

    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        self._reports = False
