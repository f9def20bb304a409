"""Feature codes that set something: how they are answered, and what the next calls make of it.

Each act of a scenario is one call; everybody leaves the server as they found it, so that a scenario can be played again.
"""

from __future__ import annotations

from scenarios.checks import absent, has, literal, session, somewhere
from scenarios.office import DOMAIN, Draft, Executive, User
from scenarios.registry import scenario
from scenarios.timing import hung_up

NOBODY = "0999"
"""An extension that nobody has."""


def _rings(d: Draft, boss: Executive, who: User | Executive, *left_alone: User | Executive) -> None:
    """An act: the executive is called from inside, `who` takes the call and the others hear nothing of it."""
    ann = next(user for user in d.users if user.label == "ann")
    d.then()
    d.caller(ann).calls_up(boss.extension).talks()
    d.callee(who).takes()
    for other in left_alone:
        d.silent(other)
    d.then()


@scenario("A12")
def filter_by_phone(d: Draft) -> None:
    """`#62`: the executive's phone rings, and nothing marks the call; `%2361`: the assistants take it again."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one])
    d.caller(boss).obeyed("#62", f"Filter off: {boss.user.name}")
    d.grade(hung_up("boss-calls", 1.5))
    d.then()
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(boss).takes(absent("Diversion"), absent("History-Info"), absent("Alert-Info"))
    d.silent(one)
    d.then()
    d.caller(boss).obeyed("%2361", f"Filter on: {boss.user.name}")
    d.then()
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(one).takes(has("Diversion", f"<sip:{boss.extension}@{DOMAIN}>"))
    d.silent(boss)


@scenario("A12")
def filter_by_the_one_who_manages(d: Draft) -> None:
    """An assistant with the right `manage`: `#62<executive>`, and on the delegated line without the digits."""
    d.user("ann")
    one = d.user("one")
    boss = d.executive([(one, {"rights": ["receive", "manage"]})])
    d.caller(one).obeyed(f"#62{boss.extension}", f"Filter off: {boss.user.name}")
    _rings(d, boss, boss, one)
    d.caller(d.line(one, boss)).obeyed("#61", f"Filter on: {boss.user.name}")
    _rings(d, boss, one, boss)


@scenario("A13")
def opt_out_and_in(d: Draft) -> None:
    """`#66<executive>`: only the other assistant rings; `%2365` on the delegated line: both."""
    d.user("ann")
    one, two = d.user("one"), d.user("two")
    boss = d.executive([one, two])
    d.caller(one).obeyed(f"#66{boss.extension}", f"Opted out of {boss.user.name}")
    _rings(d, boss, two, one)
    d.caller(d.line(one, boss)).obeyed("%2365", f"Opted in for {boss.user.name}")
    d.then()
    d.caller(d.users[0]).calls_up(boss.extension).talks()
    d.callee(one).takes()
    d.callee(two).loses()


@scenario("A14")
def divert_by_phone(d: Draft) -> None:
    """`#71<number>`: filtered calls ring there, with both who diverted in Diversion; `#72`: no more; `#71`: there again."""
    carrier, ann, one = d.trunk(), d.user("ann"), d.user("one")
    boss = d.executive([one])
    mobile = carrier.outside(4711)
    d.caller(one).obeyed(f"#71{mobile}", f"Diverted to {mobile}")
    d.then()
    d.caller(ann).calls_up(boss.extension).talks()
    by = [f"<sip:{literal(number)}@{DOMAIN}>" for number in (one.number, boss.number)]
    d.callee(carrier).takes(
        somewhere(f"^INVITE sip:{literal(mobile)}@"),
        has("From", f"<sip:{literal(ann.number)}@"),
        has("Diversion", f"{by[0]};reason=unconditional"),
        has("Diversion", f"{by[1]};reason=unconditional", 2),
        has("History-Info", f"sip:{literal(boss.number)}@.*index=1,.*sip:{literal(one.number)}@.*sip:{literal(mobile)}@"),
    )
    d.silent(one)
    d.silent(boss)
    d.then()
    d.caller(one).obeyed("%2372", "Divert off")
    _rings(d, boss, one, boss)
    d.caller(one).obeyed("#71", f"Diverted to {mobile}")
    d.then()
    d.caller(ann).calls_up(boss.extension).talks()
    d.callee(carrier).takes(somewhere(f"^INVITE sip:{literal(mobile)}@"))
    d.silent(one)
    d.then()
    d.caller(one).obeyed("#72", "Divert off")


@scenario("A19")
def executive_not_disturbed(d: Draft) -> None:
    """`*78`: a strategy that rings the executive's phone, too, leaves it out; `*79`: it rings again."""
    ann, one = d.user("ann"), d.user("one")
    boss = d.executive([one], alerting={"executive": "together"})
    d.caller(boss).obeyed("*78", "Do not disturb on")
    _rings(d, boss, one, boss)
    d.caller(boss).obeyed("%2A79", "Do not disturb off")
    d.then()
    d.caller(ann).calls_up(boss.extension).talks()
    d.callee(boss).takes()
    d.callee(one).loses()


@scenario("A19")
def user_not_disturbed(d: Draft) -> None:
    """`*78` of anybody: 480 with words; of an assistant: the other one rings. `*79`, here without an offer: all is as it was."""
    ann, bob, one, two = d.user("ann"), d.user("bob"), d.user("one"), d.user("two")
    boss = d.executive([one, two])
    d.caller(bob).obeyed("*78", "Do not disturb on")
    d.caller(one).obeyed("*78", "Do not disturb on")
    d.then()
    d.caller(ann).told(bob.extension, 480, "nobody takes calls for this number now")
    d.silent(bob)
    _rings(d, boss, two, one)
    offerless = d.caller(bob).invite("*79", offer=False).recv(100, optional=True)
    offerless.answered(somewhere("a=inactive"), answer=session("inactive")).byed(has("Reason", "Do not disturb off"))
    d.caller(one).obeyed("*79", "Do not disturb off")
    d.then()
    d.caller(ann).calls_up(bob.extension).talks()
    d.callee(bob).takes()


@scenario("B6")
def duty_by_phone(d: Draft) -> None:
    """`#60`: off duty, and neither rung for the service nor allowed to speak as it; `#69<profile>`: both again."""
    carrier, ann, one, two = d.trunk(), d.user("ann"), d.user("one"), d.user("two")
    desk = d.service([one, two])
    code = d.duty("Day", [one, two], [desk])
    d.caller(one).obeyed("#60", "Off duty")
    d.then()
    d.caller(ann).calls_up(desk.extension).talks()
    d.callee(two).takes(has("From", f"{ann.name} → {desk.name}"))
    d.silent(one)
    d.then()
    d.caller(one).told(f"#64{desk.extension}*{carrier.outside()}", 403, f"you may not call as {desk.extension}")
    d.silent(carrier)
    d.then()
    d.caller(one).obeyed(f"%2369{code}", f"On duty: Day X{d.index:02d}")
    d.then()
    d.caller(ann).calls_up(desk.extension).talks()
    d.callee(one).takes()
    d.callee(two).loses()
    d.then()
    d.caller(one).calls_up(f"#64{desk.extension}*{carrier.outside()}").talks()
    d.callee(carrier).takes(has("From", f"<sip:{literal(desk.caller_id)}@"))


@scenario("A12 A13 B2 B4 B6 B10 484")
def missing_digits(d: Draft) -> None:
    """Digits are missing: 484, and the Warning says which. `#` plain and escaped."""
    carrier, sam, manager = d.trunk(), d.user("sam"), d.user("manager")
    boss = d.executive([sam, (manager, {"rights": ["receive", "manage"]})])
    code = d.duty("Day", [sam], [boss])
    party = d.caller(sam)
    for which in ("65", "66", "67"):
        for sign in ("#", "%23"):
            party.told(f"{sign}{which}", 484, f"incomplete: dial #{which} and the executive's extension")
    party.told("#71", 484, "incomplete: dial #71 and the number")
    party.told("#74", 484, "incomplete: dial #74 and the number")
    party.told("%2369", 484, f"incomplete: dial #69 and the profile: {code} for Day X{d.index:02d}")
    for which in ("64", "73"):
        for digits in ("", boss.extension, f"{boss.extension}*", f"*{carrier.outside()}"):
            party.told(f"#{which}{digits}", 484, f"incomplete: dial #{which} and the executive, * and the number")
    d.caller(manager).told("#61", 484, "incomplete: dial #61 and the executive's extension").told(
        "%2362", 484, "incomplete: dial #62 and the executive's extension"
    )
    d.silent(carrier)
    d.silent(boss)


@scenario("A12 A13 B2 B4 B6 404")
def wrong_digits(d: Draft) -> None:
    """No such code, or nobody with these digits: 404, and the Warning says so."""
    carrier, ann, sam = d.trunk(), d.user("ann"), d.user("sam")
    boss = d.executive([sam])
    code = d.duty("Day", [sam], [boss])
    party = d.caller(sam)
    for dialled in ("#99", "*12345", "#", "*"):
        party.told(dialled, 404, f"there is no feature code {dialled}")
    party.told("%2399", 404, "there is no feature code #99")
    party.told("*901234", 403, "this is no shared phone: nobody logs in here").told("*91", 403, "this is no shared phone: nobody logs out here")
    for which in ("61", "62", "65", "66"):
        party.told(f"#{which}{NOBODY}", 404, f"{NOBODY} is no executive")
        party.told(f"%23{which}{ann.extension}", 404, f"{ann.extension} is no executive")
    for dialled in (f"#67{NOBODY}", f"#64{NOBODY}*{carrier.outside()}", f"#73{NOBODY}*{carrier.outside()}"):
        party.told(dialled, 404, f"nobody has the extension {NOBODY}")
    for dialled in (f"#71{NOBODY}", f"#74{NOBODY}", f"#64{boss.extension}*{NOBODY}"):
        party.told(dialled, 404, f"nobody has the number {NOBODY}")
    party.told("#690", 404, f"you have no duty profile 0: dial {code} for Day X{d.index:02d}")
    d.silent(carrier)


@scenario("C1 C3 C5 C9 C14 404")
def codes_of_a_call_without_one(d: Draft) -> None:
    """Codes for the call that one is in, or that others are in, where there is none: 404 with words."""
    ann, sam = d.user("ann"), d.user("sam")
    boss = d.executive([sam])
    party = d.caller(sam)
    for dialled in ("%23%2320", "#63", "*86", "*68", "*68701", "*83"):
        party.told(dialled, 404, "you are in no call")
    party.told("*84", 404, "you have locked no call").told("*85", 404, "you have answered no call")
    d.then()
    party = d.caller(sam)
    for code in ("*15", "*80", "*81"):
        party.told(f"{code}{boss.extension}", 404, f"{boss.extension} is in no call")
    party.told("*11", 404, "there is no held call").told(f"*11{boss.extension}", 404, f"{boss.extension} has no call")
    party.told("*82", 404, "you listen to no call").told(f"*97{ann.extension}", 404, f"{ann.extension} does not ring")
    d.then()
    party = d.caller(sam)
    party.told(f"**{ann.extension}", 404, f"{ann.extension} does not ring").told("*98", 404, "nobody rings whose calls you may pick up")
    party.told("*88", 404, "you have parked no call: dial *88 and the slot").told("*88750", 404, "slot 750 is empty")
    party.told("*88799", 404, "there is no park slot 799")


@scenario("A12 A13 A14 B4 B5 B6 403")
def codes_without_the_right(d: Draft) -> None:
    """No right to it: 403, and the Warning says why; nothing has changed afterwards."""
    ann, sam, group = d.user("ann"), d.user("sam"), d.group([])
    boss = d.executive([(sam, {"rights": ["receive"]})])
    extension = boss.extension
    nothing = "you are nobody's assistant: there is nothing to divert"
    party = d.caller(ann)
    for sign in ("#", "%23"):
        party.told(f"{sign}61", 403, "you are no executive: there is no filter to switch")
    party.told(f"#62{extension}", 403, f"you may not switch the filter of {extension}")
    for which in ("65", "66"):
        party.told(f"#{which}{extension}", 403, f"you are no assistant of {extension}")
    party.told(f"#67{extension}", 403, f"you may not call as {extension}")
    party.told(f"#71{sam.extension}", 403, nothing).told("#72", 403, nothing)
    party.told("#690", 403, "you have no duty profile").told("#60", 403, "you have no duty profile")
    d.then()
    party = d.caller(sam)
    party.told(f"#66{extension}", 403, f"{extension} does not let you opt in and out")
    party.told(f"#62{extension}", 403, f"you may not switch the filter of {extension}")
    party.told(f"%2367{extension}", 403, f"you may not call as {extension}")
    party.told(f"#67{sam.extension}", 403, "this is your own extension")
    party.told("#71112", 403, "calls cannot be diverted to an emergency number")
    party.told(f"#71{group.extension}", 403, f"calls cannot be diverted to {group.extension}, whose calls others take")
    party.told(f"#71{sam.extension}", 403, f"{sam.extension} diverts back to you")
    _rings(d, boss, sam, boss)


@scenario("A12")
def codes_from_outside(d: Draft) -> None:
    """A trunk dials a code: 404, and the filter is as it was."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one])
    party = d.caller(carrier)
    for dialled in ("#62", f"%2362{boss.extension}", "*78"):
        party.invite(dialled, number=boss.number).refused_at_once(404)
    d.then()
    d.caller(carrier).calls_up(boss.number).talks()
    d.callee(one).takes()
    d.silent(boss)
