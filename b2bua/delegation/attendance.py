"""Whether somebody is there at this moment for an executive's filtered calls (A25): what the alarm asks, again and again.

Who is rung is asked of the functions that decide a call, for a caller from outside who is nobody in particular. Who takes the calls
of some callers only does not cover, as in `coverage`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from b2bua.delegation.assistants import unavailable, who_rings
from b2bua.delegation.model import Directory
from b2bua.delegation.office import Office, Seat
from b2bua.delegation.plan import Caller, Endpoint, Facts
from b2bua.delegation.situation import Situation
from b2bua.delegation.standing import filtering_on

SOMEBODY: Final = Facts(Caller("trunk", None, None, None, "", "", anonymous=False), "")


def is_missed(office: Office, directory: Directory, now: datetime, reachable: Callable[[Endpoint], bool]) -> bool:
    """Whether filtering is on, somebody should take the calls, and nobody can be rung. `now` is aware.

    `reachable`: whether anything rings now when that endpoint is rung. Outside the working hours of all who would take calls
    otherwise nobody is expected to be there. An office without anybody who may receive calls is a matter for whoever writes the
    directory.
    """
    situation = Situation(SOMEBODY, directory, now)
    if not filtering_on(situation, office.executive):
        return False
    turns = [turn for turn in who_rings(situation, office) if turn.delegation.callers.everybody]
    if any(reachable(each) for turn in turns for each in turn.endpoints):
        return False
    receiving = [seat for seat in office.seats if not seat.never]
    return bool(receiving) and (bool(turns) or not any(_is_off_work(situation, seat) for seat in receiving))


def _is_off_work(situation: Situation, seat: Seat) -> bool:
    """Whether nothing but their working hours keeps this assistant, who is not rung, from everybody's calls."""
    delegation, hours = seat.delegation, seat.assistant.hours
    if not delegation.respect_hours or hours is None or not delegation.callers.everybody:
        return False
    if situation.is_open(hours, seat.assistant.time_zone):
        return False
    return not unavailable(situation, seat._replace(delegation=replace(delegation, respect_hours=False)))
