"""What the assistant's phone shows: name and number modes, and the headers that say for whom the call is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scenarios.checks import Check, has, literal, nowhere
from scenarios.office import DOMAIN, Draft, Executive, User
from scenarios.registry import scenario


def _screen(d: Draft, alerting: Mapping[str, Any], *checks: str) -> None:
    """Carol calls from outside; `checks` are expressions for From, with {boss}, {extension} and {number} filled in."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one], alerting=alerting)
    number = carrier.outside(7)
    d.caller(carrier).calls_up(boss.number, number=number, display="Carol").talks()
    words = {"boss": boss.user.name, "extension": boss.extension, "number": literal(number)}
    d.callee(one).takes(*(has("From", each.format(**words)) for each in checks), *_for_whom(boss, number))


def _for_whom(boss: Executive, number: str) -> list[Check]:
    """Whatever the screen shows, the executive is named in Diversion and History-Info, the caller asserted, the ring marked."""
    return [
        has("Diversion", f"<sip:{boss.extension}@{DOMAIN}>;.*reason="),
        has("History-Info", f"<sip:{boss.extension}@{DOMAIN}"),
        has("P-Asserted-Identity", f"<sip:{literal(number)}@"),
        has("Alert-Info", "."),
    ]


@scenario("A17")
def originator_executive(d: Draft) -> None:
    """The default: `Caller → Boss`, and the caller's number."""
    _screen(d, {}, '^ *"Carol → {boss}" *<sip:{number}@')


@scenario("A17")
def executive_originator(d: Draft) -> None:
    """Boss first."""
    _screen(d, {"name": "executive_originator"}, '^ *"{boss} [^"]*Carol" *<sip:{number}@')


@scenario("A17")
def originator_only(d: Draft) -> None:
    """The caller, as if there were no executive."""
    _screen(d, {"name": "originator", "number": "originator"}, '^ *"?Carol"? *<sip:{number}@')


@scenario("A17")
def executive_only(d: Draft) -> None:
    """The executive, name and number."""
    _screen(d, {"name": "executive", "number": "executive"}, '^ *"{boss}" *<sip:{extension}@')


@scenario("A17")
def custom_with_prefix(d: Draft) -> None:
    """A fixed text and number, with a prefix before the name."""
    alerting = {
        "name": "custom",
        "custom_name": "Front office",
        "name_prefix": "VIP ",
        "number": "custom",
        "custom_number": "9000",
    }
    _screen(d, alerting, '^ *"VIP Front office" *<sip:9000@')


@scenario("A17")
def inside_caller(d: Draft) -> None:
    """A colleague calls the executive: name and extension."""
    ann, one = d.user("ann"), d.user("one")
    boss = d.executive([one])
    d.caller(ann).calls_up(boss.extension).talks()
    d.callee(one).takes(
        has("From", f'^ *"{ann.name} → {boss.user.name}" *<sip:{ann.extension}@'), *_for_whom(boss, ann.extension)
    )


@scenario("A17 privacy")
def anonymous_caller(d: Draft) -> None:
    """A caller who hides the number stays hidden, the executive is named all the same."""
    carrier, one = d.trunk(), d.user("one")
    boss = d.executive([one])
    caller = d.caller(carrier).invite(
        boss.number,
        "Privacy: id",
        f"P-Asserted-Identity: <sip:{carrier.outside(7)}@{carrier.seat.ip}>",
        number="anonymous",
        display="Anonymous",
        from_host="anonymous.invalid",
    )
    caller.trying().rings().talks()
    d.callee(one).takes(
        has("From", f"{boss.user.name}.*<sip:anonymous@"),
        has("Diversion", f"<sip:{boss.extension}@"),
        nowhere(literal(carrier.outside(7))),
    )


@scenario("A17 trust")
def forged_headers(d: Draft) -> None:
    """What a phone writes about itself reaches nobody: the server says who calls (issue 2, Trust)."""
    mallory, one = d.user("mallory"), d.user("one")
    boss = d.executive([one])
    _forge(d, mallory, boss.extension)
    d.callee(one).takes(
        has("From", f'"{mallory.name} → {boss.user.name}" *<sip:{mallory.extension}@'),
        has("P-Asserted-Identity", f"<sip:{mallory.extension}@"),
        nowhere("forged"),
    )


@scenario("trust")
def forged_headers_to_a_user(d: Draft) -> None:
    """The same for a plain call."""
    mallory, ann = d.user("mallory"), d.user("ann")
    _forge(d, mallory, ann.extension)
    d.callee(ann).takes(has("From", f"<sip:{mallory.extension}@"), nowhere("forged"))


@scenario("trust")
def forged_headers_from_untrusted_trunk(d: Draft) -> None:
    """An untrusted trunk's P-Asserted-Identity is dropped; its From is all there is."""
    carrier, ann = d.trunk(trusted=False), d.user("ann")
    number = carrier.outside(7)
    d.caller(carrier).calls_up(ann.number, f"P-Asserted-Identity: <sip:forged@{DOMAIN}>", number=number, display="Carol").talks()
    d.callee(ann).takes(has("From", f"<sip:{literal(number)}@"), nowhere("forged"))


def _forge(d: Draft, who: User, to: str) -> None:
    caller = d.caller(who).invite(
        to,
        f'P-Asserted-Identity: "forged" <sip:forged@{DOMAIN}>',
        f"Diversion: <sip:forged@{DOMAIN}>;reason=unconditional",
        f"History-Info: <sip:forged@{DOMAIN}>;index=1",
        "Alert-Info: <http://127.0.0.1/forged>",
        "Call-Info: <http://127.0.0.1/forged>;purpose=icon",
        f"Referred-By: <sip:forged@{DOMAIN}>",
        "X-Forged: forged",
        "User-Agent: forged",
        display="forged",
    )
    caller.trying().rings().talks()
