"""The linter's walk along forwards, rollovers and diverts: circles, long chains, ends at which nobody rings (A14, A15, A21).

What follows whom is laid out as hops. Whether a call may take one more hop, and whether somebody rings at the end, is not decided
here: the limit and the ring plans are those of the policy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from b2bua.delegation.assistants import MAX_HOPS
from b2bua.delegation.lint_filter import can_filter
from b2bua.delegation.lint_finding import KIND_OF, Finding, Key, Kind, Severity, listed, named
from b2bua.delegation.model import Directory
from b2bua.delegation.office import Office
from b2bua.delegation.people import INACTIVE, Forwarding, User
from b2bua.delegation.ringplan import ring_office, ring_target
from b2bua.delegation.situation import Situation

MAILBOX: Final = '"sip:vm@192.0.2.9:5060"'
_HOW: Final = {
    "always": "forward always",
    "busy": "forward when busy",
    "no_answer": "forward when nobody answers",
    "unreachable": "forward when unreachable",
}


class Hop(NamedTuple):
    """One way in which a call goes on, as written."""

    owner: str
    """Extension of who forwards."""
    kind: Kind
    """Where it stands, with `key`."""
    key: Key
    how: str
    target: str
    extension: str | None
    """To whom it leads here; None: an outside number, a mailbox, or nowhere."""

    def __str__(self) -> str:
        return f"{self.how} to {self.extension or self.target}"


Graph = Mapping[str, Sequence[Hop]]
"""The hops by their owner, those without left out."""


def hops(directory: Directory, extension: str) -> list[Hop]:
    """How a call can go on from a user, executive, group or service: the rollover, and the own forwarding of a user."""
    return [*_rollover(directory, extension), *_forwarding(directory, extension)]


def _rollover(directory: Directory, extension: str) -> Iterator[Hop]:
    office = directory.offices.get(extension)
    if office is None or not can_filter(office):
        return
    rollover, kind = office.executive.rollover, KIND_OF[office.executive.kind]
    if rollover.action == "forward" and rollover.forward:
        yield _hop(directory, extension, kind, ("rollover", "forward"), "rollover", rollover.forward)
    elif rollover.action == "no_answer" and office.user.forwarding.no_answer:
        yield _hop(directory, extension, kind, ("rollover", "action"), "rollover", office.user.forwarding.no_answer)


def _forwarding(directory: Directory, extension: str) -> Iterator[Hop]:
    """What is forwarded always is never found busy, nor anything else."""
    forwarding = directory.users[extension].forwarding
    if forwarding == _NO_FORWARDING:
        return
    for name in ("always",) if forwarding.always else ("busy", "no_answer", "unreachable"):
        target = getattr(forwarding, name)
        if target:
            yield _hop(directory, extension, "users", ("forwarding", name), _HOW[name], target)


_NO_FORWARDING: Final = Forwarding()


def _hop(directory: Directory, owner: str, kind: Kind, key: Key, how: str, target: str) -> Hop:
    return Hop(owner, kind, key, how, target, directory.numbers.resolve(target).extension)


# --- circles and long chains ----------------------------------------------------------------------------------------------------


def check_paths(directory: Directory) -> Iterator[Finding]:
    """Forwards and rollovers that come back, or that are more in a row than a call may take."""
    graph = {extension: found for extension in directory.users if (found := hops(directory, extension))}
    circles, lengths = _walk(graph)
    named_before: set[frozenset[str]] = set()
    for circle in circles:
        members = frozenset(hop.owner for hop in circle)
        if members not in named_before:
            named_before.add(members)
            yield _circle(directory, circle)
    led_to = {hop.extension for each in graph.values() for hop in each}
    for extension, length in lengths.items():
        if length > MAX_HOPS and extension not in led_to:
            yield _too_long(directory, _longest(graph, lengths, extension))


def _walk(graph: Graph) -> tuple[list[list[Hop]], dict[str, int]]:
    """The circles, and for everybody how many hops in a row can follow, those that close a circle left out; without recursion."""
    circles: list[list[Hop]] = []
    lengths: dict[str, int] = {}
    for start in graph:
        path = [] if start in lengths else [start]
        places, taken, pending = {start: 0}, list[Hop](), [iter(graph[start])]
        while path:
            hop = next(pending[-1], None)
            if hop is None:
                owner = path.pop()
                del places[owner], pending[-1:], taken[-1:]
                lengths[owner] = max(_length(lengths, each) for each in graph[owner])
                continue
            to = hop.extension or ""
            if to in places:
                circles.append([*taken[places[to] :], hop])
            elif to in graph and to not in lengths:
                places[to] = len(path)
                path.append(to)
                taken.append(hop)
                pending.append(iter(graph[to]))
    return circles, lengths


def _length(lengths: Mapping[str, int], hop: Hop) -> int:
    """How many hops in a row begin with this one; one that leaves the house is the last, and counts like the others."""
    return 1 + lengths.get(hop.extension or "", 0)


def _longest(graph: Graph, lengths: Mapping[str, int], start: str) -> list[Hop]:
    """The hops of the longest row from `start` on."""
    chain: list[Hop] = []
    while lengths.get(start):
        chain.append(max(graph[start], key=lambda hop: _length(lengths, hop)))
        start = chain[-1].extension or ""
    return chain


def _circle(directory: Directory, circle: list[Hop]) -> Finding:
    """Named from a rollover on, when there is one among the hops."""
    first = next((place for place, hop in enumerate(circle) if hop.how == "rollover"), 0)
    circle = circle[first:] + circle[:first]
    hop = circle[0]
    text = (
        f"leads back to {named(directory, hop.owner)}: `{path(directory, circle)}`, where the call ends in silence; "
        f"write a target that does not lead back, such as a mailbox {MAILBOX}"
    )
    return Finding("error", hop.kind, hop.owner, hop.key, text)


def _too_long(directory: Directory, chain: list[Hop]) -> Finding:
    hop = chain[0]
    text = (
        f"is the first of {len(chain)} forwards in a row, and a call is forwarded {MAX_HOPS} times at most: "
        f"`{path(directory, chain)}`; write a target nearer to the end"
    )
    return Finding("error", hop.kind, hop.owner, hop.key, text)


def path(directory: Directory, chain: Sequence[Hop]) -> str:
    """``667 → 676, 677 → rollover to 668 → rollover to 600``."""
    hop = chain[0]
    steps = [str(each) for each in chain[: MAX_HOPS + 2]]
    return " → ".join([hop.owner, *_before(directory, hop), *steps, *(["…"] if len(chain) > len(steps) else [])])


def _before(directory: Directory, hop: Hop) -> tuple[str, ...]:
    """Who is rung before a rollover."""
    return people(directory.offices[hop.owner]) if hop.how == "rollover" else ()


def people(office: Office) -> tuple[str, ...]:
    """The assistants who can ring, as one step of a path; empty when there is none."""
    found = [seat.delegation.assistant for seat in office.seats if not seat.never]
    return (listed(found),) if found else ()


# --- ends -----------------------------------------------------------------------------------------------------------------------


def check_ends(directory: Directory, situation: Situation) -> Iterator[Finding]:
    """Where everybody who could ring has been rung: is there an end, and was it meant?

    `situation` is a call from outside; only what it finds ringing counts.
    """
    dead: list[Hop] = []
    for office in directory.offices.values():
        if not ring_office(situation, office).rollover:
            yield from _silent(directory, office)
            dead += _rollover(directory, office.user.extension)
    for extension in directory.users:
        dead += [
            hop for hop in _forwarding(directory, extension) if not ring_target(situation, hop.target, "forward", (extension,))
        ]
    yield from _dead(directory, dead)


def _silent(directory: Directory, office: Office) -> Iterator[Finding]:
    """An office after whose assistants nobody rings."""
    executive, rollover = office.executive, office.executive.rollover
    kind, extension = KIND_OF[executive.kind], executive.extension
    tried = " → ".join([extension, *people(office)])
    if rollover.action == "hangup":
        if not rollover.written and can_filter(office):
            own = "executive, no_answer, " if kind == "executives" else ""
            text = (
                f"is missing: `{tried} → nobody` ends in silence; write hangup if that is meant, "
                f"or {own}{{forward: NUMBER}} or {{voicemail: {MAILBOX}}}"
            )
            yield Finding("error", kind, extension, ("rollover", "action"), text)
    elif rollover.action == "no_answer" and not office.user.forwarding.no_answer:
        text = (
            f"is no_answer, but {named(directory, extension)} has no `forwarding.no_answer`: `{tried} → nobody` ends in silence; "
            "write that one, or another action"
        )
        yield Finding("error", kind, extension, ("rollover", "action"), text)
    elif rollover.action == "executive" and not (office.user.forwarding.always or office.user.forwarding.busy):
        why = _not_rung(office.user)
        instead = ", or `forwarding.busy` of the executive" if office.user.active else ""
        text = f"is executive, but {named(directory, extension)} {why}: `{tried} → nobody` ends in silence; write another action{instead}"
        yield Finding("warning", kind, extension, ("rollover", "action"), text)


def _not_rung(user: User) -> str:
    return "does not want to be disturbed (`dnd: true`)" if user.active else INACTIVE[user.status]


def _dead(directory: Directory, dead: Sequence[Hop]) -> Iterator[Finding]:
    """Hops after which nobody rings: by what is written, or as long as somebody does not want to be disturbed (named once)."""
    waiting: defaultdict[str, list[Hop]] = defaultdict(list)
    for hop in dead:
        if hop.extension is None:
            yield _nobody(directory, hop, "error", f"{hop.target} leads nowhere", "")
        elif not directory.users[hop.extension].forwarding.always and not _has_people(directory, hop.extension):
            waiting[hop.extension].append(hop)  # others have a finding about where they forward to
    for extension, found in waiting.items():
        user = directory.users[extension]
        why = "{} " + _not_rung(user) if user.dnd or not user.active else "nobody takes the calls of {}"
        more = f", and so {'does' if len(found) == 2 else 'do'} {len(found) - 1} more" if len(found) > 1 else ""
        yield _nobody(directory, found[0], "warning", why.format(named(directory, extension)), more)


def _has_people(directory: Directory, extension: str) -> bool:
    """Whether somebody there takes calls, if not this one at this time."""
    office = directory.offices.get(extension)
    return office is not None and bool(people(office))


def _nobody(directory: Directory, hop: Hop, severity: Severity, why: str, more: str) -> Finding:
    text = f"{why}: `{path(directory, [hop])} → nobody` ends in silence{more}; write another target"
    return Finding(severity, hop.kind, hop.owner, hop.key, text)


# --- diverts (A14) --------------------------------------------------------------------------------------------------------------


def check_diverts(directory: Directory) -> Iterator[Finding]:
    """Diverts of assistants that come back, are too many in a row, or lead to somebody who is rung anyway."""
    named_before: set[frozenset[str]] = set()
    for assistant, delegations in directory.delegations.items():
        if directory.users[assistant].divert.number is None:
            continue
        chain, back_to = _diverts(directory, assistant)
        members = frozenset(hop.owner for hop in chain[back_to or 0 :])
        if back_to is not None or len(chain) > MAX_HOPS:
            if members not in named_before:
                yield _bad_divert(directory, chain, back_to)
            named_before.add(members)
        elif directory.users[assistant].divert.enabled:
            for delegation in delegations:
                yield from _divert_to_office(directory, chain[0], directory.offices[delegation.executive])


def _diverts(directory: Directory, assistant: str) -> tuple[list[Hop], int | None]:
    """The diverts in a row from `assistant` on, those that are switched off too, and the place in it to which they come back."""
    chain: list[Hop] = []
    here: str | None = assistant
    while here is not None and len(chain) <= MAX_HOPS:
        number = directory.users[here].divert.number
        if number is None:
            break
        chain.append(_hop(directory, here, "users", ("divert", "to"), "divert", number))
        here = chain[-1].extension
        back_to = next((place for place, hop in enumerate(chain) if hop.owner == here), None)
        if back_to is not None:
            return chain, back_to
    return chain, None


def _bad_divert(directory: Directory, chain: list[Hop], back_to: int | None) -> Finding:
    hop = chain[0]
    off = [each.owner for each in chain if not directory.users[each.owner].divert.enabled]
    if back_to is None:
        what = f"is the first of more than {MAX_HOPS} diverts in a row"
    else:
        what = f"leads back to {named(directory, chain[back_to].owner)}"
    when = f" once {listed(off)} {'switches theirs' if len(off) == 1 else 'switch theirs'} on by phone" if off else ""
    text = f"{what}{when}: `{path(directory, chain)}`, and so nobody is diverted; write a number that does not divert"
    return Finding("warning" if off else "error", "users", hop.owner, hop.key, text)


def _divert_to_office(directory: Directory, hop: Hop, office: Office) -> Iterator[Finding]:
    extension = office.executive.extension
    way = f"`{extension} → {hop.owner} → {hop}`"
    if hop.extension == extension:
        text = f"{way} rings {named(directory, extension)}, whose calls the assistants shall take; write another number"
        yield Finding("warning", "users", hop.owner, hop.key, text)
    elif hop.extension in office.assistants:
        text = f"{way} rings {named(directory, hop.extension)}, who is an assistant of {extension}, too; write another number"
        yield Finding("warning", "users", hop.owner, hop.key, text)
