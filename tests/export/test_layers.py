"""Layers of every kind, in every order, in the forms that hold them, and in evaluators that share no code."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counts import times
from edgelstm import forward
from edgelstm.export import FORMS, export_model, find_form
from edgelstm.export.arithmetic.int8_cell import Int8Cell
from edgelstm.export.arithmetic.int8_dynamic import Int8Dynamic
from edgelstm.export.onnx import float32, int8_exact, int8_portable
from edgelstm.export.parity.proof import prove
from edgelstm.export.tflite import explicit
from edgelstm.layers import GRU, LSTM, Context, Conv
from edgelstm.model import Answer
from edgelstm.quantization import quantize, reference
from edgelstm.runtime.engines.tflite_file import metadata_entry
from layer_lists import LISTS, layer_list
from litert_alone import streamed as in_litert
from onnx_files import open_reference, open_session, streamed
from random_layers import random_layers
from random_models import random_signal

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

SEEDS = st.integers(0, 10_000)
LISTED = pytest.mark.parametrize("name", LISTS)
FORMS_OF_GRAPHS = [form for form in FORMS if form.format in ("onnx", "tflite")]


def whole(model, frames=36, seed=7):
    """Frames for a whole number of calls."""
    return random_signal(frames // model.stride * model.stride, model.features, seed)


def calls(model, signal):
    """The chunks that files take which take one run's frames at a call."""
    return [model.stride] * (len(signal) // model.stride)


def of_states(model, trace, name, width):
    """(runs, width) what the reference has of a state after each call: of a past the newest rows."""
    ((at, _),) = [(at, part) for at in model.road for part, _ in at.parts if part == name]
    runs = model.stride // at.stride
    values = trace.states[name][runs - 1 :: runs]
    return values[:, values.shape[1] - width :]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("opened", [open_session, open_reference])
@settings(max_examples=times(6, 12), deadline=None)
@given(seed=SEEDS)
def test_onnx_float32_is_float64(opened, seed):
    model = random_layers(seed)
    signal, content = whole(model), float32.encode(model)
    exact = forward.forward(model, signal)
    evaluator = opened(content)
    ways = [calls(model, signal)]
    if model.stride == 1:
        ways += [[len(signal)], [1, 5, len(signal) - 6]]  # any number of frames
    for sizes in ways:
        scores, states = streamed(content, evaluator, signal, sizes)
        close(scores, exact.scores)
        for name, found in states.items():
            expected = of_states(model, exact, name, found.shape[1])
            close(found, expected if model.stride > 1 else expected[np.cumsum(sizes) - 1])


@pytest.mark.parametrize("opened", [open_session, open_reference])
@settings(max_examples=times(6, 12), deadline=None)
@given(seed=SEEDS, scales=st.sampled_from(["per-row", "per-gate"]))
def test_onnx_int8_exact_has_every_bit(opened, seed, scales):
    model = random_layers(seed)
    quantized = quantize(model, scales)
    signal = 3 * whole(model, 12)  # beyond what calibration saw
    content, trace = int8_exact.encode(quantized), reference.IntegerStream(quantized).push(signal)
    scores, states = streamed(content, opened(content), signal, calls(model, signal))
    assert scores.tobytes() == trace.scores.tobytes()
    for name, found in states.items():
        raised = 128 if found.dtype == np.uint8 else 0
        expected = of_states(model, trace, name, found.shape[1])
        np.testing.assert_array_equal(found.astype(np.int32) - raised, expected, err_msg=name)


@settings(max_examples=times(6, 12), deadline=None)
@given(seed=SEEDS)
def test_onnx_int8_portable_is_the_same_in_both_evaluators(seed):
    model = random_layers(seed)
    quantized = quantize(model)
    signal, content = whole(model, 12), int8_portable.encode(quantized)
    one, states = streamed(content, open_session(content), signal, calls(model, signal))
    other, others = streamed(content, open_reference(content), signal, calls(model, signal))
    assert np.median(np.abs(one - other)) < 1e-4 * max(1, np.abs(one).max())
    for name in states:
        assert np.median(np.abs(states[name].astype(float) - others[name])) < 1e-4, name


@settings(max_examples=times(6, 12), deadline=None)
@given(seed=SEEDS)
def test_tflite_float32_is_float64(seed):
    model = random_layers(seed)
    signal = whole(model)
    found = in_litert(explicit.encode_float32(model), signal.reshape(-1, model.stride, model.features))
    exact = forward.forward(model, signal)
    close(found["scores"], exact.scores)
    for name in {part for at in model.road for part, _ in at.parts} & {name[:-4] for name in found}:
        close(found[f"{name}_out"], of_states(model, exact, name, found[f"{name}_out"].shape[1]))


@settings(max_examples=times(6, 12), deadline=None)
@given(seed=SEEDS)
def test_tflite_int8_values_are_those_of_numpy(seed):
    """Call by call from the file's own states. XNNPACK's multipliers are float32: a value at the middle between two
    integers may become either, once in thousands, and others follow within the call."""
    model = random_layers(seed)
    quantized = quantize(model)
    codes = reference.quantize_frames(quantized, whole(model))
    content = explicit.encode_int8(quantized, "int8")
    found = in_litert(content, codes.reshape(-1, model.stride, model.features))
    assert {array.dtype.name for array in found.values()} == {"int8"}
    about = {state["name"]: state for state in json.loads(metadata_entry(content, "edgelstm"))["states"]}
    assert {f"{name}_out" for name in about} == found.keys() - {"scores"}
    real = {
        name: (found[f"{name}_out"].astype(float) - state["zero_point"]) * state["scale"]
        for name, state in about.items()
    }
    steps = Int8Cell(quantized).steps(codes, real)
    for name, state in about.items():
        sure = steps.sure[name]
        off = np.abs(np.rint((real[name] - steps.states[name][:, -1]) / state["scale"]))[sure]
        assert np.count_nonzero(off) <= 1 + off.size // 50, name
        assert off.max(initial=0) <= 2, name


@settings(max_examples=times(6, 12), deadline=None)
@given(seed=SEEDS)
def test_tflite_int8_weights_round_as_numpy_does(seed):
    model = random_layers(seed)
    signal = whole(model)
    found = in_litert(explicit.encode_int8_dynamic(model), signal.reshape(-1, model.stride, model.features))
    near, exact = Int8Dynamic(model).rounded(signal).scores, forward.forward(model, signal).scores
    assert np.median(np.abs(found["scores"] - near)) <= 1e-5 * max(1, np.abs(exact).max())


@LISTED
@pytest.mark.parametrize("form", FORMS_OF_GRAPHS, ids=lambda form: f"{form.format}-{form.name}")
def test_a_form_that_does_not_hold_a_list_says_which_do(form, name, tmp_path):
    model = layer_list(name)
    if form.why_not(model) is None:
        assert form.encode(quantize(model, form.scales[0]) if form.scales else model)
        return
    with pytest.raises(
        ValueError,
        match=rf"^{form.format} {form.name} holds no [^\n]*; forms that hold the model: [^\n]*onnx float32",
    ):
        export_model(model, tmp_path / f"m{form.suffix}", precision=form.name)
    assert not list(tmp_path.iterdir())


# What is wrong with a file, and the check that sees it.


def gates_swapped(layer):
    """The first two gates of W."""
    one, other, *rest = np.split(layer.W, 3 if isinstance(layer, GRU) else 4)
    return replace(layer, W=np.concatenate([other, one, *rest]))


def a_tap_later(layer):
    return replace(layer, W=np.roll(layer.W, 1, axis=1))


def without_its_bias(layer):
    return replace(layer, b=0 * layer.b)


def with_another_reset(layer):
    return (
        replace(layer, reset="before", rb=0 * layer.rb) if layer.reset == "after" else replace(layer, reset="after")
    )


WRONG = {
    "gru": ((gates_swapped, "h0"), (without_its_bias, "h0"), (with_another_reset, "h0")),
    "causal convolution": ((a_tap_later, "h0"), (without_its_bias, "h0")),
    "strides around": ((a_tap_later, "h0"), (gates_swapped, "h0")),
    "convolution behind": ((a_tap_later, "scores"), (gates_swapped, "h0")),
}
PLACES = {gates_swapped: (LSTM, GRU), with_another_reset: GRU, a_tap_later: Conv, without_its_bias: (GRU, Conv)}


@lru_cache(len(WRONG))
def right(name):
    return replace(layer_list(name), covariances={})  # which fit one reset alone


# Kept, as the references keep what they say of it.
quantized_as = lru_cache(8)(quantize)


CASES = [
    (form, name, *pair)
    for name, pairs in WRONG.items()
    for form in FORMS_OF_GRAPHS
    if form.why_not(right(name)) is None
    for pair in pairs
]


@pytest.mark.parametrize(
    ("form", "name", "wrong", "check"),
    CASES,
    ids=[f"{form.format} {form.name}, {name}, {wrong.__name__}" for form, name, wrong, _ in CASES],
)
def test_a_file_of_another_layer_fails(form, name, wrong, check, tmp_path):
    model = right(name)
    place = next(n for n, layer in enumerate(model.layers) if isinstance(layer, PLACES[wrong]))
    other = replace(model, layers=(*model.layers[:place], wrong(model.layers[place]), *model.layers[place + 1 :]))
    source = quantized_as(model, form.scales[0]) if form.scales else model
    other = quantize(other, form.scales[0]) if form.scales else other
    path = tmp_path / f"m{form.suffix}"
    path.write_bytes(form.encode(other))
    proof = prove(path, form, source, [random_signal(60, 6, 1), random_signal(31, 6, 2)])
    assert check in {one.name.replace(",", " ").split()[0] for one in proof.same_rounding.checks if not one.passed}


def test_a_past_that_begins_otherwise_fails(tmp_path):
    """Real zeros stand for what has not come: as integers, zero points."""
    model = layer_list("causal convolution")
    for form in (find_form("onnx", "float32"), find_form("onnx", "int8-exact"), find_form("onnx", "int8-portable")):
        source = quantize(model) if form.scales else model
        proto = onnx.load_from_string(form.encode(source))
        for entry in proto.metadata_props:
            said = json.loads(entry.value)
            said["states"][0]["initial"] += 9
            assert said["states"][0]["name"] == "past0"
            entry.value = json.dumps(said)
        path = tmp_path / "m.onnx"
        onnx.save(proto, path)
        proof = prove(path, form, source, [random_signal(40, 6, 1)])
        assert "h0" in {
            one.name.replace(",", " ").split()[0] for one in proof.same_rounding.checks if not one.passed
        }, form.name


def test_many_runs_in_a_call_are_refused_where_each_is_written_out(tmp_path):
    rng = np.random.default_rng(1)
    base = layer_list("lstm")
    lstm, dense = base.layers
    model = replace(
        base,
        layers=(lstm, Context(65, 65), replace(dense, W=rng.normal(size=(5, 65 * 12)))),
        answer=Answer("last", 0, 65),
        ranges=None,
        covariances={},
    )
    for form in FORMS_OF_GRAPHS:
        assert (form.why_not(model) is None) == (form.name in ("float32",) and form.format == "onnx"), form.name
    assert (
        find_form("onnx", "int8-exact").why_not(model)
        == "no recurrent layer that runs more than 64 times in a call (lstm0: 65)"
    )
    assert find_form("onnx", "int8-exact-sequence").why_not(model) == "no stride of 65 frames"
    proof = export_model(model, tmp_path / "m.onnx", sequences=[random_signal(200, 6, 1)]).proof
    assert proof.passed, proof.lines()


def test_sequences_shorter_than_a_stride_prove_nothing(tmp_path):
    model, form, path = layer_list("stacked frames"), find_form("onnx", "float32"), tmp_path / "m.onnx"
    short, long = random_signal(2, 6, 1), random_signal(3, 6, 1)
    with pytest.raises(ValueError, match="sequences: none of 3 frames or more, expected some to prove the file with"):
        export_model(model, path, sequences=[short])
    assert not list(tmp_path.iterdir())
    proof = export_model(model, path, sequences=[short, long]).proof
    assert (proof.same_rounding.sequences, proof.same_rounding.frames) == (1, 3)
    with pytest.raises(ValueError, match="expected at least 3 frames, after which the scores come, in each"):
        prove(path, form, model, [long, short])


def test_the_document_says_which_layers_a_form_holds():
    text = (Path(__file__).parents[2] / "docs/exported-files.md").read_text(encoding="utf-8")
    table = text.split("## Which layers")[1].split("\n## ")[0]
    head, _, *lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    kinds = [cell.strip() for cell in head[1:6]]
    said = {}
    for cells in lines:
        format_name, names = cells[0].split()[0], re.findall("`([^`.]+)`", cells[0])
        for name in names or re.findall("int8|int4|float32|bf16", cells[0]) or ["int8", "float32"]:
            held = {kind for kind, cell in zip(kinds, cells[1:6]) if cell.startswith("yes")}
            said[format_name.strip("`.").lower(), name] = (held, cells[6].strip() if len(cells) > 6 else "")
    for form in FORMS:
        held, words = said["elstm" if form.format == "c" else form.format, form.name]
        assert held == set(form.kinds) & set(kinds), form.name
        assert bool(set(form.kinds) - set(kinds)) == (
            form.format in ("elstm", "c")
            or (form.format, form.name) in (("onnx", "float32"), ("tflite", "float32-explicit"))
        )
        assert words.startswith(form.limit.words if form.limit else ""), form.name
        assert bool(words.strip(" |")) == bool(form.limit), form.name
