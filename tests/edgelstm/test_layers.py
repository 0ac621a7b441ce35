"""Each kind of layer against somebody else's: onnxruntime's GRU and Conv, stacking and sliding by hand; and its
integers against floats."""

import numpy as np
import pytest

from counts import times
from edgelstm import forward
from edgelstm.layers import GRU, LSTM, Context, Conv, Dense, Shape
from edgelstm.model import Answer, Model, Normalize
from edgelstm.quantization import calibrate, quantize
from edgelstm.quantization.fixed_point import (
    clip8,
    clip16,
    multiply_by_quantized_multiplier,
    rounding_shift_right,
    sigmoid16,
    tanh16,
)
from edgelstm.quantization.gru import narrowing_multiplier
from edgelstm.quantization.matrix import gate_multipliers
from edgelstm.quantization.reference import IntegerStream, scores
from onnx_operators import run_onnx
from random_layers import random_layers
from random_models import random_signal

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("reset", ["after", "before"])
def test_gru_is_onnxruntimes(reset):
    H, features, frames = 7, 5, 40
    W, R = RNG.normal(size=(3 * H, features)), RNG.normal(size=(3 * H, H))
    b, rb = RNG.normal(size=3 * H), RNG.normal(size=H) if reset == "after" else np.zeros(H)
    x = RNG.normal(size=(frames, 2, features))
    mine = GRU(W, R, b, rb, reset).forward(x, Shape(1, features))
    both = np.concatenate([b, np.zeros(2 * H), rb])[None]
    inputs = {"x": x, "W": W[None], "R": R[None], "B": both}
    y, last = run_onnx("GRU", inputs, ["y", "last"], hidden_size=H, linear_before_reset=int(reset == "after"))
    np.testing.assert_allclose(mine.result, y[:, 0], atol=2e-6)
    np.testing.assert_allclose(mine.states["h"][-1], last[0], atol=2e-6)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_conv_is_onnxruntimes(stride, dilation):
    layer = Conv(RNG.normal(size=(4, 3, 5)), RNG.normal(size=4), stride, dilation, "relu")
    x = RNG.normal(size=(6, 2, 11 * 5))
    mine = layer.forward(x, Shape(11, 5)).result
    frames = x.reshape(12, 11, 5).transpose(0, 2, 1)
    given = {"x": frames, "W": layer.W.transpose(0, 2, 1), "b": layer.b}
    (y,) = run_onnx("Conv", given, ["y"], strides=[stride], dilations=[dilation])
    np.testing.assert_allclose(mine.reshape(12, -1, 4), np.maximum(y, 0).transpose(0, 2, 1), atol=1e-5)


@pytest.mark.parametrize(("rows", "hop"), [(1, 1), (4, 1), (4, 4), (5, 2), (3, 2)])
def test_context_holds_the_newest_rows(rows, hop):
    x = np.arange(1.0, 24.0).reshape(-1, 1, 1)
    found = Context(rows, hop).forward(x, Shape(1, 1)).result[:, 0]
    ends = range(hop, 24, hop)
    assert found.tolist() == [[max(end - k, 0) for k in range(rows - 1, -1, -1)] for end in ends]


@pytest.mark.parametrize("seed", range(times(20, 30)))
def test_scores_come_every_stride_and_splits_do_not_matter(seed):
    model = random_layers(seed)
    quantized = quantize(model)
    frames = random_signal(97, model.features, 3)
    whole = IntegerStream(quantized).push(frames)
    assert len(whole.scores) == 97 // model.stride == len(forward.forward(model, frames).scores)
    stream, parts, at = IntegerStream(quantized), [], 0
    for length in (1, 2, 30, 0, 1, 5, 58):
        parts.append(stream.push(frames[at : at + length]))
        at += length
    np.testing.assert_array_equal(np.concatenate([part.scores for part in parts]), whole.scores)
    for name in whole.states:
        np.testing.assert_array_equal(np.concatenate([part.states[name] for part in parts]), whole.states[name])
    for one, other in zip(
        scores(quantized, [frames[:20], frames]), (whole.scores[: 20 // model.stride], whole.scores)
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seed", range(times(20, 30)))
def test_integers_follow_the_floats(seed):
    model = random_layers(seed)
    frames = model.examples[0]
    exact, found = forward.forward(model, frames).scores, IntegerStream(quantize(model)).push(frames).scores
    spread = float(np.sqrt(np.mean((exact - exact.mean(axis=0)) ** 2)))
    assert float(np.sqrt(np.mean((found - exact) ** 2))) < 0.12 * spread + 0.01


@pytest.mark.parametrize("reset", ["after", "before"])
def test_integer_gru_by_hand(reset):
    """One unit, with scales that leave nothing to multiply: the written equations, one by one."""
    layer = GRU(
        [[1.0], [-0.5], [2.0]],
        [[0.5], [1.0], [-1.5]],
        [0.25, 0.5, -0.125],
        [0.375 if reset == "after" else 0.0],
        reset,
    )
    head = Dense([[1.0]], [0.0])
    model = Model(Normalize([0.0], [1.0]), (layer, head), "linear", Answer(), examples=(random_signal(50, 1, 1),))
    quantized = quantize(calibrate(model, model.examples))
    gru = quantized.layers[0]
    trace = IntegerStream(quantized).push(model.examples[0])
    by_x, by_h = gate_multipliers(gru.W_scale, gru.input), gate_multipliers(gru.R_scale, gru.hidden)
    h16, by = 0, narrowing_multiplier(gru.hidden)

    def narrow(value):
        return int(clip8(multiply_by_quantized_multiplier(value, *by) + gru.hidden.zero_point))

    def part(weights, bias, multipliers, gate, code, zero):
        total = int(weights[gate, 0]) * (code - zero) + int(bias[gate])
        return int(multiply_by_quantized_multiplier(total, multipliers.mantissa[gate], multipliers.shift[gate]))

    for t, code in enumerate(trace.x[:, 0].tolist()):
        p = [int(clip16(part(gru.W, gru.bias, by_x, g, code, gru.input.zero_point))) for g in range(3)]
        q = [part(gru.R, gru.R_bias, by_h, g, narrow(h16), gru.hidden.zero_point) for g in range(3)]
        z, r = (int(sigmoid16(clip16(p[g] + q[g]))) for g in (0, 1))
        if reset == "after":
            gated = int(rounding_shift_right(r * int(clip16(q[2])), 15))
        else:
            m8 = narrow(int(rounding_shift_right(r * h16, 15)))
            gated = int(clip16(part(gru.R, gru.R_bias, by_h, 2, m8, gru.hidden.zero_point)))
        n = int(tanh16(clip16(p[2] + gated), 3))
        h16 = int(clip16(rounding_shift_right(z * h16, 15) + rounding_shift_right((32768 - z) * n, 15)))
        assert trace.states["h0"][t, 0] == h16
        assert trace.results["gru0"][t, 0] == narrow(h16)


TAIL = (LSTM(np.ones((4, 3)), np.ones((4, 1)), np.zeros(4)), Dense([[1.0]], [0.0]))


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ((Dense(np.ones((2, 3)), np.zeros(2)),), "layers dense, expected at least one that is recurrent"),
        (TAIL[:1], "last layer must be a linear dense one"),
        ((*TAIL[:1], Dense([[1.0]], [0.0], "relu")), "last layer must be a linear dense one"),
        (
            (Conv(np.ones((1, 2, 3)), [0]), *TAIL),
            r"layer 0 \(conv0\): Conv spans 2 rows, the one before gives 1: put",
        ),
        ((Context(3), Conv(np.ones((1, 2, 4)), [0]), *TAIL), r"layer 1 \(conv0\): Conv takes 4 channels, .* gives 3"),
        ((GRU(np.ones((3, 4)), np.ones((3, 1)), np.zeros(3), [0]), *TAIL), r"layer 0 \(gru0\): GRU takes 4 inputs"),
        ((Context(4096), Context(2), *TAIL), r"layer 1 \(context1\): Context of 2 rows of 12288 values"),
        ((*TAIL[:1], *(TAIL[1:] * 64)), "65 layers, expected at most 64"),
    ],
)
def test_layers_that_do_not_fit_are_refused_by_name(layers, said):
    with pytest.raises(ValueError, match=said):
        Model(Normalize(np.zeros(3), np.ones(3)), layers)


def test_answers_keep_to_the_models_stride():
    gru = GRU(np.ones((3, 12)), np.ones((3, 1)), np.zeros(3), [0])
    layers = (Context(4, 4), gru, Dense([[1.0]], [0.0]))
    normalize = Normalize(np.zeros(3), np.ones(3))
    with pytest.raises(
        ValueError, match=r"Answer.hop: 1, expected a multiple of 4: the model's scores come every 4 frames"
    ):
        Model(normalize, layers)
    with pytest.raises(ValueError, match=r"Answer.hop: 6, expected a multiple of 4"):
        Model(normalize, layers, answer=Answer("mean", 12, 6))
    assert Model(normalize, layers, answer=Answer("mean", 24, 8)).run_answer == Answer("mean", 6, 2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: GRU(np.ones((3, 1)), np.ones((3, 1)), np.zeros(3), [1], "before"), "GRU.rb: not zero"),
        (
            lambda: GRU(np.ones((3, 1)), np.ones((3, 1)), np.zeros(3), [0], "never"),
            "GRU.reset: 'never', expected one of after",
        ),
        (lambda: GRU(np.ones((4, 1)), np.ones((4, 1)), np.zeros(4), [0]), "multiple of 3"),
        (lambda: Context(0), "Context.rows: 0"),
        (lambda: Context(2, 3), "Context.hop: 3, expected a whole number from 1 to 2"),
        (lambda: Conv(np.ones((1, 1, 1)), [0], stride=0), "Conv.stride: 0"),
        (lambda: Conv(np.ones((1, 200, 200)), [0]), "200 taps of 200 channels"),
        (lambda: Conv(np.ones((1, 1)), [0]), r"Conv.W: shape \(1, 1\), expected \(1, any, any\)"),
    ],
)
def test_a_wrong_layer_is_refused_by_field(make, said):
    with pytest.raises(ValueError, match=said):
        make()
