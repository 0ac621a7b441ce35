"""Cells written out in operators are told by their equations, whichever way these are put together. Their answers are
held against the equations in float64, written here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from edgelstm.importers.forms import Forms
from edgelstm.importers.graph import Graph, Node
from edgelstm.importers.written_out import Cells
from edgelstm.layers.layer import Shape

F, H = 3, 4
RNG = np.random.default_rng(8)


def a(*shape: int) -> np.ndarray:
    return RNG.normal(0, 0.7, shape)


W, R, b, rb = a(3 * H, F), a(3 * H, H), a(3 * H), a(3 * H)
"""Rows z, r, n."""
GATES = [
    "zx = Gemm x Wz bz",
    "zh = Gemm h Rz",
    "zs = Add zx zh",
    "rx = Gemm x Wr br",
    "rh = Gemm h Rr",
    "rs = Add rx rh",
]
PLAIN = [*GATES, "z = Sigmoid zs", "r = Sigmoid rs", "nx = Gemm x Wn bn"]
AFTER = ["nh = Gemm h Rn cn", "back = Mul r nh", "ns = Add nx back", "n = Tanh ns"]
BEFORE = ["rh0 = Mul h r", "back = Gemm rh0 Rn", "ns = Add back nx"]
STRAIGHT = ["kept = Mul z h", "rest = Sub one z", "new = Mul rest n", "y = Add kept new"]
OFF = ["off = Sub h n", "part = Mul off z", "y = Add n part"]
TURNED = ["kept = Mul z n", "rest = Sub one z", "old = Mul h rest", "y = Add old kept"]
CASES = {
    "after": ([*PLAIN, *AFTER, *STRAIGHT], "after", "sigmoid", "tanh", False),
    "after, by its distance": ([*PLAIN, *AFTER, *OFF], "after", "sigmoid", "tanh", False),
    "before": ([*PLAIN, *BEFORE, "n = Tanh ns", *STRAIGHT], "before", "sigmoid", "tanh", False),
    "turned": ([*PLAIN, *BEFORE, "n = Tanh ns", *TURNED], "before", "sigmoid", "tanh", True),
    "linear": (
        [*GATES, "z = HardSigmoid zs", "r = HardSigmoid rs", "nx = Gemm x Wn bn", *BEFORE]
        + [line.replace(" n", " ns") if line.startswith("new") else line for line in STRAIGHT],
        "before",
        "hard_sigmoid",
        "linear",
        False,
    ),
}


def graph(lines: list[str]) -> Graph:
    held = {"one": np.ones(1)}
    for name, rows in (("z", slice(0, H)), ("r", slice(H, 2 * H)), ("n", slice(2 * H, 3 * H))):
        held |= {f"W{name}": W[rows], f"R{name}": R[rows], f"b{name}": b[rows], f"c{name}": rb[rows]}
    nodes = []
    for line in lines:
        result, op, *inputs = line.replace("=", "").split()
        nodes.append(Node(op, "", tuple(inputs), (result,), {"transB": 1} if op == "Gemm" else {}))
    shapes = {node.outputs[0]: (1, H) for node in nodes} | {"x": (1, F), "h": (1, H)}
    return Graph(tuple(nodes), held, {"x": (1, F), "h": (1, H)}, ("y",), shapes)


def expected(x: np.ndarray, reset: str, gate: str, candidate: str, turned: bool) -> np.ndarray:
    def bent(values: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-values)) if gate == "sigmoid" else np.clip(0.2 * values + 0.5, 0, 1)

    h, found = np.zeros(H), []
    for row in x:
        zs, rs, ns = np.split(W @ row + b, 3)
        z, r = bent(zs + R[:H] @ h), bent(rs + R[H : 2 * H] @ h)
        back = R[2 * H :] @ (r * h) if reset == "before" else r * (R[2 * H :] @ h + rb[2 * H :])
        n = np.tanh(ns + back) if candidate == "tanh" else ns + back
        h = (1 - z) * h + z * n if turned else z * h + (1 - z) * n
        found.append(h)
    return np.array(found)


@pytest.mark.parametrize("name", CASES)
def test_a_gru_is_told_by_its_equations(name: str) -> None:
    lines, reset, gate, candidate, turned = CASES[name]
    made = graph(lines)
    cell = Cells(made, Forms(made), "x").at(made.makers["y"])
    assert cell is not None
    assert (cell.source, [state.after for state in cell.states]) == ("x", ["y"])
    assert {name for state in cell.states for name, _ in state.ways} == {"h"}
    x = RNG.normal(size=(20, F))
    run = cell.layer.forward(x[:, None], Shape(1, F))
    np.testing.assert_allclose(run.result[:, 0], expected(x, reset, gate, candidate, turned), atol=1e-6)


WRONG: Mapping[str, list[str]] = {
    "two functions": [*GATES, "z = HardSigmoid zs", "r = Sigmoid rs", "nx = Gemm x Wn bn", *AFTER, *STRAIGHT],
    "no source": [line.replace("Gemm x", "Gemm u") if line.startswith("z") else line for line in CASES["after"][0]],
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_cell_of_ours_is_refused_by_its_node(name: str) -> None:
    made = graph(WRONG[name])
    made = Graph(made.nodes, made.constants, {**made.inputs, "u": (1, F)}, made.outputs, {**made.shapes, "u": (1, F)})
    with pytest.raises(ValueError, match=r"^Add 'y': .*expected one"):
        Cells(made, Forms(made), "x").at(made.makers["y"])
