"""What the server refuses, and with which words."""

from __future__ import annotations

from scenarios.checks import absent, has, somewhere
from scenarios.office import DOMAIN, Draft
from scenarios.registry import scenario
from scenarios.script import Script


def _request(party: Script, start: str, *headers: str, cseq: str = "1 INVITE", forwards: str = "70", body: str = "") -> Script:
    """One hand-made request outside any dialog."""
    method = cseq.split()[1]
    return party.send(
        start,
        [
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-{method};rport",
            f"Max-Forwards: {forwards}",
            f"From: <sip:{party.seat.user}@{DOMAIN}>;tag=[pid]",
            f"To: <sip:somebody@{DOMAIN}>",
            "Call-ID: [call_id]",
            f"CSeq: {cseq}",
            f"Contact: <{party.seat.contact}>",
            *headers,
        ],
        body,
    )


@scenario("404")
def unknown_user(d: Draft) -> None:
    """Nobody has the number: 404, after authentication."""
    d.caller(d.user("ann")).invite(f"9{d.index:03d}99").refused_at_once(404)


@scenario("404")
def unknown_number_from_trunk(d: Draft) -> None:
    """The carrier delivers a number that is nobody's."""
    d.caller(d.trunk()).invite(f"+6221599{d.index:03d}1").refused_at_once(404)


@scenario("480")
def known_but_not_there(d: Draft) -> None:
    """A user without any phone: 480."""
    ann, bob = d.user("ann"), d.user("bob", phones=0)
    d.caller(ann).invite(bob.extension).refused_at_once(480)


@scenario("403")
def unknown_domain(d: Draft) -> None:
    """A request for somebody else's domain is not relayed: 403, whoever asks."""
    d.caller(d.seat(d.user("ann"), password=None)).invite("sip:bob@elsewhere.example").refused_at_once(403)


@scenario("403")
def trunk_may_not_call_out(d: Draft) -> None:
    """A trunk cannot reach another trunk's numbers through us."""
    carrier, other = d.trunk(), d.trunk("other")
    d.caller(carrier).invite(other.outside()).recv(100, optional=True).either(403, 404).acknowledge_failure()
    d.silent(other)


@scenario("407")
def wrong_password(d: Draft) -> None:
    """A wrong password is challenged again, and gets nowhere."""
    ann, bob = d.user("ann"), d.user("bob")
    d.caller(ann).invite(bob.extension, password="wrong").refused(407, has("Proxy-Authenticate", "Digest"))  # noqa: S106
    d.silent(bob)


@scenario("407")
def unknown_caller(d: Draft) -> None:
    """An account that does not exist is challenged like one that does, and gets nowhere."""
    ann, bob = d.user("ann"), d.user("bob")
    stranger = d.seat(ann, user=f"nobody{d.index}")
    d.caller(stranger).invite(bob.extension).refused(407, has("Proxy-Authenticate", "Digest"))
    d.silent(bob)


@scenario("420")
def unknown_requirement(d: Draft) -> None:
    """Require of an extension that we do not know: 420 with Unsupported."""
    carrier, ann = d.trunk(), d.user("ann")
    d.caller(carrier).invite(ann.number, "Require: levitation").refused_at_once(420, has("Unsupported", "levitation"))
    d.silent(ann)


@scenario("483")
def too_many_hops(d: Draft) -> None:
    """Max-Forwards 0: 483."""
    carrier, ann = d.trunk(), d.user("ann")
    d.caller(carrier).invite(ann.number, max_forwards=0).refused_at_once(483)
    d.silent(ann)


@scenario("482")
def merged_request(d: Draft) -> None:
    """The same INVITE arrives twice by different ways: 482 for the second, the first goes on (RFC 3261 §8.2.2.2)."""
    carrier, ann = d.trunk(), d.user("ann")
    party = d.caller(carrier).calls_up(ann.number).invite_again().refused_at_once(482)
    party.talks()
    d.callee(ann).takes(after=0.5)


@scenario("482")
def next_hop_sees_a_loop(d: Draft) -> None:
    """The carrier answers a forwarded call with 482: the call ends, and is not tried again."""
    ann, carrier = d.user("ann"), d.trunk()
    boss = d.executive([d.user("one", phones=0)], rollover={"action": "forward", "forward": carrier.outside()})
    d.caller(ann).invite(boss.extension).trying().refused(480)
    d.callee(carrier).invited().reject(482)


@scenario("405 501")
def unknown_method_outside(d: Draft) -> None:
    """A method that nobody knows, outside any dialog."""
    carrier = d.trunk()
    party = _request(d.caller(carrier), f"DANCE sip:{DOMAIN} SIP/2.0", cseq="1 DANCE")
    party.either(405, 501)


@scenario("481")
def bye_without_dialog(d: Draft) -> None:
    """BYE for no dialog: 481."""
    carrier = d.trunk()
    party = d.caller(carrier)
    party.send(
        f"BYE sip:nobody@{DOMAIN} SIP/2.0",
        [
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-bye;rport", "Max-Forwards: 70",
            f"From: <sip:a@{DOMAIN}>;tag=1", f"To: <sip:b@{DOMAIN}>;tag=2", "Call-ID: [call_id]", "CSeq: 2 BYE",
        ],
    ).recv(481, absent("Contact"))  # fmt: skip


@scenario("481")
def cancel_without_invite(d: Draft) -> None:
    """CANCEL for nothing: 481."""
    carrier = d.trunk()
    _request(d.caller(carrier), f"CANCEL sip:somebody@{DOMAIN} SIP/2.0", cseq="1 CANCEL").recv(481)


@scenario("400")
def broken_request(d: Draft) -> None:
    """A request that promises more than it brings: 400 (RFC 3261 §18.3)."""
    carrier = d.trunk()
    _request(d.caller(carrier), f"OPTIONS sip:{DOMAIN} SIP/2.0", "Content-Length: 500", cseq="1 OPTIONS").recv(400)


@scenario("OPTIONS")
def options(d: Draft) -> None:
    """OPTIONS to the server: 200 with what it can do."""
    carrier = d.trunk()
    party = _request(d.caller(carrier), f"OPTIONS sip:{DOMAIN} SIP/2.0", cseq="1 OPTIONS")
    party.recv(200, has("Allow", "INVITE"), has("Accept", "application/sdp"), somewhere("Supported:"))
