"""Where calls go on: the rollover to a mailbox and to the executive's own forwarding, and the forwarding of any user."""

from __future__ import annotations

from scenarios.checks import absent, has, literal, somewhere
from scenarios.office import DOMAIN, Draft
from scenarios.registry import scenario
from scenarios.timing import began, rang


def _by(extension: str, why: str) -> str:
    """What Diversion says of the one who forwarded (RFC 5806)."""
    return f"^ *<sip:{literal(extension)}@{DOMAIN}>;reason={why};counter=1"


@scenario("A15")
def rollover_to_voicemail(d: Draft) -> None:
    """Nobody answers: the mailbox takes the call, and learns whose it is."""
    carrier, one, box = d.trunk(), d.user("one"), d.mailbox()
    boss = d.executive([one], alerting={"ring_seconds": 1}, rollover={"action": "voicemail", "voicemail": box.uri})
    d.caller(carrier).calls_up(boss.number, number=carrier.outside(7), display="Carol").talks()
    d.callee(one).gives_up()
    d.callee(box).takes(
        somewhere(f"^INVITE {literal(box.uri)} SIP"),
        has("From", f'^ *"?Carol"? *<sip:{literal(carrier.outside(7))}@'),
        has("Diversion", _by(boss.extension, "no-answer")),
    )
    d.silent(boss)


@scenario("A15")
def rollover_as_not_answered(d: Draft) -> None:
    """`no_answer`: as if the executive had not answered; the executive's phone stays silent."""
    carrier, one, desk = d.trunk(), d.user("one"), d.user("desk")
    boss = d.executive(
        [one],
        alerting={"ring_seconds": 1},
        rollover={"action": "no_answer"},
        own={"forwarding": {"no_answer": desk.extension, "busy": one.extension}},
    )
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(one).gives_up()
    d.callee(desk).takes(has("Diversion", _by(boss.extension, "no-answer")))
    d.silent(boss)


@scenario("A15")
def rollover_to_executive_who_forwards(d: Draft) -> None:
    """The rollover rings the executive, who declines and forwards to the mailbox."""
    carrier, one, box = d.trunk(), d.user("one"), d.mailbox()
    boss = d.executive([one], rollover={"action": "executive"}, own={"forwarding": {"busy": box.uri}})
    d.caller(carrier).invite(boss.number).trying().rings().talks()
    d.callee(one).invited().reject(486)
    d.callee(boss).invited(absent("Diversion")).reject(603)
    d.callee(box).takes(has("Diversion", _by(boss.extension, "user-busy")))


@scenario("A15")
def forward_always(d: Draft) -> None:
    """At once, to a number outside: the trunk sees the caller by number, and who forwarded."""
    carrier, ann = d.trunk(), d.user("ann")
    mobile = carrier.outside(4711)
    bob = d.user("bob", forwarding={"always": mobile})
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(carrier).takes(
        somewhere(f"^INVITE sip:{literal(mobile)}@"),
        has("From", f'^ *"{ann.name}" *<sip:{literal(ann.number)}@'),
        has("P-Asserted-Identity", f"<sip:{literal(ann.number)}@"),
        has("Diversion", _by(bob.number, "unconditional")),
    )
    d.silent(bob)


@scenario("A15")
def forward_always_unseen(d: Draft) -> None:
    """The same over an untrusted trunk: it learns nothing of who forwarded."""
    carrier, ann = d.trunk(trusted=False), d.user("ann")
    bob = d.user("bob", forwarding={"always": carrier.outside(4711)})
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(carrier).takes(has("From", f"<sip:{literal(ann.number)}@"), absent("Diversion"), absent("History-Info"))
    d.silent(bob)


@scenario("A15")
def forward_when_busy(d: Draft) -> None:
    """Busy or declined; the caller hears one 180, of the phone that rings."""
    ann, desk = d.user("ann"), d.user("desk")
    bob = d.user("bob", phones=2, forwarding={"busy": desk.extension})
    d.caller(ann).invite(bob.extension).trying().rings().talks()
    d.callee(bob, 0).invited().reject(486)
    d.callee(bob, 1).invited().reject(486)
    d.callee(desk).takes(has("From", f"<sip:{ann.extension}@"), has("Diversion", _by(bob.extension, "user-busy")))


@scenario("A15")
def forward_when_nobody_answers(d: Draft) -> None:
    """After its own time; here to a mailbox."""
    ann, box = d.user("ann"), d.mailbox()
    bob = d.user("bob", forwarding={"no_answer": box.uri, "no_answer_seconds": 1})
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(bob).gives_up()
    d.callee(box).takes(somewhere(f"^INVITE {literal(box.uri)} SIP"), has("Diversion", _by(bob.extension, "no-answer")))
    d.grade(rang("bob", 1.0))
    d.grade(began("bob", "mailbox", after=1.0))


@scenario("A15")
def forward_when_unreachable(d: Draft) -> None:
    """No phone is registered."""
    ann, desk = d.user("ann"), d.user("desk")
    bob = d.user("bob", phones=0, forwarding={"unreachable": desk.extension, "busy": ann.extension})
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(desk).takes(has("Diversion", _by(bob.extension, "unavailable")))


@scenario("A15 A19")
def forward_when_not_to_be_disturbed(d: Draft) -> None:
    """On do not disturb the phone does not ring, and the forwarding for busy applies."""
    ann, desk = d.user("ann"), d.user("desk")
    bob = d.user("bob", dnd=True, forwarding={"busy": desk.extension})
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(desk).takes(has("Diversion", _by(bob.extension, "do-not-disturb")))
    d.silent(bob)


@scenario("A15 A17")
def forward_to_an_executive(d: Draft) -> None:
    """A forward to an executive goes through that executive's filter; the assistant sees for whom it is, and who forwarded."""
    ann, one = d.user("ann"), d.user("one")
    boss = d.executive([one])
    bob = d.user("bob", forwarding={"always": boss.extension})
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(one).takes(
        has("From", f'"{ann.name} → {boss.user.name}" *<sip:{ann.extension}@'),
        has("Diversion", _by(boss.extension, "unconditional")),
        has("Diversion", _by(bob.extension, "unconditional"), 2),
        has("Alert-Info", "info=delegated"),
    )
    d.silent(boss)
    d.silent(bob)


@scenario("A18")
def forwarding_of_an_assistant(d: Draft) -> None:
    """An assistant's own forwarding plays no part in a delegated call, neither when declined nor when out of reach."""
    carrier, desk = d.trunk(), d.user("desk")
    own = {"busy": desk.extension, "no_answer": desk.extension, "unreachable": desk.extension}
    one, two = d.user("one", forwarding=own), d.user("two", phones=0, forwarding=own)
    three = d.user("three", forwarding={"always": desk.extension})
    boss = d.executive([one, two, three], alerting={"ring_seconds": 1})
    d.caller(carrier).calls_up(boss.number).refused(480)
    d.callee(one).invited().reject(486)
    d.callee(three).gives_up()
    d.silent(desk)
    d.silent(boss)
