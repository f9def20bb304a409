"""All calls: the door, where legs are sent, overload, drain, a new directory, and a bug that ends one call only."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from b2bua.calls import conversation as conversation_module
from b2bua.calls.call import Call
from b2bua.calls.events import Info
from b2bua.calls.hunt import Hunt
from b2bua.delegation.plan import Endpoint, RoutePlan
from tests.calls.plans import decide
from tests.phones import Phone, Trunk
from tests.world import NUMBER, SERVER, TRUNKS, USERS, World, configuration, directory, executive

NewWorld = Callable[..., World]


def test_more_calls_than_the_server_can_take(new_world: NewWorld) -> None:
    world = new_world(config=configuration(limits={"calls": 1}))
    lee, mia, desk = world.phones("601", "602", "600")
    mine, theirs = world.talk(lee, mia)
    refused = desk.call("602")
    refused.expect_ended(503)
    assert refused.responses[-1].get("retry-after")
    mine.hold().expect(200)
    mine.hang_up().expect(200)
    theirs.expect_ended()
    desk.call("602")
    mia.expect_call()


def test_an_emergency_call_is_never_one_too_many(new_world: NewWorld) -> None:
    world = new_world(config=configuration(limits={"calls": 1}))
    lee, mia, desk = world.phones("601", "602", "600")
    world.talk(lee, mia)
    carrier = world.carrier
    mine = desk.call("112")
    assert carrier.expect_call().invite.uri.startswith("sip:112@")
    mine.expect_ringing()
    desk.call("602").expect_ended(503)


def test_draining_takes_no_new_calls_and_lets_the_others_go_on(world: World) -> None:
    lee, mia, desk = world.phones("601", "602", "600")
    mine, theirs = world.talk(lee, mia)
    world.core.calls.drain()
    assert world.health["status"] == "draining"
    desk.call("602").expect_ended(503)
    mine.hold().expect(200)
    world.core.calls.hang_up_all()
    mine.expect_ended()
    theirs.expect_ended()
    world.run(1)
    assert world.history[-1].outcome == "answered" and not world.core.calls.calls


def test_the_end_of_the_drain_finds_ringing_calls_too(world: World) -> None:
    sam, lee = world.phones("676", "601")
    mine = lee.call("667")
    theirs = sam.expect_call()
    mine.expect_ringing()
    world.core.calls.hang_up_all()
    mine.expect_ended(503)
    theirs.expect_ended(487)


def test_a_new_directory_counts_for_new_calls(world: World) -> None:
    lee, mia, sam = world.phones("601", "602", "676")
    mine, theirs = world.talk(lee, mia)
    gone = [user for user in USERS if user.extension != "602"]
    world.core.use_directory(directory(world.config, executive("667", "601"), users=gone))
    mine.hold().expect(200)
    mine.hang_up().expect(200)
    theirs.expect_ended()
    lee.call("602").expect_ended(404)
    mia.call("601").expect_ended(407)
    sam.call("667")
    lee.expect_call()


def test_a_bug_ends_one_call_and_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lee, mia, desk, tom = world.phones("601", "602", "600", "678")
    mine, theirs = world.talk(lee, mia)
    other, _ = world.talk(desk, tom)

    def bug(self: Call, event: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setitem(conversation_module._HANDLERS, Info, bug)
    mine.info("1").expect(500)
    mine.expect_ended()
    theirs.expect_ended()
    monkeypatch.undo()
    assert [str(error) for error in world.bugs] == ["bug"]
    world.bugs.clear()
    other.hold().expect(200)
    world.patience = 70


def test_a_bug_while_it_rings_is_500_to_the_caller_or_a_refusal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lee, mia = world.phones("601", "602")
    mia.behaviour = lambda call: None
    mine = lee.call("602")
    theirs = mia.expect_call()
    monkeypatch.setattr(Hunt, "branch_of", lambda self, leg: 1 / 0)
    theirs.ring()
    mine.expect_ended()
    assert mine.status >= 400
    theirs.expect_ended(487)
    monkeypatch.undo()
    assert len(world.bugs) == 1
    world.bugs.clear()
    assert len(world.history) == 1


@pytest.mark.parametrize("method", ["NOTIFY", "MESSAGE", "REFER", "PUBLISH"])
def test_methods_that_are_known_and_not_served_are_405(world: World, method: str) -> None:
    lee = world.phone("601")
    assert "INVITE" in lee.request(method, "sip:602@acme.test").expect(405).get("allow")


def test_other_requests_outside_of_dialogs(world: World) -> None:
    lee = world.phone("601")
    lee.request("FROB", "sip:602@acme.test").expect(501)
    for method in ("BYE", "UPDATE", "INFO", "PRACK"):
        lee.request(method, "sip:0@127.0.0.1:5060").expect(481)
    lee.request("BYE", "sip:0@127.0.0.1:5060", to="<sip:602@acme.test>;tag=none").expect(481)
    lee.request("INVITE", "ftp://acme.test/x").expect(416)


def test_what_cannot_be_parsed_is_400_or_dropped(world: World) -> None:
    heard: list[bytes] = []
    world.wire.bind(("127.0.5.5", 5060), lambda data, source: heard.append(data))
    broken = b"INVITE sip:602@acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.5.5:5060;branch=z9hG4bKx\r\n\r\n"
    for data in (
        b"hello\r\n\r\n",
        b"\r\n\r\n",
        b"\x00" * 50,
        b"SIP/2.0 200 OK\r\n\r\n",
        broken,
        broken.replace(b"INVITE", b"ACK"),
    ):
        world.wire.send(("127.0.5.5", 5060), SERVER, data)
    world.run(1)
    assert [data[:11] for data in heard] == [b"SIP/2.0 400"]


def test_a_loop_is_482(new_world: NewWorld) -> None:
    """A trunk that sends our own INVITE back."""
    world = new_world()
    lee = world.phone("601")
    back = Trunk(world.wire, "back", ("127.0.0.2", 5090), SERVER)
    world.parties.append(back)
    back.behaviour = lambda call: back.send_raw(
        call.invite.data.replace(b"Via: ", f"{back.via()}\r\nVia: ".encode(), 1).replace(b"Max-Forwards: 69", b"Max-Forwards: 68")
    )
    mine = lee.call(NUMBER)
    world.run(1)
    assert back.heard(482)
    mine.cancel()
    back.calls[0].ring()
    mine.expect_ended(487)
    world.patience = 70


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("nobody has the number 9", '"nobody has the number 9"'),
        ('the profile "A" is "C:\\x"', r'"the profile \"A\" is \"C:\\x\""'),
        ('"', r'"\""'),
        ("Büro „Süd“", '"Büro „Süd“"'),
        ("no\r\nX-Evil: 1", '"no  X-Evil: 1"'),
        ("no\x00\x1b\x85\u2028\udcff.", '"no     ."'),
        ("n" * 5000, f'"{"n" * 200}"'),
        ("\\" * 300, '"' + "\\" * 400 + '"'),
    ],
)
def test_a_warning_is_a_quoted_string(world: World, monkeypatch: pytest.MonkeyPatch, text: str, heard: str) -> None:
    """RFC 3261 §20.43 and §25.1; `World.settle` looks at every message, too."""
    lee = world.phone("601")
    decide(monkeypatch, RoutePlan("refuse", final_status=404, warning=text))
    mine = lee.call("602")
    mine.expect_ended(404)
    assert mine.responses[-1].get("warning") == f"399 acme.test {heard}"


def test_the_line_of_a_phone_rings_instead_of_its_main_account(world: World) -> None:
    """Two accounts on one phone: one call, on the line that says for whom it is. Another phone of the assistant rings as well."""
    sam = world.phone("676")
    line = Phone(world.wire, "676-667", ("127.0.1.1", 5062), SERVER, password="sam-676")
    world.parties.append(line)
    instance = '"<urn:uuid:00000000-0000-1000-8000-000000000001>"'
    sam.register(contact=f"{sam.contact};+sip.instance={instance}")
    line.register(contact=f"{line.contact};+sip.instance={instance}")
    app = world.phone("676")
    lee = world.phone("601")
    mine = lee.call("667")
    line.expect_call()
    app.expect_call()
    assert not sam.calls
    mine.cancel()
    mine.expect_ended(487)
    lee.call("676")
    sam.expect_call()
    app.expect_call()
    assert len(line.calls) == 1, "a call to herself rings her own account only"


def test_where_an_endpoint_can_be_reached(world: World) -> None:
    index = world.core.calls
    assert not index.contacts(Endpoint("user", "601", None, None, "user", None))
    assert not index.contacts(Endpoint("number", None, NUMBER, "no such trunk", "outside", None))
    (trunk,) = index.contacts(Endpoint("number", None, NUMBER, "carrier", "outside", None))
    assert trunk.name == "carrier" and trunk.trusted  # type: ignore[union-attr]


def test_a_trunk_that_calls_the_contact_under_which_we_are_registered(new_world: NewWorld) -> None:
    """The Request-URI is then our own user name there, and To says which number was called; without a registration it is nobody."""
    auth = {"username": "acme", "password": "secret"}
    world = new_world(config=configuration(trunks=[{**TRUNKS[1], "auth": {**auth, "register": True}}]))
    lee = world.phone("601")
    text = (
        f"INVITE sip:{{user}}@127.0.0.1 SIP/2.0\n{{via}}\nFrom: <sip:+33123456@127.0.0.2>;tag={{id}}\nTo: <sip:{{to}}@carrier.example>\n"
        f"Call-ID: {{id}}\nCSeq: 1 INVITE\nContact: {world.carrier.contact}\nMax-Forwards: 70\nContent-Length: 0\n\n"
    )
    for serial, (user, to) in enumerate((("acme", "nobody"), ("other", "+6221500602"), ("acme", "+6221500602"))):
        world.carrier.send_raw(text.format(user=user, via=world.carrier.via(), id=f"did{serial}", to=to))
        world.run(1)
        assert bool(lee.calls) == (serial == 2), (user, to)
    assert [row.status for row in world.history] == [404, 404]
    lee.expect_call().reject(603)
    world.run(1)
    assert (world.history[-1].called, world.history[-1].status) == ("+6221500602", 603)


def test_path_and_escaped_contacts(world: World) -> None:
    """RFC 3327: the INVITE goes by the Path; headers of a registered contact URI are not taken over."""
    mia = world.phone("602", register=False)
    mia.register(contact=f"<sip:602@{mia.host_port}?X-Evil=1>", headers=["Path: <sip:127.0.1.1:5060;lr>", "Supported: path"])
    world.phone("601").call("602")
    invite = mia.expect_call().invite
    assert invite.all("route") == ["<sip:127.0.1.1:5060;lr>"]
    assert invite.uri == f"sip:602@{mia.host_port}" and not invite.get("x-evil")


def test_each_attempt_is_one_row_and_one_count(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine, _ = world.talk(lee, mia)
    mine.hang_up().expect(200)
    lee.call("999").expect_ended(404)
    lee.call("600").expect_ended(480)
    world.run(1)
    assert [row.outcome for row in world.history] == ["answered", "refused", "missed"]
    assert len({row.id for row in world.history}) == 3
    assert world.core.calls.counters["attempts"] == 3
    assert world.core.calls.outcomes == {"answered": 1, "refused": 1, "missed": 1}


def test_an_invite_refused_before_anything_is_decided_is_recorded_too(world: World) -> None:
    lee = world.phone("601")
    lee.call("602", ["Accept: text/plain"]).expect_ended(406)
    (row,) = world.history
    assert (row.caller, row.called, row.outcome, row.status) == ("601", "602", "refused", 406)
