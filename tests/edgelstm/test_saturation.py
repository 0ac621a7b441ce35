"""What lies at the ends of integers, and what is odd about data to calibrate on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.data import Dataset, save_dataset
from edgelstm.export.elstm import encode
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model, Normalize
from edgelstm.model_file import save_model
from edgelstm.quantization import calibrate, calibration_remarks, quantization_warnings, quantize, saturation
from edgelstm.quantization.reference import IntegerStream
from edgelstm.recalibration import recalibrated
from random_models import random_model, random_signal


def test_what_is_cut_off_is_counted() -> None:
    model = random_model(3, [8, 6], [4, 2], frames=900)
    frames = random_signal(500, 3, 1)
    quantized = quantize(model)
    quiet, loud = saturation(quantized, [frames]), saturation(quantized, [20 * frames, frames])
    assert list(quiet) == ["x", "lstm0", "c0", "lstm1", "c1", "dense0"]
    assert quiet["x"] < 0.05 < 0.3 < loud["x"]
    trace = IntegerStream(quantized).push(frames)
    assert quiet["x"] == np.isin(trace.x, (-128, 127)).mean()
    assert all(0 <= share <= 1 for share in loud.values())


def test_zeros_of_a_relu_are_not_cut_off() -> None:
    model = random_model(3, [8], [4, 2], frames=900)
    quantized = quantize(model)
    relu = quantized.layers[1]
    assert relu.gives.zero_point == -128
    trace = IntegerStream(quantized).push(random_signal(400, 3, 5))
    assert (trace.results["dense0"] == -128).mean() > 0.1
    assert saturation(quantized, [random_signal(400, 3, 5)])["dense0"] < 0.1


def with_bias(bias: float) -> Model:
    """Of the input gate."""
    rng = np.random.default_rng(1)
    b = np.concatenate([[bias, bias], np.full(6, 0.5)])
    lstm = LSTM(0.01 * rng.normal(size=(8, 2)), 0.1 * rng.normal(size=(8, 2)), b)
    model = Model(Normalize(np.zeros(2), np.ones(2)), (lstm, Dense(np.eye(2), np.zeros(2))), "linear")
    return calibrate(model, [random_signal(1200, 2, 1)])


def test_weights_that_a_bias_left_no_steps_are_told() -> None:
    assert quantization_warnings(quantize(with_bias(0.5))) == ()
    lines = quantization_warnings(quantize(with_bias(-4e4)))
    assert lines[0].startswith("lstm0: 2 of 8 biases of W at the limit")


def test_scales_that_are_made_up_are_told() -> None:
    model = with_bias(0.5)
    still = calibrate(model, [np.zeros((100, 2), np.float32)])
    assert quantization_warnings(quantize(still))[0].startswith("x: zero in all of calibration")


def named(model: Model) -> Model:
    return replace(model, feature_names=("pressure", "level"), normalize=Normalize([100, 0], [5, 1]))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda x: x, None),
        (lambda x: x[:200], "calibration on 200 frames, expected 1,000 or more"),
        (lambda x: x * [0, 1] + [93, 0], "calibration: pressure is always 93"),
        (lambda x: x * [0.001, 1] + [100, 0], "calibration: pressure hardly moves"),
        (lambda x: np.add(x, [900, 0]), "calibration: pressure lies about 1000, 180 deviations from training's 100"),
        (lambda x: x * [1, 40], "calibration: level varies"),
        (lambda x: np.concatenate([x, [[1e9, 0]]]), None),
    ],
)
def test_odd_data_are_told_by_the_names_of_features(change: Callable[..., Any], line: str | None) -> None:
    x = random_signal(1500, 2, 3) * [5, 1] + [100, 0]
    found = calibration_remarks(named(with_bias(0.5)), [np.asarray(change(x), np.float32)])
    if line is None:
        assert found == ()
    else:
        assert len(found) == 1
        assert found[0].startswith(line)


def test_evaluate_notes_levels_in_the_words_of_export(command: Callable[..., Any], tmp_path: Path) -> None:
    """The model and its file alike."""
    model = replace(named(with_bias(0.5)), labels=("a", "b"))
    save_model(model, tmp_path / "model.npz")
    (tmp_path / "m.elstm").write_bytes(encode(model))
    for shift, notes in ((0, 0), (900, 1)):
        signal = (random_signal(1500, 2, 3) * [5, 1] + [100 + shift, 0]).astype(np.float32)
        parts = tuple(np.split(signal, 10))
        data = Dataset(parts, np.arange(10) % 2, ("a", "b"), np.arange(10), ("pressure", "level"))
        save_dataset(data, tmp_path / "data.npz")
        (line,) = calibration_remarks(model, parts) if notes else ("",)
        for name in ("model.npz", "m.elstm"):
            ended = command("evaluate", tmp_path / name, tmp_path / "data.npz", "--all")
            assert ended.code == 0
            assert ended.err.count("Note: ") == notes
            assert line.removeprefix("calibration: ") in " ".join(ended.err.split())


def test_a_model_that_does_not_know_its_ranges_learns_them() -> None:
    signals = tuple((random_signal(900, 2, seed) * [5, 1] + [100, 0]).astype(np.float32) for seed in range(5))
    data = Dataset(signals, np.zeros(5, np.int64), ("",), np.arange(5), ("pressure", "level"))
    model = recalibrated(named(with_bias(0.5)), data)
    (low, high), _ = model.feature_range
    assert 75 < low < 95 < 105 < high < 125
    known = replace(model, feature_range=((0.0, 1.0), (0.0, 1.0)))
    assert recalibrated(known, data).feature_range == known.feature_range


def test_data_in_which_nothing_moves_are_refused() -> None:
    with pytest.raises(ValueError, match="no feature ever changes"):
        calibration_remarks(named(with_bias(0.5)), [np.ones((2000, 2), np.float32)])


def test_export_says_what_is_odd(command: Callable[..., Any], tmp_path: Path) -> None:
    model = named(with_bias(0.5))
    save_model(replace(model, labels=("a", "b")), tmp_path / "model.npz")
    signal = (random_signal(1500, 2, 3) * [5, 1] + [900, 0]).astype(np.float32)
    sequences = tuple(np.split(signal, 10))
    data = Dataset(sequences, np.arange(10) % 2, ("a", "b"), np.arange(10), ("pressure", "level"))
    save_dataset(data, tmp_path / "data.npz")
    done = command("export", tmp_path / "model.npz", "--data", tmp_path / "data.npz")
    assert "Note: calibration: pressure lies about 9" in done.err
    done = command("export", tmp_path / "model.npz", "--no-verify")
    assert "Note:" not in done.err
