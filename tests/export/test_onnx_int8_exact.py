"""The exact ONNX form against the integer reference, bit for bit, in two evaluators that share no code."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.export.onnx.int8_exact import encode
from edgelstm.quantization import quantize, reference
from edgelstm.quantization.affine import Affine
from edgelstm.quantization.matrix import gate_multipliers
from onnx_files import open_reference, open_session, streamed
from random_models import random_model, random_signal
from with_layers import head_of, lstms_of, with_layers

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

shapes = st.tuples(
    st.integers(1, 20),
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.lists(st.integers(1, 12), min_size=1, max_size=3),
)


def check_every_bit(quantized, evaluator, content, frames, sizes=None):
    trace = reference.IntegerStream(quantized).push(frames)
    scores, states = streamed(content, evaluator, frames, sizes)
    assert scores.dtype == np.float32
    assert np.array_equal(scores.view(np.uint32), trace.scores.view(np.uint32))
    ends = np.cumsum(sizes or [1] * len(frames)) - 1
    for name, values in trace.states.items():
        raised = 128 if name.startswith("h") else 0  # the file has h as uint8
        assert np.array_equal(states[name].astype(np.int32) - raised, values[ends])


@settings(max_examples=15, deadline=None)
@given(shapes, st.sampled_from(["per-row", "per-gate"]), st.sampled_from([0.05, 1.0, 6.0]), st.integers(0, 99))
def test_every_bit_in_both_evaluators(shape, scales, gain, seed):
    """Small gains make small cells (fine scales), large ones saturate gates and cells."""
    features, units, outputs = shape
    quantized = quantize(random_model(features, units, outputs, seed=seed, gain=gain, frames=40), scales)
    content = encode(quantized)
    frames = 3 * random_signal(12, features, seed + 1)  # beyond what calibration saw
    check_every_bit(quantized, open_session(content), content, frames)
    check_every_bit(quantized, open_reference(content), content, frames[:4])


def test_ties_are_rounded_as_the_reference_rounds_them():
    """Scales that are powers of two put many sums exactly between two integers."""
    quantized = quantize(random_model(6, [20], [9, 5], seed=3))
    head = head_of(quantized)[0]
    affine = Affine(np.float32(2.0**-7), lstms_of(quantized)[0].hidden.zero_point)
    lstm = replace(
        lstms_of(quantized)[0],
        W_scale=np.full(80, 2.0**-9, np.float32),
        R_scale=np.full(80, 2.0**-8, np.float32),
        input=Affine(np.float32(2.0**-6), lstms_of(quantized)[0].input.zero_point),
        hidden=affine,
    )
    head = replace(
        head,
        W_scale=np.full(9, 2.0**-6, np.float32),
        input=affine,
        output=replace(head.output, scale=np.float32(0.25)),
    )
    exact = with_layers(quantized, lstms=(lstm,), head=(head, replace(head_of(quantized)[1], input=head.output)))
    assert (gate_multipliers(lstm.W_scale, lstm.input).mantissa == 1 << 30).all()
    assert (head.multipliers.shift < -3).all()
    content = encode(exact)
    check_every_bit(exact, open_session(content), content, random_signal(150, 6, 5))


def test_a_long_real_stream(watch_model, watch):
    quantized = quantize(watch_model)
    content = encode(quantized)
    check_every_bit(quantized, open_session(content), content, watch.sequences[0][:1500])


def test_only_standard_operators_of_an_old_version():
    proto = onnx.load_from_string(encode(quantize(random_model(5, [7, 4], [6, 3]))))
    assert proto.ir_version == 8
    assert [(opset.domain, opset.version) for opset in proto.opset_import] == [("", 17)]
    assert {node.domain for node in proto.graph.node} == {""}
    onnx.checker.check_model(proto, full_check=True)
    onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)


def test_weights_are_stored_once_and_as_bytes():
    proto = onnx.load_from_string(encode(quantize(random_model(40, [64], [12]))))
    sizes = {tensor.name: len(tensor.raw_data) for tensor in proto.graph.initializer}
    assert sizes["lstm0_W_weights"] == 4 * 64 * 40
    assert sizes["lstm0_R_weights"] == 4 * 64 * 64
    tables = [size for size in sizes.values() if size == 2 << 16]
    assert len(tables) <= 3  # sigmoid, tanh for the gate, tanh for the cell


def test_the_same_model_gives_the_same_bytes():
    one, same, other = (encode(quantize(random_model(5, [7], [3], seed=seed))) for seed in (0, 0, 1))
    assert one == same
    assert one != other


def test_pairs_of_products_beyond_16_bits():
    """Two products of uint8 and int8 leave int16 where every weight and value is at its end: x86 without VNNI adds
    them in pairs and saturates."""
    rng = np.random.default_rng(1)
    model = random_model(64, [32], [5])

    def extremes(weights):
        return np.float32(0.2) * np.where(rng.random(weights.shape) < 0.9, 1, -1).astype(np.float32)

    layer = lstms_of(model)[0]
    ends = replace(layer, W=extremes(layer.W), R=extremes(layer.R))
    quantized = quantize(
        with_layers(model, lstms=(ends,), head=(replace(head_of(model)[0], W=extremes(head_of(model)[0].W)),))
    )
    assert set(np.unique(lstms_of(quantized)[0].W)) == set(np.unique(lstms_of(quantized)[0].R)) == {-127, 127}
    frames = 100 * np.sign(random_signal(20, 64, 2))
    assert set(np.unique(reference.quantize_frames(quantized, frames))) == {-128, 127}
    content = encode(quantized)
    check_every_bit(quantized, open_session(content), content, frames)
    for node in onnx.load_from_string(content).graph.node:
        assert node.op_type != "MatMulInteger" or node.input[3] == "zero_point_128"
