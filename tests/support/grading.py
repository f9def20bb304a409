"""What holds for every leg of every call, whatever the scenario is about.

Judged over the traces of all parties of a scenario: everything a party received came from the server.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tests.support.sipp import Message

Traces = Mapping[str, Sequence[Message]]

_TAG = re.compile(r";\s*tag=([^;>\s]+)")
_BRANCH = re.compile(r"branch=([^;,\s]+)")


def _received(traces: Traces) -> Iterator[tuple[str, Message]]:
    return ((name, message) for name, trace in traces.items() for message in trace if not message.sent)


def _opening(traces: Traces, *, sent: bool) -> list[tuple[str, Message]]:
    return [(name, each) for name, trace in traces.items() for each in trace if each.sent is sent and each.opens]


def well_formed(traces: Traces) -> None:
    """Lengths are right, the headers that each message must have are there, once (RFC 3261 §8.1.1, §20)."""
    for name, message in _received(traces):
        where = f"{name} got {message.start!r}"
        body = message.body.encode("utf-8", "surrogateescape")
        assert message.get("Content-Length") == str(len(body)), f"{where}: Content-Length is not {len(body)}"
        single = ("From", "To", "Call-ID", "CSeq", *(["Max-Forwards"] if message.status is None else []))
        for header in single:
            assert len(message.all(header)) == 1, f"{where}: {len(message.all(header))} times {header}"
        if message.status is None:
            assert len(message.all("Via")) == 1 and "," not in message.get("Via"), f"{where}: a B2BUA has one Via"
            assert message.get("Via").partition("branch=")[2].startswith("z9hG4bK"), f"{where}: branch"
        if message.method == "INVITE" and message.status != 100 and (message.status or 0) < 300:
            assert len(message.all("Contact")) == 1, f"{where}: Contact"
        if body and message.get("Content-Type") == "application/sdp":
            assert message.body.startswith("v=0\r\n"), f"{where}: session description"


def responses_mirror_requests(traces: Traces) -> None:
    """Via, From, Call-ID and CSeq of a response are those of the request (RFC 3261 §8.2.6.2)."""
    for name, trace in traces.items():
        requests = {_key(each): each for each in trace if each.sent and each.status is None and each.method != "ACK"}
        for response in (each for each in trace if not each.sent and each.status is not None):
            request = requests.get(_key(response))
            assert request is not None, f"{name} got {response.start!r} for a request it has not sent"
            for header in ("From", "Call-ID", "CSeq"):
                assert response.get(header) == request.get(header), f"{name}: {header} of {response.start!r}"
            assert response.get("To").startswith(request.get("To")), f"{name}: To of {response.start!r}"


def _key(message: Message) -> tuple[str, str]:
    branch = _BRANCH.search(message.get("Via"))
    return (branch[1] if branch else "", message.method)


def one_call_each(traces: Traces) -> None:
    """Nobody is called twice, and no request comes again after it was answered."""
    for name, trace in traces.items():
        seen = Counter(each.get("Call-ID") for each in trace if not each.sent and each.opens)
        assert len(seen) <= 1, f"{name} was called {len(seen)} times"
        requests = Counter(_key(each) for each in trace if not each.sent and each.status is None and each.method != "ACK")
        repeated = [key for key, count in requests.items() if count > 1]
        assert not repeated, f"{name} got again: {repeated}"


def topology_hidden(traces: Traces) -> None:
    """A called party sees nothing of the caller's Via, Contact, Call-ID, tags, session origin, address or credentials."""
    for caller, invite in _opening(traces, sent=True):
        host = _address(invite)
        origin = _line(invite.body, "o=")
        private = {invite.get("Call-ID"), *_TAG.findall(invite.get("From")), *_BRANCH.findall(invite.get("Via"))}
        for name, message in _received(traces):
            if name.partition("-")[0] == caller.partition("-")[0]:
                continue
            where = f"{name} got {message.start!r}"
            for secret in private:
                assert secret not in message.text, f"{where} with {secret!r} of {caller}"
            assert not re.search(rf"(?<![\d.]){re.escape(host)}(?![\d.])", message.head), f"{where} with the address of {caller}"
            assert not message.all("Authorization") and not message.all("Proxy-Authorization"), f"{where} with credentials"
            if origin:
                assert origin not in message.body, f"{where} with the session origin of {caller}"


def _address(message: Message) -> str:
    """The host in the top Via."""
    return message.get("Via").split()[1].partition(";")[0].partition(":")[0]


def _line(body: str, kind: str) -> str:
    return next((line for line in body.splitlines() if line.startswith(kind)), "")


def dialogs_are_ours(traces: Traces) -> None:
    """Every leg has its own Call-ID and its own tags."""
    seen: dict[str, str] = {}
    for name, message in [*_opening(traces, sent=True), *_opening(traces, sent=False)]:
        own = name.partition("-")[0]
        owner = seen.setdefault(message.get("Call-ID"), own)
        assert owner == own, f"{name} and {owner} share a Call-ID"


EVERY_CALL = (well_formed, responses_mirror_requests, one_call_each, topology_hidden, dialogs_are_ours)
"""The graders that every scenario has to please."""
