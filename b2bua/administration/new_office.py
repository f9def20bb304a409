"""An executive with assistants, made in one go: free extensions are proposed, SIP passwords are random and shown once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import Any, Final, NamedTuple

from b2bua.administration import secrets
from b2bua.administration.entries import Finding, Op, Put
from b2bua.config import Config
from b2bua.delegation.model import Directory

FIRST_EXTENSION: Final = 101
"""Where an empty directory begins."""
MOST_PEOPLE: Final = 50


class NewPerson(NamedTuple):
    """Somebody who is to be there."""

    extension: str
    name: str
    number: str = ""
    """The outside number; "" for none."""
    existing: bool = False
    """A user who is there already, and stays as they are."""


class NewOffice(NamedTuple):
    """What is to be made."""

    ops: tuple[Op, ...]
    passwords: dict[str, str]
    """SIP passwords of the new users by extension."""


def free_extensions(directory: Directory, wanted: int) -> list[str]:
    """So many extensions that lead nowhere yet: behind the highest of the shortest usual length, so that offices stay together."""
    numbers = [int(each) for each in directory.users if each.isascii() and each.isdecimal() and len(each) in (3, 4, 5) and each[0] != "0"]
    shortest = min((len(str(each)) for each in numbers), default=3)
    start = max((each for each in numbers if len(str(each)) == shortest), default=FIRST_EXTENSION - 1) + 1
    return list(islice(_free(directory, start), wanted))


def _free(directory: Directory, start: int) -> Iterator[str]:
    for number in count(start):
        text = str(number)
        if text not in directory.places and directory.numbers.resolve(text).kind == "nowhere":
            yield text


def new_office(
    executive: NewPerson, assistants: Sequence[NewPerson], colleagues: Sequence[NewPerson], settings: dict[str, Any]
) -> NewOffice:
    """The entries of the office. `colleagues` only become users: somebody must call. `settings`: more keys of the executive's entry, such as
    ``alerting``."""
    new = [each for each in (executive, *assistants, *colleagues) if not each.existing]
    passwords = {each.extension: secrets.new_password() for each in new}
    users = [_user(each, passwords[each.extension]) for each in new]
    boss = {"extension": executive.extension, **settings, "assistants": [each.extension for each in assistants]}
    return NewOffice((*users, Put("executives", executive.extension, boss, 0)), passwords)


def _user(person: NewPerson, password: str) -> Put:
    numbers = {"numbers": [person.number]} if person.number else {}
    return Put("users", person.extension, {"extension": person.extension, "name": person.name, "password": password, **numbers}, 0)


def twice(executive: NewPerson, assistants: Sequence[NewPerson], colleagues: Sequence[NewPerson]) -> list[Finding]:
    """Extensions that stand in the form more than once: as one entry would quietly replace the other."""
    seen = {executive.extension}
    found = []
    places = [*((f"assistants[{place}]", each) for place, each in enumerate(assistants)), *((f"colleagues[{place}]", each) for place, each in enumerate(colleagues))]
    for place, each in places:
        if each.extension in seen:
            found.append(Finding("office", executive.extension, f"{place}.extension", f"{each.extension} stands here twice"))
        seen.add(each.extension)
    return found


def connection(config: Config) -> dict[str, Any]:
    """What a phone must be told of the server, besides its account."""
    listen = next((each for each in config.listen if each.transport == "UDP"), config.listen[0])
    return {
        "server": config.advertise or listen.host,
        "port": listen.port,
        "transports": list(dict.fromkeys(each.transport for each in config.listen)),
        "domain": config.domain,
        "digest": list(config.digest),
    }
