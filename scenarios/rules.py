"""Which calls go to the assistants, and to which of them: criteria, exceptions, caller groups, confidential contacts, cover, diverts."""

from __future__ import annotations

from scenarios.checks import absent, has, lacks, literal, nowhere
from scenarios.office import DOMAIN, Draft, Executive, Trunk, User
from scenarios.registry import scenario

ALWAYS = {"mon-sun": "00:00-24:00"}


def _call(
    d: Draft, carrier: Trunk, called: str, number: str, who: User | Executive, *left_alone: User | Executive, words: str = ""
) -> None:
    """An act: `number` calls, `who` takes the call, the others hear nothing of it. `words`: a header of the INVITE."""
    d.caller(carrier).calls_up(called, words, number=number).talks()
    d.callee(who).takes()
    for other in left_alone:
        d.silent(other)
    d.then()


@scenario("A10 A11")
def criteria_and_exceptions(d: Draft) -> None:
    """A prefix is filtered, an exception within it is not, and what no criterion names rings the executive."""
    carrier, one = d.trunk(), d.user("one")
    press = d.callers("press", f"{carrier.prefix}1*")
    criteria = [{"name": "Press", "from": [press]}, {"name": "The editor", "filter": False, "from": [carrier.outside(1000)]}]
    boss = d.executive([one], filtering={"mode": "criteria", "criteria": criteria})
    _call(d, carrier, boss.number, carrier.outside(1001), one, boss)
    _call(d, carrier, boss.number, carrier.outside(1000), boss, one)
    _call(d, carrier, boss.number, carrier.outside(2000), boss, one)


@scenario("A11")
def exception_of_a_simple_filter(d: Draft) -> None:
    """With the simple filter, too, an exception reaches the executive, and is shown as a plain call."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one], filtering={"criteria": [{"name": "VIP", "filter": False, "from": [carrier.outside(1)]}]})
    d.caller(carrier).calls_up(boss.number, number=carrier.outside(1), display="Carol").talks()
    d.callee(boss).takes(has("From", '^ *"?Carol"? *<'), absent("Diversion"), absent("History-Info"))
    d.silent(one)
    d.then()
    _call(d, carrier, boss.number, carrier.outside(2), one, boss)


@scenario("A10")
def number_withheld_or_missing(d: Draft) -> None:
    """`anonymous` is who asked for privacy, `unavailable` whose call came without a number."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    hidden, unknown = [{"name": "Hidden", "from": ["anonymous"]}], [{"name": "No number", "from": ["unavailable"]}]
    boss = d.executive([one], filtering={"mode": "criteria", "criteria": hidden})
    second = d.executive([two], label="second", filtering={"mode": "criteria", "criteria": unknown})
    for executive, takes, assistant in ((boss, one, one), (second, second, two)):
        d.caller(carrier).calls_up(executive.number, f"P-Asserted-Identity: <sip:{carrier.outside()}@x>", "Privacy: id").talks()
        d.callee(takes).takes(has("From", "anonymous@anonymous.invalid"), nowhere(literal(carrier.outside().removeprefix("+"))))
        d.silent(executive if takes is assistant else assistant)
        d.then()
    for executive, takes, assistant in ((boss, boss, one), (second, two, two)):
        d.caller(carrier).invite(executive.number, number="", display="").trying().rings().talks()
        d.callee(takes).takes()
        d.silent(executive if takes is assistant else assistant)
        d.then()


@scenario("A10")
def number_called(d: Draft) -> None:
    """A criterion for one of the executive's numbers."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one])
    d.executives[-1]["filtering"] = {"mode": "criteria", "criteria": [{"name": "Public", "dialled": [boss.caller_id]}]}
    _call(d, carrier, boss.caller_id, carrier.outside(1), one, boss)
    _call(d, carrier, boss.number, carrier.outside(1), boss, one)


@scenario("A10")
def hours_and_holidays(d: Draft) -> None:
    """During and outside hours, on holidays: of schedules that are always, or never, so."""
    carrier, one = d.trunk(), d.user("one")
    always = d.schedule("always", hours=ALWAYS, holidays=["2000-01-01..2199-12-31"])
    never = d.schedule("never", hours={})
    criteria = {
        "during": {"during": never},
        "outside": {"outside": never},
        "holiday": {"holidays": always},
        "workday": {"holidays": never},
    }
    offices = {
        label: d.executive([one], label=label, filtering={"mode": "criteria", "criteria": [{"name": label, **rule}]})
        for label, rule in criteria.items()
    }
    for label, filtered in (("during", False), ("outside", True), ("holiday", True), ("workday", False)):
        boss = offices[label]
        _call(d, carrier, boss.number, carrier.outside(1), *((one, boss) if filtered else (boss, one)))


@scenario("A24")
def assistants_by_caller_group(d: Draft) -> None:
    """Press calls ring one assistant, legal ones another, the third takes everybody."""
    carrier, one, two, three = d.trunk(), d.user("one"), d.user("two"), d.user("three")
    press, legal = d.callers("press", f"{carrier.prefix}1*"), d.callers("legal", f"{carrier.prefix}2*")
    boss = d.executive([(one, {"callers": [press]}), (two, {"callers": [legal]}), three])
    for index, takes, left_alone in ((1000, one, two), (2000, two, one)):
        d.caller(carrier).calls_up(boss.number, number=carrier.outside(index)).talks()
        d.callee(takes).takes()
        d.callee(three).loses()
        d.silent(left_alone)
        d.silent(boss)
        d.then()
    _call(d, carrier, boss.number, carrier.outside(3000), three, one, two, boss)


@scenario("A24")
def confidential_contact(d: Draft) -> None:
    """Rings the executive only, who sees who it is."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one], confidential=[carrier.outside(1)])
    d.caller(carrier).calls_up(boss.number, number=carrier.outside(1), display="Carol").talks()
    shown = f'^ *"?Carol"? *<sip:{literal(carrier.outside(1))}@'
    d.callee(boss).takes(has("From", shown), has("P-Asserted-Identity", shown), absent("Diversion"))
    d.silent(one)
    d.then()
    _call(d, carrier, boss.number, carrier.outside(2), one, boss)


@scenario("A24")
def confidential_contact_forwarded(d: Draft) -> None:
    """The executive is busy and forwards to an assistant: nothing in the INVITE tells who calls."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one], confidential=[carrier.outside(1)], own={"forwarding": {"busy": one.extension}})
    call = d.caller(carrier).invite(boss.number, "Subject: Carol again", number=carrier.outside(1), display="Carol")
    call.trying().rings().talks()
    d.callee(boss).invited().reject(486)
    d.callee(one).takes(
        has("From", f'"Private → {boss.user.name}" *<sip:anonymous@anonymous.invalid>'),
        has("Diversion", f"<sip:{boss.extension}@{DOMAIN}>;reason=user-busy"),
        absent("P-Asserted-Identity"),
        nowhere("Carol"),
        nowhere(literal(carrier.outside(1).removeprefix("+"))),
    )


@scenario("A25")
def cover_for_a_time(d: Draft) -> None:
    """Before its first day, after its last, and without approval nobody covers; who does is rung."""
    carrier, people = d.trunk(), [d.user(label) for label in ("early", "late", "pending", "declined", "now")]
    cover = ({"from": "2199-01-01"}, {"until": "2020-12-31"}, {"approval": "pending"}, {"approval": "declined"})
    now = {"from": "2020-01-01T08:00", "until": "2199-12-31", "approval": "approved"}
    boss = d.executive(list(zip(people, (*cover, now), strict=True)))
    _call(d, carrier, boss.number, carrier.outside(1), people[-1], boss, *people[:-1])
    d.caller(people[1]).told(f"#64{boss.extension}*{carrier.outside(1)}", 403, f"you may not call as {boss.extension}")
    d.silent(carrier)


@scenario("A18")
def own_working_hours(d: Draft) -> None:
    """An assistant's own hours count only where the delegation respects them."""
    carrier = d.trunk()
    never = d.schedule("never", hours={})
    one, two = d.user("one", hours=never), d.user("two", hours=never)
    boss = d.executive([(one, {"respect_hours": True}), two])
    _call(d, carrier, boss.number, carrier.outside(1), two, boss, one)


@scenario("A14 A17")
def diverts_one_after_the_other(d: Draft) -> None:
    """One diverts to Two, Two to the desk: the desk sees what an assistant sees, who diverted and for whom."""
    carrier, desk = d.trunk(), d.user("desk")
    two = d.user("two", divert={"enabled": True, "to": desk.extension})
    one = d.user("one", divert={"enabled": True, "to": two.number})
    boss = d.executive([one], own={"forwarding": {"busy": desk.extension}})
    d.caller(carrier).calls_up(boss.number, number=carrier.outside(7), display="Carol").talks()
    d.callee(desk).takes(
        has("From", f'^ *"Carol → {boss.user.name}" *<sip:{literal(carrier.outside(7))}@'),
        has("Diversion", f"<sip:{one.extension}@{DOMAIN}>;reason=unconditional"),
        has("Diversion", f"<sip:{boss.extension}@{DOMAIN}>;reason=unconditional", 2),
        has("History-Info", f"<sip:{boss.extension}@.*<sip:{one.extension}@.*<sip:{desk.extension}@"),
        has("Alert-Info", "info=delegated"),
    )
    d.silent(one)
    d.silent(two)
    d.then()
    d.caller(one).calls_up(two.extension).talks()
    d.callee(two).takes(lacks("Diversion", "."))
