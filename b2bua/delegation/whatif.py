"""What-if cases (F7): who calls whom, when and in which state, and what must come of it.

A case is decided by the function that routes calls, and what its author wrote down is compared with `summary`, the plan in short
strings that an office can read and write. Only what was written is compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from b2bua.delegation.callerid import printable
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Endpoint, Facts, Presentation, RoutePlan, Rule, Setting, Stage
from b2bua.delegation.policy import decide
from b2bua.delegation.state import NO_STATE, State

Value = str | bool | float | tuple[str, ...] | None
"""One entry of a summary."""
RULES: Final = "rules"
"""The one key of a case that is not in the summary: lines ``name: yes`` or ``name: no`` that must be in the trace."""
MAX_RULES_SHOWN: Final = 40
MAX_LINE: Final = 300


@dataclass(frozen=True, slots=True)
class Case:
    """One case, ready to be decided."""

    name: str
    facts: Facts
    at: datetime
    """Aware, in the zone in which times are shown."""
    expect: Mapping[str, Value]
    """Keys of `summary`, and `RULES`; at least one."""
    state: State = NO_STATE
    """What phones have set. The live state plays no part."""
    row: str = ""
    """The row of the feature list that it is about; free text."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that came out otherwise."""

    key: str
    expected: Value
    got: Value


@dataclass(frozen=True, slots=True)
class Result:
    """A case that failed: what differs, and the rules that were looked at, which say why."""

    case: Case
    differences: tuple[Difference, ...]
    trace: tuple[Rule, ...]

    def __str__(self) -> str:
        """Several lines: which keys, then each as it could stand in the file, then the rules."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        one = len(self.differences) == 1
        yield f"{', '.join(each.key for each in self.differences)} {'is' if one else 'are'} not as expected"
        for each in self.differences:
            yield f"    expected  {each.key}: {_written(each.expected)}"
            yield f"    got       {each.key}: {_written(each.got)}"
        yield "    because of these rules, in the order in which they were looked at:"
        for rule in self.trace[:MAX_RULES_SHOWN]:
            yield printable(f"      {'yes' if rule.matched else 'no ':3}  {rule.name}: {rule.reason}", MAX_LINE)
        if len(self.trace) > MAX_RULES_SHOWN:
            yield f"      … and {len(self.trace) - MAX_RULES_SHOWN} more"


def run_case(case: Case, directory: Directory) -> Result | None:
    """Decide the case on `directory` with the case's own state; None when everything came out as written."""
    plan = decide(case.facts, directory.with_state(case.state), case.at)
    shown = {**summary(plan, case.at.tzinfo or UTC), RULES: _rules(plan.trace, case.expect.get(RULES))}
    differences = tuple(Difference(key, value, shown[key]) for key, value in case.expect.items() if shown[key] != value)
    return Result(case, differences, plan.trace) if differences else None


def _rules(trace: Sequence[Rule], wanted: Value) -> Value:
    """For each wanted line what became of that rule: the line itself when it is in the trace."""
    looked_at = {f"{rule.name}: {'yes' if rule.matched else 'no'}" for rule in trace}
    names = {rule.name for rule in trace}
    lines = wanted if isinstance(wanted, tuple) else ()
    return tuple(line if line in looked_at else _became(line, names) for line in lines)


def _became(line: str, names: set[str]) -> str:
    name, _, answer = line.rpartition(": ")
    if name not in names:
        return f"{name}: not looked at"
    return f"{name}: {'no' if answer == 'yes' else 'yes'}"


def _written(value: Value) -> str:
    """The value as it could stand in the file of cases."""
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value, ensure_ascii=False)


# --- a plan in short strings --------------------------------------------------------------------------------------------------


def summary(plan: RoutePlan, zone: tzinfo = UTC) -> dict[str, Value]:
    """The plan as a case compares it; times are shown in `zone`.

    ring, rollover: the stages, each one line, followed by lines for where it goes on (``if busy: 600, 180 s``). after: the
    rollover timer in seconds. end: what the caller hears at last. joins: the feature that concerns another call, and its digits. media:
    "anchored" or "direct". The rest are identities (``Name <number>``), texts and flags.
    """
    return {
        "ring": tuple(_stages(plan.stages)),
        "rollover": tuple(_stages(plan.rollover)),
        "after": plan.rollover_after,
        "end": _end(plan),
        "assistants_see": _identity(plan.present_assistant),
        "called_sees": _identity(plan.present),
        "outside_sees": _identity(plan.present_outside),
        "asserted": _identity(plan.asserted),
        "on_behalf_of": plan.on_behalf_of,
        "actor": plan.actor,
        "warning": plan.warning,
        "sets": tuple(_setting(each, zone) for each in plan.settings),
        "says": plan.confirmation,
        "confidential": plan.confidential,
        "joins": f"{plan.feature} {plan.argument}".rstrip(),
        "media": _media(plan),
    }


def _end(plan: RoutePlan) -> str:
    if plan.action == "refuse":
        return f"refused {plan.final_status}"
    if plan.action in ("set", "join"):
        return "done" if plan.action == "set" else "joins another call"
    return "as the phone answers" if plan.plain else f"hang up {plan.final_status}"


def _media(plan: RoutePlan) -> str | None:
    """Where the sound goes; None: there is none."""
    if plan.action in ("refuse", "set"):
        return None
    return "anchored" if plan.anchored else "direct"


def _identity(identity: Presentation | None) -> str | None:
    return None if identity is None else f"{identity.name} <{identity.number}>".lstrip()


def _stages(stages: Sequence[Stage]) -> Iterator[str]:
    for stage in stages:
        limit = "" if stage.seconds is None else f", {stage.seconds:g} s"
        yield " + ".join(_endpoint(endpoint) for endpoint in stage.endpoints) + limit
        for way, following in (("busy", stage.busy), ("no answer", stage.no_answer), ("unreachable", stage.unreachable)):
            yield from (f"if {way}: {line}" for line in _stages(following))


def _endpoint(endpoint: Endpoint) -> str:
    """What rings, and how: ``602 desk after 18 s``, ``+15551234567 over carrier for 676``, ``671 splash for 2 s``."""
    words = [endpoint.extension or endpoint.number or ""]
    if endpoint.kind == "number":
        words.append(f"over {endpoint.trunk}")
    if endpoint.diverted_by:
        words.append(f"for {endpoint.diverted_by}")
    if endpoint.devices != "all":
        words.append(endpoint.devices)
    if endpoint.alert:
        words.append(endpoint.alert)
    if endpoint.seconds is not None:
        words.append(f"for {endpoint.seconds:g} s")
    if endpoint.after:
        words.append(f"after {endpoint.after:g} s")
    if endpoint.lasting:
        words.append("to the end")
    return " ".join(words)


_OBJECT: Final = {"opt": " for ", "callback": " from "}
"""The kinds of settings that concern somebody besides."""


def _setting(setting: Setting, zone: tzinfo) -> str:
    """What is remembered: ``filter 667 = on``, ``opt 677 for 667 = out``, ``call_as 676 = 667 until 2026-11-23 17:00``."""
    concerns = f"{_OBJECT.get(setting.kind, ' ')}{setting.object}" if setting.object else ""
    value = "as the directory says" if setting.value is None else setting.value or "off"
    until = "" if setting.until is None else f" until {datetime.fromtimestamp(setting.until, zone):%Y-%m-%d %H:%M}"
    return f"{setting.kind} {setting.subject}{concerns} = {value}{until}"
