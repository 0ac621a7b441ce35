"""A sound that is heard in parts, with the state kept between them, is heard as in one go: no sample is lost."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from edgelstm.export import export_model
from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.resampling import Decimator
from edgelstm.runtime import Model
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.kept_state import KeptState
from edgelstm.runtime.sources.sound import Layout, SoundSource
from edgelstm.runtime.sources.source import FrameFormat
from edgelstm.runtime.sources.unframed import Unframed
from in_process import run
from random_models import random_model
from sound_models import hard_sound, hearing_model, write_wav

HOP = 80
WHOLE = Fraction(1)


def heard(samples: Float32, waiting: Unframed, step: Fraction = WHOLE) -> list[np.ndarray]:
    form = FrameFormat(HOP, sample_rate=100.0, waiting=waiting)
    pieces = (samples[n : n + 97, None] for n in range(0, len(samples), 97))
    return list(SoundSource("sound", form, pieces, int(8000 * step), 1, Layout(1, HOP, 8000)))


@pytest.mark.parametrize("step", [WHOLE, Fraction(3), Fraction(441, 160)])
@pytest.mark.parametrize("cut", [81, 240, 1000, 2800])
def test_parts_are_heard_as_the_whole(step: Fraction, cut: int) -> None:
    samples = np.rint(np.random.default_rng(0).normal(0, 3000, 9000)).astype(np.float32)
    cut = int(cut * step)
    whole = heard(samples, Unframed(), step)
    first, second = Unframed(), Unframed()
    parts = heard(samples[:cut], first, step)
    second.restore(first.save(), 0)
    parts += heard(samples[cut:], second, step)
    assert np.array_equal(parts, whole)


def test_what_waits_between_two_frames_is_all_that_was_read() -> None:
    samples = np.arange(1000, dtype=np.float32)
    waiting = Unframed()
    form = FrameFormat(HOP, sample_rate=100.0, waiting=waiting)
    frames = iter(SoundSource("sound", form, iter([samples[:, None]]), 8000, 1, Layout(1, HOP, 8000)))
    next(frames)
    later = Unframed()
    later.restore(waiting.save(), 1)
    rest, _ = later.begin(1, 1)
    assert np.array_equal(rest[:, 0], samples[HOP:])


def test_what_waited_of_another_rate_is_told_of() -> None:
    samples, waiting, told = np.ones(1000, np.float32), Unframed(), []

    def hears(step: Fraction) -> None:
        form = FrameFormat(HOP, sample_rate=100.0, waiting=waiting)
        source = SoundSource("sound", form, iter([samples[:, None]]), int(8000 * step), 1, Layout(1, HOP, 8000))
        source.tell = told.append
        list(source)

    hears(Fraction(3))
    hears(Fraction(3))
    assert told == []
    hears(WHOLE)
    assert len(told) == 1
    assert "another rate" in told[0]


@pytest.mark.parametrize("size", [3, 11, 12, 14, 40])
def test_damaged_bytes_are_refused_and_change_nothing(size: int) -> None:
    waiting = Unframed()
    waiting.hand_over(np.ones((5, 1), np.float32), 3, Decimator(3, 1))
    saved = waiting.save()
    with pytest.raises(ValueError, match="waiting samples is damaged"):
        waiting.restore(saved[:size], 0)
    assert waiting.save() == saved
    other = Unframed()
    other.restore(saved, 0)
    assert other.save() == saved


def test_a_stream_with_a_state_loses_no_sample_between_two_wav_files(tmp_path: Path) -> None:
    made = export_model(hearing_model(256), tmp_path / "model.elstm", verify=False).path
    samples = hard_sound(8000)[8000:14000]
    for name, part in (("whole", samples), ("one", samples[:2111]), ("two", samples[2111:])):
        write_wav(tmp_path / f"{name}.wav", part)
    whole = run("stream", made, "--wav", tmp_path / "whole.wav").out.splitlines()
    found = []
    for name in ("one", "two"):
        ended = run("stream", made, "--wav", tmp_path / f"{name}.wav", "--state", tmp_path / "state")
        assert ended.code == 0, ended.err
        found += ended.out.splitlines()
    assert len(found) == 75
    assert list(map(json.loads, found)) == list(map(json.loads, whole))


@pytest.mark.parametrize("cuts", [(29,), (2111, 2140), (2111, 2120, 2130)])
def test_parts_too_short_for_a_frame_are_kept_for_the_next(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    made = export_model(hearing_model(256), tmp_path / "model.elstm", verify=False).path
    samples = hard_sound(8000)[8000:14000]
    write_wav(tmp_path / "whole.wav", samples)
    whole = run("stream", made, "--wav", tmp_path / "whole.wav").out.splitlines()
    found, told = [], ""
    for part in np.split(samples, cuts):
        write_wav(tmp_path / "part.wav", part)
        ended = run("stream", made, "--wav", tmp_path / "part.wav", "--state", tmp_path / "state")
        assert ended.code == 0, ended.err
        found += ended.out.splitlines()
        told += ended.err
    assert list(map(json.loads, found)) == list(map(json.loads, whole))
    assert "no frames, its samples wait in " in told


def test_samples_that_go_straight_into_a_layer_are_the_streams_too(tmp_path: Path) -> None:
    """No layer tells that a frame is samples in a row: that they come from a sound does."""
    made = replace(random_model(HOP, [6], [2], answer=Answer("last", 0, 1)), feature_names=(), sample_rate=100.0)
    (tmp_path / "model.elstm").write_bytes(encode(made))
    samples = np.rint(np.random.default_rng(0).normal(0, 3, 6000 + 41))
    write_wav(tmp_path / "whole.wav", samples)
    whole = run("stream", tmp_path / "model.elstm", "--wav", tmp_path / "whole.wav").out.splitlines()
    assert len(whole) == 75
    found, state = [], tmp_path / "state"
    for part in np.split(samples, (2111, 2120, 4000)):
        write_wav(tmp_path / "part.wav", part)
        ended = run("stream", tmp_path / "model.elstm", "--wav", tmp_path / "part.wav", "--state", state)
        assert ended.code == 0, ended.err
        found += ended.out.splitlines()
        assert b'"waiting": 0' in state.read_bytes()  # beside the stream's own
    assert found == whole
    model = Model(tmp_path / "model.elstm", samples=True)
    stream = model.stream()
    stream.restore(state.read_bytes()[: model.snapshot_bytes])
    np.testing.assert_array_equal(stream.waiting_samples, samples[-41:])


@pytest.mark.parametrize("rate", [8000, 11025])
def test_samples_are_the_streams_own_whenever_it_is_saved(tmp_path: Path, rate: int) -> None:
    """Saved after every push, in the midst of frames, it answers as one that never is; and the state has them all."""
    made = export_model(hearing_model(256), tmp_path / "model.elstm", verify=False).path
    samples = hard_sound(8000)[8000:14031]
    write_wav(tmp_path / "sound.wav", samples, rate)
    whole = run("stream", made, "--wav", tmp_path / "sound.wav").out.splitlines()
    asked = ("--state", tmp_path / "state", "--state-every", "0.000001s")
    ended = run("stream", made, "--wav", tmp_path / "sound.wav", *asked)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == whole
    model = Model(made)
    stream = model.stream()
    stream.restore((tmp_path / "state").read_bytes()[: model.snapshot_bytes])
    if rate == 8000:
        np.testing.assert_array_equal(stream.waiting_samples, samples[6000:])
        assert b'"waiting": 0' in (tmp_path / "state").read_bytes()
    assert 0 < stream.waiting < HOP


def test_a_state_of_before_streams_kept_samples_is_gone_on_from(tmp_path: Path) -> None:
    made = export_model(hearing_model(256), tmp_path / "model.elstm", verify=False).path
    samples = hard_sound(8000)[8000:14000].astype(np.float32)
    write_wav(tmp_path / "rest.wav", samples[2111:])
    before = Model(made).stream()
    expected = before.push(samples.reshape(-1, HOP))
    before.reset()
    before.push(samples[:2080].reshape(-1, HOP))
    beside = Unframed()
    beside.hand_over(samples[2080:2111, None], WHOLE, None)
    with KeptState(before, tmp_path / "state", every=0, most_age=0, tell=print, waiting=beside) as kept:
        kept.took_frame()
        kept.save()
    ended = run("stream", made, "--wav", tmp_path / "rest.wav", "--state", tmp_path / "state")
    assert ended.code == 0, ended.err
    told = [list(json.loads(line)["values"].values()) for line in ended.out.splitlines()]
    np.testing.assert_array_equal(np.array(told, np.float32), expected[26:])
