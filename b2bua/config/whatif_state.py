"""``state:`` of a what-if case: what phones have set, in words, read into a `State`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Any, Final

from pydantic import Field

from b2bua.config.schema import Report, Section, quoted, read_part, read_section, shape
from b2bua.config.values import EXTENSION_HINT, MOMENT_HINT, Extension, Moment, instant, parse_number, parsed
from b2bua.config.yamltree import Where
from b2bua.delegation.digits import number_key
from b2bua.delegation.hot_desk import is_shared
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Setting
from b2bua.delegation.state import State

SOMEBODY_HINT: Final = 'extensions with an extension each, for example {"676": "667"}'


class StateEntry(Section):
    """The section; phones have set nothing that is not in it."""

    filter: dict[str, bool] = Field(default={}, description='executives with on or off, for example {"667": off}')
    opted_out: tuple[str, ...] = Field(default=(), description='a list of delegated lines, for example ["676-667"]')
    divert: dict[str, str] = Field(default={}, description='assistants with a number, on or off, for example {"676": "601"}')
    dnd: tuple[str, ...] = Field(default=(), description='a list of extensions, for example ["667"]')
    call_as: dict[str, Any] = Field(default={}, description=SOMEBODY_HINT)
    duty: dict[str, str] = Field(
        default={}, description='agents with the name of a duty profile, or off, for example {"676": Day}'
    )
    logged_in: dict[str, Any] = Field(
        default={}, description='shared phones with the extension of who has logged in, for example {"690": "676"}'
    )
    callback: dict[str, Any] = Field(
        default={}, description='executives with numbers and assistants, for example {"667": {"+15551234567": "676"}}'
    )


class TimedEntry(Section):
    """An extension, and how long it counts."""

    extension: Extension = Field(description=EXTENSION_HINT)
    until: Moment | None = Field(default=None, description=MOMENT_HINT)


def read_state(data: object, where: Where, zone: tzinfo, directory: Directory, report: Report) -> State:
    """The settings; times without an offset are in `zone`. Who and what they name must be in `directory`."""
    entry, _ = read_part(StateEntry, data, where, report)
    return State.of(list(_StateReader(entry, where, zone, directory, report).settings()))


class _StateReader:
    """One method for each key."""

    def __init__(self, entry: StateEntry, where: Where, zone: tzinfo, directory: Directory, report: Report) -> None:
        self.entry = entry
        self.where = where
        self.zone = zone
        self.directory = directory
        self.report = report

    def settings(self) -> Iterator[Setting]:
        """All of them."""
        yield from self._filter()
        yield from self._opted_out()
        yield from self._divert()
        yield from self._dnd()
        yield from self._call_as()
        yield from self._duty()
        yield from self._logged_in()
        yield from self._callback()

    def _filter(self) -> Iterator[Setting]:
        for extension, on in self.entry.filter.items():
            self._check_executive(extension, (*self.where, "filter", extension))
            yield Setting("filter", extension, "", "on" if on else "off")

    def _opted_out(self) -> Iterator[Setting]:
        for index, line in enumerate(self.entry.opted_out):
            delegation = self.directory.lines.get(line)
            if delegation is None:
                where = (*self.where, "opted_out", index)
                self._unknown(where, line, "delegated line", self.directory.lines, "ASSISTANT-EXECUTIVE, for example 676-667")
            else:
                yield Setting("opt", delegation.assistant, delegation.executive, "out")

    def _divert(self) -> Iterator[Setting]:
        for extension, target in self.entry.divert.items():
            where = (*self.where, "divert", extension)
            self._check_user(extension, where)
            if target in ("on", "off"):
                yield Setting("divert", extension, "", target)
                continue
            if self.directory.numbers.resolve(target).kind not in ("inside", "outside"):
                self.report.error(where, f"{quoted(target)} leads nowhere; write an extension or outside number, on, or off")
            yield Setting("divert", extension, "", "on")
            yield Setting("divert_to", extension, "", target)

    def _dnd(self) -> Iterator[Setting]:
        for index, extension in enumerate(self.entry.dnd):
            self._check_user(extension, (*self.where, "dnd", index))
            yield Setting("dnd", extension, "", "on")

    def _call_as(self) -> Iterator[Setting]:
        for extension, value in self.entry.call_as.items():
            where = (*self.where, "call_as", extension)
            self._check_user(extension, where)
            timed = self._timed(value, where)
            if timed is not None:
                self._check_executive(timed.extension, where)
                yield self._until(Setting("call_as", extension, "", timed.extension), timed)

    def _duty(self) -> Iterator[Setting]:
        for extension, name in self.entry.duty.items():
            where = (*self.where, "duty", extension)
            self._check_user(extension, where)
            profiles = [each.name for each in self.directory.profiles.get(extension, ())]
            if name not in ("off", *profiles):
                self._unknown(where, name, f"duty profile of {extension}", profiles, " or ".join((*profiles, "off")))
            yield Setting("duty", extension, "", "" if name == "off" else name)

    def _logged_in(self) -> Iterator[Setting]:
        users = self.directory.users
        for phone, value in self.entry.logged_in.items():
            where = (*self.where, "logged_in", phone)
            if not is_shared(users.get(phone)):
                self._unknown(where, phone, "shared phone", (each for each in users if is_shared(users[each])), "the extension of a shared phone")
            timed = self._timed(value, where)
            if timed is not None:
                self._check_user(timed.extension, where)
                yield self._until(Setting("hot_desk", phone, "", timed.extension), timed)

    def _callback(self) -> Iterator[Setting]:
        for executive, numbers in self.entry.callback.items():
            where = (*self.where, "callback", executive)
            self._check_executive(executive, where)
            if not isinstance(numbers, dict):
                self.report.error(
                    where, f'is {shape(numbers)}; write numbers with assistants, for example {{"+15551234567": "676"}}'
                )
                continue
            for written, value in numbers.items():
                place = (*where, written)
                number, timed = parsed(parse_number, written, place, self.report), self._timed(value, place)
                if number is not None and timed is not None:
                    self._check_user(timed.extension, place)
                    yield self._until(Setting("callback", executive, number_key(number), timed.extension), timed)

    def _timed(self, value: object, where: Where) -> TimedEntry | None:
        """``"667"``, or ``{extension: "667", until: 2026-11-23T17:00}``."""
        data = value if isinstance(value, dict) else {"extension": value}
        return read_section(TimedEntry, data, where, self.report)[0]

    def _until(self, setting: Setting, timed: TimedEntry) -> Setting:
        if timed.until is None:
            return setting
        return setting._replace(until=instant(timed.until, self.zone, end=True).timestamp())

    def _check_user(self, extension: str, where: Where) -> None:
        user = self.directory.users.get(extension)
        if user is None or user.kind != "person":
            persons = (each.extension for each in self.directory.users.values() if each.kind == "person")
            self._unknown(where, extension, "user's extension", persons, EXTENSION_HINT)

    def _check_executive(self, extension: str, where: Where) -> None:
        if extension not in self.directory.executives:
            self._unknown(where, extension, "executive's extension", self.directory.executives, "the extension of an executive")

    def _unknown(self, where: Where, word: str, what: str, known: Iterable[str], instead: str) -> None:
        guess = self.report.guesses.closest(word, what, known)
        self.report.error(where, f"{quoted(word)} is no {what}{guess}; write {instead}")
