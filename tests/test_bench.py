"""The benchmark's parts that need no server: its organisations stay valid, its calls go where they say, what SIPp wrote is read right."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from b2bua.config import check
from b2bua.delegation.policy import decide
from bench import decide as decisions
from bench import server
from bench.__main__ import Cost, _percentile, table
from bench.sipp import SCENARIOS, _latencies


def test_the_measured_organisation_is_valid(tmp_path: Path) -> None:
    problems, directory = check(server.write(tmp_path))
    assert not problems
    assert directory is not None
    assert len(directory.users) == server.USERS + 5
    assert directory.executives.keys() == {"3000"}


@pytest.mark.parametrize("scenario", sorted(SCENARIOS.glob("*.xml")), ids=lambda path: path.stem)
def test_every_party_is_a_scenario(scenario: Path) -> None:
    assert ElementTree.parse(scenario).getroot().tag == "scenario"


def test_latency_is_from_the_first_request_to_the_first_answer_of_its_call(tmp_path: Path) -> None:
    log = tmp_path / "short.log"
    rows = [
        (1.000, "S", "a", "INVITE sip:1000@x SIP/2.0"),
        (1.001, "R", "a", "SIP/2.0 100 Trying"),
        (1.500, "S", "a", "INVITE sip:1000@x SIP/2.0"),
        (1.600, "R", "a", "SIP/2.0 180 Ringing"),
        (1.700, "R", "a", "SIP/2.0 180 Ringing"),
        (2.000, "R", "stranger", "SIP/2.0 180 Ringing"),
    ]
    log.write_text("".join(f"day\ttime\t{t:.6f}\t{way}\t{call}\tCSeq:1\t{first}\n" for t, way, call, first in rows) + "cut off\n")
    assert _latencies(log, "SIP/2.0 180") == pytest.approx([600])


def test_percentiles() -> None:
    assert _percentile([], 50) is None
    assert _percentile([float(n) for n in range(100)], 99) == 99
    assert _percentile([7.0], 99) == 7


def test_the_table_is_markdown() -> None:
    text = table([Cost("basic", 100, 0.5, [0.5, 0.6, 0.4], 0.3, 1.2, 4500, 0, 0)], 1500, 18.5)
    assert "| basic | 100 | 0.5 (0.4-0.6) | 0.3 / 1.2 | 4500 | 0 |" in text
    assert "1500 calls/s" in text
    assert "18.5 KiB" in text


def test_the_measured_decisions_are_what_their_names_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a hundredth of the organisation."""
    monkeypatch.setattr(decisions, "USERS", 100)
    monkeypatch.setattr(decisions, "EXECUTIVES", 10)
    directory = decisions._directory(decisions._users(), decisions._executives())
    found = {}
    for name, make, where in decisions._kinds(directory):
        facts = [make(n) for n in range(200)]
        assert len({(each.caller.number, each.dialled) for each in facts}) == 200, "no call is decided twice"
        found[name] = decide(facts[0], where, decisions.NOW)
    filtered, with_settings, exception, plain, on_behalf = found.values()
    assert [rule.name for rule in filtered.trace if rule.matched and rule.name.startswith("criterion")] == ["criterion 'office hours'"]
    assert len([rule for rule in filtered.trace if rule.name.startswith(("criterion", "exception"))]) == decisions.CRITERIA - 1
    assert (len(filtered.stages[0].endpoints), filtered.executive) == (decisions.ASSISTANTS, "10000")
    ringing = with_settings.stages[0].endpoints
    assert (len(ringing), [each.kind for each in ringing].count("number")) == (decisions.ASSISTANTS - 3, 1)
    assert [each.extension for each in exception.stages[0].endpoints] == ["10000"]
    assert (plain.plain, [each.role for each in plain.stages[0].endpoints]) == (True, ["user"])
    assert on_behalf.on_behalf_of == "10000"


def test_decisions_are_measured_and_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "USERS", 100)
    monkeypatch.setattr(decisions, "EXECUTIVES", 10)
    report = decisions.measure(calls=20, passes=2)
    assert all(0 < each.median_us <= each.p99_us and len(each.medians_us) == 2 for each in report.decisions)
    text = decisions.table(report)
    assert f"| plain | {report.decisions[3].median_us} (" in text
    assert f"{report.build_seconds} s" in text
