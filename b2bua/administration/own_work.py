"""For whom somebody works, and whose delegation they may change, as their own page shows it."""

from __future__ import annotations

from typing import NamedTuple

from b2bua.administration.viewer import Viewer
from b2bua.delegation.model import Directory


class Person(NamedTuple):
    """An executive."""

    extension: str
    name: str


class Work(NamedTuple):
    """One delegation in which the viewer is the assistant; times are on the wall of the executive, "" for none."""

    executive: Person
    rights: tuple[str, ...]
    approval: str
    begins: str
    ends: str


def works_for(viewer: Viewer, directory: Directory) -> list[Work]:
    """The viewer's delegations, those that wait for an answer too."""
    return [
        Work(
            _person(each.executive, directory),
            tuple(sorted(right.replace("_", " ") for right in each.rights)),
            each.approval,
            "" if each.begins is None else f"{each.begins.astimezone(directory.executives[each.executive].time_zone):%Y-%m-%d %H:%M}",
            "" if each.ends is None else f"{each.ends.astimezone(directory.executives[each.executive].time_zone):%Y-%m-%d %H:%M}",
        )
        for each in directory.delegations.get(viewer.extension or "", ())
        if directory.is_executive(each.executive)
    ]


def manages(viewer: Viewer, directory: Directory) -> list[Person]:
    """The executives whose delegation the viewer may change."""
    return [_person(each, directory) for each in sorted(viewer.manages) if each in directory.users]


def _person(extension: str, directory: Directory) -> Person:
    return Person(extension, directory.users[extension].name)
