"""Quantizing: what it keeps of the float model, and the corners where it could break."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counts import some, times
from edgelstm import forward
from edgelstm.data import Dataset
from edgelstm.layers import GRU, LSTM, Dense
from edgelstm.model import Model, Normalize, Ranges
from edgelstm.quantization import calibrate, quantize
from edgelstm.quantization.affine import affine_from_range
from edgelstm.quantization.lstm import cell_exponent
from edgelstm.quantization.reference import IntegerStream, quantize_frames, scores
from random_models import random_model, random_signal
from with_layers import head_of, lstms_of


def relative_error(found: np.ndarray, right: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - right) ** 2) / np.mean((right - right.mean(0)) ** 2)))


@pytest.mark.slow
@pytest.mark.parametrize("shape", some([(40, [64]), (24, [48, 48, 48]), (40, [128])]))
def test_the_scores_stay_close_to_float64(shape: tuple[int, list[int]]) -> None:
    """Scales per row within 1.6 % for one layer and 3 % for three, median over seeds; per gate is worse."""
    features, units = shape
    per_row, per_gate = [], []
    for seed in range(times(3, 5)):
        model = random_model(features, units, [12], seed=seed, frames=4000)
        frames = random_signal(600, features, seed + 100)
        right = forward.forward(model, frames).scores[100:]
        per_row.append(relative_error(IntegerStream(quantize(model)).push(frames).scores[100:], right))
        gate = IntegerStream(quantize(model, "per-gate")).push(frames)
        per_gate.append(relative_error(gate.scores[100:], right))
    assert np.median(per_row) < (0.016 if len(units) == 1 else 0.03)
    assert np.median(per_row) < np.median(per_gate)


def test_a_batch_row_is_the_sequence_alone(vowels_model: Model, vowels: Dataset) -> None:
    quantized = quantize(vowels_model)
    some = vowels.sequences[:50]
    for batched, sequence in zip(scores(quantized, some, batch=16), some, strict=True):
        np.testing.assert_array_equal(batched, IntegerStream(quantized).push(sequence).scores)


def test_frames_in_parts_are_frames_in_one() -> None:
    quantized = quantize(random_model(4, [9, 5], [3]))
    frames = random_signal(40, 4)
    stream = IntegerStream(quantized)
    parts = [stream.push(part).scores for part in np.split(frames, [1, 1, 17])]
    np.testing.assert_array_equal(np.concatenate(parts), IntegerStream(quantized).push(frames).scores)


def one_unit(W: list[float], b: list[float]) -> Model:
    """One LSTM unit over one feature without recurrence; gates i, f, g, o."""
    lstm = LSTM(np.array(W)[:, None], np.zeros((4, 1)), np.array(b))
    head = Dense(np.ones((1, 1)), np.zeros(1))
    model = Model(Normalize(np.zeros(1), np.ones(1)), (lstm, head), activation="linear")
    return replace(model, ranges=Ranges(dict.fromkeys(model.measured, (-1.0, 1.0))))


@pytest.mark.parametrize("bias", [0.0, 1e-12, 3.0, -40.0, 1000.0])
@pytest.mark.parametrize("weight", [0.0, 1e-20, 0.5, 1000.0])
def test_rows_of_zeros_and_dominating_biases(bias: float, weight: float) -> None:
    """int32 sums do not overflow, and the gate comes out as in float64."""
    model = one_unit([weight, 0.1, 0.5, 0.2], [bias, 0.1, 0.2, 0.3])
    quantized = quantize(model)
    lstm = lstms_of(quantized)[0]
    assert np.abs(lstm.bias.astype(np.int64)).max() <= 1 << 29
    assert np.isfinite(lstm.W_scale).all()
    assert (lstm.W_scale > 0).all()
    frames = np.array([[0.7]], np.float32)
    trace = forward.forward(model, frames)
    found = (
        IntegerStream(quantized).push(frames).states["h0"].astype(float) - lstm.hidden.zero_point
    ) * lstm.hidden.scale
    assert abs(found[0, 0] - trace.states["h0"][0, 0]) < 0.02


@pytest.mark.parametrize(("weight", "bias"), [(1e7, 0.0), (1.0, 1e8), (1.0, -1e30), (1e30, 0.0)])
def test_a_model_that_could_overflow_is_refused(weight: float, bias: float) -> None:
    with pytest.raises(ValueError, match=r"lstm0, W row 0: .* overflow"):
        quantize(one_unit([weight, 0.1, 0.5, 0.2], [bias, 0.1, 0.2, 0.3]))


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_a_range_holds_zero_exactly_and_its_ends_within_a_step(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    affine = affine_from_range(low, high)
    assert -128 <= affine.zero_point <= 127
    for end in (low, high):
        code = np.clip(np.rint(end / affine.scale) + affine.zero_point, -128, 127)
        assert abs((code - affine.zero_point) * affine.scale - end) <= 1.01 * affine.scale


@pytest.mark.parametrize(
    ("largest", "exponent"),
    [(0.0, -15), (0.5, -15), (0.79, -15), (0.81, -14), (12.4, -11), (60, -8), (200, -7), (819, -5)],
)
def test_the_cell_has_margin(largest: float, exponent: int) -> None:
    assert cell_exponent(largest) == exponent
    assert largest * 1.25 <= 2.0 ** (15 + exponent)


@pytest.mark.parametrize("largest", [820.0, 1e9, 3e38])
def test_a_cell_beyond_all_scales_is_refused(largest: float) -> None:
    with pytest.raises(ValueError, match=r"^the cell reaches [^\n]*, times 1.25 more than the 1024 that int8 holds"):
        cell_exponent(largest)


def test_the_refusal_names_the_layer() -> None:
    model = random_model(6, [10, 7], [4])
    assert model.ranges is not None
    wide = replace(model, ranges=Ranges({**model.ranges.spans, "c1": (-900.0, 3.0)}))
    with pytest.raises(ValueError, match=r"^model model: lstm1: the cell reaches 900 "):
        quantize(wide)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_weights_beyond_all_scales_are_refused_by_their_layer(kind: str) -> None:
    model, rng = random_model(6, [10, 8], [4]), np.random.default_rng(0)
    if kind == "gru":
        gru = GRU(rng.normal(size=(24, 10)), rng.normal(0, 0.3, (24, 8)), rng.normal(size=24), np.zeros(8))
        layers = (model.layers[0], gru, model.layers[2])
        model = calibrate(replace(model, layers=layers, ranges=None, covariances={}), model.examples)
    layer = model.layers[1]
    assert isinstance(layer, (LSTM, GRU))
    W = layer.W.copy()
    W[3, 2] = 3e38
    large = replace(model, layers=(model.layers[0], replace(layer, W=W), model.layers[2]))
    with pytest.raises(ValueError, match=r"^model model: \w+[:,] [^\n]*so large that int8"):
        quantize(large)


def test_inputs_round_ties_to_even_and_saturate() -> None:
    quantized = replace(
        quantize(one_unit([1, 1, 1, 1], [0, 0, 0, 0])),
        input_mean=np.array([0], np.float32),
        input_scale=np.array([1], np.float32),
        input_offset=np.array([0], np.float32),
    )
    frames = np.array([[0.5], [1.5], [-0.5], [-2.5], [1e30], [-1e30]], np.float32)
    assert quantize_frames(quantized, frames).ravel().tolist() == [0, 2, 0, -2, 127, -128]


def test_per_gate_has_one_scale_for_a_gate() -> None:
    quantized = quantize(random_model(6, [10], [4]), "per-gate")
    for scale in (lstms_of(quantized)[0].W_scale, lstms_of(quantized)[0].R_scale):
        assert (scale.reshape(4, 10) == scale.reshape(4, 10)[:, :1]).all()
    assert len(set(head_of(quantized)[0].W_scale.tolist())) == 1


def test_weights_are_symmetric() -> None:
    quantized = quantize(random_model(6, [10], [4]))
    for weights in (lstms_of(quantized)[0].W, lstms_of(quantized)[0].R, head_of(quantized)[0].W):
        assert weights.min() >= -127
        assert (np.abs(weights.astype(int)).max(axis=1) >= 120).all()  # error feedback moves weights by a few


def test_a_model_without_ranges_is_refused() -> None:
    model = replace(random_model(2, [3], [2]), ranges=None)
    with pytest.raises(ValueError, match="no calibration ranges"):
        quantize(model)
    with pytest.raises(ValueError, match="no sequences"):
        calibrate(model, [])
    with pytest.raises(ValueError, match="scales: 'per-unit'"):
        quantize(random_model(2, [3], [2]), "per-unit")  # type: ignore[arg-type]


def test_calibration_sees_what_float64_computes(vowels_model: Model, vowels: Dataset) -> None:
    some = vowels.sequences[:20]
    ranges = calibrate(vowels_model, some).ranges
    assert ranges is not None
    traces = [forward.forward(vowels_model, x) for x in some]
    streamed = [forward.forward(vowels_model, np.concatenate(some[lane::8])) for lane in range(8)]  # nothing resets
    cells = max(np.abs(trace.states["c0"]).max() for trace in traces + streamed)
    assert ranges.largest("c0") == pytest.approx(cells, rel=1e-4)
    assert ranges["dense0"][1] == pytest.approx(max(t.scores.max() for t in traces), rel=1e-4)
    assert ranges["x"][0] == pytest.approx(min(t.x.min() for t in traces), rel=1e-4)
