"""The load profile: the mix of a working day at an office, compressed.

Of every ten calls, four come from outside for an executive and ring three assistants, three are plain calls from the trunk, two
go out on behalf of the executive over the delegated line (with digest), and one is given up while it rings. Calls are short, so
that set-up, not talking, is what is measured. Everybody who is called is a SIPp that takes any number of calls.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from scenarios.office import Draft
from scenarios.office import write as write_configuration
from scenarios.script import Script

TALK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of call: the parties that wait, the one that calls, and its share of all calls."""

    draft: Draft
    share: float

    @property
    def waiting(self) -> list[Script]:
        """Who is called."""
        return [script for script in self.draft.scripts if not script.calls]

    @property
    def caller(self) -> Script:
        """Who calls."""
        return next(script for script in self.draft.scripts if script.calls)


def streams(net: str) -> list[Stream]:
    """The mix."""
    return [
        Stream(_to_executive(Draft(1, "executive", net)), 0.4),
        Stream(_to_user(Draft(2, "user", net)), 0.3),
        Stream(_on_behalf(Draft(3, "behalf", net)), 0.2),
        Stream(_given_up(Draft(4, "given-up", net)), 0.1),
    ]


def _to_executive(d: Draft) -> Draft:
    carrier, people = d.trunk(), [d.user("one"), d.user("two"), d.user("three")]
    boss = d.executive(people)
    d.caller(carrier).calls_up(boss.number).talks(TALK_SECONDS)
    d.callee(people[0]).loses()
    d.callee(people[1]).takes()
    d.callee(people[2]).loses()
    return d


def _to_user(d: Draft) -> Draft:
    carrier, ann = d.trunk(), d.user("ann")
    d.caller(carrier).calls_up(ann.number).talks(TALK_SECONDS)
    d.callee(ann).takes()
    return d


def _on_behalf(d: Draft) -> Draft:
    carrier, sam = d.trunk(), d.user("sam")
    boss = d.executive([sam])
    d.caller(d.line(sam, boss)).calls_up(carrier.outside()).talks(TALK_SECONDS)
    d.callee(carrier).takes()
    return d


def _given_up(d: Draft) -> Draft:
    carrier, ann = d.trunk(), d.user("ann")
    d.caller(carrier).calls_up(ann.number).pause(1).cancel()
    d.callee(ann).gives_up()
    return d


def command(script: Script, server: str, xml: Path, rate: float, seconds: float) -> list[str]:
    """The command line of one party: callers begin `rate` calls per second for `seconds`, the others take what comes."""
    base = script.command(server, xml)
    for flag, value in (("-m", str(max(1, round(rate * seconds)))), ("-l", "10000"), ("-timeout", f"{seconds + 60:.0f}s")):
        base[base.index(flag) + 1] = value
    return [*base, "-r", f"{max(1, round(rate * 10))}", "-rp", "10000"] if script.calls else base


def write(folder: Path, net: str, rate: float, seconds: float) -> str:
    """Writes the configuration and the SIPp files; returns the commands to type, in order."""
    mix = streams(net)
    config = write_configuration(folder, [stream.draft for stream in mix], net)
    lines = [f"b2bua run --config {config} &"]
    for calls in (False, True):
        for stream in mix:
            for script in [stream.caller] if calls else stream.waiting:
                xml = folder / f"{stream.draft.name}-{script.name}.xml"
                xml.write_text(script.xml(), encoding="utf-8")
                lines.append(shlex.join(command(script, stream.draft.server, xml, rate * stream.share, seconds)) + " &")
    return "\n".join(lines)
