"""Coming into a call that others have, with the real media process: pick up what is held or rings, join, listen, and what forbids it."""

from __future__ import annotations

from scenarios.checks import ELSEWHERE, has, literal, somewhere, through
from scenarios.office import Draft, Executive, Trunk, User, Who
from scenarios.parties import Callee, Caller
from scenarios.registry import scenario
from scenarios.script import ALLOW

LISTENS = {"rights": ["receive", "listen", "whisper", "join"]}


def _assisted(d: Draft, *others: User, **rights: object) -> tuple[Trunk, User, Executive, Caller, Callee]:
    """Carol calls the executive, the first assistant answers; the `others` have these rights, and ring later than that."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one, *((other, rights) for other in others)], alerting={"mode": "sequential"})
    caller = d.caller(carrier).calls_up(boss.number, number=carrier.outside(7), display="Carol").answered(through(d.host))
    return carrier, one, boss, caller, d.callee(one).invited().ring().pause(0.1).answer(ALLOW).pause(0.2)


def _dials(d: Draft, who: Who, code: str, *shown: str, after: float = 1.0) -> Caller:
    """Dials its way into the call, and sees with whom it is connected."""
    checks = [has("P-Asserted-Identity", each) for each in shown]
    return d.caller(who).pause(after).invite(code).recv(100, optional=True).answered(*checks, through(d.host))


@scenario("C1")
def held_call_picked_up(d: Draft) -> None:
    """The assistant holds, the executive dials `*11`: the assistant is told by whom it was picked up, the caller notices nothing."""
    carrier, _, boss, caller, assistant = _assisted(d)
    assistant.reinvite("sendonly", somewhere("a=recvonly")).byed(has("Reason", f'text="picked up by {boss.user.name} \\({boss.extension}\\)"'))
    _dials(d, boss, "*11", literal(carrier.outside(7))).pause(0.5).bye()
    caller.byed()


@scenario("C2")
def executives_held_call_picked_up(d: Draft) -> None:
    """The other way round: the executive holds a call of their own, the assistant dials `*11<executive>`."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one])
    held = d.caller(boss).calls_up(carrier.outside()).answered(through(d.host)).pause(0.2).reinvite("sendonly")
    held.byed(has("Reason", f"picked up by {one.name}"))
    d.callee(carrier).invited().ring().pause(0.2).answer().byed()
    _dials(d, one, f"*11{boss.extension}", f"→ {boss.user.name}|{literal(carrier.outside())}", after=1.3).pause(0.5).bye()


@scenario("C6")
def call_pulled(d: Draft) -> None:
    """The executive pulls a call that talks; the assistant is out of it."""
    carrier, one, boss, caller, assistant = _assisted(d)
    assistant.byed(has("Reason", f"picked up by {boss.user.name}"))
    _dials(d, boss, f"*11{one.extension}", literal(carrier.outside(7))).pause(0.5).bye()
    caller.byed()


@scenario("C6")
def call_pulled_to_the_other_phone(d: Draft) -> None:
    """The own call, taken over at another phone with `*11`."""
    carrier, one, _, caller, assistant = _assisted(d)
    assistant.byed(has("Reason", f"picked up by {one.name}"))
    party = d.caller(d.other_phone(one)).pause(1).invite("*11").recv(100, optional=True)
    party.answered(has("P-Asserted-Identity", literal(carrier.outside(7)))).pause(0.5).bye()
    caller.byed()


@scenario("C7")
def joined(d: Draft) -> None:
    """`*15<assistant>`: a conference of three; whoever joined leaves, and the two talk on."""
    two = d.user("two")
    carrier, one, _, caller, assistant = _assisted(d, two, rights=["receive", "join"])
    _dials(d, two, f"*15{one.extension}", literal(carrier.outside(7))).pause(0.7).bye()
    assistant.meets(has("P-Asserted-Identity", literal(carrier.outside(7)))).pause(0.3).bye()
    caller.byed()


@scenario("C7")
def joined_and_left_to(d: Draft) -> None:
    """Of the three, the one who answered leaves: the caller goes on with who has joined, who is told so."""
    two = d.user("two")
    _, one, _, caller, assistant = _assisted(d, two, rights=["receive", "join"])
    _dials(d, two, f"*15{one.extension}").meets().pause(0.5).bye()
    assistant.pause(1.5).bye()
    caller.byed()


@scenario("C7 C8")
def listened_and_joined(d: Draft) -> None:
    """`*80<assistant>`: one listens, and the others' phones hear of nothing; `*82` in the call joins it."""
    two = d.user("two")
    _, one, _, caller, assistant = _assisted(d, two, **LISTENS)
    _dials(d, two, f"*80{one.extension}").pause(0.3).press("*82").pause(0.5).bye()
    assistant.meets().pause(0.3).bye()
    caller.byed()


@scenario("C8")
def whispered(d: Draft) -> None:
    """`*81<assistant>`: one whispers to the assistant; when the call is over they are let go, too."""
    two = d.user("two")
    _, one, _, caller, assistant = _assisted(d, two, **LISTENS)
    _dials(d, two, f"*81{one.extension}").byed()
    assistant.pause(1.5).bye()
    caller.byed()


@scenario("C9 403")
def private_call(d: Draft) -> None:
    """`*83`: who listens has to go, nobody else gets in; `*84`: they do again."""
    two = d.user("two")
    _, one, boss, caller, assistant = _assisted(d, two, **LISTENS)
    _dials(d, two, f"*80{one.extension}", after=0.8).byed(has("Reason", "cause=403.*this call is private"))
    assistant.pause(1).press("*83").pause(1.5).press("*84").meets().pause(0.3).bye()
    private = "this call is private"
    d.caller(boss).pause(2.2).told("*11", 404, "there is no held call").told(f"*11{one.extension}", 403, private).told(
        f"*15{one.extension}", 403, private
    ).told(f"*80{one.extension}", 403, private)
    _dials(d, d.other_phone(boss.user), f"*15{one.extension}", after=3.6).pause(0.3).bye()
    caller.byed()


@scenario("C1 C6 C7 C8 403")
def without_the_right(d: Draft) -> None:
    """Whoever has no right, and strangers, get 403 with the reason, for each feature; nobody in the call hears of it."""
    two, eve = d.user("two"), d.user("eve")
    _, one, boss, caller, assistant = _assisted(d, two, rights=["receive"])
    assistant.reinvite("sendonly").pause(1.5).bye()
    caller.byed()
    denied = d.caller(two).pause(1)
    stranger = d.caller(eve).pause(1)
    for code, right in (("*11", "pick_up_held"), ("*15", "join"), ("*80", "listen"), ("*81", "whisper")):
        denied.told(f"{code}{one.extension}", 403, f"you have no right '{right}' for {boss.extension}")
        stranger.told(f"{code}{one.extension}", 403, f"you are no assistant of {boss.extension}")
    stranger.told("%23%2320", 403, "you are nobody's assistant: there is nobody to send the call to")
    d.silent(boss)


@scenario("C10 C11")
def picked_up(d: Draft) -> None:
    """`*97<extension>` of one's own group: the caller talks to who picked up, phone to phone; what rings stops, without a missed call."""
    ann, bob, cat = d.user("ann"), d.user("bob"), d.user("cat")
    d.group([bob, cat])
    d.caller(ann).calls_up(bob.extension).answered(through(cat.seats[0].ip)).pause(0.5).bye()
    d.callee(bob).invited().ring().cancelled(ELSEWHERE)
    picker = d.caller(cat).pause(1).invite(f"*97{bob.extension}").recv(100, optional=True)
    picker.answered(has("P-Asserted-Identity", f"<sip:{ann.extension}@"), through(ann.seats[0].ip)).byed()


@scenario("C10 A17")
def delegated_call_picked_up(d: Draft) -> None:
    """`**<executive>`: an assistant whose turn it is not yet takes the call, and sees for whom it is."""
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    boss = d.executive([one, two], alerting={"mode": "sequential"})
    d.caller(carrier).calls_up(boss.number, number=carrier.outside(7), display="Carol").answered(through(d.host)).byed()
    d.callee(one).invited().ring().cancelled(ELSEWHERE)
    _dials(d, two, f"**{boss.extension}", f'"Carol → {boss.user.name}" *<sip:{literal(carrier.outside(7))}@').pause(0.5).bye()


@scenario("C10 C11")
def picked_up_in_the_group(d: Draft) -> None:
    """`*98`: whatever rings in the own group."""
    ann, bob, cat = d.user("ann"), d.user("bob"), d.user("cat")
    d.group([bob, cat])
    d.caller(ann).calls_up(bob.extension).answered().byed()
    d.callee(bob).invited().ring().cancelled(ELSEWHERE)
    d.caller(cat).pause(1).invite("*98").recv(100, optional=True).answered(has("P-Asserted-Identity", ann.name)).pause(0.5).bye()


@scenario("C11")
def picked_up_by_lamp(d: Draft) -> None:
    """INVITE with Replaces (RFC 3891) that names the early dialog of the phone that rings."""
    ann, bob, cat = d.user("ann"), d.user("bob"), d.user("cat")
    d.group([bob, cat])
    d.caller(ann).calls_up(bob.extension).answered(through(cat.seats[0].ip)).byed()
    ringing = d.callee(bob).invited().ring().cancelled(ELSEWHERE)
    picker = d.caller(cat)
    picker.pause(0.3).invite(bob.extension, f"Replaces: {picker.dialog_of(ringing)}").recv(100, optional=True)
    picker.answered(has("P-Asserted-Identity", ann.name)).pause(0.3).bye()


@scenario("C1 C11")
def held_call_picked_up_by_lamp(d: Draft) -> None:
    """The same for a call that the assistant holds, by the executive."""
    carrier, one, boss, caller, assistant = _assisted(d)
    assistant.reinvite("sendonly", somewhere("a=recvonly")).byed(has("Reason", f"picked up by {boss.user.name}"))
    lamp = d.caller(boss)
    lamp.pause(1).invite(one.extension, f"Replaces: {lamp.dialog_of(assistant)}").recv(100, optional=True)
    lamp.answered(has("P-Asserted-Identity", literal(carrier.outside(7))), through(d.host)).pause(0.3).bye()
    caller.byed()


@scenario("C7")
def joined_by_lamp(d: Draft) -> None:
    """INVITE with Join (RFC 3911)."""
    two = d.user("two")
    _, one, _, caller, assistant = _assisted(d, two, rights=["receive", "join"])
    lamp = d.caller(two)
    lamp.pause(1).invite(one.extension, f"Join: {lamp.dialog_of(assistant)}").recv(100, optional=True)
    lamp.answered(has("P-Asserted-Identity", "<sip:"), through(d.host)).pause(0.3).bye()
    assistant.meets().pause(0.3).bye()
    caller.byed()


@scenario("C7 C11 403")
def lamp_of_a_stranger(d: Draft) -> None:
    """To know a dialog is no right to it: 403 with words; of one that is not there 481. Nobody in the call hears of it."""
    eve = d.user("eve")
    _, one, boss, caller, assistant = _assisted(d)
    assistant.pause(2.5).bye()
    stranger = d.caller(eve)
    dialog = stranger.dialog_of(assistant)
    words = has("Warning", f'"you are no assistant of {boss.extension}"')
    stranger.pause(1).invite(one.extension, f"Replaces: {dialog}").refused_at_once(403, words)
    stranger.invite(one.extension, f"Join: {dialog}").refused_at_once(403, words)
    stranger.invite(one.extension, "Replaces: nothing@nowhere;to-tag=a;from-tag=b").refused_at_once(481)
    stranger.invite(one.extension, f"Replaces: {dialog}", f"Join: {dialog}").refused_at_once(400)
    caller.byed()


@scenario("C10 403")
def picked_up_by_a_stranger(d: Draft) -> None:
    """Somebody of no common group, and an assistant who takes no calls for the executive: 403 with words; the phones ring on."""
    ann, bob, eve = d.user("ann"), d.user("bob"), d.user("eve")
    carrier, one, two = d.trunk(), d.user("one"), d.user("two")
    boss = d.executive([one, (two, {"rights": ["call"]})])
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(bob).takes(after=1.5)
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(one).takes(after=1.5)
    party = d.caller(eve).pause(0.7)
    party.told(f"*97{bob.extension}", 403, "it rings for nobody of your office or groups").told(
        "*98", 404, "nobody rings whose calls you may pick up"
    ).told(f"**{boss.extension}", 403, f"you are no assistant of {boss.extension}")
    d.caller(two).pause(0.7).told(f"**{one.extension}", 403, f"you have no right 'receive' for {boss.extension}")


@scenario("C12")
def conference(d: Draft) -> None:
    """Three meet in a room; who comes and goes leaves the others undisturbed, and the last one ends it."""
    ann, bob, carrier = d.user("ann"), d.user("bob"), d.trunk()
    room = d.room(numbers=[f"+62216{d.index:03d}90"])
    shown = has("P-Asserted-Identity", f'"{room.name}" *<sip:{room.extension}@')
    focus = has("Contact", ";isfocus")
    for who, after, stays in ((ann, 0.0, 2.5), (bob, 0.5, 1.0)):
        party = d.caller(who).pause(after).invite(room.extension).recv(100, optional=True)
        party.answered(shown, focus, through(d.host), somewhere("a=sendrecv")).pause(stays).bye()
    party = d.caller(carrier).pause(0.8).invite(f"+62216{d.index:03d}90").recv(100, optional=True)
    party.answered(shown, through(d.host)).pause(1).bye()


@scenario("C12 403")
def conference_with_moderator(d: Draft) -> None:
    """The moderator locks the room with `*8` and removes who came last with `*9`; whoever dials it meanwhile gets 403."""
    ann, bob, eve = d.user("ann"), d.user("bob"), d.user("eve")
    room = d.room(moderators=[ann], pin="4711")
    d.caller(ann).invite(room.extension).recv(100, optional=True).answered().press("4711").pause(1.2).press("*8").pause(1).press("*9").pause(0.3).bye()
    guest = d.caller(bob).pause(0.5).invite(room.extension).recv(100, optional=True).answered().press("4711#")
    guest.byed(has("Reason", "removed by the moderator"))
    d.caller(eve).pause(1.9).told(room.extension, 403, "this call is private")
