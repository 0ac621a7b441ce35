"""The ONNX form against float64, in two evaluators that share no code: onnxruntime and onnx's own reference."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm import forward
from edgelstm.export.metadata import metadata
from edgelstm.export.onnx.float32 import encode
from edgelstm.runtime.states import FILE_FIELDS
from onnx_files import open_reference, open_session, says, streamed
from random_models import random_model, random_signal
from with_layers import lstms_of

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

shapes = st.tuples(
    st.integers(1, 20),
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.lists(st.integers(1, 12), min_size=1, max_size=2),
    st.sampled_from(["softmax", "sigmoid", "linear"]),
)


def fed(model, frames):
    states = {
        f"{letter}{n}": np.zeros((1, 1, lstm.units), np.float32)
        for n, lstm in enumerate(lstms_of(model))
        for letter in "hc"
    }
    return {"x": frames, **states}


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * max(1, np.abs(expected).max()))


@settings(max_examples=20, deadline=None)
@given(shapes, st.integers(1, 25), st.integers(0, 99))
def test_both_evaluators_agree_with_float64(shape, frames, seed):
    features, units, outputs, activation = shape
    model = random_model(features, units, outputs, seed=seed, activation=activation, frames=20)
    content = encode(model)
    signal = random_signal(frames, features, seed)
    trace = forward.forward(model, signal)
    states = [state[-1] for state in trace.states.values()]
    session = open_session(content)
    names = [output.name for output in session.get_outputs()]
    for evaluator in (session, open_reference(content)):
        found = dict(zip(names, evaluator.run(names, fed(model, signal))))
        close(found["scores"], trace.scores)
        if activation == "linear":
            assert "probabilities" not in found
        else:
            close(found["probabilities"], forward.activate(trace.scores, activation))
        for name, expected in zip(names[-len(states) :], states):
            close(found[name].reshape(-1), expected)


def test_states_fed_back_carry_a_stream(watch_model, watch):
    signal = watch.sequences[0][:300]
    content = encode(watch_model)
    scores, _ = streamed(content, open_session(content), signal, [1, 1, 48, 1, 149, 100])
    close(scores, forward.forward(watch_model, signal).scores)


def test_checker_and_shape_inference_pass():
    model = random_model(5, [7, 4], [6, 3])
    proto = onnx.load_from_string(encode(model))
    onnx.checker.check_model(proto, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)

    def shape(value):
        return [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]

    known = {value.name: shape(value) for value in inferred.graph.value_info}
    assert known["y0"] == ["frames", 1, 1, 7]
    assert known["hidden"] == ["frames", 4]
    outputs = {value.name: shape(value) for value in inferred.graph.output}
    assert outputs["scores"] == outputs["probabilities"] == ["frames", 3]
    assert outputs["h1_out"] == outputs["c1_out"] == [1, 1, 4]


def test_the_file_is_for_old_and_new_engines():
    proto = onnx.load_from_string(encode(random_model(5, [7, 4], [3])))
    assert proto.ir_version == 8
    assert [(opset.domain, opset.version) for opset in proto.opset_import] == [("", 17)]
    lstms = [node for node in proto.graph.node if node.op_type == "LSTM"]
    sizes = [attribute.i for node in lstms for attribute in node.attribute if attribute.name == "hidden_size"]
    assert sizes == [7, 4]
    assert {node.domain for node in proto.graph.node} == {""}


def test_the_file_says_what_the_model_is():
    model = random_model(5, [7], [3])
    said = says(encode(model))
    assert {name: said[name] for name in said if name not in FILE_FIELDS} == json.loads(json.dumps(metadata(model)))
    zeros = {"type": "float32", "shape": [1, 1, 7], "initial": 0, "scale": 1, "zero_point": 0}
    assert said["states"] == [{"name": name, "output": f"{name}_out", **zeros} for name in ("h0", "c0")]


def test_the_same_model_gives_the_same_bytes():
    assert encode(random_model(5, [7], [3])) == encode(random_model(5, [7], [3]))
    assert encode(random_model(5, [7], [3])) != encode(random_model(5, [7], [3], seed=1))
