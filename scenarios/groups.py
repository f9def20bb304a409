"""Groups, queues and services: extensions without phones, whose members and agents take the calls."""

from __future__ import annotations

from scenarios.checks import absent, has, literal, nowhere
from scenarios.office import DOMAIN, Draft
from scenarios.registry import scenario
from scenarios.timing import began, rang


@scenario("A4 A17 A23")
def group(d: Draft) -> None:
    """All members ring, and see for which group."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    sales = d.group([one, two], label="sales")
    d.caller(carrier).calls_up(sales.number, number=carrier.outside(7), display="Carol").talks()
    d.callee(one).loses()
    d.callee(two).takes(has("From", f'"Carol → {sales.name}"'), has("Diversion", f"<sip:{sales.extension}@{DOMAIN}>"))


@scenario("A4")
def group_overflows(d: Draft) -> None:
    """Nobody of the group answers: the call goes on, and the next one sees where it comes from."""
    ann, one, two, desk = d.user("ann"), d.user("one"), d.user("two"), d.user("desk")
    overflow = {"action": "forward", "forward": desk.extension}
    sales = d.group(
        [(one, {"ring_seconds": 1}), two], label="sales", alerting={"mode": "sequential", "ring_seconds": 2}, rollover=overflow
    )
    d.caller(ann).calls_up(sales.extension).talks()
    d.callee(one).gives_up()
    d.callee(two).gives_up()
    d.callee(desk).takes(
        has("From", f"<sip:{ann.extension}@"),
        has("Diversion", f"<sip:{sales.extension}@{DOMAIN}>;reason=no-answer"),
        absent("Alert-Info"),
    )
    d.grade(rang("one", 1.0))
    d.grade(rang("two", 2.0))
    d.grade(began("one", "desk", after=3.0))


@scenario("A4")
def group_overflows_at_once(d: Draft) -> None:
    """Nobody of the group is there: no reason to wait."""
    ann, one, two, desk = d.user("ann"), d.user("one", phones=0), d.user("two", dnd=True), d.user("desk")
    sales = d.group([one, two], label="sales", rollover={"action": {"forward": desk.extension}})
    d.caller(ann).calls_up(sales.extension).talks()
    d.callee(desk).takes()
    d.silent(two)


@scenario("A4")
def queue_waits(d: Draft) -> None:
    """A queue rings its members for a round, waits as long as a caller may, and then overflows to a mailbox."""
    ann, one, box = d.user("ann"), d.user("one"), d.mailbox()
    sales = d.group(
        [one],
        label="sales",
        type="queue",
        maximum_wait=2,
        alerting={"ring_seconds": 1},
        rollover={"action": {"voicemail": box.uri}},
    )
    d.caller(ann).calls_up(sales.extension).talks()
    d.callee(one).gives_up()
    d.callee(box).takes(has("Diversion", f"<sip:{sales.extension}@{DOMAIN}>;reason=no-answer"))
    d.grade(rang("one", 1.0))


@scenario("B6")
def service_is_called(d: Draft) -> None:
    """Agents for incoming calls ring, and see for which service; one for outgoing calls only does not."""
    carrier, one, two, three = d.trunk(), d.user("one"), d.user("two"), d.user("three")
    desk = d.service([one, (two, {"direction": "in"}), (three, {"direction": "out"})])
    d.caller(carrier).calls_up(desk.number, display="Carol").talks()
    d.callee(one).loses()
    d.callee(two).takes(has("From", f'"Carol → {desk.name}"'), has("Diversion", f"<sip:{desk.extension}@{DOMAIN}>"))
    d.silent(three)


@scenario("B6 B12")
def service_speaks(d: Draft) -> None:
    """An agent calls as the service: its name and caller ID, no trace of the agent. For incoming calls only, or not enabled: 403."""
    carrier, sam, two = d.trunk(), d.user("samantha", extension=f"samantha{d.index}"), d.user("two")
    desk = d.service([sam, (two, {"direction": "in"})])
    closed = d.service([sam], label="closed", enabled=False)
    d.caller(sam).calls_up(f"#64{desk.extension}*{carrier.outside()}").talks()
    identity = f'^ *"{desk.name}" *<sip:{literal(desk.caller_id)}@'
    d.callee(carrier).takes(has("From", identity), has("P-Asserted-Identity", identity), nowhere("[Ss]amantha"))
    d.then()
    for agent, service in ((two, desk), (sam, closed)):
        dialled, says = f"#64{service.extension}*{carrier.outside()}", f"you may not call as {service.extension}"
        d.caller(agent).told(dialled, 403, says).told(f"#67{service.extension}", 403, says)
    d.silent(carrier)
