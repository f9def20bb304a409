"""How long who rings, in which order, and what comes after (A5-A8, A15, A16)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.delegation.model import Alerting, Delegation, Executive, Rollover
from b2bua.delegation.plan import RoutePlan
from tests.delegation.organisation import assistants, call, directory, ringing, seconds

HANG_UP = Rollover()
OLIVIA = Executive("667", delegations=assistants("667", "676", "677", "678"))


def plan(alerting: Alerting, rollover: Rollover = HANG_UP, delegations: tuple[Delegation, ...] = OLIVIA.delegations) -> RoutePlan:
    boss = replace(OLIVIA, alerting=alerting, rollover=rollover, delegations=delegations)
    return call("601", "667", directory(boss))


def paced(*times: float | None) -> tuple[Delegation, ...]:
    return tuple(replace(each, ring_seconds=time) for each, time in zip(OLIVIA.delegations, times, strict=True))


class TestRingAll:
    def test_everybody_at_once_for_one_total_time(self) -> None:
        found = plan(Alerting(ring_seconds=25), delegations=paced(5, 90, None))
        assert ringing(found) == [["676", "677", "678"]]
        assert seconds(found) == [25]
        assert {each.seconds for each in found.stages[0].endpoints} == {None}

    @pytest.mark.parametrize(("ring", "minimum", "total"), [(20, 0, 20), (20, 30, 30), (40, 30, 40)])
    def test_the_minimum_lifts_the_total(self, ring: float, minimum: float, total: float) -> None:
        assert seconds(plan(Alerting(ring_seconds=ring, minimum_seconds=minimum))) == [total]

    def test_together_the_executive_is_one_more_phone(self) -> None:
        found = plan(Alerting(executive="together"))
        assert ringing(found) == [["676", "677", "678", "667"]]
        executive = found.stages[0].endpoints[-1]
        assert (executive.role, executive.for_executive, executive.lasting) == ("executive", None, False)

    def test_together_without_assistants_is_the_executive_alone(self) -> None:
        assert ringing(plan(Alerting(executive="together"), delegations=())) == [["667"]]
        assert ringing(plan(Alerting(mode="sequential", executive="together"), delegations=())) == [["667"]]


class TestSequential:
    def test_one_after_the_other_each_with_their_own_time(self) -> None:
        found = plan(Alerting(mode="sequential", ring_seconds=20), delegations=paced(10, None, 15))
        assert ringing(found) == [["676"], ["677"], ["678"]]
        assert seconds(found) == [10, 20, 15]

    def test_the_last_rings_on_until_the_minimum(self) -> None:
        found = plan(Alerting(mode="sequential", ring_seconds=10, minimum_seconds=45))
        assert seconds(found) == [10, 10, 25]
        assert seconds(plan(Alerting(mode="sequential", ring_seconds=10, minimum_seconds=30))) == [10, 10, 10]

    def test_together_the_executive_rings_all_the_time(self) -> None:
        found = plan(Alerting(mode="sequential", executive="together"))
        assert ringing(found) == [["676", "667"], ["677"], ["678"]]
        assert [each.lasting for each in found.stages[0].endpoints] == [False, True]


@pytest.mark.parametrize("mode", ["ring_all", "sequential"])
class TestExecutiveFirst:
    def test_before_the_assistants(self, mode: str) -> None:
        found = plan(Alerting(mode=mode, executive="first", ring_seconds=20))  # type: ignore[arg-type]
        assert ringing(found)[0] == ["667"]
        assert ringing(found)[1][0] == "676"
        assert seconds(found)[0] == 20

    def test_with_a_time_of_its_own(self, mode: str) -> None:
        found = plan(Alerting(mode=mode, executive="first", executive_seconds=8, minimum_seconds=60))  # type: ignore[arg-type]
        assert seconds(found)[0] == 8


class TestRollover:
    def test_hang_up(self) -> None:
        found = plan(Alerting())
        assert (found.rollover, found.rollover_after, found.final_status) == ((), None, 480)

    def test_the_executive(self) -> None:
        (stage,) = plan(Alerting(ring_seconds=25), Rollover(action="executive")).rollover
        assert [each.extension for each in stage.endpoints] == ["667"]
        assert stage.endpoints[0].role == "executive"
        assert stage.seconds == 25

    @pytest.mark.parametrize(
        ("target", "extension", "number"),
        [("600", "600", None), ("+6221500601", "600", None), ("+1 555 1234567", None, "+15551234567")],
    )
    def test_forward_inside_and_outside(self, target: str, extension: str | None, number: str | None) -> None:
        (stage,) = plan(Alerting(), Rollover(action="forward", forward=target)).rollover
        (endpoint,) = stage.endpoints
        assert (endpoint.extension, endpoint.number, endpoint.role) == (extension, number, "forward")
        assert endpoint.trunk == (None if number is None else "carrier")

    @pytest.mark.parametrize(
        ("after", "minimum", "lifted"), [(None, 30, None), (10, 0, 10), (10, 30, 30), (60, 30, 60), (0, 0, 0)]
    )
    def test_the_timer_never_undercuts_the_minimum(self, after: float | None, minimum: float, lifted: float | None) -> None:
        found = plan(Alerting(minimum_seconds=minimum), Rollover(after, "executive"))
        assert found.rollover_after == lifted

    def test_a_rollover_at_once_rings_no_assistant_for_no_time(self) -> None:
        found = plan(Alerting(executive="first"), Rollover(0, "forward", "600"))
        assert (found.stages, found.rollover_after, ringing(found)) == ((), 0, [])
        assert [stage.name for stage in found.rollover] == ["rollover forward"]
        found = plan(Alerting(minimum_seconds=20), Rollover(0, "executive"))
        assert (seconds(found), found.rollover_after) == ([30], 20)


TIMES = st.none() | st.floats(1, 7200)


@given(
    st.lists(TIMES, min_size=3, max_size=3),
    st.sampled_from(["ring_all", "sequential"]),
    st.floats(1, 7200),
    st.floats(0, 7200),
    st.sampled_from(["none", "first", "together"]),
    st.none() | st.floats(0, 7200),
)
def test_for_every_setting(
    times: list[float | None], mode: str, ring: float, minimum: float, executive: str, after: float | None
) -> None:
    """Whatever is set: everybody rings once, for a time, and the caller waits the minimum at least."""
    alerting = Alerting(mode=mode, ring_seconds=ring, minimum_seconds=minimum, executive=executive)  # type: ignore[arg-type]
    found = plan(alerting, Rollover(after, "executive"), paced(*times))
    if found.rollover_after == 0:
        assert not found.stages
        return
    everybody = [extension for stage in ringing(found) for extension in stage]
    assert sorted(everybody) == sorted(["676", "677", "678", *(["667"] if executive != "none" else [])])
    assert all(time and time >= 1 for time in seconds(found))
    assistants_ring = sum(stage.seconds or 0 for stage in found.stages if stage.name.startswith("assistant"))
    assert assistants_ring >= minimum - 1e-6
    assert found.rollover_after is None or found.rollover_after >= minimum
