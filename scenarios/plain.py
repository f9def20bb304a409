"""Calls that no delegation touches: user to user, user to trunk, trunk to user."""

from __future__ import annotations

from scenarios.checks import absent, has, literal, session, somewhere
from scenarios.office import Draft
from scenarios.registry import scenario


@scenario("plain")
def user_to_user(d: Draft) -> None:
    """A user calls a user by extension; the caller hangs up."""
    ann, bob = d.user("ann"), d.user("bob")
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(bob).takes(has("From", f'^ *"?{ann.name}"? *<sip:{ann.extension}@'), absent("Diversion"))


@scenario("plain")
def callee_hangs_up(d: Draft) -> None:
    """The called side hangs up first."""
    ann, bob = d.user("ann"), d.user("bob")
    d.caller(ann).calls_up(bob.extension).answered().byed()
    d.callee(bob).invited().ring().pause(0.1).answer().pause(0.2).bye()


@scenario("plain")
def all_phones_of_a_user_ring(d: Draft) -> None:
    """All phones of a user ring at once, one of them answers, the others stop without a missed call."""
    ann, bob = d.user("ann"), d.user("bob", phones=3)
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(bob, 0).loses()
    d.callee(bob, 1).takes()
    d.callee(bob, 2).loses()


@scenario("plain")
def user_to_trunk(d: Draft) -> None:
    """A user calls an outside number: the trunk sees the user's main number, in From and asserted."""
    ann, carrier = d.user("ann"), d.trunk()
    number = carrier.outside()
    d.caller(ann).calls_up(number).talks()
    own = literal(ann.number)
    d.callee(carrier).takes(
        somewhere(f"^INVITE sip:{literal(number)}@"),
        has("From", f"<sip:{own}@"),
        has("P-Asserted-Identity", f"<sip:{own}@"),
    )


@scenario("plain")
def trunk_to_number(d: Draft) -> None:
    """The trunk calls a user's outside number: that user's phone rings, with the caller's number."""
    carrier, ann = d.trunk(), d.user("ann")
    caller = carrier.outside(7)
    d.caller(carrier).calls_up(ann.number, number=caller, display="Carol").talks()
    d.callee(ann).takes(has("From", f'^ *"?Carol"? *<sip:{literal(caller)}@'))


@scenario("plain")
def trunk_without_plus(d: Draft) -> None:
    """A trunk that delivers numbers without their plus reaches the same user."""
    carrier, ann = d.trunk(), d.user("ann")
    d.caller(carrier).calls_up(ann.number.removeprefix("+"), number=carrier.outside(7)).talks()
    d.callee(ann).takes()


@scenario("plain")
def caller_cancels(d: Draft) -> None:
    """The caller gives up while two phones ring: both get CANCEL; 200 for the CANCEL, 487 for the INVITE."""
    ann, bob = d.user("ann"), d.user("bob", phones=2)
    d.caller(ann).calls_up(bob.extension).pause(0.3).cancel()
    d.callee(bob, 0).gives_up()
    d.callee(bob, 1).gives_up()


@scenario("plain")
def busy(d: Draft) -> None:
    """The only phone is busy: the caller hears it."""
    ann, bob = d.user("ann"), d.user("bob")
    d.caller(ann).invite(bob.extension).trying().refused(486)
    d.callee(bob).invited().reject(486)


@scenario("plain")
def outside_refuses(d: Draft) -> None:
    """The carrier does not know the number: the caller gets its 404."""
    ann, carrier = d.user("ann"), d.trunk()
    d.caller(ann).invite(carrier.outside(404)).trying().refused(404)
    d.callee(carrier).invited().reject(404)


@scenario("plain early-media")
def early_media(d: Draft) -> None:
    """The carrier plays an announcement before the answer: its 183 and session description reach the caller."""
    ann, carrier = d.user("ann"), d.trunk()
    d.caller(ann).invite(carrier.outside()).trying().rings(somewhere("m=audio"), status=183).talks()
    d.callee(carrier).invited().ring(status=183, early=True).pause(0.3).answer().byed()


@scenario("plain offer-answer")
def invite_without_session(d: Draft) -> None:
    """INVITE without a session description: the offer comes in the 200, the answer goes in the ACK (RFC 3261 §13.2.1)."""
    ann, carrier = d.user("ann"), d.trunk()
    d.caller(carrier).invite(ann.number, number=carrier.outside(), offer=False).trying().rings().answered(
        somewhere("m=audio"), answer=session()
    ).pause(0.2).bye()
    d.callee(ann).invited().ring().pause(0.1).answer(offered=False).byed()


@scenario("plain forking")
def trunk_forks(d: Draft) -> None:
    """The carrier forks: two early dialogs of one INVITE, a third tag answers (RFC 3261 §13.2.2.4)."""
    ann, carrier = d.user("ann"), d.trunk()
    d.caller(ann).invite(carrier.outside()).trying().rings().recv(180, optional=True).recv(183, optional=True).talks()
    party = d.callee(carrier).invited().ring(tag="-one").pause(0.1).ring(tag="-two", status=183, early=True).pause(0.1)
    party.answer(tag="-three").byed()


@scenario("plain record-route")
def record_route(d: Draft) -> None:
    """The carrier's proxy records its route: ACK and BYE carry it (RFC 3261 §12.2.1.1)."""
    ann, carrier = d.user("ann"), d.trunk()
    route = f"sip:{carrier.seat.ip}:5060;lr"
    d.caller(ann).calls_up(carrier.outside()).talks()
    d.callee(carrier).invited().ring(f"Record-Route: <{route}>").pause(0.1).reply(
        200, f"Record-Route: <{route}>", body=session(), again=True
    ).recv("ACK", has("Route", literal(route))).byed(has("Route", literal(route)))


@scenario("plain tcp")
def tcp_phone(d: Draft) -> None:
    """Two phones on TCP call each other."""
    ann, bob = d.user("ann", transport="tcp"), d.user("bob", transport="tcp")
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(bob).takes(has("Via", "SIP/2.0/TCP"))


@scenario("plain tcp")
def tcp_to_udp(d: Draft) -> None:
    """A phone on TCP calls a phone on UDP; the called one hangs up."""
    ann, bob = d.user("ann", transport="tcp"), d.user("bob")
    d.caller(ann).calls_up(bob.extension).answered().byed()
    d.callee(bob).invited(has("Via", "SIP/2.0/UDP")).ring().pause(0.1).answer().pause(0.2).bye()


@scenario("plain big-request")
def big_request(d: Draft) -> None:
    """An INVITE over 1,300 bytes for a phone that has no TCP arrives all the same (RFC 3261 §18.1.1)."""
    ann, bob = d.user("ann"), d.user("bob")
    candidates = "".join(f"a=x-padding:{index:03d} {'x' * 60}\n" for index in range(30))
    d.caller(ann).invite(bob.extension, extra=candidates).trying().rings().talks()
    d.callee(bob).takes(somewhere("x-padding:029"))


@scenario("plain reliable")
def reliable_from_carrier(d: Draft) -> None:
    """The carrier rings reliably: the server sends PRACK, the caller that knows no 100rel sees a plain 180 (RFC 3262)."""
    ann, carrier = d.user("ann"), d.trunk()
    d.caller(ann).invite(carrier.outside()).trying().rings(absent("RSeq")).talks()
    party = d.callee(carrier).invited(has("Supported", "100rel")).ring("Require: 100rel", "RSeq: 7031")
    party.served("PRACK", has("RAck", "^ *7031 [0-9]+ INVITE")).pause(0.2).answer().byed()


@scenario("plain reliable")
def reliable_to_caller(d: Draft) -> None:
    """A carrier that requires 100rel gets a reliable 180 and acknowledges it (RFC 3262)."""
    carrier, ann = d.trunk(), d.user("ann")
    party = d.caller(carrier).invite(ann.number, "Require: 100rel", "Supported: 100rel", number=carrier.outside()).trying()
    party.rings(has("Require", "100rel"), has("RSeq", "[0-9]")).prack().talks()
    d.callee(ann).takes(after=0.4)
