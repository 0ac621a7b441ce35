"""Log-mel features: the integers against float64, the C core against them in every bit, the laws of streams."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.export.elstm import encode
from edgelstm.forward import FloatStream, forward
from edgelstm.layers import LogMel, Shape
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import quantize
from edgelstm.quantization.reference import IntegerStream
from edgelstm.runtime import Model
from sound_models import SETTINGS, framed, hard_sound, hearing_model, in_float64, log_mel

SIZES = tuple(SETTINGS)
LEVELS = ("none", "running")


def plain(layer: LogMel, frames: np.ndarray) -> np.ndarray:
    """What it gives, without its mean and spread."""
    found = layer.forward(frames.astype(np.float64)[:, None], Shape(1, layer.hop)).result[:, 0]
    return found * layer.std + layer.mean


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("filters", ["htk", "slaney", "kaldi"])
def test_whole_numbers_are_as_good_as_float64(size: int, filters: str) -> None:
    layer = log_mel(size, filters=filters)
    rng = np.random.default_rng(3)
    for amplitude, most, rms in ((1, 0.7, 0.05), (30, 0.02, 1e-3), (3000, 0.002, 4e-4)):
        samples = np.rint(np.clip(rng.normal(0, amplitude, 40 * layer.hop), -32768, 32767))
        off = plain(layer, framed(samples, layer.hop)) - in_float64(layer, samples)
        assert np.abs(off).max() < most
        assert np.sqrt(np.mean(off**2)) < rms


def test_a_tone_is_heard_in_its_band() -> None:
    layer = log_mel(512)
    centres = np.argmax(layer.tables.weights, axis=1) * layer.rate / layer.size
    for band in (3, 9, 17):
        samples = np.rint(1000 * np.sin(2 * np.pi * centres[band] / layer.rate * np.arange(10 * layer.hop)))
        assert plain(layer, framed(samples, layer.hop))[5].argmax() == band


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("level", LEVELS)
def test_the_core_gives_the_same_bits(size: int, level: str, tmp_path: Path) -> None:
    model = hearing_model(size, level, shows=True)
    frames = framed(hard_sound(round(model.sample_rate * model.features)), model.features)
    quantized = quantize(model)
    for name, source in (("float32", model), ("int8", quantized)):
        (tmp_path / name).write_bytes(encode(source))
        opened = Model(tmp_path / name)
        found = opened.stream().push(frames)
        wanted = (
            forward(model, frames, np.float32).scores
            if name == "float32"
            else IntegerStream(quantized).push(frames).scores
        )
        assert np.array_equal(found[:, 1:], wanted[:, 1:])  # the features themselves
        np.testing.assert_allclose(found, wanted, atol=1e-5 if name == "float32" else 0)
        assert np.ptp(found[:, 1:]) > 3


def test_samples_are_whole_numbers_of_16_bits_whatever_comes() -> None:
    layer = log_mel(256)
    given_frames = np.random.default_rng(0).normal(0, 30000, (9, layer.hop)).astype(np.float32)
    whole = np.clip(np.rint(given_frames), -32768, 32767)
    assert np.array_equal(plain(layer, given_frames), plain(layer, whole))
    assert not np.array_equal(plain(layer, given_frames), plain(layer, whole + 1))


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(0, 99))
def test_any_split_saved_and_restored_gives_the_whole(level: str, cuts: list[int], seed: int) -> None:
    model = hearing_model(256, level)
    frames = framed(hard_sound(8000, seed), model.features)[: sum(cuts)]
    whole = forward(model, frames, np.float32).scores
    parts = np.split(frames, np.cumsum(cuts)[:-1])
    stream = FloatStream(model)
    np.testing.assert_allclose(np.concatenate([stream.push(part) for part in parts if len(part)]), whole, atol=1e-6)
    reference = IntegerStream(quantize(model))
    joined = np.concatenate([reference.push(part).scores for part in parts if len(part)])
    assert np.array_equal(joined, IntegerStream(quantize(model)).push(frames).scores)


@pytest.mark.parametrize("level", LEVELS)
def test_a_stream_of_the_core_goes_on_where_it_was_saved(level: str, tmp_path: Path) -> None:
    model = hearing_model(512, level)
    frames = framed(hard_sound(16000), model.features)
    (tmp_path / "model.elstm").write_bytes(encode(quantize(model)))
    opened = Model(tmp_path / "model.elstm")
    whole = opened.stream().push(frames)
    first = opened.stream()
    head = first.push(frames[:101])
    second = opened.stream()
    second.restore(first.save())
    assert np.array_equal(np.concatenate([head, second.push(frames[101:])]), whole)
    pool = opened.pool(3)
    for n, frame in enumerate(frames[:50]):
        assert np.array_equal(pool.push(np.stack([frame] * 3))[0][1], whole[n])
    names = {part.name: (part.dtype, part.count) for part in opened.parts}
    assert names["samples0"] == ("int16", 400)
    assert ("level0" in names) == (level == "running")


def test_a_running_level_hears_the_same_at_a_tenth_of_the_volume() -> None:
    samples = np.random.default_rng(5).normal(0, 8000, 16000) * (1 + np.sin(np.arange(16000) / 900))
    loud, soft = (framed(np.rint(samples * gain), 160) for gain in (1.0, 0.1))
    for level, moved in (("none", True), ("running", False)):
        layer = log_mel(512, level=level, reach=200)
        assert (np.abs(plain(layer, loud) - plain(layer, soft))[10:].mean() > 1) == moved


def test_a_running_level_rises_at_once_and_falls_as_it_says() -> None:
    layer = log_mel(512, level="running", fall=50, reach=60)
    samples = np.concatenate([np.random.default_rng(0).normal(0, 5000, 3200), np.zeros(16000)])
    run = layer.forward(framed(samples, 160)[:, None].astype(np.float64), Shape(1, 160))
    level = run.states["level"][:, 0, 0] / 512 * 10 * np.log10(2)  # decibels
    found = run.result[:, 0] * layer.std + layer.mean
    np.testing.assert_allclose(found[10].max(), 0, atol=0.02)
    np.testing.assert_allclose(np.diff(level[24:90]), -0.5, atol=0.01)
    np.testing.assert_allclose(found[26].min(), -60 / 10 * np.log(10), atol=0.02)


def test_a_file_of_the_model_keeps_all_of_it(tmp_path: Path) -> None:
    model = hearing_model(256, "running")
    save_model(model, tmp_path / "model.npz")
    back = load_model(tmp_path / "model.npz")
    assert encode(back) == encode(model)
    assert (back.layers[0].fall, back.layers[0].reach) == (20, 40)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": 500}, "LogMel.size: 500, expected one of 256, 512, 1024"),
        ({"window": 201}, "LogMel.window: 201, expected an even number"),
        ({"window": 402}, "LogMel.window: 402, expected a whole number from 2 to 256"),
        ({"hop": 201}, "LogMel.hop: 201, expected a whole number from 1 to 200"),
        ({"high": 4001}, "LogMel.high: 4001, expected a whole number from 1 to 4000"),
        ({"low": 3800}, "LogMel.low: 3800, expected a whole number from 0 to 3799"),
        ({"filters": "bark"}, "LogMel.filters: 'bark', expected one of htk, slaney, kaldi"),
        ({"level": "peak"}, "LogMel.level: 'peak', expected one of none, running"),
        ({"reach": 0}, "LogMel.reach: 0, expected a whole number from 1 to 200"),
        ({"high": 60}, "LogMel.size: 256, of whose frequencies none lies in band 0 of 20"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}"):
        LogMel(np.zeros(20), np.ones(20), **{**SETTINGS[256], **settings})


def test_a_frame_is_one_hop() -> None:
    model = hearing_model(256)
    with pytest.raises(ValueError, match="LogMel takes 80 inputs, the one before gives 81"):
        replace(model, normalize=type(model.normalize)(np.zeros(81), np.ones(81)), examples=(), ranges=None)
