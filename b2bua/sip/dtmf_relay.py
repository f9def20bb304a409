"""Keys in INFO requests: ``application/dtmf-relay`` and ``application/dtmf``, which no RFC describes and most phones send."""

from __future__ import annotations

import re
from typing import Final

from b2bua.sip.values import SipError

RELAY: Final = "application/dtmf-relay"
PLAIN: Final = "application/dtmf"

_USUAL_MS: Final = 160
"""How long a key is said to have been pressed."""
_MOST_KEYS: Final = 32  # a phone sends one or a few
_LONGEST_BODY: Final = 1024
_KEYS = re.compile(r"[0-9*#A-D]{1,32}")
_SIGNAL = re.compile(r"[ \t]*signal[ \t]*=[ \t]*([0-9A-Za-z*#]{1,32})[ \t]*", re.IGNORECASE)
_EVENTS: Final = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
"""Some phones write the number of the event (RFC 4733 §3.2)."""
_FLASH: Final = frozenset({"16", "HF", "FLASH", "HOOKFLASH"})


def keys(content_type: str, body: bytes) -> str:
    """The keys in the body of an INFO: 0-9, *, #, A-D, in order; "" for a hook flash, which is none.

    Raises `SipError`: 415 for a body of another type, 400 for one without keys.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (RELAY, PLAIN):
        raise SipError(415, "Unsupported Media Type")
    if len(body) > _LONGEST_BODY:
        raise SipError(400, "Bad DTMF Body")
    text = body.decode("latin-1")
    found = _signals(text) if "=" in text else _plain(text)
    if found is None or len(found) > _MOST_KEYS:
        raise SipError(400, "Bad DTMF Body")
    return found


def relay_body(key: str) -> bytes:
    """One key as ``application/dtmf-relay``."""
    if len(key) != 1 or _KEYS.fullmatch(key) is None:
        raise ValueError(f"{key!r} is no key")
    return f"Signal={key}\r\nDuration={_USUAL_MS}\r\n".encode()


def _plain(text: str) -> str | None:
    """Keys and nothing else; white space does not count."""
    found = "".join(text.split()).upper()
    if found in _FLASH and found != "16":  # without "Signal=" that is the keys 1 and 6
        return ""
    return found if _KEYS.fullmatch(found) is not None else None


def _signals(text: str) -> str | None:
    """The Signal lines; a duration says nothing to anybody, and what else is written there neither."""
    signals = [match[1].upper() for line in re.split("[\r\n]+", text) if (match := _SIGNAL.fullmatch(line)) is not None]
    found = ["" if signal in _FLASH else _EVENTS.get(signal, signal) for signal in signals]
    if not found or not all(signal == "" or _KEYS.fullmatch(signal) for signal in found):
        return None
    return "".join(found)
