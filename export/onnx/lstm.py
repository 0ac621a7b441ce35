"""An LSTM layer as nodes, in each form that holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.rounding import rows_to_int8
from edgelstm.export.onnx.fixed_point import clip16, codes, looked_up, rescaled, shifted
from edgelstm.export.onnx.flow import Flow, each_run, number, rows, sequence
from edgelstm.export.onnx.graph import Graph, Nodes
from edgelstm.export.onnx.integers import RAISED, product, raised_weights, raised_zero_point
from edgelstm.export.onnx.recurrent import (
    EXTRAS,
    call,
    functions,
    given_to_functions,
    operator_of,
    products,
    same_for_all_rows,
)
from edgelstm.export.walk import Kind
from edgelstm.layers import LSTM
from edgelstm.quantization import QuantizedLSTM
from edgelstm.quantization.fixed_point import sigmoid_table, tanh_table
from edgelstm.quantization.lstm import hidden_multiplier
from edgelstm.quantization.matrix import Multipliers, gate_multipliers
from edgelstm.road import Placed

_INPUTS = ["x", "x_zero", "h", "h_zero", "h_scale", "c", "W", "W_factor", "R", "R_factor", "bias"]


def _to_iofc(gates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gates stacked i, f, g, o → the format's order i, o, f, c."""
    i, f, g, o = np.split(gates, 4)
    return np.concatenate([i, o, f, g])


def _float32(graph: Graph, at: Placed, layer: LSTM, flow: Flow) -> Flow:
    H, n = layer.units, number(at)
    both = np.concatenate([_to_iofc(layer.b), np.zeros(4 * H, np.float32)])
    W = graph.constant(f"W{n}", _to_iofc(layer.W)[None])
    R = graph.constant(f"R{n}", _to_iofc(layer.R)[None])
    B = graph.constant(f"B{n}", both[None])
    others = functions(layer.gate, layer.candidate, layer.candidate)
    # hidden_size must be stated: without it the checker passes and the engine fails.
    return operator_of(graph, at, flow, "LSTM", (W, R, B), f"y{n}", f"sequence{n}", hidden_size=H, **others)


def _dynamic(graph: Graph, at: Placed, layer: LSTM, flow: Flow) -> Flow:
    H, n, x = layer.units, number(at), sequence(graph, flow)
    both = np.concatenate([_to_iofc(layer.b), np.zeros(4 * H, np.float32)])
    # The operator takes columns where LSTM takes rows. As uint8, 128 more than int8: on x86 without VNNI, products of
    # uint8 and int8 saturate.
    zeros = graph.constant(f"zeros{n}", np.full((1, 4 * H), RAISED, np.uint8))
    weights, factors = [], []
    for name, matrix in (("W", layer.W), ("R", layer.R)):
        integers, scale = rows_to_int8(_to_iofc(matrix))
        weights.append(graph.constant(f"{name}{n}", raised_weights(integers)[None]))
        factors += [graph.constant(f"{name}{n}_scale", scale[None]), zeros]
    bias = graph.constant(f"B{n}", both[None])
    states = [state for state, _ in at.parts]
    for state in states:
        graph.state(state, (1, 1, H))

    def step(x: str, before: Sequence[str]) -> tuple[str, Sequence[str]]:
        results = [f"y{n}", *(f"{state}_out" for state in states)]
        inputs = (x, *weights, bias, "", *before, "", *factors)
        y, *after = graph.nodes_of("DynamicQuantizeLSTM", inputs, results, domain="com.microsoft", hidden_size=H)
        return y, after

    runs = flow.runs or 1
    y = each_run(graph, at.name, x, runs, states, step)
    return Flow(runs, sequence=graph.node("Squeeze", y, "axis", to=f"sequence{n}"))


def _portable(graph: Graph, at: Placed, layer: QuantizedLSTM, flow: Flow) -> Flow:
    """Its result is its state h, uint8."""
    H, hidden, name = layer.units, layer.hidden, at.name
    graph.function("LSTMStep", _INPUTS, ["h_next", "c_next"], _step)
    (h, _), (c, _) = at.parts
    zero = raised_zero_point(hidden)
    graph.state(h, (1, H), "uint8", initial=zero, zero_point=zero, scale=float(hidden.scale))
    graph.state(c, (1, H))
    given = {**given_to_functions(layer), "bias": layer.real_bias}

    def step(x: str, before: Sequence[str]) -> tuple[str, Sequence[str]]:
        flows = {"x": x, "h": before[0], "c": before[1]}
        after = call(graph, "LSTMStep", name, _INPUTS, flows, given, [f"{h}_out", f"{c}_out"])
        return after[0], after

    runs = flow.runs or 1
    return Flow(runs, each_run(graph, name, rows(graph, flow), runs, (h, c), step))


def _step() -> Nodes:
    """The body of `LSTMStep`; its weights are raised as `edgelstm.export.onnx.integers` has it."""
    f = Nodes()
    from_x, from_h = products(f, ("W", "x", "x"), ("R", "h", "h"))
    z = f.node("Add", f.node("Add", from_x, "bias", to="biased"), from_h, to="z")
    names = ["z_i", "z_f", "z_g", "z_o"]
    f.nodes_of("Split", (z,), names, axis=1)
    functions = ("Sigmoid", "Sigmoid", "Tanh", "Sigmoid")
    for function, name in zip(functions, names):
        f.node(function, name, to=name[-1])
    f.node("Add", f.node("Mul", "f", "c", to="kept"), f.node("Mul", "i", "g", to="written"), to="c_next")
    h = f.node("Mul", "o", f.node("Tanh", "c_next", to="bent"), to="h_float")
    f.node("QuantizeLinear", h, "h_scale", "h_zero", to="h_next")
    return f


def _exact(graph: Graph, at: Placed, layer: QuantizedLSTM, flow: Flow) -> Flow:
    """Its result is its state h, uint8."""
    H, k, name = layer.units, layer.cell_exponent, at.name
    (h, _), (c, _) = at.parts
    zero = raised_zero_point(layer.hidden)
    graph.state(h, (1, H), "uint8", initial=zero, zero_point=zero, scale=float(layer.hidden.scale))
    graph.state(c, (1, H), "int16", scale=2.0**k)

    def step(x: str, before: Sequence[str]) -> tuple[str, Sequence[str]]:
        old = graph.cast(before[1], np.float64, f"{name}_c")
        i, f, g, o = _gates(graph, name, layer, x, before[0])
        kept = shifted(graph, f"{name}_kept", graph.node("Mul", f, old, to=f"{name}_fc"), 15)
        written = shifted(graph, f"{name}_written", graph.node("Mul", i, g, to=f"{name}_ig"), 30 + k)
        cell = clip16(graph, graph.node("Add", kept, written, to=f"{name}_cell"))
        c_out = graph.cast(cell, np.int16, f"{c}_out")
        bent = looked_up(graph, f"{name}_tanh_c", f"tanh{15 + k}", tanh_table(15 + k), cell)
        hidden = graph.node("Mul", o, bent, to=f"{name}_product")
        by = same_for_all_rows(hidden_multiplier(layer.hidden))
        h_out = codes(graph, f"{h}_out", rescaled(graph, f"{name}_h", hidden, by), layer.hidden.zero_point)
        return h_out, (h_out, c_out)

    runs = flow.runs or 1
    return Flow(runs, each_run(graph, name, rows(graph, flow), runs, (h, c), step))


def _sigmoids_first(gates: NDArray[Any]) -> NDArray[Any]:
    """Gates stacked i, f, g, o → the sigmoids first: i, f, o, g."""
    i, f, g, o = np.split(gates, 4)
    return np.concatenate([i, f, o, g])


def _gates(graph: Graph, name: str, layer: QuantizedLSTM, x: str, h: str) -> list[str]:
    """x (1, inputs) and h (1, units) uint8 → the gates i, f, g, o in Q0.15, each (1, units) float64."""
    sums = [
        product(graph, f"{name}_W", x, layer.input, _sigmoids_first(layer.W)),
        product(graph, f"{name}_R", h, layer.hidden, _sigmoids_first(layer.R)),
    ]
    both = graph.node("Concat", *sums, to=f"{name}_sums", axis=0)

    def stacked(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
        return np.stack([_sigmoids_first(one), _sigmoids_first(other)])

    by_x, by_h = gate_multipliers(layer.W_scale, layer.input), gate_multipliers(layer.R_scale, layer.hidden)
    by = Multipliers(stacked(by_x.mantissa, by_h.mantissa), stacked(by_x.shift, by_h.shift))
    parts = rescaled(graph, f"{name}_parts", both, by, stacked(layer.bias, np.zeros_like(layer.bias)))
    from_x, from_h = graph.nodes_of("Split", (parts,), [f"{name}_from_x", f"{name}_from_h"], axis=0)
    before = clip16(graph, graph.node("Add", clip16(graph, from_x), from_h, to=f"{name}_before"))
    sizes = graph.constant(f"{name}_sizes", np.array([3 * layer.units, layer.units], np.int64))
    to_sigmoid, to_tanh = graph.nodes_of("Split", (before, sizes), [f"{name}_to_sigmoid", f"{name}_to_tanh"], axis=1)
    sigmoids = looked_up(graph, f"{name}_sigmoids", "sigmoid", sigmoid_table(), to_sigmoid)
    g = looked_up(graph, f"{name}_g", "tanh3", tanh_table(3), to_tanh)
    i, f, o = graph.nodes_of("Split", (sigmoids,), [f"{name}_i", f"{name}_f", f"{name}_o"], axis=1)
    return [i, f, g, o]


KIND = Kind(
    {
        "float32": _float32,
        "int8-dynamic": _dynamic,
        "int8-portable": _portable,
        "int8-exact": _exact,
    },
    EXTRAS,
)
