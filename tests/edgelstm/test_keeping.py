"""Which layers calibration gives more than int8: those of which int8 would make too much, and no others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgelstm.forward import scores as float_scores
from edgelstm.layers import LSTM, Activation, Affine, Dense
from edgelstm.model import Model, Normalize
from edgelstm.quantization import calibrate, quantize, reference
from random_models import random_signal

FEATURES, UNITS = 6, 8


def model_of(powers: np.ndarray) -> Model:
    """An LSTM over features of these sizes, each of which counts alike, and a vector behind a tanh."""
    rng = np.random.default_rng(4)
    W, R = rng.normal(size=(4 * UNITS, FEATURES)) / powers, rng.normal(size=(4 * UNITS, UNITS)) / 3
    layers = (
        LSTM(W, R, 0.3 * rng.normal(size=4 * UNITS)),
        Dense(rng.normal(size=(5, UNITS)), np.zeros(5)),
        Activation("tanh"),
        Affine(np.ones(5), np.zeros(5)),
    )
    return Model(Normalize(np.zeros(FEATURES), np.ones(FEATURES)), layers, "linear")


def error(model: Model, frames: np.ndarray) -> float:
    (wanted,) = float_scores(model, [frames])
    (found,) = reference.scores(quantize(model), [frames])
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted - wanted.mean(axis=0)))


@pytest.mark.parametrize(("decades", "bits"), [(2, 16), (4, 32)])
def test_an_lstm_over_features_of_very_unlike_sizes_gets_more_than_int8(decades: int, bits: int) -> None:
    """Rows of weights of one scale do not hold those of small features and of large ones."""
    powers = 10.0 ** np.linspace(-decades, 0, FEATURES)
    signal = random_signal(1200, FEATURES, 3) * powers.astype(np.float32)
    made = calibrate(model_of(powers), (signal[:1000],))
    assert made.ranges is not None
    assert "lstm0" in (made.ranges.kept if bits == 32 else made.ranges.int16)
    assert error(made, signal[1000:]) < 0.01
    assert error(replace(made, ranges=replace(made.ranges, kept=(), int16=())), signal[1000:]) > 0.01


def test_a_larger_error_leaves_more_in_int8() -> None:
    powers = 10.0 ** np.linspace(-2, 0, FEATURES)
    signal = random_signal(1200, FEATURES, 3) * powers.astype(np.float32)
    for most, wider in ((0.003, 2), (0.9, 0)):
        made = calibrate(model_of(powers), (signal[:1000],), most_error=most)
        assert made.ranges is not None
        assert len(made.ranges.int16) == wider
        assert error(made, signal[1000:]) < 2 * most


def test_nothing_is_chosen_of_few_frames_nor_where_it_is_said() -> None:
    model, signal = model_of(np.ones(FEATURES)), random_signal(1000, FEATURES, 3)
    for frames, kept, wanted in ((1000, (), ()), (900, None, ()), (900, ("dense0",), ("dense0",))):
        ranges = calibrate(model, (signal[:frames],), kept=kept).ranges
        assert ranges is not None
        assert (ranges.kept, ranges.int16) == (wanted, ())


def test_a_model_of_integers_alone_keeps_nothing() -> None:
    model = model_of(np.ones(FEATURES))
    ranges = calibrate(replace(model, layers=model.layers[:2]), (random_signal(1000, FEATURES, 3),)).ranges
    assert ranges is not None
    assert (ranges.kept, ranges.int16) == ((), ())


def test_a_layer_that_int8_could_overflow_is_kept_where_others_are_in_float32_anyway() -> None:
    model = model_of(np.ones(FEATURES))
    large = replace(model.layers[1], W=model.layers[1].W * np.float32(1e12))
    made = calibrate(replace(model, layers=(model.layers[0], large, *model.layers[2:])), (random_signal(80, 6, 1),))
    assert made.ranges is not None
    assert {*made.ranges.kept, *made.ranges.int16} <= {"dense0"}
    quantize(made)


@pytest.mark.parametrize("kept", [("lstm1",), ("activation0",), ("input",)])
def test_a_name_that_no_layer_with_weights_has_is_refused(kept: tuple[str, ...]) -> None:
    with pytest.raises(
        ValueError, match=r"^Model\.ranges: keeps '\w+' in more than int8, expected some of lstm0, dense0,"
    ):
        calibrate(model_of(np.ones(FEATURES)), (random_signal(80, 6, 1),), kept=kept)
