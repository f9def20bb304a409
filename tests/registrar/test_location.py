"""The location service: order of updates, replacement, limits, expiry, flows, and the way over a restart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.errors import Refused
from b2bua.registrar.location import Location
from b2bua.sip.flow import Flow
from b2bua.store.ports import StoredBinding
from tests.support.registrations import WALL, FakeFlow, MemoryStore, contact, source

A, B, C = "sip:667@192.0.2.1:5060", "sip:667@192.0.2.2:5060", "sip:667@192.0.2.3:5060"


def location(store: MemoryStore | None = None, **options: int) -> Location:
    return Location(store, wall=lambda: WALL, **options)


def uris(service: Location, aor: str = "667") -> list[str]:
    return [binding.contact for binding in service.contacts(aor)]


def test_highest_q_first_then_the_most_recent() -> None:
    service = location()
    service.update("667", [contact(A)], source(), 0.0)
    service.update("667", [contact(B)], source(call_id="d"), 1.0)
    service.update("667", [contact(C, q=0.5)], source(call_id="e"), 2.0)
    assert uris(service) == [B, A, C]
    assert service.count == 3
    assert service.contacts("668") == ()


def test_a_refresh_replaces_and_an_expiry_of_zero_removes() -> None:
    service = location()
    service.update("667", [contact(A), contact(B)], source(), 0.0)
    service.update("667", [contact(A, 60)], source(cseq=2), 10.0)
    assert {each.contact: each.remaining(10.0) for each in service.contacts("667")} == {A: 60, B: 3590}
    service.update("667", [contact("sip:667@192.0.2.1:5060;newparam=1", 0)], source(cseq=3), 11.0)
    assert uris(service) == [B]
    service.update("667", [contact(C, 0)], source(cseq=4), 11.0)
    assert uris(service) == [B]


@pytest.mark.parametrize("cseq", [1, 2])
def test_an_older_request_or_the_same_again_changes_nothing(cseq: int) -> None:
    service = location()
    service.update("667", [contact(A), contact(B)], source(cseq=2), 0.0)
    with pytest.raises(Refused, match="500"):
        service.update("667", [contact(C), contact(A, 0)], source(cseq=cseq), 1.0)
    with pytest.raises(Refused, match="500"):
        service.remove_all("667", source(cseq=cseq))
    assert set(uris(service)) == {A, B}
    service.update("667", [contact(A, 0)], source(call_id="rebooted", cseq=1), 1.0)
    assert uris(service) == [B]


def test_remove_all() -> None:
    service = location()
    service.update("667", [contact(A), contact(B)], source(), 0.0)
    service.remove_all("667", source(cseq=2))
    assert service.count == 0
    assert service.accounts() == []


def test_the_limit_per_account_and_in_all() -> None:
    service = location(max_contacts=2, max_bindings=3)
    service.update("667", [contact(A), contact(B)], source(), 0.0)
    with pytest.raises(Refused, match="403"):
        service.update("667", [contact(C)], source(call_id="n"), 0.0)
    service.update("667", [contact(C), contact(A, 0)], source(call_id="n"), 0.0)
    service.update("668", [contact(A)], source(), 0.0)
    with pytest.raises(Refused, match="503"):
        service.update("669", [contact(A)], source(), 0.0)
    service.update("668", [contact(A)], source(cseq=2), 0.0)  # a refresh is always possible
    assert service.count == 3


def test_a_phone_with_an_instance_replaces_its_old_address() -> None:
    service = location()
    service.update("667", [contact(A, instance="<urn:uuid:1>")], source(), 0.0)
    service.update("667", [contact(B, instance="<urn:uuid:1>")], source(call_id="rebooted"), 1.0)
    service.update("667", [contact(C, instance="<urn:uuid:2>")], source(), 1.0)
    assert set(uris(service)) == {B, C}


def test_two_flows_of_one_phone_stay_apart_and_each_replaces_itself() -> None:
    service = location()
    service.update("667", [contact(A, instance="<u>", reg_id=1)], source(FakeFlow(("192.0.2.1", 1))), 0.0)
    service.update("667", [contact(A, instance="<u>", reg_id=2)], source(FakeFlow(("192.0.2.1", 2)), "d"), 1.0)
    assert [each.reg_id for each in service.contacts("667")] == [2, 1]
    service.update("667", [contact(B, instance="<u>", reg_id=1)], source(FakeFlow(("192.0.2.1", 3)), "e"), 2.0)
    assert [(each.reg_id, each.contact, each.remote[1]) for each in service.contacts("667")] == [(1, B, 3), (2, A, 2)]


def test_sweeping_removes_what_has_expired_and_nothing_else() -> None:
    service = location(store := MemoryStore())
    service.update("667", [contact(A, 60), contact(B, 3600)], source(), 1000.5)
    service.update("668", [contact(A, 100)], source(), 1000.5)
    assert service.sweep(1060.0) == 0
    assert service.sweep(1061.0) == 1
    assert uris(service) == [B]
    service.update("668", [contact(A, 3600)], source(cseq=2), 1090.0)
    assert service.sweep(1200.0) == 0
    assert service.sweep(100_000.0) == 2
    assert (service.count, service.accounts(), store.rows) == (0, [], {})
    assert not service._due and not service._filed and not service._by_flow


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([A, B, C]), st.integers(0, 200), st.integers(0, 90)), max_size=25)
)
def test_bindings_live_exactly_as_long_as_a_plain_model_says(steps: list[tuple[str, str, int, int]]) -> None:
    store = MemoryStore()
    service = location(store)
    model: dict[tuple[str, str], float] = {}
    now = 1000.0
    for cseq, (aor, uri, expires, wait) in enumerate(steps):
        service.update(aor, [contact(uri, expires)], source(cseq=cseq), now)
        model[aor, uri] = now + expires
        now += wait
        service.sweep(now)
        alive = {key for key, end in model.items() if end > now}
        assert {(name, each.contact) for name in "abc" for each in service.contacts(name)} == alive
        assert service.count == len(alive)
        assert store.rows.keys() == alive
    assert sum(map(len, service._due.values())) == len(service._filed) <= 3


def test_a_closed_flow_takes_its_bindings_along() -> None:
    service, tcp = location(), FakeFlow(transport="TCP")
    service.update("667", [contact(A)], source(tcp), 0.0)
    service.update("667", [contact(B)], source(FakeFlow(transport="TCP"), "d"), 0.0)
    service.update("668", [contact(A)], source(tcp), 0.0)
    assert set(service.accounts_on(tcp.key)) == {"667", "668"}
    service.flow_closed(tcp)
    service.flow_closed(tcp)
    assert uris(service) == [B]
    assert uris(service, "668") == []
    assert service.accounts_on(tcp.key) == ()


def test_listeners_hear_of_changes_not_of_refreshes() -> None:
    service, heard = location(), list[str]()
    service.on_change(heard.append)
    flow = FakeFlow()
    service.update("667", [contact(A)], source(flow), 0.0)
    service.update("667", [contact(A)], source(flow, cseq=2), 1.0)
    assert heard == ["667"]
    service.update("667", [contact(A)], source(FakeFlow(("192.0.2.1", 9)), cseq=3), 2.0)
    service.remove(service.contacts("667")[0])
    assert heard == ["667"] * 3


def test_removing_a_binding_that_was_replaced_does_nothing() -> None:
    service = location()
    (old,) = service.update("667", [contact(A)], source(), 0.0)
    service.update("667", [contact(A)], source(cseq=2), 1.0)
    service.remove(old)
    assert uris(service) == [A]


def test_permanent_contacts_stand_beside_registered_ones_and_never_expire() -> None:
    service = location(store := MemoryStore())
    service.set_permanent({"667": ["sip:gw@192.0.2.7:5060"], "668": []})
    assert [each.permanent for each in service.contacts("667")] == [True]
    service.update("667", [contact(A, 60)], source(), 0.0)
    assert uris(service) == [A, "sip:gw@192.0.2.7:5060"]
    assert [each.contact for each in service.registered("667")] == [A]
    service.sweep(1e6)
    assert uris(service) == ["sip:gw@192.0.2.7:5060"]
    assert (service.count, store.rows) == (0, {})
    service.set_permanent({})
    assert uris(service) == []


def test_a_new_directory_drops_the_accounts_it_does_not_know() -> None:
    service = location()
    service.update("667", [contact(A)], source(), 0.0)
    service.update("668", [contact(A)], source(), 0.0)
    service.retain({"667"}.__contains__)
    assert service.accounts() == ["667"]


# -- over a restart


def stored(uri: str = A, **changes: object) -> StoredBinding:
    row = StoredBinding(
        "667", uri, ";x=1", 0.7, "<u>", 1, WALL + 100, "UDP", "192.0.2.1", 5060, "127.0.0.1", 5060, ("<sip:p;lr>",), "c", 7, "ua"
    )
    return row._replace(**changes)  # type: ignore[arg-type]


def rebuild(row: StoredBinding) -> Flow | None:
    return FakeFlow((row.remote_host, row.remote_port), local=(row.local_host, row.local_port))


def test_bindings_come_back_with_their_flow_and_what_is_left_of_their_life() -> None:
    store = MemoryStore()
    before = location(store)
    before.update("667", [contact(A, 600, params=";x=1", q=0.7, instance="<u>", reg_id=2)], source(path=("<sip:p;lr>",)), 5.0)
    after = Location(store, wall=lambda: WALL + 100)
    assert after.restore(rebuild, 70_000.0) == 1
    (old,), (new,) = before.contacts("667"), after.contacts("667")
    kept = ("contact", "params", "q", "instance", "reg_id", "path", "call_id", "cseq", "remote", "local", "transport")
    assert [getattr(new, name) for name in kept] == [getattr(old, name) for name in kept]
    assert new.flow is not None and old.flow is not None and new.flow.key == old.flow.key
    assert new.remaining(70_000.0) == 500
    assert after.sweep(70_501.0) == 1


def test_a_phone_that_registers_before_the_store_is_read_is_not_doubled() -> None:
    service = location(MemoryStore([stored()]))
    service.update("667", [contact(A)], source(call_id="new"), 0.0)
    assert service.restore(rebuild, 0.0) == 1
    assert [each.call_id for each in service.contacts("667")] == ["new"]


def test_a_way_that_no_longer_leads_anywhere_is_none() -> None:
    rows = [stored(path=()), stored("sip:667@10.0.0.5", path=())]
    service = location(MemoryStore(rows))
    service.restore(lambda _: FakeFlow(closed=True), 0.0)
    assert [(each.contact, each.flow) for each in service.contacts("667")] == [(A, None)]


def test_the_order_of_requests_survives() -> None:
    service = location(MemoryStore([stored()]))
    service.restore(rebuild, 0.0)
    with pytest.raises(Refused, match="500"):
        service.update("667", [contact(A)], source(cseq=7), 1.0)
    service.update("667", [contact(A)], source(cseq=8), 1.0)


def test_what_cannot_be_reached_after_a_restart_is_forgotten() -> None:
    behind_nat = stored("sip:667@10.0.0.5:5060", transport="TCP", remote_port=40_000, path=())
    direct = stored("sip:667@192.0.2.1:5060;transport=tcp", transport="TCP", path=())
    expired = stored(B, expires=WALL - 1)
    store = MemoryStore([behind_nat, direct, expired])
    service = location(store)
    assert service.restore(rebuild, 0.0) == 1
    assert [(each.contact, each.flow) for each in service.contacts("667")] == [(direct.contact, None)]
    assert store.rows.keys() == {("667", direct.contact)}
