"""YAML as plain data that remembers its lines.

Only what a configuration needs: mappings with scalar keys, sequences, scalars, anchors. A scalar stays the text that was
written (or None when it is empty, ``~`` or ``null``), so that the extension ``0667`` keeps its zero and ``on`` in a name stays
``on``; turning text into numbers and booleans is the schema's business. Nothing is ever constructed from a tag. Files, nesting
and the expansion of aliases are bounded, so that a hostile file costs no more than reading it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from b2bua.errors import ConfigError, Problem

MAX_BYTES: Final = 32 << 20
MAX_DEPTH: Final = 32
MAX_NODES: Final = 4_000_000
"""Nodes after aliases are expanded; 10,000 users, 1,000 executives and 50 criteria for each are about a million."""

WHOLE_FILE: Final = "(file)"
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_Loader: Final[type[Any]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Where = tuple[str | int, ...]
"""A place in the tree: keys and indexes from the root."""


class Map(dict[str, Any]):
    """A mapping; `line` is where it begins (1-based), `lines` where each key stands."""

    __slots__ = ("line", "lines", "size")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}
        self.size = 1


class Seq(list[Any]):
    """A sequence; `line` is where it begins, `lines` where each item stands."""

    __slots__ = ("line", "lines", "size")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []
        self.size = 1


def dotted(path: Where) -> str:
    """``("executives", 0, "assistants", 3)`` as ``executives[0].assistants[3]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or WHOLE_FILE


def line_of(tree: object, path: Where) -> int:
    """The line of the deepest part of `path` that is in the file."""
    line = tree.line if isinstance(tree, (Map, Seq)) else 1
    node = tree
    for part in path:
        if isinstance(node, Map) and isinstance(part, str) and part in node.lines:
            line, node = node.lines[part], node.get(part)
        elif isinstance(node, Seq) and isinstance(part, int) and part < len(node):
            line, node = node.lines[part], node[part]
        else:
            break
    return line


def read(path: Path, problems: list[Problem]) -> Map:
    """The mapping in the file `path`.

    Adds what is wrong but leaves the rest readable (duplicate keys, tags) to `problems`; raises ConfigError when the file cannot
    be read at all.
    """
    shown = str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _hopeless(shown, 1, f"is larger than {MAX_BYTES >> 20} MiB; write a smaller file")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _hopeless(shown, 1, f"cannot be read ({error.strerror}); write it, or correct the path") from error
    except UnicodeDecodeError as error:
        raise _hopeless(shown, 1, f"is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    try:
        tree = _Reader(shown, problems).document(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = f"is not YAML: {error.problem or error.context}"
        raise _hopeless(shown, mark.line + 1 if mark else 1, f"{what}; check indentation, quotes and brackets here") from error
    except yaml.YAMLError as error:  # a character that YAML does not allow; its text quotes the character only
        raise _hopeless(shown, 1, "is not YAML: it contains a control character; remove it") from error
    if tree is None:
        return Map(1)
    if not isinstance(tree, Map):
        raise _hopeless(shown, 1, "must be keys with values; write `key: value` lines")
    return tree


def _hopeless(file: str, line: int, text: str) -> ConfigError:
    return ConfigError((Problem(file, line, WHOLE_FILE, text),))


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


class _Reader:
    """Builds the tree from parser events, without recursion."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self._anchors: dict[str, Any] = {}
        self._open: list[Map | Seq] = []
        self._keys: list[str | None] = []
        """For each open mapping, the key whose value comes next; None when a key comes next."""
        self._labels: list[str | int] = []
        """For each open node, its key or index in the one around it."""
        self._root: Any = None
        self._documents = 0

    def document(self, events: Iterator[yaml.Event]) -> Any:
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._start(event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._end()
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._documents += 1
                if self._documents > 1:
                    raise _hopeless(self._file, _line(event), "has a second document; remove the `---` line")
        return self._root

    def _scalar(self, event: Any) -> None:
        line = _line(event)
        self._refuse_tag(event, line)
        value = None if event.implicit[0] and not event.style and event.value in _NULL else event.value
        if event.anchor:
            self._anchors[event.anchor] = value
        self._put(value, line, 1)

    def _start(self, event: Any) -> None:
        line = _line(event)
        self._refuse_tag(event, line)
        if len(self._open) >= MAX_DEPTH:
            raise _hopeless(self._file, line, f"is nested more than {MAX_DEPTH} deep; write it flatter")
        self._refuse_as_key(line)
        node: Map | Seq = Map(line) if isinstance(event, yaml.MappingStartEvent) else Seq(line)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._labels.append(self._label())
        self._put(node, line, 0)
        self._open.append(node)
        self._keys.append(None)

    def _end(self) -> None:
        node = self._open.pop()
        self._keys.pop()
        self._labels.pop()
        if self._open:
            self._grow(self._open[-1], node.size, node.line)

    def _alias(self, event: Any) -> None:
        line = _line(event)
        if event.anchor not in self._anchors:
            raise _hopeless(self._file, line, f"uses *{event.anchor}, which is not defined above; write &{event.anchor} first")
        node = self._anchors[event.anchor]
        if any(node is parent for parent in self._open):
            raise _hopeless(self._file, line, f"uses *{event.anchor} inside itself; write the values out")
        if isinstance(node, (Map, Seq)):
            self._refuse_as_key(line)
        self._put(node, line, node.size if isinstance(node, (Map, Seq)) else 1)

    def _put(self, value: Any, line: int, size: int) -> None:
        if not self._open:
            self._root = value
            return
        parent = self._open[-1]
        self._grow(parent, size, line)
        if isinstance(parent, Seq):
            parent.append(value)
            parent.lines.append(line)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = key = "null" if value is None else str(value)
            self._key(parent, key, line)
            return
        self._keys[-1] = None
        parent.setdefault(key, value)

    def _key(self, parent: Map, key: str, line: int) -> None:
        if key in parent.lines:
            text = f"stands here a second time, first on line {parent.lines[key]}; remove one of the two"
            self._problems.append(Problem(self._file, line, dotted((*self._here(), key)), text))
            return
        parent.lines[key] = line

    def _here(self) -> Where:
        """Where the innermost open node is."""
        return tuple(self._labels[1:])

    def _label(self) -> str | int:
        """The key or index of the node that comes next."""
        if not self._open:
            return ""
        parent = self._open[-1]
        return len(parent) if isinstance(parent, Seq) else self._keys[-1] or ""

    def _refuse_as_key(self, line: int) -> None:
        """For a list or mapping that comes next."""
        if self._open and isinstance(self._open[-1], Map) and self._keys[-1] is None:
            raise _hopeless(self._file, line, "uses a list or mapping as a key; write a word as the key")

    def _grow(self, parent: Map | Seq, size: int, line: int) -> None:
        parent.size += size
        if parent.size > MAX_NODES:
            raise _hopeless(self._file, line, f"has more than {MAX_NODES} values when its aliases are expanded; write fewer")

    def _refuse_tag(self, event: Any, line: int) -> None:
        if event.tag is not None and event.tag != "!":
            where = dotted((*self._here(), self._label())) if self._open else WHOLE_FILE
            self._problems.append(Problem(self._file, line, where, "has a YAML tag; remove the word that begins with !"))
