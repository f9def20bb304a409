"""What happens inside a call: hold and resume, crossing offers, UPDATE, INFO, session timers, and hanging up at odd moments.

The sound of an executive's call goes through the server, which answers offers itself. That of others goes from phone to phone, and so do
offers, until somebody is put on hold: who waits hears music.
"""

from __future__ import annotations

from scenarios.checks import has, session, somewhere, through
from scenarios.office import Draft
from scenarios.parties import Callee, Caller
from scenarios.registry import scenario
from scenarios.script import SDP_TYPE as SDP

RELAYED = "Content-Type: application/dtmf-relay"
DIGIT = "Signal=5\nDuration=160\n"
OTHER_CODEC = "m=audio [media_port] RTP/AVP 18\na=rtpmap:18 G729/8000\n"
"""The stream of a codec that the server cannot convert: the other side has to know it."""


def _assisted(d: Draft) -> tuple[Caller, Callee]:
    """Carol calls the executive, the assistant answers, both by way of the server: the call that most scenarios here continue."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one])
    caller = d.caller(carrier).calls_up(boss.number).answered(through(d.host))
    return caller, d.callee(one).invited(through(d.host)).ring().pause(0.1).answer()


def _plain(d: Draft) -> tuple[Caller, Callee]:
    """Ann calls Bob: neither is an executive or assistant, their sound goes from phone to phone."""
    ann, bob = d.user("ann"), d.user("bob")
    caller = d.caller(ann).calls_up(bob.extension).answered(through(bob.seats[0].ip))
    return caller, d.callee(bob).invited(through(ann.seats[0].ip)).ring().pause(0.1).answer()


def _other_codec(version: int) -> str:
    return session(version=version).partition("m=audio")[0] + OTHER_CODEC


@scenario("hold C15")
def assistant_holds_and_resumes(d: Draft) -> None:
    """The assistant puts the caller on hold and takes the call back: the server answers, and nothing is asked of the caller's side."""
    caller, one = _assisted(d)
    one.pause(0.2).reinvite("sendonly", somewhere("a=recvonly"), through(d.host)).pause(0.2)
    one.reinvite("sendrecv", somewhere("a=sendrecv"), through(d.host)).bye()
    caller.byed()


@scenario("hold C15")
def caller_holds_and_resumes(d: Draft) -> None:
    """The same from the other side."""
    caller, one = _assisted(d)
    caller.pause(0.2).reinvite("sendonly", somewhere("a=recvonly")).pause(0.2).reinvite("sendrecv", somewhere("a=sendrecv")).bye()
    one.byed()


@scenario("hold C15")
def both_hold(d: Draft) -> None:
    """Each side holds while the other one does: neither hears of it before both are back."""
    caller, one = _assisted(d)
    one.pause(0.2).reinvite("sendonly", somewhere("a=recvonly")).pause(0.5).reinvite("sendrecv", somewhere("a=sendrecv")).byed()
    caller.pause(0.4).reinvite("inactive", somewhere("a=inactive")).pause(0.1)
    caller.reinvite("sendrecv", somewhere("a=sendrecv")).pause(0.5).bye()


@scenario("hold glare")
def both_offer_at_once(d: Draft) -> None:
    """Both sides offer at once: the offers do not meet, each is answered."""
    caller, one = _assisted(d)
    caller.pause(0.2).reinvite("sendonly", somewhere("a=recvonly")).pause(0.3).bye()
    one.pause(0.2).reinvite("sendonly", somewhere("a=recvonly")).byed()


@scenario("hold codec")
def refused_codec(d: Draft) -> None:
    """A codec that the server cannot convert is for the other side to accept: it does not (488), the call goes on (RFC 3261 §14.1)."""
    caller, one = _assisted(d)
    one.pause(0.2).request("INVITE", SDP, body=_other_codec(2)).recv(100, optional=True).done(488, "INVITE").acknowledge_failure()
    one.pause(0.2).bye()
    caller.reinvited("sendrecv", somewhere("a=rtpmap:18 G729/8000"), through(d.host), status=488).byed()


@scenario("hold codec")
def accepted_codec(d: Draft) -> None:
    """It does: both send it, still by way of the server."""
    caller, one = _assisted(d)
    one.pause(0.2).request("INVITE", SDP, body=_other_codec(2)).recv(100, optional=True)
    one.done(200, "INVITE", somewhere("a=rtpmap:18 G729/8000"), through(d.host)).acknowledge().pause(0.2).bye()
    caller.served("INVITE", somewhere("a=rtpmap:18 G729/8000"), through(d.host), headers=[SDP], body=_other_codec(2)).recv("ACK").byed()


@scenario("hold offer-answer")
def reinvite_without_session(d: Draft) -> None:
    """A re-INVITE without a session description asks for an offer; the answer goes in the ACK. The server has one."""
    caller, one = _assisted(d)
    one.pause(0.2).request("INVITE").recv(100, optional=True).done(200, "INVITE", somewhere("m=audio"), through(d.host))
    one.acknowledge(session(version=2)).pause(0.1).bye()
    caller.byed()


@scenario("UPDATE C15")
def update_with_offer(d: Draft) -> None:
    """Hold and resume by UPDATE (RFC 3311): the same as by re-INVITE."""
    caller, one = _assisted(d)
    for version, (direction, mirrored) in enumerate((("sendonly", "recvonly"), ("sendrecv", "sendrecv")), start=2):
        one.pause(0.2).request("UPDATE", SDP, body=session(direction, version))
        one.done(200, "UPDATE", somewhere(f"a={mirrored}"), through(d.host))
    one.pause(0.1).bye()
    caller.byed()


@scenario("INFO")
def digit_by_info(d: Draft) -> None:
    """An assistant's key sent as INFO is looked at by the server, and reaches the caller as a telephone event, not as INFO."""
    caller, one = _assisted(d)
    one.pause(0.2).request("INFO", RELAYED, body=DIGIT).done(200, "INFO").pause(0.1).bye()
    caller.byed()


@scenario("INFO")
def digit_of_a_caller(d: Draft) -> None:
    """Who has no codes to press sends keys to the other side, as they are (RFC 6086)."""
    caller, one = _assisted(d)
    caller.pause(0.2).request("INFO", RELAYED, body=DIGIT).done(200, "INFO").pause(0.1).bye()
    one.served("INFO", has("Content-Type", "application/dtmf-relay"), somewhere("Signal=5")).byed()


@scenario("INFO 415")
def unreadable_digit(d: Draft) -> None:
    """An assistant's INFO that says it is a key, and is none: 400; the call goes on."""
    caller, one = _assisted(d)
    one.pause(0.2).request("INFO", RELAYED, body="Signal=x\n").done(400, "INFO").pause(0.1).bye()
    caller.byed()


@scenario("hold C15")
def held_between_colleagues(d: Draft) -> None:
    """The sound goes from phone to phone until one of them is put on hold: it is brought to the server, for music, and stays there."""
    caller, one = _plain(d)
    caller.pause(0.2).reinvite("sendonly", somewhere("a=recvonly"), through(d.host)).pause(0.2)
    caller.reinvite("sendrecv", somewhere("a=sendrecv"), through(d.host)).pause(0.1).bye()
    one.reinvited("sendrecv", somewhere("a=sendrecv"), through(d.host)).byed()


@scenario("hold 488")
def held_phone_stays_where_it_is(d: Draft) -> None:
    """The phone that is put on hold does not let its sound be moved (488): then the hold crosses, as it always did."""
    caller, one = _plain(d)
    caller.pause(0.2).reinvite("sendonly", somewhere("a=recvonly")).pause(0.2).bye()
    one.reinvited("sendrecv", through(d.host), status=488).reinvited("recvonly", somewhere("a=sendonly")).byed()


@scenario("hold UPDATE")
def offers_between_colleagues(d: Draft) -> None:
    """What is no hold crosses, by the method by which it came."""
    caller, one = _plain(d)
    own, other = caller.seat.ip, one.seat.ip
    one.pause(0.2).request("UPDATE", SDP, body=session(version=2)).done(200, "UPDATE", through(own)).pause(0.1)
    one.reinvite("sendrecv", through(own)).pause(0.1).bye()
    caller.served("UPDATE", through(other), headers=[SDP], body=session(version=2)).reinvited("sendrecv", through(other)).byed()


@scenario("INFO")
def digit_between_colleagues(d: Draft) -> None:
    """A digit sent as INFO reaches the other side, with its body (RFC 6086)."""
    caller, one = _plain(d)
    one.pause(0.2).request("INFO", RELAYED, body=DIGIT).done(200, "INFO").pause(0.1).bye()
    caller.served("INFO", has("Content-Type", "application/dtmf-relay"), somewhere("Signal=5")).byed()


@scenario("dialog")
def unknown_method(d: Draft) -> None:
    """A method that nobody knows is refused by the server itself, 405 or 501, and disturbs nothing."""
    caller, one = _assisted(d)
    one.pause(0.2).request("DANCE").either(405, 501).bye()
    caller.byed()


@scenario("dialog")
def unknown_extension(d: Draft) -> None:
    """A re-INVITE that requires what nobody knows: 420 with Unsupported (RFC 3261 §8.2.2.3)."""
    caller, one = _assisted(d)
    one.pause(0.2).request("INVITE", "Require: levitation", SDP, body=session("sendonly", 2)).recv(100, optional=True)
    one.done(420, "INVITE", has("Unsupported", "levitation")).acknowledge_failure().pause(0.1).bye()
    caller.byed()


@scenario("dialog")
def both_hang_up(d: Draft) -> None:
    """Both hang up at once: both BYEs are answered."""
    caller, one = _assisted(d)
    caller.pause(0.2).bye()
    one.left_waiting("BYE").bye().answered_late()


@scenario("dialog")
def answered_and_left(d: Draft) -> None:
    """The caller hangs up right after the answer."""
    caller, one = _assisted(d)
    caller.bye()
    one.byed()


@scenario("early UPDATE reliable")
def early_update(d: Draft) -> None:
    """The carrier changes its session while still ringing; both sides know 100rel, so the change crosses (RFC 3262, 3311)."""
    ann, carrier = d.user("ann"), d.trunk()
    caller = d.caller(ann).invite(carrier.outside(), "Supported: 100rel").trying()
    caller.rings(somewhere("m=audio"), has("Require", "100rel"), status=183).prack()
    caller.served("UPDATE", somewhere("m=audio"), headers=[SDP], body=session(version=2)).talks()
    party = d.callee(carrier).invited().reply(183, "Require: 100rel", "RSeq: 1", body=session())
    party.served("PRACK").pause(0.1).request("UPDATE", SDP, body=session(version=2)).done(200, "UPDATE", somewhere("m=audio"))
    party.pause(0.1).reply(200, again=True).recv("ACK").byed()


@scenario("early UPDATE reliable")
def early_update_for_an_old_phone(d: Draft) -> None:
    """The same with a caller that knows no 100rel: it may not be sent an offer yet (RFC 3311 §5.1), whatever the carrier is told."""
    ann, carrier = d.user("ann"), d.trunk()
    d.caller(ann).invite(carrier.outside()).trying().rings(somewhere("m=audio"), status=183).talks()
    party = d.callee(carrier).invited().reply(183, "Require: 100rel", "RSeq: 1", body=session())
    party.served("PRACK").pause(0.1).request("UPDATE", SDP, body=session(version=2)).either(200, 488, 491, 500, 504)
    party.pause(0.1).reply(200, again=True).recv("ACK").byed()


@scenario("session-timer")
def interval_too_small(d: Draft) -> None:
    """A session interval under 90 s: 422 with Min-SE, and the second try with it succeeds (RFC 4028)."""
    carrier, ann = d.trunk(), d.user("ann")
    caller = d.caller(carrier).invite(ann.number, "Supported: timer", "Session-Expires: 30", number=carrier.outside())
    caller.refused_at_once(422, has("Min-SE", "[0-9]"))
    caller.invite(ann.number, "Supported: timer", "Session-Expires: 1800;refresher=uac", "Min-SE: 90", number=carrier.outside())
    caller.trying().rings().answered(has("Session-Expires", "[0-9]+ *; *refresher=uac")).pause(0.2)
    caller.request("UPDATE", "Supported: timer", "Session-Expires: 1800;refresher=uac").done(
        200, "UPDATE", has("Session-Expires", "1800")
    )
    caller.bye()
    d.callee(ann).takes()


@scenario("session-timer")
def carrier_wants_longer(d: Draft) -> None:
    """The carrier answers 422: the server comes back with the interval that it asks for (RFC 4028 §7.4)."""
    ann, carrier = d.user("ann"), d.trunk()
    d.caller(ann).invite(carrier.outside(), "Supported: timer", "Session-Expires: 1800").trying().rings().talks()
    party = d.callee(carrier).invited(has("Session-Expires", "1800")).reject(422, "Min-SE: 3600")
    party.invited(has("Session-Expires", "(3[6-9]|[4-9][0-9])[0-9][0-9]"), has("Min-SE", "3600")).ring().pause(
        0.1
    ).answer().byed()


@scenario("caller-cancel answer")
def answer_crosses_the_callers_cancel(d: Draft) -> None:
    """The caller gives up just when the phone answers: 487 for the caller, ACK and BYE for the phone."""
    ann, bob = d.user("ann"), d.user("bob")
    d.caller(ann).calls_up(bob.extension).pause(0.2).cancel()
    late = d.callee(bob).invited().ring().recv("CANCEL")
    late.send("SIP/2.0 200 OK", ["[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"])
    late.answer().byed()
