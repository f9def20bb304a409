"""What happens inside a call: hold and resume, crossing offers, UPDATE, INFO, session timers, and hanging up at odd moments."""

from __future__ import annotations

from scenarios.checks import absent, has, session, somewhere
from scenarios.office import Draft
from scenarios.parties import Callee, Caller
from scenarios.registry import scenario

SDP = "Content-Type: application/sdp"
DIGIT = "Signal=5\nDuration=160\n"


def _assisted(d: Draft) -> tuple[Caller, Callee]:
    """Carol calls the executive, the assistant answers: the call that most scenarios here continue."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one])
    caller = d.caller(carrier).calls_up(boss.number).answered()
    return caller, d.callee(one).invited().ring().pause(0.1).answer()


@scenario("hold")
def assistant_holds_and_resumes(d: Draft) -> None:
    """The assistant puts the caller on hold and takes the call back."""
    caller, one = _assisted(d)
    one.pause(0.2).reinvite("sendonly", somewhere("a=recvonly")).pause(0.2).reinvite("sendrecv", somewhere("a=sendrecv")).bye()
    caller.reinvited("recvonly", somewhere("a=sendonly")).reinvited("sendrecv", somewhere("a=sendrecv")).byed()


@scenario("hold")
def caller_holds_and_resumes(d: Draft) -> None:
    """The same from the other side."""
    caller, one = _assisted(d)
    caller.pause(0.2).reinvite("sendonly", somewhere("a=recvonly")).pause(0.2).reinvite("sendrecv", somewhere("a=sendrecv")).bye()
    one.reinvited("recvonly", somewhere("a=sendonly")).reinvited("sendrecv", somewhere("a=sendrecv")).byed()


@scenario("hold")
def both_hold(d: Draft) -> None:
    """First one side holds, then the other: the stream goes inactive, and comes back."""
    caller, one = _assisted(d)
    one.pause(0.2).reinvite("sendonly").reinvited("inactive", somewhere("a=inactive")).reinvited("sendrecv").byed()
    caller.reinvited("recvonly").pause(0.2).reinvite("inactive", somewhere("a=inactive")).pause(0.1)
    caller.reinvite("sendrecv", somewhere("a=sendrecv")).bye()


@scenario("hold")
def refused_offer(d: Draft) -> None:
    """The other side does not accept the new offer (488): the call goes on as it was (RFC 3261 §14.1)."""
    caller, one = _assisted(d)
    one.pause(0.2).reinvite("sendonly", status=488).pause(0.2).bye()
    caller.reinvited(status=488).byed()


@scenario("hold glare")
def crossing_offers(d: Draft) -> None:
    """Both sides offer at once: both get 491 (RFC 3261 §14.1), the call goes on, and the next try succeeds."""
    caller, one = _assisted(d)
    caller.pause(0.2).reinvite("sendonly", status=491).pause(0.3).reinvite("sendonly").bye()
    one.left_waiting("INVITE").reinvite("sendonly", status=491).answered_late(491).recv("ACK").reinvited("recvonly").byed()


@scenario("hold offer-answer")
def reinvite_without_session(d: Draft) -> None:
    """A re-INVITE without a session description asks for an offer; the answer goes in the ACK."""
    caller, one = _assisted(d)
    one.pause(0.2).request("INVITE").recv(100, optional=True).done(200, "INVITE", somewhere("m=audio"))
    one.acknowledge(session(version=2)).bye()
    caller.served("INVITE", absent("Content-Type"), headers=[SDP], body=session(version=2))
    caller.recv("ACK", somewhere("m=audio")).byed()


@scenario("UPDATE")
def update_with_offer(d: Draft) -> None:
    """UPDATE carries a new offer across (RFC 3311)."""
    caller, one = _assisted(d)
    one.pause(0.2).request("UPDATE", SDP, body=session("sendonly", 2)).done(200, "UPDATE", somewhere("a=recvonly")).pause(
        0.1
    ).bye()
    caller.served("UPDATE", somewhere("a=sendonly"), headers=[SDP], body=session("recvonly", 2)).byed()


@scenario("INFO")
def digit_by_info(d: Draft) -> None:
    """A digit sent as INFO reaches the other side, with its body (RFC 6086)."""
    caller, one = _assisted(d)
    one.pause(0.2).request("INFO", "Content-Type: application/dtmf-relay", body=DIGIT).done(200, "INFO").pause(0.1).bye()
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
