"""The benchmark's parts that need no server: its organisation stays valid, and what SIPp wrote is read right."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from b2bua.config import check
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
