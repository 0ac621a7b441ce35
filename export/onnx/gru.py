"""A GRU layer as nodes, in each form that holds it. onnxruntime's int8-dynamic has no operator for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgelstm.export.onnx.fixed_point import clip16, codes, looked_up, rescaled, shifted
from edgelstm.export.onnx.flow import Flow, each_run, rows
from edgelstm.export.onnx.graph import Graph, Nodes
from edgelstm.export.onnx.integers import product, raised_weights
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
from edgelstm.layers import GRU
from edgelstm.quantization import Affine, QuantizedGRU
from edgelstm.quantization.fixed_point import sigmoid_table, tanh_table
from edgelstm.quantization.gru import narrowing_multiplier
from edgelstm.quantization.matrix import Multipliers, gate_multipliers
from edgelstm.road import Placed

_INPUTS = ["x", "x_zero", "h", "h_zero", "h_scale", "W", "W_factor", "R", "R_factor", "bias", "R_bias"]
_RESET_FIRST_INPUTS = [*_INPUTS[:-3], "R_factor", "R_n", "R_n_factor", "bias"]


def _float32(graph: Graph, at: Placed, layer: GRU, flow: Flow) -> Flow:
    """The format's gates are ours, in the same order: z, r, h."""
    H, name = layer.units, at.name
    both = np.concatenate([layer.b, layer.back_bias])
    stored = {"W": layer.W, "R": layer.R, "B": both}
    weights = tuple(graph.constant(f"{name}_{key}", array[None]) for key, array in stored.items())
    settings = {"linear_before_reset": int(layer.reset == "after"), **functions(layer.gate, layer.candidate)}
    return operator_of(graph, at, flow, "GRU", weights, f"{name}_y", f"{name}_sequence", hidden_size=H, **settings)


def _portable(graph: Graph, at: Placed, layer: QuantizedGRU, flow: Flow) -> Flow:
    """Its state is h in float32; its result is that in uint8."""
    H, name = layer.units, at.name
    ((h, _),) = at.parts
    graph.state(h, (1, H))
    given = {**given_to_functions(layer), "bias": layer.real_bias}
    if layer.reset == "after":
        function, inputs = "GRUStep", _INPUTS
        graph.function(function, inputs, ["h_next", "y"], _step)
        given["R_bias"] = layer.real_back
    else:
        function, inputs = "ResetFirstGRUStep", _RESET_FIRST_INPUTS
        graph.function(function, inputs, ["h_next", "y"], _reset_first_step)
        given |= {"R": raised_weights(layer.R[: 2 * H]), "R_n": raised_weights(layer.R[2 * H :])}
        factor = given["R_factor"]
        given |= {"R_factor": factor[: 2 * H], "R_n_factor": factor[2 * H :]}

    def step(x: str, before: Sequence[str]) -> tuple[str, Sequence[str]]:
        h_out, y = call(graph, function, name, inputs, {"x": x, "h": before[0]}, given, [f"{h}_out", f"{name}_y"])
        return y, (h_out,)

    runs = flow.runs or 1
    return Flow(runs, each_run(graph, name, rows(graph, flow), runs, (h,), step))


def _step() -> Nodes:
    """The body of `GRUStep`: n = tanh(a_n + r·(R_n·h + rb))."""
    f = Nodes()
    from_x, from_h = _both_products(f)
    from_h = f.node("Add", from_h, "R_bias", to="h_biased")
    x_parts, h_parts = ["x_z", "x_r", "x_n"], ["h_z", "h_r", "h_n"]
    f.nodes_of("Split", (from_x,), x_parts, axis=1)
    f.nodes_of("Split", (from_h,), h_parts, axis=1)
    for gate in "zr":
        f.node("Sigmoid", f.node("Add", f"x_{gate}", f"h_{gate}", to=f"sum_{gate}"), to=gate)
    return _end(f, f.node("Mul", "r", "h_n", to="gated"))


def _reset_first_step() -> Nodes:
    """The body of `ResetFirstGRUStep`: n = tanh(a_n + R_n·(r·h))."""
    f = Nodes()
    from_x, from_h = _both_products(f)
    f.nodes_of("Split", (from_x,), ["x_z", "x_r", "x_n"], axis=1)
    f.nodes_of("Split", (from_h,), ["h_z", "h_r"], axis=1)
    for gate in "zr":
        f.node("Sigmoid", f.node("Add", f"x_{gate}", f"h_{gate}", to=f"sum_{gate}"), to=gate)
    f.node("QuantizeLinear", f.node("Mul", "r", "h", to="reset"), "h_scale", "h_zero", to="reset8")
    return _end(f, *products(f, ("R_n", "reset8", "h")))


def _both_products(f: Nodes) -> tuple[str, str]:
    """W·x + bias, and R·h."""
    f.node("QuantizeLinear", "h", "h_scale", "h_zero", to="h8")
    from_x, from_h = products(f, ("W", "x", "x"), ("R", "h8", "h"))
    return f.node("Add", from_x, "bias", to="biased"), from_h


def _end(f: Nodes, gated: str) -> Nodes:
    """h' = z·h + (1 - z)·n, as n + z·(h - n)."""
    n = f.node("Tanh", f.node("Add", "x_n", gated, to="sum_n"), to="n")
    kept = f.node("Mul", "z", f.node("Sub", "h", n, to="off"), to="kept")
    f.node("Add", n, kept, to="h_next")
    f.node("QuantizeLinear", "h_next", "h_scale", "h_zero", to="y")
    return f


def _exact(graph: Graph, at: Placed, layer: QuantizedGRU, flow: Flow) -> Flow:
    """Its state is h in Q0.15; its result is that in uint8."""
    H, name = layer.units, at.name
    ((h, _),) = at.parts
    graph.state(h, (1, H), "int16", scale=2.0**-15)

    def step(x: str, before: Sequence[str]) -> tuple[str, Sequence[str]]:
        after = _exact_step(graph, name, layer, x, before[0])
        h_out = graph.cast(after, np.int16, f"{h}_out")
        return _narrowed(graph, f"{name}_h8", h_out, layer.hidden), (h_out,)

    runs = flow.runs or 1
    return Flow(runs, each_run(graph, name, rows(graph, flow), runs, (h,), step))


def _exact_step(graph: Graph, name: str, layer: QuantizedGRU, x: str, h: str) -> str:
    """x (1, inputs) uint8 and h (1, units) int16 → the next h, whole float64 values."""
    H, old = layer.units, graph.cast(h, np.float64, f"{name}_old")
    sizes = graph.constant(f"{name}_sizes", np.array([2 * H, H], np.int64))
    sums = product(graph, f"{name}_W", x, layer.input, layer.W)
    from_x = rescaled(graph, f"{name}_from_x", sums, gate_multipliers(layer.W_scale, layer.input), layer.bias)
    gates_x, n_x = _split(graph, clip16(graph, from_x), sizes, f"{name}_gates_x", f"{name}_n_x")
    by = gate_multipliers(layer.R_scale, layer.hidden)

    def from_h(what: str, h8: str, part: slice) -> str:
        """The rows `part` of R by h8, in Q3.12."""
        sums = product(graph, f"{name}_R_{what}", h8, layer.hidden, layer.R[part])
        some = Multipliers(by.mantissa[part], by.shift[part])
        return rescaled(graph, f"{name}_{what}_h", sums, some, layer.R_bias[part])

    h8 = _narrowed(graph, f"{name}_old8", h, layer.hidden)
    gates = clip16(graph, graph.node("Add", gates_x, from_h("gates", h8, slice(0, 2 * H)), to=f"{name}_gates"))
    bent = looked_up(graph, f"{name}_sigmoids", "sigmoid", sigmoid_table(), gates)
    z, r = graph.nodes_of("Split", (bent,), [f"{name}_z", f"{name}_r"], axis=1)
    if layer.reset == "after":
        q = clip16(graph, from_h("n", h8, slice(2 * H, None)))
        gated = shifted(graph, f"{name}_gated", graph.node("Mul", r, q, to=f"{name}_rq"), 15)
    else:
        kept = shifted(graph, f"{name}_reset", graph.node("Mul", r, old, to=f"{name}_rh"), 15)
        gated = clip16(graph, from_h("n", _narrowed(graph, f"{name}_reset8", kept, layer.hidden), slice(2 * H, None)))
    n = clip16(graph, graph.node("Add", n_x, gated, to=f"{name}_n_sum"))
    n = looked_up(graph, f"{name}_n", "tanh3", tanh_table(3), n)
    kept = shifted(graph, f"{name}_kept", graph.node("Mul", z, old, to=f"{name}_zh"), 15)
    rest = graph.node("Sub", graph.scalar("q15_one", 1 << 15, np.float64), z, to=f"{name}_rest")
    written = shifted(graph, f"{name}_written", graph.node("Mul", rest, n, to=f"{name}_rest_n"), 15)
    return clip16(graph, graph.node("Add", kept, written, to=f"{name}_h"))


def _split(graph: Graph, x: str, sizes: str, one: str, other: str) -> tuple[str, str]:
    first, second = graph.nodes_of("Split", (x, sizes), [one, other], axis=1)
    return first, second


def _narrowed(graph: Graph, name: str, h: str, hidden: Affine) -> str:
    """Q0.15, of any type → uint8 codes."""
    return codes(
        graph,
        name,
        rescaled(graph, f"{name}_scaled", h, same_for_all_rows(narrowing_multiplier(hidden))),
        hidden.zero_point,
    )


KIND = Kind(
    {"float32": _float32, "int8-portable": _portable, "int8-exact": _exact},
    EXTRAS,
)
