"""Sound as frames: WAV files of every kind against the standard library's writer, and every n-th sample against
Fourier."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import sys
import threading
import wave
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.resampling import MOST, Decimator, step_between, taps
from edgelstm.runtime.sources.open import open_source
from edgelstm.runtime.sources.sound import Layout, SoundSource
from edgelstm.runtime.sources.source import FrameFormat, NoFramesError
from edgelstm.runtime.sources.wav_file import Wav

RNG = np.random.default_rng(3)


def wav(samples: np.ndarray, rate: int = 16000) -> bytes:
    """samples (frames, channels), int16."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((samples.shape[1], 2, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return out.getvalue()


def frames(path: Path | str, form: FrameFormat, kind: Wav | str = "wav") -> np.ndarray:
    with open_source(kind, str(path), form) as source:
        return np.array(list(source))


@pytest.fixture
def sound() -> np.ndarray:
    return RNG.integers(-32768, 32768, (1003, 2))


def test_a_sample_of_each_channel_is_a_frame(tmp_path, sound):
    path = tmp_path / "x.wav"
    path.write_bytes(wav(sound))
    np.testing.assert_array_equal(frames(path, FrameFormat(2, ("sound1", "sound2"), sample_rate=16000)), sound)
    np.testing.assert_array_equal(frames(path, FrameFormat(2, ("left", "right"))), sound)
    np.testing.assert_array_equal(frames(path, FrameFormat(1, ("sound",)), Wav(channel=2)), sound[:, 1:])


def test_a_model_without_names_takes_a_hop_of_samples(tmp_path, sound):
    path = tmp_path / "x.wav"
    path.write_bytes(wav(sound[:, :1]))
    found = frames(path, FrameFormat(160, sample_rate=100))
    np.testing.assert_array_equal(found, sound[:960, 0].reshape(6, 160))  # the rest fills no frame


@pytest.mark.parametrize(
    ("form", "channel", "problem"),
    [
        (FrameFormat(1, ("sound",)), None, "2 channels, the model takes 1; expected --channel 1 to 2"),
        (FrameFormat(1, ("sound",)), 3, "channel 3, expected 1 to 2"),
        (
            FrameFormat(3, ("x", "y", "z")),
            None,
            "2 channels for a model of x, y, z, expected 3 channels, one for each",
        ),
        (
            FrameFormat(2, ("sound1", "sound2"), sample_rate=17000),
            None,
            "16000 samples per second, expected 17000 to 204000",
        ),
        (
            FrameFormat(2, ("sound1", "sound2"), sample_rate=1000),
            None,
            "16000 samples per second, expected 1000 to 12000",
        ),
    ],
)
def test_a_sound_that_the_model_does_not_take_is_refused(tmp_path, sound, form, channel, problem):
    path = tmp_path / "x.wav"
    path.write_bytes(wav(sound))
    with pytest.raises(ValueError, match=f"^{path}: {problem}[^\n]*$"):
        frames(path, form, Wav(channel=channel))


@pytest.mark.parametrize(
    ("riff", "size"), [(0, 0), (0xFFFFFFFF, 0), (0xFFFFFFFF, 0x7FFFF000), (0xFFFFFFFF, 0xFFFFFFFF)]
)
def test_what_a_program_streams_is_read_through_a_pipe_to_its_end(monkeypatch, sound, riff, size):
    """Such programs know no length, and pipes cannot be sought in."""
    whole = bytearray(wav(sound[:, :1]))
    whole[4:8], whole[40:44] = struct.pack("<I", riff), struct.pack("<I", size)
    reader, writer = os.pipe()
    threading.Thread(target=lambda: (os.write(writer, bytes(whole)), os.close(writer))).start()
    with os.fdopen(reader, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(pipe))
        np.testing.assert_array_equal(frames("-", FrameFormat(1, ("sound",))), sound[:, :1])


def test_a_file_that_was_cut_off_gives_what_it_has_and_then_an_error(tmp_path, sound):
    path = tmp_path / "x.wav"
    path.write_bytes(wav(sound)[:-6])
    with open_source("wav", str(path), FrameFormat(2)) as source:
        found = iter(source)
        np.testing.assert_array_equal([next(found) for _ in range(1001)], sound[:1001])
        with pytest.raises(ValueError, match=r"x\.wav: truncated: 1003 frames of samples announced, 1001 there"):
            next(found)


def test_a_file_without_samples(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(wav(np.zeros((0, 1))))
    with pytest.raises(NoFramesError, match=r"x\.wav: no samples"):
        frames(path, FrameFormat(1))


@pytest.mark.parametrize("step", [2, 3, 6, MOST])
def test_what_the_new_rate_cannot_hold_is_taken_away_and_the_rest_left(step):
    """Tones by their places relative to half the new rate, against their own amplitude."""
    time = np.arange(step * 4000)
    for place, least, most in ((0.1, -0.02, 0.02), (0.85, -0.02, 0.02), (9 / 8, -200, -55), (1.4, -200, -55)):
        if place >= step:
            continue
        tone = 20000 * np.sin(np.pi * place / step * time)
        kept = Decimator(step, 1)(tone[:, None].astype(np.float32))[100:, 0]
        decibel = 20 * np.log10(kept.std() / (20000 / np.sqrt(2)))
        assert least <= decibel <= most, place


@pytest.mark.parametrize(("source", "target"), [(44100, 16000), (22050, 16000), (44100, 8000), (48000, 32000)])
def test_rates_that_are_no_multiples_are_as_right(source, target):
    """A tone keeps its place and its height, whatever lies between; what the new rate cannot hold is taken away."""
    step = step_between(source, target)
    late = taps(step).shape[1] // 2
    for hertz, is_kept in ((0.03 * target, True), (0.42 * target, True), (0.57 * target, False)):
        if hertz > source / 2:
            continue
        tone = 20000 * np.sin(2 * np.pi * hertz / source * np.arange(source // 4))
        kept = Decimator(step, 1)(tone[:, None].astype(np.float32))[:, 0].astype(float)
        assert len(kept) == -(-len(tone) * target // source)
        exact = 20000 * np.sin(2 * np.pi * hertz * (np.arange(len(kept)) / target - late / source)) * is_kept
        assert abs(kept - exact)[200:].max() < (45 if is_kept else 30)


def test_a_step_that_is_not_whole_is_by_its_definition_in_pieces_of_any_size():
    step = Fraction(441, 160)
    sound = np.random.default_rng(1).integers(-32768, 32768, (1500, 2)).astype(np.float32)
    whole, decimator = Decimator(step, 2)(sound), Decimator(step, 2)
    pieces = []
    for size in (1, 2, 700, 3, 0, 794):
        pieces.append(decimator(sound[:size]))
        sound_left, saved = sound[size:], decimator.save()
        decimator = Decimator(step, 2)
        decimator.restore(saved)
        sound = sound_left
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    filters, sound = taps(step).tolist(), np.random.default_rng(1).integers(-32768, 32768, (1500, 2))
    for row in range(0, len(whole), 29):
        newest, place = divmod(row * 441, 160)
        window = [int(sound[newest - k, 1]) if newest >= k else 0 for k in reversed(range(len(filters[0])))]
        exact = (sum(a * b for a, b in zip(filters[place], window)) + (1 << 14)) >> 15
        assert whole[row, 1] == min(max(exact, -32768), 32767)


@given(st.integers(1, MOST), st.lists(st.integers(0, 70), max_size=8), st.integers(1, 2))
def test_pieces_of_any_size_give_what_the_whole_does(step, sizes, channels):
    sound = np.random.default_rng(sum(sizes)).integers(-32768, 32768, (sum(sizes), channels)).astype(np.float32)
    decimator, ends = Decimator(step, channels), np.cumsum([0, *sizes])
    pieces = [decimator(sound[a:b]) for a, b in pairwise(ends)]
    whole = Decimator(step, channels)(sound)
    np.testing.assert_array_equal(np.concatenate([whole[:0], *pieces]), whole)
    # By the definition, in whole numbers of Python.
    filter_ = taps(step)[0].tolist()
    for row in range(0, len(whole), 7):
        for channel in range(channels):
            past = [int(sound[row * step - k, channel]) if row * step >= k else 0 for k in range(len(filter_))]
            exact = (sum(a * b for a, b in zip(filter_, past)) + (1 << 14)) >> 15
            assert whole[row, channel] == min(max(exact, -32768), 32767)


def test_the_filters_are_the_same_on_every_machine():
    """No tap is near the middle of two whole numbers, and these are those that were first released."""
    for step in range(1, MOST + 1):
        place = np.arange(32 * step + 1) - 16 * step
        exact = np.sinc(place / step) * np.kaiser(len(place), 6.0)
        exact *= 32768 / exact.sum()
        assert abs(np.abs(exact - np.floor(exact)) - 0.5).min() > 1e-5
        assert taps(step).sum() == 32768
    for step in map(Fraction, ("441/160", "441/320", "441/80", "3/2", "5/3")):
        place = (
            np.arange(taps(step).shape[1])
            - taps(step).shape[1] // 2
            - np.arange(step.denominator)[:, None] / step.denominator
        )
        reach = 16 * float(step)
        exact = np.where(abs(place) <= reach, np.i0(6 * np.sqrt(np.clip(1 - (place / reach) ** 2, 0, 1))), 0)
        exact *= np.sinc(place / float(step))
        exact *= 32768 / exact.sum(axis=1, keepdims=True)
        assert abs(np.abs(exact - np.floor(exact)) - 0.5).min() > 1e-6
        assert abs(taps(step) - exact).max() < 24  # what makes a row 1 in all
        assert (taps(step).sum(axis=1) == 32768).all()
    every = b"".join(taps(step).astype("<i8").tobytes() for step in range(1, MOST + 1))
    assert hashlib.sha256(every).hexdigest()[:16] == "bc6dc47147b0b7fb"


def test_a_source_at_a_multiple_of_the_models_rate_is_filtered(tmp_path, sound):
    path = tmp_path / "x.wav"
    path.write_bytes(wav(sound[:, :1], rate=48000))
    found = frames(path, FrameFormat(1, ("sound",), sample_rate=16000))
    np.testing.assert_array_equal(found, Decimator(3, 1)(sound[:, :1].astype(np.float32)))


@given(st.data())
def test_hostile_files_are_refused_in_one_line_or_read(tmp_path_factory, data):
    whole = bytearray(wav(np.ones((20, 1))))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)):
        whole[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("wav") / "x.wav"
    path.write_bytes(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    told = ""
    found: list[np.ndarray] = []
    try:
        with open_source("wav", str(path), FrameFormat(1)) as source:
            found.extend(source)
    except ValueError as error:
        told = str(error)
    assert "\n" not in told
    assert told or found
    assert all(np.isfinite(frame).all() and frame.shape == (1,) for frame in found)


def test_errors_name_the_second(sound):
    form = FrameFormat(1, sample_rate=1000)
    piece = sound[:, :1].astype(np.float32)
    source = SoundSource("x", form, iter([piece]), 1000, 1, Layout.of(form))
    next(iter(source))
    assert source.place == "x at 0.001 s"
