"""A node put on each edge of small graphs: what it does is read, or the file is refused. Nothing lies unseen between
inputs and answers, or between a layer and its state, whether or not there is an engine to compare with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counts import FULL
from edgelstm.forward import FloatStream, activate
from edgelstm.importers import onnx_child, onnx_file
from edgelstm.importers.child import HEADER, tell
from edgelstm.importers.choices import Choices
from edgelstm.importers.read import read_model
from onnx_graphs import node, some, write

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

F, H, OUT, CALLS = 3, 4, 2, 9
Held = dict[str, Any]
LSTM = {"W": some(1, 4 * H, F), "R": some(1, 4 * H, H), "B": some(1, 8 * H), "axis": np.array([1])}
GRU = {"W": some(1, 3 * H, F), "R": some(1, 3 * H, H), "B": some(1, 6 * H), "axis": np.array([1])}


def operator(path: Path) -> Path:
    """Both states side by side in one, as detectors of speech have them."""
    nodes = [
        node("Split", "state parts", "h c", axis=0),
        node("LSTM", "x W R B _ h c", "y hn cn", hidden_size=H),
        node("Squeeze", "y axis", "r"),
        node("MatMul", "r D", "p"),
        node("Sigmoid", "p", "scores"),
        node("Concat", "hn cn", "stateN", axis=0),
    ]
    held = LSTM | {"parts": np.array([1, 1]), "D": some(H, OUT)}
    return write(path, nodes, {"x": [1, 1, F], "state": [2, 1, H]}, ["scores", "stateN"], **held)


def lstm_cell(path: Path) -> Path:
    nodes = [
        node("MatMul", "x W", "zx"),
        node("MatMul", "h R", "zh"),
        node("Add", "zx zh", "z"),
        node("Split", "z", "zi zf zg zo", axis=-1),
        *(node("Sigmoid", f"z{gate}", gate) for gate in "ifo"),
        node("Tanh", "zg", "g"),
        node("Mul", "f c", "kept"),
        node("Mul", "i g", "new"),
        node("Add", "kept new", "cn"),
        node("Tanh", "cn", "bent"),
        node("Mul", "o bent", "hn"),
        node("MatMul", "hn D", "scores"),
    ]
    held = {"W": some(F, 4 * H), "R": some(H, 4 * H), "D": some(H, OUT)}
    return write(path, nodes, {"x": [1, F], "h": [1, H], "c": [1, H]}, ["scores", "hn", "cn"], **held)


def gru_cell(path: Path) -> Path:
    nodes = [
        node("Gemm", "x W b", "zx"),
        node("Gemm", "h R rb", "zh"),
        node("Split", "zx", "xr xz xn", axis=-1),
        node("Split", "zh", "hr hz hm", axis=-1),
        *(made for g in "rz" for made in (node("Add", f"x{g} h{g}", f"a{g}"), node("Sigmoid", f"a{g}", g))),
        node("Mul", "r hm", "rh"),
        node("Add", "xn rh", "an"),
        node("Tanh", "an", "n"),
        node("Sub", "one z", "rest"),
        node("Mul", "rest n", "new"),
        node("Mul", "z h", "old"),
        node("Add", "new old", "hn"),
        node("MatMul", "hn D", "scores"),
    ]
    held = {"W": some(F, 3 * H), "b": some(3 * H), "R": some(H, 3 * H), "rb": some(3 * H, seed=1), "D": some(H, OUT)}
    return write(path, nodes, {"x": [1, F], "h": [1, H]}, ["scores", "hn"], one=np.float32(1), **held)


def memory(path: Path) -> Path:
    """A convolution whose past is a state."""
    nodes = [
        node("Transpose", "x", "xt", perm=[0, 2, 1]),
        node("Concat", "past xt", "all", axis=2),
        node("Slice", "all one many two", "past_out"),
        node("Conv", "all K k", "c"),
        node("Relu", "c", "a"),
        node("Transpose", "a", "rows", perm=[2, 0, 1]),
        node("GRU", "rows W R B _ h", "y hn", hidden_size=H),
        node("Squeeze", "y axis", "r"),
        node("MatMul", "r D", "scores"),
    ]
    held = GRU | {"K": some(F, F, 3), "k": some(F), "D": some(H, OUT), "one": [1], "many": [1 << 40], "two": [2]}
    inputs = {"x": [1, 1, F], "past": [1, F, 2], "h": [1, 1, H]}
    return write(path, nodes, inputs, ["scores", "past_out", "hn"], **held)


BASES: dict[str, tuple[Callable[[Path], Path], dict[str, str]]] = {
    "operator": (operator, {"state": "stateN"}),
    "LSTM written out": (lstm_cell, {"h": "hn", "c": "cn"}),
    "GRU written out": (gru_cell, {"h": "hn"}),
    "memory": (memory, {"past": "past_out", "h": "hn"}),
}
"""By name: (its writer, inputs that take states with the outputs that renew them)."""


def turned(width: int) -> Held:
    return {"places": np.arange(width)[::-1].copy()}


ADDED: dict[str, tuple[Callable[[str, str], list[Any]], Callable[[int], Held]]] = {
    "scale": (lambda a, b: [node("Mul", f"{a} half", b)], lambda _: {"half": np.float32(0.5)}),
    "offset": (lambda a, b: [node("Add", f"{a} more", b)], lambda width: {"more": some(width)}),
    "clip": (
        lambda a, b: [node("Clip", f"{a} low high", b)],
        lambda _: {"low": np.float32(-0.1), "high": np.float32(0.1)},
    ),
    "tanh": (lambda a, b: [node("Tanh", a, b)], lambda _: {}),
    "order": (lambda a, b: [node("Gather", f"{a} places", b, axis=-1)], turned),
    "float16": (lambda a, b: [node("Cast", a, "short", to=10), node("Cast", "short", b, to=1)], lambda _: {}),
    "mean": (lambda a, b: [node("ReduceMean", a, "mean", axes=[-1]), node("Sub", f"{a} mean", b)], lambda _: {}),
    "halves": (
        lambda a, b: [node("Split", a, "one two", axis=-1), node("Concat", "two one", b, axis=-1)],
        lambda _: {},
    ),
    "zero": (lambda a, b: [node("Add", f"{a} zero", b)], lambda _: {"zero": np.float32(0)}),
    "nothing": (lambda a, b: [node("Cast", a, "long", to=11), node("Cast", "long", b, to=1)], lambda _: {}),
}
"""By name: (nodes from one name to another, what these hold for values of a width)."""


def edges(graph: Any) -> Iterator[tuple[Any, int, str]]:
    """(node, place of its input, name); no node for an output."""
    held = {tensor.name for tensor in graph.initializer}
    for one in graph.node:
        yield from ((one, place, name) for place, name in enumerate(one.input) if name and name not in held)
    yield from ((None, 0, value.name) for value in graph.output)


def with_node(content: bytes, number: int, added: str, widths: dict[str, int]) -> bytes:
    """The model with nodes on its edge of this number."""
    model = onnx.load_from_string(content)
    graph = model.graph
    one, place, name = list(edges(graph))[number]
    make, holds = ADDED[added]
    if one is not None:
        nodes = make(name, "changed")
        one.input[place] = "changed"
    else:
        for names in (names for other in graph.node for names in (other.input, other.output)):
            names[:] = ["before" if word == name else word for word in names]
        nodes = make("before", name)
    graph.node.extend(nodes)
    graph.initializer.extend(onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in holds(widths[name]).items())
    known, left = {value.name for value in (*graph.input, *graph.initializer)} | {""}, list(graph.node)
    del graph.node[:]
    while left:
        graph.node.append(next(other for other in left if known.issuperset(other.input)))
        left.remove(graph.node[-1])
        known.update(graph.node[-1].output)
    return bytes(model.SerializeToString())


def answers(content: bytes, frames: np.ndarray, states: dict[str, str]) -> np.ndarray:
    """Of the file in its engine, states handed from call to call; ValueError where it does not run."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        shapes = {one.name: one.shape for one in session.get_inputs()}
        held, found = {name: np.zeros(shapes[name], np.float32) for name in states}, []
        for frame in frames:
            scores, *after = session.run(["scores", *states.values()], {"x": frame.reshape(shapes["x"]), **held})
            held = dict(zip(states, after))
            found.append(scores.reshape(-1))
    except Exception as error:
        raise ValueError(str(error)) from None
    return np.array(found)


@pytest.fixture(autouse=True)
def _read_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The reader's child is called in this program: it reads thousands of files."""

    def read(_: str, path: Path, given: tuple[Any, Any]) -> tuple[Any, Any]:
        source, target = str(tmp_path / "given.npz"), str(tmp_path / "found.npz")
        tell(source, *given)
        onnx_child.main(str(path), source, target)
        with np.load(target) as held:
            arrays = dict(held)
        return json.loads(arrays.pop(HEADER).tobytes()), arrays

    monkeypatch.setattr(onnx_file, "in_child", read)


@pytest.mark.parametrize("name", BASES)
def test_what_stands_on_an_edge_is_read_or_refused(tmp_path: Path, name: str) -> None:
    writes, states = BASES[name]
    path, frames = tmp_path / "m.onnx", np.random.default_rng(3).normal(0, 1, (CALLS, F)).astype(np.float32)
    content = writes(path).read_bytes()
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content))
    values = (*model.graph.value_info, *model.graph.input, *model.graph.output)
    widths = {value.name: value.type.tensor_type.shape.dim[-1].dim_value for value in values}
    count = len(list(edges(model.graph)))
    read, refused = 0, list[tuple[str, str]]()
    for number in range(count):
        kinds = list(ADDED) if FULL else [list(ADDED)[(number + step) % len(ADDED)] for step in (0, 3)]
        for added in kinds:
            changed = with_node(content, number, added, widths)
            try:
                wanted = answers(changed, frames, states)
            except ValueError:
                continue  # no model at all
            path.write_bytes(changed)
            try:
                found = read_model(path, Choices()).model
            except ValueError as error:
                refused.append((added, str(error)))
                continue
            scores = activate(FloatStream(found, np.float64).push(frames), found.activation)
            np.testing.assert_allclose(scores, wanted, atol=1e-5, err_msg=f"{added} on edge {number}")
            read += 1
    assert min(read, len(refused)) > count // 4
    neutral = ("nothing", "zero") if name == "operator" else ("nothing",)
    assert not [line for added, line in refused if added in neutral or "\n" in line]
