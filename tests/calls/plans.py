"""Ring plans written by hand, for what call control does with them whatever the policy would decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from b2bua.calls import index
from b2bua.delegation.plan import Endpoint, Facts, Presentation, Role, RoutePlan, Stage

LEE = Presentation("Lee Colleague", "601")
LEE_OUTSIDE = Presentation("Lee Colleague", "+6221500602")


def phones(extension: str, role: Role = "user", **other: Any) -> Endpoint:
    """The phones of a user."""
    return Endpoint("user", extension, None, None, role, None)._replace(**other)


def outside(number: str, role: Role = "forward", trunk: str = "carrier", **other: Any) -> Endpoint:
    """An outside number."""
    return Endpoint("number", None, number, trunk, role, None)._replace(**other)


def mailbox(uri: str, **other: Any) -> Endpoint:
    """A mailbox by its URI."""
    return Endpoint("uri", None, uri, None, "voicemail", None)._replace(**other)


def stage(*endpoints: Endpoint, seconds: float = 20.0, **following: Sequence[Stage]) -> Stage:
    """`following`: busy, no_answer, unreachable."""
    return Stage(endpoints, seconds, "test", **{outcome: tuple(each) for outcome, each in following.items()})


def ring(*stages: Stage, **other: Any) -> RoutePlan:
    """A call of Lee (601)."""
    given = {"present": LEE, "asserted": LEE, "present_outside": LEE_OUTSIDE, "called": "602", "plain": True}
    return RoutePlan("ring", stages, **given | other)


def decide(monkeypatch: pytest.MonkeyPatch, plan: RoutePlan) -> None:
    """Whoever calls now gets this plan."""

    def decided(_facts: Facts, *_: object) -> RoutePlan:
        return plan

    monkeypatch.setattr(index, "decide", decided)
