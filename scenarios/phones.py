"""How phones ring: one short ring or none at the executive's, apps and desk phones of one user one after the other."""

from __future__ import annotations

from scenarios.checks import ELSEWHERE, absent, has, lacks
from scenarios.office import Draft
from scenarios.registry import scenario
from scenarios.timing import began, rang

APP, DESK = "User-Agent: Linphone/5.2", "User-Agent: Yealink SIP-T46U"


@scenario("A7 A8")
def splash(d: Draft) -> None:
    """The executive's phone gives one short ring, and logs no missed call; the assistants ring on."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one], alerting={"executive": "splash", "splash_seconds": 1})
    d.caller(carrier).calls_up(boss.number, number=carrier.outside(7)).talks()
    alert = has("Alert-Info", "^ *<urn:alert:duration:short>.*;info=splash")
    d.callee(boss).invited(alert, absent("Diversion")).ring().cancelled(ELSEWHERE)
    d.callee(one).takes(has("Alert-Info", "info=delegated"), after=1.5)
    d.grade(began("boss", "one", after=0, within=0.2))
    d.grade(rang("boss", 1.0))


@scenario("A6 A7 A8")
def splash_in_sequence(d: Draft) -> None:
    """One short ring at the beginning; it does not hold up the assistants' turns."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    alerting = {"mode": "sequential", "ring_seconds": 2, "executive": "splash", "splash_seconds": 1}
    boss = d.executive([one, two], alerting=alerting)
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(boss).invited().ring().cancelled(ELSEWHERE)
    d.callee(one).gives_up()
    d.callee(two).takes()
    d.grade(rang("boss", 1.0))
    d.grade(rang("one", 2.0))


@scenario("A8")
def splash_answered(d: Draft) -> None:
    """The executive picks up during the short ring."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one], alerting={"executive": "splash"})
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(boss).takes()
    d.callee(one).loses()


@scenario("A8")
def silent(d: Draft) -> None:
    """The executive's phone shows the call without a sound, for as long as the assistants ring."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one], alerting={"executive": "silent"})
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(boss).invited(has("Alert-Info", ";info=silent"), absent("Diversion")).ring().cancelled(ELSEWHERE)
    d.callee(one).takes(has("Alert-Info", "info=delegated"), after=1.0)
    d.grade(began("boss", "one", after=0, within=0.2))


@scenario("A8")
def silent_answered(d: Draft) -> None:
    """The executive sees who it is, and picks up."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one], alerting={"executive": "silent"})
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(boss).takes()
    d.callee(one).loses()


@scenario("A22")
def apps_then_desk(d: Draft) -> None:
    """The app, known by its User-Agent, rings first; then the desk phone."""
    ann, bob = d.user("ann"), d.user("bob", phones=2, registers=True, devices={"order": "apps_first", "rings": 0.25})
    d.registrant(bob, 0).registers(APP)
    d.registrant(bob, 1).registers(DESK)
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(bob, 0).invited().ring().cancelled()
    d.callee(bob, 1).takes(absent("Alert-Info"))
    d.grade(rang("bob1", 1.5))
    d.grade(began("bob1", "bob2", after=1.5))


@scenario("A22")
def desk_then_apps(d: Draft) -> None:
    """The other way round, for an assistant; the app says in its contact that it is mobile. No desk phone answers: the app's turn."""
    carrier, one = d.trunk(), d.user("one", phones=2, registers=True, devices={"order": "desk_first", "rings": 2})
    boss = d.executive([one])
    mobile = f'<{one.seats[0].contact}>;mobility="mobile"'
    d.registrant(one, 0).register(contact=mobile).challenged().register(contact=mobile, proof=True).recv(200)
    d.registrant(one, 1).registers(DESK)
    d.caller(carrier).invite(boss.number).trying().rings().talks()
    d.callee(one, 1).invited(has("Diversion", f"<sip:{boss.extension}@")).reject(480)
    d.callee(one, 0).takes(has("Diversion", f"<sip:{boss.extension}@"))
    d.grade(began("one2", "one1", after=0, within=0.5))


@scenario("A22")
def no_rings_for_apps(d: Draft) -> None:
    """No rings for the apps: they are left out."""
    ann, bob = d.user("ann"), d.user("bob", phones=2, registers=True, devices={"order": "apps_first", "rings": 0})
    d.registrant(bob, 0).registers(APP)
    d.registrant(bob, 1).registers(DESK)
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(bob, 1).takes(lacks("Diversion", "."))
    d.silent(bob, 0)
