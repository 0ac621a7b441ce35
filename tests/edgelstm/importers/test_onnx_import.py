"""ONNX files: our own come back as they were, others answer as in onnxruntime; the rest is refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counts import times
from edgelstm.forward import forward
from edgelstm.importers.choices import Choices, UndecidedError
from edgelstm.importers.proof import prove
from edgelstm.importers.read import read_model
from edgelstm.model import Model
from edgelstm.model_file import load_model
from in_process import refused_well, run
from layer_lists import layer_list
from random_float_layers import random_float_layers
from random_layers import random_layers

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

F, H, OUT, T = 3, 4, 2, 12


def some(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(0, 0.6, shape).astype(np.float32)


def test_our_own_files_come_back(tmp_path: Path) -> None:
    """Lists of any layers, also with strides: the same answers, or for a few a refusal by the node; never others."""
    from edgelstm.export.onnx.float32 import FORM, encode

    made = [make(seed) for seed in range(times(9, 400)) for make in (_plain, random_float_layers)]
    models, path = [one for one in made if FORM.why_not(one) is None], tmp_path / "own.onnx"
    refusals: list[str] = []
    for place, model in enumerate(models):
        path.write_bytes(encode(model))
        try:
            imported = read_model(path, Choices())
        except ValueError as error:
            refusals.append(str(error))
            continue
        x = np.random.default_rng(place).normal(size=(48, model.features)).astype(np.float32)
        found, expected = forward(imported.model, x).scores, forward(model, x).scores
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * max(1, np.abs(expected).max()))
    assert len(refusals) <= 0.15 * len(models)
    assert all(re.search(r" '[\w/]+': |--stream", line) for line in refusals), refusals


def _plain(seed: int) -> Model:
    return random_layers(seed, calibrated=False)


def test_the_proof_of_our_own_file_carries_its_memory(tmp_path: Path) -> None:
    """Contexts, as states that go in before what is new and come out as the newest of both."""
    from edgelstm.export.onnx.float32 import encode

    path = tmp_path / "own.onnx"
    path.write_bytes(encode(layer_list("causal convolution")))
    imported = read_model(path, Choices())
    assert [layer.kind for layer in imported.model.layers] == ["context", "conv", "gru", "lstm", "dense"]
    proof = prove(imported)
    assert proof.passed, proof.lines()
    assert max(check.largest for check in proof.checks) <= 1e-6


def graph(path: Path, nodes: list[Any], inputs: dict[str, list[Any]], outputs: list[str], **held: np.ndarray) -> Path:
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in held.items()]
    ins = [make.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()]
    outs = [make.make_tensor_value_info(name, kind, None) for name in outputs]
    made = make.make_graph(nodes, "graph", ins, outs, tensors)
    model = make.make_model(made, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    names = [name.strip("_") for name in inputs.split()]
    return onnx.helper.make_node(op, names, outputs.split(), f"{op} of {outputs.split()[0]}", **attributes)


def as_torch_exports(path: Path, **attributes: Any) -> Path:
    """(batch, time, features), states of zeros within, the last step alone."""
    nodes = [
        node("Transpose", "in", "t", perm=[1, 0, 2]),
        node("LSTM", "t W R B _ zeros zeros", "y hn cn", hidden_size=H, **attributes),
        node("Squeeze", "y axis", "rows"),
        node("Gather", "rows last", "newest", axis=0),
        node("Relu", "newest", "r"),
        node("Gemm", "r fc bias", "logits", transB=1),
        node("Softmax", "logits", "out", axis=-1),
    ]
    held = {
        "W": some(1, 4 * H, F),
        "R": some(1, 4 * H, H),
        "B": some(1, 8 * H),
        "zeros": np.zeros((1, 1, H), np.float32),
    }
    held |= {"axis": np.array([1]), "last": np.array(-1), "fc": some(OUT, H), "bias": some(OUT)}
    return graph(path, nodes, {"in": [1, "time", F]}, ["out"], **held)


def written_out(path: Path, gain: float = 1) -> Path:
    """A cell as products and sums, its gates cut from one product of x and h side by side."""
    nodes = [
        node("Concat", "x h", "xh", axis=1),
        node("MatMul", "xh W", "z0"),
        node("Add", "z0 b", "z"),
        node("Split", "z", "zo zf zi zg", axis=1),
        *[node("Sigmoid", f"z{gate}", gate) for gate in "ofi"],
        node("Tanh", "zg", "g"),
        node("Mul", "g i", "new"),
        node("Mul", "c f", "kept"),
        node("Add", "kept new", "cn"),
        node("Tanh", "cn", "tc"),
        node("Mul", "tc o", "hn"),
        node("MatMul", "hn fc", "p"),
        node("Sigmoid", "p", "y"),
    ]
    held = {"W": np.float32(gain) * some(F + H, 4 * H), "b": some(4 * H), "fc": some(H, OUT)}
    return graph(path, nodes, {"x": [1, F], "h": [1, H], "c": [1, H]}, ["y", "hn", "cn"], **held)


def before(path: Path) -> Path:
    """A GRU whose reset comes before the product, with a first state of its own and a normalization."""
    nodes = [
        node("Sub", "x mean", "m"),
        node("Div", "m std", "n"),
        node("GRU", "n W R B _ h", "y hn", hidden_size=H),
        node("Squeeze", "hn axis", "rows"),
        node("Gemm", "rows fc bias", "scores", transB=1),
    ]
    held = {"W": some(1, 3 * H, F), "R": some(1, 3 * H, H), "B": some(1, 6 * H), "axis": np.array([0])}
    held |= {"mean": some(F), "std": np.abs(some(F)) + 0.5, "fc": some(OUT, H), "bias": some(OUT)}
    return graph(path, nodes, {"x": [1, 1, F], "h": [1, 1, H]}, ["scores", "hn"], **held)


CASES: dict[str, tuple[Callable[[Path], Path], Choices]] = {
    "torch": (as_torch_exports, Choices(window=T)),
    "written out": (written_out, Choices()),
    "before": (before, Choices()),
}


@pytest.mark.parametrize("name", CASES)
def test_others_answer_as_in_their_engine(tmp_path: Path, name: str) -> None:
    write, choices = CASES[name]
    imported = read_model(write(tmp_path / "m.onnx"), choices)
    proof = prove(imported)
    assert proof.passed, proof.lines()
    assert max(check.largest for check in proof.checks) < 2e-6
    assert proof.frames > 1000


def test_the_proof_knows_a_model_that_is_another(tmp_path: Path) -> None:
    """Also where its own float32 is several times 1e-6 off: what rounding does is asked of the engine."""
    imported = read_model(written_out(tmp_path / "m.onnx", 4), Choices())
    first, *rest = imported.model.layers
    other = replace(imported.model, layers=(replace(first, b=first.b * 1.0001), *rest))  # type: ignore[attr-defined]
    proof = prove(replace(imported, model=other))
    assert not proof.passed
    assert 0 < 4 * proof.moved < 1e-5
    assert {check.limit for check in proof.checks} == {1e-5}


def test_the_command_proves_and_writes_it_down(tmp_path: Path) -> None:
    path = written_out(tmp_path / "m.onnx")
    ended = run("import", path, "--json")
    assert ended.code == 0, ended
    proof = json.loads((tmp_path / "m.npz.proof.json").read_text())
    assert (proof["passed"], proof["decided"]) == (True, True)
    assert proof["source"]["file"] == "m.onnx"
    assert proof["engine"].startswith("onnxruntime ")
    assert load_model(tmp_path / "m.npz").activation == "sigmoid"


def test_signals_on_which_float32_itself_is_lost_prove_nothing(tmp_path: Path) -> None:
    """A recurrence that is driven hard doubles every rounding: engines part, however alike they are."""
    path = written_out(tmp_path / "m.onnx", 40)
    proof = prove(read_model(path, Choices()))
    assert proof.own_error > 1e-5
    assert not proof.decided
    ended = run("import", path)
    assert ended.code in (0, 3), ended
    assert "give real ones" in " ".join(ended.out.split())


def test_whether_zeros_inside_are_a_stream_is_asked(tmp_path: Path) -> None:
    path = as_torch_exports(tmp_path / "m.onnx")
    with pytest.raises(UndecidedError, match=r"^--stream or --window N"):
        read_model(path, Choices())
    ended = run("import", path, "--stream")
    assert ended.code == 0
    assert "read, not proven" in ended.out


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "reverse": (lambda p: as_torch_exports(p, direction="reverse"), "reverse; a stream has no end to read back from"),
    "clip": (lambda p: as_torch_exports(p, clip=3.0), "attribute clip is not supported"),
    "words": (lambda p: as_torch_exports(p, activations=["Softsign", "Tanh", "Tanh"]), "activations softsign"),
    "two": (
        lambda p: as_torch_exports(p, activations=["Sigmoid", "Tanh", "Relu"]),
        "activations sigmoid, tanh, relu",
    ),
    "op": (lambda p: graph(p, [node("Erf", "x", "y")], {"x": [1, 3]}, ["y"]), "Erf 'Erf of y': none of the layers"),
    "none": (lambda p: graph(p, [node("Relu", "x", "y")], {"x": [1, 3]}, ["y"]), "at least one that is recurrent"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_held_is_refused_by_its_node(tmp_path: Path, name: str) -> None:
    write, words = BAD[name]
    ended = run("import", write(tmp_path / "m.onnx"), "--window", T)
    assert refused_well(ended)
    assert ended.code == 1
    assert words in ended.err, ended.err
