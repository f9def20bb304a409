"""Findings of the linter, at the line of the file to which they belong: errors stop the start, warnings do not."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from b2bua.config import check, load, load_directory
from tests.config.conftest import NOW, Files, problems, read, warnings

CONFIG = Path(__file__).resolve().parent.parent.parent / "config" / "b2bua.yaml"

LINTED = """organisation: Acme
schedules:
  office: {hours: {mon-fri: "08:00-17:00"}}
users:
  - {extension: "667", name: Olivia Boss, password: secret-words, numbers: ["+6221500667"]}
  - {extension: "668", name: Victor Chief, password: secret-words, numbers: ["+6221500668"]}
  - {extension: "676", name: Sam Secretary, password: secret-words, numbers: ["+6221500676"], hours: office}
  - {extension: "677", name: Ana Aide, password: secret-words, numbers: ["+6221500677"]}
  - {extension: "600", name: Reception, password: secret-words}
  - {extension: "601", name: Lee Colleague, password: secret-words}
executives:
  - extension: "667"
    filtering:
      mode: criteria
      criteria:
        - {name: Press, from: ["+1555*"]}
        - {name: Reuters, from: ["+15551234567"], active: false}
    rollover: {action: hangup}
    assistants:
      - "676"
      - {extension: "677", rights: [receive, call]}
  - extension: "668"
    rollover:
      action: {forward: "600"}
    assistants: ["677"]
groups:
  - {extension: "500", name: Sales, members: ["601"], rollover: {action: forward, forward: "600"}}
services:
  - extension: "510"
    name: Help Desk
    agents:
      - {extensions: ["600", "601"]}
      - "677"
    rollover: {action: hangup}
duty_profiles:
  - name: Day
    code: "1"
    agents: ["600", "601", "677"]
    responsible_for: ["510"]
"""
"""Without findings."""


@pytest.fixture
def linted(files: Files) -> Files:
    files.directory.write_text(LINTED)
    return files


def test_nothing_is_wrong_with_it(linted: Files) -> None:
    assert warnings(linted) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    rollover: {action: hangup}\n    assistants:", "    assistants:",
         "12: executives[0].rollover.action: is missing: `667 → 676, 677 → nobody` ends in silence; write hangup if that is meant"),
        ("rollover: {action: hangup}\n    assistants:", "rollover:\n      after_seconds: 30\n    assistants:",
         "18: executives[0].rollover.action: is missing: `667 → 676, 677 → nobody` ends in silence"),
        ("      - \"677\"\n    rollover: {action: hangup}", "      - \"677\"",
         "29: services[0].rollover.action: is missing: `510 → 600, 601, 677 → nobody` ends in silence"),
        (', rollover: {action: forward, forward: "600"}', "",
         "27: groups[0].rollover.action: is missing: `500 → 601 → nobody` ends in silence"),
        ("      action: {forward: \"600\"}\n", "      action:\n        forward: \"500\"\n",
         None),
        ('{action: forward, forward: "600"}', '{action: forward, forward: "668"}',
         None),
        ("Reception, password: secret-words", 'Reception, password: x, forwarding: {no_answer: "601"}',
         None),
        ("Colleague, password: secret-words", 'Colleague, password: x, forwarding: {busy: "+6221500668"}',
         None),
    ],
)  # fmt: skip
def test_silence_is_refused_and_another_way_is_not(linted: Files, old: str, new: str, expected: str | None) -> None:
    linted.change(linted.directory, (old, new))
    if expected is None:
        assert read(linted).users
        return
    (text,) = problems(linted)
    assert text.startswith(expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([('action: {forward: "600"}', 'action: {forward: "500"}'), ('forward, forward: "600"', 'forward, forward: "668"')],
         "24: executives[1].rollover.action.forward: leads back to Victor Chief (668): `668 → 677 → rollover to 500 → rollover to 668`"),
        ([("Reception, password: secret-words", 'Reception, password: x, forwarding: {no_answer: "601"}'),
          ("Colleague, password: secret-words", 'Colleague, password: x, forwarding: {always: "600"}')],
         "9: users[4].forwarding.no_answer: leads back to Reception (600): `600 → forward when nobody answers to 601 → "
         "forward always to 600`"),
        ([('"+6221500676"]', '"+6221500676"], divert: {enabled: true, to: "677"}'),
          ('"+6221500677"]', '"+6221500677"], divert: {enabled: true, to: "676"}')],
         "7: users[2].divert.to: leads back to Sam Secretary (676): `676 → divert to 677 → divert to 676`"),
        ([('    name: Help Desk\n', '    name: Help Desk\n    caller_id: "+4930999"\n')],
         "31: services[0].caller_id: +4930999 is no number of this organisation; write a number that stands under `numbers`"),
    ],
)  # fmt: skip
def test_what_comes_back_is_refused(linted: Files, changes: list[tuple[str, str]], expected: str) -> None:
    linted.change(linted.directory, *changes)
    (text,) = problems(linted)
    assert text.startswith(expected)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (', active: false', "", "17: executives[0].filtering.criteria[1]: never decides: 'Press' above matches every call that this one does"),
        ('      - "676"\n', '      - {extension: "676", rights: []}\n', "20: executives[0].assistants[0]: Sam Secretary (676) has no rights"),
        ('"676"\n      - {extension: "677", rights: [receive, call]}', '{extension: "676", respect_hours: true}\n',
         "19: executives[0].assistants: nobody covers Olivia Boss (667) on Sat 2026-11-21 00:00 – Mon 2026-11-23 08:00, Mon 2026-11-23 "
         "17:00 – Tue 2026-11-24 08:00, Tue"),
        ('assistants: ["677"]', 'assistants: [{extension: "677", rights: [receive, opt]}]',
         "25: executives[1].assistants: no assistant has the right `call`, so #64668*NUMBER is refused"),
        ('["600", "601", "677"]', '["600", "601"]', "33: services[0].agents[1]: Ana Aide (677) is never on duty for 510: no agent of"),
        ('["600", "601", "677"]', '["600", "677"]', "32: services[0].agents[0].extensions[1]: Lee Colleague (601) is never on duty for 510"),
        ('["510"]', '["668"]', "29: services[0]: is in no duty profile, so its agents are always on duty"),
        ('agents: ["600", "601", "677"]', "agents: []", "38: duty_profiles[0].agents: is empty, so nobody can be on duty"),
        ('{forward: "600"}\n', 'executive\n    alerting: {executive: first}\n',
         "24: executives[1].rollover.action: is executive, but the phones of Victor Chief (668) have rung already"),
        ("Reception, password: secret-words", "Reception, password: x, dnd: true",
         "24: executives[1].rollover.action.forward: Reception (600) does not want to be disturbed (`dnd: true`): `668 → 677 → rollover "
         "to 600 → nobody` ends in silence, and so does 1 more"),
    ],
)  # fmt: skip
def test_what_looks_wrong_is_warned_of(linted: Files, old: str, new: str, expected: str) -> None:
    linted.change(linted.directory, (old, new))
    found = warnings(linted)
    assert [text for text in found if text.startswith(expected)], found


def test_the_week_begins_on_the_organisations_own_day(linted: Files) -> None:
    """At 18:00 UTC it is the next day in Jakarta."""
    limited = '{extension: "677", rights: [receive, call, opt], until: 2026-11-25}'
    linted.change(linted.directory, ("organisation: Acme", "organisation: Acme\ntime_zone: Asia/Jakarta"))
    linted.change(linted.directory, ('      - "676"\n      - {extension: "677", rights: [receive, call]}', f"      - {limited}"))
    late = load_directory(load(linted.server), now=datetime(2026, 11, 18, 18, tzinfo=UTC))
    assert late.warnings == ()
    later = load_directory(load(linted.server), now=datetime(2026, 11, 19, 18, tzinfo=UTC))
    (text,) = later.warnings
    assert "nobody covers Olivia Boss (667) on Thu 2026-11-26 00:00 – 24:00, and" in text


def test_the_demo_organisation_has_no_errors() -> None:
    found, directory = check(CONFIG, now=NOW)
    assert found == ()
    assert directory
    assert not any("leads" in text or "covers" in text or "never" in text for text in directory.warnings)
