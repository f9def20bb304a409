"""Every case of the shipped what-if file as a call over SIP: what phones, trunk and mailbox saw is what the case says.

A case is decided in one place and carried out in another; here both have to come to what is written. Nobody answers, unless a test
says otherwise, so that all stages, the rollover and the end are seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import pytest

from b2bua.delegation.plan import RoutePlan
from tests.phones import param, rejects
from tests.plain_sip import user_of
from tests.whatif_world import (
    CASES,
    FOREVER,
    LONGEST,
    MEDIA_ADDRESS,
    Case,
    Course,
    Invited,
    Line,
    lines_of,
    name_of,
    number_of,
    office_of,
    rings_of,
)

NOT_SHOWN: Final = {
    ("A5 The same for a call from outside to either of her numbers", "called_sees"): "only assistants are rung",
    ("A24 The family rings Ivy only and at any hour", "assistants_see"): "no assistant is rung",
    ("A15 Victor: his own phone", "after"): "without `ring` it is open when the stages have run out",
    ("A15 Grace: her mobile, after a minute at the latest", "after"): "the stages are over before",
    ("A15 Ivy: her mailbox, after 40 seconds", "after"): "the stages are over before",
    ("A15 Noah: what he set for calls that he does not answer", "after"): "the stages are over before",
}
"""What cases say and a call in which nobody answers does not show, and why."""


def each_of(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.id for case in cases])


# What the lines of a case say about those who were invited.


def ring_lines(case: Case) -> list[Line]:
    return lines_of(case.expect.get("ring", ()))


def is_assistant(course: Course, invited: Invited) -> bool:
    """Whether they ring for somebody else: for the executive, group or service that was called, or for an assistant who diverts."""
    who = invited.ring.who
    instead = {ringer.who for line in ring_lines(course.case) for ringer in line.ringers if ringer.instead_of}
    return not invited.outside and (who in office_of(str(course.case.written["to"]))[1] or who in instead)


def forwarded_outside(course: Course, invited: Invited) -> bool:
    """Whether this is an outside number to which a call from inside to somebody inside goes."""
    called = office_of(str(course.case.written["to"]))[0]
    return invited.outside and name_of(called) != "" and course.caller is not course.world.carrier


def is_anybody_else(course: Course, invited: Invited) -> bool:
    return not is_assistant(course, invited) and not forwarded_outside(course, invited)


# One function for each key: it asserts, and says whether there was anything to see.


def shows_ring(course: Course, value: list[str]) -> bool:
    expected, over = rings_of(lines_of(value), limit=course.case.expect.get("after") or FOREVER)
    assert [ring for ring in course.rings if ring.begins < over] == expected
    if not value:
        assert not any(is_assistant(course, invited) for invited in course.invited())
        assert "rollover" in course.case.expect or not course.invited()
    return True


def shows_rollover(course: Course, value: list[str]) -> bool:
    """What rings when the stages are over; without `ring` that is when all but these last ones have stopped."""
    expect = course.case.expect
    lines = lines_of(value)
    begins = course.told_after - sum(line.seconds for line in lines)
    if "ring" in expect:
        begins = rings_of(ring_lines(course.case), limit=expect.get("after") or FOREVER)[1]
    expected, over = rings_of(lines, begins)
    assert [ring for ring in course.rings if ring.begins >= begins] == expected
    assert all(ring.ends <= begins for ring in course.rings if ring.begins < begins)
    assert value or "ring" in expect or all(is_assistant(course, invited) for invited in course.invited())
    assert course.told_after == over
    return True


def shows_after(course: Course, value: float | None) -> bool:
    """The rollover begins then at the latest."""
    own = lines_of(course.case.expect["rollover"])
    begins = course.told_after - sum(line.seconds for line in own)
    if value is not None:
        assert begins <= value
    stages = sum(line.seconds for line in ring_lines(course.case))
    return "ring" in course.case.expect and (value is None or stages > value)


def shows_end(course: Course, value: str) -> bool:
    told = course.told
    if value == "done":
        assert told.status == 200 and not course.invited()
        assert course.mine.ended_by == "them" and course.mine.reason.startswith("SIP;cause=200;text=")
        return True
    if value == "joins another call":  # which there is not, unless it is a room that waits for whoever comes first
        assert told.status in (200, 404) and course.told_after == 0 and not course.invited()
        return True
    how, _, status = value.rpartition(" ")
    if value == "as the phone answers":
        how, status = "hang up", "480"  # nobody has answered
    assert told.status == int(status)
    if how == "refused":
        assert course.told_after == 0 and not course.invited()
        assert told.get("warning"), "the caller is told why"
    else:
        assert how == "hang up" and course.told_after == max(ring.ends for ring in course.rings)
    return True


def shows_identity(chosen: Callable[[Course, Invited], bool]) -> Callable[[Course, str | None], bool]:
    """What those who are `chosen` see on their displays; None: there are none."""

    def shows(course: Course, value: str | None) -> bool:
        seen = [invited.shown for invited in course.invited() if chosen(course, invited)]
        assert set(seen) <= {value}
        return bool(seen) or value is None

    return shows


def shows_asserted(course: Course, value: str | None) -> bool:
    seen = [invited.asserted for invited in course.invited()]
    assert set(seen) == {value}
    return True


def shows_on_behalf(course: Course, value: str | None) -> bool:
    assert course.row.on_behalf_of == value
    return True


def shows_actor(course: Course, value: str | None) -> bool:
    assert course.row.actor == value
    return True


def shows_warning(course: Course, value: str) -> bool:
    assert course.told.get("warning") == f'399 acme.test "{value}"'
    return True


def shows_sets(course: Course, value: list[str]) -> bool:
    assert course.remembered == value
    return True


def shows_says(course: Course, value: str) -> bool:
    """On the display of a phone that shows who has answered, and of one that shows why a call has ended."""
    assert course.told.get("p-asserted-identity").startswith(f'"{value}" <')
    assert course.mine.reason == f'SIP;cause=200;text="{value}"'
    return True


def decision(course: Course) -> RoutePlan:
    kept = course.row.decision
    assert kept is not None
    return kept[2]


def shows_confidential(course: Course, value: bool) -> bool:
    assert decision(course).confidential is value
    return True


WITHOUT_A_CALL: Final = {
    "push_back": "you are in no call",
    "park": "you are in no call",
    "pull": "there is no held call",
    "retrieve": "slot {0} is empty",
    "barge_in": "{0} is in no call",
    "pick_up": "{0} does not ring",
}
"""What is said of a feature when there is no call that it could be about."""


def shows_joins(course: Course, value: str) -> bool:
    """Which feature it is: by its words that there is no such call, or by the room that has answered."""
    feature, _, argument = value.partition(" ")
    if feature == "conference":
        asserted = course.told.get("p-asserted-identity")
        assert course.told.status == 200 and user_of(asserted) == argument
    else:
        assert course.told.status == 404
        shows_warning(course, WITHOUT_A_CALL[feature].format(argument))
    return True


def shows_media(course: Course, value: str | None) -> bool:
    """Whether the sound comes to us: where everybody's session description leads."""
    assert (course.sound_to == {MEDIA_ADDRESS}) is (value == "anchored")
    assert (MEDIA_ADDRESS in course.sound_to) is (value == "anchored")
    assert bool(course.sound_to) is (value is not None)
    return True


def shows_rules(course: Course, value: list[str]) -> bool:
    kept = {f"{rule.name}: {'yes' if rule.matched else 'no'}" for rule in decision(course).trace}
    assert set(value) <= kept
    return True


SHOWS: Final[dict[str, Callable[[Course, Any], bool]]] = {
    "ring": shows_ring,
    "rollover": shows_rollover,
    "after": shows_after,
    "end": shows_end,
    "assistants_see": shows_identity(is_assistant),
    "called_sees": shows_identity(is_anybody_else),
    "outside_sees": shows_identity(forwarded_outside),
    "asserted": shows_asserted,
    "on_behalf_of": shows_on_behalf,
    "actor": shows_actor,
    "warning": shows_warning,
    "sets": shows_sets,
    "says": shows_says,
    "confidential": shows_confidential,
    "joins": shows_joins,
    "media": shows_media,
    "rules": shows_rules,
}


# The calls.


@each_of(CASES)
def test_nobody_answers(case: Case) -> None:
    course = Course(case)
    course.dial()
    course.until_over()
    for key, value in case.expect.items():
        assert SHOWS[key](course, value) is ((case.id, key) not in NOT_SHOWN), key
    assert course.row.status == course.told.status
    rang = any(response.status == 180 for response in course.mine.responses)
    assert rang is bool(course.invited()), "the caller hears ringing when somebody rings"
    for invited in course.invited():
        alerts_as_written(course, invited)
        diverted_as_called(course, invited)
        hides_what_is_hidden(course, invited)


def alerts_as_written(course: Course, invited: Invited) -> None:
    """A7, A8, and the marker by which a phone may choose another ring for delegated calls."""
    alerts = {ringer.who: ringer.alert for line in ring_lines(course.case) for ringer in line.ringers}
    if is_assistant(course, invited):
        assert invited.alert == ["delegated"]
    elif "ring" in course.case.expect or invited.outside:
        alert = alerts.get(invited.ring.who)
        assert invited.alert == ([alert] if alert else [])


def diverted_as_called(course: Course, invited: Invited) -> None:
    """A17: an assistant's phone can show for whom the call is; a divert (A14) is before that."""
    called = office_of(str(course.case.written["to"]))[0]
    instead = {ringer.who: ringer.instead_of for line in ring_lines(course.case) for ringer in line.ringers if ringer.instead_of}
    through = [each for each in (instead.get(invited.ring.who), called) if each]
    if is_assistant(course, invited):
        assert invited.diverted_by == through
    elif invited.outside and invited.ring.who in instead:
        assert invited.diverted_by == [number_of(extension) for extension in through]


def hides_what_is_hidden(course: Course, invited: Invited) -> None:
    """B12: only a trunk that is asked for privacy is told more than From says, and nobody is told of an assistant who is not named."""
    if invited.outside:
        assert invited.call.invite.get("privacy") == ("id" if invited.shown == "Anonymous <anonymous>" else "")
    if course.row.on_behalf_of is not None:
        actor = course.row.actor or ""
        name, number = name_of(actor), number_of(actor)
        hints = {f"sip:{actor}@", f"{actor}-{course.row.on_behalf_of}", number} | ({name} if name not in invited.shown else set())
        headers = invited.call.invite.data.partition(b"\r\n\r\n")[0].decode()
        assert not [hint for hint in hints if hint and hint in headers]


@each_of([case for case in CASES if case.expect.get("ring") or re.match("hang|as ", case.expect.get("end", ""))])
def test_everybody_is_busy(case: Case) -> None:
    """One line after the other is tried at once. The caller of a plain call hears that it is busy."""
    course = Course(case)
    course.everybody(rejects(486))
    course.dial()
    course.until_over()
    assert course.told_after == 0
    tried = [course.who(call) for call in course.calls]
    for line in (each for above in ring_lines(case) for each in (above, *above.then.get("busy", ()))):
        here, tried = tried[: len(line.ringers)], tried[len(line.ringers) :]
        assert sorted(here) == sorted(ringer.who for ringer in line.ringers)
    if "rollover" in case.expect and "ring" in case.expect:
        assert tried == [ringer.who for line in lines_of(case.expect["rollover"]) for ringer in line.ringers]
    end = case.expect.get("end")
    if end is not None:
        assert course.told.status == (486 if end == "as the phone answers" else int(end.split()[-1]))


@pytest.mark.parametrize(
    ("case", "way"),
    [
        pytest.param(case, way, id=f"{case.id} {way}")
        for case in CASES
        for line in ring_lines(case)
        for way in line.then
        if way != "no answer"
    ],
)
def test_where_a_call_goes_on(case: Case, way: str) -> None:
    """What stands below a line: it rings at once, and in place of the phones above."""
    (line,) = ring_lines(case)
    above = [ringer.who for ringer in line.ringers]
    course = Course(case, absent=above if way == "unreachable" else ())
    if way == "busy":
        for who in above:
            course.phones[who].behaviour = rejects(486)
    course.dial()
    course.until_over()
    expected, over = rings_of(line.then[way])
    assert [ring for ring in course.rings if ring.who not in above] == expected
    assert course.told_after == over and course.told.status == 480
    for invited in course.invited():
        if invited.ring.who not in above:
            (diversion,) = invited.call.invite.all("diversion")
            assert user_of(diversion) == (number_of(above[0]) if invited.outside else above[0])
            assert param(diversion, "reason") == {"busy": "user-busy", "unreachable": "unavailable"}[way]


@each_of([case for case in CASES if case.expect.get("ring")])
def test_whoever_begins_to_ring_last_answers(case: Case) -> None:
    """Whoever rings then is told that somebody has answered, and whoever rang before has missed a call, but for a splash (A23, A8)."""
    expected, _ = rings_of(ring_lines(case))
    course = Course(case)
    mine = course.dial()
    course.world.wire.run_until(lambda: len(course.calls) == len(expected), LONGEST)
    theirs = course.calls[-1]
    course.world.run(1)
    ringing = [call for call in course.calls if call.state == "ringing" and call is not theirs]
    theirs.answer()
    mine.expect_up()
    theirs.expect_up()
    assert course.hear_each_other(theirs)
    course.world.balanced()
    mine.hang_up()
    theirs.expect_ended()
    course.world.settle()
    assert course.row.answered_by == course.who(theirs)
    splashes = {ringer.who for line in ring_lines(case) for ringer in line.ringers if ringer.alert == "splash"}
    for call in course.calls:
        if call is not theirs:
            elsewhere = call in ringing or course.who(call) in splashes
            assert call.reason == ('SIP;cause=200;text="Call completed elsewhere"' if elsewhere else "")


def test_what_is_not_shown_is_in_the_file() -> None:
    assert NOT_SHOWN.keys() <= {(case.id, key) for case in CASES for key in case.expect}
    assert len({case.id for case in CASES}) == len(CASES)
