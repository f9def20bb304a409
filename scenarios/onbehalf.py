"""Calls on behalf: the assistant calls, the world sees the executive."""

from __future__ import annotations

from scenarios.checks import Check, absent, has, lacks, literal, nowhere, somewhere
from scenarios.office import DOMAIN, Draft, Executive, Trunk, User
from scenarios.registry import scenario


def _pair(d: Draft) -> tuple[User, Executive]:
    """An assistant whose name, number and extension occur nowhere by chance, and the executive."""
    sam = d.user("samantha", extension=f"samantha{d.index}")
    return sam, d.executive([sam])


def _as(boss: Executive, sam: User, carrier: Trunk, *, asserted: bool = True) -> list[Check]:
    """What the trunk must see (B3, B12): the delegated caller ID, and no trace of the assistant in any header or in the body."""
    identity = f"<sip:{literal(boss.caller_id)}@"
    return [
        somewhere(f"^INVITE sip:{literal(carrier.outside())}@"),
        has("From", identity),
        has("P-Asserted-Identity", identity) if asserted else absent("P-Asserted-Identity"),
        absent("P-Preferred-Identity"),
        _unnamed(sam),
        nowhere(literal(sam.number.removeprefix("+"))),
        nowhere(literal(sam.seats[0].ip) + ":"),
    ]


def _unnamed(user: User) -> Check:
    """Nothing names the user."""
    return nowhere(f"[{user.label[0].upper()}{user.label[0]}]{user.label[1:]}")


@scenario("B2 B3 B12")
def by_code(d: Draft) -> None:
    """`#64<executive>*<number>`, with a plain `#`."""
    carrier, (sam, boss) = d.trunk(), _pair(d)
    d.caller(sam).calls_up(f"#64{boss.extension}*{carrier.outside()}").talks()
    d.callee(carrier).takes(*_as(boss, sam, carrier))


@scenario("B2 B3 B12")
def by_escaped_code(d: Draft) -> None:
    """`%2364<executive>*<number>`, as most phones send it."""
    carrier, (sam, boss) = d.trunk(), _pair(d)
    d.caller(sam).calls_up(f"%2364{boss.extension}*{carrier.outside()}").talks()
    d.callee(carrier).takes(*_as(boss, sam, carrier))


@scenario("B2 B3 B12")
def by_line(d: Draft) -> None:
    """The delegated line `<assistant>-<executive>`: a second account on the assistant's phone."""
    carrier, (sam, boss) = d.trunk(), _pair(d)
    d.caller(d.line(sam, boss)).calls_up(carrier.outside()).talks()
    d.callee(carrier).takes(*_as(boss, sam, carrier))


@scenario("B2 B3 B12")
def by_header(d: Draft) -> None:
    """`P-Preferred-Identity: <sip:executive@domain>`."""
    carrier, (sam, boss) = d.trunk(), _pair(d)
    chosen = f"P-Preferred-Identity: <sip:{boss.extension}@{DOMAIN}>"
    d.caller(sam).calls_up(carrier.outside(), chosen, "Subject: samantha", "Organization: samantha").talks()
    d.callee(carrier).takes(*_as(boss, sam, carrier))


@scenario("B12")
def session_names_nobody(d: Draft) -> None:
    """The session description of the assistant's phone names its user in every place where it may (RFC 4566, 5576): not at the trunk."""
    carrier, (sam, boss) = d.trunk(), _pair(d)
    head = f"i=samantha calls\nu=http://acme.test/samantha\ne=samantha@acme.test\np={sam.number}\n"
    caller = d.caller(d.line(sam, boss)).invite(
        carrier.outside(), head=head, extra=f"a=ssrc:1234 cname:sip:{sam.extension}@{DOMAIN}\n"
    )
    caller.trying().rings().talks()
    d.callee(carrier).takes(*_as(boss, sam, carrier))


@scenario("B2")
def line_rings(d: Draft) -> None:
    """The delegated line rings for the executive, together with the assistant's own phone."""
    carrier, sam = d.trunk(), d.user("sam")
    boss = d.executive([sam])
    line = d.line(sam, boss)
    d.registrant(line).registers()
    d.caller(carrier).calls_up(boss.number, number=carrier.outside(7)).talks()
    d.callee(line).takes(has("Diversion", f"<sip:{boss.extension}@"))
    d.callee(sam).loses()


@scenario("B3")
def main_number_by_default(d: Draft) -> None:
    """An executive without a delegated caller ID is shown with the main number."""
    carrier, sam = d.trunk(), d.user("sam")
    boss = d.executive([sam], caller_id=None)
    d.caller(sam).calls_up(f"#64{boss.extension}*{carrier.outside()}").talks()
    d.callee(carrier).takes(has("From", f"<sip:{literal(boss.number)}@"))


@scenario("B12 trust")
def to_an_untrusted_trunk(d: Draft) -> None:
    """No P-Asserted-Identity for an untrusted next hop."""
    carrier, (sam, boss) = d.trunk(trusted=False), _pair(d)
    d.caller(d.line(sam, boss)).calls_up(carrier.outside()).talks()
    d.callee(carrier).takes(*_as(boss, sam, carrier, asserted=False))


@scenario("B12 privacy")
def privacy_of_the_identity(d: Draft) -> None:
    """`Privacy: id` on behalf: a trusted trunk gets the identity and the wish, From shows nobody."""
    carrier, (sam, boss) = d.trunk(), _pair(d)
    d.caller(d.line(sam, boss)).calls_up(carrier.outside(), "Privacy: id").talks()
    d.callee(carrier).takes(
        has("Privacy", "id"),
        has("P-Asserted-Identity", f"<sip:{literal(boss.caller_id)}@"),
        _unnamed(sam),
    )


@scenario("B12 privacy")
def privacy_of_the_user(d: Draft) -> None:
    """`Privacy: user;id` of a plain call: From is anonymous, and what tells of the user is gone (RFC 3323 §4.1, §5.1)."""
    carrier, sam = d.trunk(), d.user("samantha", extension=f"samantha{d.index}")
    d.caller(sam).calls_up(carrier.outside(), "Privacy: user;id", "Subject: samantha", "Organization: samantha").talks()
    d.callee(carrier).takes(
        has("From", "<sip:anonymous@anonymous.invalid>"),
        has("P-Asserted-Identity", f"<sip:{literal(sam.number)}@"),
        has("Privacy", "id"),
        absent("Subject"),
        absent("Organization"),
        lacks("Contact", "samantha"),
    )


@scenario("B12 privacy")
def privacy_at_an_untrusted_trunk(d: Draft) -> None:
    """`Privacy: id` to an untrusted trunk: no P-Asserted-Identity, and From is anonymous, too."""
    carrier, sam = d.trunk(trusted=False), d.user("samantha", extension=f"samantha{d.index}")
    d.caller(sam).calls_up(carrier.outside(), "Privacy: id").talks()
    d.callee(carrier).takes(
        has("From", "<sip:anonymous@"),
        absent("P-Asserted-Identity"),
        _unnamed(sam),
        nowhere(literal(sam.number.removeprefix("+"))),
    )


@scenario("B5")
def no_right_to_call(d: Draft) -> None:
    """A delegation without the right `call`: 403, whichever way it is tried."""
    carrier, sam = d.trunk(), d.user("sam", phones=2)
    boss = d.executive([(sam, {"rights": ["receive"]})])
    number = carrier.outside()
    d.caller(sam).invite(f"#64{boss.extension}*{number}").refused_at_once(403)
    d.caller(sam, 1).invite(number, f"P-Preferred-Identity: <sip:{boss.extension}@{DOMAIN}>").refused_at_once(403)
    d.caller(d.line(sam, boss)).invite(number).refused_at_once(403)
    d.silent(carrier)


@scenario("B5")
def no_assistant_at_all(d: Draft) -> None:
    """Somebody who is nobody's assistant: 403."""
    carrier, ann, sam = d.trunk(), d.user("ann"), d.user("sam")
    boss = d.executive([sam])
    d.caller(ann).invite(f"#64{boss.extension}*{carrier.outside()}").refused_at_once(403)
    d.silent(carrier)


@scenario("B7")
def inside_sees_the_assistant(d: Draft) -> None:
    """A colleague called over the delegated line sees the assistant: the identity is for outside numbers."""
    ann, sam = d.user("ann"), d.user("sam")
    boss = d.executive([sam])
    d.caller(d.line(sam, boss)).calls_up(ann.extension).talks()
    d.callee(ann).takes(has("From", f'"?{sam.name}"? *<sip:{sam.extension}@'))


@scenario("B7 B10")
def shown_by_destination(d: Draft) -> None:
    """The press hears of the assistant, legal sees the assistant only, everybody else the executive; inside, too, where it is set so."""
    carrier, ann, sam = d.trunk(), d.user("ann"), d.user("sam")
    press, legal = d.callers("press", f"{carrier.prefix}1*"), d.callers("legal", carrier.outside(2000))
    boss = d.executive([sam], on_behalf={"inside": "executive", "classes": {press: "assistant", legal: "self"}})
    number = literal(boss.caller_id)
    for index, name, shown in (
        (1000, f"{sam.name} for {boss.user.name}", number),
        (2000, sam.name, literal(sam.number)),
        (3000, boss.user.name, number),
    ):
        d.caller(sam).calls_up(f"#64{boss.extension}*{carrier.outside(index)}").talks()
        identity = f'^ *"{name}" *<sip:{shown}@'
        d.callee(carrier).takes(has("From", identity), has("P-Asserted-Identity", identity))
        d.then()
    d.caller(d.line(sam, boss)).calls_up(ann.extension).talks()
    d.callee(ann).takes(has("From", f'^ *"{boss.user.name}" *<sip:{boss.extension}@'), nowhere(sam.name))


@scenario("B10")
def disclosed_by_code(d: Draft) -> None:
    """`#73<executive>*<number>` says that an assistant speaks; an untrusted trunk sees it in From only."""
    carrier, sam = d.trunk(trusted=False), d.user("sam")
    boss = d.executive([sam])
    d.caller(sam).calls_up(f"%2373{boss.extension}*{carrier.outside()}").talks()
    identity = f'^ *"{sam.name} for {boss.user.name}" *<sip:{literal(boss.caller_id)}@'
    d.callee(carrier).takes(has("From", identity), absent("P-Asserted-Identity"), nowhere(literal(sam.number)))


@scenario("B4 B12")
def sticky_choice(d: Draft) -> None:
    """`#67<executive>`: calls go out as the executive; `#74<number>` as oneself, once; `%2368`: as oneself again."""
    carrier, (sam, boss) = d.trunk(), _pair(d)
    d.caller(sam).obeyed(f"#67{boss.extension}", f"Calling as {boss.user.name}")
    d.then()
    d.caller(sam).calls_up(carrier.outside()).talks()
    d.callee(carrier).takes(*_as(boss, sam, carrier))
    d.then()
    own = has("From", f"<sip:{literal(sam.number)}@")
    d.caller(sam).calls_up(f"#74{carrier.outside()}").talks()
    d.callee(carrier).takes(own)
    d.then()
    d.caller(sam).calls_up(carrier.outside()).talks()
    d.callee(carrier).takes(*_as(boss, sam, carrier))
    d.then()
    d.caller(sam).obeyed("%2368", "Calling as yourself")
    d.then()
    d.caller(sam).calls_up(carrier.outside()).talks()
    d.callee(carrier).takes(own, has("P-Asserted-Identity", f"<sip:{literal(sam.number)}@"))
    d.then()
    d.caller(d.line(sam, boss)).obeyed("#67", f"Calling as {boss.user.name}")
    d.then()
    d.caller(sam).calls_up(carrier.outside()).talks()
    d.callee(carrier).takes(*_as(boss, sam, carrier))
    d.then()
    d.caller(sam).obeyed("#68", "Calling as yourself")


@scenario("B11")
def call_back(d: Draft) -> None:
    """Sam has called a number on behalf; it calls back: Sam rings first, the others not at all. Another number rings everybody."""
    carrier, sam, other = d.trunk(), d.user("sam"), d.user("other")
    boss = d.executive([other, sam], on_behalf={"callback_hours": 1})
    d.caller(sam).calls_up(f"#64{boss.extension}*{carrier.outside(1)}").talks()
    d.callee(carrier).takes(has("From", f"<sip:{literal(boss.caller_id)}@"))
    d.then()
    d.caller(carrier).calls_up(boss.caller_id, number=carrier.outside(1), display="Carol").talks()
    d.callee(sam).takes(has("From", f'"Carol → {boss.user.name}"'), has("Diversion", f"<sip:{boss.extension}@"))
    d.silent(other)
    d.silent(boss)
    d.then()
    d.caller(carrier).calls_up(boss.caller_id, number=carrier.outside(2)).talks()
    d.callee(sam).loses()
    d.callee(other).takes()
    d.silent(boss)


@scenario("B9")
def emergency(d: Draft) -> None:
    """112 however it is dialled (line, `#64`, `#73`, `#74`, sticky choice), with a wish for privacy: the caller's own identity, always."""
    carrier, sam = d.trunk(emergency=True), d.user("sam")
    boss = d.executive([sam], on_behalf={"outside": "assistant"})
    own = f'^ *"{sam.name}" *<sip:{literal(sam.number)}@'
    checks = [
        somewhere("^INVITE sip:112@"), has("From", own), has("P-Asserted-Identity", own), absent("Privacy"),
        nowhere(literal(boss.caller_id)), nowhere(literal(boss.user.name)),
    ]  # fmt: skip
    line = d.line(sam, boss)
    for seat, dialled in (
        (line, "112"), (sam, f"#64{boss.extension}*112"), (sam, f"%2373{boss.extension}*112"), (sam, "#74112"), (line, "#64*112"),
    ):  # fmt: skip
        d.caller(seat).calls_up(dialled, "Privacy: id").talks()
        d.callee(carrier).takes(*checks)
        d.then()
    d.caller(sam).obeyed(f"#67{boss.extension}", f"Calling as {boss.user.name}")
    d.then()
    d.caller(sam).calls_up("112", "Privacy: id").talks()
    d.callee(carrier).takes(*checks)
    d.then()
    d.caller(sam).obeyed("#68", "Calling as yourself")
