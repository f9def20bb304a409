"""The sound part of the C media plane (native/audio.h): codecs, rates, jitter, mixing, tones, DTMF; through a library of its own.

The check sums of G.722 are of streams that an independent implementation codes and decodes to the same octets and samples.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import math
import os
import random
import subprocess
import wave
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from b2bua.media import build
from b2bua.media.prompts import SHIPPED

NATIVE = build.SOURCES
SOURCES = [str(NATIVE / f"{name}.c") for name in ("g711", "g722", "codec", "conceal", "jitter", "mix", "tone", "dtmf")]
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
STRUCTS = ("g722_encoder", "g722_decoder", "resampler", "decoder", "encoder", "jitter", "tone", "dtmf")
COUNTERS = ("late", "duplicates", "strangers", "restarts", "put_in", "left_out", "gaps")
PCMU, PCMA, G722, NOISE = 1, 2, 3, 5
NARROW, WIDE = 8000, 16000
KEYS = "123A456B789C*0#D"
ROWS = (697, 770, 852, 941)
COLUMNS = (1209, 1336, 1477, 1633)

SIZES = '#include "audio.h"\n' + "".join(f"size_t size_of_{name}(void) {{ return sizeof(struct {name}); }}\n" for name in STRUCTS)
SIZES += "".join(f"uint32_t count_{name}(const struct jitter *j) {{ return j->{name}; }}\n" for name in COUNTERS)


@pytest.fixture(scope="module", name="lib")
def fixture_lib(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("audio")
    (folder / "sizes.c").write_text(SIZES)
    run_compiler([*WARNINGS, "-O2", "-shared", "-fPIC", f"-I{NATIVE}", "-o", str(folder / "audio.so"), str(folder / "sizes.c"), *SOURCES])
    library = ctypes.CDLL(str(folder / "audio.so"))
    for name in ("decoder_decode", "dtmf_feed", *(f"size_of_{name}" for name in STRUCTS)):
        getattr(library, name).restype = ctypes.c_size_t
    library.tone_init.argtypes = [ctypes.c_void_p, ctypes.c_int, *[ctypes.c_double] * 4]
    library.tone_init_dtmf.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char]
    library.g711_ulaw_decode.restype = library.g711_alaw_decode.restype = ctypes.c_int16
    library.g711_ulaw_encode.restype = library.g711_alaw_encode.restype = ctypes.c_uint8
    return library


def run_compiler(arguments: list[str]) -> None:
    command = build.compiler()
    if command is None:
        raise AssertionError("no C compiler, though make test sees to one")
    done = subprocess.run([*command, *arguments, "-lm"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def make(lib: ctypes.CDLL, struct: str) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(getattr(lib, f"size_of_{struct}")())


def shorts(count: int) -> ctypes.Array[ctypes.c_int16]:
    return (ctypes.c_int16 * count)()


def given(samples: Sequence[int]) -> ctypes.Array[ctypes.c_int16]:
    return (ctypes.c_int16 * len(samples)).from_buffer(array("h", samples))


def size(count: int) -> ctypes.c_size_t:
    return ctypes.c_size_t(count)


def sine(hertz: float, rate: int, seconds: float, peak: float = 8000) -> list[int]:
    return [round(peak * math.sin(2 * math.pi * hertz * n / rate)) for n in range(round(seconds * rate))]


def level(samples: Sequence[int], hertz: float, rate: int) -> float:
    """Of one frequency, in dB relative to a full-scale sine; Hann window."""
    count = len(samples)
    re = im = 0.0
    for n, sample in enumerate(samples):
        weighted = sample * (1 - math.cos(2 * math.pi * n / count))
        re += weighted * math.cos(2 * math.pi * hertz * n / rate)
        im += weighted * math.sin(2 * math.pi * hertz * n / rate)
    return 20 * math.log10(math.hypot(re, im) * 2 / count / 32767 + 1e-9)


def signal_to_noise(samples: Sequence[int], hertz: float, rate: int) -> float:
    """dB between the best fitting sine of this frequency and the rest. `samples` should hold whole periods."""
    count = len(samples)
    turn = 2 * math.pi * hertz / rate
    a = 2 / count * sum(x * math.cos(turn * n) for n, x in enumerate(samples))
    b = 2 / count * sum(x * math.sin(turn * n) for n, x in enumerate(samples))
    noise = sum((x - a * math.cos(turn * n) - b * math.sin(turn * n)) ** 2 for n, x in enumerate(samples))
    return 10 * math.log10(count * (a * a + b * b) / 2 / (noise + 1e-9))


# ---- G.711 ----


def decision_values(first_step: int, first_count: int, most: int) -> list[int]:
    """The x_n of G.711 tables 1 and 2 for positive values: steps that double every 16 (`first_count`: length of the first segment)."""
    values, step, count = [0], first_step, first_count
    while values[-1] < most:
        values += [values[-1] + step * (n + 1) for n in range(count)]
        step, count = step * 2, 16
    return values


def test_alaw_follows_the_decision_values(lib: ctypes.CDLL) -> None:
    values = decision_values(first_step=2, first_count=32, most=4096)  # table 1a, for 13 bits
    for magnitude in range(4096):
        n = bisect_right(values, magnitude)  # the character signal number
        for sample, sign in ((magnitude * 8, 0x80), (-magnitude * 8 - 1, 0)):
            octet = lib.g711_alaw_encode(sample)
            assert octet == (sign | n - 1) ^ 0x55
            assert abs(lib.g711_alaw_decode(octet)) == 8 * (values[n - 1] + values[n]) // 2
            assert (lib.g711_alaw_decode(octet) > 0) == (sign == 0x80)


def test_ulaw_follows_the_decision_values(lib: ctypes.CDLL) -> None:
    values = [0, *(1 + value for value in decision_values(first_step=2, first_count=15, most=8158))]  # table 2a, for 14 bits
    for magnitude in range(8159):
        n = bisect_right(values, magnitude)
        for sample, sign in ((magnitude * 4, 0x80), (-magnitude * 4 - 1, 0)):
            octet = lib.g711_ulaw_encode(sample)
            assert octet == sign | (0x7F - (n - 1))
            wanted = 0 if n == 1 else 4 * (values[n - 1] + values[n]) // 2
            assert lib.g711_ulaw_decode(octet) == (wanted if sign else -wanted)


@pytest.mark.parametrize("name", ["ulaw", "alaw"])
def test_g711_codes_what_it_decodes(lib: ctypes.CDLL, name: str) -> None:
    for octet in range(256):
        sample = getattr(lib, f"g711_{name}_decode")(octet)
        back = getattr(lib, f"g711_{name}_encode")(sample)
        assert back == octet or (sample == 0 and {octet, back} == {0x7F, 0xFF})  # mu-law has two zeros
    assert abs(getattr(lib, f"g711_{name}_decode")(getattr(lib, f"g711_{name}_encode")(-32768))) in (32124, 32256)


def test_g711_arrays_are_the_same(lib: ctypes.CDLL) -> None:
    for kind, name in ((PCMU, "ulaw"), (PCMA, "alaw")):
        octets, samples = bytes(range(256)), shorts(256)
        lib.g711_decode(kind, octets, size(256), samples)
        assert list(samples) == [getattr(lib, f"g711_{name}_decode")(octet) for octet in octets]
        out = ctypes.create_string_buffer(256)
        lib.g711_encode(kind, samples, size(256), out)
        assert list(out.raw) == [getattr(lib, f"g711_{name}_encode")(sample) for sample in samples]


# ---- G.722 ----


def pseudo_random(count: int, seed: int) -> list[int]:
    state, found = seed, []
    for _ in range(count):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        found.append(state >> 16 & 0xFF)
    return found


def g722_encoded(lib: ctypes.CDLL, samples: Sequence[int], piece: int = 160) -> bytes:
    state, octets = make(lib, "g722_encoder"), b""
    lib.g722_encoder_init(state)
    for start in range(0, len(samples) // 2, piece):
        part = samples[2 * start : 2 * (start + piece)]
        out = ctypes.create_string_buffer(len(part) // 2)
        lib.g722_encode(state, given(part), size(len(out)), out)
        octets += out.raw
    return octets


def g722_decoded(lib: ctypes.CDLL, octets: bytes, piece: int = 160) -> list[int]:
    state, samples = make(lib, "g722_decoder"), array("h")
    lib.g722_decoder_init(state)
    for start in range(0, len(octets), piece):
        part = octets[start : start + piece]
        out = shorts(2 * len(part))
        lib.g722_decode(state, part, size(len(part)), out)
        samples.extend(out)
    return list(samples)


def test_g722_is_bit_exact(lib: ctypes.CDLL) -> None:
    samples = g722_decoded(lib, bytes(pseudo_random(16000, 1)))
    assert zlib.crc32(array("h", samples).tobytes()) == 0x1BD172ED
    octets = g722_encoded(lib, [32 * octet - 4096 for octet in pseudo_random(32000, 2)])
    assert zlib.crc32(octets) == 0xE9E80955


def test_g722_does_not_care_how_it_is_cut(lib: ctypes.CDLL) -> None:
    samples = sine(440, WIDE, 0.1)
    octets = g722_encoded(lib, samples)
    assert g722_encoded(lib, samples, piece=7) == g722_encoded(lib, samples, piece=500) == octets
    assert g722_decoded(lib, octets, piece=7) == g722_decoded(lib, octets, piece=500)


@pytest.mark.parametrize(("hertz", "least"), [(300, 45), (1000, 40), (3000, 35), (5000, 20), (6500, 20)])
def test_g722_keeps_tones(lib: ctypes.CDLL, hertz: int, least: int) -> None:
    samples = g722_decoded(lib, g722_encoded(lib, sine(hertz, WIDE, 0.6)))
    assert signal_to_noise(samples[1600:8000], hertz, WIDE) > least
    assert level(samples[1600:8000], hertz, WIDE) == pytest.approx(20 * math.log10(8000 / 32767), abs=0.3)


def test_g722_delays_by_22_samples(lib: ctypes.CDLL) -> None:
    samples = [0] * 160 + [12000] + [0] * 159
    decoded = g722_decoded(lib, g722_encoded(lib, samples))
    assert max(range(320), key=lambda n: abs(decoded[n])) in (160 + 21, 160 + 22, 160 + 23)


def test_g722_survives_overload(lib: ctypes.CDLL) -> None:
    square = [32767 if n // 40 % 2 else -32768 for n in range(16000)]
    decoded = g722_decoded(lib, g722_encoded(lib, square))
    assert level(decoded[8000:], 200, WIDE) == pytest.approx(20 * math.log10(4 / math.pi), abs=0.6)


# ---- rates ----


def resampled(lib: ctypes.CDLL, way: str, samples: Sequence[int], piece: int) -> list[int]:
    """`piece` narrow samples at a time."""
    state, made = make(lib, "resampler"), array("h")
    lib.resample_init(state)
    step_in, step_out = (piece, 2 * piece) if way == "up" else (2 * piece, piece)
    for start in range(0, len(samples) - step_in + 1, step_in):
        out = shorts(step_out)
        getattr(lib, f"resample_{way}")(state, given(samples[start : start + step_in]), size(piece), out)
        made.extend(out)
    return list(made)


@pytest.mark.parametrize("hertz", [300, 1000, 3400])
def test_resampling_keeps_the_telephone_band(lib: ctypes.CDLL, hertz: int) -> None:
    said = 20 * math.log10(8000 / 32767)
    up = resampled(lib, "up", sine(hertz, NARROW, 0.5), 160)
    assert level(up[800:], hertz, WIDE) == pytest.approx(said, abs=0.2)
    assert level(up[800:], NARROW - hertz, WIDE) < said - 45
    down = resampled(lib, "down", sine(hertz, WIDE, 0.5), 160)
    assert level(down[400:], hertz, NARROW) == pytest.approx(said, abs=0.2)


@pytest.mark.parametrize("hertz", [4700, 6000, 7700])
def test_what_does_not_fit_the_narrow_rate_is_gone(lib: ctypes.CDLL, hertz: int) -> None:
    down = resampled(lib, "down", sine(hertz, WIDE, 0.5), 160)
    assert level(down[400:], NARROW - hertz, NARROW) < -55


@pytest.mark.parametrize("way", ["up", "down"])
def test_resampling_does_not_care_how_it_is_cut(lib: ctypes.CDLL, way: str) -> None:
    samples = sine(440, NARROW, 0.28)
    assert resampled(lib, way, samples, 7) == resampled(lib, way, samples, 160)[: len(resampled(lib, way, samples, 7))]
    assert resampled(lib, way, samples, 560)[:1000] == resampled(lib, way, samples, 160)[:1000]


@pytest.mark.parametrize("sent", [PCMU, PCMA, G722])
@pytest.mark.parametrize("mixed", [NARROW, WIDE])
@pytest.mark.parametrize("received", [PCMU, PCMA, G722])
def test_any_codec_at_any_rate_to_any_codec(lib: ctypes.CDLL, sent: int, mixed: int, received: int) -> None:
    encoder, decoder, onward, last = make(lib, "encoder"), make(lib, "decoder"), make(lib, "encoder"), make(lib, "decoder")
    for state, kind in ((encoder, "encoder"), (decoder, "decoder"), (onward, "encoder"), (last, "decoder")):
        getattr(lib, f"{kind}_init")(state)
    said, heard = sine(1000, WIDE, 0.4), array("h")
    octets, frame, ear = ctypes.create_string_buffer(160), shorts(mixed // 50), shorts(160)
    for start in range(0, len(said), 320):
        lib.encoder_encode(encoder, sent, given(said[start : start + 320]), WIDE, size(160), octets)
        assert lib.decoder_decode(decoder, sent, octets, size(160), mixed, frame) == mixed // 50
        lib.encoder_encode(onward, received, frame, mixed, size(160), octets)
        assert lib.decoder_decode(last, received, octets, size(160), NARROW, ear) == 160
        heard.extend(ear)
    assert signal_to_noise(heard[800:3200], 1000, NARROW) > 30


# ---- jitter ----

Packet = tuple[float, int, int, int, bytes]
"""Milliseconds of arrival, SSRC, sequence number, timestamp, payload."""


class Talker:
    """Says a tone in packets from 65,000 and 2**32 - 4096 on, so that both counters wrap, and a `Listener` hears it."""

    def __init__(self, lib: ctypes.CDLL, kind: int = PCMU, hertz: float = 440, seconds: float = 6) -> None:
        self.kind, self.hertz, self.seconds = kind, hertz, seconds
        self.octets = speak(lib, kind, hertz, seconds)

    def packets(self, milliseconds: int = 20, ssrc: int = 77, drift: float = 0) -> list[Packet]:
        """One after the other, each `milliseconds` (1 + drift) after the one before."""
        step = 8 * milliseconds
        return [
            (7 + n * milliseconds * (1 + drift), ssrc, (65000 + n) & 0xFFFF, (2**32 - 4096 + n * step) & 0xFFFFFFFF, self.octets[n * step :][:step])
            for n in range(len(self.octets) // step)
        ]


@functools.cache
def speak(lib: ctypes.CDLL, kind: int, hertz: float, seconds: float) -> bytes:
    encoder = make(lib, "encoder")
    lib.encoder_init(encoder)
    said = sine(hertz, WIDE, seconds, peak=12000)
    out = ctypes.create_string_buffer(len(said) // 2)
    lib.encoder_encode(encoder, kind, given(said), WIDE, size(len(out)), out)
    return out.raw


class Listener:
    """Takes packets as they arrive and a frame each 20 ms."""

    def __init__(self, lib: ctypes.CDLL, rate: int = NARROW) -> None:
        self.lib, self.rate = lib, rate
        self.buffer = make(lib, "jitter")
        lib.jitter_init(self.buffer)
        self.now = 0
        self.heard = array("h")
        self.depths: list[int] = []

    def hear(self, packets: Sequence[Packet], kind: int = PCMU, until: float | None = None) -> Listener:
        waiting = sorted(packets)
        while waiting if until is None else self.now <= until:
            while waiting and waiting[0][0] <= self.now:
                self.put(waiting.pop(0), kind)
            self.tick()
        return self

    def put(self, packet: Packet, kind: int = PCMU) -> int:
        _, ssrc, seq, timestamp, payload = packet
        verdict: int = self.lib.jitter_put(
            self.buffer, ctypes.c_uint32(ssrc), ctypes.c_uint16(seq), ctypes.c_uint32(timestamp), kind, payload, size(len(payload))
        )
        return verdict

    def tick(self) -> Sequence[int]:
        frame = shorts(self.rate // 50)
        sounds = self.lib.jitter_get(self.buffer, self.rate, frame)
        assert sounds == any(frame)
        self.heard.extend(frame)
        self.depths.append(self.lib.jitter_depth_ms(self.buffer))
        assert 20 <= self.depths[-1] <= 120
        self.now += 20
        return list(frame)

    def count(self, name: str) -> int:
        found: int = getattr(self.lib, f"count_{name}")(self.buffer)
        return found

    def levels(self, hertz: float = 440) -> list[float]:
        """In each 200 ms, but the first and the last."""
        piece = self.rate // 5
        return [level(self.heard[at : at + piece], hertz, self.rate) for at in range(piece, len(self.heard) - 2 * piece, piece)]


SAID = 20 * math.log10(12000 / 32767)


@pytest.mark.parametrize("milliseconds", [10, 20, 30, 40, 60])
@pytest.mark.parametrize(("kind", "rate"), [(PCMU, NARROW), (PCMA, WIDE), (G722, NARROW), (G722, WIDE)])
def test_a_clean_stream_is_heard_as_it_is(lib: ctypes.CDLL, kind: int, rate: int, milliseconds: int) -> None:
    listener = Listener(lib, rate).hear(Talker(lib, kind, seconds=2).packets(milliseconds), kind)
    assert min(listener.levels()) == pytest.approx(SAID, abs=0.2)
    assert listener.heard[: rate // 50 * 2].tolist() == [0] * (rate // 50 * 2), "40 ms at first"
    assert listener.count("late") == listener.count("restarts") == listener.count("put_in") == 0


def test_the_delay_shrinks_to_20_ms_when_no_packet_needs_more(lib: ctypes.CDLL) -> None:
    listener = Listener(lib).hear(Talker(lib).packets())
    assert (listener.depths[0], listener.depths[-1]) == (40, 20)
    assert listener.count("left_out") == 1


@pytest.mark.parametrize(("kind", "rate"), [(PCMU, NARROW), (G722, WIDE)])
def test_5_per_cent_of_loss_and_of_reordering(lib: ctypes.CDLL, kind: int, rate: int) -> None:
    chance = random.Random(4)
    packets = [packet for packet in Talker(lib, kind).packets() if chance.random() > 0.05]
    packets = [(packet[0] + (25 if chance.random() < 0.05 else 0), *packet[1:]) for packet in packets]
    listener = Listener(lib, rate).hear(packets, kind)
    assert min(listener.levels()) > SAID - 3
    assert listener.count("late") == 0


def test_a_single_lost_packet_is_not_noticed(lib: ctypes.CDLL) -> None:
    packets = Talker(lib, seconds=1).packets()
    del packets[20]
    listener = Listener(lib).hear(packets)
    quietest = min(max(map(abs, listener.heard[at : at + 80])) for at in range(1600, 6400, 80))
    assert quietest > 9000
    steepest = max(abs(b - a) for a, b in itertools.pairwise(listener.heard[1600:6400]))
    assert steepest < 2 * 12000 * 2 * math.pi * 440 / NARROW, "no click"


def test_a_gap_fades_to_silence_within_60_ms(lib: ctypes.CDLL) -> None:
    packets = [packet for packet in Talker(lib, seconds=2).packets() if not 500 <= packet[0] < 1200]
    listener = Listener(lib).hear(packets)
    piece = [max(map(abs, listener.heard[at : at + 160])) for at in range(0, len(listener.heard), 160)]
    gap = next(n for n in range(10, len(piece)) if piece[n] == 0)
    assert piece[gap - 3] > piece[gap - 2] > piece[gap - 1] > 0
    assert gap == pytest.approx(500 / 20 + 2 + 3, abs=1)
    assert min(piece[-20:]) > 9000, "and it is heard again afterwards"


def test_comfort_noise_is_silence_at_once(lib: ctypes.CDLL) -> None:
    listener = Listener(lib)
    packets = Talker(lib, seconds=1).packets()
    listener.hear(packets[:20])
    _, ssrc, seq, timestamp, _ = packets[20]
    listener.put((0, ssrc, seq, timestamp, b"\x40"), NOISE)
    silent_from = len(listener.heard) + 160 * 2 + 40
    for _ in range(20):
        listener.tick()
    assert not any(listener.heard[silent_from:])
    listener.put((0, ssrc, seq + 1, timestamp + 160 * 20, packets[21][4]))
    assert any(any(listener.tick()) for _ in range(3))


def test_duplicates_change_nothing(lib: ctypes.CDLL) -> None:
    packets = Talker(lib, seconds=2).packets()
    twice = [(packet[0] + later, *packet[1:]) for packet in packets for later in (0, 1, 90)]
    once, thrice = Listener(lib).hear(packets, until=2000), Listener(lib).hear(twice, until=2000)
    assert once.heard == thrice.heard
    assert thrice.count("duplicates") >= 190
    assert thrice.count("late") == 0


def test_jitter_makes_the_delay_grow_and_calm_makes_it_shrink(lib: ctypes.CDLL) -> None:
    chance = random.Random(1)
    packets = Talker(lib, seconds=16).packets()
    rough = [(packet[0] + (chance.random() * 80 if packet[0] < 6000 else 0), *packet[1:]) for packet in packets]
    listener = Listener(lib).hear(rough)
    assert 60 <= max(listener.depths) <= 120
    assert listener.depths[-1] == 20
    found = listener.levels()
    assert sum(each > SAID - 4 for each in found) > 0.95 * len(found)


@pytest.mark.parametrize(("drift", "counter"), [(1e-3, "put_in"), (-1e-3, "left_out")])
def test_a_clock_that_runs_differently(lib: ctypes.CDLL, drift: float, counter: str) -> None:
    """1000 ppm: 40 ms in 40 s."""
    listener = Listener(lib).hear(Talker(lib, hertz=400, seconds=40).packets(drift=drift))
    assert 1 <= listener.count(counter) <= 4
    assert min(listener.levels(400)[::5]) > SAID - 3
    assert max(listener.depths) == 40
    assert listener.count("restarts") == 0


def test_leaving_out_and_putting_in_do_not_click(lib: ctypes.CDLL) -> None:
    """20 ms are eight and a half periods of 425 Hz."""
    calm = Listener(lib).hear(Talker(lib, hertz=425, seconds=5).packets())
    slow = Listener(lib).hear(Talker(lib, hertz=425, seconds=40).packets(drift=1e-3))
    assert (calm.count("left_out"), calm.count("put_in")) == (1, 0)
    assert slow.count("put_in") >= 1
    for listener in (calm, slow):
        steepest = max(abs(b - a) for a, b in itertools.pairwise(listener.heard[1600:]))
        assert steepest < 12000 * (2 * math.pi * 425 / NARROW + 2 / 40) * 1.1


def test_packets_that_are_overtaken_too_often_make_the_delay_grow(lib: ctypes.CDLL) -> None:
    packets = Talker(lib, seconds=8).packets()
    overtaken = [(packet[0] + (70 if n % 10 == 0 and n > 150 else 0), *packet[1:]) for n, packet in enumerate(packets)]
    listener = Listener(lib).hear(overtaken)
    assert listener.count("late") == 2, "one may be chance"
    assert listener.depths[-1] >= 60
    assert min(listener.levels()[-15:]) > SAID - 0.5


def test_a_stall_of_the_network(lib: ctypes.CDLL) -> None:
    """Nothing for 100 ms, then all of it at once: everything is heard, later."""
    packets = [(1100 if 1000 <= packet[0] < 1100 else packet[0], *packet[1:]) for packet in Talker(lib, seconds=3).packets()]
    listener = Listener(lib).hear(packets)
    assert listener.count("restarts") == 0
    assert sum(each < SAID - 1 for each in listener.levels()) <= 2


@pytest.mark.parametrize("later", [150, 600, -150])
def test_a_route_that_becomes_longer_or_shorter(lib: ctypes.CDLL, later: int) -> None:
    packets = [(packet[0] + (later if packet[0] > 2000 else 0), *packet[1:]) for packet in Talker(lib).packets()]
    listener = Listener(lib).hear(packets)
    assert sum(each < SAID - 3 for each in listener.levels()) <= 5
    assert min(listener.levels()[-10:]) > SAID - 3


def test_another_source_is_followed_when_it_goes_on(lib: ctypes.CDLL) -> None:
    listener, first = Listener(lib), Talker(lib, seconds=1).packets()
    listener.hear(first)
    assert listener.put((0, 99, 4711, 123456, first[0][4])) == 3, "one packet proves nothing"
    assert listener.put((0, 77, first[-1][2] + 1, (first[-1][3] + 160) & 0xFFFFFFFF, first[0][4])) == 0
    other = Talker(lib, hertz=880, seconds=1).packets(ssrc=99)
    listener.now = 0
    listener.heard = array("h")
    listener.hear(other)
    assert min(listener.levels(880)) > SAID - 1


@pytest.mark.parametrize("jump", [-1_000_000, -9_000, 9_000, 2**31])
def test_a_timestamp_that_jumps_is_followed_when_it_goes_on(lib: ctypes.CDLL, jump: int) -> None:
    packets = [
        (at, ssrc, seq, (timestamp + (jump if at > 1000 else 0)) & 0xFFFFFFFF, payload)
        for at, ssrc, seq, timestamp, payload in Talker(lib, seconds=2).packets()
    ]
    listener = Listener(lib).hear(packets)
    assert sum(each < SAID - 3 for each in listener.levels()) <= 1
    assert listener.count("strangers") == 1
    assert listener.count("restarts") == 1


def test_one_forged_timestamp_does_no_harm(lib: ctypes.CDLL) -> None:
    packets = Talker(lib, seconds=2).packets()
    _, ssrc, seq, _, payload = packets[30]
    packets[30] = (packets[30][0], ssrc, seq, 12345, payload)
    listener = Listener(lib).hear(packets)
    assert min(listener.levels()) > SAID - 2
    assert listener.count("restarts") == 0


def test_a_codec_that_changes(lib: ctypes.CDLL) -> None:
    listener = Listener(lib, WIDE)
    for kind, start in ((PCMU, 0), (G722, 1), (PCMA, 2)):
        packets = [packet for packet in Talker(lib, kind, seconds=3).packets() if start <= (packet[0] - 7) / 1000 < start + 1]
        listener.hear(packets, kind)
    assert sum(each < SAID - 0.5 for each in listener.levels()) <= 2, "only where the filters' delay changes"


def test_a_rate_that_changes(lib: ctypes.CDLL) -> None:
    listener, packets = Listener(lib, NARROW), Talker(lib, seconds=2).packets()
    listener.hear(packets[:50])
    listener.rate = WIDE
    listener.heard = array("h")
    listener.hear(packets[50:])
    assert min(listener.levels()) > SAID - 0.5


def test_nothing_yet_is_silence(lib: ctypes.CDLL) -> None:
    listener = Listener(lib)
    assert not any(listener.tick())
    listener.put((0, 1, 1, 1, b""))
    assert not any(listener.tick())


# ---- mix ----


def mixed(lib: ctypes.CDLL, *members: Sequence[int]) -> tuple[ctypes.Array[ctypes.c_int32], int]:
    count = len(members[0])
    total = (ctypes.c_int32 * count)()
    for member in members:
        lib.mix_add(total, given(member), size(count))
    return total, count


def test_each_hears_all_but_itself(lib: ctypes.CDLL) -> None:
    members = [sine(hertz, NARROW, 0.02, 5000) for hertz in (400, 700, 1100)]
    total, count = mixed(lib, *members)
    out = shorts(count)
    for n, own in enumerate(members):
        lib.mix_out(total, given(own), out, size(count))
        others = [member for k, member in enumerate(members) if k != n]
        assert list(out) == [a + b for a, b in zip(*others, strict=True)]
    lib.mix_out(total, None, out, size(count))
    assert list(out) == list(total)


def test_gain(lib: ctypes.CDLL) -> None:
    total = (ctypes.c_int32 * 4)()
    for gain, wanted in ((256, [32767, -32768, 100, -100]), (64, [8191, -8192, 25, -25]), (0, [0] * 4)):
        ctypes.memset(total, 0, 16)
        lib.mix_add_gain(total, given([32767, -32768, 100, -100]), size(4), gain)
        assert list(total) == wanted


def test_too_loud_a_sum_is_rounded_off_not_wrapped(lib: ctypes.CDLL) -> None:
    loud = [*range(-32768, 32768, 16)]
    total, count = mixed(lib, *[loud] * 31)
    out = shorts(count)
    lib.mix_out(total, None, out, size(count))
    assert list(out) == sorted(out)
    assert -32768 <= out[0] < -32000
    assert 32000 < out[-1] <= 32767
    single = 2048
    assert out[single] == 0
    assert out[single + 20] == 20 * 16 * 31, "below the knee nothing changes"


def test_full_scale_alone_is_not_touched(lib: ctypes.CDLL) -> None:
    total, count = mixed(lib, [32767, -32768, 30000, -1])
    out = shorts(count)
    lib.mix_out(total, None, out, size(count))
    assert list(out) == [32767, -32768, 30000, -1]


# ---- tones ----


@pytest.mark.parametrize("rate", [NARROW, WIDE])
def test_tones_go_on_from_frame_to_frame(lib: ctypes.CDLL, rate: int) -> None:
    tone, heard = make(lib, "tone"), array("h")
    lib.tone_init(tone, rate, 440, 8000, 480, 4000)
    for count in (1, 160, 319, rate):
        out = shorts(count)
        lib.tone_make(tone, out, size(count))
        heard.extend(out)
    assert level(heard[480:], 440, rate) == pytest.approx(20 * math.log10(8000 / 32767), abs=0.3)
    assert level(heard[480:], 480, rate) == pytest.approx(20 * math.log10(4000 / 32767), abs=0.3)
    steepest = max(abs(b - a) for a, b in itertools.pairwise(heard))
    assert steepest < 12000 * 2 * math.pi * 480 / rate * 1.05, "it neither begins nor goes on with a click"
    lib.tone_end(tone)
    out = shorts(rate // 100)
    lib.tone_make(tone, out, size(len(out)))
    assert any(out[: rate // 400])
    assert not any(out[rate // 200 + 1 :])


# ---- DTMF ----


def key(digit: str, milliseconds: float, low: float = -11, high: float = -11, off: float = 0, phase: float = 0.5) -> list[float]:
    """The sound of a key: levels in dBFS of its tones, relative deviation of its frequencies."""
    at, turn = KEYS.index(digit), 2 * math.pi / NARROW * (1 + off)
    a, b = 32767 * 10 ** (low / 20), 32767 * 10 ** (high / 20)
    count = round(milliseconds * NARROW / 1000)
    return [a * math.sin(turn * ROWS[at // 4] * n + phase) + b * math.sin(turn * COLUMNS[at % 4] * n + 2 * phase) for n in range(count)]


def silence(milliseconds: float) -> list[float]:
    return [0.0] * round(milliseconds * NARROW / 1000)


def keys_in(lib: ctypes.CDLL, samples: Sequence[float], frame: int = 160) -> str:
    detector, digits, found = make(lib, "dtmf"), ctypes.create_string_buffer(16), ""
    lib.dtmf_init(detector)
    data = given([max(-32768, min(32767, round(sample))) for sample in samples])
    for start in range(0, len(samples), frame):
        count = min(frame, len(samples) - start)
        told = lib.dtmf_feed(detector, ctypes.byref(data, 2 * start), size(count), digits, size(16))
        found += digits.raw[:told].decode()
    return found


def presses(**shape: float) -> Iterator[tuple[str, list[float]]]:
    """Each key twice, beginning anywhere in a frame."""
    chance = random.Random(9)
    for digit in KEYS * 2:
        yield digit, silence(40 + 20 * chance.random()) + key(digit, phase=6.28 * chance.random(), **shape) + silence(60)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "shape",
    [
        {"milliseconds": 40},
        {"milliseconds": 500},
        {"milliseconds": 40, "off": 0.015},
        {"milliseconds": 40, "off": -0.015},
        {"milliseconds": 40, "low": -8, "high": -14},
        {"milliseconds": 40, "low": -14, "high": -8},
        {"milliseconds": 40, "low": -36, "high": -36},
        {"milliseconds": 40, "low": -3, "high": -3},
    ],
    ids=str,
)
def test_keys_are_found_once(lib: ctypes.CDLL, shape: dict[str, float]) -> None:
    for digit, sound in presses(**shape):
        assert keys_in(lib, sound) == digit


@pytest.mark.parametrize(
    "shape",
    [
        {"milliseconds": 22.9},
        {"milliseconds": 100, "off": 0.035},
        {"milliseconds": 100, "off": -0.035},
        {"milliseconds": 100, "low": -5, "high": -17},
        {"milliseconds": 100, "low": -17, "high": -5},
        {"milliseconds": 100, "low": -50, "high": -50},
        {"milliseconds": 100, "low": -5, "high": -90},
    ],
    ids=str,
)
def test_what_is_no_key(lib: ctypes.CDLL, shape: dict[str, float]) -> None:
    for _, sound in presses(**shape):
        assert keys_in(lib, sound) == ""


def test_keys_in_noise(lib: ctypes.CDLL) -> None:
    chance = random.Random(2)
    for digit, sound in presses(milliseconds=50):
        assert keys_in(lib, [sample + chance.gauss(0, 1000) for sample in sound]) == digit


def test_keys_in_a_row(lib: ctypes.CDLL) -> None:
    code = "#20#11223344AA**"
    assert keys_in(lib, [sample for digit in code for sample in key(digit, 40) + silence(40)] + silence(40)) == code
    assert keys_in(lib, key("5", 60) + silence(10) + key("5", 60)) == "5", "a short interruption"
    assert keys_in(lib, [sample for digit in "1234567890" for sample in key(digit, 60)] + silence(40)) == "1234567890"


@pytest.mark.parametrize("frame", [1, 39, 40, 41, 240, 4000])
def test_frames_may_have_any_length(lib: ctypes.CDLL, frame: int) -> None:
    assert keys_in(lib, silence(30) + key("7", 45) + silence(50) + key("#", 45) + silence(50), frame) == "7#"


@pytest.mark.parametrize("kind", [PCMU, PCMA, G722])
@pytest.mark.parametrize("rate", [NARROW, WIDE])
def test_keys_that_we_make_are_found_through_every_codec(lib: ctypes.CDLL, kind: int, rate: int) -> None:
    tone, encoder, decoder, heard = make(lib, "tone"), make(lib, "encoder"), make(lib, "decoder"), array("h")
    lib.encoder_init(encoder)
    lib.decoder_init(decoder)
    octets, ear = ctypes.create_string_buffer(160), shorts(160)
    for digit in KEYS:
        assert lib.tone_init_dtmf(tone, rate, digit.lower().encode())
        for frame in range(8):
            out = shorts(rate // 50)
            if frame < 4:
                lib.tone_make(tone, out, size(len(out)))
            lib.encoder_encode(encoder, kind, out, rate, size(160), octets)
            lib.decoder_decode(decoder, kind, octets, size(160), NARROW, ear)
            heard.extend(ear)
    assert keys_in(lib, heard) == KEYS


def test_no_key_is_silence(lib: ctypes.CDLL) -> None:
    tone, out = make(lib, "tone"), shorts(160)
    for character in (b"x", b"\0", b"\xff", b"E"):
        assert lib.tone_init_dtmf(tone, NARROW, character) == 0
        lib.tone_make(tone, out, size(160))
        assert not any(out)


@pytest.mark.needs("espeak-ng")
def test_speech_has_no_keys(lib: ctypes.CDLL, tmp_path: Path) -> None:
    """Several voices read some minutes of text."""
    text = (Path(__file__).parent.parent.parent / "LICENSE").read_text()[:6000]
    for voice in ("en-us", "en+f3", "en+m7"):
        spoken = tmp_path / "speech.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-w", str(spoken), text], check=True, timeout=60)
        with wave.open(str(spoken)) as file:
            samples = array("h", file.readframes(file.getnframes()))
            rate = file.getframerate()
        slower = [samples[int(n * rate / NARROW)] for n in range(len(samples) * NARROW // rate)]
        assert len(slower) > 60 * NARROW
        assert keys_in(lib, slower) == ""


def test_shipped_sounds_have_no_keys(lib: ctypes.CDLL) -> None:
    for path in sorted(SHIPPED.glob("*.wav")):
        with wave.open(str(path)) as file:
            assert keys_in(lib, array("h", file.readframes(file.getnframes()))) == "", path.name


# ---- anything ----

FUZZ = r"""
#include "audio.h"
#include <stdlib.h>

static uint64_t state = 88172645463325252u;
static uint32_t any(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}
static uint32_t below(uint32_t n) { return any() % n; }

static const enum audio_kind kinds[] = {AUDIO_PCMU, AUDIO_PCMA, AUDIO_G722, AUDIO_NOISE, AUDIO_NONE};
static int16_t in[4000], out[4000];
static uint8_t octets[2000];

static void packets(struct jitter *jitter, int calm)
{
    static uint32_t timestamp, ssrc;
    static uint16_t seq;
    for (uint32_t n = calm ? 1 : below(4); n > 0; n--) {
        uint32_t mode = calm ? 50 : below(100), length = mode == 0 ? below(2000) : mode == 1 ? below(5) : 160;
        if (mode == 2) timestamp = any();
        if (mode == 3) ssrc = below(3);
        if (mode == 4) seq = (uint16_t)any();
        if (mode == 5) timestamp += below(3000);
        if (mode == 6) timestamp -= below(3000);
        if (mode == 7) timestamp += 0x80000000u;
        if (mode == 8) seq--;
        if (mode > 90) timestamp = jitter->cursor + below(3000) - 1000;
        jitter_put(jitter, ssrc, seq++, timestamp, kinds[below(5)], octets, length);
        timestamp += 160;
    }
}

static void others(struct decoder *decoder, struct encoder *encoder, struct dtmf *dtmf, struct resampler *resampler)
{
    char digits[4];
    int32_t sum[320];
    struct tone tone;
    int rate = below(2) ? AUDIO_NARROW : AUDIO_WIDE;
    decoder_decode(decoder, kinds[below(5)], octets, below(1000), rate, out);
    encoder_encode(encoder, kinds[below(3)], in, rate, below(1000), octets);
    dtmf_feed(dtmf, in, below(1000), digits, below(5));
    resample_up(resampler, in, below(1000), out);
    resample_down(resampler + 1, in, below(1000), out);
    for (int i = 0; i < 320; i++) sum[i] = (int32_t)(any() & 0x7fffffff) - 0x40000000;
    mix_add(sum, in, 320);
    mix_add_gain(sum, in, 320, (int)below(257));
    mix_out(sum, below(2) ? in : NULL, out, 320);
    tone_init(&tone, rate, below(20000), below(100000), below(20000), below(100000));
    tone_make(&tone, out, below(1000));
    tone_init_dtmf(&tone, rate, (char)any());
    tone_make(&tone, out, below(1000));
}

int main(void)
{
    static struct jitter jitter;
    static struct decoder decoder;
    static struct encoder encoder;
    static struct dtmf dtmf;
    static struct resampler resampler[2];
    jitter_init(&jitter);
    decoder_init(&decoder);
    encoder_init(&encoder);
    dtmf_init(&dtmf);
    for (int turn = 0; turn < 10000; turn++) {
        int rate = below(200) ? turn / 1000 % 2 ? AUDIO_NARROW : AUDIO_WIDE : AUDIO_NARROW;
        for (int i = 0; i < 2000; i++) octets[i] = (uint8_t)any();
        for (int i = 0; i < 4000; i += 10) in[below(4000)] = below(3) ? (int16_t)any() : below(2) ? INT16_MIN : INT16_MAX;
        packets(&jitter, turn / 500 % 2);
        if (below(5000) == 0) jitter_init(&jitter);
        jitter_get(&jitter, rate, out);
        if (jitter_depth_ms(&jitter) < 20 || jitter_depth_ms(&jitter) > 120) return 1;
        if (turn % 5 == 0) others(&decoder, &encoder, &dtmf, resampler);
    }
    return jitter.duplicates && jitter.late && jitter.strangers && jitter.put_in && jitter.left_out ? 0 : 2;
}
"""


def test_no_input_is_undefined_behaviour(tmp_path: Path) -> None:
    """Random and hostile input, under the compiler's checks of undefined behaviour and, where there are such, of addresses."""
    (tmp_path / "fuzz.c").write_text(FUZZ)
    program = str(tmp_path / "fuzz")
    command = [f"-I{NATIVE}", "-O1", "-g", "-fno-sanitize-recover=all", "-o", program, str(tmp_path / "fuzz.c"), *SOURCES]
    checks = "address,undefined" if has_address_checks(tmp_path) else "undefined"
    run_compiler([f"-fsanitize={checks}", *command])
    done = subprocess.run([program], capture_output=True, text=True, timeout=100, env=os.environ | {"ASAN_OPTIONS": "detect_leaks=0"})
    assert done.returncode == 0, done.stderr


def has_address_checks(folder: Path) -> bool:
    command = build.compiler()
    (folder / "empty.c").write_text("int main(void) { return 0; }")
    tried = [*(command or ()), "-fsanitize=address,undefined", "-o", str(folder / "empty"), str(folder / "empty.c")]
    return subprocess.run(tried, capture_output=True, timeout=60).returncode == 0
