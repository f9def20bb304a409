"""Who sees and changes which entry: asked of the rights themselves, without HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from b2bua.administration import assistants, calendar
from b2bua.administration.desk import watched_by
from b2bua.administration.edition import Edition, file_bodies
from b2bua.administration.entries import Delete, Op, Put, masked
from b2bua.administration.rights import check, check_door, check_named, level_of, may_see, restored, shown
from b2bua.administration.standing import Standing, administrator
from b2bua.administration.viewer import Viewer
from b2bua.config import load
from b2bua.delegation.model import Directory
from b2bua.delegation.numbering import NumberPlan
from b2bua.delegation.people import TrunkRoute
from b2bua.errors import Refused
from b2bua.store.ports import Entry
from tests.web.support.web_office import DIRECTORY, NOW, SERVER


class Shelf:
    """`rights.Reader` of a directory file."""

    def __init__(self, folder: Path, text: str = DIRECTORY, server: str = SERVER) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "b2bua.yaml").write_text(server, "utf-8")
        (folder / "directory.yaml").write_text(text, "utf-8")
        config = load(folder / "b2bua.yaml")
        entries = [Entry(kind, key, place, 1, body) for place, ((kind, key), body) in enumerate(file_bodies(config).items())]
        self.edition = Edition().with_entries(1, entries).checked_at(config, NOW.timestamp())
        assert self.edition.findings == ()

    @property
    def directory(self) -> Directory:
        return self.edition.directory

    def entries(self, kind: str) -> Mapping[str, Entry]:
        return self.edition.kinds.get(kind, {})

    def entry(self, kind: str, key: str) -> Entry | None:
        return self.edition.entry(kind, key)

    def the(self, kind: str, key: str) -> Entry:
        found = self.entry(kind, key)
        assert found is not None
        return found

    def viewer(self, account: str) -> Viewer:
        found = administrator("page", read_only=False) if account == "admin" else Standing().viewer(self.directory, account, NOW, "page", read_only=False)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module")
def accepting(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Assistants must accept; 678 has been asked."""
    text = DIRECTORY.replace("organisation: Acme", "organisation: Acme\nacceptance: true").replace(
        '{extension: "678", rights: [receive]}', '{extension: "678", rights: [receive], approval: pending}'
    )
    return Shelf(tmp_path_factory.mktemp("accepting"), text)


def with_(entry: Entry, **fields: Any) -> Put:
    """The entry with other fields, as its editor would write it; None takes a field away."""
    body = {**masked(entry.body), **fields}
    return Put(entry.kind, entry.key, {key: value for key, value in body.items() if value is not None}, entry.revision)  # type: ignore[arg-type]


def refusal(shelf: Shelf, account: str, *ops: Op) -> str:
    """Why the account may not; "" when it may."""
    try:
        check(shelf.viewer(account), ops, shelf)
    except Refused as refused:
        assert refused.status == 403
        return refused.reason
    return ""


EVERYBODY = ("667", "668", "676", "677", "678", "601", "602", "604", "680", "683", "690", "699", "admin")


# --- seeing


def test_nobody_is_shown_a_secret(shelf: Shelf) -> None:
    for account in EVERYBODY:
        for kind in shelf.edition.kinds:
            for entry in shelf.entries(kind).values():
                assert not {"password", "digest", "pin"} & shown(shelf.viewer(account), entry, shelf).keys()


def test_colleagues_see_of_each_other_what_a_telephone_book_has(shelf: Shelf) -> None:
    seen = shown(shelf.viewer("602"), shelf.the("users", "601"), shelf)
    assert seen == {"extension": "601", "name": "Lee Colleague", "numbers": ["+6221500601"], "location": "HQ 12"}
    assert shown(shelf.viewer("602"), shelf.the("users", "667"), shelf)["email"] == "olivia@acme.test"


@pytest.mark.parametrize("account", ["601", "680", "690", "699", "admin"])
def test_ones_own_entry_that_of_ones_site_and_all_for_administrators_are_seen_whole(shelf: Shelf, account: str) -> None:
    assert shown(shelf.viewer(account), shelf.the("users", "601"), shelf)["cost_centre"] == "Sales abroad"


EXECUTIVE_LEVELS = {
    "667": "whole", "668": "nothing", "676": "private", "677": "part", "678": "nothing", "601": "nothing", "602": "nothing", "604": "nothing",
    "680": "private", "683": "nothing", "690": "whole", "699": "whole", "admin": "whole",
}  # fmt: skip


@pytest.mark.parametrize(("account", "level"), EXECUTIVE_LEVELS.items())
def test_how_much_of_an_executive_is_seen(shelf: Shelf, account: str, level: str) -> None:
    entry = shelf.the("executives", "667")
    assert level_of(shelf.viewer(account), entry, shelf) == level
    assert may_see(shelf.viewer(account), entry, shelf) == (level != "nothing")
    assert ("confidential" in shown(shelf.viewer(account), entry, shelf)) == (level == "whole")


def test_an_assistant_sees_whom_they_work_with_and_not_what_the_others_may_do(shelf: Shelf) -> None:
    seen = shown(shelf.viewer("677"), shelf.the("executives", "667"), shelf)
    assert seen["assistants"] == ["676", {"extension": "677"}]
    assert seen["filtering"] == {"mode": "criteria"}
    assert seen["rollover"] == {"action": "forward", "forward": "601"}


@pytest.mark.parametrize(("account", "sees"), [("667", True), ("668", False), ("676", False), ("601", False), ("680", False), ("690", True)])
def test_the_caller_group_of_confidential_contacts_is_the_executives_own(shelf: Shelf, account: str, sees: bool) -> None:
    assert may_see(shelf.viewer(account), shelf.the("caller_groups", "family"), shelf) is sees


@pytest.mark.parametrize(("account", "sees"), [("668", True), ("676", True), ("680", True), ("601", False), ("677", False)])
def test_other_caller_groups_are_for_those_who_set_up_filters(shelf: Shelf, account: str, sees: bool) -> None:
    assert may_see(shelf.viewer(account), shelf.the("caller_groups", "press"), shelf) is sees


def test_what_is_hidden_survives_a_replacement_by_who_does_not_see_it(shelf: Shelf) -> None:
    entry = shelf.the("executives", "667")
    body = shown(shelf.viewer("676"), entry, shelf)
    assert "confidential" not in body
    assert restored(shelf.viewer("676"), entry, body, shelf) == masked(entry.body)
    whole = {key: value for key, value in entry.body.items() if key != "confidential"}
    assert "confidential" not in restored(shelf.viewer("667"), entry, whole, shelf), "who sees it takes it away by leaving it out"


def with_times(times: str) -> str:
    return DIRECTORY.replace('{extension: "678", rights: [receive]}', f'{{extension: "678", rights: [receive]{times}}}')


@pytest.mark.parametrize(
    ("times", "level"),
    [("", "part"), (", until: 2026-11-20", "part"), (", until: 2026-11-19", "nothing"), (", from: 2026-11-20", "part"), (", from: 2026-11-21", "nothing"),
     (", from: 2026-11-20T10:00", "part"), (", from: 2026-11-20T10:01", "nothing")],
)
def test_an_assistant_sees_the_executive_while_the_delegation_lasts(tmp_path: Path, times: str, level: str) -> None:
    shelf = Shelf(tmp_path / "shelf", with_times(times))
    tom = shelf.viewer("678")
    assert level_of(tom, shelf.the("executives", "668"), shelf) == level
    assert tom.works_for == ({"668"} if level == "part" else set())
    assert calendar.may_see(tom, "668", shelf.directory) is (level == "part")
    assert watched_by(shelf.directory, tom, NOW).executives == (("668",) if level == "part" else ())
    assert ("678" in watched_by(shelf.directory, shelf.viewer("668"), NOW).people) is (level == "part")


@pytest.mark.parametrize("approval", ["pending", "declined"])
def test_who_has_not_accepted_sees_who_asks_and_what_for(tmp_path: Path, approval: str) -> None:
    shelf = Shelf(tmp_path / "shelf", with_times(f", approval: {approval}"))
    tom, entry = shelf.viewer("678"), shelf.the("executives", "668")
    mine = {"extension": "678", "rights": ["receive"], "approval": approval}
    assert shown(tom, entry, shelf) == {"extension": "668", "assistants": [mine]}
    assert not calendar.may_see(tom, "668", shelf.directory)
    with pytest.raises(Refused):
        check_named(tom, entry, ["rollover"], shelf)


def test_a_pending_assistant_may_answer_also_where_nobody_must_accept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf", with_times(", approval: pending"))
    entry = shelf.the("executives", "668")
    for accept in (True, False):
        answer = Put("executives", "668", assistants.answered(masked(entry.body), "678", accept=accept))
        assert refusal(shelf, "678", answer) == ""
        assert refusal(shelf, "677", answer) != "", "nobody answers for another"
    more = {**assistants.answered(masked(entry.body), "678", accept=True), "rollover": {"action": "forward", "forward": "678"}}
    assert refusal(shelf, "678", Put("executives", "668", more)) != ""


# --- changing: users


def test_users_change_what_is_their_own_business(shelf: Shelf) -> None:
    own = shelf.the("users", "601")
    fields = {
        "forwarding": {"busy": "602"}, "divert": {"to": "602"}, "dnd": True, "devices": {"order": "apps_first"}, "hours": None, "email": "lee@acme.test",
        "password": "new",
    }  # fmt: skip
    assert refusal(shelf, "601", with_(own, **fields)) == ""


AWAY = "sip:somebody@127.1.7.66:9999"


@pytest.mark.parametrize(
    "uri",
    [AWAY, "sips:x@example.org", "SIP:x@169.254.169.254:80", "sip:x@acme.test:9999", "sip:x@acme.test;maddr=10.0.0.1", "sip:x@acme.test;y=@10.0.0.1",
     "sip:acme.test@10.0.0.1", "sip:10.0.0.1", "sip:x@[::1]:9"],
)
def test_nobody_but_administrators_sends_calls_to_any_host(shelf: Shelf, uri: str) -> None:
    """The server would call there with the caller's identity, past every trunk."""
    calls = {
        "601": with_(shelf.the("users", "601"), forwarding={"busy": "602", "always": uri}),
        "680": with_(shelf.the("users", "677"), contacts=[uri]),
        "667": with_(shelf.the("executives", "667"), rollover={"action": "voicemail", "voicemail": uri}),
        "676": with_(shelf.the("executives", "667"), filtering={"criteria": [{"name": "Press", "from": ["press"], "action": {"voicemail": uri}}]}),
    }
    for account, op in calls.items():
        assert "need the role user_admin" in refusal(shelf, account, op), account
        assert refusal(shelf, "690", op) == ""


def test_but_to_the_server_itself_to_a_trunk_and_where_they_went_already(tmp_path: Path) -> None:
    trunk = 'trunks: [{name: carrier, uri: "sip:Carrier.example:5070", numbers: ["^[+]"]}, {name: other, uri: "sip:192.0.2.9"}]\n'
    text = DIRECTORY.replace("hours: office}", 'hours: office, forwarding: {busy: "sip:old@192.0.2.77:5090"}}')
    shelf = Shelf(tmp_path / "shelf", text, SERVER + trunk)
    entry = shelf.the("users", "601")
    for target in ("sip:box@acme.test", "sip:box@ACME.test:5060", "sip:x@carrier.example:5070", "sip:vm@192.0.2.9:5060;transport=tcp", "602", "+15551234567",
                   "sip:new@192.0.2.77:5090"):  # fmt: skip
        assert refusal(shelf, "601", with_(entry, forwarding={"always": target})) == "", target
    assert refusal(shelf, "601", with_(entry, forwarding={"always": "sip:x@carrier.example:5071"})) != ""
    assert refusal(shelf, "601", with_(entry, dnd=True)) == ""


@pytest.mark.parametrize("field", ["name", "numbers", "location", "role", "manages", "status", "type", "self_service", "cost_centre", "digest", "contacts"])
def test_and_nothing_else_of_their_entry(shelf: Shelf, field: str) -> None:
    assert refusal(shelf, "601", with_(shelf.the("users", "601"), **{field: "x"})).startswith(f"{field} needs the role user_admin")


@pytest.mark.parametrize("account", ["601", "676", "667", "683"])
def test_nobody_changes_a_colleague(shelf: Shelf, account: str) -> None:
    assert "you need the role user_admin" in refusal(shelf, account, with_(shelf.the("users", "602" if account != "683" else "601"), dnd=True))


def test_without_self_service_there_is_none(shelf: Shelf) -> None:
    assert "self-service" in refusal(shelf, "604", with_(shelf.the("users", "604"), dnd=True))


def test_nobody_makes_or_removes_themselves(shelf: Shelf) -> None:
    assert refusal(shelf, "601", Delete("users", "601")) != ""
    assert refusal(shelf, "601", Put("executives", "601", {"extension": "601"})) != ""
    assert refusal(shelf, "667", Delete("executives", "667")) != ""


def test_a_manager_of_a_site_changes_its_users_and_those_below(shelf: Shelf) -> None:
    for key in ("601", "676"):
        assert refusal(shelf, "680", with_(shelf.the("users", key), name="Another", numbers=["+6221500650"], status="disabled")) == ""
    assert refusal(shelf, "680", Put("users", "650", {"extension": "650", "name": "New", "location": "HQ 12"}, 0)) == ""
    assert refusal(shelf, "680", Delete("users", "677")) == ""
    assert refusal(shelf, "683", with_(shelf.the("users", "602"), name="Another")) == "", "by the site's entry that names the manager"


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("602", {"name": "Elsewhere"}),
        ("602", {"location": "HQ"}),
        ("601", {"location": "Branch"}),
        ("601", {"location": None}),
        ("601", {"role": "user_admin"}),
        ("601", {"manages": {"sites": ["HQ"]}}),
        ("690", {"email": "mona@acme.test"}),
        ("699", {"password": "mine"}),
        ("680", {"location": "HQ 12"}),
    ],
)
def test_but_none_of_other_sites_no_rights_and_no_administrators(shelf: Shelf, key: str, fields: dict[str, Any]) -> None:
    assert refusal(shelf, "680", with_(shelf.the("users", key), **fields)) != ""


def test_a_manager_does_not_change_who_manages_more(shelf: Shelf) -> None:
    """Bea works at HQ and manages Branch, as that site's entry says; somebody at HQ may manage elsewhere by their own entry, too."""
    assert "manages more" in refusal(shelf, "680", with_(shelf.the("users", "683"), email="x@acme.test"))
    more = with_(shelf.the("users", "601"), manages={"sites": ["Branch"]})
    entry = shelf.the("users", "601")._replace(body=more.body)
    changed = Shelf.__new__(Shelf)
    changed.edition = shelf.edition.with_entries(2, [entry])
    assert "manages more" in refusal(changed, "680", with_(entry, email="x@acme.test"))


def test_a_user_administrator_changes_all_but_super_administrators_and_the_organisation(shelf: Shelf) -> None:
    assert refusal(shelf, "690", with_(shelf.the("users", "601"), role="user_admin", manages={"sites": ["HQ"]})) == ""
    assert refusal(shelf, "690", Delete("groups", "500")) == ""
    assert refusal(shelf, "690", with_(shelf.the("executives", "667"), confidential=["press"])) == ""
    assert refusal(shelf, "690", Put("sites", "New", {"name": "New"})) == ""
    assert "super_admin" in refusal(shelf, "690", with_(shelf.the("users", "699"), name="X"))
    assert "super_admin" in refusal(shelf, "690", Delete("users", "699"))
    assert "super_admin" in refusal(shelf, "690", with_(shelf.the("users", "690"), role="super_admin"))
    assert "super_admin" in refusal(shelf, "690", Put("users", "650", {"extension": "650", "name": "N", "role": "super_admin"}))
    assert "super_admin" in refusal(shelf, "690", Put("executives", "699", {"extension": "699", "assistants": ["690"]}))
    assert "the organisation's settings" in refusal(shelf, "690", with_(shelf.the("organisation", ""), acceptance=True))


def test_a_super_administrator_changes_everything(shelf: Shelf) -> None:
    for account in ("699", "admin"):
        assert refusal(shelf, account, with_(shelf.the("organisation", ""), acceptance=True), with_(shelf.the("users", "699"), name="X")) == ""


def test_two_operations_on_one_entry_are_judged_by_what_the_first_leaves(shelf: Shelf) -> None:
    """Nobody moves a user out of reach of the rule with one operation, and changes them with the next."""
    elsewhere = with_(shelf.the("users", "602"), location="HQ")
    assert refusal(shelf, "680", elsewhere, with_(shelf.the("users", "602"), location="HQ", name="X")) != ""
    assert refusal(shelf, "690", with_(shelf.the("users", "601")), Put("users", "601", {"extension": "601", "name": "X", "role": "super_admin"})) != ""


def test_a_body_that_names_somebody_else_is_refused(shelf: Shelf) -> None:
    with pytest.raises(Refused) as refused:
        check(shelf.viewer("601"), (Put("users", "601", {"extension": "699", "dnd": True}),), shelf)
    assert refused.value.status == 422


def test_a_token_that_may_only_read_changes_nothing(shelf: Shelf) -> None:
    with pytest.raises(Refused, match="only read"):
        check(shelf.viewer("admin")._replace(read_only=True), (Delete("groups", "500"),), shelf)


# --- changing: offices, phones, the rest


def test_the_manager_of_a_queue_changes_who_is_in_it_and_how_it_rings(shelf: Shelf) -> None:
    fields = {"members": ["601"], "alerting": {"mode": "sequential"}, "rollover": {"action": "hangup"}, "maximum_wait": 60, "capacity": 3}
    assert refusal(shelf, "680", with_(shelf.the("groups", "500"), **fields)) == ""
    assert refusal(shelf, "683", with_(shelf.the("services", "510"), agents=["602"])) == ""
    for field in ("name", "numbers", "managers", "type"):
        assert refusal(shelf, "680", with_(shelf.the("groups", "500"), **{field: "x"})).startswith(f"{field} needs the role user_admin")
    assert refusal(shelf, "683", with_(shelf.the("groups", "500"), members=[])) != ""
    assert refusal(shelf, "601", with_(shelf.the("groups", "500"), members=[])) != "", "a member is no manager"
    assert refusal(shelf, "680", Delete("groups", "500")) != ""


def test_the_manager_of_a_site_hands_out_its_phones(shelf: Shelf) -> None:
    sams = shelf.the("phones", "00:15:65:00:00:02")
    assert refusal(shelf, "680", with_(sams, user="601")) == ""
    assert refusal(shelf, "680", with_(sams, user="602")) != "", "not to another site"
    assert refusal(shelf, "680", with_(shelf.the("phones", "00:15:65:00:00:03"), user="601")) != "", "not from another site"
    assert refusal(shelf, "676", with_(sams, user=None)) != "", "one's own phone is not one's own to give away"


@pytest.mark.parametrize("kind", ["sites", "cost_centres", "schedules", "caller_groups", "duty_profiles", "conferences"])
@pytest.mark.parametrize("account", ["601", "667", "676", "680", "683"])
def test_what_is_the_whole_organisations_is_for_administrators(shelf: Shelf, kind: str, account: str) -> None:
    for entry in shelf.entries(kind).values():
        assert "you need the role user_admin" in refusal(shelf, account, Delete(kind, entry.key))  # type: ignore[arg-type]


# --- changing: executives


def test_an_executive_changes_their_own_delegation(shelf: Shelf) -> None:
    entry = shelf.the("executives", "667")
    fields = {"assistants": [{"extension": "678", "rights": ["manage", "listen"]}], "confidential": ["press"], "filtering": {"enabled": False}}
    assert refusal(shelf, "667", with_(entry, **fields)) == ""
    assert refusal(shelf, "667", with_(shelf.the("executives", "668"), assistants=[])) != ""


MINE = {"extension": "676", "rights": ["receive", "call", "opt", "manage"]}


@pytest.mark.parametrize(
    "fields",
    [
        {"filtering": {"enabled": False}},
        {"alerting": {"mode": "sequential"}},
        {"rollover": {"action": "hangup"}},
        {"assistants": ["677", MINE]},
        {"assistants": [{**MINE, "ring_seconds": 10}, "677"]},
        {"assistants": [MINE]},
        {"assistants": [MINE, "677", {"extension": "678", "rights": ["receive", "call"]}]},
        {"assistants": [MINE, {"extension": "677", "rights": ["receive"], "callers": ["press"]}]},
    ],
)
def test_an_assistant_with_manage_edits_that_executive(shelf: Shelf, fields: dict[str, Any]) -> None:
    assert refusal(shelf, "676", with_(shelf.the("executives", "667"), **fields)) == ""


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"confidential": ["press"]}, "only 667 and administrators may change confidential"),
        ({"confidential": None}, "only 667 and administrators may change confidential"),
        ({"assistants": [{**MINE, "rights": [*MINE["rights"], "listen"]}, "677"]}, "of your own delegation"),
        ({"assistants": ["676", "677"]}, "of your own delegation"),
        ({"assistants": [{**MINE, "until": "2030-01-01"}, "677"]}, "of your own delegation"),
        ({"assistants": ["677"]}, "of your own delegation"),
        ({"assistants": [MINE, {"extension": "677", "rights": ["receive", "manage"]}]}, "the right 'manage' (of 677)"),
        ({"assistants": [MINE, "677", {"extension": "678", "rights": ["manage"]}]}, "the right 'manage' (of 678)"),
        ({"assistants": [MINE, {"extension": "677", "rights": ["listen"]}]}, "you have no right 'listen'"),
        ({"assistants": [MINE, "677", "678"]}, "you have no right 'join'"),
    ],
)
def test_but_neither_the_secrets_of_the_executive_nor_rights_that_they_have_not_got(shelf: Shelf, fields: dict[str, Any], why: str) -> None:
    assert why in refusal(shelf, "676", with_(shelf.the("executives", "667"), **fields))


def test_manage_counts_for_that_executive_only(shelf: Shelf) -> None:
    assert "the right 'manage' for 668" in refusal(shelf, "676", with_(shelf.the("executives", "668"), rollover={"action": "executive"}))
    assert "the right 'manage' for 667" in refusal(shelf, "677", with_(shelf.the("executives", "667"), rollover={"action": "hangup"}))


def test_somebody_named_twice_is_refused_and_not_judged_by_the_last(shelf: Shelf) -> None:
    twice = with_(shelf.the("executives", "667"), assistants=[{**MINE, "rights": ["listen"]}, MINE, "677"])
    with pytest.raises(Refused) as refused:
        check(shelf.viewer("676"), (twice,), shelf)
    assert refused.value.status == 422


@pytest.mark.parametrize("rights", [["manage"], None, "manage", [{}], 7])
def test_an_assistant_item_in_any_shape_gives_no_right_away(shelf: Shelf, rights: Any) -> None:
    """What the schema will refuse anyway must not get past the rights, either."""
    item = {"extension": "678", "rights": rights}
    why = refusal(shelf, "676", with_(shelf.the("executives", "667"), assistants=[MINE, "677", item]))
    assert why != ""


# --- assistants who must accept


def allowed(shelf: Shelf, account: str, op: Put) -> list[Any]:
    """The assistants as they may be written."""
    found = check(shelf.viewer(account), (op,), shelf)[0]
    assert isinstance(found, Put)
    return list(found.body["assistants"])


def test_without_acceptance_a_new_assistant_counts_at_once(shelf: Shelf) -> None:
    assert allowed(shelf, "668", with_(shelf.the("executives", "668"), assistants=["676"])) == ["676"]


@pytest.mark.parametrize("account", ["668", "690", "admin"])
def test_with_acceptance_a_new_assistant_is_pending(accepting: Shelf, account: str) -> None:
    op = with_(accepting.the("executives", "668"), assistants=["677", {"extension": "678", "rights": ["receive"]}, "676"])
    assert allowed(accepting, account, op) == [
        "677",
        {"extension": "678", "rights": ["receive"], "approval": "pending"},
        {"extension": "676", "approval": "pending"},
    ], "677 has been there before, 678 stays as they are, 676 is new"


def test_nobody_but_administrators_accepts_for_somebody_else(accepting: Shelf) -> None:
    entry = accepting.the("executives", "668")
    approved = {"extension": "676", "approval": "approved"}
    assert allowed(accepting, "668", with_(entry, assistants=["677", approved]))[1]["approval"] == "pending"
    assert allowed(accepting, "690", with_(entry, assistants=["677", approved]))[1]["approval"] == "approved"
    settled = with_(entry, assistants=["677", {"extension": "678", "rights": ["receive"], "approval": "approved"}])
    assert "678 has not accepted yet" in refusal(accepting, "668", settled)


def test_an_assistant_answers_for_themselves_and_changes_nothing_by_it(accepting: Shelf) -> None:
    entry = accepting.the("executives", "668")
    yes = assistants.answered(entry.body, "678", accept=True)
    assert refusal(accepting, "678", with_(entry, assistants=yes["assistants"])) == ""
    assert refusal(accepting, "678", with_(entry, assistants=assistants.answered(entry.body, "678", accept=False)["assistants"])) == ""
    assert refusal(accepting, "677", with_(entry, assistants=yes["assistants"])) != "", "not for another one"
    more = [each if isinstance(each, str) else {**each, "rights": ["receive", "manage"]} for each in yes["assistants"]]
    assert refusal(accepting, "678", with_(entry, assistants=more)) != ""
    assert refusal(accepting, "678", with_(entry, assistants=yes["assistants"], rollover={"action": "executive"})) != ""
    assert refusal(accepting, "678", with_(entry, assistants=list(reversed(yes["assistants"])))) != ""


def test_what_is_declined_is_for_the_executive_to_end(shelf: Shelf, tmp_path: Path) -> None:
    """Somebody has put off a delegation (A25): the assistant does not bring it into force."""
    text = DIRECTORY.replace('{extension: "678", rights: [receive]}', '{extension: "678", rights: [receive], approval: declined}')
    off = Shelf(tmp_path, text)
    entry = off.the("executives", "668")
    yes = with_(entry, assistants=assistants.answered(entry.body, "678", accept=True)["assistants"])
    assert refusal(off, "678", yes) != ""
    assert refusal(off, "668", yes) == ""


def test_who_manages_does_not_end_what_is_pending_nor_touch_another_who_manages(shelf: Shelf, tmp_path: Path) -> None:
    text = DIRECTORY.replace(
        '      - "677"\n', '      - {extension: "677", approval: pending}\n      - {extension: "678", rights: [receive, manage], ring_seconds: 20}\n'
    )
    two = Shelf(tmp_path, text)
    entry = two.the("executives", "667")
    mine, ana, tom = entry.body["assistants"]
    assert refusal(two, "676", with_(entry, assistants=[tom, mine, {**ana, "rights": ["receive"]}])) == ""
    assert "approve what is pending (of 677)" in refusal(two, "676", with_(entry, assistants=[mine, {**ana, "approval": "approved"}, tom]))
    assert refusal(two, "676", with_(entry, assistants=[mine, ana, {**tom, "ring_seconds": 5}])) == ""
    assert "678 has the right 'manage', too" in refusal(two, "676", with_(entry, assistants=[mine, ana, {**tom, "until": "2020-01-01"}]))
    assert "678 has the right 'manage', too" in refusal(two, "676", with_(entry, assistants=[mine, ana, {**tom, "rights": ["manage"]}]))
    assert "the right 'manage' (of 678)" in refusal(two, "676", with_(entry, assistants=[mine, ana]))


# --- numbers and extensions that a manager gives (E10, E17)

FOREIGN = "+6281234567890"


@pytest.mark.parametrize(
    ("account", "key", "numbers", "may"),
    [
        ("680", "601", ["+6221500601", FOREIGN], False),
        ("680", "601", ["+6221500601", "+622 150-0650"], True),
        ("680", "601", ["6221500650"], True),
        ("680", "601", ["+6221500700"], False),
        ("680", "601", ["+622150065"], False),
        ("680", "601", [], True),
        ("683", "602", [FOREIGN], False),
        ("690", "601", [FOREIGN], True),
    ],
)
def test_a_manager_gives_numbers_of_the_inventory_only(shelf: Shelf, account: str, key: str, numbers: list[str], may: bool) -> None:
    """Whoever has a number gets what others forward to it: nobody takes that of a bank, or of a colleague's mobile."""
    why = refusal(shelf, account, with_(shelf.the("users", key), numbers=numbers))
    assert (why == "") is may, why
    new = Put("users", "650", {"extension": "650", "name": "New", "location": "Branch" if account == "683" else "HQ", "numbers": numbers}, 0)
    assert (refusal(shelf, account, new) == "") is may


def test_without_an_inventory_a_manager_gives_what_a_user_of_the_site_has(tmp_path: Path) -> None:
    text = DIRECTORY.replace('number_inventory: ["+6221500600-699"]', "").replace('"+6221500601"', f'"+6221500601", "{FOREIGN}"')
    shelf = Shelf(tmp_path / "none", text)
    lee, sam = shelf.the("users", "601"), shelf.the("users", "676")
    assert refusal(shelf, "680", with_(lee, name="Another")) == "", "what an administrator has given stays"
    assert refusal(shelf, "680", with_(lee, numbers=[]), with_(sam, numbers=["+6221500676", FOREIGN])) == "", "to another user of the site"
    assert "inventory" in refusal(shelf, "680", with_(sam, numbers=["+6221500650"]))
    assert "inventory" in refusal(shelf, "680", with_(sam, numbers=["+6221500668"])), "that of somebody at another site"


def test_a_manager_makes_no_extension_that_is_an_outside_number(shelf: Shelf) -> None:
    class Calling(Shelf):
        @property
        def directory(self) -> Directory:
            trunks = (TrunkRoute("first", (r"^\+?[0-9]{3,15}$",)),)
            found = super().directory
            return replace(found, numbers=NumberPlan(found.users, {}, trunks, ("112",)))

    calling = Calling.__new__(Calling)
    calling.edition = shelf.edition
    mona = shelf.viewer("680")
    for extension, may in (("651", True), ("081234567890", False), ("new.desk", True)):
        op = Put("users", extension, {"extension": extension, "name": "New", "location": "HQ"}, 0)
        if may:
            check(mona, (op,), calling)
        else:
            with pytest.raises(Refused, match="as long as an outside number"):
                check(mona, (op,), calling)


# --- what is hidden is not found out by writing it


@pytest.mark.parametrize("value", [["family"], ["press"], [], None])
def test_a_hidden_field_is_not_written_were_it_as_it_is(shelf: Shelf, value: Any) -> None:
    olivia = shelf.the("executives", "667")
    for account in ("676", "677"):  # 676 manages, 677 is an assistant
        with pytest.raises(Refused, match="confidential"):
            check_named(shelf.viewer(account), olivia, {"confidential": value}, shelf)
        with pytest.raises(Refused, match="confidential"):
            restored(shelf.viewer(account), olivia, {"extension": "667", "confidential": value}, shelf)
    for account in ("667", "690"):
        check_named(shelf.viewer(account), olivia, {"confidential": value}, shelf)


# --- before the body


@pytest.mark.parametrize(
    ("account", "kind", "key", "may"),
    [
        ("601", "users", None, False), ("601", "users", "602", False), ("601", "users", "601", True), ("680", "users", None, True),
        ("680", "users", "602", True), ("601", "sites", "HQ", False), ("680", "groups", "500", True), ("601", "groups", "500", False),
        ("683", "services", "510", True), ("680", "groups", None, False), ("667", "executives", "667", True), ("676", "executives", "667", True),
        ("677", "executives", "667", True), ("601", "executives", "667", False), ("676", "executives", None, False),
        ("690", "sites", None, True), ("admin", "users", None, True), ("601", "phones", None, False), ("680", "phones", None, True),
    ],
)  # fmt: skip
def test_whoever_may_change_nothing_there_is_told_before_anything_is_read(shelf: Shelf, account: str, kind: str, key: str | None, may: bool) -> None:
    try:
        check_door(shelf.viewer(account), kind, key, shelf)
    except Refused as refused:
        assert not may and refused.status == 403
    else:
        assert may
