"""A directory as YAML that people read and edit: short entries on one line, numbers that are names in quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from b2bua.config.canonical import KINDS, MODELS

WIDTH: Final = 132
"""Characters of a line; what is longer is written over several, as far as it can be."""
_WORD: Final = re.compile(r"[A-Za-z_\u00c0-\u024f][A-Za-z0-9_\u00c0-\u024f.@+ \-]*(?<! )")
_SPECIAL: Final = frozenset("true false yes no on off y n null".split())
"""Words that YAML, or what people read it with, takes for something else than text."""
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def write_yaml(tree: Mapping[str, Any]) -> str:
    """The file of a canonical tree; reading it gives the same tree."""
    order = [*(name for name in MODELS["organisation"].model_fields if name not in KINDS[1:]), *KINDS[1:]]
    lines: list[str] = []
    for key in (*(each for each in order if each in tree), *(each for each in tree if each not in order)):
        if key in KINDS[1:] and lines:
            lines.append("")
        lines += _pair(key, tree[key], "", flow=key not in KINDS[1:])
    return "".join(f"{line}\n" for line in lines)


def _pair(key: str, value: Any, indent: str, *, flow: bool = True) -> Iterator[str]:
    """``key: value``, on one line where that is short and `flow` allows it."""
    name = f"{indent}{_scalar(key)}:"
    line = f"{name} {_flow(value)}"
    if not value or not isinstance(value, Mapping | list) or (flow and len(line) <= WIDTH):
        yield line
    else:
        yield name
        yield from _block(value, f"{indent}  ")


def _block(value: Mapping[str, Any] | list[Any], indent: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _pair(str(key), each, indent)
        return
    for each in value:
        line = f"{indent}- {_flow(each)}"
        if len(line) <= WIDTH or not each or not isinstance(each, Mapping | list):
            yield line
        else:
            first, *rest = _block(each, f"{indent}  ")
            yield f"{indent}- {first.lstrip(' ')}"
            yield from rest


def _flow(value: Any) -> str:
    """On one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    if _WORD.fullmatch(text) and text.lower() not in _SPECIAL:
        return text
    return '"' + "".join(map(_character, text)) + '"'


def _character(each: str) -> str:
    """As it may stand between double quotes."""
    if each in _ESCAPES:
        return _ESCAPES[each]
    if each == " " or each.isprintable():
        return each
    code = ord(each)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
