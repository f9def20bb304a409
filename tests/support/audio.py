"""Tones: written for a phone to say, and looked for in what another phone has recorded.

Levels are in dB relative to full scale (0 dBFS: a full-scale sine). The Goertzel algorithm measures one frequency in a window;
G.711 adds noise at about -38 dB relative to the tone, which bounds what "absent" can mean.
"""

from __future__ import annotations

import array
import math
import struct
import sys
import wave
from collections.abc import Callable, Sequence
from heapq import nlargest
from operator import mul
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


def write_tone(path: Path, hertz: int, seconds: float = 60.0, rate: int = RATE, channels: int = 1) -> Path:
    """A WAV file of 16 bits with a sine tone at `SAID` dBFS, the same in all channels."""
    peak = 32767 * 10 ** (SAID / 20)
    each = [round(peak * math.sin(2 * math.pi * hertz * index / rate)) for index in range(rate)]  # repeats every second
    period = [sample for sample in each for _ in range(channels)]
    samples = array.array("h", period * math.ceil(seconds))
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return path


def read(path: Path) -> array.array[int]:
    """The samples of a 16-bit WAV file, also of one that is still being written (whose header does not know its length yet).

    Of more channels than one the first; of a higher rate every so many samples, since nobody here says anything above 4 kHz.
    """
    data = path.read_bytes() if path.exists() else b""
    start = data.find(b"data")
    samples = array.array("h")
    if start >= 0:
        body = data[start + 8 :]
        samples.frombytes(body[: len(body) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    channels, rate = struct.unpack_from("<HI", data, data.find(b"fmt ") + 10) if samples else (1, RATE)
    return samples[:: channels * rate // RATE]


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


def windows_of(path: Path, hertz: int) -> int:
    """In how many windows of the recording the tone is more than the noise of G.711; two are transients."""
    return sum(found > ABSENT for found in levels(read(path), hertz))


def loudest(path: Path) -> float:
    """dBFS (effective value) of the loudest window of the recording."""
    samples, size = read(path), int(RATE * WINDOW)
    parts = (samples[start : start + size] for start in range(0, len(samples) - size + 1, size))
    power = max((sum(map(mul, part, part)) / size for part in parts), default=0.0)
    return 10 * math.log10(power) - 20 * math.log10(32767) if power > 0 else -120.0


def longest_gap(path: Path, hertz: int, step: float = 0.02) -> float:
    """Seconds of the longest time without the tone between its first and its last appearance, in steps of one packet."""
    samples, size = read(path), int(RATE * step)
    present = [level(samples[start : start + size], hertz) > PRESENT for start in range(0, len(samples) - size + 1, size)]
    if True not in present:
        return math.inf
    gap = longest = 0
    for each in present[present.index(True) :]:
        longest, gap = (max(longest, gap), 0) if each else (longest, gap + 1)
    return longest * step


SOUNDS = Path(__file__).resolve().parents[2] / "b2bua" / "media" / "sounds"
"""The shipped sounds, at the rate of everything here."""
_PATTERN = 0.12
_PATTERN_WITHIN = 1.0
_COARSE, _CANDIDATES = 5, 5
"""First every fifth sample at every place, then all of them at the best places."""


class SoundHeard:
    """Looks for the beginning of a shipped sound in a recording that grows: for the loudest part of its first second."""

    def __init__(self, path: Callable[[], Path], sound: str) -> None:
        self._path = path
        self._size = size = int(RATE * _PATTERN)
        wanted = read(SOUNDS / f"{sound}.wav")
        starts = range(0, int(RATE * _PATTERN_WITHIN) - size, size // 4)
        pattern = max((wanted[start : start + size] for start in starts), key=lambda part: sum(map(mul, part, part)))
        self._patterns = {every: (pattern[::every], math.hypot(*pattern[::every])) for every in (1, _COARSE)}
        self._looked = 0

    def __call__(self) -> float:
        """How well it is found in what is new: the highest normalised correlation; 1: it is there."""
        samples = read(self._path())
        places = range(self._looked, len(samples) - self._size)
        self._looked = max(self._looked, len(samples) - self._size)
        best = nlargest(_CANDIDATES, places, key=lambda place: self._alike(samples, place, _COARSE))
        return max((self._alike(samples, place, 1) for place in best), default=0.0)

    def _alike(self, samples: array.array[int], place: int, every: int) -> float:
        """The normalised correlation at one place; nothing is like silence."""
        part, (pattern, norm) = samples[place : place + self._size : every], self._patterns[every]
        power = math.sqrt(sum(map(mul, part, part)))
        return sum(map(mul, part, pattern)) / power / norm if power > len(part) else 0.0


def heard_sound(path: Path, sound: str) -> float:
    """How well the beginning of a shipped sound is found in the recording: 1: it is there."""
    return SoundHeard(lambda: path, sound)()


def wait_heard(path: Callable[[], Path], hertz: int, seconds: float = 1.0) -> None:
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
