"""The ONNX form against float64, in two evaluators that share no code: onnxruntime and onnx's own reference."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm import forward
from edgelstm.export.metadata import metadata
from edgelstm.export.onnx_float32 import encode
from random_models import random_model, random_signal

onnx = pytest.importorskip("onnx")
reference = pytest.importorskip("onnx.reference")
onnxruntime = pytest.importorskip("onnxruntime")

shapes = st.tuples(
    st.integers(1, 20),
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.lists(st.integers(1, 12), min_size=1, max_size=2),
    st.sampled_from(["softmax", "sigmoid", "linear"]),
)


def open_session(content):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def fed(model, frames):
    states = {
        f"{letter}{n}": np.zeros((1, 1, lstm.units), np.float32)
        for n, lstm in enumerate(model.lstms)
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
    states = [state[-1] for pair in zip(trace.h, trace.c) for state in pair]
    session = open_session(content)
    names = [output.name for output in session.get_outputs()]
    for evaluator in (session, reference.ReferenceEvaluator(onnx.load_from_string(content))):
        found = dict(zip(names, evaluator.run(names, fed(model, signal))))
        close(found["scores"], trace.scores)
        if activation == "linear":
            assert "probabilities" not in found
        else:
            close(found["probabilities"], forward.activate(trace.scores, activation))
        for name, expected in zip(names[-len(states) :], states):
            close(found[name].reshape(-1), expected)


def test_states_fed_back_carry_a_stream(watch_model, watch):
    """As a program without EdgeLSTM would do it, from what the file says about itself."""
    signal = watch.sequences[0][:300]
    session = open_session(encode(watch_model))
    entries = json.loads(session.get_modelmeta().custom_metadata_map["edgelstm.states"])
    states = {e["name"]: np.full(e["shape"], e["initial"], np.float32) for e in entries}
    names = ["scores", *(e["output"] for e in entries)]
    scores = []
    for part in np.split(signal, [1, 2, 50, 51, 200]):
        found, *after = session.run(names, {"x": part, **states})
        states = dict(zip(states, after))
        scores.append(found)
    close(np.concatenate(scores), forward.forward(watch_model, signal).scores)


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
    entries = {entry.key: entry.value for entry in onnx.load_from_string(encode(model)).metadata_props}
    assert json.loads(entries["edgelstm"]) == json.loads(json.dumps(metadata(model)))


def test_the_same_model_gives_the_same_bytes():
    assert encode(random_model(5, [7], [3])) == encode(random_model(5, [7], [3]))
    assert encode(random_model(5, [7], [3])) != encode(random_model(5, [7], [3], seed=1))
