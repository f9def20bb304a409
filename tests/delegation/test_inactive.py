"""Users without phones: not activated, disabled, in the inventory (E5), or extensions that only forward (E11)."""

from dataclasses import replace

import pytest

from b2bua.delegation.digests import digests_of
from b2bua.delegation.handover import Waiting, push_back
from b2bua.delegation.lint import lint, look
from b2bua.delegation.model import Account, Delegation, Directory, Executive, User
from b2bua.delegation.people import Alerting, Criterion, Divert, Filtering, Forwarding, Rollover, UserStatus
from b2bua.delegation.plan import RoutePlan
from tests.delegation.organisation import NOW, USERS, assistants, call, callers_of, directory, outside

WITHOUT_PHONES: tuple[UserStatus, ...] = ("invited", "not_activated", "disabled", "unassigned", "inventory")


def with_user(extension: str, *executives: Executive, **changes: object) -> Directory:
    return directory(*executives, users=tuple(replace(each, **changes) if each.extension == extension else each for each in USERS))


def rung(plan: RoutePlan) -> list[str | None]:
    return [each.extension for stage in (*plan.stages, *plan.rollover) for each in stage.endpoints]


@pytest.mark.parametrize("status", WITHOUT_PHONES)
def test_nobody_rings_and_nobody_registers(status: UserStatus) -> None:
    where = with_user("601", status=status)
    plan = call("600", "601", where)
    assert (plan.action, plan.final_status, rung(plan)) == ("refuse", 480, [])
    assert where.account("601") is None
    assert "601" not in {account.name for account in where.accounts()}


def test_the_explainer_says_why() -> None:
    plan = call("600", "601", with_user("601", status="invited"))
    assert "Lee Colleague (601) has been invited and is not activated yet" in str(plan.trace)


def test_forwarding_of_somebody_who_is_disabled_does_not_count() -> None:
    plan = call("600", "601", with_user("601", status="disabled", forwarding=Forwarding(always="667", busy="667")))
    assert (plan.final_status, rung(plan)) == (480, [])


@pytest.mark.parametrize("status", ["enabled", "invited", "not_activated"])
def test_a_limited_extension_works_without_activation(status: UserStatus) -> None:
    where = with_user("601", type="limited", status=status)
    assert rung(call("600", "601", where)) == ["601"]
    assert where.account("601") is not None


def test_a_limited_extension_can_be_disabled() -> None:
    assert call("600", "601", with_user("601", type="limited", status="disabled")).final_status == 480


def test_an_extension_that_only_forwards_rings_somebody_else() -> None:
    where = with_user("601", type="forwarding", password="", forwarding=Forwarding(always="600"))
    assert rung(call(outside(), "601", where)) == ["600"]
    assert where.account("601") is None
    where = with_user("601", type="forwarding", password="")
    assert call("600", "601", where).final_status == 480


def test_an_assistant_who_is_disabled_is_passed_over() -> None:
    assert rung(call(outside(), "667", with_user("676", status="disabled"))) == ["677"]
    plan = call(outside(), "667", with_user("676", status="disabled"))
    assert "is disabled" in str(plan.trace)


def test_an_executive_who_is_disabled_is_not_rung_with_the_assistants() -> None:
    olivia = Executive("667", alerting=Alerting(executive="together"), delegations=assistants("667", "676"))
    assert rung(call(outside(), "667", with_user("667", olivia))) == ["676", "667"]
    assert rung(call(outside(), "667", with_user("667", olivia, status="disabled"))) == ["676"]
    open_door = replace(olivia, filtering=Filtering(enabled=False))
    assert call(outside(), "667", with_user("667", open_door, status="disabled")).final_status == 480


def test_a_call_is_not_sent_to_an_executive_who_is_disabled() -> None:
    where = with_user("667", status="disabled")
    plan = push_back(where, "667", "676", Waiting(caller=outside(), executive="667"), NOW)
    assert (plan.action, plan.final_status) == ("refuse", 480)


def test_a_divert_to_somebody_without_phones_rings_the_assistant() -> None:
    users = [replace(each, status="disabled") if each.extension == "600" else each for each in USERS]
    users = [replace(each, divert=Divert(True, "600")) if each.extension == "676" else each for each in users]
    assert rung(call(outside(), "667", directory(users=users))) == ["676", "677"]


def test_the_linter_names_ends_at_which_nobody_has_a_phone() -> None:
    olivia = Executive("667", rollover=Rollover(None, "forward", "601"), delegations=assistants("667", "676"))
    found = lint(with_user("601", olivia, status="inventory"), NOW.date())
    assert ["Lee Colleague (601) is in the inventory only" in each.text for each in found if each.key == ("rollover", "forward")] == [True]
    olivia = replace(olivia, rollover=Rollover(None, "executive"))
    found = lint(with_user("667", olivia, status="disabled"), NOW.date())
    assert ["is disabled: `667 → 676 → nobody` ends in silence" in each.text for each in found if each.key == ("rollover", "action")] == [True]


# --- accounts by digest -----------------------------------------------------------------------------------------------------------


def test_digests_count_instead_of_the_password() -> None:
    digests = digests_of(("676", "676-667"), "acme.test", "secret")
    where = with_user("676", password="", digests=digests)
    assert where.account("676") == Account("676", "676", None, "", digests["676"])
    assert where.account("676-667") == Account("676-667", "676", "667", "", digests["676-667"])


def test_a_line_without_digest_and_password_has_no_account() -> None:
    where = with_user("676", password="", digests=digests_of(("676",), "acme.test", "secret"))
    assert where.account("676") is not None
    assert where.account("676-667") is None
    assert {account.name for account in where.accounts()} >= {"676", "677-667"}
    assert "676-667" not in {account.name for account in where.accounts()}


def test_a_password_that_has_not_been_set_lets_nobody_in() -> None:
    assert with_user("601", password="").account("601") is None


def test_digests_are_never_printed() -> None:
    digests = digests_of(("601",), "acme.test", "secret")
    someone = User("601", "Lee", digests=digests)
    assert digests["601"].md5 not in f"{someone!r} {list(directory(users=(*USERS[:-1], someone)).accounts())!r}"


# --- built upon another one -------------------------------------------------------------------------------------------------------


def test_a_directory_built_upon_another_shows_every_change() -> None:
    first = directory()
    users = [replace(each, name="Sandra") if each.extension == "676" else each for each in USERS]
    second = directory(*first.executives.values(), users=users, previous=first)
    assert [seat.assistant.name for seat in second.offices["667"].seats] == ["Sandra", "Ana Aide"]
    assert "Sandra" in str(second.media_rules["676"])
    third = directory(*first.executives.values(), users=[replace(each, name="Olga") if each.extension == "667" else each for each in USERS], previous=first)
    assert third.offices["667"].user.name == "Olga"


def test_who_was_an_executive_and_is_an_assistant_now_is_called_so() -> None:
    both = (Executive("667", delegations=(Delegation("668", "667"),)), Executive("668", delegations=assistants("668", "678")))
    first = directory(*both)
    second = directory(both[0], previous=first)
    assert second.media_rules["668"] == directory(both[0]).media_rules["668"] != first.media_rules["668"]


def test_a_number_that_goes_from_one_to_another_is_found_there() -> None:
    first = directory()
    users = [replace(each, numbers=()) if each.extension == "676" else each for each in USERS]
    users = [replace(each, numbers=("+6221500676",)) if each.extension == "677" else each for each in users]
    for order in (users, users[::-1]):
        second = directory(users=order, previous=first)
        assert second.numbers.owner_of("+6221500676") == "677"
        assert second.numbers.owners == directory(users=order).numbers.owners


def test_who_becomes_an_executive_passes_the_filters_of_the_others() -> None:
    """A criterion for somebody who gets past the filter never matches; the linter says so as soon as they are an executive."""
    criterion = Criterion("Lee", callers=callers_of("601"))
    filtering = Filtering(mode="criteria", criteria=(criterion, Criterion("Press", callers=callers_of("+1555*"))), executives_pass=True)
    olivia = Executive("667", filtering=filtering, rollover=Rollover(), delegations=assistants("667", "676"))
    lee = Executive("601", rollover=Rollover(), delegations=assistants("601", "678"))
    first = look(directory(olivia), NOW.date())
    second = look(directory(olivia, lee, previous=directory(olivia)), NOW.date(), first)
    assert not [each for each in first.findings if "never matches" in each.text]
    assert [each.extension for each in second.findings if "never matches" in each.text] == ["667"]
    assert second.findings == lint(directory(olivia, lee), NOW.date())
