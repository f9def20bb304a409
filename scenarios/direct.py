"""Calls through a server that touches no sound (`media: {mode: direct}`): whatever is asked inside a call crosses it, and there is no music.

Played on a server of their own; features that need sound are refused there, and nothing else changes.
"""

from __future__ import annotations

from functools import partial

from scenarios.checks import ELSEWHERE, absent, has, session, somewhere, through
from scenarios.insidecall import DIGIT, RELAYED
from scenarios.office import Draft
from scenarios.parties import Callee, Caller
from scenarios.registry import scenario as _scenario
from scenarios.script import SDP_TYPE as SDP

scenario = partial(_scenario, media="direct")


def _assisted(d: Draft) -> tuple[Caller, Callee]:
    """Carol calls the executive, the assistant answers: the sound goes from phone to phone."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one])
    caller = d.caller(carrier).calls_up(boss.number).answered(through(one.seats[0].ip))
    return caller, d.callee(one).invited(through(carrier.seat.ip)).ring().pause(0.1).answer()


@scenario("hold direct")
def assistant_holds_directly(d: Draft) -> None:
    """The assistant puts the caller on hold and takes the call back."""
    caller, one = _assisted(d)
    one.pause(0.2).reinvite("sendonly", somewhere("a=recvonly")).pause(0.2).reinvite("sendrecv", somewhere("a=sendrecv")).bye()
    caller.reinvited("recvonly", somewhere("a=sendonly")).reinvited("sendrecv", somewhere("a=sendrecv")).byed()


@scenario("hold direct")
def caller_holds_directly(d: Draft) -> None:
    """The same from the other side."""
    caller, one = _assisted(d)
    caller.pause(0.2).reinvite("sendonly", somewhere("a=recvonly")).pause(0.2).reinvite("sendrecv", somewhere("a=sendrecv")).bye()
    one.reinvited("recvonly", somewhere("a=sendonly")).reinvited("sendrecv", somewhere("a=sendrecv")).byed()


@scenario("hold direct")
def both_hold_directly(d: Draft) -> None:
    """First one side holds, then the other: the stream goes inactive, and comes back."""
    caller, one = _assisted(d)
    one.pause(0.2).reinvite("sendonly").reinvited("inactive", somewhere("a=inactive")).reinvited("sendrecv").byed()
    caller.reinvited("recvonly").pause(0.2).reinvite("inactive", somewhere("a=inactive")).pause(0.1)
    caller.reinvite("sendrecv", somewhere("a=sendrecv")).bye()


@scenario("hold direct")
def refused_offer(d: Draft) -> None:
    """The other side does not accept the new offer (488): the call goes on as it was (RFC 3261 §14.1)."""
    caller, one = _assisted(d)
    one.pause(0.2).reinvite("sendonly", status=488).pause(0.2).bye()
    caller.reinvited(status=488).byed()


@scenario("hold glare direct")
def crossing_offers(d: Draft) -> None:
    """Both sides offer at once: both get 491 (RFC 3261 §14.1), the call goes on, and the next try succeeds."""
    caller, one = _assisted(d)
    caller.pause(0.2).reinvite("sendonly", status=491).pause(0.3).reinvite("sendonly").bye()
    one.left_waiting("INVITE").reinvite("sendonly", status=491).answered_late(491).recv("ACK").reinvited("recvonly").byed()


@scenario("hold offer-answer direct")
def reinvite_without_session_directly(d: Draft) -> None:
    """A re-INVITE without a session description asks for an offer; the answer goes in the ACK."""
    caller, one = _assisted(d)
    one.pause(0.2).request("INVITE").recv(100, optional=True).done(200, "INVITE", somewhere("m=audio"))
    one.acknowledge(session(version=2)).bye()
    caller.served("INVITE", absent("Content-Type"), headers=[SDP], body=session(version=2))
    caller.recv("ACK", somewhere("m=audio")).byed()


@scenario("UPDATE direct")
def update_directly(d: Draft) -> None:
    """UPDATE carries a new offer across (RFC 3311)."""
    caller, one = _assisted(d)
    one.pause(0.2).request("UPDATE", SDP, body=session("sendonly", 2)).done(200, "UPDATE", somewhere("a=recvonly")).pause(0.1).bye()
    caller.served("UPDATE", somewhere("a=sendonly"), headers=[SDP], body=session("recvonly", 2)).byed()


@scenario("INFO direct")
def digit_directly(d: Draft) -> None:
    """A digit sent as INFO reaches the other side, with its body (RFC 6086)."""
    caller, one = _assisted(d)
    one.pause(0.2).request("INFO", RELAYED, body=DIGIT).done(200, "INFO").pause(0.1).bye()
    caller.served("INFO", has("Content-Type", "application/dtmf-relay"), somewhere("Signal=5")).byed()


@scenario("C1 C5 C7 direct")
def features_without_sound(d: Draft) -> None:
    """What needs sound is refused in words; what is only about who is in the call is too, since who waits would hear nothing."""
    caller, one = _assisted(d)
    assistant, boss = d.users
    one.press("##20").pause(1.5).bye()
    caller.byed()
    needs = "this needs the media engine, and media.mode is direct"
    d.caller(d.other_phone(assistant)).pause(1).told("%23%2320", 488, "there is no media engine for this call").told(
        "*68", 488, "there is no media engine for this call"
    ).told("*86", 488, needs)
    d.caller(boss).pause(1).told(f"*15{assistant.extension}", 488, needs).told(f"*80{assistant.extension}", 488, needs).told(
        f"*11{assistant.extension}", 488, "the sound of this call cannot be brought here"
    )


@scenario("C10 direct")
def picked_up_directly(d: Draft) -> None:
    """Picking up what rings needs no sound."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    boss = d.executive([one, two], alerting={"mode": "sequential"})
    d.caller(carrier).calls_up(boss.number).answered(through(two.seats[0].ip)).byed()
    d.callee(one).invited().ring().cancelled(ELSEWHERE)
    d.caller(two).pause(1).invite(f"**{boss.extension}").recv(100, optional=True).answered(through(carrier.seat.ip)).pause(0.3).bye()
