"""TFLite's forms with explicit states, and hybrid, in LiteRT alone, against float64 and numpy's own rounding."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm import forward
from edgelstm.export import FORMS, export_model, find_form
from edgelstm.export.arithmetic.int8_cell import Int8Cell
from edgelstm.export.arithmetic.int8_cell_ranges import cell_ranges
from edgelstm.export.arithmetic.int8_dynamic import Hybrid, Int8Dynamic
from edgelstm.export.tflite import explicit as tflite_explicit
from edgelstm.export.tflite import fused as tflite_fused
from edgelstm.export.tflite.graph import encode as encode_graph
from edgelstm.quantization import quantize
from edgelstm.quantization.affine import Affine
from edgelstm.quantization.reference import quantize_frames
from edgelstm.runtime.engines.open import open_model
from edgelstm.runtime.engines.tflite_file import metadata_entry, seal
from litert_alone import streamed
from random_models import random_model, random_signal, shapes
from with_layers import head_of, lstms_of, with_layers
from wrong_models import changed, first_lstm

pytest.importorskip("ai_edge_litert")

NAMES = [form.name for form in FORMS if form.format == "tflite"]


@settings(max_examples=15, deadline=None)
@given(shapes(), st.integers(0, 99))
def test_int8_values_are_those_of_numpy(shape, seed):
    """XNNPACK rounds every value once, as numpy does here, from the states that it had a frame before. Its float32
    multipliers may put a value on the other side of the middle between two integers, once in thousands."""
    features, units, outputs, activation = shape
    quantized = quantize(random_model(features, units, outputs, seed=seed, activation=activation, frames=30))
    codes = quantize_frames(quantized, random_signal(30, features, seed))
    found = streamed(tflite_explicit.encode_int8(quantized, "int8"), codes)
    affines = {"scores": head_of(quantized)[-1].output}
    for n, (layer, ranges) in enumerate(zip(lstms_of(quantized), cell_ranges(quantized).values())):
        affines |= {f"h{n}_out": layer.hidden, f"c{n}_out": ranges["c"]}
    assert found.keys() == affines.keys()
    assert {array.dtype.name for array in found.values()} == {"int8"}
    reals = {name: (found[name].astype(float) - a.zero_point) * float(a.scale) for name, a in affines.items()}
    steps = Int8Cell(quantized).steps(codes, {name.removesuffix("_out"): reals[name] for name in reals})
    expected = {"scores": steps.results[quantized.model.road[-1].name][:, -1]}
    expected |= {f"{name}_out": value[:, -1] for name, value in steps.states.items()}
    for name, affine in affines.items():
        off = np.abs(np.rint((reals[name] - expected[name]) / float(affine.scale)))
        assert off.max() <= 1, name
        assert np.count_nonzero(off) <= 1 + off.size // 100, name


def test_int8_values_that_run_free_stay_those_of_numpy():
    quantized = quantize(random_model(6, [24, 9], [4]))
    signal = random_signal(300, 6, 1)
    found = streamed(tflite_explicit.encode_int8(quantized, "int8"), quantize_frames(quantized, signal))["scores"]
    output = head_of(quantized)[-1].output
    codes = np.rint(Int8Cell(quantized).rounded(signal).scores / float(output.scale)) + output.zero_point
    assert (found == codes).mean() > 0.95


@pytest.mark.parametrize(
    ("encode", "arithmetic"),
    [(tflite_fused.encode_hybrid, Hybrid), (tflite_explicit.encode_int8_dynamic, Int8Dynamic)],
)
@settings(max_examples=10, deadline=None)
@given(shape=shapes(), seed=st.integers(0, 99))
def test_int8_weights_round_as_numpy_does(encode, arithmetic, shape, seed):
    features, units, outputs, activation = shape
    model = random_model(features, units, outputs, seed=seed, activation=activation, frames=20)
    signal = random_signal(20, features, seed)
    found, near = streamed(encode(model), signal)["scores"], arithmetic(model).rounded(signal).scores
    exact = forward.forward(model, signal).scores
    assert np.median(np.abs(found - near)) <= 1e-5 * max(1, np.abs(exact).max())


def test_errors_are_ordered_as_the_list_of_forms_says(tmp_path):
    """Scores' relative error, median of three models whose rows differ in size as those of trained models do."""
    errors = []
    for seed in range(3):
        model, signal = random_model(40, [64], [12], seed=seed, frames=600), random_signal(200, 40, seed)
        exact, row = forward.forward(model, signal).scores, {}
        for name in NAMES:
            path = export_model(model, tmp_path / f"{name}.tflite", precision=name, verify=False).path
            found = streamed(path.read_bytes(), signal)["scores"]
            row[name] = np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2))
        errors.append(row)
    error = {name: np.median([row[name] for row in errors]) for name in NAMES}
    assert max(error["float32"], error["float32-explicit"]) < 1e-5
    assert error["int8-dynamic"] < 0.02
    assert error["int8-dynamic"] < error["hybrid"] < error["int8"] < error["int8-explicit"] < 0.12, error


@pytest.mark.parametrize("name", NAMES)
def test_the_state_is_carried_over_a_real_recording(name, watch_model, watch, tmp_path):
    export = export_model(
        watch_model, tmp_path / "model.tflite", precision=name, sequences=[watch.sequences[0][:1500]]
    )
    assert export.proof is not None
    assert export.proof.same_rounding.passed, export.proof.lines()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_model_gives_the_same_bytes(name):
    form = find_form("tflite", name)

    def content(seed):
        model = random_model(5, [7, 3], [4, 3], seed=seed)
        return form.encode(quantize(model, form.scales[0]) if form.scales else model, "float32")

    assert content(0) == content(0)
    assert content(0) != content(1)


@pytest.mark.parametrize("name", NAMES)
def test_the_states_are_described(name):
    form = find_form("tflite", name)
    quantized = quantize(random_model(5, [8, 6], [3]), form.scales[0]) if form.scales else None
    content = form.encode(quantized or random_model(5, [8, 6], [3]), "float32")
    states = json.loads(metadata_entry(content, "edgelstm"))["states"]
    assert [state["name"] for state in states] == ["h0", "c0", "h1", "c1"]
    explicit = "explicit" in name or name == "int8-dynamic"
    assert [state["output"] for state in states] == [f"{s['name']}_out" if explicit else None for s in states]
    assert [state["initial"] for state in states] == [state["zero_point"] for state in states]
    if name == "int8-explicit":
        c = cell_ranges(quantized)["lstm1"]["c"]
        assert (states[3]["scale"], states[3]["zero_point"]) == (c.scale, c.zero_point)


COMPILED = """
import sys, numpy as np
from ai_edge_litert.compiled_model import CompiledModel
path, given, result = sys.argv[1:]
model, frames = CompiledModel.from_file(path), np.load(given)
key = "serving_default"
names = model.get_signature_list()[key]
inputs = {name: model.create_input_buffer_by_name(key, name) for name in names["inputs"]}
outputs = {name: model.create_output_buffer_by_name(key, name) for name in names["outputs"]}
details = model.get_input_tensor_details(key)
scores = np.prod(model.get_output_tensor_details(key)["scores"]["shape"])
states = {name: np.zeros(details[name]["shape"], np.float32) for name in inputs if name != "x"}
rows = []
for frame in frames:
    inputs["x"].write(frame[None])
    for name, value in states.items():
        inputs[name].write(value)
    model.run_by_name(key, inputs, outputs)
    states = {n: outputs[n + "_out"].read(v.size, np.float32).reshape(v.shape) for n, v in states.items()}
    rows.append(outputs["scores"].read(scores, np.float32))
np.save(result, rows)
"""


def compiled(path, frames, folder):
    """Scores by LiteRT's CompiledModel. In a process of its own: it starts accelerators and is talkative."""
    np.save(folder / "frames.npy", frames)
    command = [sys.executable, "-c", COMPILED, str(path), str(folder / "frames.npy"), str(folder / "scores.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return np.load(folder / "scores.npy")


@pytest.mark.parametrize("name", ["float32-explicit", "int8-dynamic"])
def test_compiled_model_streams_explicit_states(name, tmp_path):
    model, signal = random_model(5, [12, 7], [4]), random_signal(30, 5, 1)
    path = export_model(model, tmp_path / "model.tflite", precision=name, verify=False).path
    found = compiled(path, signal, tmp_path)
    np.testing.assert_array_equal(found, streamed(path.read_bytes(), signal)["scores"])


def test_compiled_model_refuses_variable_tensors(tmp_path):
    """Why the explicit forms exist. When this fails, a newer LiteRT can do without them."""
    path = export_model(random_model(5, [12], [4]), tmp_path / "m.tflite", precision="float32", verify=False).path
    with pytest.raises(RuntimeError, match="Variable tensors not yet supported"):
        compiled(path, random_signal(3, 5), tmp_path)


@pytest.fixture
def quantized():
    return quantize(random_model(5, [8, 6], [4, 3]))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda q: first_lstm(q, R_scale=changed(lstms_of(q)[0].R_scale, 2, 0)), "lstm0: R: a scale"),
        (lambda q: first_lstm(q, W_scale=changed(lstms_of(q)[0].W_scale, 2, np.nan)), "lstm0: W: a scale"),
        (lambda q: first_lstm(q, W=changed(lstms_of(q)[0].W, (0, 0), -128)), "lstm0: W: int8 from -128"),
        (lambda q: first_lstm(q, hidden=Affine(np.float32(1), 0)), "lstm1: its input has"),
        (lambda q: replace(q, model=replace(q.model, examples=())), "carries no recordings"),
        (
            lambda q: with_layers(q, head=(replace(head_of(q)[0], input=Affine(np.float32(1), 300)), head_of(q)[1])),
            "dense0: ",
        ),
    ],
)
def test_what_int8_would_get_wrong_in_silence_is_refused(quantized, wrong, said):
    with pytest.raises(ValueError, match=said):
        tflite_explicit.encode_int8(wrong(quantized))


@pytest.mark.parametrize(
    ("of_metadata", "said"),
    [
        (lambda: tflite_explicit.build_int8(quantize(random_model(5, [8, 6], [4], seed=1))), "graph: h0: scale"),
        (lambda: tflite_explicit.build_int8(quantize(random_model(5, [8, 6], [4])), "int8"), "graph: x: float32"),
        (
            lambda: tflite_explicit.build_int8(quantize(random_model(5, [8], [4]))),
            r"graph: inputs .* expected c0, h0, x",
        ),
        (lambda: tflite_explicit.build_float32(random_model(5, [8, 6], [4])), "graph: h0: int8"),
        (lambda: tflite_fused.build_float32(random_model(5, [8, 6], [4])), "graph: inputs .* expected x and scores"),
    ],
)
def test_metadata_that_do_not_fit_the_graph_are_refused(of_metadata, said, tmp_path):
    graph = tflite_explicit.build_int8(quantize(random_model(5, [8, 6], [4])))
    path = tmp_path / "model.tflite"
    path.write_bytes(seal(encode_graph(replace(graph, metadata=of_metadata().metadata))))
    with pytest.raises(ValueError, match=rf"^{path}: {said}"):
        open_model(path)
