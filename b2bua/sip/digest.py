"""Digest authentication of SIP, both sides, sans-IO (RFC 7616, RFC 8760, RFC 3261 §22, with RFC 2617/2069 peers).

Header values are plain strings (utf-8/surrogateescape, as `message` gives them), times are seconds of one clock of the
caller's choice.  Nothing here reads a clock or keeps a password: users are known by their `HashedPassword`.

Decisions that the RFCs leave open:

* qop is `auth` only.  `auth-int` is neither offered nor accepted by the server (the client answers it when it must).
* An answer without qop (RFC 2069) is accepted for MD5 only, and its nonce then authenticates exactly once: without a
  nonce count nothing else tells a replay from a new request.
* A right digest over a nonce that is expired, already counted or of an earlier process is `stale`, not `bad`: the
  phone tries again without asking its user (RFC 7616 §3.3).
* Hashes are taken over the text between the quotes as sent; only the user name is unescaped before it is looked up.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import Literal, NamedTuple
from urllib.parse import unquote

from b2bua.sip.nonces import UsedNonces

Status = Literal["ok", "stale", "bad", "none"]

_LONGEST_VALUE = 4096  # characters of one credentials value: more is nobody's digest answer
# One pass, possessive: the last branch swallows whatever is malformed, so the scan is linear in the length.
_PARAMETER = re.compile(
    r'([!%\'*+.`~\w-]++)[ \t]*+=[ \t]*+(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"|([^\s",]++))[ \t]*+(?:,[ \t,]*+|$)|(.++)', re.DOTALL
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_NONCE_COUNT = re.compile(r"[0-9a-fA-F]{1,8}")
_URI = re.compile(r"(?i:sips?):(?:([^@:;?]*)(?::[^@]*)?@)?(\[[0-9a-fA-F:.]+\]|[^:;?@\[\]]+)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _md5(text: str) -> str:
    return hashlib.md5(_encode(text), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(_encode(text)).hexdigest()


_HASHES: dict[str, Callable[[str], str]] = {"MD5": _md5, "SHA-256": _sha256}
_STRENGTH = {"MD5": 1, "MD5-SESS": 2, "SHA-256": 3, "SHA-256-SESS": 4}


class HashedPassword(NamedTuple):
    """H(username:realm:password) in lower-case hex, for each algorithm; all that is kept of a password."""

    ha1_md5: str
    ha1_sha256: str


class Verdict(NamedTuple):
    """What `DigestServer.verify` found.  `username` is proven only when `status` is "ok"; otherwise it is the claim.

    ok: authenticated · stale: right password, challenge again with stale=true · bad: wrong · none: no answer for our realm.
    """

    status: Status
    username: str | None = None


NO_CREDENTIALS = Verdict("none")


def hash_password(username: str, realm: str, password: str) -> HashedPassword:
    """The `HashedPassword` of one account (RFC 7616 §3.4.2, A1 without a session)."""
    a1 = f"{username}:{realm}:{password}"
    return HashedPassword(_md5(a1), _sha256(a1))


def parse_parameters(value: str) -> dict[str, str] | None:
    """The parameters of a `Digest …` value: lower-case name → text without its quotes, quoted pairs kept.

    None when the scheme is another one, the value is malformed or overlong, or a parameter stands twice.
    """
    if value[:6].lower() != "digest" or value[6:7] not in (" ", "\t") or len(value) > _LONGEST_VALUE:
        return None
    parameters: dict[str, str] = {}
    for name, quoted, token, junk in _PARAMETER.findall(value[7:].lstrip(" \t,")):
        name = name.lower()
        if junk or name in parameters:
            return None
        parameters[name] = token or quoted
    return parameters


def _unescape(text: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", text) if "\\" in text else text


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


class DigestServer:
    """Challenges and verifies.  Keeps nothing for a challenge; a nonce is remembered once it has authenticated.

    `secret`: key of the nonces, random per process unless several processes share one (they then share the clock of
    `now` too).  `own_host(host)`: is this host (lower case, IPv6 in brackets) one of this server's names; None accepts any.
    `remember`: most nonces kept; when they are full, all clients are asked once more (stale).
    """

    def __init__(
        self,
        realm: str,
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
        secret: bytes | None = None,
        nonce_seconds: int = 300,
        *,
        own_host: Callable[[str], bool] | None = None,
        remember: int = 65_536,
    ) -> None:
        unknown = [name for name in algorithms if name not in _HASHES]
        if unknown or not algorithms:
            raise ValueError(f"digest algorithms: {', '.join(unknown) or 'none given'}; supported are {', '.join(_HASHES)}")
        self.realm = realm
        self.algorithms = tuple(algorithms)
        self._lifetime = nonce_seconds
        # BLAKE2 takes 64 bytes of key; a longer secret is hashed down
        self._secret = hashlib.blake2b(secret or os.urandom(32), digest_size=32).digest()
        self._own_host = own_host
        self._used = UsedNonces(nonce_seconds, remember)
        self._prefix = f'Digest realm="{_escape(realm)}", nonce="'
        self._suffixes = [f'", algorithm={name}, qop="auth"' for name in self.algorithms]
        # same length and cost as a real account; no input hashes to it
        self._nobody = HashedPassword(secrets.token_hex(16), secrets.token_hex(32))

    def challenge(self, now: float, stale: bool = False) -> list[str]:
        """Values for WWW-Authenticate or Proxy-Authenticate, one per algorithm, most preferred first (RFC 8760 §2.2)."""
        head = self._prefix + self._nonce(now)
        tail = ", stale=true" if stale else ""
        return [head + suffix + tail for suffix in self._suffixes]

    def verify(
        self,
        header_values: Sequence[str],
        method: str,
        uri: str,
        credentials: Callable[[str], HashedPassword | None],
        now: float,
    ) -> Verdict:
        """Check the Authorization (or Proxy-Authorization) values of a request to `uri`; at most one is for our realm.

        Never raises on what a peer sent.  An unknown user costs the same and gives the same answer as a wrong password.
        """
        for value in header_values:
            answer = parse_parameters(value)
            if answer is None or _unescape(answer.get("realm", "")) != self.realm:
                continue
            return self._verify(answer, method, uri, credentials, now)
        return NO_CREDENTIALS

    def _verify(
        self, answer: dict[str, str], method: str, uri: str, credentials: Callable[[str], HashedPassword | None], now: float
    ) -> Verdict:
        algorithm = answer.get("algorithm", "MD5").upper()
        username = _unescape(answer.get("username", ""))
        nonce = answer.get("nonce", "")
        digest_uri = answer.get("uri", "")
        qop = answer.get("qop")
        if algorithm not in self.algorithms or not username or not nonce:
            return Verdict("bad", username or None)
        count: int | None = None
        if qop is not None:
            nc = answer.get("nc", "")
            if qop.lower() != "auth" or not _NONCE_COUNT.fullmatch(nc) or not answer.get("cnonce"):
                return Verdict("bad", username)
            count = int(nc, 16)
            middle = f"{nonce}:{nc}:{answer['cnonce']}:{qop}"
        elif algorithm == "MD5":
            middle = nonce
        else:  # RFC 8760 §2.3: qop always goes with the newer algorithms
            return Verdict("bad", username)
        known = credentials(username)
        account = known or self._nobody
        if algorithm == "MD5":
            expected = _md5(f"{account[0]}:{middle}:{_md5(f'{method}:{digest_uri}')}")
        else:
            expected = _sha256(f"{account[1]}:{middle}:{_sha256(f'{method}:{digest_uri}')}")
        matches = compare_digest(expected.encode(), _encode(answer.get("response", "").lower()))
        if not matches or known is None or not self._same_target(digest_uri, uri):
            return Verdict("bad", username)
        return Verdict("ok" if self._use_nonce(nonce, count, now) else "stale", username)

    def _nonce(self, now: float) -> str:
        body = int(now).to_bytes(4, "big") + os.urandom(8)
        return b64encode(body + self._mac(body)).decode("ascii")

    def _mac(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, digest_size=12, key=self._secret).digest()

    def _use_nonce(self, nonce: str, count: int | None, now: float) -> bool:
        """Whether the nonce is ours, alive, and this count of it is new; counts it."""
        if len(nonce) != 32:
            return False
        try:
            raw = b64decode(nonce, validate=True)
        except (Base64Error, ValueError):  # ValueError: not ASCII
            return False
        body = raw[:12]
        if not compare_digest(self._mac(body), raw[12:]):
            return False
        issued = int.from_bytes(body[:4], "big")
        if not -1 <= now - issued <= self._lifetime:
            return False
        return self._used.use(body[4:], issued, count, int(now))

    def _same_target(self, digest_uri: str, request_uri: str) -> bool:
        """RFC 3261 §22.4: the digest covers this request's target.  `sip:host[:port]` alone is let through (SIPp, phones)."""
        if digest_uri == request_uri:
            return True
        given = _URI.match(_unescape(digest_uri))
        if given is None:
            return False
        user, host = given.groups()
        if self._own_host is not None and not self._own_host(host.strip("[]").lower()):
            return False
        if not user:
            return True
        asked = _URI.match(request_uri)
        return asked is not None and unquote(user) == unquote(asked.group(1) or "")


class _Challenge(NamedTuple):
    realm: str  # raw, quoted pairs kept, as are nonce and opaque
    nonce: str
    algorithm: str | None  # as the peer wrote it; None: not given, MD5
    qop: str | None
    opaque: str | None
    stale: bool


def _parse_challenge(value: str) -> _Challenge | None:
    """A challenge that can be answered, or None.  Control characters never reach a header of ours."""
    parameters = None if _CONTROL.search(value) else parse_parameters(value)
    if parameters is None or not parameters.get("nonce") or "realm" not in parameters:
        return None
    algorithm = parameters.get("algorithm")
    if (algorithm or "MD5").upper() not in _STRENGTH:
        return None
    qop: str | None = None
    if offered := [each.strip().lower() for each in parameters.get("qop", "").split(",") if each.strip()]:
        qop = next((each for each in ("auth", "auth-int") if each in offered), None)
        if qop is None:
            return None
    stale = parameters.get("stale", "").lower() == "true"
    return _Challenge(parameters["realm"], parameters["nonce"], algorithm, qop, parameters.get("opaque"), stale)


class DigestClient:
    """Answers the challenges of one peer, for one account; `realm` given: only challenges of that realm.

    The strongest algorithm is chosen whatever the order (a peer in between must not bid it down); among equals the topmost.
    """

    def __init__(self, username: str, password: str, realm: str | None = None) -> None:
        self.username = username
        self.realm = realm
        self._password = password
        self._challenge: _Challenge | None = None
        self._count = 0
        self._ha1: tuple[str, str, str] = ("", "", "")  # hash name, realm, H(A1)

    def answer(
        self, challenges: Sequence[str], method: str, uri: str, body: bytes = b"", *, sent: str | None = None
    ) -> str | None:
        """The credentials value that answers a 401/407, or None when it cannot or must not be answered.

        `sent`: the credentials the refused request carried.  When they answered a fresh nonce and the new challenge
        is not stale, the account itself was refused: None, so that no exchange goes on forever.
        """
        usable = [each for each in map(_parse_challenge, challenges) if each is not None and self._ours(each)]
        if not usable:
            return None
        chosen = max(usable, key=lambda each: _STRENGTH[(each.algorithm or "MD5").upper()])  # max keeps the topmost
        if sent is not None and not chosen.stale and _first_use(sent):
            self._challenge = None
            return None
        self._challenge = chosen
        self._count = 0
        return self.authorize(method, uri, body)

    def authorize(self, method: str, uri: str, body: bytes = b"") -> str | None:
        """Credentials ahead of a challenge, over the nonce known already (RFC 7616 §3.4.5); None when there is none."""
        challenge = self._challenge
        if challenge is None or (challenge.qop is None and self._count):  # without a count a nonce is used once
            return None
        if '"' in uri or "\\" in uri or _CONTROL.search(uri):
            raise ValueError(f"not a SIP URI: {uri!r}")
        self._count += 1
        return self._credentials(challenge, method, uri, body, f"{self._count:08x}", secrets.token_hex(8))

    def forget(self) -> None:
        """Drop the nonce known; the next request goes out without credentials."""
        self._challenge = None

    def _ours(self, challenge: _Challenge) -> bool:
        return self.realm is None or _unescape(challenge.realm) == self.realm

    def _credentials(self, challenge: _Challenge, method: str, uri: str, body: bytes, nc: str, cnonce: str) -> str:
        name = (challenge.algorithm or "MD5").upper()
        digest = _HASHES[name.removesuffix("-SESS")]
        ha1 = self._account_hash(name.removesuffix("-SESS"), challenge.realm)
        if name.endswith("-SESS"):
            ha1 = digest(f"{ha1}:{challenge.nonce}:{cnonce}")
        a2 = f"{method}:{uri}"
        if challenge.qop == "auth-int":
            a2 += ":" + digest(body.decode("utf-8", "surrogateescape"))
        middle = f"{challenge.nonce}:{nc}:{cnonce}:{challenge.qop}" if challenge.qop else challenge.nonce
        parts = [
            f'Digest username="{_escape(self.username)}"',
            f'realm="{challenge.realm}"',
            f'nonce="{challenge.nonce}"',
            f'uri="{uri}"',
            f'response="{digest(f"{ha1}:{middle}:{digest(a2)}")}"',
        ]
        if challenge.algorithm is not None:
            parts.append(f"algorithm={challenge.algorithm}")
        if challenge.qop:
            parts.append(f'qop={challenge.qop}, nc={nc}, cnonce="{cnonce}"')
        elif name.endswith("-SESS"):
            parts.append(f'cnonce="{cnonce}"')
        if challenge.opaque is not None:
            parts.append(f'opaque="{challenge.opaque}"')
        return ", ".join(parts)

    def _account_hash(self, name: str, realm: str) -> str:
        if self._ha1[:2] != (name, realm):
            self._ha1 = (name, realm, _HASHES[name](f"{self.username}:{_unescape(realm)}:{self._password}"))
        return self._ha1[2]


def _first_use(sent: str) -> bool:
    parameters = parse_parameters(sent)
    return parameters is not None and int(parameters.get("nc", "1"), 16) == 1
