"""What onnxruntime loads without a word and computes wrongly, done on purpose: the proof sees each of them."""

import json

import numpy as np
import pytest

from edgelstm.export import export_model, find_form
from edgelstm.export.parity.proof import prove
from edgelstm.quantization import quantize
from edgelstm.runtime.engines.open import open_model
from random_models import random_model, random_signal

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

MODEL = random_model(5, [12, 7], [4])
SEQUENCES = [random_signal(40, 5, 1), random_signal(9, 5, 2)]


def damaged(folder, form, change):
    """A file of this form, after `change` had its way with it."""
    path = export_model(MODEL, folder / "model.onnx", precision=form, verify=False).path
    proto = onnx.load(path)
    change(proto)
    onnx.save(proto, path)
    return path


def failing(path, form):
    form = find_form("onnx", form)
    proof = prove(path, form, quantize(MODEL, form.scales[0]) if form.scales else MODEL, SEQUENCES)
    return {check.name for check in proof.same_rounding.checks if not check.passed}


def edit(proto, name, change):
    """The stored array `name`, in the graph or in a Scan's body, becomes `change` of it."""
    bodies = [a.g for node in proto.graph.node for a in node.attribute if a.name == "body"]
    for graph in (proto.graph, *bodies):
        for tensor in graph.initializer:
            if tensor.name == name:
                array = change(onnx.numpy_helper.to_array(tensor).copy())
                tensor.CopyFrom(onnx.numpy_helper.from_array(array, name))
                return
    raise KeyError(name)


def say(proto, change):
    """Edit what the file says about itself."""
    (entry,) = proto.metadata_props
    said = json.loads(entry.value)
    change(said)
    entry.value = json.dumps(said)


def node(proto, operator):
    return next(n for graph in (proto.graph, *proto.functions) for n in graph.node if n.op_type == operator)


def with_attribute(proto, operator, name, value):
    found = node(proto, operator)
    kept = [attribute for attribute in found.attribute if attribute.name != name]
    del found.attribute[:]
    found.attribute.extend([*kept, onnx.helper.make_attribute(name, value)])


def start_at_zero(proto):
    """uint8 states begin at their zero point, which is far from 0."""
    say(proto, lambda said: said["states"][0].update(initial=0))


def start_at_128(proto):
    """The zero of int8, raised: right only where the zero point is 0."""
    say(proto, lambda said: said["states"][0].update(initial=128))


def swap_first_gates(columns):
    one, other, *rest = np.split(columns, 4, axis=-1)
    return np.concatenate([other, one, *rest], axis=-1)


def any_number_of_frames(proto):
    """DynamicQuantizeLSTM has one scale for a whole call: its answers then depend on how frames are cut."""
    for value in (proto.graph.input[0], *proto.graph.output[:2]):
        value.type.tensor_type.shape.dim[0].dim_param = "frames"


@pytest.mark.parametrize(
    ("form", "change", "check"),
    [
        ("int8-exact", start_at_zero, "h0, integers"),
        ("int8-exact", start_at_128, "h0, integers"),
        ("int8-exact-sequence", start_at_128, "h0, integers"),
        ("int8-portable", start_at_zero, "c0 against the same rounding"),
        ("int8-portable", start_at_128, "c0 against the same rounding"),
        ("int8-portable", lambda p: edit(p, "lstm0_W", swap_first_gates), "c0 against the same rounding"),
        ("int8-portable", lambda p: edit(p, "lstm1_R_factor", swap_first_gates), "c1 against the same rounding"),
        ("int8-portable", lambda p: edit(p, "lstm0_h_scale", lambda a: a * 2), "h0, int8 units"),
        (
            "int8-portable-sequence",
            lambda p: edit(p, "lstm1_x_zero", lambda a: a + 9),
            "c1 against the same rounding",
        ),
        ("int8-exact", lambda p: edit(p, "zero_point_128", lambda a: a - 1), "h0, integers"),
        ("int8-exact", lambda p: edit(p, "sigmoid", lambda a: np.roll(a, 1)), "h0, integers"),
        ("int8-exact", lambda p: edit(p, "lstm0_parts_added", lambda a: a - (1 << 30)), "h0, integers"),
        ("int8-exact-sequence", lambda p: with_attribute(p, "Scan", "scan_input_directions", [1]), None),
        ("int8-portable-sequence", lambda p: with_attribute(p, "Scan", "scan_output_directions", [1, 1]), None),
        ("int8-dynamic", any_number_of_frames, None),
        ("int8-portable", lambda p: with_attribute(p, "Softmax", "axis", 0), "probabilities of the file"),
        ("int8-portable", lambda p: setattr(node(p, "Tanh"), "op_type", "Softsign"), "c0 against the same rounding"),
    ],
)
def test_a_trap_is_seen(form, change, check, tmp_path):
    expected = {check} if check else {"one push against frame by frame", "answers, one push against frame by frame"}
    assert expected & failing(damaged(tmp_path, form, change), form)


def without_hidden_size(proto):
    found = node(proto, "LSTM")
    del found.attribute[:]


@pytest.mark.parametrize(
    ("form", "change", "said"),
    [
        ("float32", without_hidden_size, "onnxruntime refuses it"),
        ("int8-exact", lambda p: say(p, lambda s: s["states"][0].update(type="int8")), "graph: input h0"),
        ("int8-exact", lambda p: say(p, lambda s: s["states"][1].update(shape=[1, 13])), "states: c0"),
        ("int8-exact", lambda p: say(p, lambda s: s["states"][0].update(initial=256)), "states: h0"),
        ("int8-exact", lambda p: say(p, lambda s: s["states"][0].update(name="c0")), "states: c0, c0"),
        ("int8-exact", lambda p: say(p, lambda s: s["states"].pop()), "states"),
        ("int8-exact", lambda p: say(p, lambda s: s.pop("states")), "states"),
        ("int8-exact", lambda p: say(p, lambda s: s.update(io={"x": 1})), "io"),
        ("int8-portable", lambda p: say(p, lambda s: [e.update(output=None) for e in s["states"]]), "graph: output"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(form, change, said, tmp_path):
    path = damaged(tmp_path, form, change)
    with pytest.raises(ValueError, match=rf"^{path}: [^\n]*{said}"):
        open_model(path)


def test_the_undamaged_files_pass(tmp_path):
    """What is shown above is the damage, not the tools."""
    for form in ("int8-dynamic", "int8-portable", "int8-portable-sequence", "int8-exact", "int8-exact-sequence"):
        path = damaged(tmp_path, form, lambda proto: say(proto, lambda said: None))
        assert failing(path, form) == set()
