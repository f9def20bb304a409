"""What stands around the calls on somebody's page: themselves, their executives with presence and settings, their colleagues (D2, D5, A25).

Plain JSON, made anew whenever something changed; times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, Literal, NamedTuple

from b2bua.administration.ports import Switchboard
from b2bua.administration.viewer import Viewer, counts, offices_of
from b2bua.delegation.attendance import SOMEBODY, is_missed
from b2bua.delegation.callerid import printable
from b2bua.delegation.coverage import Cover, coverage
from b2bua.delegation.model import Directory
from b2bua.delegation.people import Delegation, Executive, User
from b2bua.delegation.plan import Caller, Endpoint, Facts
from b2bua.delegation.situation import Situation
from b2bua.delegation.speaking import Identity, may_speak_as
from b2bua.delegation.standing import active_profiles, divert_of, filtering_on, in_force, on_dnd

Json = dict[str, Any]
Presence = Literal["available", "ringing", "on_call", "do_not_disturb", "not_registered"]
MOST_PEOPLE: Final = 500
"""Colleagues on one page; a larger office has a directory."""
DAYS_AHEAD: Final = 8
"""How far ahead the next gap in the coverage is looked for."""


class Watched(NamedTuple):
    """Whose presence somebody's page shows."""

    executives: tuple[str, ...]
    """In the order in which they stand there: oneself, executives, groups and services."""
    people: tuple[str, ...]
    """Everybody else of the same offices."""


def watched_by(directory: Directory, viewer: Viewer, at: datetime) -> Watched:
    """The executives, groups and services that concern the viewer at that time, which is aware, and the colleagues there. A manager: also
    those they look after."""
    me = viewer.extension
    bosses = offices_of(directory, me or "", at)
    own = [me] if me is not None and me in directory.executives else []
    executives = [each for each in dict.fromkeys((*own, *bosses, *sorted(viewer.offices))) if each in directory.executives]
    executives.sort(key=lambda each: (each != me, directory.executives[each].kind != "executive"))
    people = dict.fromkeys(member for each in executives for member in _members(directory, each, at))
    found = [each for each in people if each != me and each not in executives and each in directory.users]
    return Watched(tuple(executives), tuple(found[:MOST_PEOPLE]))


def _members(directory: Directory, executive: str, at: datetime) -> Iterable[str]:
    return (each.assistant for each in directory.executives[executive].delegations if counts(each, at))


class Desk:
    """Makes the parts of a page. `busy` says whether a user talks or rings, as the calls show."""

    def __init__(self, switchboard: Switchboard, busy: Callable[[str], Literal["", "ringing", "on_call"]]) -> None:
        self._switchboard = switchboard
        self._busy = busy
        self._covers: dict[str, tuple[Executive, Mapping[str, User], date, tuple[Cover, ...]]] = {}
        self._registered: dict[str, bool] = {}
        """Of `_registered_in`, as far as it has been asked."""
        self._registered_in: Directory | None = None

    def phones_changed(self, extension: str | None = None) -> None:
        """Their phones have come or gone; None: nobody has told for a while."""
        if extension is None:
            self._registered.clear()
        else:
            self._registered.pop(extension, None)

    # --- presence ---------------------------------------------------------------------------------------------------------------

    def presence(self, extension: str) -> Presence | None:
        """None for groups and services, which have no phones."""
        directory = self._switchboard.directory
        user = directory.users.get(extension)
        if user is None or user.kind != "person":
            return None
        busy = self._busy(extension)
        if busy:
            return busy
        if on_dnd(self._situation(), user):
            return "do_not_disturb"
        return "available" if self._is_registered(directory, extension) else "not_registered"

    def _is_registered(self, directory: Directory, extension: str) -> bool:
        """Asked after every call, and seldom another answer: it is kept until phones come or go."""
        if self._registered_in is not directory:
            self._registered_in, self._registered = directory, {}
        found = self._registered.get(extension)
        if found is None:
            accounts = (extension, *(each.line for each in directory.delegations.get(extension, ())))
            found = self._registered[extension] = any(self._switchboard.phones(each) for each in accounts)
        return found

    def person(self, extension: str) -> Json:
        user = self._switchboard.directory.users[extension]
        return {"extension": extension, "name": _text(user.name), "location": user.location, "presence": self.presence(extension)}

    # --- oneself ----------------------------------------------------------------------------------------------------------------

    def me(self, viewer: Viewer) -> Json:
        """What somebody has set for themselves, and as whom they may call."""
        directory, me = self._switchboard.directory, viewer.extension
        user = directory.users.get(me or "")
        body: Json = {"account": viewer.account, "extension": me, "name": _text(user.name if user else viewer.name), "role": viewer.role}
        if me is None or user is None:
            return body
        situation = self._situation(me)
        sticky = directory.state.settings.get(("call_as", me, ""))
        call_as = situation.setting("call_as", me)
        body.update(
            presence=self.presence(me),
            dnd=on_dnd(situation, user),
            divert=self._divert(situation, me) if me in directory.delegations else None,
            call_as=None if call_as is None else {"executive": call_as, "until": sticky.until if sticky else None},
            may_call_as=[
                {"extension": each.executive, "name": _text(directory.users[each.executive].name)}
                for each in directory.delegations.get(me, ())
                if may_speak_as(self._situation(me), Identity(each.executive, "page")) is None
            ],
            duty=self._duty(situation, me),
            desks=self._desks(situation, me),
            logged_in=self._logged_in(situation, user),
        )
        return body

    def _desks(self, situation: Situation, me: str) -> list[Json]:
        """The shared phones at which somebody has logged in (E7)."""
        directory = situation.directory
        phones = (directory.users[each] for each in directory.state.at_desks(me, situation.stamp) if each in directory.users)
        return [{"extension": each.extension, "name": _text(each.name), "until": _until(directory, each.extension)} for each in phones]

    def _logged_in(self, situation: Situation, phone: User) -> Json | None:
        """Who has logged in at this shared phone."""
        directory = situation.directory
        user = directory.users.get(situation.setting("hot_desk", phone.extension) or "")
        if user is None:
            return None
        return {"extension": user.extension, "name": _text(user.name), "until": _until(directory, phone.extension)}

    def _divert(self, situation: Situation, me: str) -> Json:
        to = divert_of(situation, me)
        number = situation.setting("divert_to", me) or situation.directory.users[me].divert.number
        return {"on": to is not None, "number": None if number is None else _text(number)}

    def _duty(self, situation: Situation, me: str) -> list[Json]:
        active = active_profiles(situation, me)
        profiles = situation.directory.profiles.get(me, ())
        return [{"name": _text(each.name), "code": each.code, "active": each in active} for each in profiles]

    # --- executives -------------------------------------------------------------------------------------------------------------

    def executive(self, extension: str, viewer: Viewer) -> Json:
        """An executive, group or service as this viewer sees it: the assistants' settings only whom they concern."""
        directory, me = self._switchboard.directory, viewer.extension
        executive, user = directory.executives[extension], directory.users[extension]
        situation = self._situation(me)
        mine = directory.delegation(me, extension) if me is not None else None
        manages = extension == me or (mine is not None and "manage" in mine.rights and in_force(situation, mine))
        looks_after = manages or extension in viewer.offices or extension in viewer.manages
        return {
            "extension": extension,
            "name": _text(user.name),
            "kind": executive.kind,
            "own": extension == me,
            "presence": self.presence(extension),
            "filter": self._filter(situation, executive, manages) if executive.kind == "executive" else None,
            "mine": None if mine is None else self._delegation(situation, mine),
            "assistants": [self._assistant(situation, each) for each in executive.delegations if each.approval == "approved"] if looks_after else None,
            "caller_id": executive.caller_id or user.main_number,
            "slot": executive.slot,
            "missed": self._is_missed(extension, situation.now),
            "coverage": self._coverage(executive, situation.now),
        }

    def _filter(self, situation: Situation, executive: Executive, may_switch: bool) -> Json:
        filtering = executive.filtering
        shown = "criteria" if filtering.mode == "criteria" else filtering.type
        return {"on": filtering_on(situation, executive), "mode": filtering.mode, "calls": shown, "may_switch": may_switch}

    def _delegation(self, situation: Situation, mine: Delegation) -> Json:
        """The viewer's own part."""
        now = situation.now
        return {
            "rights": sorted(mine.rights),
            "opted_in": self._opted_in(situation, mine),
            "may_opt": "opt" in mine.rights and in_force(situation, mine),
            "in_force": in_force(situation, mine),
            "begins": mine.begins.timestamp() if mine.begins is not None and mine.begins > now else None,
            "ends": None if mine.ends is None else mine.ends.timestamp(),
            "callers": None if mine.callers.everybody else _text(mine.callers.text),
            "line": mine.line,
        }

    def _assistant(self, situation: Situation, each: Delegation) -> Json:
        directory = situation.directory
        return {
            "extension": each.assistant,
            "name": _text(directory.users[each.assistant].name),
            "presence": self.presence(each.assistant),
            "opted_in": self._opted_in(situation, each),
            "in_force": in_force(situation, each),
            "receives": "receive" in each.rights,
            "diverted": divert_of(situation, each.assistant) is not None,
        }

    def _opted_in(self, situation: Situation, each: Delegation) -> bool:
        return not ("opt" in each.rights and situation.setting("opt", each.assistant, each.executive) == "out")

    # --- coverage ---------------------------------------------------------------------------------------------------------------

    def _is_missed(self, extension: str, now: datetime) -> bool:
        """Whether calls are filtered now and nobody reachable takes them."""
        directory = self._switchboard.directory
        return is_missed(directory.offices[extension], directory, now, self._reaches)

    def _reaches(self, endpoint: Endpoint) -> bool:
        if endpoint.kind != "user":
            return True
        accounts = [endpoint.extension or ""]
        if endpoint.for_executive is not None:
            accounts.append(f"{endpoint.extension}-{endpoint.for_executive}")
        return any(self._switchboard.phones(each) for each in accounts)

    def _coverage(self, executive: Executive, now: datetime) -> Json:
        """Who covers as agreed now, until when, and when nobody will next."""
        directory = self._switchboard.directory
        covers = self._covers_of(executive, directory, now)
        current = next((each for each in covers if each.start <= now < each.end), None)
        gap = next((each for each in covers if each.gap and each.end > now), None)
        last = covers[-1].end if covers else now
        return {
            "now": [] if current is None else [{"extension": each, "name": _text(directory.users[each].name)} for each in current.assistants],
            "gap": current is None or current.gap,
            "until": None if current is None or current.end >= last else current.end.timestamp(),
            "next_gap": None if gap is None or gap is current else {"start": gap.start.timestamp(), "end": gap.end.timestamp()},
        }

    def _covers_of(self, executive: Executive, directory: Directory, now: datetime) -> tuple[Cover, ...]:
        today = now.astimezone(executive.time_zone).date()
        known = self._covers.get(executive.extension)
        if known is not None and known[0] is executive and known[1] is directory.users and known[2] == today:
            return known[3]
        found = coverage(executive, directory.users, today, DAYS_AHEAD)
        self._covers[executive.extension] = (executive, directory.users, today, found)
        return found

    def _situation(self, extension: str | None = None) -> Situation:
        """The time and the settings now; `extension`: who looks."""
        facts = SOMEBODY if extension is None else Facts(Caller("user", extension, None, None, extension, "", anonymous=False), "")
        return Situation(facts, self._switchboard.directory, self._switchboard.now())


def _until(directory: Directory, phone: str) -> float | None:
    return directory.state.settings[("hot_desk", phone, "")].until


def _text(text: str) -> str:
    return printable(text, 80)
