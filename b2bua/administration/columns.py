"""The columns of a sheet of users: one for each leaf of the entries of ``users`` and ``executives``, made from the schema.

What the schema gets new therefore has a column at once. A cell is text: lists are separated by ``;``, and what holds a separator or begins
or ends with a blank stands in double quotes, as JSON writes them. `written` and `read` are each other's inverse.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeVar

from b2bua.administration.entries import SECRETS
from b2bua.config.jsonschema import json_schema

_T = TypeVar("_T")

Shape = Literal["text", "number", "switch", "list", "any", "json", "assistants", "assistant_of"]
Holder = Literal["users", "executives"]
CLEAR: Final = "-"
"""A cell that takes away what is there; an empty one leaves it."""
KEY: Final = "extension"
EXECUTIVE: Final = "executive"
ASSISTANTS: Final = "assistants"
ASSISTANT_OF: Final = "assistant_of"
PASSWORD: Final = "password"  # noqa: S105 - the name of a column
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_NAMED = re.compile(r'("(?:[^"\\]|\\.)*"|[^()"]+)(?:\((.*)\))?', re.DOTALL)
ASSISTANTS_HINT: Final = "extensions in ring order, such as 676; 677(rights=receive|call, ring_seconds=15)"
ASSISTANT_OF_HINT: Final = "the executives' extensions, such as 667; 668(rights=receive|call, place=1)"


class Column(NamedTuple):
    """One column."""

    name: str
    holder: Holder
    path: tuple[str, ...]
    """In the body of the entry."""
    shape: Shape
    hint: str
    """Completes "write …"."""

    @property
    def secret(self) -> bool:
        return self.path[:1] == (PASSWORD,)


@functools.cache
def columns() -> Mapping[str, Column]:
    """Every column by its name, in the order in which they are exported."""
    users = list(_leaves("users", ()))
    taken = {column.name for column in users}
    bosses = [
        column._replace(name=f"{EXECUTIVE}.{column.name}") if column.name in taken else column
        for column in _leaves("executives", ())
        if column.path != (KEY,)
    ]
    marks = [Column(EXECUTIVE, "executives", (), "switch", "true or false: whether this user is an executive")]
    work = [Column(ASSISTANT_OF, "executives", (), "assistant_of", ASSISTANT_OF_HINT)]
    return {column.name: column for column in (*users, *marks, *bosses, *work)}


@functools.cache
def known() -> Mapping[str, Column]:
    """The same by what a header may say, in small letters: those of executives also with ``executive.`` before them."""
    found = {column.name.lower(): column for column in columns().values()}
    for column in columns().values():
        if column.holder == "executives" and column.path:
            found.setdefault(f"{EXECUTIVE}.{'.'.join(column.path)}".lower(), column)
    return found


def exported() -> Sequence[Column]:
    """Those that can be read back without contradicting each other, and that hold no secret."""
    return [column for column in columns().values() if not column.secret and column.shape != "assistant_of"]


def _leaves(holder: Holder, path: tuple[str, ...], schema: Mapping[str, Any] | None = None) -> Iterator[Column]:
    schema = json_schema(holder) if schema is None else schema
    for name, part in schema["properties"].items():
        here = (*path, name)
        if not path and name in SECRETS and name != PASSWORD:
            continue
        if not path and (holder, name) == ("executives", ASSISTANTS):
            yield Column(name, holder, here, "assistants", ASSISTANTS_HINT)
        elif _is_section(part):
            yield from _leaves(holder, here, part)
        else:
            yield Column(".".join(here), holder, here, shape_of(part), str(part.get("description", "")))


def _is_section(schema: Mapping[str, Any]) -> bool:
    return bool(schema.get("properties")) and not isinstance(schema.get("additionalProperties"), Mapping)


def shape_of(schema: Mapping[str, Any]) -> Shape:
    """How a value of this JSON Schema is written in a cell."""
    branches = [each for each in schema.get("anyOf") or schema.get("oneOf") or [schema] if each.get("type") != "null"]
    kinds = {each.get("type") for each in branches}
    if kinds == {"boolean"}:
        return "switch"
    if kinds <= {"number", "integer"}:
        return "number"
    if kinds == {"array"} and len(branches) == 1:
        return "list" if shape_of(branches[0].get("items") or {}) == "text" else "json"
    if kinds == {"string"} or (len(branches) == 1 and ("enum" in branches[0] or "const" in branches[0])):
        return "text"
    return "json" if kinds == {"object"} else "any"


@functools.cache
def options() -> Mapping[str, Shape]:
    """What may stand in brackets after an assistant's extension."""
    items = json_schema("executives")["properties"][ASSISTANTS]["items"]
    entry = next(each for each in (items.get("anyOf") or items.get("oneOf") or [items]) if "properties" in each)
    return {name: shape_of(part) for name, part in entry["properties"].items() if name != KEY}


# --- values as text -----------------------------------------------------------------------------------------------------------


def written(shape: Shape, value: Any) -> str:
    """The value as a cell; "" for none."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number(value)
        case str() if shape in ("text", "any"):
            return _quoted(value, value[:1] in '{["' if shape == "any" else value[:1] == '"')
        case str():
            return _quoted(value, value[:1] in '{["')
        case [*items] if shape == "assistants":
            return "; ".join(_named(item) for item in items)
        case [*items] if shape == "list" and all(isinstance(item, str) for item in items):
            return "; ".join(_quoted(item, item[:1] in '["' or ";" in item or '"' in item) for item in items)
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)


def _quoted(text: str, special: bool) -> str:
    plain = text and not special and text == text.strip() and "\n" not in text and "\r" not in text
    return text if plain else json.dumps(text, ensure_ascii=False)


_SPECIAL: Final = frozenset(';,()|="')


def _word(text: str) -> str:
    return _quoted(text, not _SPECIAL.isdisjoint(text))


def _named(item: Any) -> str:
    """An assistant: the extension, and in brackets what is not the default."""
    if isinstance(item, str):
        return _word(item)
    found = [f"{key}={_option(value)}" for key, value in item.items() if key != KEY and value is not None]
    return f"{_word(str(item[KEY]))}({', '.join(found)})" if found else _word(str(item[KEY]))


def _option(value: Any) -> str:
    match value:
        case bool() | int() | float():
            return written("number", value)
        case [*items]:
            return "|".join(_word(str(item)) for item in items)
    return _word(str(value))


# --- text as values -----------------------------------------------------------------------------------------------------------


def read(shape: Shape, text: str) -> Any:
    """The value of a cell that is neither empty nor `CLEAR`. What the schema can say better stays text. Raises ValueError with what is
    wrong and what to write instead."""
    return _READERS[shape](text.strip())


def _read_text(text: str) -> str:
    """In double quotes, where it begins or ends with a blank."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            found = json.loads(text)
        except ValueError:
            return text
        if isinstance(found, str):
            return _clean(found)
    return text


def _read_number(text: str) -> int | float | str:
    plain = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    if not _NUMBER.fullmatch(plain):
        return text
    return float(plain) if "." in plain else int(plain)


def _read_switch(text: str) -> bool | str:
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else text


def _read_list(text: str) -> Any:
    if text.startswith("["):
        return _read_json(text)
    return [_read_text(part) for part in split(text, ";", brackets=False) if part]


def _read_json(text: str) -> Any:
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ValueError("is no JSON; write it as it was exported, with quotes around every word") from None
    return _clean(found)


def _no_number(_word: str) -> None:
    raise ValueError


def _clean(found: _T) -> _T:
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("contains half a character; write the whole text") from None
    return found


def _read_any(text: str) -> Any:
    return _read_json(text) if text[:1] in ("{", "[") else _read_text(text)


def _read_assistants(text: str) -> list[Any]:
    return [_assistant(part, options()) for part in split(text, ";") if part]


def _read_assistant_of(text: str) -> list[Any]:
    return [_assistant(part, {**options(), "place": "number"}) for part in split(text, ";") if part]


def _assistant(text: str, allowed: Mapping[str, Shape]) -> str | dict[str, Any]:
    """``676`` or ``676(rights=receive|call, ring_seconds=15)``."""
    match = _NAMED.fullmatch(text)
    if match is None:
        raise ValueError(f"has {_shown(text)}, which cannot be read; write {ASSISTANTS_HINT}")
    extension = _read_text(match[1].strip())
    if match[2] is None:
        return extension
    found: dict[str, Any] = {KEY: extension}
    for part in split(match[2], ","):
        key, equals, value = part.partition("=")
        key = key.strip().lower()
        if not equals or key not in allowed or key in found:
            raise ValueError(f"has {_shown(part)} in brackets; write some of {', '.join(allowed)}, each once, with = and a value")
        found[key] = _read_option(allowed[key], value.strip())
    return found


def _read_option(shape: Shape, text: str) -> Any:
    return [_read_text(part) for part in split(text, "|") if part] if shape == "list" else read(shape, text)


_READERS: Final[Mapping[Shape, Callable[[str], Any]]] = {
    "text": _read_text,
    "number": _read_number,
    "switch": _read_switch,
    "list": _read_list,
    "json": _read_json,
    "any": _read_any,
    "assistants": _read_assistants,
    "assistant_of": _read_assistant_of,
}


def split(text: str, separator: str, *, brackets: bool = True) -> list[str]:
    """The parts, without blanks around them; separators in quotes, or in `brackets`, separate nothing. Raises ValueError."""
    parts, start, depth, quoted, skip = [], 0, 0, False, False
    for index, letter in enumerate(text):
        if skip:
            skip = False
        elif quoted:
            quoted, skip = letter != '"', letter == "\\"
        elif letter == '"':
            quoted = True
        elif brackets and letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == separator and depth <= 0:
            parts.append(text[start:index].strip())
            start = index + 1
    if quoted:
        raise ValueError("has a double quote without its second one; write both")
    parts.append(text[start:].strip())
    return parts


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
