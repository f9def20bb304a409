"""Conference rooms (C12): coming in, waiting for the moderator, PIN, muting, removing, and who watches (RFC 4575)."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Iterator

import pytest

from b2bua.calls.commands import Command, Lock, Mute, Outcome, Remove
from b2bua.delegation.model import Directory, Room
from tests.fake_media import FakeMedia
from tests.phones import Phone, PhoneCall, Sip
from tests.world import USERS, World, configuration, executive

XML = "{urn:ietf:params:xml:ns:conference-info}"
OPEN = Room("8000", "Everybody")
HOSTED = Room("8001", "Board", frozenset({"667"}))
SECRET = Room("8002", "Secret", frozenset({"667"}), "4711", ("+6221500999",))


class Rooms:
    """A server with three rooms, and phones of 667, 676, 601 and 602."""

    def __init__(self, new_world: Callable[..., World]) -> None:
        config = configuration()
        organisation = Directory.build(
            domain=config.domain, users=USERS, executives=[executive()], trunks=config.routes, emergency=config.emergency, rooms=[OPEN, HOSTED, SECRET]
        )
        self.media = FakeMedia()
        self.world = new_world(config=config, organisation=organisation, media=self.media)
        self.boss, self.sam, self.lee, self.mia = self.world.phones("667", "676", "601", "602")

    def dial(self, phone: Phone, room: str) -> PhoneCall:
        """Dial a room, and be answered."""
        call = phone.call(room)
        call.expect_up()
        self.world.run(0.5)
        return call

    def hears(self, listener: PhoneCall, **others: PhoneCall) -> set[str]:
        """Whom and what somebody hears, without what goes by."""
        return self.world.hears(listener, **others) - {"joined", "left", "muted", "unmuted", "tone:confirm"}

    def order(self, command: Command) -> Outcome:
        found: list[Outcome] = []
        self.world.core.calls.order(next(iter(self.world.core.calls.calls)), command, found.append)
        return found[0]


@pytest.fixture
def rooms(new_world: Callable[..., World]) -> Iterator[Rooms]:
    made = Rooms(new_world)
    yield made
    made.world.core.subscriptions.end_all()


def _do(action: Callable[[], object]) -> None:
    action()


def test_the_first_is_told_so_and_then_hears_music(rooms: Rooms) -> None:
    lee = rooms.dial(rooms.lee, "8000")
    assert '"Everybody" <sip:8000@acme.test>' in lee.responses[-1].get("p-asserted-identity")
    assert lee.responses[-1].get("contact").endswith(";isfocus")
    assert rooms.hears(lee) == {"conference_alone"}
    rooms.media.finish(bytes(lee.remote_sdp or b""))
    assert rooms.hears(lee) == {"music"}


def test_everybody_hears_everybody_and_one_row_is_left(rooms: Rooms) -> None:
    lee, mia, sam = rooms.dial(rooms.lee, "8000"), rooms.dial(rooms.mia, "8000"), rooms.dial(rooms.sam, "8000")
    assert rooms.hears(lee, mia=mia, sam=sam) == {"mia", "sam"}
    assert rooms.hears(mia, lee=lee, sam=sam) == {"lee", "sam"}
    assert "joined" in rooms.world.hears(lee)
    assert rooms.world.health["calls"] == 1
    lee.hang_up()
    rooms.world.run(0.5)
    assert "left" in rooms.world.hears(sam)
    assert rooms.hears(sam, lee=lee, mia=mia) == {"mia"}
    mia.hang_up()
    rooms.world.run(0.5)
    rooms.media.finish(bytes(sam.remote_sdp or b""))
    assert sam.state == "up" and rooms.hears(sam) == {"music"}
    sam.hang_up()
    rooms.world.run(0.5)
    (row,) = rooms.world.history
    assert (row.caller, row.called, row.outcome, len(row.call_ids)) == ("601", "8000", "answered", 3)
    assert {each.party for each in row.segments} >= {"602", "676"}


def test_who_comes_before_the_moderator_waits(rooms: Rooms) -> None:
    lee, mia = rooms.dial(rooms.lee, "8001"), rooms.dial(rooms.mia, "8001")
    assert rooms.hears(lee, mia=mia) == {"moderator_waiting"}
    rooms.media.finish(bytes(lee.remote_sdp or b""))
    assert rooms.hears(lee, mia=mia) == {"music"}
    boss = rooms.dial(rooms.boss, "8001")
    assert rooms.hears(lee, mia=mia, boss=boss) == {"mia", "boss"}
    assert rooms.hears(mia, lee=lee, boss=boss) == {"lee", "boss"}
    boss.hang_up()
    rooms.world.run(0.5)
    assert rooms.hears(lee, mia=mia) == {"mia"}
    sam = rooms.dial(rooms.sam, "8001")
    assert rooms.hears(sam, lee=lee, mia=mia) == {"lee", "mia"}


def test_nobody_waits_for_ever(rooms: Rooms) -> None:
    lee = rooms.dial(rooms.lee, "8001")
    rooms.world.run(1801.0)
    assert lee.state == "ended" and "no moderator has come" in lee.reason


def pin(rooms: Rooms, call: PhoneCall, keys: str) -> None:
    rooms.world.press(call, keys)
    rooms.world.run(0.5)


def test_the_pin_is_asked_of_everybody_but_moderators(rooms: Rooms) -> None:
    boss, lee = rooms.dial(rooms.boss, "8002"), rooms.dial(rooms.lee, "8002")
    assert rooms.hears(lee, boss=boss) == {"conference_pin"}
    assert rooms.hears(boss, lee=lee) == {"conference_alone"}
    pin(rooms, lee, "1234")
    assert rooms.hears(lee, boss=boss) == {"tone:error", "conference_pin"}
    pin(rooms, lee, "47#")
    pin(rooms, lee, "4711")
    assert rooms.hears(lee, boss=boss) == {"boss"} and rooms.hears(boss, lee=lee) == {"lee"}


def test_three_wrong_pins_end_it(rooms: Rooms) -> None:
    boss, lee = rooms.dial(rooms.boss, "8002"), rooms.dial(rooms.lee, "8002")
    for wrong in ("1111", "2222", "333#"):
        pin(rooms, lee, wrong)
    assert lee.state == "ended" and "the PIN was wrong" in lee.reason
    assert boss.state == "up"
    mia = rooms.dial(rooms.mia, "8002")
    rooms.world.run(31.0)
    assert mia.state == "ended" and "no PIN was entered" in mia.reason


def test_from_outside_with_the_pin(rooms: Rooms) -> None:
    boss = rooms.dial(rooms.boss, "8002")
    caller = rooms.world.carrier.call("+6221500999")
    caller.expect_up()
    rooms.world.run(0.5)
    pin(rooms, caller, "4711")
    assert rooms.hears(boss, caller=caller) == {"caller"} and rooms.hears(caller, boss=boss) == {"boss"}


def test_the_first_from_outside_opens_the_room(rooms: Rooms) -> None:
    caller = rooms.world.carrier.call("+6221500999")
    caller.expect_up()
    pin(rooms, caller, "4711")
    assert rooms.hears(caller) == {"moderator_waiting"}
    boss = rooms.dial(rooms.boss, "8002")
    assert rooms.hears(caller, boss=boss) == {"boss"}


def test_a_moderator_mutes_and_removes(rooms: Rooms) -> None:
    boss, lee, mia = rooms.dial(rooms.boss, "8001"), rooms.dial(rooms.lee, "8001"), rooms.dial(rooms.mia, "8001")
    assert rooms.order(Mute("602", "601")) == Outcome(403, "you are no moderator of this conference")
    assert rooms.order(Mute("667", "601")) == Outcome(200, "muted")
    assert "muted" in rooms.world.hears(lee)
    assert rooms.hears(boss, lee=lee, mia=mia) == {"mia"} and rooms.hears(lee, boss=boss, mia=mia) == {"boss", "mia"}
    assert rooms.order(Mute("667", "601", on=False)).done
    assert rooms.hears(boss, lee=lee, mia=mia) == {"lee", "mia"}
    assert rooms.order(Remove("667", "699")).status == 404
    assert rooms.order(Remove("667", "601")).done
    rooms.world.run(0.5)
    assert lee.state == "ended" and "removed by the moderator" in lee.reason
    assert rooms.hears(boss, mia=mia) == {"mia"}
    assert rooms.order(Lock("602")).status == 403
    assert rooms.order(Lock("667")).done
    refused = rooms.lee.call("8001")
    refused.expect_ended(403)
    assert "this call is private" in refused.responses[-1].get("warning")


def test_keys_of_a_plain_phone(rooms: Rooms) -> None:
    boss, lee, mia = rooms.dial(rooms.boss, "8001"), rooms.dial(rooms.lee, "8001"), rooms.dial(rooms.mia, "8001")
    pin(rooms, lee, "*5")
    assert rooms.hears(boss, lee=lee, mia=mia) == {"mia"}
    pin(rooms, lee, "*5")
    assert rooms.hears(boss, lee=lee, mia=mia) == {"lee", "mia"}
    pin(rooms, lee, "*6")
    assert rooms.hears(boss, lee=lee, mia=mia) == {"lee", "mia"}
    pin(rooms, boss, "*6")
    rooms.media.finish(bytes(boss.remote_sdp or b""))
    assert rooms.hears(boss, lee=lee, mia=mia) == {"music"}
    assert rooms.hears(lee, boss=boss, mia=mia) == {"boss"}
    pin(rooms, boss, "*6")
    pin(rooms, boss, "*9")
    assert mia.state == "ended" and lee.state == "up"
    pin(rooms, boss, "*8")
    rooms.mia.call("8001").expect_ended(403)
    pin(rooms, boss, "*8")
    rooms.dial(rooms.mia, "8001")


def test_a_room_has_room_for_32(rooms: Rooms) -> None:
    made = [rooms.lee.call("8000") for _ in range(33)]
    rooms.world.run(3.0)
    assert [call.state for call in made].count("up") == 32
    (refused,) = [call for call in made if call.state == "ended"]
    assert refused.status == 486


def test_without_the_engine_there_is_no_conference(rooms: Rooms) -> None:
    rooms.media.available = False
    call = rooms.lee.call("8000")
    call.expect_ended(503)


@pytest.mark.parametrize("offset", [step * 0.0005 for step in range(-6, 7)])
def test_one_comes_just_when_the_last_one_leaves(rooms: Rooms, offset: float) -> None:
    lee = rooms.dial(rooms.lee, "8000")
    made: list[PhoneCall] = []
    rooms.world.wire.after(0.01, lambda: _do(lee.hang_up))
    rooms.world.wire.after(0.01 + offset, lambda: made.append(rooms.mia.call("8000")))
    rooms.world.run(3.0)
    rooms.world.balanced()
    assert made[0].state == "up"
    if "conference_alone" not in rooms.hears(made[0]):
        rooms.media.finish(bytes(made[0].remote_sdp or b""))  # that somebody has joined, or left
        assert rooms.hears(made[0]) == {"music"}


def test_features_of_calls_do_not_reach_into_a_conference(rooms: Rooms) -> None:
    rooms.dial(rooms.boss, "8001")
    rooms.dial(rooms.sam, "8001")
    for code in ("*11667", "*15667", "*80667"):
        call = rooms.world.phone("677").call(code)
        call.expect_ended()
        assert call.status in (403, 404)


# --- who watches ------------------------------------------------------------------------------------------------------------------


class Watcher:
    """A phone that has subscribed to a room."""

    def __init__(self, rooms: Rooms, phone: Phone, room: str, headers: Iterable[str] = ("Event: conference",), expires: int | None = 600) -> None:
        self.rooms, self.phone, self.room = rooms, phone, room
        self.headers = [*headers, *([f"Expires: {expires}"] if expires is not None else [])]
        phone.hooks["NOTIFY"] = lambda call, request: 200
        self.ids = {"call_id": phone.new_id("sub"), "from_": f"<{phone.aor}>;tag={phone.new_id('t')}"}
        self.answer = self.send("1")
        if self.answer.status == 407:
            uri = f"sip:{room}@acme.test"
            self.answer = self.send("2", [phone.credentials(self.answer, "SUBSCRIBE", uri)])

    def send(self, cseq: str, more: Iterable[str] = (), uri: str = "", **changes: str) -> Sip:
        attempt = self.phone.request("SUBSCRIBE", uri or f"sip:{self.room}@acme.test", [*self.headers, *more], b"", **self.ids, cseq=cseq, **changes)
        self.rooms.world.run(0.2)
        assert attempt.final is not None
        return attempt.final

    @property
    def told(self) -> list[Sip]:
        return self.phone.heard("NOTIFY")

    def documents(self) -> list[ElementTree.Element]:
        return [ElementTree.fromstring(each.body) for each in self.told if each.body]


def users(document: ElementTree.Element) -> dict[str, str]:
    """Who stands in a document, with the state of the first endpoint, or "deleted"."""
    return {
        each.get("entity", ""): "deleted" if each.get("state") == "deleted" else each.findtext(f"{XML}endpoint/{XML}status", "")
        for each in document.iter(f"{XML}user")
    }


def test_a_watcher_is_told_everything_and_then_what_changes(rooms: Rooms) -> None:
    boss = rooms.dial(rooms.boss, "8001")
    watcher = Watcher(rooms, rooms.boss, "8001")
    assert watcher.answer.status == 200 and watcher.answer.get("expires") == "600"
    (first,) = watcher.documents()
    assert (first.get("entity"), first.get("state"), first.get("version")) == ("sip:8001@acme.test", "full", "0")
    assert users(first) == {"sip:667@acme.test": "connected"}
    assert watcher.told[0].get("subscription-state").startswith("active;expires=")
    assert watcher.told[0].get("content-type") == "application/conference-info+xml"
    lee = rooms.dial(rooms.lee, "8001")
    rooms.world.run(2.0)
    second = watcher.documents()[-1]
    assert second.get("state") == "partial" and users(second) == {"sip:601@acme.test": "connected"}
    rooms.order(Mute("667", "601"))
    rooms.world.run(2.0)
    assert users(watcher.documents()[-1]) == {"sip:601@acme.test": "muted-via-focus"}
    lee.hang_up()
    rooms.world.run(2.0)
    assert users(watcher.documents()[-1]) == {"sip:601@acme.test": "deleted"}
    assert [each.get("version") for each in watcher.documents()] == ["0", "1", "2", "3"]
    boss.hang_up()
    rooms.world.run(2.0)
    assert watcher.documents()[-1].get("state") == "deleted"
    assert watcher.told[-1].get("subscription-state") == "terminated;reason=noresource"
    assert rooms.world.core.subscriptions.count == 0


def test_changes_in_one_breath_are_told_at_once(rooms: Rooms) -> None:
    rooms.dial(rooms.boss, "8000")
    watcher = Watcher(rooms, rooms.boss, "8000")
    made = [rooms.lee.call("8000"), rooms.mia.call("8000"), rooms.sam.call("8000")]
    rooms.world.run(5.0)
    assert all(call.state == "up" for call in made)
    assert len(watcher.told) <= 4
    known: dict[str, str] = {}
    for document in watcher.documents():
        known.update(users(document))
    assert set(known) == {f"sip:{each}@acme.test" for each in ("667", "676", "601", "602")}


def test_who_may_watch(rooms: Rooms) -> None:
    assert Watcher(rooms, rooms.lee, "8001").answer.status == 403
    assert Watcher(rooms, rooms.lee, "8999").answer.status == 404
    idle = Watcher(rooms, rooms.boss, "8001")
    assert idle.answer.status == 200
    assert users(idle.documents()[-1]) == {} and idle.documents()[-1].findtext(f"{XML}conference-state/{XML}active") == "false"
    rooms.dial(rooms.lee, "8001")
    assert Watcher(rooms, rooms.lee, "8001").answer.status == 200


@pytest.mark.parametrize(
    ("headers", "expires", "status"),
    [
        (("Event: dialog",), 600, 489),
        ((), 600, 489),
        (("Event: conference", "Accept: text/plain"), 600, 406),
        (("Event: conference",), 30, 423),
        (("Event: conference;id=7", "Accept: application/*"), None, 200),
    ],
)
def test_bad_subscriptions(rooms: Rooms, headers: tuple[str, ...], expires: int | None, status: int) -> None:
    watcher = Watcher(rooms, rooms.boss, "8001", headers, expires)
    assert watcher.answer.status == status
    if status == 200:
        assert watcher.answer.get("expires") == "3600"
        assert watcher.told[0].get("event") == "conference;id=7"


@pytest.mark.parametrize("how", ["removed", "leaves", "asks again"])
def test_who_is_not_in_the_conference_any_more_is_told_nothing_more(rooms: Rooms, how: str) -> None:
    rooms.dial(rooms.boss, "8001")
    lee = rooms.dial(rooms.lee, "8001")
    watcher = Watcher(rooms, rooms.lee, "8001")
    rooms.world.run(6.0)
    if how == "removed":
        assert rooms.order(Remove("667", "601")).done
    else:
        lee.hang_up()
    if how == "asks again":
        rooms.world.run(0.01)
        assert watcher.send("3", uri="sip:8001@127.0.0.1:5060", to=watcher.answer.get("to")).status in (403, 481)
    rooms.world.run(6.0)
    rooms.dial(rooms.mia, "8001")
    rooms.world.run(6.0)
    assert watcher.told[-1].get("subscription-state") == "terminated;reason=rejected"
    assert all("602" not in str(each.data) for each in watcher.told)
    assert rooms.world.core.subscriptions.count == 0


def test_a_look_is_no_subscription(rooms: Rooms) -> None:
    watcher = Watcher(rooms, rooms.boss, "8001", expires=0)
    assert watcher.answer.status == 200
    assert watcher.told[-1].get("subscription-state") == "terminated;reason=timeout"
    assert watcher.documents()[-1].get("state") == "full"
    assert rooms.world.core.subscriptions.count == 0


def test_it_lasts_as_long_as_it_was_asked_for(rooms: Rooms) -> None:
    watcher = Watcher(rooms, rooms.boss, "8001", expires=120)
    to = watcher.answer.get("to")
    rooms.world.run(100.0)
    assert watcher.send("3", uri="sip:8001@127.0.0.1:5060", to=to).status == 200
    rooms.world.run(100.0)
    assert rooms.world.core.subscriptions.count == 1
    assert [each.get("state") for each in watcher.documents()] == ["full", "full"]
    rooms.world.run(30.0)
    assert watcher.told[-1].get("subscription-state") == "terminated;reason=timeout"
    assert rooms.world.core.subscriptions.count == 0


@pytest.mark.parametrize("status", [481, 404, 0])
def test_who_does_not_listen_any_more_is_forgotten(rooms: Rooms, status: int) -> None:
    watcher = Watcher(rooms, rooms.boss, "8001")
    watcher.phone.hooks["NOTIFY"] = lambda call, request: status
    rooms.dial(rooms.lee, "8001")
    rooms.world.run(40.0)
    assert rooms.world.core.subscriptions.count == 0


def test_a_subscription_inside_of_a_call_is_refused(rooms: Rooms) -> None:
    lee = rooms.dial(rooms.lee, "8000")
    lee.send("SUBSCRIBE", ["Event: conference", "Expires: 600"]).expect(489)
    assert lee.state == "up"


def test_a_stranger_watches_nothing(rooms: Rooms) -> None:
    lee = rooms.dial(rooms.lee, "8001")
    stranger = rooms.world.carrier.request("SUBSCRIBE", "sip:8001@acme.test", ["Event: conference"])
    stranger.expect(403)
    assert lee.state == "up" and rooms.world.core.subscriptions.count == 0


def test_a_conference_survives_a_reload_that_drops_its_room(rooms: Rooms) -> None:
    """Nobody is thrown out; nobody is its moderator any more."""
    boss, lee = rooms.dial(rooms.boss, "8001"), rooms.dial(rooms.lee, "8001")
    organisation = rooms.world.core.directory
    config = rooms.world.config
    rooms.world.core.use_directory(
        Directory.build(
            domain=config.domain, users=organisation.users.values(), executives=[executive()], trunks=config.routes, emergency=config.emergency
        )
    )
    assert rooms.order(Mute("667", "601")).status == 403
    assert rooms.hears(boss, lee=lee) == {"lee"}
    lee.hang_up()
    rooms.world.run(0.5)
    assert boss.state == "up"


@pytest.mark.parametrize("who", ["lee", "boss"])
def test_a_member_on_hold_is_missed_by_nobody(rooms: Rooms, who: str) -> None:
    boss, lee, mia = rooms.dial(rooms.boss, "8001"), rooms.dial(rooms.lee, "8001"), rooms.dial(rooms.mia, "8001")
    holding, other = (lee, boss) if who == "lee" else (boss, lee)
    holding.hold()
    rooms.world.run(0.5)
    assert rooms.hears(other, holding=holding, mia=mia) == {"mia"}
    mia.hang_up()
    rooms.world.run(0.5)
    rooms.media.finish(bytes(other.remote_sdp or b""))
    assert rooms.hears(other, holding=holding) == {"music"}
    holding.resume()
    rooms.world.run(0.5)
    assert rooms.hears(other, holding=holding) == {"holding"}


def test_it_goes_on_when_the_server_has_died(rooms: Rooms) -> None:
    boss, lee, mia = rooms.dial(rooms.boss, "8002"), rooms.dial(rooms.lee, "8002"), rooms.dial(rooms.mia, "8002")
    pin(rooms, lee, "4711")
    rooms.order(Mute("667", "601"))
    rooms.world.run(1.0)
    rooms.world.kill()
    rooms.world.run(2.0)
    rooms.world.revive()
    rooms.world.run(0.5)
    assert rooms.hears(boss, lee=lee, mia=mia) == {"music"}
    assert rooms.hears(lee, boss=boss, mia=mia) == {"boss"}
    pin(rooms, mia, "4711")
    assert rooms.hears(mia, boss=boss, lee=lee) == {"boss"} and rooms.hears(boss, lee=lee, mia=mia) == {"mia"}
    sam = rooms.dial(rooms.sam, "8002")
    assert rooms.world.health["calls"] == 1
    assert rooms.order(Remove("667", "601")).done
    rooms.world.run(0.5)
    assert lee.state == "ended" and sam.state == boss.state == "up"
