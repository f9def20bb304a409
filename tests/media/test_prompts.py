"""The catalogue of sounds: every name is there, the operator's files take the place of the shipped ones, broken ones are told."""

from __future__ import annotations

import itertools
import math
import os
import random
import struct
import sys
import wave
from array import array
from pathlib import Path

import pytest

from b2bua.media import prompts
from b2bua.media.prompts import NAMES, SHIPPED, Sound, SoundError, catalogue, file_name, read_wav, spoken
from tests.support.audio import level

MAX_SHIPPED = 1_500_000
"""Bytes in the package."""


def wav(path: Path, samples: list[int], rate: int = 8000, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        if width == 2:
            file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
        else:
            file.writeframes(bytes(len(samples) * width))
    return path


def samples_of(sound: Sound) -> list[int]:
    return array("h", sound.narrow or sound.wide).tolist()


@pytest.fixture(scope="module", name="shipped")
def fixture_shipped() -> prompts.Catalogue:
    return catalogue()


# ---- what is shipped ----


def test_every_name_has_a_sound(shipped: prompts.Catalogue) -> None:
    assert shipped.sounds.keys() == NAMES
    assert not shipped.problems
    for name, sound in shipped.sounds.items():
        assert sound.narrow, name
        assert 0.2 < sound.seconds <= 40, name


def test_only_what_has_a_name_is_shipped() -> None:
    files = {path.name for path in SHIPPED.iterdir()}
    assert files == {file_name(name) for name in NAMES if not name.startswith("tone:")}
    assert sum((SHIPPED / name).stat().st_size for name in files) < MAX_SHIPPED


@pytest.mark.parametrize("name", sorted(name for name in NAMES if not name.startswith("tone:")))
def test_shipped_sounds_are_neither_too_loud_nor_too_quiet(shipped: prompts.Catalogue, name: str) -> None:
    samples = samples_of(shipped.sounds[name])
    power = sum(sample * sample for sample in samples) / len(samples) / 32767**2
    assert -32 < 10 * math.log10(power) < -18
    assert max(map(abs, samples)) < 0.75 * 32767


def test_music_may_be_looped(shipped: prompts.Catalogue) -> None:
    """The step from its end to its beginning is no greater than those within."""
    samples = samples_of(shipped.sounds["music"])
    steepest = max(abs(b - a) for a, b in itertools.pairwise(samples))
    assert abs(samples[0] - samples[-1]) < steepest
    assert 30 <= shipped.sounds["music"].seconds <= 40


def test_ringback_and_busy_are_those_of_e180(shipped: prompts.Catalogue) -> None:
    for name, on, off in (("tone:ringback", 1, 4), ("tone:busy", 0.5, 0.5)):
        samples = samples_of(shipped.sounds[name])
        assert len(samples) == (on + off) * 8000
        assert level(samples[: int(on * 8000)], 425) == pytest.approx(-16.3, abs=0.5)
        assert not any(samples[int(on * 8000) :])


def test_a_beep_is_two(shipped: prompts.Catalogue) -> None:
    samples = samples_of(shipped.sounds["tone:beep"])
    loud = [max(map(abs, samples[at : at + 80])) > 1000 for at in range(0, len(samples), 80)]
    assert sum(now and not before for before, now in zip([False, *loud], loud, strict=False)) == 2


@pytest.mark.parametrize("name", sorted(name for name in NAMES if name.startswith("tone:")))
def test_tones_do_not_click(shipped: prompts.Catalogue, name: str) -> None:
    samples = samples_of(shipped.sounds[name])
    assert abs(samples[0]) < 300
    assert abs(samples[-1]) < 300


def test_keys_are_said_one_by_one() -> None:
    assert spoken("70*#") == ("digit:7", "digit:0", "digit:star", "digit:hash")
    assert spoken("a-b") == ()
    assert set(spoken("0123456789*#")) <= NAMES


# ---- the operator's ----


def test_own_files_take_the_place_of_shipped_ones(tmp_path: Path, shipped: prompts.Catalogue) -> None:
    wav(tmp_path / "music.wav", [1, 2, 3])
    wav(tmp_path / "digit-7.wav", [7] * 16, rate=16000)
    wav(tmp_path / "tone-busy.wav", [5])
    (tmp_path / "README.txt").write_text("ours")
    found = catalogue(tmp_path)
    assert not found.problems
    assert found.sounds["music"] == Sound(narrow=array("h", [1, 2, 3]).tobytes())
    assert found.sounds["digit:7"] == Sound(wide=array("h", [7] * 16).tobytes())
    assert found.sounds["digit:7"].seconds == pytest.approx(0.001)
    assert samples_of(found.sounds["tone:busy"]) == [5]
    assert found.sounds["parked"] == shipped.sounds["parked"]


def test_stereo_becomes_mono(tmp_path: Path) -> None:
    path = wav(tmp_path / "music.wav", [100, 300, -32768, -32768, 32767, 32767, -1, 0], rate=16000, channels=2)
    assert samples_of(read_wav(path)) == [200, -32768, 32767, -1]


def test_what_programs_write_beside_the_sound(tmp_path: Path) -> None:
    """An extensible format (many editors), chunks before and after the sound, and no length (written into a pipe)."""
    extensible = struct.pack("<HHIIHHHHIH14s", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 4, 1, bytes(14))
    sound = struct.pack("<3h", 1, 2, 3)
    chunks = chunk(b"LIST", b"odd") + chunk(b"fmt ", extensible) + chunk(b"fact", bytes(4)) + chunk(b"data", sound) + chunk(b"id3 ", b"x")
    path = tmp_path / "music.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    assert samples_of(read_wav(path)) == [1, 2, 3]
    for size in (0, 0x7FFFF000, 0xFFFFFFFF):
        path.write_bytes(b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", extensible) + b"data" + struct.pack("<I", size) + sound)
        assert samples_of(read_wav(path)) == [1, 2, 3]


def chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


BROKEN = {
    "empty": (b"", "not a WAV file"),
    "text": (b"This is no sound at all.", "not a WAV file"),
    "mp3": (b"ID3\x03" + bytes(100), "not a WAV file"),
    "header only": (b"RIFF\0\0\0\0WAVE", "it has no sound"),
    "no format": (b"RIFF\0\0\0\0WAVE" + chunk(b"data", bytes(4)), "it has no sound"),
    "short format": (b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", bytes(8)) + chunk(b"data", bytes(4)), "cut off"),
}
FORMATS = {
    # coding, channels, rate, bits, bytes of sound
    "mu-law": ((7, 1, 8000, 8, 4), "not 16-bit PCM"),
    "float": ((3, 1, 8000, 32, 4), "not 16-bit PCM"),
    "24 bits": ((1, 1, 8000, 24, 6), "24 bits a sample instead of 16"),
    "8 bits": ((1, 1, 8000, 8, 4), "8 bits a sample instead of 16"),
    "no channel": ((1, 0, 8000, 16, 4), "0 channels instead of 1 or 2"),
    "surround": ((1, 6, 8000, 16, 12), "6 channels instead of 1 or 2"),
    "CD": ((1, 2, 44100, 16, 4), "44100 Hz instead of 8000 or 16000"),
    "no rate": ((1, 1, 0, 16, 4), "0 Hz instead of 8000 or 16000"),
    "nothing": ((1, 1, 8000, 16, 1), "no sound in it"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files_are_told(tmp_path: Path, case: str) -> None:
    content, why = BROKEN[case]
    refused(tmp_path, content, why)


@pytest.mark.parametrize("case", FORMATS)
def test_other_formats_are_told(tmp_path: Path, case: str) -> None:
    (coding, channels, rate, bits, size), why = FORMATS[case]
    header = struct.pack("<HHIIHH", coding, channels, rate, 0, 0, bits)
    refused(tmp_path, b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", header) + chunk(b"data", bytes(size)), why)


def test_a_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    whole = wav(tmp_path / "music.wav", [1] * 100).read_bytes()
    refused(tmp_path, whole[:-2], "cut off")


def refused(folder: Path, content: bytes, why: str) -> None:
    """The text names the file and says why; the shipped sound stays."""
    path = folder / "music.wav"
    path.write_bytes(content)
    with pytest.raises(SoundError) as error:
        read_wav(path)
    assert str(error.value).startswith(f"{path}: ")
    assert why in str(error.value)
    found = catalogue(folder)
    assert found.problems == (str(error.value),)
    assert found.sounds["music"] == read_wav(SHIPPED / "music.wav")


def test_a_name_that_is_none_is_told(tmp_path: Path) -> None:
    wav(tmp_path / "musik.wav", [1])
    wav(tmp_path / "Music.WAV", [1])
    problems = catalogue(tmp_path).problems
    assert len(problems) == 2
    assert all("no sound has this name; there are" in problem and "music.wav" in problem for problem in problems)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = catalogue(tmp_path / "sounds")
    assert found.problems == (f"{tmp_path / 'sounds'}: No such file or directory; make this folder or leave media.sounds out",)
    assert found.sounds.keys() == NAMES


def test_what_is_no_file_is_told_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "music.wav")
    (tmp_path / "parked.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "taken.wav").mkdir()
    problems = catalogue(tmp_path).problems
    assert [problem.split(": ", 1)[1] for problem in problems] == ["not a file", "is missing", "not a file"]


def test_ten_minutes_are_the_most(tmp_path: Path) -> None:
    path = tmp_path / "music.wav"
    wav(path, [0] * 600 * 8000)
    assert read_wav(path).seconds == 600
    refused(tmp_path, wav(path, [0] * (600 * 8000 + 1)).read_bytes(), "longer than 10 minutes")
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SoundError, match="longer than 10 minutes"):
        read_wav(path)


def test_all_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "MAX_BYTES", 3 << 20)
    wav(tmp_path / "music.wav", [0] * 700_000)
    wav(tmp_path / "note.wav", [0] * 800_000)
    problems = catalogue(tmp_path).problems
    assert len(problems) == 1
    assert "note.wav: all sounds together would have more than 3 MB" in problems[0]


def test_a_shipped_file_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match=r"music\.wav: is missing"):
        catalogue(shipped=tmp_path)


def test_no_file_makes_it_stumble(tmp_path: Path) -> None:
    """Bytes changed at random: a sound or a `SoundError`, nothing else."""
    path = wav(tmp_path / "music.wav", list(range(200)), channels=2)
    whole, chance = path.read_bytes(), random.Random(5)
    for _ in range(2000):
        changed = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            changed[chance.randrange(60 if chance.random() < 0.9 else len(changed))] = chance.choice((0, 1, 2, 255, chance.randrange(256)))
        path.write_bytes(changed[: chance.randrange(len(changed) + 1) if chance.random() < 0.3 else len(changed)])
        try:
            sound = read_wav(path)
        except SoundError as error:
            assert str(path) in str(error)
        else:
            assert bool(sound.narrow) != bool(sound.wide)
            assert len(sound.narrow + sound.wide) % 2 == 0


def test_samples_are_in_the_byte_order_of_the_machine(tmp_path: Path) -> None:
    path = wav(tmp_path / "music.wav", [0x0102])
    assert read_wav(path).narrow == (b"\x02\x01" if sys.byteorder == "little" else b"\x01\x02")
