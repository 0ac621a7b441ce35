"""The dynamic ONNX form: onnxruntime's operator against a plain model of its rounding, and against float64."""

import numpy as np
import pytest

from edgelstm import forward
from edgelstm.export.arithmetic.int8_dynamic import Int8Dynamic
from edgelstm.export.arithmetic.rounding import rows_to_int8
from edgelstm.export.onnx.int8_dynamic import encode
from onnx_files import open_session, streamed
from random_models import random_model, random_signal

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(
    ("features", "units", "outputs"), [(3, [5], [2]), (40, [64], [12]), (7, [33, 1, 20], [6, 4])]
)
def test_scores_are_within_a_few_percent(features, units, outputs):
    model = random_model(features, units, outputs)
    signal = random_signal(200, features, 1)
    exact = forward.forward(model, signal).scores
    content = encode(model)
    found, _ = streamed(content, open_session(content), signal)
    assert np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2)) < 0.03
    # Nearly all of that is the rounding: the rest is a tenth of it at most.
    rest = np.median(np.abs(found - Int8Dynamic(model).rounded(signal).scores))
    assert rest < 0.1 * np.median(np.abs(found - exact))


def test_rounding_without_integers_would_be_noticed():
    """The plain model of the rounding is not float64 in disguise."""
    model = random_model(5, [12], [4])
    signal = random_signal(100, 5, 1)
    assert np.abs(Int8Dynamic(model).rounded(signal).scores - forward.forward(model, signal).scores).max() > 1e-4


def test_weights_are_bytes_and_rows_keep_their_own_scale():
    model = random_model(40, [64], [12])
    tensors = {tensor.name: tensor for tensor in onnx.load_from_string(encode(model)).graph.initializer}
    assert len(tensors["W0"].raw_data) == 4 * 64 * 40
    assert len(tensors["R0"].raw_data) == 4 * 64 * 64
    scales = onnx.numpy_helper.to_array(tensors["R0_scale"])
    assert scales.shape == (1, 256)
    assert len(np.unique(scales)) > 200


def test_rows_of_zeros_and_of_tiny_weights():
    weights = np.array([[0, 0, 0], [1e-45, 0, 0], [-2, 1, 0.5], [1e38, -1e38, 0]], np.float32)
    integers, scale = rows_to_int8(weights)
    assert integers.tolist() == [[0, 0, 0], [0, 0, 0], [-127, 64, 32], [127, -127, 0]]
    assert np.isfinite(scale).all()
    assert (scale > 0).all()


def test_one_frame_per_call_whatever_the_engine_allows():
    proto = onnx.load_from_string(encode(random_model(5, [7], [3])))
    x = proto.graph.input[0]
    assert [side.dim_value for side in x.type.tensor_type.shape.dim] == [1, 5]
    assert {(opset.domain, opset.version) for opset in proto.opset_import} == {("", 17), ("com.microsoft", 1)}
    assert proto.ir_version == 8


def test_the_same_model_gives_the_same_bytes():
    assert encode(random_model(5, [7], [3])) == encode(random_model(5, [7], [3]))
