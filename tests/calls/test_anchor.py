"""Where a leg's sound comes to: the address that is bound, and the one that its descriptions name."""

from __future__ import annotations

from collections.abc import Callable

from b2bua.config.hosts import media_places
from tests.fake_media import FakeMedia
from tests.world import SERVER, World, configuration


def test_behind_nat_the_public_address_is_named_and_the_own_one_bound(new_world: Callable[..., World]) -> None:
    config = configuration(advertise="203.0.113.9", media={"address": "127.0.0.1"})
    world = new_world(config=config, media=FakeMedia())
    sam = world.phone("676")
    caller = world.carrier.call("+6221500667")
    theirs = sam.expect_call()
    assert theirs.remote_sdp is not None and theirs.remote_sdp.host == "203.0.113.9"
    theirs.answer()
    caller.expect_up()
    (context,) = world.media.contexts.values()  # type: ignore[union-attr]
    assert {each.host for each in context.terminations} == {"127.0.0.1"}


def test_a_phone_on_ipv6_gets_an_ipv6_address(new_world: Callable[..., World]) -> None:
    config = configuration(
        listen=["udp://127.0.0.1:5060", "udp://[::1]:5060"], media={"address": "127.0.0.1", "address6": "::1"}
    )
    world = new_world(config=config, media=FakeMedia(), addresses=(SERVER, ("::1", 5060)))
    sam = world.phone("676", at=("::1", 5070), register=False)
    sam.server = ("::1", 5060)
    sam.register()
    caller = world.carrier.call("+6221500667")
    theirs = sam.expect_call()
    assert theirs.remote_sdp is not None and theirs.remote_sdp.host == "::1"
    theirs.local_sdp = theirs.local_sdp._replace(port=30000)
    theirs.answer()
    caller.expect_up()
    assert caller.remote_sdp is not None and caller.remote_sdp.host == "127.0.0.1"
    (context,) = world.media.contexts.values()  # type: ignore[union-attr]
    assert {each.host for each in context.terminations} == {"127.0.0.1", "::1"}


def test_who_forgets_the_media_address_means_the_one_that_is_listened_on() -> None:
    config = configuration(listen=["udp://192.0.2.10:5060", "udp://127.0.0.1:5060"])
    assert media_places(config) == (("192.0.2.10", "192.0.2.10"), None)
    config = configuration(listen=["udp://192.0.2.10:5060"], media={"address": "192.0.2.11", "address6": "2001:db8::1"})
    assert media_places(config) == (("192.0.2.11", "192.0.2.11"), ("2001:db8::1", "2001:db8::1"))
