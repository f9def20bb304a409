"""REGISTER: challenge, bindings, expiry; and calls to phones that have registered."""

from __future__ import annotations

from scenarios.checks import absent, has, literal, somewhere
from scenarios.office import Draft
from scenarios.registry import scenario


@scenario("401")
def registered_phones_ring(d: Draft) -> None:
    """Two phones of a user register; both ring."""
    ann, bob = d.user("ann"), d.user("bob", phones=2, registers=True)
    d.registrant(bob, 0).registers()
    d.registrant(bob, 1).registers(checks=[somewhere(literal(bob.seats[0].ip)), somewhere(literal(bob.seats[1].ip))])
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(bob, 0).loses()
    d.callee(bob, 1).takes()


@scenario("401")
def wrong_password_at_registration(d: Draft) -> None:
    """Wrong credentials: 401 again, and no binding."""
    ann, bob = d.user("ann"), d.user("bob", registers=True)
    d.registrant(d.seat(bob, password="wrong")).register().challenged().register(proof=True).challenged()  # noqa: S106
    d.caller(ann).invite(bob.extension).refused_at_once(480)


@scenario("423")
def interval_too_brief(d: Draft) -> None:
    """Expires under 60 s: 423 with Min-Expires."""
    bob = d.user("bob", registers=True)
    d.registrant(bob).register(expires=10).challenged().register(expires=10, proof=True).recv(423, has("Min-Expires", "60"))


@scenario("registrar")
def unregistered(d: Draft) -> None:
    """Expires 0 removes the binding: the user is not there any more."""
    ann, bob = d.user("ann"), d.user("bob", registers=True)
    party = d.registrant(bob).registers(checks=[has("Contact", literal(bob.seats[0].ip)), has("Contact", "expires=[0-9]+")])
    party.registers(expires=0, checks=[absent("Contact")])
    d.caller(ann).invite(bob.extension).refused_at_once(480)


@scenario("registrar")
def all_unregistered(d: Draft) -> None:
    """`Contact: *` removes everything."""
    ann, bob = d.user("ann"), d.user("bob", registers=True)
    party = d.registrant(bob).registers()
    party.register(contact="*", expires=0).challenged()
    party.register(contact="*", expires=0, proof=True).recv(200, absent("Contact"))
    d.caller(ann).invite(bob.extension).refused_at_once(480)


@scenario("registrar")
def replaced_by_instance(d: Draft) -> None:
    """A phone that comes back at another port replaces its own binding (RFC 5626 §6): one phone rings, once."""
    ann, bob = d.user("ann"), d.user("bob", registers=True)
    instance = f'+sip.instance="<urn:uuid:00000000-0000-1000-8000-{d.index:012d}>";reg-id=1'
    seat = bob.seats[0]
    party = d.registrant(bob)
    for contact in (f"<sip:old@{seat.ip}:5060>;{instance}", f"<{seat.contact}>;{instance}"):
        party.register("Supported: path, outbound", contact=contact).challenged()
        party.register("Supported: path, outbound", contact=contact, proof=True).recv(200, absent("Path"))
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(bob).takes()


@scenario("registrar trust")
def no_registration_for_somebody_else(d: Draft) -> None:
    """Good credentials of one user do not register a phone for another."""
    ann, mallory, bob = d.user("ann"), d.user("mallory", registers=True), d.user("bob", registers=True)
    thief = d.seat(mallory, user=bob.extension, login=mallory.extension)
    d.registrant(thief).register().challenged().register(proof=True).refused_registration()
    d.caller(ann).invite(bob.extension).refused_at_once(480)
    d.silent(mallory)
