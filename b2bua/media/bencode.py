"""Bencode, the notation of rtpengine's ng protocol: integers, byte strings, lists, dictionaries.

Keys of dictionaries are text here. rtpengine neither sorts them nor wants them sorted; what is read is read the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Value = int | bytes | list["Value"] | dict[str, "Value"]
"""What a decoded text is made of."""
Encodable = int | bytes | str | Sequence["Encodable"] | Mapping[str, "Encodable"]
"""What can be written; text is written as UTF-8."""

_INTEGER = re.compile(rb"i(0|-?[1-9][0-9]{0,18})e")
_LENGTH = re.compile(rb"(0|[1-9][0-9]{0,8}):")
_DEEPEST = 32
"""Lists and dictionaries within each other; the replies of rtpengine have 7."""


class BencodeError(ValueError):
    """The data is not bencode."""


def encode(value: Encodable) -> bytes:
    """The value as bencode."""
    parts: list[bytes] = []
    _write(value, parts)
    return b"".join(parts)


def _write(value: Encodable, parts: list[bytes]) -> None:
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        parts.append(b"%d:%b" % (len(value), value))
    elif isinstance(value, int):
        parts.append(b"i%de" % value)
    elif isinstance(value, Mapping):
        parts.append(b"d")
        for key, item in value.items():
            _write(key, parts)
            _write(item, parts)
        parts.append(b"e")
    else:
        parts.append(b"l")
        for item in value:
            _write(item, parts)
        parts.append(b"e")


def decode(data: bytes) -> Value:
    """The one value that the data is. Raises `BencodeError` for anything else, however odd."""
    value, end = _read(data, 0, 0)
    if end != len(data):
        raise BencodeError(f"{len(data) - end} bytes after the end")
    return value


def _read(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    """The value that starts there, and where it ends."""
    kind = data[at : at + 1]
    if kind == b"i":
        number = _INTEGER.match(data, at)
        if number is None:
            raise BencodeError(f"no integer at {at}")
        return int(number[1]), number.end()
    if kind == b"l":
        return _read_list(data, at + 1, _deeper(depth))
    if kind == b"d":
        return _read_dictionary(data, at + 1, _deeper(depth))
    return _read_string(data, at)


def _deeper(depth: int) -> int:
    if depth >= _DEEPEST:
        raise BencodeError("too deep")
    return depth + 1


def _read_string(data: bytes, at: int) -> tuple[bytes, int]:
    length = _LENGTH.match(data, at)
    if length is None:
        raise BencodeError(f"no value at {at}")
    end = length.end() + int(length[1])
    if end > len(data):
        raise BencodeError(f"the string at {at} is cut off")
    return data[length.end() : end], end


def _read_list(data: bytes, at: int, depth: int) -> tuple[list[Value], int]:
    items: list[Value] = []
    while data[at : at + 1] != b"e":
        item, at = _read(data, at, depth)
        items.append(item)
    return items, at + 1


def _read_dictionary(data: bytes, at: int, depth: int) -> tuple[dict[str, Value], int]:
    items: dict[str, Value] = {}
    while data[at : at + 1] != b"e":
        key, at = _read_string(data, at)
        items[key.decode("utf-8", "surrogateescape")], at = _read(data, at, depth)
    return items, at + 1
