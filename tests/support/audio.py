"""Tones: written for a phone to say, and looked for in what another phone has recorded.

Levels are in dB relative to full scale (0 dBFS: a full-scale sine). The Goertzel algorithm measures one frequency in a window;
G.711 adds noise at about -38 dB relative to the tone, which bounds what "absent" can mean.
"""

from __future__ import annotations

import array
import math
import sys
import wave
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.network import wait_for

RATE = 8000
"""Samples per second of everything here."""
SAID = -12.0
"""Level of the tones that phones say."""
PRESENT = -20.0
ABSENT = -40.0
WINDOW = 0.2
"""Seconds of one measurement."""
TONES = (440, 620, 850, 1130, 1490, 1930)
"""Frequencies far apart, none a harmonic of another."""


def write_tone(path: Path, hertz: int, seconds: float = 60.0) -> Path:
    """A mono WAV file of 16 bits with a sine tone at `SAID` dBFS."""
    peak = 32767 * 10 ** (SAID / 20)
    period = [round(peak * math.sin(2 * math.pi * hertz * index / RATE)) for index in range(RATE)]  # repeats every second
    samples = array.array("h", period * math.ceil(seconds))
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return path


def read(path: Path) -> array.array[int]:
    """The samples of a mono 16-bit WAV file, also of one that is still being written (whose header does not know its length yet)."""
    data = path.read_bytes() if path.exists() else b""
    start = data.find(b"data")
    samples = array.array("h")
    if start >= 0:
        body = data[start + 8 :]
        samples.frombytes(body[: len(body) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def level(samples: Sequence[int], hertz: int) -> float:
    """How strong the frequency is in these samples, in dBFS (never below -120)."""
    if not samples:
        return -120.0
    factor = 2 * math.cos(2 * math.pi * hertz / RATE)
    last = before = 0.0
    for sample in samples:
        last, before = sample + factor * last - before, last
    power = last * last + before * before - factor * last * before
    amplitude = 2 * math.sqrt(max(power, 0.0)) / len(samples) / 32767
    return max(20 * math.log10(amplitude) if amplitude > 0 else -120.0, -120.0)


def levels(samples: Sequence[int], hertz: int) -> list[float]:
    """The level in every whole window of the recording."""
    size = int(RATE * WINDOW)
    return [level(samples[start : start + size], hertz) for start in range(0, len(samples) - size + 1, size)]


def heard(path: Path, hertz: int) -> float:
    """Seconds of the recording in which the tone is present."""
    return sum(found > PRESENT for found in levels(read(path), hertz)) * WINDOW


def wait_heard(path: Callable[[], Path], hertz: int, seconds: float = 0.8) -> None:
    """Until the recording (whose name may not be known yet) has this much of the tone."""
    wait_for(lambda: heard(path(), hertz) >= seconds, f"{seconds:g} s of {hertz} Hz; {describe(path())}")


def describe(path: Path) -> str:
    """Seconds of each tone in the recording, for messages."""
    samples = read(path)
    return f"{path.name}, {len(samples) / RATE:.1f} s: " + ", ".join(f"{hertz} Hz {heard(path, hertz):.1f} s" for hertz in TONES)


def assert_hears(path: Path, wanted: int, seconds: float = 0.6) -> None:
    """The recording has `wanted` for at least `seconds`, at the level at which it was said, and none of the other tones."""
    found = levels(read(path), wanted)
    clear = [each for each in found if abs(each - SAID) < 3]
    if len(clear) * WINDOW < seconds:
        raise AssertionError(
            f"{wanted} Hz at {SAID:g} dBFS not heard for {seconds:g} s: {[round(each) for each in found]}; {describe(path)}"
        )
    assert_silent_of(path, *(hertz for hertz in TONES if hertz != wanted))


def assert_silent_of(path: Path, *tones: int) -> None:
    """None of these tones is anywhere in the recording (two windows of transients apart)."""
    samples = read(path)
    for hertz in tones:
        loud = [each for each in levels(samples, hertz) if each > ABSENT]
        if len(loud) > 2:
            raise AssertionError(f"{hertz} Hz should not be heard: {[round(each) for each in loud]} dBFS; {describe(path)}")
