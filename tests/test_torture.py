"""RFC 4475 and RFC 5118 torture messages through the whole server: each gets the answer that the RFC allows, none does harm."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from b2bua.config import Config, load, load_directory
from b2bua.core import Core
from b2bua.sip.flow import Flow, Target
from b2bua.sip.values import Uri
from b2bua.store.ports import HistoryRow

SHARED = Path(__file__).parents[2] / "shared" / "sip"
pytestmark = pytest.mark.needs("../shared")

# Where a B2BUA that serves the named domains gives another answer than the element that the RFC imagines, and why that is right.
OURS = {
    "wsinv.dat": {481},  # its To has a tag: a request for a dialog that does not exist
    "esc01.dat": {404},
    "longreq.dat": {404},
    "mpart01.dat": {405},
    "inv2543.dat": {400},  # no Contact, no tags: no dialog can come of it
    "ipv6-in-sdp.dat": {403, 404},
    "mult-ip-in-sdp.dat": {403, 404},
    "ipv4-mapped-ipv6.dat": {403, 404},
    "port-ambiguous.dat": {401},
    "port-unambiguous.dat": {401},
    "unksm2.dat": {400, 416},
}


class WireFlow:
    """Where a torture message comes from: an address of the trunk."""

    transport = "UDP"
    reliable = False
    closed = False
    local = ("127.0.0.1", 5060)
    sent_by = "127.0.0.1:5060"

    def __init__(self, host: str, port: int) -> None:
        self.remote = (host, port)
        self.key = ("UDP", self.local, self.remote)
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        pass


class Wire:
    """Makes flows and remembers none."""

    def flow_to(self, target: Target, via: Flow | None = None) -> Flow:
        return WireFlow(target.host, target.port)


class NoHistory:
    def record(self, row: HistoryRow) -> None:
        pass


def _resolve(uri: Uri, done: Callable[[Sequence[Target]], None]) -> None:
    done([])


def _cases() -> list[tuple[str, str, set[int]]]:
    cases = []
    for folder in ("rfc4475", "rfc5118"):
        table = SHARED / folder / "expected.tsv"
        if not table.exists():
            continue
        with table.open() as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                cases.append((folder, row["file"], OURS.get(row["file"]) or _allowed(row["accepted_response"])))
    return cases


def _allowed(text: str) -> set[int]:
    statuses = {int(word) for word in text.replace("/", " ").split() if word.isdigit()}
    return statuses | ({200, 400, 401, 403, 404, 480} if "processed" in text or "accept" in text else set())


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("torture")
    named = ("example.com", "www.example.com", "biloxi.example.com", "chair-dnrc.example.com", "company.example.com", "services.example.com")
    hosts = ", ".join((*named, '"[2001:db8::10]"', '"[2001:db8::10:5070]"'))
    (folder / "b2bua.yaml").write_text(
        f"domain: example.net\naliases: [{hosts}]\nlisten: [udp://127.0.0.1:5060]\nstate: state\n"
        "trunks: [{name: carrier, uri: 'sip:192.0.2.1', addresses: [192.0.2.200], numbers: ['^[0-9]+$']}]\n"
    )
    (folder / "directory.yaml").write_text('organisation: T\nusers: [{extension: "1", name: One, password: one}]\n')
    return load(folder / "b2bua.yaml")


@pytest.mark.parametrize(("folder", "file", "allowed"), _cases(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_answer_is_one_that_the_rfc_allows(config: Config, folder: str, file: str, allowed: set[int]) -> None:
    errors: list[Exception] = []
    core = Core(config, load_directory(config), resolve=_resolve, history=NoHistory(), connector=Wire())
    core.stack.on_error = errors.append
    flow = WireFlow("192.0.2.200", 5060)
    core.stack.receive(flow, (SHARED / folder / file).read_bytes(), 100.0)
    statuses = {int(data.split(b" ")[1]) for _, data in core.stack.drain() if data.startswith(b"SIP/2.0 ")} - {100}
    assert errors == []
    assert statuses <= allowed, f"{file}: answered {statuses}, allowed {allowed}"
    assert bool(statuses) == bool(allowed), f"{file}: answered {statuses}, allowed {allowed}"
    core.stack.tick(200.0)
    core.stack.tick(300.0)
    assert {name: core.health()[name] for name in ("calls", "legs", "dialogs", "transactions", "timers")} == dict.fromkeys(
        ("calls", "legs", "dialogs", "transactions", "timers"), 0
    )
