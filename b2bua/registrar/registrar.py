"""REGISTER (RFC 3261 §10.3) with digest, Path (RFC 3327) and outbound (RFC 5626).

An unauthenticated request is answered without keeping anything, and alike whether the user exists or not; only an
authenticated one gets a transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import Final, NamedTuple

from b2bua import logs
from b2bua.errors import Refused
from b2bua.registrar.credentials import CredentialTable
from b2bua.registrar.location import RETRY_AFTER, Bindings, Contact, Location, Source
from b2bua.sip.digest import DigestServer
from b2bua.sip.flow import Flow
from b2bua.sip.message import Request
from b2bua.sip.stack import SipStack
from b2bua.sip.values import NameAddr, SipError, parse_seconds, unquote_string

_log = logs.get("registrar")

_LONGEST: Final = {"Contact": 1024, "Path": 1024, "Call-Id": 256}
_MAX_PATH: Final = 5
_MAX_CONTACT_VALUES: Final = 100  # in one request, removals included; comparing them costs their square
_LONGEST_AGENT: Final = 128
_OWN_PARAMS: Final = frozenset({"expires", "q"})  # written anew in each answer, or kept apart


class Expiry(NamedTuple):
    """Limits of a registration's life, seconds."""

    minimum: int = 60
    default: int = 3600
    maximum: int = 86_400
    flow_timer: int = 120
    """Flow-Timer of RFC 5626 §5.4: a phone keeps its flow alive at least that often."""


DEFAULT_EXPIRY: Final = Expiry()


class Registrar:
    """Serves REGISTER: `stack.handlers["REGISTER"] = registrar.handle`.

    `is_ours(host)`: is that host (lower case) this server's domain or one of its other names.  `credentials` may be
    replaced at any time with that of a new directory.
    """

    def __init__(
        self,
        stack: SipStack,
        location: Location,
        digest: DigestServer,
        credentials: CredentialTable,
        *,
        is_ours: Callable[[str], bool],
        wall: Callable[[], float],
        expiry: Expiry = DEFAULT_EXPIRY,
    ) -> None:
        self.credentials = credentials
        self.counters: Counter[str] = Counter()
        self._stack = stack
        self._location = location
        self._digest = digest
        self._is_ours = is_ours
        self._wall = wall
        self._expiry = expiry
        self._date = (0, "")

    def handle(self, request: Request, flow: Flow, now: float) -> None:
        """Answer one REGISTER outside of dialogs; `flow` is the one it came over."""
        aor = self._address_of_record(request)
        if aor is None:
            self.counters["foreign"] += 1
            self._stack.reject(request, flow, 403)
            return
        verdict = self._digest.verify(request.get_all("authorization"), "REGISTER", request.uri, self.credentials.password, now)
        if verdict.status != "ok":
            self._challenge(request, flow, now, verdict.status)
            return
        # From here on the request is known by its transaction: a retransmission must not meet a nonce count already used.
        tx = self._stack.accept(request, flow, now)
        try:
            headers = self._serve(request, flow, aor, verdict.username or "", now)
        except (Refused, SipError) as error:
            self.counters["refused"] += 1
            self._stack.respond(tx, error.status, error.reason, self._refusal_headers(error.status), now=now)
            return
        self.counters["accepted"] += 1
        self._stack.respond(tx, 200, headers=headers, now=now)

    # -- who asks

    def _address_of_record(self, request: Request) -> str | None:
        """The account of the To URI; None for a foreign domain. Raises `SipError(400)` when it is no SIP address."""
        to = request.to.uri
        if to.scheme not in ("sip", "sips"):
            raise SipError(400, "To Is No SIP Address")
        if not self._is_ours(request.target.host) or not self._is_ours(to.host):
            return None
        return to.user_text

    def _challenge(self, request: Request, flow: Flow, now: float, status: str) -> None:
        self.counters["challenged" if status == "none" else status] += 1
        challenges = self._digest.challenge(now, stale=status == "stale")
        self._stack.reject(request, flow, 401, headers="".join(f"WWW-Authenticate: {each}\r\n" for each in challenges))

    def _check_right(self, aor: str, username: str) -> None:
        if not self.credentials.may_act_for(username, aor):
            raise Refused(403)

    # -- what it asks

    def _serve(self, request: Request, flow: Flow, aor: str, username: str, now: float) -> str:
        """Do what an authenticated REGISTER asks; the headers of the 200."""
        self._check_right(aor, username)
        texts = request.values("contact")
        if not texts:
            return self._listing(self._location.registered(aor), now)
        if len(texts) > _MAX_CONTACT_VALUES:
            raise Refused(403, "Too Many Contacts")
        source = self._source(request, flow)
        header_expires = _expires(request.get("expires"), self._expiry.default)
        if "*" in texts:
            if len(texts) > 1 or request.get("expires") is None or header_expires != 0:
                raise Refused(400, "Bad Contact")
            self._location.remove_all(aor, source)
            return f"Expires: 0\r\n{self._date_header()}"
        contacts = [self._contact(text, header_expires) for text in texts]
        outbound = self._outbound(request, contacts)
        if not outbound:
            contacts = [each if each.reg_id is None else each._replace(reg_id=None) for each in contacts]
        bindings = self._location.update(aor, contacts, source, now)
        if _log.is_enabled_for(10):
            _log.debug("registered", aor=aor, contacts=[each.uri for each in contacts], source=flow.remote)
        headers = f"{self._listing(bindings, now)}Expires: {contacts[0].expires}\r\n"
        for value in source.path:
            headers += f"Path: {value}\r\n"
        if outbound:
            headers += f"Require: outbound\r\nFlow-Timer: {self._expiry.flow_timer}\r\n"
        return headers

    def _source(self, request: Request, flow: Flow) -> Source:
        path = tuple(request.values("path")) if request.get("path") is not None else ()
        if len(path) > _MAX_PATH:
            raise Refused(400, "Too Many Paths")
        for value in path:
            _check_text("Path", value)
            if NameAddr.parse(value).uri.scheme not in ("sip", "sips"):
                raise Refused(400, "Bad Path")
        _check_text("Call-Id", request.call_id)
        agent = (request.get("user-agent") or "")[:_LONGEST_AGENT].encode("utf-8", "replace").decode()
        return Source(flow, request.call_id, request.cseq, path, agent)

    def _contact(self, text: str, header_expires: int) -> Contact:
        """One Contact value with the expiry granted. Raises `Refused` (400, 423)."""
        _check_text("Contact", text)
        contact = _parse_contact(text)
        expires = header_expires if contact.expires < 0 else contact.expires
        if 0 < expires < self._expiry.minimum:
            raise Refused(423)
        return contact._replace(expires=min(expires, self._expiry.maximum))

    def _outbound(self, request: Request, contacts: list[Contact]) -> bool:
        """Whether this registers a flow (RFC 5626 §6). Raises `Refused`: 400 for several, 439 for an edge that cannot."""
        flows = [each for each in contacts if each.reg_id is not None and each.instance is not None]
        if not flows or "outbound" not in request.tokens("supported") | request.tokens("require"):
            return False
        if len(contacts) > 1:
            raise Refused(400, "One Flow At A Time")
        if len(request.values("via")) > 1:
            path = request.values("path")
            if not path or "ob" not in NameAddr.parse(path[-1]).uri.params:
                raise Refused(439, "First Hop Lacks Outbound Support")
        return True

    # -- what it gets

    def _listing(self, bindings: Bindings, now: float) -> str:
        lines = [f"Contact: <{each.contact}>{each.params};expires={each.remaining(now)}\r\n" for each in bindings]
        return f"{''.join(lines)}{self._date_header()}Supported: path, outbound\r\n"

    def _date_header(self) -> str:
        """RFC 3261 §10.3 step 8, for phones without a clock."""
        second = int(self._wall())
        if self._date[0] != second:
            self._date = (second, f"Date: {formatdate(second, usegmt=True)}\r\n")
        return self._date[1]

    def _refusal_headers(self, status: int) -> str:
        if status == 423:
            return f"Min-Expires: {self._expiry.minimum}\r\n"
        return f"Retry-After: {RETRY_AFTER}\r\n" if status == 503 else ""


def _check_text(name: str, text: str) -> None:
    """Bounds on what is kept for as long as a registration lives; it is also kept in a database of UTF-8 texts."""
    if len(text) > _LONGEST[name] or not text.replace("\t", " ").isprintable():
        raise Refused(400, f"Bad {name}")


def _expires(text: str | None, default: int) -> int:
    """An expiry in seconds; a malformed one counts as the default (RFC 3261 §20.19)."""
    if text is None:
        return default
    try:
        seconds = parse_seconds(unquote_string(text))
    except SipError:
        return default
    return default if seconds is None else seconds


@lru_cache(4096)
def _parse_contact(text: str) -> Contact:
    """One Contact value; `expires` is -1 where the value does not say. Raises `SipError(400)`."""
    address = NameAddr.parse(text)
    if address.uri.scheme not in ("sip", "sips"):
        raise SipError(400, "Contact Is No SIP Address")
    params = address.params
    instance = params.get("+sip.instance")
    reg_id = params.get("reg-id")
    return Contact(
        uri=address.uri_text,
        params="".join(
            f";{name}" if value is None else f";{name}={value}" for name, value in params.items() if name not in _OWN_PARAMS
        ) + (f";q={params['q']}" if params.get("q") else ""),
        q=_quality(params.get("q")),
        instance=unquote_string(instance) if instance else None,
        reg_id=int(reg_id) if reg_id is not None and reg_id.isascii() and reg_id.isdigit() and 0 < len(reg_id) < 10 else None,
        expires=_expires(params["expires"], 3600) if params.get("expires") else -1,
    )  # fmt: skip


def _quality(text: str | None) -> float:
    """A q-value (RFC 3261 §20.10); what is none counts as 1."""
    try:
        value = float(text) if text is not None and len(text) <= 5 else 1.0
    except ValueError:
        return 1.0
    return value if 0.0 <= value <= 1.0 else 1.0
