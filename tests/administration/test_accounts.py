"""Accounts: signing in and guessing, sessions and tokens, activation, resets, PINs; what somebody who should not get in would try."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from b2bua.administration.accounts import Accounts
from b2bua.administration.admission import LinkOver, NotPossible, NoUser, WrongPassword
from b2bua.administration.attempts import TooMany
from b2bua.administration.book import Actor
from b2bua.administration.secrets import Unsuitable
from b2bua.administration.viewer import Viewer
from b2bua.delegation.model import Delegation, Executive, User
from b2bua.store.ports import AccountRow
from tests.administration.account_world import ADMIN, GOOD, OTHER, START, AccountWorld, played

HOUR = 3600.0
DAY = 24 * HOUR


def viewer(accounts: Accounts, secret: str) -> Viewer | None:
    found = accounts.by_session(secret)
    return found.viewer if found is not None else None


# --- the first administrator


@played
async def test_the_first_start_makes_a_one_time_password_and_each_start_another_until_it_was_changed(world: AccountWorld) -> None:
    first = await world.accounts.bootstrap()
    assert first is not None
    second = await (await world.restart()).bootstrap()
    assert second is not None
    assert second != first
    with pytest.raises(WrongPassword):
        await world.sign_in("admin", first)
    made = await world.accounts.sign_in("admin", second, "Firefox", "192.0.2.1")
    assert made.must_change
    await world.accounts.change_password("admin", second, GOOD, "Firefox", "192.0.2.1")
    assert await (await world.restart()).bootstrap() is None
    found = world.accounts.viewer_of("admin")
    assert found is not None
    assert (found.role, found.extension) == ("super_admin", None)


@played
async def test_the_one_time_password_is_nowhere_but_in_the_answer(world: AccountWorld) -> None:
    password = await world.accounts.bootstrap()
    assert password is not None
    assert password not in world.everything_kept()


@played
async def test_a_printed_password_that_was_never_used_ends_when_a_user_administers(world: AccountWorld) -> None:
    printed = await world.accounts.bootstrap()
    assert printed is not None
    await world.member("682")
    await world.sign_in("682")
    assert await (await world.restart()).bootstrap() is None
    with pytest.raises(WrongPassword):
        await world.sign_in("admin", printed)


@played
async def test_a_user_with_the_extension_admin_gets_no_account(world: AccountWorld) -> None:
    world.book.put(User("admin", "Mallory"))
    await world.accounts.bootstrap()
    with pytest.raises(NoUser):
        await world.accounts.invite(ADMIN, "admin")
    with pytest.raises(NoUser):
        await world.accounts.pins.reset(ADMIN, "admin")


# --- signing in


@played
async def test_extension_and_email_address_lead_to_the_same_account(world: AccountWorld) -> None:
    await world.member("676")
    for name in ("676", "sam@acme.test", "SAM@Acme.test", " 676 "):
        found = viewer(world.accounts, await world.sign_in(name))
        assert found is not None, name
        assert found.account == "676"


@played
async def test_an_email_address_that_two_users_have_leads_to_neither(world: AccountWorld) -> None:
    await world.member("676")
    world.book.put(User("699", "Twin", email="sam@acme.test"))
    with pytest.raises(WrongPassword):
        await world.sign_in("sam@acme.test")
    assert await world.sign_in("676")


@played
async def test_unknown_accounts_are_refused_in_the_same_way_after_the_same_work(world: AccountWorld) -> None:
    """Every refusal hashes once, and the sixth is told to wait, whoever was meant: nothing says which accounts there are."""
    await world.member("676")
    hashed: list[str] = []
    verify = world.hasher._verify

    def counted(stored: str, secret: str) -> bool:
        hashed.append(stored)
        return verify(stored, secret)

    world.hasher._verify = counted  # type: ignore[method-assign]
    answers: dict[str, list[str]] = {}
    for place, name in enumerate(("676", "no such account", "677", "nobody@acme.test", "690")):
        for _ in range(7):
            try:
                await world.sign_in(name, "wrong", f"192.0.2.{place}")
            except (WrongPassword, TooMany) as error:
                answers.setdefault(name, []).append(f"{type(error).__name__} {error}")
    assert len({tuple(each) for each in answers.values()}) == 1, answers
    assert len(hashed) == 5 * 5
    assert {each[:20] for each in hashed} == {hashed[0][:20]}, "with the same cost"


@played
async def test_after_five_failures_even_the_right_password_waits_for_a_quarter_of_an_hour(world: AccountWorld) -> None:
    await world.member("676")
    for _ in range(5):
        with pytest.raises(WrongPassword):
            await world.sign_in("676", "wrong")
        world.now += 60
    for address in ("192.0.2.1", "198.51.100.7"):
        with pytest.raises(TooMany) as refused:
            await world.sign_in("676", GOOD, address)
    assert refused.value.seconds == 900 - 5 * 60
    world.now += refused.value.seconds - 1
    with pytest.raises(TooMany):
        await world.sign_in("676")
    world.now += 1
    assert await world.sign_in("676")


@played
async def test_email_and_extension_are_one_account_to_whoever_guesses(world: AccountWorld) -> None:
    await world.member("676")
    for name in ("676", "sam@acme.test", "676", "sam@acme.test", "676"):
        with pytest.raises(WrongPassword):
            await world.sign_in(name, "wrong")
    with pytest.raises(TooMany):
        await world.sign_in("sam@acme.test")


@played
async def test_an_address_may_fail_twenty_times_over_all_accounts(world: AccountWorld) -> None:
    await world.member("676")
    for number in range(20):
        with pytest.raises(WrongPassword):
            await world.sign_in(f"guess-{number}", "wrong", "2001:db8::1")
    with pytest.raises(TooMany):
        await world.sign_in("676", GOOD, "2001:db8::ffff")
    assert await world.sign_in("676", GOOD, "2001:db8:1::1"), "another network"


@played
async def test_a_good_sign_in_does_not_give_back_the_guesses_of_another(world: AccountWorld) -> None:
    await world.member("676")
    for _ in range(4):
        with pytest.raises(WrongPassword):
            await world.sign_in("676", "wrong")
    for _ in range(3):
        await world.sign_in("676")
    with pytest.raises(WrongPassword):
        await world.sign_in("676", "wrong")
    with pytest.raises(TooMany):
        await world.sign_in("676", "wrong")


@played
async def test_many_guesses_at_once_are_not_more_than_many_one_after_the_other(world: AccountWorld) -> None:
    await world.member("676")
    tried = [world.sign_in("676", f"guess {number}", f"192.0.2.{number}") for number in range(15)]
    answers = await asyncio.gather(*tried, return_exceptions=True)
    assert sorted(type(each).__name__ for each in answers) == ["TooMany"] * 10 + ["WrongPassword"] * 5


@played
async def test_a_password_that_is_changed_while_somebody_signs_in_with_the_old_one_lets_nobody_in(world: AccountWorld) -> None:
    await world.member("676")
    secret = await world.sign_in("676")

    async def late(stored: str, typed: str) -> bool:
        await world.accounts.reset_password(ADMIN, "676")
        return True

    world.hasher.verify = late  # type: ignore[method-assign]
    with pytest.raises(WrongPassword):
        await world.sign_in("676")
    assert viewer(world.accounts, secret) is None
    assert world.store.session_rows == {}


# --- sessions


@played
async def test_every_sign_in_has_a_new_session_and_ends_the_one_that_the_browser_brought(world: AccountWorld) -> None:
    await world.member("676")
    await world.member("667")
    planted = await world.sign_in("676")
    mine = await world.sign_in("667", old=planted)
    assert mine != planted
    assert viewer(world.accounts, planted) is None
    again = await world.sign_in("667", old=mine)
    assert viewer(world.accounts, mine) is None
    assert viewer(world.accounts, again) is not None


@played
async def test_a_session_that_nobody_began_is_none(world: AccountWorld) -> None:
    await world.member("676")
    await world.sign_in("676", old="chosen by somebody else")
    for secret in ("", "chosen by somebody else", *world.store.session_rows, "\udc80", "676"):
        assert world.accounts.by_session(secret) is None


@played
async def test_a_session_ends_after_twelve_idle_hours_and_after_seven_days(world: AccountWorld) -> None:
    await world.member("676")
    secret = await world.sign_in("676")
    world.now += 12 * HOUR - 1
    assert viewer(world.accounts, secret) is not None
    for _ in range(14):
        world.now += 12 * HOUR - 1
        assert (viewer(world.accounts, secret) is not None) == (world.now - START < 7 * DAY)
    assert viewer(world.accounts, secret) is None

    idle = await world.sign_in("676")
    world.now += 12 * HOUR
    assert viewer(world.accounts, idle) is None


@played
async def test_whoever_only_looks_on_does_not_keep_the_session_alive(world: AccountWorld) -> None:
    await world.member("676")
    secret = await world.sign_in("676")
    for _ in range(11):
        world.now += HOUR
        assert world.accounts.by_session(secret, used=False) is not None
    world.now += HOUR
    assert world.accounts.by_session(secret, used=False) is None


@played
async def test_sessions_and_tokens_survive_a_restart_and_only_as_digests(world: AccountWorld) -> None:
    await world.member("676")
    secret = await world.sign_in("676")
    _, token = await world.accounts.make_token("676", "crm", "read", None)
    kept = world.everything_kept()
    accounts = await world.restart()
    assert viewer(accounts, secret) is not None
    assert accounts.by_token(token) is not None
    assert secret not in kept
    assert token not in kept
    assert GOOD not in kept


@played
async def test_use_is_written_seldom_and_never_brings_an_ended_session_back(world: AccountWorld) -> None:
    await world.member("676")
    secret = await world.sign_in("676")
    world.store.calls.clear()
    for _ in range(100):
        world.accounts.by_session(secret)
        world.now += 5
    await asyncio.sleep(0.01)
    assert world.store.calls == ["save_session 676"]
    world.now += 301
    world.accounts.by_session(secret)
    await world.accounts.end_session(world.accounts.sessions_of("676")[0])
    await world.accounts.close()
    assert world.store.session_rows == {}


@played
async def test_the_browser_used_longest_ago_makes_room(world: AccountWorld) -> None:
    await world.member("676")
    secrets = []
    for _ in range(22):
        secrets.append(await world.sign_in("676"))
        world.now += 1
    good = [viewer(world.accounts, each) is not None for each in secrets]
    assert good == [False] * 2 + [True] * 20
    assert len(world.store.session_rows) == 20


@played
async def test_a_change_of_the_password_ends_every_session_and_begins_one(world: AccountWorld) -> None:
    await world.member("676")
    thief, mine = await world.sign_in("676"), await world.sign_in("676")
    told: list[str] = []
    world.accounts.listen(told.append)
    made = await world.accounts.change_password("676", GOOD, OTHER, "Firefox", "192.0.2.1")
    assert [viewer(world.accounts, each) is not None for each in (thief, mine, made.secret)] == [False, False, True]
    assert told == ["676"]
    with pytest.raises(WrongPassword):
        await world.sign_in("676", GOOD)
    assert await world.sign_in("676", OTHER)


@played
async def test_an_old_session_stays_out_although_it_comes_back_from_a_backup(world: AccountWorld) -> None:
    await world.member("676")
    thief = await world.sign_in("676")
    backup = dict(world.store.session_rows)
    world.now += 10
    await world.accounts.change_password("676", GOOD, OTHER, "Firefox", "192.0.2.1")
    world.store.session_rows |= backup
    assert viewer(await world.restart(), thief) is None


@played
async def test_guessing_the_old_password_in_an_open_browser_is_limited_too(world: AccountWorld) -> None:
    await world.member("676")
    for _ in range(5):
        with pytest.raises(WrongPassword):
            await world.accounts.change_password("676", "a wrong guess", OTHER, "Firefox", "192.0.2.1")
    with pytest.raises(TooMany):
        await world.accounts.change_password("676", GOOD, OTHER, "Firefox", "192.0.2.1")


# --- rights come from the directory, at once


@played
async def test_roles_and_what_they_are_over(world: AccountWorld) -> None:
    for extension in ("667", "676", "680", "681", "682"):
        await world.member(extension)
    found = {extension: world.accounts.viewer_of(extension) for extension in ("667", "676", "680", "681", "682")}
    assert {extension: each and each.role for extension, each in found.items()} == {
        "667": "user",
        "676": "manager",
        "680": "manager",
        "681": "user_admin",
        "682": "super_admin",
    }
    assert found["680"] is not None
    assert found["680"].sites == {"HQ", "Branch"}, "with those below"
    assert found["676"] is not None
    assert found["676"].sites == {"Branch"}, "which names its managers"
    assert found["676"].manages == {"667"}
    assert found["667"] is not None
    assert found["667"].manages == {"667"}


@pytest.mark.parametrize(
    ("changes", "manages"),
    [
        ({}, {"667"}),
        ({"approval": "pending"}, set()),
        ({"rights": frozenset({"receive", "call"})}, set()),
        ({"ends": "now"}, set()),
        ({"begins": "later"}, set()),
        ({"begins": "now", "ends": "later"}, {"667"}),
    ],
)
def test_manage_counts_while_the_delegation_does(changes: dict[str, object], manages: set[str]) -> None:
    async def story(world: AccountWorld) -> None:
        from datetime import UTC, datetime

        times = {"now": datetime.fromtimestamp(START, UTC), "later": datetime.fromtimestamp(START + 60, UTC)}
        made = {key: times.get(value, value) if isinstance(value, str) else value for key, value in changes.items()}
        await world.member("676")
        world.book.executives = (Executive("667", delegations=(replace(Delegation("676", "667", frozenset({"manage"})), **made),)),)
        world.book.changed()
        found = world.accounts.viewer_of("676")
        assert found is not None
        assert found.manages == manages

    played(story)()


@played
async def test_a_role_that_is_taken_away_is_gone_at_the_next_request(world: AccountWorld) -> None:
    await world.member("681")
    secret = await world.sign_in("681")
    told: list[str] = []
    world.accounts.listen(told.append)
    world.book.put(replace(world.book.users["681"], role="user"))
    found = viewer(world.accounts, secret)
    assert found is not None
    assert found.role == "user"
    assert told == ["681"]


@played
async def test_disabling_ends_sessions_and_tokens_at_once_and_enabling_brings_no_session_back(world: AccountWorld) -> None:
    await world.member("676")
    secret = await world.sign_in("676")
    _, token = await world.accounts.make_token("676", "crm", "write", None)
    told: list[str] = []
    world.accounts.listen(told.append)
    await world.accounts.disable(ADMIN, "676")
    assert "676" in told
    assert world.accounts.by_session(secret) is None
    assert world.accounts.by_token(token) is None
    with pytest.raises(WrongPassword):
        await world.sign_in("676")
    await world.accounts.enable(ADMIN, "676")
    assert world.accounts.by_session(secret) is None
    assert await world.sign_in("676")
    assert [(actor, op.body["status"]) for actor, op in world.book.changes if hasattr(op, "body")] == [(ADMIN, "disabled"), (ADMIN, "enabled")]


@pytest.mark.parametrize("status", ["disabled", "unassigned", "inventory", "invited", "not_activated"])
def test_whoever_is_not_enabled_on_whatever_way_is_out(status: str) -> None:
    async def story(world: AccountWorld) -> None:
        await world.member("676")
        secret = await world.sign_in("676")
        world.book.put(replace(world.book.users["676"], status=status))
        assert world.accounts.by_session(secret) is None
        with pytest.raises(WrongPassword):
            await world.sign_in("676")
        world.book.put(replace(world.book.users["676"], status="enabled"))
        await asyncio.sleep(0.01)
        assert world.accounts.by_session(secret) is None, "it has ended"

    played(story)()


@played
async def test_whoever_gets_an_extension_next_does_not_get_the_account_of_before(world: AccountWorld) -> None:
    await world.member("676", pin="8352")
    secret = await world.sign_in("676")
    _, token = await world.accounts.make_token("676", "crm", "write", None)
    world.book.remove("676")
    world.book.put(User("676", "Somebody Else"))
    await asyncio.sleep(0.01)
    assert world.accounts.by_session(secret) is None
    assert world.accounts.by_token(token) is None
    with pytest.raises(WrongPassword):
        await world.sign_in("676")
    assert await world.accounts.verify_pin("676", "8352") == "none"
    assert (world.store.rows, world.store.session_rows, world.store.token_rows) == ({}, {}, {})


@played
async def test_accounts_of_users_who_went_while_the_server_was_down_go_at_its_start(world: AccountWorld) -> None:
    await world.member("676")
    await world.accounts.bootstrap()
    world.book.listeners.clear()
    world.book.remove("676")
    await world.restart()
    await asyncio.sleep(0.01)
    assert list(world.store.rows) == ["admin"]


# --- activation


@played
async def test_the_link_activates_once(world: AccountWorld) -> None:
    link = await world.accounts.invite(ADMIN, "677")
    assert world.book.users["677"].status == "invited"
    assert world.accounts.invited(link.secret, "192.0.2.1").extension == "677"
    assert await world.accounts.activate(link.secret, GOOD, "8352", "192.0.2.1") == "677"
    assert world.book.users["677"].status == "enabled"
    assert await world.sign_in("677")
    assert await world.accounts.verify_pin("677", "8352") == "ok"
    with pytest.raises(LinkOver):
        await world.accounts.activate(link.secret, OTHER, "", "192.0.2.1")
    assert [each.action for each in world.book.notes] == ["invited", "activated"]
    assert link.secret not in world.everything_kept()


@played
async def test_the_link_is_good_for_a_day_and_a_new_one_replaces_it(world: AccountWorld) -> None:
    first = await world.accounts.invite(ADMIN, "677")
    second = await world.accounts.invite(ADMIN, "677")
    with pytest.raises(LinkOver):
        world.accounts.invited(first.secret, "192.0.2.1")
    world.now += DAY - 1
    assert world.accounts.invited(second.secret, "192.0.2.1")
    world.now += 1
    with pytest.raises(LinkOver):
        await world.accounts.activate(second.secret, GOOD, "", "192.0.2.1")
    assert world.book.users["677"].status == "invited"


@played
async def test_of_two_who_use_the_link_at_once_one_has_it(world: AccountWorld) -> None:
    link = await world.accounts.invite(ADMIN, "677")
    hashed, both = world.hasher.hash, asyncio.Barrier(2)

    async def together(secret: str) -> str:
        made = await hashed(secret)
        await both.wait()
        return made

    world.hasher.hash = together  # type: ignore[method-assign]
    answers = await asyncio.gather(
        world.accounts.activate(link.secret, GOOD, "", "192.0.2.1"),
        world.accounts.activate(link.secret, OTHER, "", "192.0.2.2"),
        return_exceptions=True,
    )
    assert sorted(str(each) if isinstance(each, str) else type(each).__name__ for each in answers) == ["677", "LinkOver"]
    assert await world.sign_in("677", GOOD if answers[0] == "677" else OTHER)


@played
async def test_a_bad_choice_leaves_the_link_good(world: AccountWorld) -> None:
    link = await world.accounts.invite(ADMIN, "677")
    for password, pin in (("short", ""), (GOOD, "1234"), ("Ana Aide", "")):
        with pytest.raises(Unsuitable):
            await world.accounts.activate(link.secret, password, pin, "192.0.2.1")
    world.book.conflicts = 2  # others edit the same user meanwhile
    assert await world.accounts.activate(link.secret, GOOD, "", "192.0.2.1") == "677"


@played
async def test_guessing_links_is_limited(world: AccountWorld) -> None:
    link = await world.accounts.invite(ADMIN, "677")
    for number in range(20):
        with pytest.raises(LinkOver):
            world.accounts.invited(f"guess {number}", "192.0.2.1")
    with pytest.raises(TooMany):
        world.accounts.invited(link.secret, "192.0.2.1")
    assert world.accounts.invited(link.secret, "192.0.2.2")


@played
async def test_a_disabled_user_is_not_let_in_by_an_old_link(world: AccountWorld) -> None:
    link = await world.accounts.invite(ADMIN, "677")
    await world.accounts.disable(ADMIN, "677")
    with pytest.raises(LinkOver):
        await world.accounts.activate(link.secret, GOOD, "", "192.0.2.1")
    with pytest.raises(NotPossible):
        await world.accounts.invite(ADMIN, "677")


@played
async def test_rooms_and_strangers_have_no_account(world: AccountWorld) -> None:
    for extension in ("690", "999"):
        with pytest.raises(NoUser):
            await world.accounts.invite(ADMIN, extension)
    world.store.rows["690"] = AccountRow("690", world.hasher._argon.hash(GOOD), must_change=False)
    await world.restart()
    with pytest.raises(WrongPassword):
        await world.sign_in("690")


# --- resets


@played
async def test_a_reset_password_is_random_ends_sessions_and_must_be_changed(world: AccountWorld) -> None:
    await world.member("676")
    secret = await world.sign_in("676")
    given = await world.accounts.reset_password(ADMIN, "676")
    assert given != await world.accounts.reset_password(ADMIN, "676")
    given = await world.accounts.reset_password(ADMIN, "676")
    assert given not in world.everything_kept()
    assert viewer(world.accounts, secret) is None
    made = await world.accounts.sign_in("676", given, "Firefox", "192.0.2.1")
    found = world.accounts.by_session(made.secret)
    assert found is not None
    assert found.must_change
    with pytest.raises(Unsuitable):
        await world.accounts.change_password("676", given, given, "Firefox", "192.0.2.1")
    made = await world.accounts.change_password("676", given, OTHER, "Firefox", "192.0.2.1")
    found = world.accounts.by_session(made.secret)
    assert found is not None
    assert not found.must_change


@played
async def test_no_token_outlives_a_reset_or_a_disabled_account(world: AccountWorld) -> None:
    """Whoever had taken the account over may have made one: it does not work again once its owner has a new password."""
    await world.member("676")
    _, token = await world.accounts.make_token("676", "crm", "write", None)
    assert world.accounts.by_token(token) is not None
    given = await world.accounts.reset_password(ADMIN, "676")
    await world.accounts.change_password("676", given, OTHER, "Firefox", "192.0.2.1")
    assert world.accounts.by_token(token) is None and world.accounts.tokens_of("676") == []
    _, token = await world.accounts.make_token("676", "crm", "write", None)
    await world.accounts.disable(ADMIN, "676")
    await world.accounts.enable(ADMIN, "676")
    assert world.accounts.by_token(token) is None and world.accounts.tokens_of("676") == []


@played
async def test_a_reset_lets_in_at_once_whoever_has_tried_too_often(world: AccountWorld) -> None:
    await world.member("676")
    for _ in range(5):
        with pytest.raises(WrongPassword):
            await world.sign_in("676", "forgotten")
    password = await world.accounts.reset_password(ADMIN, "676")
    assert await world.sign_in("676", password)


@played
async def test_a_reset_password_of_the_administrator_is_good_after_a_restart(world: AccountWorld) -> None:
    await world.accounts.bootstrap()
    await world.member("682")
    await world.sign_in("682")
    password = await world.accounts.reset_password(Actor("682", "page"), "admin")
    await world.restart()
    assert await world.accounts.bootstrap() is None
    await world.sign_in("admin", password)
    await world.accounts.change_password("admin", password, OTHER, "Firefox", "192.0.2.1")
    await world.restart()
    assert await world.accounts.bootstrap() is None
    assert await world.sign_in("admin", OTHER)


@played
async def test_whoever_is_not_activated_gets_a_link_and_no_password(world: AccountWorld) -> None:
    for reset in (world.accounts.reset_password, world.accounts.pins.reset):
        with pytest.raises(NotPossible, match="invitation"):
            await reset(ADMIN, "677")


@played
async def test_tokens_are_shown_once_and_end_when_they_should(world: AccountWorld) -> None:
    await world.member("676")
    row, token = await world.accounts.make_token("676", "crm", "read", 30)
    assert token.startswith("b2b_")
    found = world.accounts.by_token(token)
    assert found is not None
    assert (found.viewer.account, found.viewer.via, found.viewer.read_only, found.csrf) == ("676", "token crm", True, "")
    for wrong in ("", "b2b_", token[:-1], token + "x", row.secret, row.id):
        assert world.accounts.by_token(wrong) is None
    world.now += 30 * DAY - 1
    assert world.accounts.by_token(token) is not None
    world.now += 1
    assert world.accounts.by_token(token) is None
    row, token = await world.accounts.make_token("676", "pbx", "write", None)
    await world.accounts.revoke(row)
    assert world.accounts.by_token(token) is None
    assert row.id not in world.store.token_rows


@played
async def test_names_of_tokens_and_browsers_are_text_on_one_line(world: AccountWorld) -> None:
    await world.member("676")
    row, _ = await world.accounts.make_token("676", "crm\x00\n\u202e<b>😀", "read", None)
    assert row.name == "crm   <b>😀"
    await world.accounts.sign_in("676", GOOD, "Fire\x00fox\r\n" + "x" * 1000, "192.0.2.1")
    (session,) = world.accounts.sessions_of("676")
    assert session.agent.startswith("Fire fox  x")
    assert len(session.agent) == 200
    for name in ("", " ", "x" * 61, "crm   <b>😀"):
        with pytest.raises(Unsuitable):
            await world.accounts.make_token("676", name, "read", None)


# --- PINs


@played
async def test_a_pin_can_be_tried_five_times_in_a_quarter_of_an_hour(world: AccountWorld) -> None:
    await world.member("676", pin="8352")
    assert [await world.accounts.verify_pin("676", "0000") for _ in range(5)] == ["wrong"] * 5
    assert await world.accounts.verify_pin("676", "8352") == "locked"
    world.now += 899
    assert await world.accounts.verify_pin("676", "8352") == "locked"
    world.now += 1
    assert await world.accounts.verify_pin("676", "8352") == "ok"


@played
async def test_pins_tried_at_once_are_counted_too(world: AccountWorld) -> None:
    await world.member("676", pin="8352")
    answers = await asyncio.gather(*(world.accounts.verify_pin("676", str(guess)) for guess in range(1000, 1012)))
    assert sorted(answers) == ["locked"] * 7 + ["wrong"] * 5


@played
async def test_right_pins_lock_nobody_out(world: AccountWorld) -> None:
    await world.member("676", pin="8352")
    assert {await world.accounts.verify_pin("676", "8352") for _ in range(12)} == {"ok"}


@played
async def test_a_pin_from_a_reset_is_right_but_must_be_changed(world: AccountWorld) -> None:
    await world.member("676", pin="8352")
    pin = await world.accounts.pins.reset(ADMIN, "676")
    assert await world.accounts.verify_pin("676", "8352") == "wrong"
    assert await world.accounts.verify_pin("676", pin) == "must_change"
    await world.accounts.pins.choose(Actor("676", "page"), "676", "9461")
    assert await world.accounts.verify_pin("676", "9461") == "ok"
    assert pin not in world.everything_kept()


@played
async def test_nobody_logs_in_with_the_pin_of_somebody_who_is_out(world: AccountWorld) -> None:
    await world.member("676", pin="8352")
    assert await world.accounts.verify_pin("667", "8352") == "none"
    assert await world.accounts.verify_pin("nobody", "8352") == "none"
    world.book.put(replace(world.book.users["676"], status="disabled"))
    assert await world.accounts.verify_pin("676", "8352") == "none"


@played
async def test_the_state_says_everything_but_secrets(world: AccountWorld) -> None:
    await world.member("676", pin="8352")
    await world.sign_in("676")
    state = world.accounts.state("676")
    assert (state.status, state.has_password, state.has_pin, state.sessions, state.signed_in) == ("enabled", True, True, 1, START)
    assert "argon" not in repr(state)
    assert world.accounts.state("667").has_password is False
    for unknown in ("999", "690"):
        with pytest.raises(NoUser):
            world.accounts.state(unknown)
