"""``sites:``, ``cost_centres:``, ``phones:`` and ``number_inventory:``: what is administered and plays no part in any call (E8, E9, E17)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from b2bua.config.draft import Draft
from b2bua.config.markers import As, Json
from b2bua.config.schema import AnySection, Report, Section, quoted, read_section
from b2bua.config.values import EXTENSION_HINT, Extension, Extensions, Text, parse_extension, parsed
from b2bua.config.yamltree import Where
from b2bua.delegation.digits import normalise
from b2bua.delegation.organisation import CostCentre, NumberRange, Phone, Site

MAC_HINT: Final = 'twelve hexadecimal digits, for example "00:15:65:aa:bb:cc"'
RANGE_HINT: Final = 'FIRST-LAST, for example "+6221500600-699", or a single number'
MOST_NUMBERS: Final = 1_000_000
_MAC = re.compile(r"[0-9a-f]{12}")
_SEPARATORS: Final = str.maketrans("", "", ":-. ")
_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_NAMED: Final = {"name": "unknown"}
_PHONE_STAND_IN: Final = {"mac": "00:00:00:00:00:00", "name": "unknown"}


def mac_of(value: object) -> object:
    """A MAC as ``aa:bb:cc:dd:ee:ff``, however it was written; anything else is returned unchanged."""
    digits = value.translate(_SEPARATORS).lower() if isinstance(value, str) else ""
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2)) if _MAC.fullmatch(digits) else value


def _parse_mac(value: object) -> str:
    found = mac_of(value)
    if not isinstance(found, str) or not _MAC.fullmatch(found.translate(_SEPARATORS)):
        raise ValueError(f"is {quoted(value)}; write {MAC_HINT}")
    return found


def parse_range(value: object) -> NumberRange:
    """``+6221500600-699``, ``+6221500600-+6221500699``, or one number. Raises ValueError with what to write instead."""
    first, dash, last = (normalise(part.strip()) for part in (value if isinstance(value, str) else "").partition("-"))
    last = last if dash else first
    if len(last) < len(first) and last.isdecimal():
        last = first[: len(first) - len(last)] + last
    if not (_NUMBER.fullmatch(first) and _NUMBER.fullmatch(last) and len(first) == len(last) and first <= last):
        raise ValueError(f"is {quoted(value)}; write {RANGE_HINT}")
    found = NumberRange(first, last)
    if found.size > MOST_NUMBERS:
        raise ValueError(f"are more than {MOST_NUMBERS} numbers; write fewer")
    return found


class SiteEntry(Section):
    """One entry of ``sites:``."""

    name: Text = Field(min_length=1, description="the name of the site")
    parent: Text | None = Field(default=None, description="the name of the site that it is part of, or null")
    emergency_location: Text | None = Field(default=None, description="where help is to go, for example an address and a floor, or null")
    managers: Extensions = Field(default=[], description="a list of extensions of users who manage it")


class CostCentreEntry(Section):
    """One entry of ``cost_centres:``."""

    name: Text = Field(min_length=1, description="the name of the cost centre")
    parent: Text | None = Field(default=None, description="the name of the cost centre that it is part of, or null")
    code: Text | None = Field(default=None, description="what the book-keeping calls it, or null")


class PhoneEntry(Section):
    """One entry of ``phones:``."""

    mac: Annotated[str, BeforeValidator(_parse_mac), As(mac_of), Json(pattern=r"^([0-9A-Fa-f]{2}[:. \-]?){5}[0-9A-Fa-f]{2}$")] = Field(
        description=MAC_HINT
    )
    name: Text = Field(min_length=1, description="a name for the phone")
    model: Text | None = Field(default=None, description="maker and model, or null")
    user: Extension | None = Field(default=None, description=f"{EXTENSION_HINT}, or null")
    site: Text | None = Field(default=None, description="the name of a site, or null")


Found = list[tuple[Where, AnySection]]


_STAND_INS: Final[Mapping[str, Mapping[str, object]]] = {"sites": _NAMED, "cost_centres": _NAMED, "phones": _PHONE_STAND_IN}


def _read_entries(model: type[AnySection], kind: str, items: Iterable[Any], draft: Draft, report: Report) -> Found[AnySection]:
    """Those that can be read; one whose name cannot is left out."""
    found: Found[AnySection] = []
    stand_in, memory = _STAND_INS[kind], draft.memory
    key = next(iter(stand_in))
    for index, item in enumerate(items):
        where = report.entry(kind, index, item)
        entry: AnySection | None = memory.recall(where, item, report)
        if entry is not None:
            found.append((where, entry))
            continue
        mark = memory.mark(report)
        entry, broken = read_section(model, item, where, report, stand_in)
        if entry is not None and key not in broken:
            memory.keep(where, item, entry, report, mark)
            found.append((where, entry))
    return found


def _by_name(
    model: type[AnySection], kind: str, what: str, items: Iterable[Any], draft: Draft, report: Report
) -> dict[str, tuple[Where, AnySection]]:
    """The entries by what names them, which is unique."""
    key = next(iter(_STAND_INS[kind]))
    by_name: dict[str, tuple[Where, AnySection]] = {}
    for where, entry in _read_entries(model, kind, items, draft, report):
        name = getattr(entry, key)
        if name in by_name:
            report.error((*where, key), f"{quoted(name)} is already the {key} of a {what} above; write another one")
        by_name.setdefault(name, (where, entry))
    return by_name


# --- sites and cost centres (E9) ------------------------------------------------------------------------------------------------


def read_sites(items: list[Any], draft: Draft, report: Report) -> None:
    """The sites go into `draft`."""
    found = _by_name(SiteEntry, "sites", "site", items, draft, report)
    draft.site_places = {name: where for name, (where, _) in found.items()}
    draft.sites = {
        name: Site(name, entry.parent, entry.emergency_location, read_managers(entry.managers, (*where, "managers"), report))
        for name, (where, entry) in found.items()
    }
    _check_parents(draft.sites, draft.site_places, "site", report)


def read_cost_centres(items: list[Any], draft: Draft, report: Report) -> None:
    """The cost centres go into `draft`."""
    found = _by_name(CostCentreEntry, "cost_centres", "cost centre", items, draft, report)
    draft.cost_centres = {name: CostCentre(name, entry.parent, entry.code) for name, (_, entry) in found.items()}
    _check_parents(draft.cost_centres, {name: where for name, (where, _) in found.items()}, "cost centre", report)


def _check_parents(nodes: Mapping[str, Site] | Mapping[str, CostCentre], places: Mapping[str, Where], what: str, report: Report) -> None:
    """Every parent is there, and nothing is part of itself, however far up; each circle is named once."""
    finished: set[str] = set()
    for name, node in nodes.items():
        if node.parent is not None and node.parent not in nodes:
            guess = report.guesses.closest(node.parent, what, nodes)
            report.error((*places[name], "parent"), f"{quoted(node.parent)} is no {what}{guess}; write the name of one, or null")
        path: list[str] = []
        here: str | None = name
        while here is not None and here in nodes and here not in finished and here not in path:
            path.append(here)
            here = nodes[here].parent
        if here in path:
            circle = " - ".join((*path[path.index(here) :], here))
            report.error((*places[here], "parent"), f"closes a circle ({circle}); write another parent, or null")
        finished.update(path)


def read_managers(items: list[Any], where: Where, report: Report) -> tuple[str, ...]:
    """Extensions of users; whether there are such users is checked later."""
    found = [parsed(parse_extension, item, (*where, index), report) for index, item in enumerate(items)]
    return tuple(dict.fromkeys(each for each in found if each is not None))


# --- phones and numbers (E8, E17) ---------------------------------------------------------------------------------------------


def read_phones(items: list[Any], draft: Draft, report: Report) -> None:
    """The inventory of phones goes into `draft`."""
    found = _by_name(PhoneEntry, "phones", "phone", items, draft, report)
    draft.phones = {mac: Phone(mac, entry.name, entry.model, entry.user, entry.site) for mac, (_, entry) in found.items()}
    draft.phone_places = {mac: where for mac, (where, _) in found.items()}


def read_number_inventory(items: list[Any], draft: Draft, report: Report) -> None:
    """The ranges of outside numbers go into `draft`; no number stands in two of them."""
    found = [(index, parsed(parse_range, item, ("number_inventory", index), report)) for index, item in enumerate(items)]
    ranges = sorted((each, index) for index, each in found if each is not None)
    for (before, _), (after, index) in itertools.pairwise(ranges):
        if len(before.first) == len(after.first) and after.first <= before.last:
            report.error(("number_inventory", index), f"has numbers that are in {before.first}-{before.last}, too; write each number once")
    draft.numbers = tuple(each for _, each in found if each is not None)


# --- who and what they name -----------------------------------------------------------------------------------------------------


def check_resources(draft: Draft, report: Report) -> None:
    """Managers, phones' users and sites are there."""
    for name, site in draft.sites.items():
        check_managers(site.managers, draft.site_places[name], draft, report)
    for mac, phone in draft.phones.items():
        where = draft.phone_places[mac]
        if phone.user is not None and draft.check_person(phone.user, (*where, "user"), report):
            user = draft.users.get(phone.user)
            if user is not None and user.type == "forwarding":
                report.error((*where, "user"), f"{draft.shown(phone.user)} only forwards and has no phones; write another user, or null")
        check_site(phone.site, (*where, "site"), draft, report)


def check_managers(managers: Iterable[str], where: Where, draft: Draft, report: Report) -> None:
    """They are users."""
    for index, extension in enumerate(managers):
        draft.check_person(extension, (*where, "managers", index), report)


def check_site(name: str | None, where: Where, draft: Draft, report: Report) -> None:
    """It is one of the sites, when any are written."""
    if name is not None and draft.sites and name not in draft.sites:
        guess = report.guesses.closest(name, "site", draft.sites)
        report.error(where, f"{quoted(name)} is no site{guess}; write the name of one under `sites`")


def check_cost_centre(name: str | None, where: Where, draft: Draft, report: Report) -> None:
    """It is one of the cost centres, when any are written."""
    if name is not None and draft.cost_centres and name not in draft.cost_centres:
        guess = report.guesses.closest(name, "cost centre", draft.cost_centres)
        report.error(where, f"{quoted(name)} is no cost centre{guess}; write the name of one under `cost_centres`")
