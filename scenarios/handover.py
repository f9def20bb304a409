"""Sending a call on, with the real media process: to the executive and back, to somebody else by REFER, back to ringing."""

from __future__ import annotations

from scenarios.checks import ELSEWHERE, absent, has, lacks, literal, somewhere, through, without_events
from scenarios.office import DOMAIN, Draft, Executive, Trunk, User
from scenarios.parties import Callee, Caller
from scenarios.registry import scenario
from scenarios.script import ALLOW
from scenarios.timing import began, rang

DEFLECTED = "reason=deflection"


def _assisted(d: Draft, **boss: object) -> tuple[Trunk, User, Executive, Caller, Callee]:
    """Carol calls the executive, the assistant answers."""
    carrier, one = d.trunk(), d.user("one")
    executive = d.executive([one], **boss)  # type: ignore[arg-type]
    caller = d.caller(carrier).calls_up(executive.number, number=carrier.outside(7), display="Carol").answered(through(d.host))
    return carrier, one, executive, caller, d.callee(one).invited().ring().pause(0.1).answer().pause(0.2)


def _pushed_to(d: Draft, boss: Executive, one: User, number: str) -> None:
    """The executive's phone rings with the caller's identity, and takes the call."""
    party = d.callee(boss).invited(
        has("From", f"<sip:{literal(number)}@"), has("P-Asserted-Identity", f"<sip:{literal(number)}@"), through(d.host),
        has("Diversion", f"<sip:{one.extension}@{DOMAIN}>;{DEFLECTED}"),
    )  # fmt: skip
    party.ring().pause(0.2).answer(ALLOW).meets(has("P-Asserted-Identity", literal(number))).byed()


@scenario("C5")
def pushed_by_keys(d: Draft) -> None:
    """`##20` in the call: the assistant is let go at once, the executive's phone rings for the caller, who hears music, and nothing else."""
    carrier, one, boss, caller, assistant = _assisted(d)
    assistant.press("##20").byed(has("Reason", f'text="Sent to {boss.user.name}"'))
    _pushed_to(d, boss, one, carrier.outside(7))
    caller.pause(1.5).bye()


@scenario("C5")
def pushed_by_plain_keys(d: Draft) -> None:
    """The same by a phone that sends `application/dtmf`, and by the code that is dialled for it."""
    carrier, one, boss, caller, assistant = _assisted(d)
    assistant.press("#63", plain=True).byed(has("Reason", f'text="Sent to {boss.user.name}"'))
    _pushed_to(d, boss, one, carrier.outside(7))
    caller.pause(1.5).bye()


@scenario("C5")
def pushed_by_tones(d: Draft) -> None:
    """The same by a phone that knows neither telephone events nor INFO: the server hears the tones."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one])
    d.caller(carrier).calls_up(boss.number, number=carrier.outside(7)).answered().pause(3).bye()
    assistant = d.callee(one).invited().ring().pause(0.1).answer(body=without_events()).pause(0.2)
    assistant.sound("##20").byed(has("Reason", f'text="Sent to {boss.user.name}"'))
    _pushed_to(d, boss, one, carrier.outside(7))


@scenario("C5")
def other_keys_are_no_code(d: Draft) -> None:
    """Keys that begin like a code and are none change nothing."""
    _, _, boss, caller, assistant = _assisted(d)
    assistant.press("##21#5").pause(0.2).bye()
    caller.byed()
    d.silent(boss)


@scenario("C5")
def pushed_while_on_hold(d: Draft) -> None:
    """The caller on hold, `##20` dialled: confirmed on the display, and both of the assistant's calls are over."""
    carrier, one, boss, caller, assistant = _assisted(d)
    assistant.reinvite("sendonly", somewhere("a=recvonly")).byed(has("Reason", f'text="Sent to {boss.user.name}"'))
    said = f'"sent to {boss.user.name}"'
    dialling = d.caller(d.other_phone(one)).pause(1).invite("%23%2320").recv(100, optional=True)
    dialling.answered(has("P-Asserted-Identity", said), somewhere("a=sendrecv")).byed(has("Reason", f"text={said}"))
    _pushed_to(d, boss, one, carrier.outside(7))
    caller.pause(2.5).bye()


@scenario("C5")
def pushed_and_recalled(d: Draft) -> None:
    """The executive does not answer in the recall time: the phone stops, and the assistant's rings again, marked as a call that comes back."""
    carrier, one = d.trunk(), d.user("one", phones=2)
    boss = d.executive([one], recall_seconds=1.5)
    d.caller(one).calls_up(carrier.outside()).answered().pause(0.2).press("##20").byed(has("Reason", f"Sent to {boss.user.name}"))
    d.callee(carrier).takes()
    d.callee(boss).invited(has("From", literal(carrier.outside()))).ring().cancelled(lacks("Reason", "elsewhere"))
    back = d.callee(one, 1).invited(has("Alert-Info", "info=recall"), has("From", literal(carrier.outside())))
    back.ring().pause(0.3).answer(ALLOW).meets().pause(0.3).bye()
    d.grade(rang("boss", 1.5))
    d.grade(began("boss", "one2", after=1.5))


@scenario("C5")
def declined_and_recalled(d: Draft) -> None:
    """The executive declines: the assistant rings at once."""
    carrier, one = d.trunk(), d.user("one", phones=2)
    boss = d.executive([one])
    d.caller(one).calls_up(carrier.outside()).answered().pause(0.2).press("##20").byed()
    d.callee(carrier).takes()
    d.callee(boss).invited().ring().pause(0.2).reject(603)
    d.callee(one, 1).invited(has("Alert-Info", "info=recall")).ring().pause(0.2).answer(ALLOW).meets().pause(0.3).bye()
    d.grade(began("boss", "one2", after=0.2))


@scenario("C5")
def caller_leaves_while_pushed(d: Draft) -> None:
    """The caller hangs up while the executive's phone rings: it stops, and nobody is called back."""
    _, _, boss, caller, assistant = _assisted(d)
    assistant.press("##20").byed()
    caller.pause(1).bye()
    d.callee(boss).invited().ring().cancelled(lacks("Reason", "elsewhere"))


@scenario("C5 C13")
def announced(d: Draft) -> None:
    """`*86`: the assistant speaks to the executive first, and hands over by hanging up."""
    carrier, _, boss, caller, assistant = _assisted(d)
    assistant.press("*86").pause(1.2).bye()
    number = literal(carrier.outside(7))
    executive = d.callee(boss).invited(has("From", f"<sip:{number}@"), through(d.host)).ring().pause(0.2).answer(ALLOW)
    executive.meets(has("P-Asserted-Identity", number)).pause(0.3).bye()
    caller.byed()
    d.grade(began("one", "boss", after=0.3, within=0.6))


@scenario("C14")
def given_back(d: Draft) -> None:
    """`*85` just after answering: the call rings the other assistant, who takes it."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    boss = d.executive([one, two], alerting={"mode": "sequential"})
    d.caller(carrier).calls_up(boss.number).talks(1.5)
    d.callee(one).invited().ring().answer().press("*85").byed(has("Reason", "You have given the call back"))
    d.callee(two).invited(has("Diversion", f"<sip:{boss.extension}@")).ring().pause(0.3).answer(ALLOW).meets().byed()


@scenario("C15")
def transferred_blindly(d: Draft) -> None:
    """REFER: the assistant is told how it goes, and let go when the colleague has answered; the caller hears music meanwhile."""
    ann = d.user("ann")
    carrier, one, boss, caller, assistant = _assisted(d)
    assistant.refer(ann.extension, f"Referred-By: <sip:{one.extension}@{DOMAIN}>").done(202, "REFER").notified(100, 180, 200).byed()
    number = literal(carrier.outside(7))
    colleague = d.callee(ann).invited(has("From", f"<sip:{number}@"), has("Diversion", f"<sip:{one.extension}@{DOMAIN}>;{DEFLECTED}"))
    colleague.ring().pause(0.5).answer(ALLOW).meets(has("P-Asserted-Identity", number)).byed()
    caller.pause(2).bye()
    d.silent(boss)


@scenario("C15")
def transferred_in_vain(d: Draft) -> None:
    """The colleague is busy: the assistant is told, and has the caller back."""
    ann = d.user("ann")
    _, _, _, caller, assistant = _assisted(d)
    assistant.refer(ann.extension).done(202, "REFER").notified(100, 486).pause(0.3).bye()
    d.callee(ann).invited().reject(486)
    caller.byed()


@scenario("C15")
def transferred_without_reports(d: Draft) -> None:
    """A phone that wants no NOTIFY gets none (RFC 4488)."""
    ann = d.user("ann")
    _, _, _, caller, assistant = _assisted(d)
    assistant.refer(ann.extension, "Refer-Sub: false").done(200, "REFER", has("Refer-Sub", "false")).byed()
    d.callee(ann).invited().ring().pause(0.3).answer(ALLOW).meets().byed()
    caller.pause(2).bye()


@scenario("C15")
def transferred_after_asking(d: Draft) -> None:
    """Attended: the caller on hold, a colleague is called from the assistant's other line and agrees; REFER with Replaces brings the two
    together, and both of the assistant's calls are over."""
    ann = d.user("ann")
    carrier, one, boss, caller, assistant = _assisted(d)
    assistant.reinvite("sendonly", somewhere("a=recvonly")).byed()
    asking = d.caller(d.other_phone(one))
    replaces = asking.dialog_of(assistant, escaped=True)
    asking.pause(1).calls_up(ann.extension).answered().pause(0.3).refer(f"{boss.extension}@{DOMAIN}?Replaces={replaces}")
    asking.done(202, "REFER").notified(100, 200).byed()
    d.callee(ann).invited().ring().pause(0.2).answer(ALLOW).meets(has("P-Asserted-Identity", literal(carrier.outside(7)))).byed()
    caller.pause(3).bye()


@scenario("C3 C5 C15")
def transferred_to_a_code(d: Draft) -> None:
    """REFER to `##20`, as from a soft key: to the executive."""
    carrier, one, boss, caller, assistant = _assisted(d)
    assistant.refer("%23%2320").done(202, "REFER").notified(100, 200).byed()
    _pushed_to(d, boss, one, carrier.outside(7))
    caller.pause(1.5).bye()


@scenario("C3 C15")
def transferred_into_a_slot(d: Draft) -> None:
    """REFER to a park slot: the caller waits there, and is retrieved."""
    ann = d.user("ann")
    carrier, _, boss, caller, assistant = _assisted(d)
    assistant.refer("711").done(202, "REFER").notified(100, 200).byed(has("Reason", "parked in 711"))
    caller.byed()
    shown = has("P-Asserted-Identity", literal(carrier.outside(7)))
    d.caller(ann).pause(1.5).invite("711").recv(100, optional=True).answered(shown, through(d.host)).pause(0.3).bye()
    d.silent(boss)


@scenario("C15 403")
def transfers_refused(d: Draft) -> None:
    """To nobody, to an emergency number, to another domain, without an address, and by an outsider: refused in words, and the call goes on."""
    _, _, boss, caller, assistant = _assisted(d)
    for to, words in (
        ("9999", "nobody has the number 9999"),
        ("112", "a call cannot be transferred to an emergency number"),
        ("*78", "a call cannot be transferred to a feature code"),
        (f"*97{boss.extension}", "a call cannot be transferred to this feature code"),
    ):
        assistant.refer(to).done(403, "REFER", has("Warning", f'^ *399 {literal(DOMAIN)} "{literal(words)}"'))
    assistant.request("REFER", "Refer-To: <sip:bob@elsewhere.example>").done(403, "REFER", has("Warning", "another domain"))
    assistant.request("REFER").done(400, "REFER", absent("Warning")).pause(1).bye()
    caller.pause(0.8).refer(boss.extension).done(403, "REFER", has("Warning", "only users of this server")).byed()
    d.silent(boss)


@scenario("C3 C4")
def parked_in_the_own_slot(d: Draft) -> None:
    """`*68` alone: into the executive's own slot; nobody outside the office gets at it, `*88` alone brings it back."""
    slot = f"{d.index:03d}9"
    eve = d.user("eve")
    carrier, _, boss, caller, assistant = _assisted(d, slot=slot)
    assistant.press("*68#").byed(has("Reason", f"parked in {slot}"))
    d.caller(eve).pause(1.5).told(f"*88{slot}", 403, f"{slot} is the park slot of {boss.extension}")
    shown = has("P-Asserted-Identity", literal(carrier.outside(7)))
    d.caller(boss).pause(2).invite("*88").recv(100, optional=True).answered(shown).pause(0.3).bye()
    caller.byed()


@scenario("C5 403")
def pushed_by_whoever_may_not(d: Draft) -> None:
    """Who is nobody's assistant, be it the executive, has nobody to send a call to: 403 with words, and the calls go on."""
    ann, bob, one = d.user("ann"), d.user("bob"), d.user("one")
    boss = d.executive([one], alerting={"executive": "together"})
    carrier = d.trunk()
    d.caller(carrier).calls_up(boss.number).talks(2)
    d.callee(boss).takes()
    d.callee(one).loses()
    d.caller(ann).calls_up(bob.extension).talks(2)
    d.callee(bob).takes()
    for who in (boss.user, ann):
        d.caller(d.other_phone(who)).pause(1).told("%23%2320", 403, "you are nobody's assistant: there is nobody to send the call to")


@scenario("C5 480")
def executive_cannot_be_reached(d: Draft) -> None:
    """No phone of the executive is there, or they do not want to be disturbed: 480 with words, and the assistant keeps the call."""
    carrier, one = d.trunk(), d.user("one")
    d.executive([one], phones=0)
    d.caller(carrier).calls_up(d.users[-1].number).answered().byed()
    d.callee(one).invited().ring().pause(0.1).answer().pause(1.5).bye()
    d.caller(d.other_phone(one)).pause(0.8).told("%23%2320", 480, "the executive cannot be reached")


@scenario("C5 C15")
def executive_answers_elsewhere(d: Draft) -> None:
    """The executive's phones all ring; one takes the call, the others are told."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one], phones=2)
    d.caller(carrier).calls_up(boss.number).answered().pause(2).bye()
    d.callee(one).invited().ring().pause(0.1).answer().pause(0.2).press("##20").byed()
    d.callee(boss, 0).invited().ring().cancelled(ELSEWHERE)
    d.callee(boss, 1).invited().ring().pause(0.3).answer(ALLOW).meets().byed()
