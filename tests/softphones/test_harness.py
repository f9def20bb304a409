"""The phones and the ears of the tests, proven without a server: phone to phone, and tones against silence and noise."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.script import Seat
from tests.support.audio import (
    RATE,
    SAID,
    SOUNDS,
    TONES,
    assert_hears,
    assert_silent_of,
    heard,
    heard_sound,
    level,
    longest_gap,
    read,
    wait_heard,
    write_tone,
)
from tests.support.baresip import Baresip
from tests.support.phones import Start, quiet, sounding
from tests.support.pjsua import Pjsua


def test_a_tone_is_found_at_its_level_and_no_other_is(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "tone.wav", TONES[1], 2)
    assert level(read(path)[:1600], TONES[1]) == pytest.approx(SAID, abs=0.1)
    assert_hears(path, TONES[1], 1.8)
    with pytest.raises(AssertionError, match=f"{TONES[0]} Hz at -12 dBFS not heard"):
        assert_hears(path, TONES[0])
    with pytest.raises(AssertionError, match=f"{TONES[1]} Hz should not be heard"):
        assert_silent_of(path, TONES[1])


def test_two_tones_at_once_are_not_one(tmp_path: Path) -> None:
    first, second = (read(write_tone(tmp_path / f"{hertz}.wav", hertz, 2)) for hertz in TONES[:2])
    mixed = write_tone(tmp_path / "mixed.wav", TONES[0], 2)
    data = mixed.read_bytes()
    samples = [one + other for one, other in zip(first, second, strict=True)]
    mixed.write_bytes(data[:44] + b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
    with pytest.raises(AssertionError, match=f"{TONES[1]} Hz should not be heard"):
        assert_hears(mixed, TONES[0])


def test_silence_is_nothing(tmp_path: Path) -> None:
    assert heard(tmp_path / "missing.wav", TONES[0]) == 0
    assert level([0] * RATE, TONES[0]) == -120


def test_a_gap_in_a_tone_is_measured(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "tone.wav", TONES[1], 2)
    assert longest_gap(path, TONES[1]) == 0
    data = path.read_bytes()
    silent = 2 * int(RATE * 0.3)
    path.write_bytes(data[:10044] + bytes(silent) + data[10044 + silent :])
    assert longest_gap(path, TONES[1]) == pytest.approx(0.3, abs=0.03)
    assert longest_gap(path, TONES[2]) == float("inf")


def test_a_shipped_sound_is_told_from_the_others(tmp_path: Path) -> None:
    tone = write_tone(tmp_path / "heard.wav", TONES[1], 1).read_bytes()
    music = (SOUNDS / "music.wav").read_bytes()[44:]
    (tmp_path / "heard.wav").write_bytes(tone + music[: 2 * RATE])
    assert heard_sound(tmp_path / "heard.wav", "music") > 0.95
    for sound in ("parked", "digit-7", "digit-1"):
        assert heard_sound(tmp_path / "heard.wav", sound) < 0.7


@pytest.mark.needs("baresip", "module:pjsua2")
@pytest.mark.parametrize(("caller", "callee"), [(Baresip, Pjsua), (Pjsua, Baresip)], ids=["baresip-pjsua", "pjsua-baresip"])
def test_phones_hear_each_other_hold_and_resume(
    net: str, direct: Start, caller: type[Baresip] | type[Pjsua], callee: type[Baresip] | type[Pjsua]
) -> None:
    index = 230 if caller is Baresip else 231
    ann = direct(caller, Seat(f"{net}.{index}.1", "ann", "Ann", "acme.test"), TONES[0])
    bob = direct(callee, Seat(f"{net}.{index}.2", "bob", "Bob", "acme.test"), TONES[1])
    ann.dial(bob.account.uri)
    bob.events.wait("incoming")
    bob.answer()
    ann.events.wait("established")
    bob.events.wait("established")
    wait_heard(ann.record, bob.account.tone)
    wait_heard(bob.record, ann.account.tone)

    ann.hold()
    quiet(ann)
    ann.resume()
    sounding(ann)
    sounding(bob)
    ann.hangup()
    bob.events.wait("closed")
    assert_hears(ann.record(), bob.account.tone)
    assert_hears(bob.record(), ann.account.tone)
