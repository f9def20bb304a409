"""During a call: who may do what, which call a code means, and where a call is parked (C1-C11, C14)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from b2bua.delegation.features import IN_CALL, OTHERS_CALL, OWN_CALL
from b2bua.delegation.incall import Subject, choose, executive_for, may, slot_for
from b2bua.delegation.model import Delegation, Directory, Executive
from b2bua.delegation.people import DutyProfile, Parking, Right, User
from b2bua.delegation.situation import Refusal
from tests.delegation.organisation import NOW, USERS, assistants, callers_of, directory, outside, user

ALL: frozenset[Right] = frozenset({"receive", "call", "pick_up_held", "join", "listen", "whisper", "opt"})
SALES = User("500", "Sales", "", kind="group")
PEOPLE = (*USERS, SALES, User("602", "Mia Colleague", "secret-602", location="HQ"))
OLIVIA = Executive("667", slot="7667", delegations=(Delegation("676", "667", ALL), *assistants("667", "677")))
VICTOR = Executive("668", delegations=assistants("668", "678", "677"))
GROUP = Executive("500", kind="group", delegations=assistants("500", ("600", {"receive"}), ("601", {"receive"})))


def where(*executives: Executive, **changes: object) -> Directory:
    return directory(*(executives or (OLIVIA, VICTOR, GROUP)), **{"users": PEOPLE, **changes})


DELEGATED = Subject(parties=frozenset({"676"}), caller=outside(), executive="667", answered_by="676", called="667")
"""Sam talks to somebody who called Olivia."""
HELD = DELEGATED._replace(holder="676")
PARKED = DELEGATED._replace(parties=frozenset(), answered_by=None, parked_by="676", slot="701")
RINGING = Subject(ringing=frozenset({"676"}), caller=outside(), executive="667", called="667")
PLAIN = Subject(parties=frozenset({"601"}), caller=outside(), answered_by="601", called="601")
"""Lee's own call."""
PLAIN_RINGING = Subject(ringing=frozenset({"601"}), caller=outside(), called="601")


def allowed(what: str, subject: Subject, found: Directory | None = None, at: datetime = NOW) -> set[str]:
    """Everybody who may."""
    found = found or where()
    return {each.extension for each in PEOPLE if not may(found, each.extension, what, subject, at)}


def test_every_feature_has_a_rule() -> None:
    assert OWN_CALL | OTHERS_CALL | {"pick_up_short"} == IN_CALL
    for feature in OWN_CALL | OTHERS_CALL:
        assert may(where(), "999", feature, HELD, NOW) == "you are no user of this server"
        assert isinstance(choose(where(), "601", feature, "600", (), NOW), Refusal)


@pytest.mark.parametrize(
    ("what", "subject", "who"),
    [
        # whose call it is, and who works for them; Tom works for Victor only
        ("pull", HELD, {"667", "676", "677"}),
        ("pull", DELEGATED, {"667", "676"}),  # on hold only for assistants; one's own from another phone
        ("pull", DELEGATED._replace(parties=frozenset({"667"}), holder="667"), {"667", "676", "677"}),  # the other way round (C2)
        ("pull", Subject(frozenset({"676"}), on_behalf_of="667", holder="676"), {"667", "676", "677"}),  # B8
        ("pull", PLAIN._replace(holder="601"), {"601"}),
        # the other side holds: nobody but one's own office is put out of a call
        ("pull", Subject(parties=frozenset({"668", "601"}), holder="601"), {"668", "601"}),
        ("pull", Subject(parties=frozenset({"668", "676"}), executive="667", holder="676"), {"668", "667", "676", "677"}),
        ("pull", HELD._replace(parties=frozenset({"601"}), holder="601"), {"601"}),
        ("pull", PARKED, set()),
        ("pull", RINGING, set()),
        ("barge_in", DELEGATED, {"667", "677"}),
        ("barge_in", DELEGATED._replace(parties=frozenset({"677"})), {"667", "676"}),
        ("barge_in", PLAIN, set()),
        ("barge_in", RINGING, set()),
        ("barge_in", PARKED, set()),
        ("barge", DELEGATED._replace(listeners=frozenset({"677"})), {"667", "677"}),
        ("listen", DELEGATED, {"667"}),
        ("listen", DELEGATED._replace(parties=frozenset({"677"})), {"667", "676"}),
        ("whisper", DELEGATED._replace(parties=frozenset({"677"})), {"667", "676"}),
        ("barge_in", Subject(parties=frozenset({"667", "601"})), {"676", "677"}),  # the executive's own call
        ("retrieve", PARKED, {each.extension for each in PEOPLE if each.kind == "person"}),
        ("retrieve", PARKED._replace(slot="7667"), {"667", "676", "677"}),
        ("retrieve", PARKED._replace(slot="7667", parked_by="600"), {"667", "676", "677", "600"}),
        ("retrieve", HELD, set()),
        ("pick_up", RINGING, {"667", "676", "677"}),
        ("pick_up", PLAIN_RINGING, {"600", "601"}),
        ("pick_up", Subject(ringing=frozenset({"676"})), {"667", "676", "677"}),
        ("pick_up", Subject(ringing=frozenset({"677"})), {"667", "668", "676", "677", "678"}),
        ("pick_up", Subject(ringing=frozenset({"667"})), {"667", "676", "677"}),
        ("pick_up", Subject(ringing=frozenset({"600", "601"}), executive="500", called="500"), {"600", "601"}),
        ("pick_up", DELEGATED, set()),
        ("pick_up_group", PLAIN_RINGING, {"600", "601"}),
        ("park", DELEGATED, {"676"}),
        ("park", HELD, {"676"}),
        ("park", PARKED, set()),
        ("transfer", PLAIN, {"601"}),
        ("transfer", RINGING._replace(caller=user("601"), parties=frozenset({"601"})), set()),
        ("barge_in", RINGING._replace(caller=user("667"), parties=frozenset({"667"})), set()),
        ("lock", PLAIN, {"601"}),
        ("unlock", PLAIN, set()),
        ("unlock", PLAIN._replace(locked_by="601"), {"601"}),
        ("give_back", DELEGATED._replace(since_answer=4.9), {"676"}),
        ("give_back", DELEGATED._replace(since_answer=5.1), set()),
        ("give_back", PLAIN, set()),
        ("push_back", DELEGATED, {"676"}),
        ("push_back", PLAIN, set()),
    ],
)
def test_who_may(what: str, subject: Subject, who: set[str]) -> None:
    assert allowed(what, subject) == who


@pytest.mark.parametrize("what", ["pull", "barge_in", "listen", "whisper", "barge", "park", "push_back", "push", "push_announced", "lock", "unlock"])
def test_a_locked_call_is_for_nobody_but_who_locked_it(what: str) -> None:
    subject = HELD._replace(locked_by="676")
    others = allowed(what, subject) - {"676"}
    assert others == set()
    assert may(where(), "667", what, subject, NOW) == "this call is private"


def test_a_lock_holds_in_a_slot_and_does_not_keep_a_party_from_its_own_phones() -> None:
    assert allowed("retrieve", PARKED._replace(locked_by="676")) == {"676"}
    both = DELEGATED._replace(parties=frozenset({"676", "667"}), locked_by="676")
    assert allowed("pull", both) == {"676", "667"}


def test_a_confidential_contact_is_the_executives() -> None:
    """Assistants may take the call out of a slot where the executive has put it; they neither take it off hold nor listen in (A24)."""
    subject = Subject(parties=frozenset({"667"}), executive="667", confidential=True, caller=outside())
    for what in ("barge_in", "listen", "whisper"):
        assert allowed(what, subject) == set()
    for holder in ("667", "676"):
        assert allowed("pull", subject._replace(parties=frozenset({holder}), holder=holder)) == {"667", holder}
    assert allowed("retrieve", PARKED._replace(confidential=True, parked_by="667")) == {"667", "676", "677"}
    assert allowed("pick_up", RINGING._replace(ringing=frozenset({"667"}), confidential=True)) == {"667"}


@pytest.mark.parametrize(
    ("what", "actor", "subject", "says"),
    [
        ("pull", "678", HELD, "you are no assistant of 667"),
        ("pull", "677", DELEGATED, "the call is not on hold"),
        ("pull", "667", PARKED, "the call is parked: dial *88701"),
        ("pull", "601", PLAIN._replace(parties=frozenset({"600"}), holder="600"), "it is no call of an executive for whom you work"),
        ("pull", "678", Subject(parties=frozenset({"668", "601"}), holder="601"), "you may take the place of your own office only"),
        ("pull", "677", HELD._replace(confidential=True), "the call is confidential: nobody but the executive may take it off hold"),
        ("listen", "677", DELEGATED, "you have no right 'listen' for 667"),
        ("barge_in", "676", DELEGATED, "you are in this call already"),
        ("barge_in", "677", RINGING, "nobody has answered this call yet"),
        ("retrieve", "601", PARKED._replace(slot="7667"), "7667 is the park slot of 667"),
        ("listen", "676", DELEGATED._replace(parties=frozenset({"677"}), confidential=True), "the call is confidential: nobody but the executive may listen"),
        ("pick_up", "602", PLAIN_RINGING, "it rings for nobody of your office or groups"),
        ("give_back", "676", DELEGATED._replace(since_answer=9), "a call can be given back within 5 seconds"),
        ("give_back", "601", PLAIN, "nobody else takes this call: it was for you"),
        ("push_back", "600", PLAIN._replace(parties=frozenset({"600"})), "you are nobody's assistant: there is nobody to send the call to"),
        ("push_back", "667", DELEGATED._replace(parties=frozenset({"667"})), "this is your own call"),
        ("push_back", "676", DELEGATED._replace(parties=frozenset({"676", "667"})), "667 is in this call"),
        ("push_back", "678", DELEGATED._replace(parties=frozenset({"678"})), "you are no assistant of 667"),
        ("push_back", "678", DELEGATED, "you are not in this call"),
        ("push_back", "677", PLAIN._replace(parties=frozenset({"677"})), "you work for 667 and 668: transfer the call to one of them"),
    ],
)  # fmt: skip
def test_why_not(what: str, actor: str, subject: Subject, says: str) -> None:
    assert may(where(), actor, what, subject, NOW) == says


# --- delegations come and go --------------------------------------------------------------------------------------------------


def with_sam(**changes: object) -> Directory:
    return where(replace(OLIVIA, delegations=(replace(Delegation("676", "667", ALL), **changes), *assistants("667", "677"))), VICTOR)  # type: ignore[arg-type]


ANAS = DELEGATED._replace(parties=frozenset({"677"}), holder="677")


@pytest.mark.parametrize("what", ["pull", "barge_in", "listen", "whisper"])
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"approval": "pending"}, "your delegation for 667 is pending, not approved"),
        ({"ends": NOW}, "your delegation for 667 covered until 2026-11-23 09:00"),
        ({"begins": NOW + timedelta(hours=1)}, "your delegation for 667 covers from 2026-11-23 10:00 on"),
        ({"rights": frozenset({"receive", "call"})}, "you have no right"),
    ],
)
def test_a_right_counts_while_the_delegation_is_in_force(what: str, changes: dict[str, object], says: str) -> None:
    assert may(with_sam(), "676", what, ANAS, NOW) == ""
    assert may(with_sam(**changes), "676", what, ANAS, NOW).startswith(says)


def test_duty_counts() -> None:
    found = where(duty_profiles=(DutyProfile("Day", "1", frozenset({"676"}), frozenset({"667"}), active=False),))
    assert may(found, "676", "barge_in", ANAS, NOW) == "your delegation for 667 is off duty"


def test_who_still_has_a_call_when_the_cover_ends_may_send_it_back() -> None:
    assert executive_for(with_sam(ends=NOW), "676", DELEGATED) == "667"
    assert may(with_sam(ends=NOW), "676", "push_back", DELEGATED, NOW) == ""


@pytest.mark.parametrize("what", ["pull", "barge_in", "listen", "whisper"])
def test_an_assistant_for_some_callers_has_rights_for_their_calls_only(what: str) -> None:
    found = with_sam(callers=callers_of("+1555800*", text="legal"))
    assert may(found, "676", what, ANAS, NOW) == "you take only calls from legal for 667"
    assert may(found, "676", what, ANAS._replace(caller=outside("+15558001234")), NOW) == ""
    assert may(found, "676", what, ANAS._replace(caller=None), NOW) != ""


def test_who_works_for_both_sides_has_the_call_for_the_office_that_was_called() -> None:
    """Victor calls Olivia, and Ana, who works for both, puts him on hold: Tom, who works for Victor, does not take the call out of Olivia's office."""
    subject = HELD._replace(parties=frozenset({"668", "677"}), holder="677", caller=user("668"))
    assert allowed("pull", subject) == {"668", "677", "676", "667"}


def test_an_assistant_for_some_callers_picks_up_their_calls_only() -> None:
    found = with_sam(callers=callers_of("+1555800*", text="legal"))
    assert may(found, "676", "pick_up", RINGING._replace(ringing=frozenset({"677"})), NOW) == "you take only calls from legal for 667"
    legal = RINGING._replace(ringing=frozenset({"677"}), caller=outside("+15558001234"))
    assert may(found, "676", "pick_up", legal, NOW) == ""


@pytest.mark.parametrize(
    ("pick_up", "directed", "group"),
    [("group", {"600", "601"}, {"600", "601"}), ("location", {"600", "601", "602"}, {"600", "601", "602"}), ("organisation", None, {"600", "601"})],
)
def test_whose_phones_may_be_picked_up_is_a_setting(pick_up: str, directed: set[str] | None, group: set[str]) -> None:
    people = tuple(replace(each, location="Annex" if each.extension in ("601", "602") else each.location) for each in PEOPLE)
    found = where(users=people, pick_up=pick_up)
    everybody = {each.extension for each in PEOPLE if each.kind == "person"}
    assert allowed("pick_up", PLAIN_RINGING, found) == (everybody if directed is None else directed)
    assert allowed("pick_up_group", PLAIN_RINGING, found) == group


@pytest.mark.parametrize(
    ("actor", "subject", "executive"),
    [
        ("676", DELEGATED, "667"),
        ("676", Subject(frozenset({"676"}), on_behalf_of="667"), "667"),
        ("676", PLAIN._replace(parties=frozenset({"676"})), "667"),  # a call of Sam's own goes to the only executive
        ("677", DELEGATED._replace(parties=frozenset({"677"}), executive="668"), "668"),
        ("678", Subject(frozenset({"678"}), executive="500"), "668"),
    ],
)
def test_to_whom_a_call_is_sent(actor: str, subject: Subject, executive: str) -> None:
    assert executive_for(where(), actor, subject) == executive


# --- which call is meant ------------------------------------------------------------------------------------------------------


def held_by(extension: str, seconds: float, executive: str | None = "667") -> Subject:
    return Subject(frozenset({extension}), executive=executive, holder=extension, seconds=seconds, answered_by=extension)


def talking(extension: str, seconds: float, executive: str | None = "667") -> Subject:
    return Subject(frozenset({extension}), executive=executive, seconds=seconds, answered_by=extension)


MANY = (
    held_by("676", 10),
    held_by("677", 30),
    talking("677", 5),
    held_by("678", 90, "668"),
    PARKED._replace(seconds=3),
    RINGING._replace(seconds=2),
    RINGING._replace(seconds=8, ringing=frozenset({"677"})),
    PLAIN_RINGING,
    PARKED._replace(slot="7667", seconds=50, parked_by="677"),
    PLAIN,
    PLAIN_RINGING._replace(called="+6221500601", seconds=-1),
)


@pytest.mark.parametrize(
    ("actor", "feature", "argument", "found"),
    [
        ("667", "pull", "", 1),  # who has waited longest
        ("667", "pull", "676", 0),
        ("667", "pull", "677", 1),
        ("668", "pull", "", 3),
        ("676", "pull", "", 1),
        ("676", "pull", "676", 0),
        ("601", "pull", "", 9),
        ("667", "barge_in", "677", 2),  # the one that talks, not the one that waits
        ("667", "listen", "676", 0),
        ("601", "retrieve", "701", 4),
        ("676", "retrieve", "", 4),
        ("667", "retrieve", "", 8),
        ("676", "retrieve", "7667", 8),
        ("677", "pick_up", "676", 5),
        ("676", "pick_up", "667", 6),  # whose call it is
        ("600", "pick_up", "601", 7),
        ("600", "pick_up", "600", 10),  # by the number that was dialled
        ("600", "pick_up_group", "", 7),
        ("676", "pick_up_group", "", 6),
        ("677", "park", "", 1),
        ("677", "push_back", "", 1),
        ("601", "park", "", 9),
        ("677", "give_back", "", 2),
    ],
)
def test_which_call_is_meant(actor: str, feature: str, argument: str, found: int) -> None:
    assert choose(where(), actor, feature, argument, MANY, NOW) == found


@pytest.mark.parametrize(
    ("actor", "feature", "argument", "refusal"),
    [
        ("600", "pull", "", (404, "there is no held call")),
        ("600", "pull", "602", (404, "602 has no call")),
        ("600", "pull", "676", (403, "you are no assistant of 667")),
        ("676", "barge_in", "678", (403, "you are no assistant of 668")),
        ("676", "barge_in", "602", (404, "602 is in no call")),
        ("676", "barge", "", (404, "you listen to no call")),
        ("601", "retrieve", "702", (404, "slot 702 is empty")),
        ("601", "retrieve", "", (404, "you have parked no call: dial *88 and the slot")),
        ("601", "retrieve", "7667", (403, "7667 is the park slot of 667")),
        ("601", "pick_up", "676", (403, "you are no assistant of 667")),
        ("601", "pick_up", "602", (404, "602 does not ring")),
        ("602", "pick_up_group", "", (404, "nobody rings whose calls you may pick up")),
        ("602", "park", "", (404, "you are in no call")),
        ("600", "give_back", "", (404, "you have answered no call")),
        ("600", "unlock", "", (404, "you have locked no call")),
    ],
)
def test_when_there_is_no_such_call(actor: str, feature: str, argument: str, refusal: tuple[int, str]) -> None:
    assert choose(where(), actor, feature, argument, MANY, NOW) == Refusal(*refusal)


def test_the_executive_pulls_the_only_call_that_talks_and_is_asked_which_when_there_are_two() -> None:
    one = (talking("676", 5), talking("678", 5, "668"), PLAIN)
    assert choose(where(), "667", "pull", "", one, NOW) == 0
    two = (*one, talking("677", 5))
    assert choose(where(), "667", "pull", "", two, NOW) == Refusal(484, "there are 2 calls: dial *11 and the extension of who has it")


def test_a_call_that_the_other_side_holds_is_not_the_one_that_is_meant() -> None:
    """Lee, to whom Victor talks, waits longer than Tom's and Victor's own caller."""
    calls = (Subject(parties=frozenset({"668", "601"}), holder="601", seconds=60), held_by("678", 5, "668"))
    assert choose(where(), "677", "pull", "", calls, NOW) == 1
    assert choose(where(), "677", "pull", "601", calls, NOW) == Refusal(403, "you may take the place of your own office only")


def test_a_code_dialled_on_hold_means_the_call_put_on_hold_last() -> None:
    mine = (held_by("676", 60), held_by("676", 2), talking("676", 500))
    for order in permutations(range(3)):
        found = choose(where(), "676", "push_back", "", [mine[each] for each in order], NOW)
        assert isinstance(found, int)
        assert mine[order[found]] is mine[1]


def test_from_listening_to_joining_is_the_call_that_one_listens_to() -> None:
    subjects = (talking("676", 5), talking("676", 9)._replace(listeners=frozenset({"667"})))
    assert choose(where(), "667", "barge", "", subjects, NOW) == 1


# --- park slots ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "argument", "subject", "occupied", "slot"),
    [
        ("676", "", DELEGATED, (), "7667"),  # the executive's own slot first
        ("676", "", DELEGATED, ("7667",), "701"),
        ("676", "", DELEGATED, ("7667", "701", "702"), "703"),
        ("676", "", Subject(frozenset({"676"})), (), "701"),
        ("667", "", Subject(frozenset({"667"})), (), "7667"),
        ("601", "", PLAIN, ("702",), "701"),
        ("601", "703", PLAIN, (), "703"),
        ("676", "7667", PLAIN._replace(parties=frozenset({"676"})), (), "7667"),
    ],
)
def test_the_slot(actor: str, argument: str, subject: Subject, occupied: tuple[str, ...], slot: str) -> None:
    found = where(parking=Parking(("701", "702", "703")))
    assert slot_for(found, actor, argument, subject, occupied, NOW) == slot


@pytest.mark.parametrize(
    ("actor", "argument", "subject", "occupied", "refusal"),
    [
        ("601", "701", PLAIN, ("701",), (486, "slot 701 is occupied")),
        ("601", "", PLAIN, ("701", "702"), (486, "every park slot is occupied")),
        ("601", "799", PLAIN, (), (404, "there is no park slot 799")),
        ("601", "7667", PLAIN, (), (403, "7667 is the park slot of 667")),
        ("601", "", DELEGATED, (), (403, "you are not in this call")),
        ("676", "", DELEGATED._replace(locked_by="677"), (), (403, "this call is private")),
    ],
)
def test_no_slot(actor: str, argument: str, subject: Subject, occupied: tuple[str, ...], refusal: tuple[int, str]) -> None:
    found = where(parking=Parking(("701", "702")))
    assert slot_for(found, actor, argument, subject, occupied, NOW) == Refusal(*refusal)


def test_former_assistants_lose_the_executives_slot() -> None:
    found = with_sam(ends=datetime(2026, 11, 1, tzinfo=UTC))
    assert slot_for(found, "676", "", DELEGATED, (), NOW) == "701"


def test_an_extension_is_never_taken_for_a_slot() -> None:
    found = where(users=tuple(replace(each, extension="701") if each.extension == "602" else each for each in PEOPLE))
    assert slot_for(found, "601", "", PLAIN, (), NOW) == "702"


def test_who_talks_is_joined_before_who_has_just_been_put_on_hold() -> None:
    assert choose(where(), "667", "barge_in", "676", (held_by("676", 2), talking("676", 500)), NOW) == 1


def test_a_delegation_that_was_never_approved_sends_no_call_back() -> None:
    refusal = executive_for(with_sam(approval="pending"), "676", PLAIN._replace(parties=frozenset({"676"})))
    assert refusal == Refusal(403, "you are nobody's assistant: there is nobody to send the call to")
