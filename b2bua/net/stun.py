"""STUN binding requests, the keep-alive of phones behind a NAT on UDP (RFC 5626 §4.4.2, RFC 5389 §6, §15.2)."""

from __future__ import annotations

import socket
import struct
from typing import Final

MAGIC: Final = b"\x21\x12\xa4\x42"
_HEADER = struct.Struct("!HH4s12s")
_BINDING_REQUEST: Final = 0x0001
_BINDING_SUCCESS: Final = 0x0101
_XOR_MAPPED_ADDRESS: Final = 0x0020


def binding_response(data: bytes, remote: tuple[str, int]) -> bytes | None:
    """The answer to a binding request from `remote` (IP literal, port); None when `data` is none."""
    if len(data) < _HEADER.size:
        return None
    kind, length, magic, transaction = _HEADER.unpack_from(data)
    if kind != _BINDING_REQUEST or magic != MAGIC or length != len(data) - _HEADER.size:
        return None
    host, port = remote
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    address = socket.inet_pton(family, host.partition("%")[0])
    mask = MAGIC + transaction
    masked = bytes(a ^ b for a, b in zip(address, mask, strict=False))
    value = struct.pack("!BBH", 0, 2 if family == socket.AF_INET6 else 1, port ^ 0x2112) + masked
    attribute = struct.pack("!HH", _XOR_MAPPED_ADDRESS, len(value)) + value
    return _HEADER.pack(_BINDING_SUCCESS, len(attribute), MAGIC, transaction) + attribute
