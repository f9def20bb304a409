"""Bindings over a restart, with the real database."""

from __future__ import annotations

from pathlib import Path

from b2bua.registrar.location import Location
from b2bua.sip.flow import Flow
from b2bua.store import open_store
from b2bua.store.ports import StoredBinding
from tests.support.registrations import FakeFlow, contact, source

WALL = 1_790_000_000.0


def rebuild(row: StoredBinding) -> Flow | None:
    return FakeFlow((row.remote_host, row.remote_port), local=(row.local_host, row.local_port))


def test_a_registration_outlives_the_process(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    service = Location(store.bindings, wall=lambda: WALL)
    phone = FakeFlow(("192.0.2.1", 5062))
    service.update("667", [contact(params=';+sip.instance="<u>";x', q=0.5, instance="<u>")], source(phone), 0.0)
    service.update("676", [contact("sip:676@192.0.2.2")], source(phone), 0.0)
    service.update("676", [contact("sip:676@192.0.2.2", 0)], source(phone, cseq=2), 1.0)
    store.close()

    store = open_store(tmp_path)
    service = Location(store.bindings, wall=lambda: WALL + 600)
    assert service.restore(rebuild, 5.0) == 1
    (binding,) = service.contacts("667")
    assert (binding.contact, binding.params, binding.q, binding.instance) == (
        "sip:667@192.0.2.1:5060",
        ';+sip.instance="<u>";x',
        0.5,
        "<u>",
    )
    assert binding.flow is not None and binding.flow.key == phone.key
    assert binding.remaining(5.0) == 3000
    service.sweep(3006.0)
    store.close()

    store = open_store(tmp_path)
    assert store.bindings.load() == []
    store.close()
