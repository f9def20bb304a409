"""Calls to an executive: who rings, in which order, for how long, and what happens in the end."""

from __future__ import annotations

from scenarios.checks import has, lacks, literal, somewhere
from scenarios.office import Draft, User
from scenarios.registry import scenario
from scenarios.timing import began, rang


def three(d: Draft) -> list[User]:
    """Three assistants."""
    return [d.user("one"), d.user("two"), d.user("three")]


@scenario("A5 A7 A23")
def ring_all(d: Draft) -> None:
    """Every assistant rings at once, the second answers; the executive's own phone is left alone."""
    carrier, (one, two, last) = d.trunk(), three(d)
    boss = d.executive([one, two, last])
    d.caller(carrier).calls_up(boss.number, number=carrier.outside(7), display="Carol").talks()
    d.callee(one).loses()
    d.callee(two).takes()
    d.callee(last).loses()
    d.silent(boss)
    d.grade(began("one", "two", after=0, within=0.2))
    d.grade(began("one", "three", after=0, within=0.2))


@scenario("A5 A9")
def ring_all_for_a_colleague(d: Draft) -> None:
    """A colleague dials the executive's extension: the filter takes inside calls, too."""
    ann, one, two = d.user("ann"), d.user("one"), d.user("two")
    boss = d.executive([one, two])
    d.caller(ann).calls_up(boss.extension).talks()
    d.callee(one).loses()
    d.callee(two).takes(has("From", f"<sip:{ann.extension}@"))
    d.silent(boss)


@scenario("A5 A15")
def ring_all_runs_out(d: Draft) -> None:
    """Nobody answers in the total ring time: everybody is cancelled, the caller gets 480."""
    carrier, (one, two, last) = d.trunk(), three(d)
    boss = d.executive([one, two, last], alerting={"ring_seconds": 1})
    d.caller(carrier).calls_up(boss.number).refused(480)
    for assistant in (one, two, last):
        d.callee(assistant).gives_up()
    d.silent(boss)
    d.grade(rang("two", 1.0))


@scenario("A5")
def caller_gives_up(d: Draft) -> None:
    """The caller cancels while three assistants ring: each gets CANCEL."""
    carrier, (one, two, last) = d.trunk(), three(d)
    boss = d.executive([one, two, last])
    d.caller(carrier).calls_up(boss.number).pause(0.3).cancel()
    for assistant in (one, two, last):
        d.callee(assistant).gives_up()


@scenario("A6")
def sequential(d: Draft) -> None:
    """One after the other, in the order of the list, each for its own time; the third answers."""
    carrier, (one, two, last) = d.trunk(), three(d)
    boss = d.executive(
        [(one, {"ring_seconds": 1}), two, (last, {"ring_seconds": 9})], alerting={"mode": "sequential", "ring_seconds": 2}
    )
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(one).gives_up()
    d.callee(two).gives_up()
    d.callee(last).takes()
    d.silent(boss)
    d.grade(rang("one", 1.0))
    d.grade(rang("two", 2.0))
    d.grade(began("one", "three", after=3.0))


@scenario("A6 A23")
def sequential_refused(d: Draft) -> None:
    """An assistant who refuses, and one whose phone is not there, are passed over at once."""
    carrier, one, two, last = d.trunk(), d.user("one"), d.user("two", phones=0), d.user("three")
    boss = d.executive([one, two, last], alerting={"mode": "sequential", "ring_seconds": 8})
    d.caller(carrier).invite(boss.number).trying().rings().talks()
    d.callee(one).invited().reject(603)
    d.callee(last).takes()
    d.grade(began("one", "three", after=0, within=0.5))


@scenario("A6 A15")
def sequential_runs_out(d: Draft) -> None:
    """The list has been rung once, from first to last: 480."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    boss = d.executive([one, two], alerting={"mode": "sequential", "ring_seconds": 1})
    d.caller(carrier).calls_up(boss.number).refused(480)
    d.callee(one).gives_up()
    d.callee(two).gives_up()
    d.grade(began("one", "two", after=1.0))


@scenario("A7")
def executive_first(d: Draft) -> None:
    """The executive's phone rings first, then the assistants."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    boss = d.executive([one, two], alerting={"ring_seconds": 1, "executive": "first"})
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(boss).gives_up()
    d.callee(one).takes()
    d.callee(two).loses()
    d.grade(rang("boss", 1.0))
    d.grade(began("boss", "one", after=1.0))


@scenario("A7")
def executive_first_answers(d: Draft) -> None:
    """The executive's phone rings first, and answers: no assistant hears of it."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one], alerting={"executive": "first"})
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(boss).takes()
    d.silent(one)


@scenario("A8 A23")
def executive_together(d: Draft) -> None:
    """The executive rings together with the assistants, and is faster."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    boss = d.executive([one, two], alerting={"executive": "together"})
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(boss).takes()
    d.callee(one).loses()
    d.callee(two).loses()
    d.grade(began("boss", "one", after=0, within=0.2))


@scenario("A6 A8")
def executive_together_in_sequence(d: Draft) -> None:
    """Sequential with the executive: the executive's phone rings on while the assistants take turns."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    boss = d.executive([one, two], alerting={"mode": "sequential", "ring_seconds": 1, "executive": "together"})
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(boss).invited().ring().pause(1.5).answer().byed()
    d.callee(one).gives_up()
    d.callee(two).loses()
    d.grade(began("one", "two", after=1.0))


@scenario("A15")
def rollover_to_executive(d: Draft) -> None:
    """The plan has run out: the executive's phone rings."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    boss = d.executive([one, two], alerting={"ring_seconds": 1}, rollover={"action": "executive"})
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(one).gives_up()
    d.callee(two).gives_up()
    d.callee(boss).takes()
    d.grade(began("one", "boss", after=1.0))


@scenario("A15 A23")
def rollover_at_once(d: Draft) -> None:
    """Every assistant refuses, each in another way: no reason to wait for the ring time."""
    carrier, (one, two, last) = d.trunk(), three(d)
    boss = d.executive([one, two, last], alerting={"ring_seconds": 15}, rollover={"action": "executive"})
    d.caller(carrier).invite(boss.number).trying().rings().talks()
    for assistant, status in ((one, 486), (two, 480), (last, 603)):
        d.callee(assistant).invited().reject(status)
    d.callee(boss).takes()
    d.grade(began("one", "boss", after=0, within=0.5))


@scenario("A15")
def rollover_after_seconds(d: Draft) -> None:
    """The rollover's own timer ends the ringing before the ring time does."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one], alerting={"ring_seconds": 15}, rollover={"after_seconds": 1, "action": "executive"})
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(one).gives_up()
    d.callee(boss).takes()
    d.grade(rang("one", 1.0))


@scenario("A15")
def rollover_forwards_outside(d: Draft) -> None:
    """The plan has run out: the call goes to an outside number, over the trunk."""
    carrier, one = d.trunk(), d.user("one")
    mobile = carrier.outside(4711)
    boss = d.executive([one], alerting={"ring_seconds": 1}, rollover={"action": "forward", "forward": mobile})
    d.caller(d.user("ann")).calls_up(boss.extension).talks()
    d.callee(one).gives_up()
    d.callee(carrier).takes(somewhere(f"^INVITE sip:{literal(mobile)}@"))
    d.silent(boss)


@scenario("A15")
def rollover_forwards_inside(d: Draft) -> None:
    """The plan has run out: the call goes to another user."""
    carrier, one, desk = d.trunk(), d.user("one"), d.user("desk")
    boss = d.executive([one], alerting={"ring_seconds": 1}, rollover={"action": "forward", "forward": desk.extension})
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(one).gives_up()
    d.callee(desk).takes()


@scenario("A15")
def rollover_hangs_up(d: Draft) -> None:
    """Every assistant refuses and nothing else is set: 480, whatever the assistants said."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    boss = d.executive([one, two])
    d.caller(carrier).invite(boss.number).trying().refused(480)
    d.callee(one).invited().reject(486)
    d.callee(two).invited().reject(603)
    d.silent(boss)


@scenario("A15")
def nobody_is_there(d: Draft) -> None:
    """No assistant has a phone: 480 at once."""
    carrier, one = d.trunk(), d.user("one", phones=0)
    boss = d.executive([one])
    d.caller(carrier).invite(boss.number).refused_at_once(480)
    d.silent(boss)


@scenario("A16 A15")
def minimum_ring(d: Draft) -> None:
    """At least the minimum ring before the rollover is complete, though the rollover's timer is shorter."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive(
        [one],
        alerting={"ring_seconds": 15, "minimum_seconds": 2},
        rollover={"after_seconds": 1, "action": "executive"},
    )
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(one).gives_up()
    d.callee(boss).takes()
    d.grade(rang("one", 2.0))


@scenario("A18")
def redirecting_assistant(d: Draft) -> None:
    """An assistant's phone that forwards (302) does not take the executive's call along: it counts as a refusal."""
    carrier, one, two, elsewhere = d.trunk(), d.user("one"), d.user("two"), d.user("elsewhere")
    boss = d.executive([one, two], alerting={"mode": "sequential", "ring_seconds": 8})
    d.caller(carrier).invite(boss.number).trying().rings().talks()
    target = f"Contact: <sip:{elsewhere.extension}@{elsewhere.seats[0].ip}:5060>"
    d.callee(one).invited().reply(302, contact=target, again=True).recv("ACK")
    d.callee(two).takes()
    d.silent(elsewhere)


@scenario("A18")
def assistant_who_is_an_executive_elsewhere(d: Draft) -> None:
    """Two executives with their own assistants: a call to one never reaches the other's people."""
    carrier, one, other = d.trunk(), d.user("one"), d.user("other")
    boss = d.executive([one], alerting={"ring_seconds": 1})
    second = d.executive([other], label="second")
    d.caller(carrier).calls_up(boss.number).refused(480)
    d.callee(one).gives_up()
    d.silent(other)
    d.silent(second)


@scenario("A20")
def past_the_filter(d: Draft) -> None:
    """The executive's own assistant reaches the executive directly."""
    one, two = d.user("one"), d.user("two")
    boss = d.executive([one, two])
    d.caller(one).calls_up(boss.extension).talks()
    d.callee(boss).takes(has("From", f"<sip:{one.extension}@"))
    d.silent(two)


@scenario("A20")
def not_past_the_filter(d: Draft) -> None:
    """Somebody else's assistant is filtered like everybody."""
    one, other = d.user("one"), d.user("other")
    boss = d.executive([one])
    d.executive([other], label="second")
    d.caller(other).calls_up(boss.extension).talks()
    d.callee(one).takes()
    d.silent(boss)


@scenario("A23")
def one_refuses(d: Draft) -> None:
    """486 from one assistant only removes that assistant; 480 and 603 do the same."""
    carrier, people = d.trunk(), [*three(d), d.user("four")]
    boss = d.executive(people)
    d.caller(carrier).invite(boss.number).trying().rings().talks()
    for assistant, status in zip(people, (486, 480, 603), strict=False):
        d.callee(assistant).invited().reject(status)
    d.callee(people[3]).takes(after=0.5)
    d.silent(boss)


@scenario("A23")
def answer_crosses_cancel(d: Draft) -> None:
    """A phone answers just when it is cancelled: its 200 gets ACK and BYE, the caller talks to the winner."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    boss = d.executive([one, two])
    d.caller(carrier).calls_up(boss.number).talks(0.5)
    d.callee(one).takes()
    late = d.callee(two).invited().ring().recv("CANCEL")
    late.send("SIP/2.0 200 OK", ["[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"])
    late.answer().byed()


@scenario("A5 B5")
def without_the_right_to_receive(d: Draft) -> None:
    """An assistant without the right `receive` is not rung."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    boss = d.executive([(one, {"rights": ["call"]}), two])
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(two).takes()
    d.silent(one)


@scenario("A9")
def filter_off(d: Draft) -> None:
    """Filtering is off: the executive's phone rings, as anybody's would."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one], filtering={"enabled": False})
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(boss).takes(lacks("Diversion", "."))
    d.silent(one)


@scenario("A9")
def filter_external_only(d: Draft) -> None:
    """Only outside calls are filtered: a colleague reaches the executive."""
    ann, one = d.user("ann"), d.user("one")
    boss = d.executive([one], filtering={"type": "external"})
    d.caller(ann).calls_up(boss.extension).talks()
    d.callee(boss).takes()
    d.silent(one)
