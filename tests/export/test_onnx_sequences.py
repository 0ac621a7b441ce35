"""ONNX files that take any number of frames, or integers: the same answers as frame by frame from floats."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.export.onnx import int8_exact as onnx_int8_exact
from edgelstm.export.onnx import int8_portable as onnx_int8_portable
from edgelstm.quantization import quantize, reference
from onnx_files import open_reference, open_session, says, streamed
from random_models import random_model, random_signal
from with_layers import head_of

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

FORMS = pytest.mark.parametrize(
    "encode", [onnx_int8_exact.encode, onnx_int8_portable.encode], ids=["exact", "portable"]
)
QUANTIZED = quantize(random_model(5, [12, 7], [6, 4]))
FRAMES = random_signal(60, 5, 1)


def same_bits(one, other):
    assert one.dtype == other.dtype
    assert one.tobytes() == other.tobytes()


@FORMS
@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(1, 59), max_size=5, unique=True))
def test_any_split_keeps_every_bit_of_single_steps(encode, cuts):
    content, sequence = encode(QUANTIZED), encode(QUANTIZED, scan=True)
    expected, after = streamed(content, open_session(content), FRAMES)
    sizes = np.diff([0, *sorted(cuts), 60])
    found, states = streamed(sequence, open_session(sequence), FRAMES, sizes)
    same_bits(found, expected)
    for name, values in states.items():
        same_bits(values, after[name][np.cumsum(sizes) - 1])


@FORMS
def test_onnx_own_evaluator_agrees(encode):
    sequence = encode(QUANTIZED, scan=True)
    expected, after = streamed(sequence, open_session(sequence), FRAMES[:12], [5, 7])
    found, states = streamed(sequence, open_reference(sequence), FRAMES[:12], [5, 7])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    for name, values in states.items():
        np.testing.assert_allclose(values, after[name], rtol=0, atol=1e-6 if values.dtype == np.float32 else 0)


@FORMS
@pytest.mark.parametrize("io", ["float32", "int8"])
def test_the_checker_and_strict_shape_inference_pass(encode, io):
    proto = onnx.load_from_string(encode(QUANTIZED, io, scan=True))
    onnx.checker.check_model(proto, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    shapes = {
        value.name: [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*inferred.graph.input, *inferred.graph.output)
    }
    assert shapes["x"] == ["frames", 5]
    assert shapes["scores"] == ["frames", 4]
    assert shapes["h1"] == shapes["h1_out"] == [1, 7]
    assert [node.op_type for node in proto.graph.node if node.op_type == "Scan"] == ["Scan"]


@FORMS
def test_no_frames_are_refused(encode):
    """onnxruntime's LSTM takes them and spoils the states; its Scan says no."""
    sequence = encode(QUANTIZED, scan=True)
    with pytest.raises(Exception, match="running Scan node"):
        streamed(sequence, open_session(sequence), FRAMES[:0], [0])


@FORMS
@pytest.mark.parametrize("scan", [False, True])
def test_integers_in_and_out(encode, scan):
    floats, content = encode(QUANTIZED), encode(QUANTIZED, "int8", scan=scan)
    expected, after = streamed(floats, open_session(floats), FRAMES)
    io = says(content)["io"]
    mean, factor, offset = (np.float32(io["x"][field]) for field in ("mean", "factor", "offset"))
    codes = np.clip(np.rint((FRAMES - mean) * factor + offset), -128, 127)
    assert np.array_equal(codes, reference.quantize_frames(QUANTIZED, FRAMES))
    for evaluator, tolerance in ((open_session(content), 0), (open_reference(content), 1e-6)):
        found, states = streamed(content, evaluator, codes.astype(np.int8), [60] if scan else None)
        assert found.dtype == np.int8
        for name, values in states.items():
            np.testing.assert_allclose(values[-1], after[name][-1], rtol=0, atol=tolerance)
        scale, zero_point = io["scores"]["scale"], io["scores"]["zero_point"]
        assert np.abs((found.astype(float) - zero_point) * scale - expected).max() < 0.51 * scale


def test_exact_integers_out_are_the_requantized_sums():
    """As TFLite rounds them: a multiplier, ties up, then a shift, ties away from zero."""
    last = head_of(QUANTIZED)[-1]
    codes = reference.quantize_frames(QUANTIZED, FRAMES)
    sums = reference.IntegerStream(QUANTIZED).push_quantized(codes).sums
    scores = last.multipliers.apply(sums.astype(np.int64)) + last.output.zero_point
    content = onnx_int8_exact.encode(QUANTIZED, "int8")
    found, _ = streamed(content, open_session(content), codes)
    assert np.array_equal(found, np.clip(scores, -128, 127))


@FORMS
@pytest.mark.parametrize(("io", "scan"), [("float32", True), ("int8", False), ("int8", True)])
def test_the_same_model_gives_the_same_bytes(encode, io, scan):
    again = quantize(random_model(5, [12, 7], [6, 4]))
    assert encode(QUANTIZED, io, scan=scan) == encode(again, io, scan=scan)
    assert encode(QUANTIZED, io, scan=scan) != encode(quantize(again.model, "per-gate"), io, scan=scan)
