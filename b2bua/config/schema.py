"""Reads pydantic models from located YAML and says what is wrong in the words of the file: place, key, what, what instead.

Every field has a description that completes "write ...". Values are quoted in a problem unless the field is secret.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from b2bua.config.yamltree import Map, Where, dotted, line_of
from b2bua.errors import Problem

SECRET: Final[dict[str, JsonValue]] = {"secret": True}
"""`json_schema_extra` of fields whose value is never shown."""


class Section(BaseModel):
    """Base of every part of a configuration file: immutable, unknown keys refused, no infinities."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


AnySection = TypeVar("AnySection", bound=Section)


class Guesses:
    """What may have been meant, among thousands of words, where that takes milliseconds: each word is looked up once, and only so many.

    It holds on to words only: what it is asked about is large and shall go when nobody needs it any more.
    """

    MOST: Final = 200
    """Words looked up for one file; where more are wrong, no guess helps."""

    def __init__(self) -> None:
        self._left = self.MOST
        self.asked = 0
        """How often; what was said then depends on all the words there were."""
        self._made: dict[tuple[str, str], str] = {}

    def closest(self, word: str, what: str, words: Iterable[str]) -> str:
        """The same as the function, `words` being all those of the kind `what`."""
        return self.once(word, what, lambda: closest(word, list(words)))

    def once(self, word: str, what: str, guess: Callable[[], str], *, cost: int = 1) -> str:
        """What `guess` says about `word` as one of the kind `what`; `cost`: as how many words it counts."""
        self.asked += 1
        key = (what, word)
        if key not in self._made:
            if self._left < cost:
                return ""
            self._left -= cost
            self._made[key] = guess()
        return self._made[key]


@dataclass
class Report:
    """Collects the findings about one file."""

    file: str
    tree: Map
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    guesses: Guesses = field(default_factory=Guesses)

    @property
    def findings(self) -> int:
        """How many there are so far."""
        return len(self.problems) + len(self.warnings)

    def entry(self, kind: str, index: int, item: object) -> Where:
        """Where an entry of a list stands; `item` is what was written."""
        return (kind, index)

    def line(self, where: Where) -> int:
        """The line of a place."""
        return line_of(self.tree, where)

    def beside(self, where: Where) -> str:
        """`` on line 12``: where a second place is, for a finding that names it."""
        return f" on line {self.line(where)}"

    def key(self, where: Where) -> str:
        """The path of a second place."""
        return dotted(where)

    def error(self, where: Where, text: str) -> None:
        """Something that stops the start."""
        self.problems.append(self._problem(where, text))

    def warn(self, where: Where, text: str) -> None:
        """Something that is allowed but probably not meant."""
        self.warnings.append(self._problem(where, text))

    def _problem(self, where: Where, text: str) -> Problem:
        return Problem(self.file, line_of(self.tree, where), dotted(where), text)


def read_section(
    model: type[AnySection], data: object, where: Where, report: Report, stand_in: Mapping[str, object] = MappingProxyType({})
) -> tuple[AnySection | None, frozenset[str]]:
    """The section at `where`, and its keys that were wrong.

    Wrong keys are reported and stand at their defaults, so that the checks of everything else still run; required keys stand at
    the values of `stand_in`. None when a required key without one is missing or wrong, or when `data` is no mapping.
    """
    try:
        return model.model_validate(data), frozenset()
    except ValidationError as error:
        details = _innermost(error.errors(include_url=False))
    for detail in details:
        place = (*where, *_place(detail["loc"]))
        report.error(place, _explain(model, detail))
    broken = frozenset(str(detail["loc"][0]) for detail in details if detail["loc"])
    if not isinstance(data, dict):
        return None, broken
    known = {key: value for key, value in data.items() if key not in broken}
    try:
        return model.model_validate({key: stand_in[key] for key in broken & stand_in.keys()} | known), broken
    except ValidationError:
        return None, broken  # a required key is missing or wrong, which has been reported above


def read_part(model: type[AnySection], data: object, where: Where, report: Report) -> tuple[AnySection, frozenset[str]]:
    """The same for a section without required keys: one that cannot be read at all stands at its defaults, every key wrong."""
    section, broken = read_section(model, data, where, report)
    return (model(), frozenset(model.model_fields)) if section is None else (section, broken)


def closest(word: str, words: list[str]) -> str:
    """`` (did you mean `x`?)`` when one of `words` is close to `word`, else ""."""
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"; did you mean `{found[0]}`?" if found else ""


def shape(value: object) -> str:
    """What kind of thing `value` is, without showing it: it may hold a password."""
    if value is None:
        return "nothing"
    return "keys with values" if isinstance(value, dict) else "a list" if isinstance(value, list) else "text"


def quoted(value: object) -> str:
    """A value as it may stand in a message: short, on one line."""
    if not isinstance(value, str):
        return shape(value)
    text = repr(value)
    return text if len(text) <= 42 else f"{text[:40]}…'"


def _innermost(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the errors that only follow from one further inside, such as a list that is too short without its wrong item."""
    places = [detail["loc"] for detail in details]
    return [d for d in details if not any(len(place) > len(d["loc"]) and place[: len(d["loc"])] == d["loc"] for place in places)]


def _place(loc: tuple[str | int, ...]) -> Where:
    return tuple(part for part in loc if part != "[key]")


def _explain(model: type[Section], detail: ErrorDetails) -> str:
    kind, loc, value = detail["type"], _place(detail["loc"]), detail["input"]
    if kind == "extra_forbidden":
        return _unknown_key(model, loc)
    known = _field_at(model, loc)
    instead = known.description if known and known.description else f"keys such as {', '.join(list(model.model_fields)[:3])}"
    if kind == "missing":
        return f"is missing; write {instead}"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "too_long":
        return f"has {len(value)} entries; write at most {detail['ctx']['max_length']}"
    if known and known.json_schema_extra == SECRET:
        return f"cannot be used; write {instead}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"is {shape(value)}, not keys with values; write {instead}"
    if kind in ("list_type", "tuple_type"):
        return f"is {shape(value)}, not a list; write {instead}"
    return f"is {quoted(value)}; write {instead}"


def _unknown_key(model: type[Section], loc: Where) -> str:
    parent = _model_at(model, loc[:-1])
    names = [known.alias or name for name, known in parent.model_fields.items()] if parent else []
    guess = closest(str(loc[-1]), names)
    return f"is no key of this section{guess}" if guess else f"is no key of this section; write one of {', '.join(names)}"


def _field_at(model: type[Section], loc: Where) -> FieldInfo | None:
    """The field that the last name in `loc` means."""
    here: type[BaseModel] | None = model
    found: FieldInfo | None = None
    for part in loc:
        fields = here.model_fields if here else {}
        if isinstance(part, int):
            continue
        known = next((info for name, info in fields.items() if part in (name, info.alias)), None)
        if known is None:
            return found
        found, here = known, _model_in(known.annotation)
    return found


def _model_at(model: type[Section], loc: Where) -> type[BaseModel] | None:
    found = _field_at(model, loc) if loc else None
    return _model_in(found.annotation) if found else model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside ``Model | None``, ``tuple[Model, ...]`` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, tuple, list, Annotated):
        return next((model for part in get_args(annotation) if (model := _model_in(part))), None)
    return None
