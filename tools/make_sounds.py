#!/usr/bin/env python3
"""Makes the sounds that are shipped: speech by espeak-ng (Debian), music computed here. Needs nothing else.

    python tools/make_sounds.py [NAME ...]      all, or only these, into b2bua/media/sounds

The results are committed: WAV, 8 kHz, mono, 16 bits. What is said stands in `b2bua.media.prompts.SPOKEN`.
"""

from __future__ import annotations

import io
import math
import subprocess
import sys
import wave
from array import array
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from b2bua.media.prompts import MUSIC, NARROW, SHIPPED, SPOKEN, file_name  # noqa: E402 - works without being installed

VOICE = ["-v", "en-us", "-s", "150", "-p", "45", "-a", "100"]
SPEECH_LEVEL = -21.0
"""dBFS, root mean square of what is not silence."""
MUSIC_LEVEL = -27.0
PEAK = 0.7
"""Of full scale, at most."""
FILTER = 24
"""Zero crossings of the low-pass on each side."""
CUT_OFF = 3_600.0


def main(names: Sequence[str]) -> None:
    """Make the named sounds, or all."""
    SHIPPED.mkdir(exist_ok=True)
    for name in names or (MUSIC, *SPOKEN):
        samples = music() if name == MUSIC else speech(SPOKEN[name])
        write(SHIPPED / file_name(name), samples)
        sys.stdout.write(f"{file_name(name)}: {len(samples) / NARROW:.1f} s\n")
    sys.stdout.write(f"{sum(path.stat().st_size for path in SHIPPED.glob('*.wav')):,} bytes in all\n")


def write(path: Path, samples: Sequence[float]) -> None:
    """Samples of -1 to 1."""
    data = array("h", [round(32767 * sample) for sample in samples])
    if sys.byteorder == "big":
        data.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, NARROW, 0, "NONE", ""))
        file.writeframes(data.tobytes())


def levelled(samples: Sequence[float], decibels: float) -> list[float]:
    """At this level where there is sound, but with no peak above `PEAK`."""
    loudest = max(map(abs, samples))
    pieces = [samples[at : at + 160] for at in range(0, len(samples), 160)]
    powers = [sum(sample * sample for sample in piece) / len(piece) for piece in pieces]
    heard = [power for power in powers if power > (loudest / 100) ** 2]
    gain = 10 ** (decibels / 20) / math.sqrt(sum(heard) / len(heard))
    gain = min(gain, PEAK / loudest)
    return [gain * sample for sample in samples]


# ---- speech ----


def speech(text: str) -> list[float]:
    """What espeak-ng says, at 8 kHz."""
    spoken = subprocess.run(["espeak-ng", *VOICE, "--stdout", text], capture_output=True, check=True).stdout  # noqa: S603, S607
    with wave.open(io.BytesIO(spoken)) as file:
        samples = array("h", file.readframes(file.getnframes() if file.getnframes() < 1 << 24 else 1 << 24))
        rate = file.getframerate()
    if sys.byteorder == "big":
        samples.byteswap()
    return levelled(trimmed(slower([sample / 32768 for sample in samples], rate)), SPEECH_LEVEL)


def slower(samples: Sequence[float], rate: int) -> list[float]:
    """At 8 kHz: each new sample out of the old ones around it, by a windowed sinc."""
    reach = math.ceil(FILTER * rate / (2 * CUT_OFF))
    made = []
    for n in range(len(samples) * NARROW // rate):
        middle = n * rate / NARROW
        first, last = max(0, math.ceil(middle - reach)), min(len(samples) - 1, math.floor(middle + reach))
        made.append(sum(samples[at] * low_pass(at - middle, rate, reach) for at in range(first, last + 1)))
    return made


def low_pass(distance: float, rate: int, reach: int) -> float:
    """The weight of a sample so far from the new one (Hamming window)."""
    bandwidth = 2 * CUT_OFF / rate
    angle = math.pi * bandwidth * distance
    sinc = math.sin(angle) / angle if angle else 1.0
    return bandwidth * sinc * (0.54 + 0.46 * math.cos(math.pi * distance / reach))


def trimmed(samples: Sequence[float]) -> list[float]:
    """Without the silence around it but for a short breath, fading in and out."""
    least = max(map(abs, samples)) / 150
    loud = [n for n, sample in enumerate(samples) if abs(sample) > least]
    kept = list(samples[max(0, loud[0] - 160) : loud[-1] + 320])
    for n in range(80):
        kept[n] *= n / 80
        kept[-1 - n] *= n / 80
    return kept + [0.0] * 800


# ---- music ----

BEAT = 0.5
"""Seconds."""
BARS = (
    # chord (MIDI notes, lowest first), and its melody: (beat, note, beats)
    ((48, 55, 64, 67, 71), ((0, 76, 2), (2, 79, 1), (3, 74, 2))),
    ((45, 52, 60, 64, 67), ((1, 72, 2), (3, 71, 1))),
    ((53, 57, 60, 64, 69), ((0, 69, 3), (3, 72, 1))),
    ((55, 59, 62, 64, 69), ((0, 74, 2), (2, 71, 2))),
    ((52, 55, 62, 67, 71), ((0, 79, 1), (1, 78, 1), (2, 74, 2))),
    ((45, 55, 60, 64, 72), ((0, 76, 3), (3, 72, 1))),
    ((50, 57, 60, 65, 69), ((0, 77, 1), (1, 76, 1), (2, 72, 2))),
    ((55, 60, 62, 65, 69), ((0, 74, 2), (2, 67, 2))),
)
ROUNDS = 2
FIGURE = (0, 2, 3, 4, 2, 3, 4, 3)
"""Which note of the chord sounds on each half beat."""
SECONDS = ROUNDS * len(BARS) * 4 * BEAT


def music() -> list[float]:
    """A calm piece in C of 32 s. What sounds on after the end sounds into the beginning, so it may be looped."""
    line = [0.0] * round(SECONDS * NARROW)
    for number in range(ROUNDS * len(BARS)):
        chord, melody = BARS[number % len(BARS)]
        start = number * 4 * BEAT
        for note in chord[1:]:
            pad(line, start, note)
        for step, place in enumerate(FIGURE):
            pluck(line, start + step * BEAT / 2, chord[place] + 12, 0.30, 1.1)
        pluck(line, start, chord[0] + 12, 0.55, 2.0)
        if number >= len(BARS):  # the melody joins in the second round
            for beat, note, beats in melody:
                pluck(line, start + beat * BEAT, note, 0.55, 0.6 + 0.5 * beats * BEAT)
    return levelled(with_echo(line), MUSIC_LEVEL)


def hertz(note: int) -> float:
    """Of a MIDI note."""
    return 440 * 2 ** ((note - 69) / 12)


def pluck(line: list[float], start: float, note: int, loudness: float, seconds: float) -> None:
    """Like an electric piano: three partials, the higher ones gone sooner."""
    frequency = 2 * math.pi * hertz(note) / NARROW
    first, count = round(start * NARROW), round(3 * seconds * NARROW)
    for n in range(count):
        decay = math.exp(-3 * n / (seconds * NARROW)) * min(1, n / 60) * min(1, (count - n) / 400)
        tone = math.sin(frequency * n) + 0.35 * decay * math.sin(2 * frequency * n) + 0.2 * decay**3 * math.sin(4 * frequency * n)
        line[(first + n) % len(line)] += loudness * decay * tone


def pad(line: list[float], start: float, note: int) -> None:
    """Like strings far away: two voices slightly apart, swelling and going over a bar and a half."""
    first, count = round(start * NARROW), round(6 * BEAT * NARROW)
    frequency = 2 * math.pi * hertz(note) / NARROW
    for n in range(count):
        swell = math.sin(math.pi * n / count) ** 2
        line[(first + n) % len(line)] += 0.07 * swell * (math.sin(0.998 * frequency * n) + math.sin(1.002 * frequency * n))


def with_echo(line: Sequence[float]) -> list[float]:
    """Two echoes, a beat and a half apart, round the end into the beginning."""
    delay = round(1.5 * BEAT * NARROW)
    return [
        sample + 0.25 * line[(n - delay) % len(line)] + 0.08 * line[(n - 2 * delay) % len(line)] for n, sample in enumerate(line)
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
