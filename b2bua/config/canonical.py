"""One way to write an entry of the directory: what a file, an API body, a spreadsheet and a database row say the same, compares equal.

A canonical entry is JSON: only the keys that were written, in the order of the schema, numbers and booleans as such, extensions and
numbers as text. What the schema refuses is left as it was written, for `check_tree` to say so.
"""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin

from pydantic import Field

from b2bua.config.executives import ExecutiveEntry
from b2bua.config.located import KEY_FIELDS, NAMED
from b2bua.config.markers import As, Holds
from b2bua.config.offices import DutyEntry, GroupEntry, ServiceEntry
from b2bua.config.people import Heading, UserEntry
from b2bua.config.places import RoomEntry
from b2bua.config.resources import CostCentreEntry, PhoneEntry, SiteEntry
from b2bua.config.schedules import ScheduleEntry
from b2bua.config.schema import SECRET, Section
from b2bua.config.values import MOST_NAMES
from b2bua.delegation.digests import digests_of

__all__ = ["KEY_FIELDS", "KINDS", "MODELS", "NAMED", "SECRET_FIELDS", "SHAPES", "canonical", "canonical_tree", "secrets_to_digests"]

KINDS: Final = (
    "organisation", "sites", "cost_centres", "schedules", "caller_groups", "users", "phones", "executives", "groups", "services",
    "duty_profiles", "conferences",
)  # fmt: skip
"""The kinds of entries, in the order in which a file lists them: what is named stands before who names it."""
MODELS: Final[Mapping[str, type[Section]]] = {
    "organisation": Heading,
    "sites": SiteEntry,
    "cost_centres": CostCentreEntry,
    "users": UserEntry,
    "phones": PhoneEntry,
    "executives": ExecutiveEntry,
    "groups": GroupEntry,
    "services": ServiceEntry,
    "duty_profiles": DutyEntry,
    "conferences": RoomEntry,
}
SHAPES: Final[Mapping[str, Any]] = {"schedules": ScheduleEntry, "caller_groups": Annotated[list[str], Field(max_length=MOST_NAMES)]}
"""What a named entry's value is."""
SECRET_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    kind: found
    for kind, model in MODELS.items()
    if (found := frozenset(name for name, field in model.model_fields.items() if field.json_schema_extra == SECRET))
}
"""By kind: the fields that no answer, log or audit row shows."""

Convert = Callable[[Any], Any]


def canonical(kind: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """The entry `item` of this kind; raises nothing. A null that says the same as no key is left out."""
    if kind in NAMED:
        value = _converter(SHAPES[kind])(item.get("value"))
        return {"value": value, **{key: _plain(each) for key, each in item.items() if key != "value"}}
    found: dict[str, Any] = _section(MODELS[kind], item)
    return found


def canonical_tree(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The same for every entry of a whole file."""
    found = canonical("organisation", {key: value for key, value in tree.items() if key not in KINDS[1:]})
    for kind in KINDS[1:]:
        part = tree.get(kind)
        if kind in NAMED and isinstance(part, Mapping):
            found[kind] = {name: canonical(kind, {"value": value})["value"] for name, value in part.items()}
        elif isinstance(part, list | tuple):
            found[kind] = [canonical(kind, item) if isinstance(item, Mapping) else item for item in part]
        elif part is not None:
            found[kind] = part
    return found


def secrets_to_digests(body: Mapping[str, Any], domain: str, lines: Iterable[str] = ()) -> dict[str, Any]:
    """The entry of a user, of whose password only the digests are left: those of the extension and of the delegated `lines`.

    They take the place of digests that were there. A password that cannot be one stays, and is refused by the check.
    """
    extension, password = body.get("extension"), body.get("password")
    if not isinstance(extension, str) or not isinstance(password, str) or not 0 < len(password) <= _LONGEST_PASSWORD:
        return dict(body)
    digests = digests_of((extension, *lines), domain, password)
    kept = {key: value for key, value in body.items() if key not in ("password", "digest")}
    return canonical("users", {**kept, "digest": {name: each._asdict() for name, each in digests.items()}})


_LONGEST_PASSWORD: Final = 256


# --- how each field is written --------------------------------------------------------------------------------------------------


class _Field(NamedTuple):
    name: str
    convert: Convert
    null: bool
    """Whether null is what no key means."""


@functools.cache
def _fields(model: type[Section]) -> tuple[_Field, ...]:
    return tuple(
        _Field(field.alias or name, _converter(field.annotation, field.metadata), field.default is None)
        for name, field in model.model_fields.items()
    )


def _section(model: type[Section], value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value if value is None else _plain(value)
    found: dict[str, Any] = {}
    for name, convert, null in _fields(model):
        if name in value:
            written = value[name]
            if written is not None:
                found[name] = convert(written)
            elif not null:
                found[name] = None
    if len(found) < len(value):
        known = {field.name for field in _fields(model)}
        found.update((key, _plain(each)) for key, each in value.items() if key not in known)
    return found


def _converter(annotation: Any, metadata: Iterable[Any] = ()) -> Convert:
    """How a value of this type is written."""
    for marker in metadata:
        if isinstance(marker, As):
            return marker.convert
        if isinstance(marker, Holds):
            return _converter(marker.shape)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _converter(arguments[0], annotation.__metadata__)
    if origin in (Union, types.UnionType):
        return _either([each for each in arguments if each is not type(None)])
    if origin in (list, tuple):
        return functools.partial(_listed, _converter(arguments[0]))
    if origin is dict:
        return functools.partial(_mapped, _converter(arguments[1]))
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return functools.partial(_section, annotation)
    return {bool: _flag, int: _number, float: _number}.get(annotation, _plain)


def _either(shapes: list[Any]) -> Convert:
    """A bare extension, or a mapping with more."""
    if len(shapes) == 1:
        return _converter(shapes[0])
    section = next((each for each in shapes if isinstance(each, type) and issubclass(each, Section)), None)
    return _plain if section is None else functools.partial(_section, section)


def _listed(convert: Convert, value: Any) -> Any:
    return [convert(each) for each in value] if isinstance(value, list | tuple) else _plain(value)


def _mapped(convert: Convert, value: Any) -> Any:
    return {str(key): convert(each) for key, each in value.items()} if isinstance(value, Mapping) else _plain(value)


def _plain(value: Any) -> Any:
    """The same, without the lines of a file."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


_FLAGS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
"""What the schema reads as a boolean."""


def _flag(value: Any) -> Any:
    if isinstance(value, str):
        return _FLAGS.get(value.lower(), value)
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else _plain(value)


def _number(value: Any) -> Any:
    """15, 15.0, "15" and "15.0" are the same."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _plain(value)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return value
    if not math.isfinite(number) or (isinstance(value, str) and "_" in value):
        return value
    return int(number) if number.is_integer() and abs(number) < _EXACT else number if isinstance(value, str) else value


_EXACT: Final = 2**53
