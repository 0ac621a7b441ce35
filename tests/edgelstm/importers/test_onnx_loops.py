"""ONNX's loops over frames, as converters write them and as a step with other names in it: each answers as in
onnxruntime, or is refused by what it does otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.importers.choices import Choices
from edgelstm.importers.proof import prove
from edgelstm.importers.read import read_model
from edgelstm.layers import GRU, LSTM
from field_models import elsewhere
from in_process import refused_well, run
from onnx_graphs import node, some, write

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

F, H, OUT, T = 3, 4, 2, 12
WHOLE, TRUTH, FLOAT = onnx.TensorProto.INT64, onnx.TensorProto.BOOL, onnx.TensorProto.FLOAT
HEAD = {"D": some(H, OUT), "d": some(OUT)}


def step(nodes: list[Any], takes: dict[str, Any], gives: dict[str, Any], **held: Any) -> Any:
    """The graph of a step: names → (type, shape)."""
    make, tensor = onnx.helper, onnx.numpy_helper.from_array
    ends = [[make.make_tensor_value_info(name, *about) for name, about in some.items()] for some in (takes, gives)]
    return make.make_graph(nodes, "step", *ends, [tensor(np.asarray(array), name) for name, array in held.items()])


def gru(state: str = "h") -> list[Any]:
    """Of a frame `f`: reset before the product, gates of clipped lines, as Precise has them."""
    gates = [
        made
        for gate in "zr"
        for made in (
            node("MatMul", f"f W{gate}", f"{gate}1"),
            node("MatMul", f"{state} R{gate}", f"{gate}2"),
            node("Add", f"{gate}1 {gate}2", f"{gate}3"),
            node("Mul", f"{gate}3 fifth", f"{gate}4"),
            node("Add", f"{gate}4 half", f"{gate}5"),
            node("Clip", f"{gate}5 zero one", gate),
        )
    ]
    candidate = [
        node("Mul", f"r {state}", "kept"),
        node("MatMul", "kept Rn", "n2"),
        node("MatMul", "f Wn", "n1"),
        node("Add", "n1 n2", "n3"),
        node("Tanh", "n3", "n"),
    ]
    mixed = [node("Sub", "one z", "rest"), node("Mul", "rest n", "new"), node("Mul", f"z {state}", "old")]
    return [*gates, *candidate, *mixed, node("Add", "old new", "hn")]


GRU_WEIGHTS = {
    f"{name}{gate}": some(side, H, seed=n) for n, gate in enumerate("zrn") for name, side in (("W", F), ("R", H))
}
NUMBERS = {"fifth": np.float32(0.2), "half": np.float32(0.5), "zero": np.float32(0), "one": np.float32(1)}


def by_loop(
    path: Path,
    index: str = "t",
    first: float = 0,
    gather: tuple[Any, ...] = (),
    most: int = 1 << 40,
    goes: tuple[Any, ...] = (node("Less", "tn frames", "more"),),
    leaves: str = "hn",
) -> Path:
    """Frames are gathered by a counter that is carried, and outputs collected, as tf2onnx writes a Keras GRU."""
    nodes = [
        node("Add", "t once", "tn"),
        *gather,
        node("Gather", f"sequence {index}", "f", axis=0),
        *gru(),
        *goes,
    ]
    takes = {"i": (WHOLE, []), "go": (TRUTH, []), "t": (WHOLE, []), "h": (FLOAT, [1, H]), "sequence": (FLOAT, None)}
    gives = {
        "more": (TRUTH, []),
        "tn": (WHOLE, []),
        leaves: (FLOAT, [1, H]),
        "same": (FLOAT, None),
        "each": (FLOAT, [1, H]),
    }
    nodes += [node("Identity", "sequence", "same"), node("Identity", "hn", "each")]
    counts = {"once": np.array(1), "frames": np.array(T), "last": np.array(T - 1)}
    body = step(nodes, takes, gives, **counts, **GRU_WEIGHTS, **NUMBERS)
    around = [
        node("Transpose", "x", "turned", perm=[1, 0, 2]),
        node("Loop", "most yes start h0 turned", "t_end h_end s_end steps", body=body),
        node("Slice", "steps from to along", "newest"),
        node("Squeeze", "newest side", "row"),
        node("Gemm", "row D d", "scores"),
    ]
    held = {"most": np.array(most), "yes": np.array(True), "start": np.array(0), "side": np.array([0]), **HEAD}
    held |= {"h0": np.full((1, H), first, np.float32), "from": np.array([-1, 0, 0]), "along": np.array([0, 1, 2])}
    return write(path, around, {"x": [1, T, F]}, ["scores"], **held, to=np.array([T, 1, H]))


def by_number(path: Path) -> Path:
    """Frames of the graph around, by the loop's own number; two cells of one step; the newest state alone."""
    nodes = [
        node("Unsqueeze", "i zeros", "places"),
        node("Gather", "x places", "frame", axis=1),
        node("Squeeze", "frame ones", "f"),
        *gru(),
        node("Concat", "hn g", "both", axis=1),
        node("MatMul", "both W", "z0"),
        node("Add", "z0 b", "gates"),
        node("Split", "gates", "gi gf gg go", axis=1),
        *[node("Sigmoid", f"g{gate}", f"s{gate}") for gate in "ifo"],
        node("Tanh", "gg", "sg"),
        node("Mul", "si sg", "entering"),
        node("Mul", "sf c", "staying"),
        node("Add", "entering staying", "cn"),
        node("Tanh", "cn", "tc"),
        node("Mul", "so tc", "gn"),
        node("Identity", "goes", "on"),
    ]
    row = (FLOAT, [1, H])
    takes = {"i": (WHOLE, []), "goes": (TRUTH, []), "h": row, "g": row, "c": row}
    gives = {"on": (TRUTH, []), "hn": row, "gn": row, "cn": row}
    lstm = {"W": some(2 * H, 4 * H), "b": some(4 * H), "zeros": np.array([0]), "ones": np.array([1])}
    body = step(nodes, takes, gives, **lstm, **GRU_WEIGHTS, **NUMBERS)
    around = [node("Loop", "most yes h0 h0 h0", "h1 g1 c1", body=body), node("Gemm", "g1 D d", "scores")]
    held = {"most": np.array(T), "yes": np.array(True), "h0": np.zeros((1, H), np.float32), **HEAD}
    return write(path, around, {"x": [1, T, F]}, ["scores"], **held)


def by_scan(path: Path, **attributes: Any) -> Path:
    """A state that comes in and goes out, and two layers, the second over what the first gives of every frame."""
    row, cells = (FLOAT, [1, H]), []
    for n, side in enumerate((F, H)):
        weights = {name: some(side if name[0] == "W" else H, H, seed=n) for name in GRU_WEIGHTS}
        takes, gives = {"h": row, "f": (FLOAT, [1, side])}, {"hn": row, "y": row}
        cells.append(step([*gru(), node("Identity", "hn", "y")], takes, gives, **weights, **NUMBERS))
    around = [
        node("Scan", "h0 x", "h0_out y0", body=cells[0], num_scan_inputs=1, **attributes),
        node("Scan", "h1 y0", "h1_out y1", body=cells[1], num_scan_inputs=1),
        node("MatMul", "y1 D", "products"),
        node("Add", "products d", "scores"),
    ]
    states = {"h0": [1, H], "h1": [1, H]}
    return write(path, around, {"x": [1, 1, F], **states}, ["scores", "h0_out", "h1_out"], **HEAD)


def by_list(path: Path) -> Path:
    """What steps give is put into a list, as torch.jit writes it."""
    row, listed = (FLOAT, [1, H]), onnx.helper.make_tensor_sequence_value_info
    nodes = [
        node("Gather", "x i", "f", axis=1),
        *gru(),
        node("SequenceInsert", "list hn", "longer"),
        node("Identity", "go", "on"),
    ]
    takes, gives = {"i": (WHOLE, []), "go": (TRUTH, []), "h": row}, {"on": (TRUTH, []), "hn": row}
    body = step(nodes, takes, gives, **GRU_WEIGHTS, **NUMBERS)
    body.input.append(listed("list", FLOAT, None))
    body.output.append(listed("longer", FLOAT, None))
    around = [
        node("SequenceEmpty", "", "empty"),
        node("Loop", "most yes h0 empty", "h1 all", body=body),
        node("ConcatFromSequence", "all", "rows", axis=0),
        node("Gemm", "rows D d", "scores"),
    ]
    held = {"most": np.array(T), "yes": np.array(True), "h0": np.zeros((1, H), np.float32), **HEAD}
    return write(path, around, {"x": [1, T, F]}, ["scores"], **held)


CASES: dict[str, tuple[Callable[[Path], Path], list[type]]] = {
    "a counter": (by_loop, [GRU]),
    "its number": (by_number, [GRU, LSTM]),
    "scan": (by_scan, [GRU, GRU]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_loop_answers_as_in_its_engine(tmp_path: Path, name: str) -> None:
    write_one, kinds = CASES[name]
    imported = read_model(write_one(tmp_path / "m.onnx"), Choices())
    assert [type(layer) for layer in imported.model.layers[:-1]] == kinds
    assert imported.model.anew == (0 if name == "scan" else T)
    proof = prove(imported)
    assert (proof.passed, proof.decided) == (True, True), proof.lines()
    assert max(check.largest for check in proof.checks) < 2e-6


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a first state": (lambda p: by_loop(p, first=0.5), "begins with 'h0', which is not zeros"),
    "another order": (
        lambda p: by_loop(p, "back", gather=(node("Sub", "last t", "back"),)),
        "reads no frames by the number of its step",
    ),
    "one late": (
        lambda p: by_loop(p, "late", gather=(node("Sub", "t once", "late"),)),
        "reads no frames by the number of its step",
    ),
    "fewer steps": (lambda p: by_loop(p, most=T - 1), f"{T - 1} steps over {T} frames"),
    "an early end": (
        lambda p: by_loop(p, goes=(node("Less", "tn last", "more"),)),
        f"{T - 1} steps over {T} frames",
    ),
    "an end that is computed": (
        lambda p: by_loop(
            p, goes=(node("ReduceMax", "hn", "most_h", keepdims=0), node("Less", "most_h one", "more"))
        ),
        "ends by what it computes",
    ),
    "the number of the step": (
        lambda p: by_loop(p, gather=(node("Cast", "t", "early", to=1), node("Mul", "h early", "unused"))),
        "computes with the number of the step",
    ),
    "a state that is changed": (
        lambda p: by_loop(p, goes=(node("Less", "tn frames", "more"), node("Mul", "hn half", "less")), leaves="less"),
        "no output gives its new state as it is",
    ),
    "backwards": (lambda p: by_scan(p, scan_input_directions=[1]), "attribute scan_input_directions: expected zeros"),
}


def spoiled(path: Path) -> Path:
    """A name in the step is no UTF-8."""
    path.write_bytes(by_number(path).read_bytes().replace(b"entering", b"\xff\xfetering"))
    return path


BAD |= {"no text": (spoiled, "damaged"), "a list": (by_list, "keeps a list of what its steps give")}


@pytest.mark.parametrize("name", BAD)
def test_a_loop_that_does_otherwise_is_refused_by_its_node(tmp_path: Path, name: str) -> None:
    write_one, words = BAD[name]
    ended = run("import", write_one(tmp_path / "m.onnx"))
    assert (ended.code, refused_well(ended)) == (1, True), ended
    assert words in " ".join(ended.err.split()), ended.err


@pytest.mark.parametrize("name", ["hey_mycroft", "hey_mycroft_mk1", "christopher"])
def test_precise_answers_as_in_onnxruntime(name: str) -> None:
    """github.com/OpenVoiceOS/precise-lite-models at 1927411, of three ages of converters."""
    imported = read_model(elsewhere(f"precise-lite-models/wakewords/en/{name}.onnx"), Choices())
    found, _ = imported.model.layers
    assert isinstance(found, GRU)
    assert (found.gate, found.candidate, found.reset, imported.model.anew) == ("hard_sigmoid", "linear", "before", 29)
    proof = prove(imported)
    assert (proof.passed, proof.decided) == (True, True), proof.lines()
    assert max(check.largest for check in proof.checks) < 2e-6
