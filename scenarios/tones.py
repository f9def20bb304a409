"""Keys as tones in the sound (ITU-T Q.23), for a phone that has no telephone events: what SIPp plays from a file."""

from __future__ import annotations

import math
from typing import Final

RATE: Final = 8000
KEY_SECONDS: Final = 0.1
"""How long a tone lasts, and the pause after it."""
_LOW, _HIGH = (697, 770, 852, 941), (1209, 1336, 1477)
_KEYS: Final = ("123", "456", "789", "*0#")
_PEAK: Final = 6000
_BIAS, _CLIP = 33 << 2, 32635


def keys(pressed: str) -> bytes:
    """The keys one after the other, as PCMU (ITU-T G.711), 8,000 bytes a second."""
    silence = bytes([encode(0)]) * int(KEY_SECONDS * RATE)
    return b"".join(_tone(key) + silence for key in pressed)


def _tone(key: str) -> bytes:
    row = next(index for index, line in enumerate(_KEYS) if key in line)
    pair = (_LOW[row], _HIGH[_KEYS[row].index(key)])
    steps = [2 * math.pi * hertz / RATE for hertz in pair]
    return bytes(encode(round(sum(_PEAK * math.sin(step * at) for step in steps))) for at in range(int(KEY_SECONDS * RATE)))


def encode(sample: int) -> int:
    """One sample of 16 bits as a byte of PCMU."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> exponent + 3 & 0x0F) & 0xFF
