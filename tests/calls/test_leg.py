"""A leg wherever its party is: behind NAT, on TCP, on IPv6, with a connection that breaks, with early media of one after another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.phones import Phone, stays_silent
from tests.world import NUMBER, SERVER, Alerting, World, configuration, executive

NewWorld = Callable[..., World]
V6 = ("::1", 5060)


class Natted(Phone):
    """A phone that believes in an address nobody can reach."""

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@10.0.0.5:5060>"


def test_a_phone_behind_nat_is_reached_over_its_flow(world: World) -> None:
    lee = world.phone("601")
    mia = Natted(world.wire, "602", ("127.0.7.7", 33_333), SERVER, password="mia-602")
    world.parties.append(mia)
    mia.register()
    mine, theirs = world.talk(lee, mia)
    mine.hold().expect(200)
    theirs.resume().expect(200)
    mine.hang_up().expect(200)
    theirs.expect_ended()
    theirs = mia.call("601")
    lee.expect_call().answer()
    theirs.expect_up()
    lee.calls[-1].hang_up().expect(200)
    theirs.expect_ended()
    assert not any(packet.destination[0] == "10.0.0.5" for packet in world.wire.trace)


@pytest.mark.parametrize("closed_by", ["phone", "network"])
def test_a_connection_that_breaks_in_the_call_is_made_again(world: World, closed_by: str) -> None:
    lee = world.phone("601")
    mia = world.phone("602", transport="TCP")
    mine, theirs = world.talk(lee, mia)
    for stream in list(world.host.streams):
        assert stream.peer is not None
        stream.peer.close() if closed_by == "phone" else stream.fail()
    world.run(0.1)
    mine.hang_up().expect(200)
    theirs.expect_ended()


def test_a_phone_whose_connection_is_gone_and_comes_not_back(world: World) -> None:
    lee = world.phone("601")
    mia = world.phone("602", transport="TCP")
    mine, theirs = world.talk(lee, mia)
    mia.vanish()
    for stream in list(world.host.streams):
        stream.fail()
    mine.hold()
    mine.expect_ended()
    theirs.state = "ended"


def test_a_trunk_that_refuses_connections(new_world: NewWorld) -> None:
    trunks = [{"name": "carrier", "uri": "sip:127.0.0.2:5090;transport=tcp", "addresses": ["127.0.0.2"], "numbers": ["^\\+"]}]
    world = new_world(config=configuration(trunks=trunks))
    lee = world.phone("601")
    lee.call(NUMBER).expect_ended(503)
    mine, _ = world.talk(lee, world.carrier, number=NUMBER)
    assert "SIP/2.0/TCP" in world.carrier.calls[-1].invite.all("via")[0]
    mine.hang_up().expect(200)


def test_a_call_between_ipv6_and_ipv4(new_world: NewWorld) -> None:
    listen = ["udp://127.0.0.1:5060", "udp://[::1]:5060"]
    world = new_world(config=configuration(listen=listen), addresses=[SERVER, V6])
    lee = world.phone("601")
    mia = Phone(world.wire, "602", ("::1", 5070), V6, password="mia-602")
    world.parties.append(mia)
    mia.register()
    mine, theirs = world.talk(lee, mia)
    assert theirs.invite.get("contact") == "<sip:0@[::1]:5060>"
    assert mine.responses[-1].get("contact") == "<sip:0@127.0.0.1:5060>"
    assert mine.hears(theirs)
    mine.hold().expect(200)
    theirs.hang_up().expect(200)
    mine.expect_ended()
    other = mia.call("sip:601@[::1]:5060")
    lee.expect_call().answer()
    other.expect_up()


def test_early_media_of_one_assistant_after_the_other(new_world: NewWorld) -> None:
    """Each is an early dialog of its own to the caller; the 200 continues the one of who answered."""
    world = new_world(executive(alerting=Alerting(mode="sequential", ring_seconds=5)))
    sam, ana, lee = world.phones("676", "677", "601")
    sam.behaviour = ana.behaviour = stays_silent
    mine = lee.call("667")
    at_sam = sam.expect_call()
    at_sam.ring(183, sdp=True)
    at_ana = ana.expect_call(within=6)
    at_ana.ring(183, sdp=True)
    world.run(0.1)
    ports = {tag: response.sdp.port for tag, response in mine.early.items() if response.sdp}
    assert len(ports) == 2
    at_ana.answer()
    mine.expect_up()
    assert ports[mine.remote_tag] == at_ana.local_sdp.port
    assert mine.hears(at_ana)


def test_reliable_responses_that_nobody_acknowledges_do_not_pile_up(world: World) -> None:
    lee = world.phone("601", reliable=True)
    world.carrier.behaviour = stays_silent
    mine = lee.call(NUMBER)
    mine.auto_prack = False
    theirs = world.carrier.expect_call()
    for n in range(100):
        theirs.local_sdp = theirs.local_sdp._replace(port=30_000 + n)
        theirs.ring(183, sdp=True, reliable=True)
        world.run(0.01)
    (call,) = world.core.calls.calls.values()
    assert call.invite is not None and len(call.invite._queue) <= 16
    theirs.answer()
    mine.expect_ended(504, within=40)
    theirs.expect_ended()


def test_an_ack_with_a_body_that_nobody_asked_for(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    mine.auto_ack = False
    theirs = mia.expect_call()
    theirs.answer()
    world.run(0.1)
    data = mine._ack(mine.responses[-1], b"hello", mine.remote_target, mine.remote_text, mine.routes)
    lee.transmit(data.replace(b"application/sdp", b"text/plain"), (SERVER, "UDP"))
    world.run(1)
    assert mine.state == theirs.state == "up"
    mine.expect_up()


def test_the_answer_finds_a_caller_whose_connection_broke_while_it_rang(world: World) -> None:
    """RFC 3261 §18.2.2: a response whose connection is gone opens another one."""
    lee = world.phone("601", transport="TCP")
    mia = world.phone("602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    mine.expect_ringing()
    for stream in list(world.host.streams):
        assert stream.peer is not None
        stream.peer.close()
    world.run(0.1)
    theirs.answer()
    mine.expect_up()
    mine.hang_up().expect(200)
    theirs.expect_ended()
