"""Who may see and who may change which entry of the directory, and which of its fields (E1-E3, E10, F3). Pure.

What is hidden is not sent, and what is not allowed says which right is missing. docs/api.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol

from b2bua.administration import allotment, assistants, destinations
from b2bua.administration.entries import KEY_FIELDS, SECRETS, Body, Kind, Op, Put, kept_secrets, masked
from b2bua.administration.viewer import Viewer
from b2bua.delegation.model import Directory
from b2bua.errors import Refused
from b2bua.store.ports import Entry

Level = Literal["whole", "private", "part", "asked", "nothing"]
"""whole: all but secrets · private: without what only the executive knows (F3) · part: what colleagues need of each other · asked: who wants
one as an assistant, and with what rights · nothing."""


class Reader(Protocol):
    """What rights are decided on: the Book."""

    @property
    def directory(self) -> Directory: ...
    def entries(self, kind: str) -> Mapping[str, Entry]: ...
    def entry(self, kind: str, key: str) -> Entry | None: ...


PRIVATE_FIELDS: Final = frozenset({"confidential"})
"""Of an executive: contacts that ring only them (A24). Assistants never see them, `manage` or not, and no manager does."""
COLLEAGUE: Final = frozenset({"extension", "name", "location", "numbers", "email"})
PART: Final[Mapping[str, frozenset[str]]] = {
    "organisation": frozenset(
        {"organisation", "time_zone", "limits", "roles", "same_location", "acceptance", "delegating_members", "parking", "pick_up"}
    ),
    "users": COLLEAGUE,
    "executives": frozenset(
        {
            "extension", "caller_id", "time_zone", "filtering", "alerting", "rollover", "on_behalf", "slot", "recall_seconds", "recall_rings",
            "join_tone", "assistants",
        }
    ),
    "groups": frozenset({"extension", "name", "location", "numbers", "type"}),
    "services": frozenset({"extension", "name", "location", "numbers"}),
    "sites": frozenset({"name", "parent"}),
}  # fmt: skip
"""The fields that are shown at the level "part"; kinds that are not here are shown whole or not at all."""
SEEN_BY_ALL: Final = frozenset({"organisation", "users", "groups", "services", "sites", "conferences", "schedules"})
"""Kinds of which everybody is shown at least a part."""

SELF_SERVICE: Final = frozenset({"forwarding", "divert", "dnd", "devices", "hours", "email", "password"})
"""What users may change of their own entry."""
OFFICE_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "groups": frozenset({"members", "alerting", "rollover", "maximum_wait", "capacity"}),
    "services": frozenset({"agents", "alerting", "rollover"}),
}
"""What the manager of a group, queue or service may change (E10)."""
ADMINISTRATORS_ONLY: Final = frozenset({"role", "manages"})
"""What the manager of a site may not change of its users."""
_WORDS: Final[Mapping[str, str]] = {"organisation": "the organisation's settings", "cost_centres": "cost centres"}


# --- seeing -------------------------------------------------------------------------------------------------------------------


def may_see(viewer: Viewer, entry: Entry, book: Reader) -> bool:
    """Whether there is such an entry for this viewer."""
    return level_of(viewer, entry, book) != "nothing"


def shown(viewer: Viewer, entry: Entry, book: Reader) -> dict[str, Any]:
    """The body without what this viewer may not see; empty where they may see nothing."""
    level = level_of(viewer, entry, book)
    body = masked(entry.body)
    if level == "whole":
        return body
    if level == "private":
        return {key: value for key, value in body.items() if key not in PRIVATE_FIELDS}
    if level == "nothing":
        return {}
    if level == "asked":
        return assistants.asked(body, viewer.extension)
    part = {key: value for key, value in body.items() if key in PART[entry.kind]}
    return assistants.own_part(part, viewer.extension) if entry.kind == "executives" else part


def hides(level: Level, kind: str, field: str) -> bool:
    """Whether a top-level field is not shown at this level: it is not searched or filtered by, either."""
    if field in SECRETS or level == "nothing":
        return True
    if level == "asked":
        return field != KEY_FIELDS[kind]
    return field not in PART.get(kind, frozenset()) if level == "part" else level == "private" and field in PRIVATE_FIELDS


def restored(viewer: Viewer, entry: Entry, body: Body, book: Reader) -> dict[str, Any]:
    """`body`, which replaces the whole entry, with the fields that were hidden from its writer as they are. Raises Refused."""
    check_named(viewer, entry, body, book)
    level = level_of(viewer, entry, book)
    hidden = {key: value for key, value in masked(entry.body).items() if key not in body and hides(level, entry.kind, key)}
    return {**hidden, **body}


def check_named(viewer: Viewer, entry: Entry, sent: Iterable[str], book: Reader) -> None:
    """That nobody writes a field that is hidden from them, were it as it is already: the answer would tell. Raises Refused."""
    level = level_of(viewer, entry, book)
    hidden = sorted(each for each in sent if each not in SECRETS and level in ("private", "part", "asked") and hides(level, entry.kind, each))
    if hidden:
        raise _may_not_name(entry.kind, entry.key, hidden)


def _may_not_name(kind: str, key: str, hidden: list[str]) -> Refused:
    if kind == "executives" and PRIVATE_FIELDS.issuperset(hidden):
        return Refused(403, f"only {key} and administrators may change {', '.join(hidden)}")
    return Refused(403, f"to change {', '.join(hidden)} of {key} you need the role user_admin")


def level_of(viewer: Viewer, entry: Entry, book: Reader) -> Level:
    """How much of an entry somebody sees. Cheap: it is asked for each entry of a list."""
    if viewer.administers:
        return "whole"
    return _LEVELS[entry.kind](viewer, entry, book)


def _user(viewer: Viewer, entry: Entry, book: Reader) -> Level:  # noqa: ARG001 - every kind is asked the same way
    if entry.key == viewer.extension or (viewer.sites and entry.body.get("location") in viewer.sites):
        return "whole"
    return "part"


def _executive(viewer: Viewer, entry: Entry, book: Reader) -> Level:
    if entry.key == viewer.extension:
        return "whole"
    if entry.key in viewer.manages or _site_of(entry.key, book) in viewer.sites:
        return "private"
    if entry.key in viewer.works_for:
        return "part"
    return "asked" if assistants.approval(assistants.items(entry.body).get(viewer.extension or "", {})) != "approved" else "nothing"


def _office(viewer: Viewer, entry: Entry, book: Reader) -> Level:  # noqa: ARG001
    return "whole" if entry.key in viewer.works_for or entry.key in viewer.offices else "part"


def _duty_profile(viewer: Viewer, entry: Entry, book: Reader) -> Level:  # noqa: ARG001
    concerned = {*map(str, entry.body.get("agents") or ()), *map(str, entry.body.get("responsible_for") or ())}
    return "nothing" if concerned.isdisjoint({viewer.extension or "", *viewer.offices, *viewer.manages}) else "whole"


def _site(viewer: Viewer, entry: Entry, book: Reader) -> Level:  # noqa: ARG001
    return "whole" if entry.key in viewer.sites else "part"


def _phone(viewer: Viewer, entry: Entry, book: Reader) -> Level:
    user = entry.body.get("user")
    own = user is not None and user == viewer.extension
    return "whole" if own or _phone_is_at(viewer, entry.body, book) else "nothing"


def _caller_group(viewer: Viewer, entry: Entry, book: Reader) -> Level:
    """Who sets up filters needs them, but for those that are somebody's confidential contacts (F3)."""
    if not viewer.manages and viewer.role == "user":
        return "nothing"
    owners = _confidential(book.entries("executives")).get(entry.key)
    return "whole" if owners is None or viewer.extension in owners else "nothing"


def _managers(viewer: Viewer, entry: Entry, book: Reader) -> Level:  # noqa: ARG001
    return "nothing" if viewer.role == "user" else "whole"


def _everybody(viewer: Viewer, entry: Entry, book: Reader) -> Level:  # noqa: ARG001
    return "whole"


def _part(viewer: Viewer, entry: Entry, book: Reader) -> Level:  # noqa: ARG001
    return "part"


_LEVELS: Final[Mapping[str, Callable[[Viewer, Entry, Reader], Level]]] = {
    "organisation": _part,
    "sites": _site,
    "cost_centres": _managers,
    "schedules": _everybody,
    "caller_groups": _caller_group,
    "users": _user,
    "phones": _phone,
    "executives": _executive,
    "groups": _office,
    "services": _office,
    "duty_profiles": _duty_profile,
    "conferences": _everybody,
}


class _Owners(NamedTuple):
    source: Mapping[str, Entry]
    owners: Mapping[str, frozenset[str]]


_last_owners = _Owners({}, {})
"""Worked out anew only when an executive has changed: a list of caller groups asks for each."""


def _confidential(executives: Mapping[str, Entry]) -> Mapping[str, frozenset[str]]:
    """Caller groups that are confidential contacts, and the extensions of those whose they are."""
    global _last_owners
    if _last_owners.source is not executives:
        owners: dict[str, frozenset[str]] = {}
        for entry in executives.values():
            for name in map(str, entry.body.get("confidential") or ()):
                owners[name] = owners.get(name, frozenset()) | {entry.key}
        _last_owners = _Owners(executives, owners)
    return _last_owners.owners


def _site_of(extension: str, book: Reader) -> str | None:
    user = book.entry("users", extension)
    site = user.body.get("location") if user is not None else None
    return None if site is None else str(site)


def _phone_is_at(viewer: Viewer, body: Body, book: Reader) -> bool:
    if not viewer.sites:
        return False
    return body.get("site") in viewer.sites or (body.get("user") is not None and _site_of(str(body["user"]), book) in viewer.sites)


# --- changing -----------------------------------------------------------------------------------------------------------------


def check(viewer: Viewer, ops: tuple[Op, ...] | list[Op], book: Reader) -> tuple[Op, ...]:
    """The operations as this viewer may make them: where assistants must accept, new ones are pending (E1).

    Raises Refused with status 403 and the right that is missing.
    """
    if viewer.read_only:
        raise _read_only()
    bodies: dict[tuple[str, str], Body | None] = {}
    allowed: list[Op] = []
    for op in ops:
        name = (op.kind, op.key)
        if name not in bodies:
            entry = book.entry(*name)
            bodies[name] = None if entry is None else entry.body
        op = _one(viewer, op, bodies[name], book)
        bodies[name] = op.body if isinstance(op, Put) else None
        allowed.append(op)
    return tuple(allowed)


def check_door(viewer: Viewer, kind: str, key: str | None, book: Reader) -> None:
    """What can be said before anybody reads what was sent: that it comes from somebody who may change some field of the entry `key`, or make
    one (None). What they may of it is for `check` to say. Raises Refused."""
    if viewer.read_only:
        raise _read_only()
    if viewer.administers or (kind in ("users", "phones") and viewer.sites):
        return
    own = key is not None and key == viewer.extension
    concerned = {
        "users": own,
        "groups": key in viewer.offices,
        "services": key in viewer.offices,
        "executives": own or key in viewer.manages or (key is not None and book.directory.delegation(viewer.extension or "", key) is not None),
    }
    if not concerned.get(kind, False):
        raise Refused(403, f"to {'make' if key is None else 'change'} {_WORDS.get(kind, kind.replace('_', ' '))} you need the role user_admin")


def _read_only() -> Refused:
    return Refused(403, "this token may only read; make one with the scope write")


def _one(viewer: Viewer, op: Op, before: Body | None, book: Reader) -> Op:
    after = None
    if isinstance(op, Put):
        field = KEY_FIELDS.get(op.kind)
        if field is not None and op.body.get(field) != op.key:
            raise Refused(422, f"the entry is {op.key}, and its {field} says otherwise")
        if op.kind == "executives":
            op = op._replace(body=assistants.accepted(viewer, before, op.body, acceptance(book)))
        after = kept_secrets(op.body, before)
    if viewer.role != "super_admin":
        (_administrator if viewer.role == "user_admin" else _anybody)(viewer, _Change(op.kind, op.key, before, after), book)
    if not viewer.administers:
        destinations.check(before, after, book.directory)
    return op


class _Change(NamedTuple):
    kind: Kind
    key: str
    before: Body | None
    after: Body | None

    @property
    def fields(self) -> frozenset[str]:
        """The top-level fields that differ."""
        before, after = self.before or {}, self.after or {}
        found = {key for key in (*before, *after) if before.get(key) != after.get(key)}
        return frozenset(found - {"digest"} if "password" in after else found)

    @property
    def edits(self) -> bool:
        """Neither makes nor removes the entry."""
        return self.before is not None and self.after is not None


def acceptance(book: Reader) -> bool:
    """Whether assistants must accept."""
    organisation = book.entry("organisation", "")
    return organisation is not None and bool(organisation.body.get("acceptance"))


def _administrator(viewer: Viewer, change: _Change, book: Reader) -> None:
    """user_admin: everything but the organisation's settings, super administrators, and making some."""
    if change.kind == "organisation":
        raise _missing("super_admin", change)
    if change.kind == "users" and "super_admin" in {body.get("role") for body in (change.before, change.after) if body is not None}:
        raise Refused(403, f"{change.key} is, or would be, a super administrator: this needs the role super_admin")
    if change.kind == "executives" and change.key != viewer.extension and _role_of(change.key, book) == "super_admin":
        raise Refused(403, f"{change.key} is a super administrator: this needs the role super_admin")


def _role_of(extension: str, book: Reader) -> str:
    user = book.entry("users", extension)
    return str(user.body.get("role") or "user") if user is not None else "user"


def _anybody(viewer: Viewer, change: _Change, book: Reader) -> None:
    """Users and managers: what is their own, what they look after, and the executives whom they manage."""
    match change.kind:
        case "users" if change.key == viewer.extension:
            _own_entry(change)
        case "users":
            _user_of_site(viewer, change, book)
        case "phones":
            _phone_of_site(viewer, change, book)
        case "groups" | "services" if change.key in viewer.offices:
            _own_office(change)
        case "executives":
            _executive_entry(viewer, change, book)
        case _:
            raise _missing("user_admin", change)


def _missing(role: str, change: _Change) -> Refused:
    return Refused(403, f"to change {_WORDS.get(change.kind, change.kind.replace('_', ' '))} {change.key}".rstrip() + f" you need the role {role}")


def _own_entry(change: _Change) -> None:
    if not change.edits:
        raise _missing("user_admin", change)
    assert change.before is not None
    if not change.before.get("self_service", True):
        raise Refused(403, "your entry is not open to self-service: ask an administrator")
    _only(SELF_SERVICE, change, "of your own entry")


def _only(fields: frozenset[str], change: _Change, whose: str) -> None:
    more = sorted(change.fields - fields)
    if more:
        raise Refused(403, f"{', '.join(more)} needs the role user_admin; {whose} you may change {', '.join(sorted(fields))}")


def _user_of_site(viewer: Viewer, change: _Change, book: Reader) -> None:
    """The manager of a site: its users, and no rights."""
    bodies = [body for body in (change.before, change.after) if body is not None]
    if not viewer.sites or any(body.get("location") not in viewer.sites for body in bodies):
        raise Refused(403, f"to change user {change.key} you need the role user_admin, or to be the manager of the site where they are and will be")
    _peer(viewer, change, book)
    rights = sorted(ADMINISTRATORS_ONLY & change.fields)
    if rights:
        raise Refused(403, f"to change {' and '.join(rights)} of {change.key} you need the role user_admin")
    allotment.check(viewer, change.key, change.before, change.after, book.directory)


def _peer(viewer: Viewer, change: _Change, book: Reader) -> None:
    """Whoever may do more than the viewer is none of theirs to change: who sets an e-mail or a password gets at what it opens."""
    before = change.before or {}
    if before.get("role", "user") != "user":
        raise Refused(403, f"{change.key} is an administrator: this needs the role user_admin")
    manages = before.get("manages") or {}
    sites = {*(manages.get("sites") or ()), *_managed_by(change.key, book, "sites")}
    offices = {*(manages.get("groups") or ()), *_managed_by(change.key, book, "groups", "services")}
    if not (sites <= viewer.sites and offices <= viewer.offices):
        raise Refused(403, f"{change.key} manages more than you do: this needs the role user_admin")


def _managed_by(extension: str, book: Reader, *kinds: str) -> list[str]:
    """The sites, or groups and services, whose entries name somebody as their manager."""
    return [entry.key for kind in kinds for entry in book.entries(kind).values() if extension in (entry.body.get("managers") or ())]


def _phone_of_site(viewer: Viewer, change: _Change, book: Reader) -> None:
    for body in (change.before, change.after):
        if body is not None and not _phone_is_wholly_at(viewer, body, book):
            raise Refused(403, f"to change phone {change.key} you need the role user_admin, or to be the manager of its site and of its user's")


def _phone_is_wholly_at(viewer: Viewer, body: Body, book: Reader) -> bool:
    """Its site and its user's, as far as it has them: nobody takes a phone, or gives one, across their own border."""
    site, user = body.get("site"), body.get("user")
    places = [] if site is None else [str(site)]
    if user is not None:
        places.append(_site_of(str(user), book) or "")
    return bool(places) and viewer.sites.issuperset(places)


def _own_office(change: _Change) -> None:
    if not change.edits:
        raise _missing("user_admin", change)
    _only(OFFICE_FIELDS[change.kind], change, f"as the manager of {change.key}")


def _executive_entry(viewer: Viewer, change: _Change, book: Reader) -> None:
    """The executive, an assistant with `manage`, or an assistant who answers whether they accept."""
    if not change.edits:
        raise _missing("user_admin", change)
    assert change.before is not None
    assert change.after is not None
    if change.key == viewer.extension:
        user = book.entry("users", change.key)
        if user is not None and not user.body.get("self_service", True):
            raise Refused(403, "your entry is not open to self-service: ask an administrator")
        return
    if assistants.is_answer(viewer, change.before, change.after):
        return
    if change.key not in viewer.manages:
        raise Refused(403, f"to change executive {change.key} you need the right 'manage' for {change.key}, or the role user_admin")
    hidden = sorted(PRIVATE_FIELDS & change.fields)
    if hidden:
        raise _may_not_name(change.kind, change.key, hidden)
    assistants.check_managed(viewer, change.key, change.before, change.after)
