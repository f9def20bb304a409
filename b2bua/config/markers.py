"""What a field of the schema says of itself beside its type: what it holds, how it is written in JSON, and how it is described there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import GetJsonSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema


class Holds:
    """``Annotated[Any, Holds(AlertingEntry)]``: the value is read by itself, so that what is wrong in it hides nothing; this is its type."""

    def __init__(self, shape: Any) -> None:
        self.shape = shape

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        most = {key: value for key, value in handler(core).items() if key in ("maxItems", "maxProperties")}
        return {**inlined(TypeAdapter(self.shape).json_schema()), **most}


class As:
    """How a value is written in a canonical entry. `convert` raises nothing and leaves alone what it cannot read."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        self.convert = convert


class Json:
    """What the JSON Schema says beside what pydantic knows; `only`: instead of it."""

    def __init__(self, *, only: bool = False, **words: Any) -> None:
        self._only = only
        self._words = words

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self._words) if self._only else {**handler(core), **self._words}


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema without ``$ref``: each part stands where it is meant. No part of the directory's schema holds itself."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})

    def written_out(node: Any) -> Any:
        if isinstance(node, list):
            return [written_out(each) for each in node]
        if not isinstance(node, dict):
            return node
        rest = {key: written_out(value) for key, value in node.items() if key not in ("$ref", "$defs")}
        name = node.get("$ref")
        return rest if name is None else {**written_out(definitions[name.rpartition("/")[2]]), **rest}

    found: dict[str, Any] = written_out(dict(schema))
    return found
