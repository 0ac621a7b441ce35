"""Calibration: what glitches, small and degenerate data do to ranges, and what folding keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from counts import FULL
from edgelstm import forward
from edgelstm.layers import GRU, LSTM, Context, Conv, Dense, Layer
from edgelstm.model import Model, Normalize, Ranges
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import calibrate, quantize, reference
from edgelstm.quantization.features import see_features
from edgelstm.quantization.reference import IntegerStream, quantize_frames
from edgelstm.quantization.tails import Tails
from random_models import random_model, random_signal
from sound_models import hearing_model


def relative_error(found: np.ndarray, right: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - right) ** 2) / np.mean((right - right.mean(0)) ** 2)))


PLAIN = Normalize(np.zeros(2), np.ones(2))


def test_tails_are_quantiles() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_t(3, size=(7000, 3)).astype(np.float32)
    tails = Tails(3, len(values))
    for part in np.array_split(values, 9):
        tails.add(part)
    for share in (0.0, 1e-4, 1e-3):
        low, high = tails.ends(share)
        np.testing.assert_allclose(low, np.quantile(values, share, axis=0), rtol=1e-6)
        np.testing.assert_allclose(high, np.quantile(values, 1 - share, axis=0), rtol=1e-6)


@pytest.mark.parametrize("size", [20, 100, -1e3, 2e4, -1e30])
def test_a_glitch_is_no_part_of_a_range(size: float) -> None:
    rng = np.random.default_rng(1)
    clean = rng.normal(size=(6000, 2)).astype(np.float32)
    glitched = clean.copy()
    glitched[3000, 1] = size
    seen = see_features(PLAIN, [glitched])
    low, high = seen.ends(0.0)
    np.testing.assert_allclose(low, clean.min(axis=0), rtol=0.1)
    np.testing.assert_allclose(high, clean.max(axis=0), rtol=0.1)
    bounded = seen.clipped(glitched)
    assert np.abs(bounded).max() < 6
    same = np.ones(6000, bool)
    same[3000] = False
    np.testing.assert_allclose(bounded[same], clean[same], rtol=1e-6)


def test_what_comes_again_is_no_glitch() -> None:
    """An impulse in one of a thousand frames is what the feature is about."""
    x = np.zeros((6000, 2), np.float32)
    x[::1000] = 30
    assert see_features(PLAIN, [x]).ends(0.0)[1].tolist() == [30, 30]


def glitched(frames: np.ndarray, deviations: float, seed: int) -> np.ndarray:
    """With one value of 20,000 replaced, and at least one."""
    rng, frames = np.random.default_rng(seed), frames.copy()
    for _ in range(max(frames.size // 20_000, 1)):
        frames[rng.integers(len(frames)), rng.integers(frames.shape[1])] = deviations * rng.choice([-1, 1])
    return frames


@pytest.mark.slow
@pytest.mark.parametrize("deviations", [10, 100, 1000] if FULL else [1000])
def test_int8_stays_near_float_after_a_glitch(deviations: float) -> None:
    model = random_model(6, [24], [5], seed=3)
    frames = random_signal(4000, 6, 1)
    test = random_signal(500, 6, 2)
    right = forward.forward(model, test).scores[50:]
    errors = [
        relative_error(IntegerStream(quantize(calibrate(model, [seen]))).push(test).scores[50:], right)
        for seen in (frames, glitched(frames, deviations, 5))
    ]
    assert errors[1] < 1.5 * errors[0]


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(list(shape)).normal(size=shape) / np.sqrt(shape[-1])


FIRST: dict[str, tuple[Layer, ...]] = {
    "lstm": (LSTM(weights(16, 3), weights(16, 4), weights(16)),),
    "gru": (GRU(weights(12, 3), weights(12, 4), weights(12), weights(4)),),
    "reset first": (GRU(weights(12, 3), weights(12, 4), weights(12), np.zeros(4), "before"),),
    "context, gru": (Context(2, 1), GRU(weights(12, 6), weights(12, 4), weights(12), weights(4))),
    "contexts, conv": (Context(2, 1), Context(3, 1), Conv(weights(5, 2, 6), weights(5)), LSTM(
        weights(16, 10), weights(16, 4), weights(16))),
    "dense": (Dense(weights(5, 3), weights(5), "relu"), LSTM(weights(16, 5), weights(16, 4), weights(16))),
}  # fmt: skip


@pytest.mark.parametrize("first", FIRST)
def test_folded_scales_change_no_answer_but_what_rounding_does(first: str) -> None:
    """Factors of powers of two are exact: the integers are those of a model over features divided before."""
    layers = (*FIRST[first], Dense(weights(2, 4), weights(2)))
    model = Model(Normalize(np.zeros(3), np.ones(3)), layers, "linear")
    frames = random_signal(400, 3, 1) * np.float32([1, 8, 0.25])
    model = calibrate(model, [frames])
    assert model.ranges is not None
    factors = (0.5, 4.0, 0.125)
    spans = {**model.ranges.spans, "x": (-4.0, 4.0)}
    folded = quantize(replace(model, ranges=Ranges(spans, factors)))
    divided = frames / np.float32(factors)
    place = next(n for n, layer in enumerate(layers) if layer.columns)
    W = layers[place].W  # type: ignore[attr-defined]
    wide = replace(layers[place], W=W * np.tile(factors, W.shape[-1] // 3))  # type: ignore[type-var]
    other = replace(model, layers=(*layers[:place], wide, *layers[place + 1 :]), ranges=Ranges(spans), covariances={})
    plain = quantize(replace(folded.model, covariances={}))
    np.testing.assert_array_equal(quantize_frames(plain, frames), quantize_frames(quantize(other), divided))
    found, right = (IntegerStream(q).push(x) for q, x in ((plain, frames), (quantize(other), divided)))
    np.testing.assert_array_equal(found.sums, right.sums)
    close = forward.forward(model, frames).scores
    assert relative_error(IntegerStream(folded).push(frames).scores, close) < 0.1


def test_features_of_unlike_reach_get_scales_of_their_own() -> None:
    """Where the small ones carry the answer."""
    rng = np.random.default_rng(2)
    W = rng.normal(size=(16, 4)) * [0.01, 1, 1, 1]
    model = Model(
        Normalize(np.zeros(4), np.ones(4)),
        (LSTM(W, 0.3 * rng.normal(size=(16, 4)), np.zeros(16)), Dense(rng.normal(size=(2, 4)), np.zeros(2))),
        "linear",
    )
    frames = random_signal(3000, 4, 1) * np.float32([100, 1, 1, 1])
    found = calibrate(model, [frames])
    assert found.ranges is not None
    assert found.ranges.factors[0] == 1
    assert max(found.ranges.factors[1:]) < 0.5
    right = forward.forward(model, frames).scores
    assert relative_error(IntegerStream(quantize(found)).push(frames).scores, right) < 0.03


def test_a_saved_model_gives_the_same_integers(tmp_path, watch_model: Model) -> None:
    save_model(watch_model, tmp_path / "model.npz")
    loaded = load_model(tmp_path / "model.npz")
    assert loaded.ranges is not None
    assert watch_model.ranges is not None
    assert loaded.ranges.factors == watch_model.ranges.factors
    for layer, same in zip(quantize(watch_model).layers, quantize(loaded).layers, strict=True):
        np.testing.assert_array_equal(layer.W, same.W)
        np.testing.assert_array_equal(layer.bias, same.bias)


def test_a_cell_that_leaves_what_int8_holds_saturates() -> None:
    """It counts frames, and its tanh is 1 from the tenth on."""
    W, R, b = np.zeros((8, 2)), np.zeros((8, 2)), np.full(8, 20.0)
    model = Model(PLAIN, (LSTM(W, R, b), Dense(np.eye(2), np.zeros(2))), "linear")
    found = calibrate(model, [random_signal(1200, 2, 1)])
    assert found.ranges is not None
    assert found.ranges.largest("c0") <= 1024 / 1.25
    frames = random_signal(1200, 2, 2)
    np.testing.assert_allclose(reference.scores(quantize(found), [frames])[0][20:], 1, atol=0.01)


def test_cells_are_seen_in_streams_that_nothing_resets() -> None:
    """A sum over frames: each sequence reaches 3, one after another they reach 24."""
    W, R, b = np.zeros((8, 1)), np.zeros((8, 2)), np.zeros(8)
    b[:2], b[2:4], b[6:8] = 20, 20, 20
    W[4:6, 0] = 0.01
    model = Model(Normalize(np.zeros(1), np.ones(1)), (LSTM(W, R, b), Dense(np.eye(2), np.zeros(2))), "linear")
    alone = calibrate(model, [np.ones((300, 1), np.float32)])
    many = calibrate(model, [np.ones((300, 1), np.float32)] * 64)
    assert alone.ranges is not None
    assert many.ranges is not None
    assert alone.ranges.largest("c0") == pytest.approx(3, rel=0.01)
    assert many.ranges.largest("c0") == pytest.approx(24, rel=0.01)


def test_what_a_model_that_hears_carries_stays_when_it_is_calibrated() -> None:
    model = hearing_model(256)
    sounds = [np.float32(1000) * random_signal(40, model.features, n) for n in range(3)]
    truth = np.eye(model.outputs, dtype=np.float32)[:2]
    found = calibrate(replace(model, unseen=tuple(sounds[:2]), unseen_truth=truth), sounds[2:])
    assert len(found.unseen) == 2
    np.testing.assert_array_equal(found.unseen_truth, truth)
