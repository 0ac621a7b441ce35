"""Graphs without our metadata: stripped ones answer as they did, those of others as their engine does by itself."""

import numpy as np
import pytest

from edgelstm.devices import Plan
from edgelstm.devices.deploy.deployment import self_test
from edgelstm.devices.profiling.here import profile_here
from edgelstm.export import export_model, find_form
from edgelstm.runtime.description import KEY
from edgelstm.runtime.engines.open import open_model
from layer_lists import layer_list
from random_models import random_model, random_signal

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
FEATURES = 3
MODEL = random_model(FEATURES, [4, 5], [2])
FRAMES = random_signal(24, FEATURES)


def strip(path):
    """The same graph, which says nothing about itself."""
    if path.suffix == ".onnx":
        graph = onnx.load(path)
        del graph.metadata_props[:]
        onnx.save(graph, path)
        return
    content = path.read_bytes()
    key = f"{KEY}\0".encode()
    assert content.count(key) == 1
    path.write_bytes(content.replace(key, b"notours\0"[: len(key)].ljust(len(key), b"\0")))


@pytest.mark.parametrize(
    ("form", "exact"),
    [
        ("onnx float32", True),
        ("onnx int8-dynamic", True),
        ("onnx int8-portable", False),
        ("tflite float32", True),
        ("tflite float32-explicit", True),
        ("tflite int8-dynamic", True),
        ("tflite int8-explicit", True),
    ],
)
def test_a_stripped_file_gives_the_scores_that_it_gave(form, exact, tmp_path):
    suffix, name = form.split()
    if suffix == "tflite":
        pytest.importorskip("ai_edge_litert")
    path = tmp_path / f"m.{suffix}"
    export_model(MODEL, path, precision=find_form(suffix, name).name, verify=False)
    told = open_model(path).stream()
    strip(path)
    with pytest.raises(ValueError, match="no metadata under 'edgelstm'"):
        open_model(path)
    bare = open_model(path, bare=True).stream()
    assert (bare.model.features, bare.model.outputs, bare.model.hop) == (FEATURES, 2, 1)
    for frame in FRAMES:
        told.step(frame)
        assert bare.step(frame)
        if exact:
            np.testing.assert_array_equal(bare.output, told.scores)
    # Integers whose zero point nobody tells begin with another state, which is forgotten.
    np.testing.assert_allclose(bare.output, told.scores, rtol=0, atol=0 if exact else 0.3)


def test_a_stream_goes_on_from_a_saved_state_and_begins_anew(tmp_path):
    path = tmp_path / "m.onnx"
    export_model(layer_list("stacked frames"), path, precision="float32", verify=False)
    strip(path)
    model = open_model(path, bare=True)
    frames = random_signal(5 * model.stride + 1, model.features)
    whole, split = model.stream(), model.stream()
    expected = whole.push(frames)
    first = split.push(frames[: model.stride + 1])
    other = model.stream()
    other.restore(split.save())
    np.testing.assert_array_equal(np.concatenate([first, other.push(frames[model.stride + 1 :])]), expected)
    other.reset()
    np.testing.assert_array_equal(other.push(frames), expected)
    assert other.save() == whole.save()


def foreign(path, inputs, outputs, nodes, weights=()):
    """An ONNX file as another program would write it. inputs, outputs: (name, type, shape)"""
    helper, types = onnx.helper, onnx.TensorProto
    values = [
        [helper.make_tensor_value_info(n, getattr(types, t), s) for n, t, s in ports] for ports in (inputs, outputs)
    ]
    initializers = [onnx.numpy_helper.from_array(array, name) for name, array in weights]
    graph = helper.make_graph(nodes, "g", *values, initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def recurrent(path):
    """A GRU with its state as an input and an output, as PyTorch exports it."""
    rng = np.random.default_rng(0)
    weights = [
        (n, rng.normal(size=(1, *s)).astype(np.float32)) for n, s in (("W", (12, 3)), ("R", (12, 4)), ("B", (24,)))
    ]
    node = onnx.helper.make_node(
        "GRU", ["signal", "W", "R", "B", "", "hidden"], ["all", "h_n"], hidden_size=4, linear_before_reset=1
    )
    squeeze = onnx.helper.make_node("Squeeze", ["all", "axes"], ["y"])
    foreign(
        path,
        [("signal", "FLOAT", ["time", "batch", 3]), ("hidden", "FLOAT", [1, "batch", 4])],
        [("y", "FLOAT", None), ("h_n", "FLOAT", None)],
        [node, squeeze],
        [*weights, ("axes", np.array([1]))],
    )


def test_a_recurrent_graph_of_others_carries_its_state(tmp_path):
    import onnxruntime

    recurrent(tmp_path / "gru.onnx")
    stream = open_model(tmp_path / "gru.onnx", bare=True).stream()
    session = onnxruntime.InferenceSession(tmp_path / "gru.onnx")
    feeds = {"signal": FRAMES[:, None], "hidden": np.zeros((1, 1, 4), np.float32)}
    expected = session.run(None, feeds)[0].reshape(-1, 4)
    np.testing.assert_allclose(stream.push(FRAMES), expected, rtol=0, atol=1e-6)


def test_a_window_of_frames_is_a_call(tmp_path):
    nodes = [onnx.helper.make_node("ReduceMean", ["window"], ["y"], axes=[1], keepdims=0)]
    foreign(tmp_path / "w.onnx", [("window", "FLOAT", ["N", 6, 3])], [("y", "FLOAT", ["N", 3])], nodes)
    model = open_model(tmp_path / "w.onnx", bare=True)
    assert (model.stride, model.features, model.outputs) == (6, 3, 3)
    answers = model.stream().push(FRAMES)
    np.testing.assert_allclose(answers, FRAMES.reshape(4, 6, 3).mean(1), rtol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([("a", "INT64", [1, 3])], "input a: tensor.int64., expected one of float32"),
        ([("a", "INT8", [1, 3])], "no input that takes frames"),
        ([("a", "FLOAT", [1, 3]), ("b", "FLOAT", [1, 5])], "input b: no output of its type and shape"),
        ([("a", "FLOAT", [])], "expected at least one dimension"),
        ([("a", "FLOAT", [1 << 13, 1 << 13])], "expected 1 to 16,777,216 values"),
        ([("a", "FLOAT", [1 << 10, 1])], None),
    ],
)
def test_graphs_that_cannot_be_told_apart_are_named(inputs, words, tmp_path):
    nodes = [
        onnx.helper.make_node("Cast", [name], [f"y{n}"], to=onnx.TensorProto.FLOAT)
        for n, (name, _, _) in enumerate(inputs)
    ]
    outputs = [("y0", "FLOAT", inputs[0][2])]
    foreign(tmp_path / "f.onnx", inputs, outputs, nodes)
    if words is None:
        open_model(tmp_path / "f.onnx", bare=True)
        return
    with pytest.raises(ValueError, match=words) as error:
        open_model(tmp_path / "f.onnx", bare=True)
    assert str(error.value).startswith(f"{tmp_path / 'f.onnx'}: ")
    assert "\n" not in str(error.value)


def test_it_is_profiled_and_deployed(tmp_path):
    path = tmp_path / "gru.onnx"
    recurrent(path)
    (run,) = profile_here(path, Plan(frames=20, pace="flat")).runs
    assert (run.model.precision, run.model.features, run.model.outputs) == ("unknown", 3, 4)
    self_test(path).run(open_model(path, bare=True))
