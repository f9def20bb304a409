"""`Core`, joined without an event loop: health, metrics, OPTIONS, a new directory, housekeeping, and bugs that stay small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from b2bua.config.hosts import Hosts
from b2bua.delegation.plan import Setting
from b2bua.delegation.state import MOST_CALLBACKS
from b2bua.sip.flow import Target
from b2bua.store import open_store
from b2bua.store.history import view
from b2bua.web.metrics import registry
from tests.phones import Phone, Trunk
from tests.world import EPOCH, NUMBER, SERVER, TRUNKS, USERS, World, configuration, directory, executive

KEYS = ["status", "calls", "legs", "dialogs", "transactions", "timers", "registrations", "media_ports"]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.settle()


class LogLines(list[dict[str, Any]]):
    """A logger that keeps its lines."""

    def info(self, event: str, **values: Any) -> None:
        self.append({"level": "info", "event": event, **values})

    def warning(self, event: str, **values: Any) -> None:
        self.append({"level": "warning", "event": event, **values})


@pytest.fixture
def log(world: World) -> LogLines:
    """What `app` logs."""
    lines = LogLines()
    world.core.log = world.core.watch._log = lines  # type: ignore[assignment]
    return lines


def sweep(world: World, seconds: int) -> None:
    """Let time pass with the housekeeping that `app` does once a second."""
    for _second in range(seconds):
        world.run(1.0)
        world.core.sweep(world.wire.now)
        world.host.flush()


# Health and metrics.


def test_health_has_the_keys_of_the_contract_and_counts_what_goes_on(world: World) -> None:
    assert list(world.health) == KEYS
    assert list(world.health.values()) == ["ok", 0, 0, 0, 0, 0, 0, 0]
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    mine.expect_ringing()
    ringing = world.health
    assert (ringing["calls"], ringing["legs"], ringing["registrations"]) == (1, 2, 2)
    theirs.answer()
    mine.expect_up()
    world.run(33)
    up = world.health
    assert (up["calls"], up["legs"], up["dialogs"], up["transactions"]) == (1, 2, 2, 0)
    mine.hang_up().expect(200)
    world.run(33)
    assert list(world.health.values()) == ["ok", 0, 0, 0, 0, 0, 2, 0]


def test_metrics_say_the_same(world: World) -> None:
    mine, _ = world.talk(*world.phones("601", "602"))
    values = {
        sample.name: sample.value
        for family in registry(world.core.readings()).collect()
        for sample in family.samples
        if not sample.labels
    }
    assert (values["b2bua_calls"], values["b2bua_legs"], values["b2bua_registrations"]) == (1, 2, 2)
    kinds = {
        (sample.name, sample.labels["kind"]): sample.value
        for family in registry(world.core.readings()).collect()
        for sample in family.samples
        if "kind" in sample.labels
    }
    assert kinds["b2bua_invites_total", "attempts"] == 1
    assert kinds["b2bua_sip_messages_total", "INVITE"] == 2
    mine.hang_up()


# OPTIONS.


def test_options_is_answered_whoever_asks_without_keeping_state(world: World) -> None:
    lee = world.phone("601")
    stranger = Trunk(world.wire, "stranger", ("127.0.9.9", 5060), SERVER)
    world.run(33)
    for party in (lee, stranger, world.carrier):
        response = party.request("OPTIONS", "sip:acme.test").expect(200)
        assert "INVITE" in response.get("allow") and response.get("accept") == "application/sdp"
        assert response.all("supported") == ["100rel", "timer", "replaces", "join", "norefersub", "path", "outbound"]
    assert world.at_rest() == {}


def test_options_says_503_while_the_server_drains(world: World) -> None:
    world.core.calls.drain()
    assert world.carrier.request("OPTIONS", "sip:acme.test").expect(503).get("retry-after")
    assert world.health["status"] == "draining"


# Which hosts are this server.


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("acme.test", True),
        ("ACME.test", True),
        ("sip.acme.test", True),
        ("127.0.0.1", True),
        ("127.0.0.9", False),
        ("evil.test", False),
        ("", False),
    ],
)
def test_hosts(host: str, ours: bool) -> None:
    assert (host in Hosts(configuration(aliases=["sip.acme.test"]))) == ours


def test_a_server_that_listens_on_all_addresses_is_every_address() -> None:
    hosts = Hosts(configuration(listen=["udp://0.0.0.0:5060", "udp://[::]:5060"], advertise="192.0.2.1"))
    assert all(host in hosts for host in ("192.0.2.1", "10.1.2.3", "::1", "[::1]", "2001:db8::1"))
    assert "evil.test" not in hosts and 5 not in hosts


# A new directory.


def test_a_new_directory_removes_users_and_their_registrations_and_keeps_the_others(world: World) -> None:
    lee, mia, desk = world.phones("601", "602", "600")
    mine, theirs = world.talk(lee, mia)
    assert world.health["registrations"] == 3
    world.core.use_directory(directory(world.config, executive(), users=[user for user in USERS if user.extension != "602"]))
    assert world.health["registrations"] == 2
    assert mine.state == theirs.state == "up"
    mine.hold().expect(200)
    lee.call("602").expect_ended(404)
    mia.register(status=401)
    lee.call("600")
    desk.expect_call()


def test_a_new_password_counts_at_once(world: World) -> None:
    lee, _ = world.phones("601", "602")
    changed = [user if user.extension != "601" else type(user)("601", user.name, "new-password", user.numbers) for user in USERS]
    world.core.use_directory(directory(world.config, executive(), users=changed))
    lee.call("602").expect_ended(407)
    lee.password = "new-password"
    lee.call("602").expect_ringing()


def test_permanent_contacts_come_and_go_with_the_directory(world: World) -> None:
    lee = world.phone("601")
    gateway = world.phone("602", register=False, at=("127.0.0.77", 5070))
    lee.call("602").expect_ended(480)
    fixed = [
        user if user.extension != "602" else type(user)("602", user.name, user.password, contacts=("sip:602@127.0.0.77:5070",))
        for user in USERS
    ]
    world.core.use_directory(directory(world.config, executive(), users=fixed))
    lee.call("602")
    gateway.expect_call()
    world.core.use_directory(directory(world.config, executive()))
    lee.call("602").expect_ended(480)


# What phones have set.


class Settings(dict[tuple[str, str, str], Setting]):
    """A `StateStore` in memory."""

    def load(self) -> list[Setting]:
        return list(self.values())

    def save(self, settings: Sequence[Setting]) -> None:
        for each in settings:
            self.pop(each[:3], None)
            if each.value is not None:
                self[each[:3]] = each


FILTER_OFF = Setting("filter", "667", "", "off")


def test_a_setting_counts_from_the_next_call_on_and_the_log_tells_it(world: World, log: LogLines) -> None:
    carrier, boss, sam = world.carrier, *world.phones("667", "676")
    first = carrier.call("+6221500667")
    sam.expect_call()
    first.cancel()
    world.core.remember([FILTER_OFF])
    carrier.call("+6221500667").expect_ringing()
    boss.expect_call()
    assert len(sam.calls) == 1
    told = [{name: each[name] for name in ("kind", "subject", "object", "value")} for each in log if each["event"] == "setting"]
    assert told == [{"kind": "filter", "subject": "667", "object": "", "value": "off"}]


def test_a_new_directory_keeps_what_phones_have_set(world: World) -> None:
    carrier, boss = world.carrier, world.phone("667")
    world.core.remember([FILTER_OFF])
    world.core.use_directory(directory(world.config, executive()))
    carrier.call("+6221500667")
    boss.expect_call()


def test_settings_do_not_disturb_registrations_and_passwords(world: World) -> None:
    lee, mia = world.phones("601", "602")
    accounts, credentials = world.core.calls.accounts, world.core.registrar.credentials
    world.core.remember([FILTER_OFF])
    assert (world.core.calls.accounts, world.core.registrar.credentials) == (accounts, credentials)
    world.talk(lee, mia)


def test_what_a_phone_has_set_survives_a_restart(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    world = World(state=store.state)
    boss = world.phone("667")
    boss.call("#62").expect_up()
    world.settle()
    store.close()
    store = open_store(tmp_path)
    again = World(state=store.state)
    carrier, boss, sam = again.carrier, *again.phones("667", "676")
    carrier.call("+6221500667").expect_ringing()
    boss.expect_call()
    assert sam.calls == []
    again.settle()
    store.close()


def test_settings_whose_time_is_over_are_forgotten() -> None:
    kept = Settings()
    world = World(state=kept)
    callback = Setting("callback", "667", "15551234567", "676", EPOCH + world.wire.now + 90)
    world.core.remember([FILTER_OFF, callback])
    sweep(world, 89)
    assert set(kept.values()) == {FILTER_OFF, callback}
    sweep(world, 65)
    assert list(kept.values()) == [FILTER_OFF]
    assert list(world.core.directory.state) == [FILTER_OFF]
    assert world.core.calls.directory is world.core.directory


def test_an_executive_has_only_so_many_callbacks_in_memory_and_in_the_store() -> None:
    kept = Settings()
    world = World(state=kept)
    callbacks = [Setting("callback", "667", f"1555{n:06}", "676", EPOCH + world.wire.now + 3600 + n) for n in range(MOST_CALLBACKS + 1)]
    world.core.remember([FILTER_OFF, *callbacks[:-1]])
    assert len(kept) == MOST_CALLBACKS + 1
    world.core.remember(callbacks[-1:])
    assert set(kept.values()) == {FILTER_OFF, *callbacks[MOST_CALLBACKS // 10 :]}
    assert set(world.core.directory.state) == set(kept.values())
    assert world.core.calls.directory is world.core.directory


# Why a call went where it went.


def test_a_row_keeps_on_what_the_call_was_decided_and_the_plan(world: World) -> None:
    sam = world.phone("676")
    mine = world.carrier.call("+6221500667")
    sam.expect_call()
    mine.cancel()
    world.run(1)
    (row,) = world.history
    assert row.decision is not None
    at, facts, plan = row.decision
    assert abs(at - row.started) <= 1
    assert (facts.caller.trunk, facts.dialled) == ("carrier", "+6221500667")
    assert (plan.executive, plan.stages[0].endpoints[0].extension) == ("667", "676")
    assert [rule for rule in plan.trace if rule.matched]


def test_a_refused_call_and_a_feature_code_keep_theirs_too(world: World) -> None:
    lee, boss = world.phones("601", "667")
    lee.call("nobody").expect_ended(404)
    boss.call("#62").expect_up()
    world.settle()
    actions = [row.decision[2].action for row in world.history if row.decision is not None]
    assert actions == ["refuse", "set"]
    assert [each["note"] for each in view(world.history, "667")] == ["Filter off: Olivia Boss"]
    assert [each["called"] for each in view(world.history, "601")] == ["nobody"]


# Whom nobody covers.


def test_an_uncovered_executive_is_told_in_the_metrics_and_the_log(world: World, log: LogLines) -> None:
    def uncovered() -> float | None:
        return registry(world.core.readings()).get_sample_value("b2bua_executives_uncovered")

    sweep(world, 50)
    assert uncovered() == 0
    sweep(world, 20)
    assert uncovered() == 1
    world.phone("676-667")
    sweep(world, 5)
    assert uncovered() == 0
    assert [(each["level"], each["event"]) for each in log] == [("warning", "executive uncovered"), ("info", "executive covered again")]


# Housekeeping.


def test_registrations_expire(world: World) -> None:
    lee, mia = world.phone("601"), world.phone("602", register=False)
    mia.register(expires=90)
    sweep(world, 60)
    assert world.health["registrations"] == 2
    sweep(world, 35)
    assert world.health["registrations"] == 1
    lee.call("602").expect_ended(480)


def test_a_phone_behind_nat_is_kept_alive_and_forgotten_when_it_is_gone(world: World) -> None:
    mia = world.phone("602", register=False)
    mia.register(contact="<sip:602@10.0.0.5:5060>")
    sweep(world, 70)
    assert len(mia.heard("OPTIONS")) >= 2
    mia.vanish()
    sweep(world, 240)
    assert world.health["registrations"] == 0


def test_a_tcp_phone_is_forgotten_with_its_connection(world: World) -> None:
    mia = world.phone("602", register=False, transport="TCP")
    mia.register()
    assert world.health["registrations"] == 1
    for stream in list(world.host.streams):
        stream.peer.close()  # type: ignore[union-attr]
    world.run(1)
    assert world.health["registrations"] == 0


def test_the_server_keeps_itself_registered_at_a_trunk() -> None:
    trunks = [{**TRUNKS[1], "auth": {"username": "acme", "password": "secret", "realm": "carrier", "register": True}}]
    world = World(config=configuration(trunks=trunks))
    trunk = Trunk(world.wire, "carrier", ("127.0.0.2", 5090), SERVER)
    world.parties.append(trunk)
    seen: list[str] = []

    def answer(call: object, request: object) -> int | None:
        seen.append(request.get("authorization"))  # type: ignore[attr-defined]
        return None

    trunk.hooks["REGISTER"] = answer
    world.core.register_at_trunks(lambda uri: world.host.flow_to(Target("UDP", uri.host, uri.port or 5060)))
    sweep(world, 3)
    assert seen and seen[0] == ""
    world.core.registrations[0].stop(world.wire.now)
    world.host.flush()
    world.settle(70)


@pytest.mark.parametrize(("keep_alive", "left"), [("nat", 1), ("all", 0), ("none", 1)])
def test_a_phone_that_vanished_loses_its_registration_where_it_is_asked(keep_alive: str, left: int) -> None:
    world = World(config=configuration(keep_alive=keep_alive))
    world.phone("602").vanish()
    sweep(world, 200)
    assert world.health["registrations"] == left
    world.settle(40)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "127.0.0.1"),
        ({"listen": ["udp://0.0.0.0:5060"]}, "127.0.0.1"),
        ({"listen": ["udp://127.0.0.1:5060", "udp://192.0.2.10:5060"]}, "192.0.2.10"),
        ({"listen": ["udp://192.0.2.10:5060"], "media": {"address": "192.0.2.11"}}, "192.0.2.11"),
        ({"listen": ["udp://192.0.2.10:5060"], "advertise": "203.0.113.9"}, "203.0.113.9"),
        ({"listen": ["udp://192.0.2.10:5060"], "advertise": "sip.acme.test"}, "192.0.2.10"),
    ],
)
def test_the_address_in_session_descriptions_is_one_that_others_know(settings: dict[str, object], address: str) -> None:
    assert World(config=configuration(**settings)).core.calls.media_address == address


# Bugs.


def test_a_bug_in_a_handler_costs_that_request_a_500(world: World) -> None:
    lee, _ = world.phones("601", "602")

    def bug(*args: object) -> None:
        raise RuntimeError("bug")

    usual = world.core.stack.handlers["OPTIONS"]
    world.core.stack.handlers["OPTIONS"] = bug
    lee.request("OPTIONS", "sip:acme.test").expect(500)
    world.core.stack.handlers["OPTIONS"] = usual
    lee.request("OPTIONS", "sip:acme.test").expect(200)
    assert [str(error) for error in world.bugs] == ["bug"]
    world.bugs.clear()


def test_bugs_are_counted_and_logged(world: World) -> None:
    world.core._on_error(RuntimeError("bug"))
    assert world.core.errors == 1


# Everything at once.


def test_many_calls_at_the_same_time(world: World) -> None:
    pairs = []
    for n in range(40):
        caller = Phone(world.wire, "601", ("127.0.3.1", 6000 + n), SERVER, password="lee-601")
        world.parties.append(caller)
        pairs.append((caller, caller.call(NUMBER)))
    world.carrier.behaviour = lambda call: call.answer()
    world.run(1)
    assert (world.health["calls"], world.health["legs"], world.health["dialogs"]) == (40, 80, 80)
    for n, (_, call) in enumerate(pairs):
        if n % 2:
            call.hang_up()
        else:
            next(c for c in world.carrier.calls if c.state == "up").hang_up()
    world.run(1)
    world.balanced()
