"""What an attacker tries, over the whole server: strangers, users and phones gone bad, a hostile far end, a machine in trouble.

Each test is an attack that did harm once or that the product promises to withstand. Afterwards nothing is left and no exception
has reached a safety net (`World.settle`).
"""

from __future__ import annotations

import asyncio
import errno
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from b2bua import logs
from b2bua.administration.book import open_book
from b2bua.config import check, load
from b2bua.net.udp import UdpSocket
from b2bua.registrar.location import Binding, Contact, Source
from b2bua.sip import stack as stack_module
from b2bua.sip.flow import Target
from b2bua.store.organisation.database import open_organisation
from b2bua.web import serving
from b2bua.web.serving import serve
from tests.net.fakes import Shell, run, until
from tests.phones import Phone, PhoneCall
from tests.plain_sip import user_of, write
from tests.support.http import application
from tests.wire import Packet
from tests.world import CARRIER, DOMAIN, EPOCH, NUMBER, SERVER, TRUNKS, Rollover, World, configuration, directory, executive

CONFIG = Path(__file__).parent.parent / "config"
METHODS = ("INVITE", "REGISTER", "OPTIONS", "BYE", "CANCEL", "SUBSCRIBE", "MESSAGE", "NOTIFY", "PUBLISH", "REFER", "INFO", "PRACK", "UPDATE", "NONE")


def stranger(world: World, host: str = "127.0.9.9") -> Phone:
    """Somebody without an account."""
    return Phone(world.wire, "x", (host, 5060), SERVER)


def arrived(world: World, party: Phone) -> list[Packet]:
    return world.sent_to(party)


# --- strangers ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["", ";tag=forged"])
@pytest.mark.parametrize("method", METHODS)
def test_a_stranger_gets_one_answer_and_leaves_nothing(world: World, method: str, tag: str) -> None:
    mallory = stranger(world)
    for number in range(5):
        mallory.send_raw(
            f"{method} sip:667@{DOMAIN} SIP/2.0\nVia: SIP/2.0/UDP 127.0.9.9;branch=z9hG4bK{number};rport\nFrom: <sip:601@{DOMAIN}>;tag={number}\n"
            f"To: <sip:667@{DOMAIN}>{tag}\nCall-ID: {number}\nCSeq: 1 {method}\nContact: <sip:x@127.0.9.9>\nMax-Forwards: 70\nContent-Length: 0\n\n"
        )
        world.run(0.1)
    assert len(arrived(world, mallory)) == 5
    assert not world.at_rest()
    assert not world.core.stack.servers


@pytest.mark.parametrize("method", METHODS)
def test_users_that_exist_look_like_those_that_do_not(world: World, method: str) -> None:
    world.phone("676")
    mallory = stranger(world)

    def shape(user: str) -> list[str]:
        attempt = mallory.request(method, f"sip:{user}@{DOMAIN}", from_=f"<sip:{user}@{DOMAIN}>;tag=a")
        world.run(1)
        assert attempt.final is not None
        return [f"{attempt.final.status}", *(name for name, _ in attempt.final.headers)]

    assert shape("676") == shape("999") == shape("667") == shape("676-667") == shape("676-999")


def test_a_call_is_closed_to_other_hosts_that_know_all_its_names(world: World) -> None:
    """Call-ID, tags, branch and CSeq are right; only the host is not."""
    lee, mia = world.phones("601", "602")
    mallory = stranger(world)
    mine = lee.call("602")
    theirs = mia.expect_call()
    theirs.ring()
    mine.expect_ringing()
    invite = mine.invite
    heard = len(lee.log), len(mia.log)

    def forge(method: str, to: str, number: int, branch: str = "z9hG4bKforged") -> int:
        lines = [f"Via: {invite.all('via')[0].replace(invite.branch, branch)}", f"From: {invite.get('from')}", f"To: {to}", f"Call-ID: {mine.call_id}"]
        mallory.send_raw(write(f"{method} sip:602@{DOMAIN} SIP/2.0", [*lines, f"CSeq: {number} {method}", "Contact: <sip:x@127.0.9.9>"]))
        before = len(mallory.log)
        world.run(0.1)
        return mallory.log[-1].message.status if len(mallory.log) > before else 0

    assert forge("CANCEL", invite.get("to"), invite.cseq[0], invite.branch) == 481
    assert forge("INVITE", invite.get("to"), invite.cseq[0], invite.branch) == 0
    for method in ("BYE", "UPDATE", "PRACK", "INFO", "CANCEL"):
        assert forge(method, mine.responses[-1].get("to"), 9) == 481
    assert (len(lee.log), len(mia.log)) == heard
    theirs.answer()
    mine.expect_up()
    world.run(1)
    heard = len(lee.log), len(mia.log)
    for method in ("INVITE", "BYE", "UPDATE", "INFO", "OPTIONS", "ACK"):
        assert forge(method, mine.remote_text, 10) == (0 if method == "ACK" else 481)
    assert (len(lee.log), len(mia.log)) == heard


# --- users and their phones ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["112;phone-context=acme.test", "112;phone-context=+62;x=y", "%31%31%32;phone-context=acme.test"])
def test_an_emergency_call_goes_out_however_the_phone_writes_the_number(world: World, number: str) -> None:
    """RFC 3261 §19.1.6: parameters of a telephone-subscriber stand in the user part."""
    call = world.phone("601").call(f"sip:{number}@{DOMAIN};user=phone")
    theirs = world.carrier.expect_call()
    assert user_of(theirs.invite.uri) == "112"
    theirs.answer()
    call.expect_up()


def test_what_a_caller_writes_reaches_the_other_leg_clean_or_not_at_all(world: World) -> None:
    lee, mia = world.phones("601", "602")
    lee.call("602", ["Subject: \x1b[31mred\x07\x00 caf\udcff", "Priority: urgent\x1b[2J"])
    theirs = mia.expect_call()
    assert theirs.invite.get("subject") == "[31mred   caf"
    assert theirs.invite.get("priority") == ""
    theirs.reject()


def test_who_stays_unknown_is_not_named_by_the_subject(world: World) -> None:
    """RFC 3323 §5.3."""
    lee, mia = world.phones("601", "602")
    lee.call("602", ["Privacy: user", "Subject: it is Lee"])
    theirs = mia.expect_call()
    assert "Lee" not in theirs.invite.get("from") + theirs.invite.get("subject")
    theirs.reject()


def test_a_refusals_words_are_cut_and_cleaned(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    assert theirs.invite_answer is not None
    lines = [f"Via: {via}" for via in theirs.invite.all("via")]
    lines += [f"From: {theirs.invite.get('from')}", f"To: {theirs.invite.get('to')};tag=1", f"Call-ID: {theirs.call_id}"]
    mia.send_raw(write(f"SIP/2.0 486 \x1b[2J\x00 busy{'z' * 3000}", [*lines, f"CSeq: {theirs.invite.get('cseq')}"]))
    mine.expect_ended(486)
    assert mine.responses[-1].reason.isprintable()
    assert len(mine.responses[-1].reason) < 200
    theirs.state = "ended"


@pytest.mark.parametrize("line", ["Contact: *", "Contact: <mailto:a@b>", "Contact: <sip:", "Record-Route: <tel:1>\r\nContact: <sip:a@127.0.9.9>"])
def test_a_caller_who_cannot_be_reached_rings_nobody(world: World, line: str) -> None:
    mia = world.phone("602")
    head = f"INVITE sip:+6221500667@{DOMAIN} SIP/2.0"
    lines = ["Via: SIP/2.0/UDP 127.0.0.2:5090;branch=z9hG4bK1;rport", "From: <sip:+1555@x>;tag=1", f"To: <sip:602@{DOMAIN}>", "Call-ID: 1"]
    world.carrier.send_raw(write(head.replace("+6221500667", "602"), [*lines, "CSeq: 1 INVITE", *line.split("\r\n")]))
    mia.expect_no_call(1)
    assert [each.message.status for each in world.carrier.log] == [400]


def test_info_that_says_not_what_it_is(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine, _ = world.talk(lee, mia)
    for content_type in ("", "a/b\x1b"):
        attempt = mine.send("INFO", body=b"x", content_type=content_type)
        world.run(1)
        assert attempt.final is not None
        assert attempt.final.status == 415
    assert not mia.heard("INFO")


def test_a_flood_of_info_at_a_phone_that_does_not_answer(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    mia.hooks["INFO"] = lambda _call, _request: 0
    attempts = [mine.info("1") for _ in range(200)]
    world.run(1)
    assert len(mia.heard("INFO")) == 32
    assert sum(attempt.final is not None and attempt.final.status == 500 for attempt in attempts) == 168
    world.run(40)
    del mia.hooks["INFO"]
    again = mine.info("2")
    world.run(1)
    assert again.final is not None, "what was never answered does not block for ever"
    theirs.hang_up()
    world.run(1)


def test_a_thousand_contacts_in_one_register(world: World) -> None:
    phone = world.phone("601", register=False)
    phone.register(status=403, contact=", ".join(f"<sip:{number}@127.0.9.9>" for number in range(1000)))


@pytest.mark.parametrize("path", ["<tel:1>", "<sip:a@@b>"])
def test_a_path_that_leads_nowhere(world: World, path: str) -> None:
    world.phone("601", register=False).register(status=400, headers=[f"Path: {path}"])


@pytest.mark.parametrize(
    ("contact", "path", "alive"),
    [
        ("sip:a@127.0.9.9:7000", (), True),
        ("sip:a@127.0.9.1:7000", (), False),
        ("sip:a@127.0.7.7", ("<sip:127.0.9.9;lr>",), True),
        ("sip:a@127.0.9.9:7000", ("<sip:127.0.7.7;lr>",), False),
        ("sip:a@127.0.9.9:7000", ("<sip:@@>",), False),
    ],
)
def test_after_a_restart_nobody_is_called_where_no_phone_registered_from(contact: str, path: tuple[str, ...], alive: bool) -> None:
    """A contact and a Path are what a user wrote: without the connection they came over they may be anybody's address."""

    class Stream:
        transport, reliable, closed, key = "TCP", True, False, ("TCP", 1)
        remote, local, sent_by = ("127.0.9.9", 7000), SERVER, "127.0.0.1:5060"

        def send(self, data: bytes) -> None: ...
        def close(self) -> None: ...

    binding = Binding("601", Contact(contact, "", 1.0, None, None, 60), 60.0, 0.0, Source(Stream(), "1", 1, path))
    assert binding.connectable is alive


# --- a hostile far end --------------------------------------------------------------------------------------------------------


def challenging_carrier(world: World, contact: str) -> PhoneCall:
    """The carrier asks for credentials and then answers with that Contact; the call as the carrier sees it."""
    first = world.carrier.expect_call()
    first.reject(407, ['Proxy-Authenticate: Digest realm="c", nonce="n", qop="auth", algorithm=MD5'])
    second = world.carrier.expect_call()
    assert second.invite.get("proxy-authorization")
    assert second.invite_answer is not None
    second._tag()
    world.carrier.reply(second.invite_answer, 200, [f"Contact: {contact}"], bytes(second._our_session()), tag=second.local_tag, insist=True)
    second.status, second.state = 200, "up"
    return second


def test_a_contact_that_cannot_stand_in_credentials(new_world: Callable[..., World]) -> None:
    """It ended the call without a BYE to the trunk, which went on counting."""
    trunk = {**TRUNKS[1], "auth": {"username": "acme", "password": "secret"}}
    world = new_world(config=configuration(trunks=[TRUNKS[0], trunk]))
    mine = world.phone("601").call(NUMBER)
    theirs = challenging_carrier(world, f"<sip:a\\b@{CARRIER[0]}:{CARRIER[1]}>")
    mine.expect_up()
    mine.hang_up()
    world.carrier.expect("BYE")
    theirs.state = "ended"


def test_a_session_interval_that_is_never_long_enough(world: World) -> None:
    lee, mia = world.phones("601", "602")
    asked = 1800

    def refuse(_call: PhoneCall) -> None:
        nonlocal asked
        asked += 1
        _call.reject(422, [f"Min-SE: {asked}"])

    mia.behaviour = refuse
    lee.call("602").expect_ended(502)
    assert len(mia.heard("INVITE")) == 8


def test_a_storm_of_answers_of_one_invite(world: World) -> None:
    """Each 2xx with another tag would be a dialog, a BYE and its ten repetitions."""
    lee, mia = world.phones("601", "602")
    mine = lee.call("602")
    theirs = mia.expect_call()
    theirs.answer()
    mine.expect_up()
    assert theirs.invite_answer is not None
    for number in range(300):
        mia.reply(theirs.invite_answer, 200, [f"Contact: {mia.contact}"], bytes(theirs.local_sdp), tag=f"fork{number}")
    world.run(0.1)
    assert len(world.core.stack.dialogs) < 20
    assert len(mia.heard("BYE")) < 20
    mine.hang_up()
    world.run(40)
    theirs.state = "ended"


def test_a_caller_from_outside_with_a_number_without_end(world: World) -> None:
    mia = world.phone("602")
    world.carrier.call_from("%0d%0aX-Evil:%20y%00" + "9" * 3000, "602")
    theirs = mia.expect_call()
    assert len(theirs.invite.get("from")) < 200
    assert "evil" not in " ".join(name for name, _ in theirs.invite.headers)
    theirs.reject()
    world.carrier.call_from("%0d%0afake%00%1b[31m" + "9" * 3000, "nobody")
    world.run(1)
    for row in world.history:
        assert row.caller.isprintable()
        assert len(row.caller) <= 64
        assert all(len(each) <= 256 for each in row.call_ids)


def test_one_huge_message_does_not_fail_the_others_on_its_way(world: World) -> None:
    """Larger than any datagram: it needs a stream, and when there is none it fails alone."""
    lee, mia = world.phones("601", "602")
    victim = lee.call(NUMBER)
    ringing = world.carrier.expect_call()
    ringing.ring()
    victim.expect_ringing()
    world.wire.unlisten(CARRIER)
    flow = world.host.flow_to(Target("UDP", *CARRIER))

    class Loser:
        status = 0

        def on_response(self, *_: object) -> None: ...
        def on_failure(self, _tx: object, status: int, _now: float) -> None:
            self.status = status

    loser = Loser()
    world.core.stack.request(
        "INVITE", f"sip:1@{CARRIER[0]}", flow, from_="<sip:a@b>;tag=1", to="<sip:1@c>", call_id="huge", cseq=1, owner=loser, now=world.wire.now,
        body=b"v" * 65_400,
    )  # fmt: skip
    world.run(2)
    assert loser.status == 503
    assert victim.state == "ringing"
    assert not [packet for packet in world.sent_to(world.carrier) if len(packet.data) > 65_000 and packet.transport == "UDP"]
    victim.cancel()
    world.run(2)
    mia.expect_nothing(1)


def test_a_datagram_that_is_too_large_is_no_broken_way() -> None:
    async def main() -> None:
        async with Shell("udp://127.0.0.1:0") as shell:

            def refuse(data: bytes, address: object) -> int:
                raise OSError(errno.EMSGSIZE, "Message too long")

            flow: Any = shell.engine.flow_to(Target("UDP", "127.0.0.1", 9))
            assert isinstance(flow.socket, UdpSocket)
            flow.socket.sendto = refuse  # type: ignore[assignment]
            flow.send(b"x")
            await asyncio.sleep(0.05)
            assert shell.stack.failed == []

    run(main())


# --- a machine in trouble -----------------------------------------------------------------------------------------------------


def test_after_a_pause_of_the_machine_calls_are_taken_again() -> None:
    """The late timer may have been the last: nothing else came to say that all is well."""

    async def main() -> None:
        async with Shell("udp://127.0.0.1:0") as shell:
            now = shell.engine.loop.time()
            shell.engine._armed = now - 3.0
            shell.engine._on_timer()
            late: float = shell.stack.overloaded_until  # type: ignore[attr-defined]
            assert now < late < now + 2.0
            shell.stack.deadlines = [shell.engine.loop.time() + 0.01]
            shell.engine.flush()
            await until(lambda: shell.stack.ticks)
            assert shell.stack.overloaded_until == 0.0, "a timer in time"  # type: ignore[attr-defined]

    run(main())


def test_overload_refuses_new_work_and_passes(world: World) -> None:
    lee, mia = world.phones("601", "602")
    mine, theirs = world.talk(lee, mia)
    world.core.stack.overloaded_until = world.wire.now + 1.0
    refused = stranger(world).request("REGISTER")
    world.run(0.1)
    assert refused.final is not None
    assert refused.final.status == 503
    assert refused.final.get("retry-after")
    mine.hang_up()
    theirs.expect_ended()
    world.run(2)
    lee.register()


def test_transactions_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lee = world.phone("601")
    monkeypatch.setattr(stack_module, "MAX_TRANSACTIONS", 5)
    calls = [lee.call("nobody") for _ in range(20)]
    world.run(1)
    assert len(world.core.stack.servers) <= 5
    assert {call.status for call in calls} == {404, 503}


def test_an_executive_who_is_taken_out_of_the_directory_during_their_call(new_world: Callable[..., World]) -> None:
    boss = executive("667", "676", rollover=Rollover(5, "forward", NUMBER))
    world = new_world(boss)
    lee, sam = world.phones("601", "676")
    mine = lee.call("667")
    theirs = sam.expect_call()
    theirs.ring()
    world.core.use_directory(directory(world.config, executive("668", "678"), users=[user for user in world.core.directory.users.values() if user.extension != "667"]))
    forwarded = world.carrier.expect_call(8)
    forwarded.answer()
    mine.expect_up()


def test_a_directory_file_that_is_empty_for_a_moment(tmp_path: Path) -> None:
    """SIGHUP while an editor saves: the directory stays, and every phone stays registered."""
    for name in ("b2bua.yaml", "directory.yaml", "what-if.yaml"):
        shutil.copy(CONFIG / name, tmp_path / name)
    config = load(tmp_path / "b2bua.yaml")
    organisation = open_organisation(tmp_path / "directory.sqlite")
    book = open_book(organisation.directory, config, lambda: EPOCH)
    try:
        for text, refused in (("", True), ((CONFIG / "directory.yaml").read_text(), False)):
            (tmp_path / "directory.yaml").write_text(text)
            assert bool(book.take_in(config, again=True)) is refused
            assert "667" in book.directory.users
    finally:
        book.close()
        organisation.close()


def test_a_trunk_that_is_everybody_is_a_warning(tmp_path: Path) -> None:
    text = (CONFIG / "b2bua.yaml").read_text().replace("[127.0.0.2]", "['0.0.0.0/0']")
    shutil.copy(CONFIG / "directory.yaml", tmp_path / "directory.yaml")
    (tmp_path / "b2bua.yaml").write_text(text)
    problems, found = check(tmp_path / "b2bua.yaml")
    assert not problems
    assert found is not None
    assert any("without a password" in warning for warning in found.warnings)


def test_a_log_on_a_full_disk_goes_on_when_there_is_room_again() -> None:
    class Disk(io.BytesIO):
        full = True

        def write(self, data: Any) -> int:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    disk = Disk()
    writer = logs.LineWriter(disk)
    writer.info("lost")
    writer.flush()
    disk.full = False
    writer.info("kept")
    writer.flush()
    assert b"kept" in disk.getvalue()
    assert b"log lines dropped" in disk.getvalue()


def test_http_clients_that_ask_nothing_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "REQUEST_SECONDS", 0.1)
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 100)

    async def main() -> None:
        server = await serve(application(), "127.0.0.1", 0)
        try:
            silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(serving.MAX_CONNECTIONS + 5)]
            for _, writer in silent[:3]:
                writer.write(b"GET /health HT")
            for reader, _ in silent:
                assert await asyncio.wait_for(reader.read(), 3) == b""
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await asyncio.wait_for(reader.read(), 3)).startswith(b"HTTP/1.1 200")
            for _, each in [*silent, (reader, writer)]:
                each.close()
        finally:
            await server.stop()

    asyncio.run(main())
