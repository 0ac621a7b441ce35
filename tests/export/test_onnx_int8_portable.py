"""The portable ONNX form against its arithmetic in numpy, in two evaluators that share no code."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm import forward
from edgelstm.export.arithmetic.int8_portable import Int8Portable
from edgelstm.export.onnx.int8_portable import encode
from edgelstm.quantization import quantize, reference
from onnx_files import open_reference, open_session, says, streamed
from random_models import random_model, random_signal
from with_layers import lstms_of

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

shapes = st.tuples(
    st.integers(1, 20),
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.lists(st.integers(1, 12), min_size=1, max_size=3),
)


def in_units(quantized, states):
    """h0, h1 … as the model's int8 values."""
    return [states[f"h{layer}"].astype(np.int16) - 128 for layer in range(len(lstms_of(quantized)))]


@settings(max_examples=15, deadline=None)
@given(shapes, st.sampled_from(["per-row", "per-gate"]), st.integers(0, 99))
def test_both_evaluators_compute_as_numpy_does(shape, scales, seed):
    """A value that float32 puts on the other side of a rounding's edge is one unit off, and may move others: of
    twelve frames' values hardly any."""
    features, units, outputs = shape
    quantized = quantize(random_model(features, units, outputs, seed=seed, frames=40), scales)
    content = encode(quantized)
    frames = random_signal(12, features, seed + 1)
    trace = Int8Portable(quantized).rounded(frames)
    for evaluator in (open_session(content), open_reference(content)):
        scores, states = streamed(content, evaluator, frames)
        limit = 1e-3 * np.abs(trace.scores).max() + 1e-5
        assert np.median(np.abs(scores - trace.scores)) < limit
        for layer, h in enumerate(in_units(quantized, states)):
            affine = lstms_of(quantized)[layer].hidden
            expected = np.rint(trace.states[f"h{layer}"] / float(affine.scale)) + affine.zero_point
            assert np.abs(h - expected).max() <= 1
            assert np.mean(h != expected) < 0.01 or h.size < 200


@pytest.mark.parametrize(
    ("features", "units", "outputs"), [(3, [5], [2]), (40, [64], [12]), (7, [33, 1, 20], [6, 4])]
)
def test_scores_are_within_a_few_percent(features, units, outputs):
    model = random_model(features, units, outputs)
    signal = random_signal(200, features, 1)
    exact = forward.forward(model, signal).scores
    content = encode(quantize(model))
    found, _ = streamed(content, open_session(content), signal)
    assert np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2)) < 0.04


def test_frames_become_the_same_integers_as_in_the_model(watch_model, watch):
    """The first product sees nothing but those, so with one frame each the gates can be compared."""
    quantized = quantize(watch_model)
    frames = watch.sequences[0][:200]
    content, integers = encode(quantized), encode(quantized, "int8")
    codes = reference.quantize_frames(quantized, frames)
    _, states = streamed(content, open_session(content), frames)
    _, from_codes = streamed(integers, open_session(integers), codes)
    assert all(np.array_equal(states[name], from_codes[name]) for name in states)


def test_the_step_is_a_function_of_standard_operators():
    proto = onnx.load_from_string(encode(quantize(random_model(5, [7, 4], [6, 3]))))
    assert proto.ir_version == 8
    assert {(opset.domain, opset.version) for opset in proto.opset_import} == {("", 17), ("edgelstm", 1)}
    (function,) = proto.functions
    assert (function.domain, function.name) == ("edgelstm", "LSTMStep")
    assert [(opset.domain, opset.version) for opset in function.opset_import] == [("", 17)]
    assert {node.domain for node in function.node} == {""}
    calls = [node for node in proto.graph.node if node.domain]
    assert [call.op_type for call in calls] == ["LSTMStep", "LSTMStep"]
    onnx.checker.check_model(proto, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    outputs = {value.name: value.type.tensor_type for value in inferred.graph.output}
    assert [side.dim_value for side in outputs["h1_out"].shape.dim] == [1, 4]


def test_weights_are_bytes():
    tensors = onnx.load_from_string(encode(quantize(random_model(40, [64], [12])))).graph.initializer
    sizes = {tensor.name: len(tensor.raw_data) for tensor in tensors}
    assert sizes["lstm0_W"] == 4 * 64 * 40
    assert sizes["lstm0_R"] == 4 * 64 * 64
    assert sum(sizes.values()) < 1.2 * (4 * 64 * 104 + 12 * 64)


def test_the_file_says_what_its_integers_mean():
    quantized = quantize(random_model(5, [7], [3]))
    said, hidden = says(encode(quantized)), lstms_of(quantized)[0].hidden
    zero = hidden.zero_point + 128
    h = {"type": "uint8", "shape": [1, 7], "initial": zero, "zero_point": zero, "scale": float(hidden.scale)}
    c = {"type": "float32", "shape": [1, 7], "initial": 0, "zero_point": 0, "scale": 1}
    assert said["states"] == [{"name": "h0", "output": "h0_out", **h}, {"name": "c0", "output": "c0_out", **c}]
    assert said["precision"] == "int8-portable"
    assert "io" not in said
    assert "io" in says(encode(quantized, "int8"))


def test_the_same_model_gives_the_same_bytes():
    one, same, other = (encode(quantize(random_model(5, [7], [3], seed=seed))) for seed in (0, 0, 1))
    assert one == same
    assert one != other
