"""The catalogue of sounds: what can be played, by name.

=====================  ==============================================  ==========================================
names                  where they come from                            an operator's own, in ``media.sounds``
=====================  ==============================================  ==========================================
``music``, ``parked``  WAV files in ``b2bua/media/sounds``, made by    ``music.wav``, ``parked.wav``
                       ``tools/make_sounds.py``
``digit:7``            the same: ``digit-7.wav``                       ``digit-7.wav``
``tone:busy``          computed here                                   ``tone-busy.wav``
=====================  ==============================================  ==========================================

A file of the operator takes the place of the sound of its name. One that cannot be used is told, and the shipped sound stays.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

SHIPPED: Final = Path(__file__).parent / "sounds"
NARROW: Final = 8_000
WIDE: Final = 16_000
MAX_SECONDS: Final = 600
"""Of one file."""
MAX_BYTES: Final = 64 << 20
"""Of all sounds together, as 16-bit mono."""
_PCM: Final = 1
_EXTENSIBLE: Final = 0xFFFE
_UNKNOWN_SIZE: Final = 0x7FFFF000
"""What programs write, or more, when they cannot go back to the header; some write 0."""
_MAX_FILE: Final = MAX_SECONDS * WIDE * 4 + 65_536
"""Bytes of a file of `MAX_SECONDS` in stereo, and of what else may stand in it."""

_TEXTS: Final = {
    "parked": "The call is parked on",
    "park_occupied": "That parking slot is occupied.",
    "not_allowed": "You are not allowed to do that.",
    "nobody": "There is no such call.",
    "taken": "The call has been taken.",
    "private": "This call is private.",
    "unavailable": "The person you called is not available.",
    "note": "You have a message from your assistant about this call.",
    "accept": "Press 1 to accept, 2 for later, 3 to take a message.",
    "conference_alone": "You are the first in this conference.",
    "conference_pin": "Please enter the PIN, followed by hash.",
    "moderator_waiting": "Please wait for the moderator.",
    "joined": "Someone has joined.",
    "left": "Someone has left.",
    "muted": "You are muted.",
    "unmuted": "You are no longer muted.",
}
_DIGITS: Final = {
    "0": "zero",
    "1": "one",
    "2": "two",
    "3": "three",
    "4": "four",
    "5": "five",
    "6": "six",
    "7": "seven",
    "8": "eight",
    "9": "nine",
    "*": "star",
    "#": "hash",
}
SPOKEN: Final[Mapping[str, str]] = _TEXTS | {
    f"digit:{word if sign in '*#' else sign}": word for sign, word in _DIGITS.items()
}
"""What each spoken sound says."""
MUSIC: Final = "music"


class Note(NamedTuple):
    """A part of a tone."""

    seconds: float
    hertz: tuple[float, ...] = ()
    """() for silence."""


_PEAK: Final = 5_000
"""Of all frequencies of a note together: -16 dBFS."""
_RAMP_SECONDS: Final = 0.005
_BEEP: Final = Note(0.12, (1400,))
_TONES: Final[Mapping[str, tuple[Note, ...]]] = {
    # ITU-T E.180 for the first two; they are meant to be looped.
    "tone:ringback": (Note(1, (425,)), Note(4)),
    "tone:busy": (Note(0.5, (425,)), Note(0.5)),
    "tone:beep": (_BEEP, Note(0.08), _BEEP),
    "tone:confirm": (Note(0.1, (660,)), Note(0.02), Note(0.15, (880,))),
    "tone:error": (Note(0.15, (480, 620)), Note(0.1), Note(0.15, (480, 620)), Note(0.1), Note(0.3, (480, 620))),
    "tone:splash": (Note(0.5, (440, 480)),),
}

NAMES: Final = frozenset({MUSIC, *SPOKEN, *_TONES})
"""Every sound there is."""


class Sound(NamedTuple):
    """16-bit mono samples, in the byte order of this machine, of 8 kHz or of 16 kHz; the other is empty: the engine makes it."""

    narrow: bytes = b""
    wide: bytes = b""

    @property
    def seconds(self) -> float:
        return len(self.narrow) / 2 / NARROW if self.narrow else len(self.wide) / 2 / WIDE


class Catalogue(NamedTuple):
    """The sounds by name, and what is wrong with the operator's files: ``FILE: what is wrong, what to do``."""

    sounds: Mapping[str, Sound]
    problems: tuple[str, ...] = ()


class _Format(NamedTuple):
    channels: int
    rate: int


class SoundError(Exception):
    """A file that cannot be used; the text names it and says why and what to do."""


def spoken(keys: str) -> tuple[str, ...]:
    """The names of the sounds that say these keys (0-9, *, #) one by one; others are left out."""
    return tuple(f"digit:{_DIGITS[key] if key in '*#' else key}" for key in keys if key in _DIGITS)


def file_name(name: str) -> str:
    """``digit:7`` is in ``digit-7.wav``."""
    return f"{name.replace(':', '-')}.wav"


def catalogue(folder: Path | None = None, shipped: Path = SHIPPED) -> Catalogue:
    """All sounds; those in `folder` instead of the shipped ones. Raises `SoundError` when a shipped one is broken or missing."""
    sounds = {name: tone(notes) for name, notes in _TONES.items()}
    sounds |= {name: read_wav(shipped / file_name(name)) for name in (MUSIC, *SPOKEN)}
    problems: list[str] = []
    if folder is not None:
        _read_folder(folder, sounds, problems)
    return Catalogue(sounds, tuple(problems))


def _read_folder(folder: Path, sounds: dict[str, Sound], problems: list[str]) -> None:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".wav")
    except OSError as error:
        problems.append(f"{folder}: {error.strerror}; make this folder or leave media.sounds out")
        return
    for path in paths:
        try:
            _replace(path, sounds)
        except SoundError as error:
            problems.append(str(error))


def _replace(path: Path, sounds: dict[str, Sound]) -> None:
    names = {file_name(name): name for name in NAMES}
    if path.name not in names:
        raise SoundError(f"{path}: no sound has this name; there are {', '.join(sorted(names))}")
    name, sound = names[path.name], read_wav(path)
    if _size((sounds | {name: sound}).values()) > MAX_BYTES:
        raise SoundError(f"{path}: all sounds together would have more than {MAX_BYTES >> 20} MB; use shorter ones, or 8 kHz")
    sounds[name] = sound


def _size(sounds: Iterable[Sound]) -> int:
    return sum(len(sound.narrow) + len(sound.wide) for sound in sounds)


def read_wav(path: Path) -> Sound:
    """16-bit PCM of 8 or 16 kHz, mono, or stereo (which becomes mono). Raises `SoundError`."""
    content = _content(path)
    try:
        form, data = _parse(content)
    except ValueError as error:
        raise SoundError(f"{path}: {error}; convert it, for example: sox INPUT -r 16000 -c 1 -b 16 {path.name}") from None
    samples = array("h", data)
    if sys.byteorder == "big":
        samples.byteswap()
    if form.channels == 2:
        samples = array("h", [(left + right) >> 1 for left, right in zip(samples[::2], samples[1::2], strict=True)])
    return Sound(narrow=samples.tobytes()) if form.rate == NARROW else Sound(wide=samples.tobytes())


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise SoundError(f"{path}: not a file" if path.exists() else f"{path}: is missing")
        with path.open("rb") as file:
            content = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise SoundError(f"{path}: {error.strerror}") from None
    if len(content) > _MAX_FILE:
        raise SoundError(f"{path}: longer than {MAX_SECONDS // 60} minutes; make it shorter")
    return content


def _parse(content: bytes) -> tuple[_Format, bytes]:
    """The chunks of a RIFF file that matter. Raises ValueError."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError("not a WAV file")
    form, at = None, 12
    while at + 8 <= len(content):
        kind, size = struct.unpack_from("<4sI", content, at)
        if kind == b"fmt ":
            form = _format(content[at + 8 : at + 8 + size])
        elif kind == b"data" and form is not None:
            return form, _data(form, content[at + 8 :], size)
        at += 8 + size + size % 2
    raise ValueError("not a whole WAV file: it has no sound")


def _format(chunk: bytes) -> _Format:
    """What is in the chunk "fmt ". Raises ValueError when it is not ours."""
    if len(chunk) < 16:
        raise ValueError("not a whole WAV file: it is cut off")
    coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if coding == _EXTENSIBLE and len(chunk) >= 26:
        (coding,) = struct.unpack_from("<H", chunk, 24)
    if coding != _PCM or bits != 16:
        raise ValueError("not 16-bit PCM" if coding != _PCM else f"{bits} bits a sample instead of 16")
    if channels not in (1, 2):
        raise ValueError(f"{channels} channels instead of 1 or 2")
    if rate not in (NARROW, WIDE):
        raise ValueError(f"{rate} Hz instead of {NARROW} or {WIDE}")
    return _Format(channels, rate)


def _data(form: _Format, rest: bytes, size: int) -> bytes:
    """The samples, whole frames only. A program that wrote into a pipe could not say how many they are. Raises ValueError."""
    frame = 2 * form.channels
    if size == 0 or size >= _UNKNOWN_SIZE:
        size = len(rest)
    elif size > len(rest):
        raise ValueError("cut off: the header promises more than there is")
    frames = size // frame
    if frames < form.rate // NARROW:
        raise ValueError("no sound in it")
    if frames > MAX_SECONDS * form.rate:
        raise ValueError(f"longer than {MAX_SECONDS // 60} minutes")
    return rest[: frames * frame]


def tone(notes: Iterable[Note]) -> Sound:
    """The notes one after the other at 8 kHz, each fading in and out within 5 ms."""
    samples = array("h")
    for note in notes:
        count, ramp = round(note.seconds * NARROW), round(_RAMP_SECONDS * NARROW)
        for n in range(count):
            gain = min(1, (n + 1) / ramp, (count - n) / ramp) * _PEAK / max(1, len(note.hertz))
            samples.append(round(gain * sum(math.sin(2 * math.pi * hertz * n / NARROW) for hertz in note.hertz)))
    return Sound(narrow=samples.tobytes())
