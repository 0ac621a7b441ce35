"""Kinds of layers that imported models bring: against onnxruntime's operators where it has them, else against sums
written out; lists of them against the laws of streams, and through a file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgelstm.export import FORMS
from edgelstm.forward import FloatStream, forward
from edgelstm.layers import (
    GRU,
    LSTM,
    Activation,
    Add,
    Affine,
    Concat,
    Context,
    Conv,
    Dense,
    InverseSpectrum,
    LayerNorm,
    Log,
    Multiply,
    OverlapAdd,
    Shape,
    Spectrum,
)
from edgelstm.model import Model, Normalize
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import calibrate, quantize
from onnx_operators import run_onnx
from random_float_layers import random_float_layers, seeds_of_every_kind
from random_models import random_signal

RNG = np.random.default_rng(8)


def drawn(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


@pytest.mark.parametrize(("gate", "alpha"), [("hard_sigmoid", 0.2), ("hard_sigmoid6", 1 / 6)])
@pytest.mark.parametrize(("candidate", "named"), [("linear", "Affine"), ("relu", "Relu"), ("tanh", "Tanh")])
def test_other_gates_and_first_states_are_onnxruntimes(gate: str, alpha: float, candidate: str, named: str) -> None:
    H, features = 6, 4
    x, h0, c0 = drawn(9, 1, features), drawn(H), drawn(H)
    functions = {"activations": ["HardSigmoid", named, named], "activation_alpha": [alpha, 1.0, 1.0]}
    functions["activation_beta"] = [0.5, 0.0, 0.0]
    W, R, b = drawn(4 * H, features) / 2, drawn(4 * H, H) / 4, drawn(4 * H)
    layer = LSTM(W, R, b, h0=h0, c0=c0, gate=gate, candidate=candidate)
    order = np.concatenate([np.arange(H) + k * H for k in (0, 3, 1, 2)])  # theirs are i, o, f, c
    B = np.concatenate([b[order], np.zeros(4 * H)])
    given = {"x": x, "W": W[order][None], "R": R[order][None], "B": B[None], "": None}
    given |= {"h": h0[None, None], "c": c0[None, None]}
    (y,) = run_onnx("LSTM", given, ["y"], hidden_size=H, **functions)
    np.testing.assert_allclose(layer.forward(x, Shape(1, features)).result, y[:, 0], rtol=1e-5, atol=1e-5)
    W, R, b = W[: 3 * H], R[: 3 * H], b[: 3 * H]
    given = {"x": x, "W": W[None], "R": R[None], "B": np.concatenate([b, np.zeros(3 * H)])[None], "": None}
    functions = {name: values[:2] for name, values in functions.items()}
    (y,) = run_onnx("GRU", given | {"h": h0[None, None]}, ["y"], hidden_size=H, **functions)
    gru = GRU(W, R, b, np.zeros(H), "before", h0=h0, gate=gate, candidate=candidate)
    np.testing.assert_allclose(gru.forward(x, Shape(1, features)).result, y[:, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_rows_of_a_frame_are_steps_and_without_carry_each_frame_is_the_first(kind: str) -> None:
    H, rows, channels = 5, 3, 2
    W, R, b = drawn(4 * H, channels), drawn(4 * H, H), drawn(4 * H)
    layer = LSTM(W, R, b, h0=drawn(H))
    if kind == "gru":
        layer = GRU(W[: 3 * H], R[: 3 * H], b[: 3 * H], drawn(H), h0=drawn(H))
    x = drawn(4, 2, rows * channels)
    shape = Shape(rows, channels)
    line = x.reshape(4, 2, rows, channels).transpose(0, 2, 1, 3).reshape(12, 2, channels)
    steps = layer.forward(line, Shape(1, channels)).result.reshape(4, rows, 2, H).transpose(0, 2, 1, 3)
    np.testing.assert_allclose(layer.forward(x, shape).result, steps.reshape(4, 2, -1), rtol=1e-12)
    anew = replace(layer, carry=False)
    alone = [layer.forward(x[n : n + 1], shape).result for n in range(4)]
    np.testing.assert_allclose(anew.forward(x, shape).result, np.concatenate(alone), rtol=1e-12)
    assert not anew.parts(shape)


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("fill", ["zero", "mirror"])
def test_padded_and_grouped_convolution_is_onnxruntimes(groups: int, fill: str) -> None:
    layer = Conv(drawn(12, 3, 6 // groups), drawn(12), 2, 1, groups=groups, before=2, after=1, fill=fill)
    x = drawn(5, 1, 7 * 6)
    frames = x.reshape(5, 7, 6).transpose(0, 2, 1)
    frames = np.pad(frames, ((0, 0), (0, 0), (2, 1)), mode="constant" if fill == "zero" else "reflect")
    given = {"x": frames, "W": layer.W.transpose(0, 2, 1), "b": layer.b}
    (y,) = run_onnx("Conv", given, ["y"], strides=[2], group=groups)
    mine = layer.forward(x, Shape(7, 6)).result.reshape(5, -1, 12)
    np.testing.assert_allclose(mine, y.transpose(0, 2, 1), rtol=1e-5, atol=1e-5)


ONNX = {
    "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 0.2, "beta": 0.5}),
    "hard_sigmoid6": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "softmax": ("Softmax", {"axis": -1}),
}


@pytest.mark.parametrize("function", ONNX)
def test_activations_are_onnxruntimes(function: str) -> None:
    x = 4 * drawn(3, 1, 10)
    operator, attributes = ONNX[function]
    (y,) = run_onnx(operator, {"x": x.reshape(3, 2, 5)}, ["y"], **attributes)
    mine = Activation(function).forward(x, Shape(2, 5)).result
    np.testing.assert_allclose(mine, y.reshape(3, 1, 10), rtol=1e-5, atol=1e-6)


def test_slopes_clips_and_layer_norm_are_onnxruntimes() -> None:
    x, slope, gamma, beta = 4 * drawn(3, 1, 10), drawn(5), drawn(5), drawn(5)
    rows = x.reshape(3, 2, 5)
    (y,) = run_onnx("PRelu", {"x": rows, "slope": slope}, ["y"])
    mine = Activation("leaky_relu", slope=slope).forward(x, Shape(2, 5)).result
    np.testing.assert_allclose(mine, y.reshape(3, 1, 10), rtol=1e-5, atol=1e-6)
    (y,) = run_onnx("Clip", {"x": rows, "low": np.array(-1.0), "high": np.array(2.5)}, ["y"])
    mine = Activation("clip", low=-1, high=2.5).forward(x, Shape(2, 5)).result
    np.testing.assert_allclose(mine, y.reshape(3, 1, 10), rtol=1e-5, atol=1e-6)
    given = {"x": rows, "gamma": gamma, "beta": beta}
    (y,) = run_onnx("LayerNormalization", given, ["y"], epsilon=0.01)
    mine = LayerNorm(gamma, beta, 0.01).forward(x, Shape(2, 5)).result
    np.testing.assert_allclose(mine, y.reshape(3, 1, 10), rtol=1e-5, atol=1e-5)


def test_a_spectrum_is_the_sum_of_sines_and_comes_back() -> None:
    size, taper, x = 16, np.hanning(16), drawn(2, 1, 40)
    found = Spectrum(size, 8, taper=taper, before=3, fill="mirror").forward(x, Shape(1, 40)).result
    samples = np.concatenate([x[:, 0, 3:0:-1], x[:, 0]], axis=1)
    k, n = np.arange(size // 2 + 1)[:, None], np.arange(size)
    for row in range(4):
        cut = samples[:, 8 * row : 8 * row + size] * np.float32(taper)
        real, imaginary = cut @ np.cos(2 * np.pi * k * n / size).T, cut @ -np.sin(2 * np.pi * k * n / size).T
        expected = np.concatenate([real, imaginary], axis=1)
        np.testing.assert_allclose(found.reshape(2, 4, -1)[:, row], expected, atol=1e-9)
    plain = Spectrum(8, 8).forward(x, Shape(1, 40)).result
    np.testing.assert_allclose(InverseSpectrum().forward(plain, Shape(5, 10)).result, x, atol=1e-12)


def test_overlap_add_lays_pieces_over_one_another() -> None:
    x = drawn(6, 1, 10)
    found = OverlapAdd(10, 3).forward(x, Shape(1, 10)).result[:, 0].reshape(-1)
    whole = np.zeros(6 * 3 + 10)
    for n, piece in enumerate(x[:, 0]):
        whole[3 * n : 3 * n + 10] += piece
    np.testing.assert_allclose(found, whole[: len(found)], atol=1e-12)


def test_a_context_of_channels_holds_the_newest_rows() -> None:
    x = np.arange(1.0, 13.0).reshape(3, 1, 4)
    found = Context(5, channels=1).forward(x, Shape(1, 4)).result[:, 0]
    assert found.tolist() == [[0, 1, 2, 3, 4], [4, 5, 6, 7, 8], [8, 9, 10, 11, 12]]
    assert Context(3, channels=2).result(Shape(1, 4)) == Shape(3, 2)


def test_joins_spread_rows_and_repeat_channels() -> None:
    x, mask = drawn(2, 1, 12), drawn(2, 1, 2)
    product = Multiply("mask0").join(x, Shape(3, 4), mask, Shape(1, 2)).reshape(2, 3, 4)
    np.testing.assert_allclose(product, x.reshape(2, 3, 4) * np.tile(mask, (1, 3, 2)), rtol=1e-12)
    less = Add("y", sign="minus").join(x, Shape(3, 4), x, Shape(3, 4))
    assert not less.any()
    beside = Concat("y").join(x, Shape(3, 4), x[..., :6], Shape(3, 2)).reshape(2, 3, 6)
    np.testing.assert_array_equal(beside, np.concatenate([x.reshape(2, 3, 4), x[..., :6].reshape(2, 3, 2)], axis=2))


@pytest.mark.parametrize("seed", seeds_of_every_kind(25))
def test_any_split_is_one_call_and_a_file_brings_the_same_model(seed: int, tmp_path: Path) -> None:
    model = random_float_layers(seed)
    frames = random_signal(37, model.features, 3)
    whole = forward(model, frames).scores
    stream = FloatStream(model, np.float64)
    split = np.concatenate([stream.push(part) for part in np.split(frames, [1, 2, 9, 20])])
    np.testing.assert_allclose(split, whole, rtol=1e-9, atol=1e-9)
    save_model(model, tmp_path / "model.npz")
    again = load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(forward(again, frames).scores, whole)
    save_model(again, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "model.npz").read_bytes()


CELL = LSTM(np.ones((4, 3)), np.ones((4, 1)), np.zeros(4))
HEAD = Dense([[1.0]], [0.0])


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ((CELL, Dense([[1.0]], [0.0], of="lstm1")), "layer 1 .dense0.: of: 'lstm1', expected one of input, lstm0"),
        ((CELL, Add("gru0"), HEAD), "layer 1 .add0.: other: 'gru0', expected one of input, lstm0"),
        ((CELL, Context(2, 2), Add("lstm0"), HEAD), "other: lstm0 comes every 1 frames, context0 every 2"),
        ((CELL, Multiply("input"), HEAD), "Multiply: 1 × 1 and 1 × 3 values, expected as many rows"),
        ((CELL, Dense([[1.0]], [0.0]), Dense([[1.0]], [0.0], of="lstm0")), "dense0: no layer takes its result"),
        ((CELL, Concat("input"), Dense(np.ones((1, 4)), [0])), "concat0 takes input, which no state keeps"),
        ((CELL, Log(), InverseSpectrum(), HEAD), "InverseSpectrum.size: -1, expected a whole number from 4"),
        ((Spectrum(8, 8), CELL, HEAD), "Spectrum takes 3 samples with its padding, expected at least 8"),
    ],
)
def test_lists_that_do_not_fit_are_refused_by_name(layers: tuple, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Model(Normalize(np.zeros(3), np.ones(3)), layers)


def test_what_forms_and_int8_do_not_hold_is_refused_in_one_line() -> None:
    forward_of_input = Model(Normalize(np.zeros(3), np.ones(3)), (CELL, Affine([1.0], [0.0])))
    held = [form.why_not(forward_of_input) for form in FORMS if form.scales]
    assert set(held) == {"no affine layer (affine0)", None}
    first = Model(Normalize(np.zeros(3), np.ones(3)), (replace(CELL, h0=np.ones(1)), HEAD))
    assert {form.why_not(first) for form in FORMS if form.scales} == {
        "no lstm layer with 'h0' of its own (lstm0)",
        None,
    }
    wide = LSTM(np.ones((8, 3)), np.ones((8, 2)), np.zeros(8), h0=np.ones(2))
    assert wide.extras(Shape(1, 3)) == ("h0",)


def test_recurrent_layers_that_integers_do_not_compute_stay_in_float32() -> None:
    normalize, signal = Normalize(np.zeros(3), np.ones(3)), (np.ones((4, 3), np.float32),)
    for layers in ((replace(CELL, gate="hard_sigmoid"), HEAD), (replace(CELL, carry=False), Context(1), HEAD)):
        quantized = quantize(calibrate(Model(normalize, layers), signal))
        assert [layer.kind for layer in quantized.layers][0::2] == (
            ["float"] if len(layers) == 2 else ["float", "dense"]
        )
        assert quantized.float_input
