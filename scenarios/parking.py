"""Park, recall and retrieve, with the real media process: nobody is lost in a slot, and nobody meets a stranger in one."""

from __future__ import annotations

from scenarios.checks import ELSEWHERE, absent, has, literal, nowhere, somewhere
from scenarios.office import DOMAIN, Draft
from scenarios.registry import scenario


@scenario("C3")
def parked_and_retrieved(d: Draft) -> None:
    """`*68<slot>` in the call; the assistant is told the slot and let go. A colleague dials it and sees who it is, and for whom."""
    carrier, ann, one = d.trunk(), d.user("ann"), d.user("one")
    boss = d.executive([one])
    d.caller(carrier).calls_up(boss.number, number=carrier.outside(7)).answered().byed()
    parker = d.callee(one).invited().ring().pause(0.1).answer().pause(0.2)
    parker.press("*68701#").byed(has("Reason", 'text="parked in 701"'))
    shown = has("P-Asserted-Identity", f"→ {boss.user.name}\" *<sip:{literal(carrier.outside(7))}@{DOMAIN}>")
    d.caller(ann).pause(6).invite("701").recv(100, optional=True).answered(shown, somewhere("a=sendrecv")).pause(0.3).bye()
    d.silent(boss)


@scenario("C3")
def retrieved_while_it_is_being_spoken(d: Draft) -> None:
    """Faster than the words: whoever has parked the call is let go, and the call is there."""
    carrier, ann, one = d.trunk(), d.user("ann"), d.user("one")
    boss = d.executive([one])
    d.caller(carrier).calls_up(boss.number).answered().byed()
    d.callee(one).invited().ring().pause(0.1).answer().pause(0.2).press("*68702#").byed(has("Reason", "parked in 702"))
    d.caller(ann).pause(1.2).invite("*88702").recv(100, optional=True).answered().pause(0.3).bye()


@scenario("C3 486 404")
def nobody_meets_a_stranger(d: Draft) -> None:
    """Calls whose sound goes directly, parked from another phone: brought to the server. An occupied slot is 486, an empty one 404."""
    ann, cat, eve = d.user("ann"), d.user("cat"), d.user("eve")
    bob, dan = d.user("bob"), d.user("dan")
    met = has("P-Asserted-Identity", literal(eve.name))
    d.caller(ann).calls_up(bob.extension).answered().reinvited().served("UPDATE", met).byed()
    d.callee(bob).invited().ring().pause(0.1).answer().reinvited().byed(has("Reason", "parked in 703"))
    d.caller(cat).calls_up(dan.extension).answered().pause(5).bye()
    d.callee(dan).takes()
    d.caller(d.other_phone(bob)).pause(1).invite("*68703").recv(100, optional=True).answered(
        has("P-Asserted-Identity", '"parked in 703"'), nowhere("a=inactive")
    ).byed(has("Reason", "parked in 703"))
    d.caller(d.other_phone(dan)).pause(2).told("*68703", 486, "slot 703 is occupied")
    d.caller(eve).pause(3).invite("703").recv(100, optional=True).answered().pause(0.3).bye()
    d.then()
    d.caller(eve).told("703", 404, "slot 703 is empty")


@scenario("C3")
def forgotten_in_its_slot(d: Draft) -> None:
    """Nobody retrieves the call: it rings whoever has parked it, on all their phones, as a call that comes back."""
    carrier, one = d.trunk(), d.user("one", phones=2)
    boss = d.executive([one])
    parker = d.caller(one).calls_up(carrier.outside()).answered().pause(0.2)
    parker.press("*68704#").byed(has("Reason", "parked in 704"))
    d.callee(carrier).takes()
    back = d.callee(one, 1).invited(has("Alert-Info", "info=recall"), has("From", literal(carrier.outside())), absent("Privacy"))
    back.ring().pause(0.3).answer("Allow: INVITE, ACK, CANCEL, BYE, UPDATE").served("UPDATE").pause(0.3).bye()
    d.silent(boss)


@scenario("C3")
def retrieved_while_it_comes_back(d: Draft) -> None:
    """The recall rings; a colleague is faster, and the phone that rings is told so."""
    carrier, ann, one = d.trunk(), d.user("ann"), d.user("one", phones=2)
    d.executive([one])
    d.caller(one).calls_up(carrier.outside()).answered().pause(0.2).press("*68705#").byed()
    d.callee(carrier).takes()
    d.callee(one, 1).invited().ring().cancelled(ELSEWHERE)
    d.caller(ann).pause(10).invite("705").recv(100, optional=True).answered().pause(0.3).bye()


@scenario("C3 C5 404 403")
def codes_of_who_is_in_no_call(d: Draft) -> None:
    """Codes for the own call, dialled without one: told so, `#` plain and escaped; and who works for nobody sends nothing anywhere."""
    ann, sam = d.user("ann"), d.user("sam")
    d.executive([sam])
    party = d.caller(sam)
    for dialled in ("*68", "%2A68706", "##20", "%23%2320", "#63", "*83"):
        party.told(dialled, 404, "you are in no call")
    party.told("*68799", 404, "there is no park slot 799").told("799", 404, "nobody has the number 799")
    d.caller(ann).told("##20", 403, "you are nobody's assistant: there is nobody to send the call to")
