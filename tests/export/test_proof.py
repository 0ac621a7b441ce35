"""The proof passes for what is right, and fails for every way in which a file can be wrong."""

import hashlib
import itertools
import json
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from counts import FULL, some, times
from edgelstm.export import find_form
from edgelstm.export.onnx import float32 as onnx_float32
from edgelstm.export.parity.proof import prove
from edgelstm.export.parity.run import witness
from edgelstm.export.tflite import fused as tflite_fused
from edgelstm.export.tflite import graph as tflite_writer
from edgelstm.export.tflite.schema import Op
from edgelstm.model import Answer, Model, Normalize
from edgelstm.quantization import quantize, reference
from edgelstm.runtime.engines.open import open_model
from edgelstm.runtime.engines.tflite_file import seal
from edgelstm.runtime.proven import proof_path
from random_models import random_model, random_signal
from with_layers import head_of, lstms_of, with_layers

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

FORMS = {
    "elstm": ("elstm", "float32", None),
    "elstm-per-row": ("elstm", "int8", "per-row"),
    "elstm-per-gate": ("elstm", "int8", "per-gate"),
    "onnx": ("onnx", "float32", None),
    "onnx-dynamic": ("onnx", "int8-dynamic", None),
    "onnx-per-row": ("onnx", "int8-exact", "per-row"),
    "onnx-per-gate": ("onnx", "int8-exact", "per-gate"),
    "onnx-portable": ("onnx", "int8-portable", "per-row"),
    "tflite": ("tflite", "int8", "per-gate"),
    "tflite-float32": ("tflite", "float32", None),
    "tflite-hybrid": ("tflite", "hybrid", None),
    "tflite-float32-explicit": ("tflite", "float32-explicit", None),
    "tflite-dynamic": ("tflite", "int8-dynamic", None),
    "tflite-int8-explicit": ("tflite", "int8-explicit", "per-row"),
}
ROUNDING = ("onnx-dynamic", "onnx-portable", "tflite-dynamic", "tflite-hybrid", "tflite-int8-explicit")
ACTIVATIONS = ("softmax", "sigmoid", "linear")
ANSWERS = (Answer("last", 0, 0), Answer("mean", 0, 0), Answer("mean", 0, 7))
# Each form with each activation and each way to answer; which two come together goes from form to form.
ANSWERING = [
    (form, activation, answer)
    for (a, activation), (b, answer) in itertools.product(enumerate(ACTIVATIONS), enumerate(ANSWERS))
    for n, form in enumerate(FORMS)
    if FULL or (a + b + n) % 3 == 0
]
MODEL = random_model(5, [12, 7], [4], answer=Answer("mean", 6, 3))
SEQUENCES = [random_signal(40, 5, 1), random_signal(9, 5, 2)]


# Kept, as the references keep what they say of it.
quantized_as = lru_cache(8)(quantize)


def proven(folder, name, right, sequences, wrong=None):
    """The proof, against the model `right`, of a file made from `wrong` (or from `right`)."""
    *found, scales = FORMS[name]
    form = find_form(*found)
    if scales and isinstance(wrong, Model):
        wrong = quantize(wrong, scales)
    source = quantized_as(right, scales) if scales else right
    path = folder / f"model{form.suffix}"
    path.write_bytes(form.encode(wrong or source))
    return prove(path, form, source, sequences)


def failed(proof):
    assert not proof.passed
    return {check.name for check in proof.same_rounding.checks if not check.passed}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_every_form_passes_on_real_recordings(form, watch_model, watch, tmp_path):
    length = times(250, 400)
    sequences = [sequence[:length] for sequence in watch.sequences[-times(2, 6) :]]
    proof = proven(tmp_path, form, watch_model, sequences)
    assert proof.same_rounding.passed, proof.lines()
    frames = length * len(sequences)
    assert (proof.same_rounding.sequences, proof.same_rounding.frames) == (len(sequences), frames)
    if FORMS[form][2] and form not in ROUNDING:
        exact = [check for check in proof.same_rounding.checks if check.name.endswith("integers")]
        assert [(check.values, check.differing) for check in exact] == [(frames * 24, 0)] * 2


@lru_cache(len(ACTIVATIONS) * len(ANSWERS))
def small(activation, answer):
    return random_model(3, [5], [6, 2], activation=activation, answer=answer)


@pytest.mark.parametrize(("form", "activation", "answer"), ANSWERING)
def test_every_kind_of_answer_passes(form, activation, answer, tmp_path):
    model = small(activation, answer)
    proof = proven(tmp_path, form, model, [random_signal(20, 3, 1), random_signal(1, 3, 2)])
    assert proof.same_rounding.passed, proof.lines()
    assert (proof.agrees.fresh.agreeing is None) == (activation == "linear")
    assert (proof.agrees.streamed is None) == (answer.hop == 0)


@pytest.mark.slow
def test_short_real_sequences_are_judged_alike_by_all_engines(vowels_model, vowels, tmp_path):
    sequences = vowels.sequences[-times(20, 40) :]
    for form in FORMS:
        proof = proven(tmp_path, form, vowels_model, sequences)
        assert proof.passed, proof.lines()
        fresh = proof.agrees.fresh
        assert (fresh.agreeing or 0) / fresh.answers >= 0.95, form


def test_input_integers_may_fall_to_either_side_of_the_middle(tmp_path):
    """TFLite normalizes in two float32 steps: a value that lies between two integers becomes either; no other may."""
    quantized = quantized_as(MODEL, "per-gate")
    mean, scale, offset = (a[0] for a in (quantized.input_mean, quantized.input_scale, quantized.input_offset))
    middles = np.arange(-100, 100) + np.float32(0.5)
    close = np.zeros((200, 5), np.float32)
    close[:, 0] = (middles - offset) / scale + mean
    path = tmp_path / "model.tflite"
    path.write_bytes(tflite_fused.encode_int8(quantized))
    moved = (witness(open_model(path)).run(close).codes != reference.quantize_frames(quantized, close)).any(axis=1)
    assert 0 < moved.sum() < 200
    assert prove(path, tflite_fused.INT8, quantized, [close]).same_rounding.passed
    graph = tflite_fused.build_int8(quantized)
    factor = next(tensor.data for tensor in graph.tensors() if tensor.name == "normalize_factor")
    graph = with_tensor(graph, "normalize_factor", data=factor * np.float32(1 + 1e-4))
    path.write_bytes(seal(tflite_writer.encode(graph)))
    beside = close + np.float32(0.005) / scale  # a two-hundredth of an integer
    assert "input integers, beyond rounding" in failed(prove(path, tflite_fused.INT8, quantized, [beside]))


def test_the_record_beside_the_file(tmp_path):
    proof = proven(tmp_path, "elstm-per-row", MODEL, SEQUENCES)
    path = tmp_path / "model.elstm"
    assert proof_path(path) == tmp_path / "model.elstm.proof.json"
    record = json.loads(proof.content())
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["size"] == path.stat().st_size
    assert record["same_rounding"]["passed"] is True
    assert record["same_rounding"]["frames"] == record["agrees"]["frames"] == 49
    assert [check["name"] for check in record["same_rounding"]["checks"]] == [
        check.name for check in proof.same_rounding.checks
    ]
    assert proof.to_json() == proven(tmp_path, "elstm-per-row", MODEL, SEQUENCES).to_json()


def with_weight(model, layer, name, place, factor):
    """`model` with one weight of one LSTM layer multiplied."""
    lstms = list(lstms_of(model))
    weights = getattr(lstms[layer], name).copy()
    weights[place] *= factor
    lstms[layer] = replace(lstms[layer], **{name: weights})
    return with_layers(model, lstms=tuple(lstms))


def with_score_moved(model, distance):
    """`model` with a distance added to its first score."""
    bias = head_of(model)[-1].b.copy()
    bias[0] += distance
    return with_layers(model, head=(*head_of(model)[:-1], replace(head_of(model)[-1], b=bias)))


def with_gates_swapped(array, one, other):
    gates = np.split(array, 4)
    gates[one], gates[other] = gates[other], gates[one]
    return np.concatenate(gates)


@pytest.mark.parametrize("form", ["elstm", "onnx", "tflite-float32", "tflite-float32-explicit"])
@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        (with_weight(MODEL, 0, "W", (3, 2), 1.01), "h0 against float64"),
        (with_weight(MODEL, 1, "R", (20, 1), 1.01), "h1 against float64"),
        (with_weight(MODEL, 1, "b", 5, 1.01), "c1 against float64"),
        (replace(MODEL, normalize=Normalize(MODEL.normalize.mean, 1.001 * MODEL.normalize.std)), "metadata"),
        (with_score_moved(MODEL, 1e-3), "answers against float64"),
        (replace(MODEL, answer=Answer("mean", 9, 3)), "answers against float64"),
        (replace(MODEL, labels=("a", "b", "c", "d")), "metadata"),
    ],
)
def test_a_float32_file_of_another_model_fails(form, wrong, check, tmp_path):
    assert check in failed(proven(tmp_path, form, MODEL, SEQUENCES, wrong))


def by_rounding(form, name):
    """The check that holds `name` against the form's own way of rounding."""
    # Where h is held against the file's own c, what is wrong with a gate shows in c.
    if form == "tflite-int8-explicit":
        return "scores, int8 units" if name == "scores" else f"c{name[1]}, share of integers that differ"
    if form == "onnx-portable":
        name = name.replace("h", "c")
    return f"{name} against the same rounding"


@pytest.mark.parametrize("form", ROUNDING)
@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (with_weight(MODEL, 0, "W", (3, 2), -1), "h0"),
        (with_weight(MODEL, 1, "R", (20, 1), -1), "h1"),
        (with_weight(MODEL, 1, "b", 5, 1.2), "c1"),
        (with_score_moved(MODEL, 0.1), "scores"),
    ],
)
def test_a_rounding_file_of_another_model_fails(form, wrong, name, tmp_path):
    assert by_rounding(form, name) in failed(proven(tmp_path, form, MODEL, SEQUENCES, wrong))


@pytest.mark.parametrize("form", ROUNDING)
def test_a_rounding_file_that_answers_otherwise_fails(form, tmp_path):
    wrong = replace(MODEL, answer=Answer("mean", 9, 3))
    assert "metadata" in failed(proven(tmp_path, form, MODEL, SEQUENCES, wrong))


@pytest.mark.parametrize(("one", "other"), some([(0, 1), (2, 3), (1, 2), (0, 3), (1, 3)], 3))
def test_gates_in_a_wrong_order_fail(one, other, tmp_path):
    layer = lstms_of(MODEL)[0]
    mixed = replace(layer, W=with_gates_swapped(layer.W, one, other))
    wrong = with_layers(MODEL, lstms=(mixed, *lstms_of(MODEL)[1:]))
    for form in ("onnx", "tflite-float32", "tflite-float32-explicit"):
        assert "h0 against float64" in failed(proven(tmp_path, form, MODEL, SEQUENCES, wrong))
    for form in ROUNDING:
        assert by_rounding(form, "h0") in failed(proven(tmp_path, form, MODEL, SEQUENCES, wrong))
    for form in ("elstm-per-row", "onnx-per-row", "tflite"):
        quantized = quantized_as(MODEL, FORMS[form][2])
        layer = lstms_of(quantized)[0]
        mixed = replace(
            layer, W=with_gates_swapped(layer.W, one, other), W_scale=with_gates_swapped(layer.W_scale, one, other)
        )
        wrong = with_layers(quantized, lstms=(mixed, *lstms_of(quantized)[1:]))
        assert "h0, integers" in failed(proven(tmp_path, form, MODEL, SEQUENCES, wrong))


@pytest.mark.parametrize("form", ["elstm-per-row", "elstm-per-gate", "onnx-per-row", "tflite"])
def test_one_integer_weight_off_by_a_little_fails(form, tmp_path):
    quantized = quantized_as(MODEL, FORMS[form][2])
    for layer in (0, 1):
        R = lstms_of(quantized)[layer].R.copy()
        R[5, 3] = R[5, 3] - 4 if R[5, 3] > 0 else R[5, 3] + 4
        lstms = list(lstms_of(quantized))
        lstms[layer] = replace(lstms[layer], R=R)
        wrong = with_layers(quantized, lstms=tuple(lstms))
        assert f"c{layer}, integers" in failed(proven(tmp_path, form, MODEL, SEQUENCES, wrong))


@pytest.mark.parametrize(
    ("form", "check"),
    [
        ("elstm-per-row", "answers"),
        ("elstm-per-gate", "answers"),
        ("onnx-per-row", "scores, every bit"),
        ("tflite", "scores, int8 units"),
    ],
)
def test_a_wrong_integer_head_fails(form, check, tmp_path):
    quantized = quantized_as(MODEL, FORMS[form][2])
    head = head_of(quantized)[0]
    W = head.W.copy()
    W[2, 3] = 127 if W[2, 3] < 0 else -127
    assert failed(proven(tmp_path, form, MODEL, SEQUENCES, with_layers(quantized, head=(replace(head, W=W),)))) == {
        check
    }


def with_tensor(graph, name, **changes):
    """`graph` with one tensor changed everywhere."""
    old = next(tensor for tensor in graph.tensors() if tensor.name == name)
    new = replace(old, **changes)

    def swap(tensors):
        return tuple(new if tensor is old else tensor for tensor in tensors)

    operators = (
        replace(op, inputs=swap(op.inputs), outputs=swap(op.outputs), intermediates=swap(op.intermediates))
        for op in graph.operators
    )
    return replace(graph, operators=tuple(operators), outputs=swap(graph.outputs))


def with_options(graph, op, **options):
    operators = (replace(one, options=options) if one.op is op else one for one in graph.operators)
    return replace(graph, operators=tuple(operators))


def without_normalizing(graph):
    """MUL by the factor, but ADD of nothing."""
    mean = next(tensor for tensor in graph.tensors() if tensor.name == "minus_mean")
    return with_tensor(graph, "minus_mean", data=np.zeros_like(mean.data))


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        (lambda g: with_tensor(g, "lstm0_hidden", scale=np.float32(0.02)), "h0, integers"),
        (lambda g: with_tensor(g, "lstm0_hidden", zero_point=100), "h0, integers"),
        (lambda g: with_tensor(g, "y1", scale=np.float32(0.02)), "scores, int8 units"),
        (lambda g: with_tensor(g, "lstm1_R_f", scale=np.float32(0.02)), "h1, integers"),
        (lambda g: with_tensor(g, "scores8", scale=np.float32(0.5)), "scores, int8 units"),
        (lambda g: with_tensor(g, "x8", scale=np.float32(0.5)), "input integers, beyond rounding"),
        (without_normalizing, "input integers, beyond rounding"),
        (
            lambda g: with_options(g, Op.SOFTMAX, Beta=2.0),
            "probabilities of the file",
        ),
    ],
)
def test_what_a_tflite_engine_gets_wrong_in_silence_fails(damage, check, tmp_path):
    """Files that LiteRT loads without a word."""
    quantized = quantized_as(MODEL, "per-gate")
    path = tmp_path / "model.tflite"
    path.write_bytes(seal(tflite_writer.encode(damage(tflite_fused.build_int8(quantized)))))
    assert check in failed(prove(path, tflite_fused.INT8, quantized, SEQUENCES))


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("c0", {"dtype": np.int8}, "int8"),  # the operator would write int16 into it, over its end
        ("c0", {"scale": 3e-4}, "scale"),
        ("c1", {"scale": 2.0**-9}, "scale"),
        ("h0", {"scale": np.float32(0.02)}, "scale"),
        ("h0", {"zero_point": 100}, "scale"),
    ],
)
def test_a_state_that_is_not_as_the_metadata_say_is_never_run(name, changes, said, tmp_path):
    """LiteRT runs all of these and answers wrongly."""
    quantized = quantized_as(MODEL, "per-gate")
    graph = with_tensor(tflite_fused.build_int8(quantized), name, **changes)
    path = tmp_path / "model.tflite"
    path.write_bytes(seal(tflite_writer.encode(graph)))
    with pytest.raises(ValueError, match=f"graph: {name}: {said}"):
        prove(path, tflite_fused.INT8, quantized, SEQUENCES)


def test_a_wrong_initial_state_in_an_onnx_file_fails(tmp_path):
    proto = onnx.load_from_string(onnx_float32.encode(MODEL))
    for entry in proto.metadata_props:
        entry.value = entry.value.replace('"initial":0', '"initial":0.5', 1)
    path = tmp_path / "model.onnx"
    onnx.save(proto, path)
    assert "h0 against float64" in failed(prove(path, onnx_float32.FORM, MODEL, SEQUENCES))


def test_wrong_probabilities_in_an_onnx_file_fail(tmp_path):
    proto = onnx.load_from_string(onnx_float32.encode(MODEL))
    node = proto.graph.node[-1]
    assert node.op_type == "Softmax"
    node.op_type = "LogSoftmax"
    path = tmp_path / "model.onnx"
    onnx.save(proto, path)
    assert failed(prove(path, onnx_float32.FORM, MODEL, SEQUENCES)) == {"probabilities of the file"}


@lru_cache(1)
def with_large_weights():
    return random_model(20, [40, 40, 40], [6], gain=4)


@pytest.mark.parametrize("form", ["elstm", "onnx", "tflite-float32", "tflite-float32-explicit"])
def test_large_weights_magnify_roundings_and_pass(form, tmp_path):
    wild = with_large_weights()
    proof = proven(tmp_path, form, wild, [random_signal(300, 20, 1)])
    assert proof.same_rounding.passed, proof.lines()
    wrong = with_weight(wild, 0, "W", (3, 2), 1.01)
    assert "h0 against float64" in failed(proven(tmp_path, form, wild, [random_signal(300, 20, 1)], wrong))


def test_a_file_of_other_shape_or_precision_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected \\(5, 'lstm0 1x12, lstm1 1x7, "):
        proven(tmp_path, "onnx", MODEL, SEQUENCES, random_model(5, [12, 8], [4]))
    path = tmp_path / "model.elstm"
    path.write_bytes(find_form("elstm", "int8").encode(quantize(MODEL)))
    with pytest.raises(ValueError, match="'int8'"):
        prove(path, find_form("elstm", "float32"), MODEL, SEQUENCES)


@pytest.mark.parametrize("sequences", [[], [np.zeros((0, 5), np.float32)]])
def test_a_proof_needs_frames(sequences, tmp_path):
    with pytest.raises(ValueError, match="expected at least one frame"):
        proven(tmp_path, "onnx", MODEL, sequences)
