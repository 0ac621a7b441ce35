"""The float reference against another engine, and answers against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.forward import Emitter, FloatStream, activate, answers, final_answer, forward, scores
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Answer, Model, Normalize
from edgelstm.quantization import quantize, reference
from random_layers import random_layers
from with_layers import lstms_of


def made(seed: int = 0, features: int = 5, units: tuple[int, ...] = (8, 6), outputs: int = 3) -> Model:
    rng = np.random.default_rng(seed)
    lstms, width = [], features
    for H in units:
        shapes = ((4 * H, width), (4 * H, H), (4 * H,))
        lstms.append(LSTM(*(rng.normal(0, 0.6, shape).astype(np.float32) for shape in shapes)))
        width = H
    return Model(
        normalize=Normalize(rng.normal(size=features), rng.uniform(0.5, 2, features)),
        layers=(
            *lstms,
            Dense(rng.normal(size=(7, width)), rng.normal(size=7), "relu"),
            Dense(rng.normal(size=(outputs, 7)), rng.normal(size=outputs)),
        ),
    )


def test_an_lstm_layer_equals_onnxruntime() -> None:
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = made(units=(8,))
    layer = lstms_of(model)[0]
    sequence = np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)
    trace = forward(model, sequence)

    def onnx_rows(a: np.ndarray) -> np.ndarray:  # ONNX stacks i, o, f, c
        i, f, g, o = np.split(a, 4)
        return np.concatenate([i, o, f, g])[None]

    weights = {
        "W": onnx_rows(layer.W),
        "R": onnx_rows(layer.R),
        "B": np.concatenate([onnx_rows(layer.b), np.zeros((1, 32), np.float32)], axis=1),
    }
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("LSTM", ["X", *weights], ["Y", "", "c"], hidden_size=8)],
        "lstm",
        [helper.make_tensor_value_info("X", float32, [40, 1, 5])],
        [
            helper.make_tensor_value_info("Y", float32, [40, 1, 1, 8]),
            helper.make_tensor_value_info("c", float32, [1, 1, 8]),
        ],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    x = (sequence - model.normalize.mean) / model.normalize.std
    Y, c = session.run(None, {"X": x[:, None]})
    np.testing.assert_allclose(trace.states["h0"], Y[:, 0, 0], atol=2e-6)
    np.testing.assert_allclose(trace.states["c0"][-1], c[0, 0], atol=2e-6)


def test_one_frame_by_hand() -> None:
    """One unit, one feature: i = f = o = sigmoid(0) = 1/2, g = tanh(1), so c = g/2 and h = tanh(g/2)/2."""
    W = np.array([[0], [0], [2], [0]], np.float32)
    model = Model(
        Normalize(np.array([1.0]), np.array([4.0])),
        (LSTM(W, np.zeros((4, 1)), np.zeros(4)), Dense(np.array([[3.0]]), np.array([-1.0]))),
    )
    trace = forward(model, np.array([[3.0]]))
    g = np.tanh(1.0)
    assert trace.x[0, 0] == 0.5
    assert trace.states["c0"][0, 0] == pytest.approx(g / 2)
    assert trace.scores[0, 0] == pytest.approx(3 * np.tanh(g / 2) / 2 - 1)


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=9), batch=st.integers(1, 4))
def test_scores_of_a_padded_batch_are_those_of_each_alone(lengths: list[int], batch: int) -> None:
    model, rng = made(), np.random.default_rng(2)
    sequences = [rng.normal(size=(n, 5)).astype(np.float32) for n in lengths]
    for mine, sequence in zip(scores(model, sequences, np.float64, batch), sequences):
        np.testing.assert_allclose(mine, forward(model, sequence).scores, atol=1e-12)


def test_float32_stays_close_to_float64() -> None:
    model = made()
    sequence = np.random.default_rng(3).normal(size=(500, 5))
    exact, single = forward(model, sequence), forward(model, sequence, np.float32)
    assert single.scores.dtype == np.float32
    np.testing.assert_allclose(single.scores, exact.scores, atol=2e-5)


def test_a_sequence_of_the_wrong_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sequence 1: shape \(4, 3\), expected \(frames, 5\)"):
        scores(made(), [np.zeros((4, 5)), np.zeros((4, 3))])


class BlockRing:
    """A stream's pooling as a board does it: sums over blocks of `hop` frames in a ring."""

    def __init__(self, answer: Answer, outputs: int) -> None:
        self.size = answer.window // answer.hop
        self.hop = answer.hop
        self.blocks: list[np.ndarray] = []
        self.begun, self.frames = np.zeros(outputs), 0

    def push(self, row: np.ndarray) -> np.ndarray | None:
        self.begun, self.frames = self.begun + row, self.frames + 1
        if self.frames < self.hop:
            return None
        self.blocks = [*self.blocks, self.begun][-self.size :]
        self.begun, self.frames = np.zeros_like(self.begun), 0
        return sum(self.blocks) / (self.hop * len(self.blocks))

    def answer(self) -> np.ndarray:
        if not self.frames:
            return sum(self.blocks) / (self.hop * len(self.blocks))
        full = self.blocks[max(len(self.blocks) - self.size + 1, 0) :]
        return (self.begun + sum(full)) / (self.frames + self.hop * len(full))


@settings(max_examples=80, deadline=None)
@given(frames=st.integers(1, 40), hop=st.integers(1, 6), blocks=st.integers(1, 4), seed=st.integers(0, 99))
def test_windowed_means_are_what_a_ring_of_blocks_gives(frames: int, hop: int, blocks: int, seed: int) -> None:
    answer = Answer("mean", hop * blocks, hop)
    rows = np.random.default_rng(seed).normal(size=(frames, 3))
    ring = BlockRing(answer, 3)
    emitted = [got for row in rows if (got := ring.push(row)) is not None]
    np.testing.assert_allclose(answers(rows, answer), np.reshape(emitted, (-1, 3)), atol=1e-12)
    np.testing.assert_allclose(final_answer(rows, answer), ring.answer(), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 40),
    hop=st.integers(1, 6),
    blocks=st.integers(0, 9),
    cuts=st.lists(st.integers(0, 40), max_size=3).map(sorted),
)
def test_maxima_are_those_of_the_windows(frames: int, hop: int, blocks: int, cuts: list[int]) -> None:
    answer = Answer("mean+max", hop * blocks, hop)
    rows = np.random.default_rng(frames).normal(-3, 1, (frames, 2))
    windows = [rows[max(end - answer.window, 0) if blocks else 0 : end] for end in range(hop, frames + 1, hop)]
    expected = [(window.mean(axis=0) + window.max(axis=0)) / 2 for window in windows]
    emitter = Emitter(answer, 2)
    found = np.concatenate([emitter.push(part) for part in np.split(rows, cuts)])
    np.testing.assert_allclose(found, np.reshape(expected, (-1, 2)), atol=1e-12)


@pytest.mark.parametrize(
    ("answer", "emitted", "final"),
    [
        (Answer("last", 0, 1), [0, 1, 2, 3, 4], 4),
        (Answer("last", 0, 2), [1, 3], 4),
        (Answer("last", 0, 0), [], 4),
        (Answer("mean", 0, 2), [0.5, 1.5], 2),
        (Answer("mean", 0, 0), [], 2),
        (Answer("mean+max", 0, 2), [0.75, 2.25], 3),
        (Answer("mean+max", 4, 2), [0.75, 2.25], 3.5),
        (Answer("mean", 4, 2), [0.5, 1.5], 3),  # at the end: the block begun (4) and one full block (2, 3)
    ],
)
def test_answers_over_five_frames(answer: Answer, emitted: list[float], final: float) -> None:
    rows = np.arange(5.0)[:, None]
    assert answers(rows, answer)[:, 0].tolist() == emitted
    assert final_answer(rows, answer).tolist() == [final]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 60), max_size=4))
def test_answers_are_the_same_however_scores_and_frames_come(seed: int, cuts: list[int]) -> None:
    model = random_layers(seed, calibrated=False)
    x = np.random.default_rng(seed).normal(size=(60, model.features)).astype(np.float32)
    parts = np.split(x, sorted(cuts))
    whole = scores(model, [x], np.float64)[0]
    stream = FloatStream(model, np.float64)
    found = [stream.push(part) for part in parts if len(part)]
    np.testing.assert_allclose(np.concatenate(found), whole, rtol=1e-9, atol=1e-9)
    emitter = Emitter(model.run_answer, model.outputs)
    emitted = np.concatenate([emitter.push(rows) for rows in found])
    np.testing.assert_allclose(emitted, answers(whole, model.run_answer), rtol=1e-9, atol=1e-9)


def test_a_long_sequence_is_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_layers(7)
    x = np.random.default_rng(7).normal(size=(200, model.features)).astype(np.float32)
    whole, codes = scores(model, [x, x[:50]]), reference.scores(quantize(model), [x, x[:50]])
    monkeypatch.setattr("edgelstm.forward.LONG", 64)
    monkeypatch.setattr("edgelstm.quantization.reference.LONG", 64)
    for one, other in zip(whole, scores(model, [x, x[:50]]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    for one, other in zip(codes, reference.scores(quantize(model), [x, x[:50]]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_activations() -> None:
    big = np.array([[1000.0, 0, -1000], [0, 0, 0]])
    np.testing.assert_allclose(activate(big, "softmax"), [[1, 0, 0], [1 / 3] * 3])
    np.testing.assert_allclose(activate(big, "sigmoid"), [[1, 0.5, 0], [0.5] * 3])
    assert activate(big, "linear") is big
