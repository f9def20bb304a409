"""Sites, cost centres, phones and the inventory of numbers, and what users of a kind may be (E5-E11, E17)."""

import pytest

from b2bua.delegation.organisation import CostCentre, Manages, NumberRange, Phone, Site
from tests.config.conftest import Files, problems, read, refused, warned

MORE = """sites:
  - {name: HQ, emergency_location: Tower A, managers: ["600"]}
  - {name: Floor 3, parent: HQ}
  - {name: Desk, parent: Floor 3}
cost_centres: [{name: Sales, code: "4711"}, {name: East, parent: Sales}]
phones: [{mac: 0015.65AA.BBCC, name: Reception, model: T54W, user: "600", site: Floor 3}, {mac: "00:15:65:aa:bb:cd", name: Spare}]
number_inventory: ["+6221500600-699", "+6221500800", "+6222000-+6222999"]
acceptance: true
"""
USERS = """  - {extension: "700", name: Lobby, type: limited, status: not_activated, emergency_location: Lobby}
  - {extension: "701", name: Mobile, type: forwarding, forwarding: {always: "600"}}
  - {extension: "702", name: Hot desk, type: shared, password: geheimes-wort}
  - {extension: "703", name: Max, email: Max@acme.example, cost_centre: East, role: user_admin, self_service: false,
     manages: {sites: [HQ], groups: ["500", "510"]}}
  - {extension: "704", name: New, email: new@acme.example, status: invited, location: Desk}
executives:
"""


@pytest.fixture
def company(organisation: Files) -> Files:
    text = organisation.directory.read_text().replace("executives:\n", USERS, 1)
    text = text.replace("location: HQ, maximum_wait: 120", 'location: HQ, maximum_wait: 120, capacity: 5, managers: ["600", "703"]')
    organisation.directory.write_text(text + MORE)
    return organisation


def test_everything_is_read(company: Files) -> None:
    found = read(company)
    assert found.sites["HQ"] == Site("HQ", None, "Tower A", ("600",))
    assert found.below("HQ") == {"HQ", "Floor 3", "Desk"}
    assert found.below("Floor 3", "Elsewhere") == {"Floor 3", "Desk", "Elsewhere"}
    assert list(found.cost_centres.values()) == [CostCentre("Sales", None, "4711"), CostCentre("East", "Sales", None)]
    assert found.phone_inventory["00:15:65:aa:bb:cc"] == Phone("00:15:65:aa:bb:cc", "Reception", "T54W", "600", "Floor 3")
    assert found.number_inventory[0] == NumberRange("+6221500600", "+6221500699")
    assert [each.size for each in found.number_inventory] == [100, 1, 1000]
    assert found.acceptance
    group = found.executives["500"]
    assert (group.capacity, group.managers) == (5, ("600", "703"))
    lobby, max_ = found.users["700"], found.users["703"]
    assert (lobby.type, lobby.status, lobby.emergency_location) == ("limited", "not_activated", "Lobby")
    assert (max_.email, max_.role, max_.self_service, max_.cost_centre) == ("Max@acme.example", "user_admin", False, "East")
    assert max_.manages == Manages(("HQ",), ("500", "510"))
    assert {each.name for each in found.accounts()} >= {"667", "702"}
    assert not {each.name for each in found.accounts()} & {"700", "701", "703", "704"}, "no password yet, no phones, or not activated"


def test_without_the_new_keys_everything_stands_at_its_default(organisation: Files) -> None:
    found = read(organisation)
    assert (found.sites, found.phone_inventory, found.number_inventory, found.acceptance) == ({}, {}, (), False)
    user = found.users["667"]
    assert (user.type, user.status, user.role, user.email, user.manages, user.self_service) == ("person", "enabled", "user", None, Manages(), True)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("parent: HQ}", "parent: Hq}", "sites[1].parent: 'Hq' is no site; write the name of one, or null"),
        ("parent: HQ}", "parent: Desk}", "sites[1].parent: closes a circle (Floor 3 - Desk - Floor 3); write another parent, or null"),
        ("parent: HQ}", "parent: Floor 3}", "sites[1].parent: closes a circle (Floor 3 - Floor 3)"),
        ("parent: Sales}", "parent: East}", "cost_centres[1].parent: closes a circle (East - East)"),
        ("{name: Desk, parent", "{name: HQ, parent", "sites[2].name: 'HQ' is already the name of a site above"),
        ("name: East,", "name: Sales,", "cost_centres[1].name: 'Sales' is already the name of a cost centre above"),
        ('Tower A, managers: ["600"]', 'Tower A, managers: ["500"]', "sites[0].managers[0]: 500 is a group; write the extension of a user"),
        ('Tower A, managers: ["600"]', 'Tower A, managers: ["6-0"]', "sites[0].managers[0]: is '6-0'; write an extension"),
        ("aa:bb:cd", "AA:BB:CC", "phones[1].mac: '00:15:65:aa:bb:cc' is already the mac of a phone above"),
        ("0015.65AA.BBCC", "0015.65AA.BBC", "phones[0].mac: is '0015.65AA.BBC'; write twelve hexadecimal digits"),
        ('user: "600"', 'user: "699"', "phones[0].user: 699 is no user's extension"),
        ('user: "600"', 'user: "701"', "phones[0].user: Mobile (701) only forwards and has no phones"),
        ("site: Floor 3", "site: Floor 4", "phones[0].site: 'Floor 4' is no site; did you mean `Floor 3`?"),
        ("500600-699", "500699-600", "number_inventory[0]: is '+6221500699-600'; write FIRST-LAST"),
        ("500600-699", "500600-x", "number_inventory[0]: is '+6221500600-x'; write FIRST-LAST"),
        ("+6221500800", "+6221500650-950", "number_inventory[1]: has numbers that are in +6221500600-+6221500699, too"),
        ("+6221500800", "+6221500699", "number_inventory[1]: has numbers that are in +6221500600-+6221500699, too"),
        ("+6222000-+6222999", "+6220000000-+6229999999", "number_inventory[2]: are more than 1000000 numbers"),
        ("new@acme.example", "MAX@acme.example", "users[10].email: MAX@acme.example is already the address of Max (703)"),
        ("new@acme.example", "new", "users[10].email: is 'new'; write an e-mail address such as"),
        ("location: Desk", "location: Disk", "users[10].location: 'Disk' is no site; did you mean `Desk`?"),
        ("location: HQ, max", "location: Hell, max", "groups[0].location: 'Hell' is no site"),
        ("cost_centre: East", "cost_centre: West", "users[9].cost_centre: 'West' is no cost centre; write the name of one under `cost_centres`"),
        ("sites: [HQ], gr", "sites: [Moon], gr", "users[9].manages.sites[0]: 'Moon' is no site"),
        ('groups: ["500", "510"]', 'groups: ["500", "600"]', "users[9].manages.groups[1]: '600' is no group, queue or service"),
        ('managers: ["600", "703"]', 'managers: ["600", "699"]', "groups[0].managers[1]: 699 is no user's extension"),
        ("role: user_admin", "role: root", "users[9].role: is 'root'; write user, user_admin or super_admin"),
        ("type: shared, pass", "type: shared, role: super_admin, pass", "users[8].role: is super_admin, but this is a shared phone; write user"),
        ("status: invited", "status: fired", "users[10].status: is 'fired'; write enabled, invited"),
        ("type: limited,", 'type: limited, forwarding: {busy: "sip:vm@127.0.0.9"},', "users[6].forwarding.busy: is a mailbox, and a limited"),
        ("type: forwarding, forwarding: {always", "type: forwarding, forwarding: {busy", "users[7].forwarding.always: is missing, and this"),
        ("type: forwarding,", "type: forwarding, password: geheimes-wort,", "users[7].password: is for phones, and this extension only forwards"),
        ("type: forwarding,", 'type: forwarding, contacts: ["sip:a@192.0.2.7"],', "users[7].contacts: is for phones"),
        ('members: ["601", ', 'members: ["700", ', "groups[0].members[0]: Lobby (700) is a limited extension and no member of this group; write"),
        ('members: ["601", ', 'members: ["701", ', "groups[0].members[0]: Mobile (701) is a forwarding-only extension and no member"),
        ('members: ["601", ', 'members: ["702", ', "groups[0].members[0]: Hot desk (702) is a shared phone and no member"),
        ('extensions: ["601", "600"]', 'extensions: ["601", "700"]', "services[0].agents[1].extensions[1]: Lobby (700) is a limited extension and no agent"),
        ('      - "677"\n', '      - "700"\n', "executives[0].assistants[1]: Lobby (700) is a limited extension and nobody's assistant"),
        ("capacity: 5", "capacity: 0", "groups[0].capacity: is '0'; write how many callers may wait"),
        ("type: queue, numbers", "type: group, numbers", "groups[0].maximum_wait: is for queues only"),
        ("acceptance: true", "acceptance: maybe", "acceptance: is 'maybe'; write true or false"),
    ],
)
@pytest.mark.usefixtures("no_linter")
def test_what_is_refused(old: str, new: str, expected: str, company: Files) -> None:
    company.change(company.directory, (old, new))
    found = [each.partition(": ")[2] for each in problems(company)]
    assert any(each.startswith(expected) for each in found), found
    assert not any("geheim" in each for each in found)


def test_a_circle_of_sites_is_named_once(company: Files) -> None:
    company.change(company.directory, ("parent: HQ}", "parent: Desk}"), ("{name: Desk, parent: Floor 3}", "{name: Desk, parent: Floor 3}\n  - {name: Chair, parent: Desk}"))
    assert len(problems(company)) == 1


def test_a_room_is_no_executive_and_moderates_nothing(company: Files) -> None:
    text = company.directory.read_text() + 'conferences: [{number: "800", moderators: ["700"]}]\n'
    company.directory.write_text(text.replace('executives:\n  - extension: "667"\n', 'executives:\n  - extension: "700"\n    rollover: {action: hangup}\n  - extension: "667"\n'))
    assert [each.partition(": ")[2] for each in problems(company)] == [
        "executives[0].extension: Lobby (700) is a limited extension and no executive; write a person",
        "conferences[0].moderators: Lobby (700) is a limited extension and moderates no room; write a person",
    ]


def test_a_room_may_ring_with_a_group(company: Files) -> None:
    company.change(company.directory, ('members: ["601", ', 'members: ["700", "701", '), ("type: queue", "type: group"))
    company.change(company.directory, (", maximum_wait: 120, capacity: 5", ""), (', {group: "500", direction: in}', ""))
    found = [each.partition(": ")[2] for each in problems(company)]
    assert found[:1] == ["groups[0].members[1]: Mobile (701) is a forwarding-only extension and no member of this group; write a person"]


def test_locations_are_free_while_no_sites_are_written(organisation: Files) -> None:
    organisation.change(organisation.directory, ("name: Mia Colleague,", "name: Mia Colleague, location: Moon, cost_centre: East,"))
    assert read(organisation).users["602"].location == "Moon"


# --- digests ----------------------------------------------------------------------------------------------------------------------

MD5, SHA256 = "0" * 32, "1" * 64


def digest(name: str, md5: str = MD5) -> str:
    return f'digest: {{"{name}": {{md5: "{md5}", sha256: "{SHA256}"}}}}'


def test_digests_stand_instead_of_a_password(organisation: Files) -> None:
    organisation.change(organisation.directory, ("name: Ana Aide, password: geheimes-wort", f"name: Ana Aide, {digest('677')}"))
    account = read(organisation).account("677")
    assert account is not None and account.digests == (MD5, SHA256)
    assert read(organisation).account("677-667") is None


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (f"name: Ana Aide, password: geheimes-wort, {digest('677')}", "digest: stands beside a password; write one of the two"),
        (f"name: Ana Aide, {digest('676')}", "digest.676: '676' is no account of 677; write 677, or a delegated line 677-EXECUTIVE"),
        (f"name: Ana Aide, {digest('677', 'geheim')}", "digest.677.md5: cannot be used; write a mapping of account names"),
        ("name: Ana Aide, digest: geheim", "digest: cannot be used; write a mapping of account names"),
    ],
)
def test_digests_that_are_refused(new: str, expected: str, organisation: Files) -> None:
    refused(organisation, "name: Ana Aide, password: geheimes-wort", new, f"17: users[2].{expected}")


def test_an_assistant_who_is_disabled_takes_no_calls(organisation: Files) -> None:
    organisation.change(organisation.directory, ("name: Ana Aide,", "name: Ana Aide, status: disabled,"))
    read(organisation)


def test_nobody_but_a_disabled_assistant_is_a_warning(files: Files) -> None:
    files.change(files.directory, ('    assistants:\n      - {extension: "676", ring_seconds: 15, rights: [receive, call, pick_up_held, join]}\n', "    assistants:\n"))
    warned(
        files,
        "name: Ana Aide,",
        "name: Ana Aide, status: disabled,",
        "3: users: have passwords that are soon guessed: 667, 676, 677",
        "6: users[2]: assistant Ana Aide has no outside number",
        "8: executives[0]: 667 is filtered but no assistant receives calls",
    )
