"""Keeps the server registered at a trunk (RFC 3261 §10.2): refresh, digest, back-off, and un-registration at the end.

No timer is held between two exchanges: `sweep` looks whether something is due.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from b2bua import logs
from b2bua.sip.digest import DigestClient
from b2bua.sip.flow import Flow
from b2bua.sip.message import Response
from b2bua.sip.stack import SipStack
from b2bua.sip.transaction import ClientTransaction
from b2bua.sip.values import SipError, Uri, parse_seconds

_log = logs.get("trunk")

State = Literal["unregistered", "registering", "registered", "failed", "unregistering", "stopped"]

FIRST_RETRY: Final = 5.0
LONGEST_RETRY: Final = 600.0
REFUSED_RETRY: Final = 300.0
"""After a refused password: trying fast locks accounts."""
SHORTEST_REFRESH: Final = 10.0
MOST_ANSWERS: Final = 3
"""Requests sent in answer to a 401, 407 or 423 before the attempt counts as failed."""
DAY: Final = 86_400


class TrunkAccount(NamedTuple):
    """What to register, from the configuration's `trunks[].uri` and `trunks[].auth`."""

    trunk: str
    registrar: str
    """SIP URI of the trunk; its host is the domain of the address registered."""
    username: str
    password: str
    realm: str | None = None
    """Only challenges of this realm are answered; None: whatever the trunk's."""
    expires: int = 3600


class TrunkRegistration:
    """One registration at one trunk. `flow()` gives the way to the trunk, or None while there is none (not resolved, down)."""

    def __init__(
        self,
        stack: SipStack,
        account: TrunkAccount,
        flow: Callable[[], Flow | None],
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        uri = Uri.parse(account.registrar)
        self.account = account
        self.state: State = "unregistered"
        self.last_status = 0
        """Status of the last final answer; 408 or 503 also when none came, 0 before the first."""
        self.registered_until = 0.0
        """Monotonic time at which the trunk forgets us unless refreshed."""
        self._stack = stack
        self._flow = flow
        self._jitter = jitter
        self._request_uri = f"{uri.scheme}:{uri.hostport}"
        self._address = f"<{uri.scheme}:{account.username}@{uri.hostport}>"
        self._expires = account.expires
        # the registrar itself and a proxy before it are two peers, each with its own nonce
        self._digests = {
            "Authorization": DigestClient(account.username, account.password, account.realm),
            "Proxy-Authorization": DigestClient(account.username, account.password, account.realm),
        }
        self._sent: dict[str, str | None] = {}
        self._call_id = stack.ids.call_id()
        self._cseq = 0
        self._failures = 0
        self._answers = 0
        self._asked = 0  # expires of the request under way
        self._running = False
        self._stopping = False
        self._next = 0.0

    @property
    def running(self) -> bool:
        """Whether an exchange is under way."""
        return self._running

    def sweep(self, now: float) -> None:
        """Register or refresh when it is time; call it about once a second."""
        if self.state == "registered" and now >= self.registered_until:
            self.state = "failed"
        if not self._running and not self._stopping and now >= self._next:
            self._answers = 0
            self._send(self._expires, now)

    def stop(self, now: float) -> None:
        """Un-register, if registered; `state` is "stopped" when that is done or given up."""
        self._stopping = True
        if not self._running:
            self._wind_up(now)

    # -- owner of the transaction

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        """An answer of the trunk."""
        status = response.status
        if status < 200:
            return
        self._running = False
        self.last_status = status
        if status < 300:
            self._accepted(response, now)
        elif status in (401, 407):
            self._challenged(response, now)
        elif status == 423:
            self._too_brief(response, now)
        else:
            self._failed(now, _seconds(response.get("retry-after")))
        if self._stopping and not self._running:
            self._wind_up(now)

    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        """The trunk did not answer (408) or cannot be reached (503)."""
        self._running = False
        self.last_status = status
        self._failed(now, None)
        if self._stopping:
            self._wind_up(now)

    # -- the exchange

    def _wind_up(self, now: float) -> None:
        """After `stop`, between two exchanges: un-register, once, where something is registered."""
        if self.state == "unregistering" or now >= self.registered_until:
            self.state = "stopped"
            return
        self.state = "unregistering"
        self._answers = 0
        self._send(0, now)

    def _send(self, expires: int, now: float, answered: tuple[str, str] | None = None) -> None:
        flow = self._flow()
        if flow is None:
            self.last_status = 503
            self._failed(now, None)
            if self.state == "unregistering":
                self.state = "stopped"
            return
        if self.state in ("unregistered", "failed"):
            self.state = "registering"
        self._cseq += 1
        self._asked = expires
        self._running = True
        suffix = ";transport=tcp" if flow.reliable else ""
        self._stack.request(
            "REGISTER",
            self._request_uri,
            flow,
            from_=f"{self._address};tag={self._stack.ids.tag()}",
            to=self._address,
            call_id=self._call_id,
            cseq=self._cseq,
            owner=self,
            now=now,
            headers=(
                f"{self._credentials(answered)}Contact: <sip:{self.account.username}@{flow.sent_by}{suffix}>\r\n"
                f"Expires: {expires}\r\n"
            ),
        )

    def _credentials(self, answered: tuple[str, str] | None) -> str:
        """The answer to a challenge just received, and what can go ahead of the next one."""
        lines = ""
        for name, digest in self._digests.items():
            value = (
                answered[1] if answered is not None and answered[0] == name else digest.authorize("REGISTER", self._request_uri)
            )
            self._sent[name] = value
            if value is not None:
                lines += f"{name}: {value}\r\n"
        return lines

    def _challenged(self, response: Response, now: float) -> None:
        proxy = response.status == 407
        name = "Proxy-Authorization" if proxy else "Authorization"
        challenges = response.get_all("proxy-authenticate" if proxy else "www-authenticate")
        self._answers += 1
        answer = None
        if self._answers <= MOST_ANSWERS:
            answer = self._digests[name].answer(challenges, "REGISTER", self._request_uri, sent=self._sent.get(name))
        if answer is None:
            _log.error("trunk refuses the account, or asks for another realm", trunk=self.account.trunk, status=response.status)
            self._failed(now, REFUSED_RETRY)
            return
        self._send(self._asked, now, (name, answer))

    def _too_brief(self, response: Response, now: float) -> None:
        """RFC 3261 §10.2.8."""
        minimum = _seconds(response.get("min-expires"))
        self._answers += 1
        if minimum is None or not self._asked < minimum <= DAY or not self._asked or self._answers > MOST_ANSWERS:
            self._failed(now, None)
            return
        self._expires = minimum
        self._send(minimum, now)

    def _accepted(self, response: Response, now: float) -> None:
        self._failures = 0
        if not self._asked:
            self.registered_until = now
            return
        granted = self._granted(response)
        if self.state != "registered":
            _log.info("registered at trunk", trunk=self.account.trunk, expires=granted)
        self.state = "registered"
        self.registered_until = now + granted
        # somewhere past the half, so that many servers and trunks do not fall into step
        self._next = now + max(min(SHORTEST_REFRESH, granted / 2), granted * (0.5 + 0.3 * self._jitter()))

    def _granted(self, response: Response) -> int:
        """The life of our contact: its own parameter, else the header, else what was asked for."""
        mine = f"sip:{self.account.username}@"
        try:
            for contact in response.addresses("contact"):
                if contact.uri_text.startswith(mine) and contact.params.get("expires"):
                    return _seconds(contact.params["expires"]) or self._asked
        except SipError:
            _log.warning("unreadable Contact from trunk", trunk=self.account.trunk)
        return _seconds(response.get("expires")) or self._asked

    def _failed(self, now: float, wait: float | None) -> None:
        """Try again after `wait` seconds or the back-off, whichever is longer, and a random part more.

        A registration that only failed to be refreshed counts until it expires.
        """
        self._failures += 1
        backoff = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(self._failures - 1, 10))
        self._next = now + max(backoff, min(wait or 0, DAY)) * (1.0 + 0.5 * self._jitter())
        if now >= self.registered_until and not self._stopping:
            self.state = "failed"
        _log.warning(
            "registration at trunk failed", trunk=self.account.trunk, status=self.last_status, again=round(self._next - now)
        )


def _seconds(text: str | None) -> int | None:
    try:
        return parse_seconds(text)
    except SipError:
        return None
