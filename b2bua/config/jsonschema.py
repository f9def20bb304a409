"""The schema of an entry as JSON Schema, for the API's description and for forms."""

from __future__ import annotations

import copy
import functools
from typing import Any

from pydantic import TypeAdapter

from b2bua.config.canonical import KINDS, MODELS, SHAPES
from b2bua.config.located import NAMED
from b2bua.config.markers import inlined


def json_schema(kind: str) -> dict[str, Any]:
    """Of an entry of this kind, every section within it written out; `description` completes "write …". Secrets are `writeOnly`."""
    return copy.deepcopy(_schema(kind))


@functools.cache
def _schema(kind: str) -> dict[str, Any]:
    if kind in NAMED:
        value = _tidy(inlined(TypeAdapter(SHAPES[kind]).json_schema()))
        return {"type": "object", "properties": {"value": value}, "required": ["value"], "additionalProperties": False}
    found: dict[str, Any] = _tidy(inlined(MODELS[kind].model_json_schema()))
    if kind == "organisation":
        for other in KINDS[1:]:
            found["properties"].pop(other, None)
    return found


def _tidy(node: Any) -> Any:
    """Without the titles that repeat the names, and with secrets as such."""
    if isinstance(node, list):
        return [_tidy(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: _tidy(value) for key, value in node.items() if key != "title" or not isinstance(value, str)}
    if found.pop("secret", False) is True:
        found["writeOnly"] = True
    return found
