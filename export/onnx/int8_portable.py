"""int8 weights and activations with float gates, as ONNX in standard operators: smaller and, from some 128 units,
faster than float32, in any engine that keeps to the standard.

One call takes one frame, in a model of stride s, s frames. Float in, float out; normalizing and quantizing are
inside.

| input | type and shape        | output   | type and shape            |
|-------|-----------------------|----------|---------------------------|
| `x`   | float32 (1, features) | `scores` | float32 (1, outputs)      |
| `h0`  | uint8 (1, units): h + 128; of a GRU float32 | `h0_out` | as `h0` |
| `c0`  | float32 (1, units)    | `c0_out` | float32 (1, units)        |
| `past0` | uint8 (rows - hop, values) | `past0_out` | uint8 (rows - hop, values) |
|       |                       | `probabilities` | float32 (1, outputs); not for linear models |

Start integers with their zero point, floats with 0 (`initial` in the metadata); feed outputs back. All scales are
fixed, so nothing depends on how many frames a call takes or what else is in it.

A recurrent layer's run is one call of a function that the file brings with it, `LSTMStep`, `GRUStep` or, where the
reset comes before the product, `ResetFirstGRUStep`:

    z = (W·(x - x_zero)) · W_factor + bias + (R·(h - h_zero)) · R_factor      i, f, g, o stacked
    c' = sigmoid(f)·c + sigmoid(i)·tanh(g)
    h' = QuantizeLinear(sigmoid(o)·tanh(c'), h_scale, h_zero)

A GRU's function quantizes h where it meets R, and its result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.int8_portable import Int8Portable
from edgelstm.export.form import PER_GATE_ERROR, PER_ROW_ERROR, STRIDE_1, WRITTEN_OUT, IntegerForm
from edgelstm.export.onnx.flow import Flow, Write, each_run, is_last, joined, rows, windows
from edgelstm.export.onnx.graph import DOMAIN, Graph, Nodes
from edgelstm.export.onnx.integers import (
    RAISED,
    encode_layers,
    integer_context,
    product,
    raised_weights,
    raised_zero_point,
)
from edgelstm.layers import GRU, LSTM, Conv, Dense
from edgelstm.quantization import (
    Affine,
    QuantizedConv,
    QuantizedDense,
    QuantizedGRU,
    QuantizedLSTM,
    QuantizedModel,
)
from edgelstm.road import Placed
from edgelstm.runtime.description import Precision
from edgelstm.runtime.states import Io

_LSTM_INPUTS = ["x", "x_zero", "h", "h_zero", "h_scale", "c", "W", "W_factor", "R", "R_factor", "bias"]
_GRU_INPUTS = ["x", "x_zero", "h", "h_zero", "h_scale", "W", "W_factor", "R", "R_factor", "bias", "R_bias"]
_RESET_FIRST_INPUTS = [*_GRU_INPUTS[:-3], "R_factor", "R_n", "R_n_factor", "bias"]


def encode(quantized: QuantizedModel, io: Io = "float32", *, scan: bool = False) -> bytes:
    """The bytes of the `.onnx` file, checked by onnx's own checker. The same model gives the same bytes.

    `io`: int8 for integers in and out, without probabilities. `scan`: any number of frames per call.
    """
    layers: Mapping[str, Write] = {**LAYERS, "dense": partial(_dense, int8_scores=io == "int8")}
    form: Precision = "int8-portable-sequence" if scan else "int8-portable"
    return encode_layers(quantized, form, layers, io, scan=scan)


def _lstm(graph: Graph, at: Placed, layer: QuantizedLSTM, flow: Flow) -> Flow:
    """Its result is its state h, uint8."""
    assert isinstance(at.layer, LSTM)
    H, hidden, name = layer.units, layer.hidden, at.name
    graph.function("LSTMStep", _LSTM_INPUTS, ["h_next", "c_next"], _lstm_step)
    (h, _), (c, _) = at.parts
    zero = raised_zero_point(hidden)
    graph.state(h, (1, H), "uint8", initial=zero, zero_point=zero, scale=float(hidden.scale))
    graph.state(c, (1, H))
    given = {**_given(layer), "bias": layer.real_bias}

    def step(x: str, before: Sequence[str]) -> tuple[str, Sequence[str]]:
        flows = {"x": x, "h": before[0], "c": before[1]}
        after = _call(graph, "LSTMStep", name, _LSTM_INPUTS, flows, given, [f"{h}_out", f"{c}_out"])
        return after[0], after

    runs = flow.runs or 1
    return Flow(runs, each_run(graph, name, rows(graph, flow), runs, (h, c), step))


def _gru(graph: Graph, at: Placed, layer: QuantizedGRU, flow: Flow) -> Flow:
    """Its state is h in float32; its result is that in uint8."""
    assert isinstance(at.layer, GRU)
    H, name = layer.units, at.name
    ((h, _),) = at.parts
    graph.state(h, (1, H))
    given = {**_given(layer), "bias": layer.real_bias}
    if layer.reset == "after":
        function, inputs = "GRUStep", _GRU_INPUTS
        graph.function(function, inputs, ["h_next", "y"], _gru_step)
        given["R_bias"] = layer.real_back
    else:
        function, inputs = "ResetFirstGRUStep", _RESET_FIRST_INPUTS
        graph.function(function, inputs, ["h_next", "y"], _reset_first_gru_step)
        given |= {"R": raised_weights(layer.R[: 2 * H]), "R_n": raised_weights(layer.R[2 * H :])}
        factor = given["R_factor"]
        given |= {"R_factor": factor[: 2 * H], "R_n_factor": factor[2 * H :]}

    def step(x: str, before: Sequence[str]) -> tuple[str, Sequence[str]]:
        h_out, y = _call(graph, function, name, inputs, {"x": x, "h": before[0]}, given, [f"{h}_out", f"{name}_y"])
        return y, (h_out,)

    runs = flow.runs or 1
    return Flow(runs, each_run(graph, name, rows(graph, flow), runs, (h,), step))


def _given(layer: QuantizedLSTM | QuantizedGRU) -> dict[str, NDArray[Any]]:
    """What the functions of recurrent layers take besides flows and biases."""
    return {
        "x_zero": np.array(raised_zero_point(layer.input), np.uint8),
        "h_zero": np.array(raised_zero_point(layer.hidden), np.uint8),
        "h_scale": np.array(layer.hidden.scale, np.float32),
        "W": raised_weights(layer.W),
        "W_factor": layer.W_scale * layer.input.scale,
        "R": raised_weights(layer.R),
        "R_factor": layer.R_scale * layer.hidden.scale,
    }


def _call(
    graph: Graph,
    function: str,
    name: str,
    inputs: Sequence[str],
    flows: Mapping[str, str],
    given: Mapping[str, NDArray[Any]],
    to: list[str],
) -> list[str]:
    """One call of `function`; what is no flow is a constant of layer `name`."""
    taken = (flows.get(one) or graph.constant(f"{name}_{one}", given[one]) for one in inputs)
    return graph.nodes_of(function, tuple(taken), to, domain=DOMAIN)


def _products(f: Nodes, *pairs: tuple[str, str, str]) -> list[str]:
    """(matrix, value, its name in the results) → from_NAME: matrix · value, in floats."""
    from onnx import numpy_helper

    zero = "weights_zero"
    if not f.has(zero):
        f.node("Constant", to=zero, value=numpy_helper.from_array(np.array(RAISED, np.uint8)))
    parts = []
    for matrix, value, named in pairs:
        sums = f.node("MatMulInteger", value, matrix, f"{named}_zero", zero, to=f"{matrix}_sums")
        parts.append(
            f.node("Mul", f.cast(sums, np.float32, f"{matrix}_float"), f"{matrix}_factor", to=f"from_{value}")
        )
    return parts


def _lstm_step() -> Nodes:
    """The body of `LSTMStep`; its weights are raised as `edgelstm.export.onnx.integers` has it."""
    f = Nodes()
    from_x, from_h = _products(f, ("W", "x", "x"), ("R", "h", "h"))
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


def _gru_step() -> Nodes:
    """The body of `GRUStep`: n = tanh(a_n + r·(R_n·h + rb))."""
    f = Nodes()
    from_x, from_h = _gru_products(f)
    from_h = f.node("Add", from_h, "R_bias", to="h_biased")
    x_parts, h_parts = ["x_z", "x_r", "x_n"], ["h_z", "h_r", "h_n"]
    f.nodes_of("Split", (from_x,), x_parts, axis=1)
    f.nodes_of("Split", (from_h,), h_parts, axis=1)
    for gate in "zr":
        f.node("Sigmoid", f.node("Add", f"x_{gate}", f"h_{gate}", to=f"sum_{gate}"), to=gate)
    return _gru_end(f, f.node("Mul", "r", "h_n", to="gated"))


def _reset_first_gru_step() -> Nodes:
    """The body of `ResetFirstGRUStep`: n = tanh(a_n + R_n·(r·h))."""
    f = Nodes()
    from_x, from_h = _gru_products(f)
    f.nodes_of("Split", (from_x,), ["x_z", "x_r", "x_n"], axis=1)
    f.nodes_of("Split", (from_h,), ["h_z", "h_r"], axis=1)
    for gate in "zr":
        f.node("Sigmoid", f.node("Add", f"x_{gate}", f"h_{gate}", to=f"sum_{gate}"), to=gate)
    f.node("QuantizeLinear", f.node("Mul", "r", "h", to="reset"), "h_scale", "h_zero", to="reset8")
    return _gru_end(f, *_products(f, ("R_n", "reset8", "h")))


def _gru_products(f: Nodes) -> tuple[str, str]:
    """W·x + bias, and R·h."""
    f.node("QuantizeLinear", "h", "h_scale", "h_zero", to="h8")
    from_x, from_h = _products(f, ("W", "x", "x"), ("R", "h8", "h"))
    return f.node("Add", from_x, "bias", to="biased"), from_h


def _gru_end(f: Nodes, gated: str) -> Nodes:
    """h' = z·h + (1 - z)·n, as n + z·(h - n)."""
    n = f.node("Tanh", f.node("Add", "x_n", gated, to="sum_n"), to="n")
    kept = f.node("Mul", "z", f.node("Sub", "h", n, to="off"), to="kept")
    f.node("Add", n, kept, to="h_next")
    f.node("QuantizeLinear", "h_next", "h_scale", "h_zero", to="y")
    return f


def _conv(graph: Graph, at: Placed, layer: QuantizedConv, flow: Flow) -> Flow:
    assert isinstance(at.layer, Conv)
    x = windows(graph, at, layer.layer, flow)
    y = _product(graph, at.name, layer, x)
    return Flow(flow.runs, joined(graph, at, _codes(graph, y, layer.output, np.uint8, f"{at.name}_out")))


def _dense(graph: Graph, at: Placed, layer: QuantizedDense, flow: Flow, *, int8_scores: bool = False) -> Flow:
    assert isinstance(at.layer, Dense)
    x = rows(graph, flow)
    if not is_last(graph, at):
        y = _product(graph, at.name, layer, x)
        return Flow(flow.runs, _codes(graph, y, layer.output, np.uint8, f"{at.name}_out"))
    if int8_scores:
        y = _product(graph, "score", layer, x)
        return Flow(flow.runs, _codes(graph, y, layer.output, np.int8, "scores"))
    return Flow(flow.runs, _product(graph, "scores", layer, x))


def _product(graph: Graph, name: str, layer: QuantizedDense | QuantizedConv, x: str) -> str:
    """A product over `x` (any, inputs) uint8 → `name` (any, outputs) float32, after the activation."""
    sums = graph.cast(product(graph, name, x, layer.input, layer.W), np.float32, f"{name}_float")
    factor = graph.constant(f"{name}_factor", layer.W_scale * layer.input.scale)
    bias = graph.constant(f"{name}_bias", layer.real_bias)
    scaled = graph.node("Mul", sums, factor, to=f"{name}_scaled")
    if layer.activation == "linear":
        return graph.node("Add", scaled, bias, to=name)
    return graph.node("Relu", graph.node("Add", scaled, bias, to=f"{name}_biased"), to=name)


def _codes(graph: Graph, y: str, affine: Affine, dtype: type[np.integer[Any]], to: str) -> str:
    """`y` float32 → uint8, 128 more than the int8 code, or int8."""
    zero = raised_zero_point(affine) if dtype is np.uint8 else affine.zero_point
    scale = graph.scalar(f"{to}_scale", float(affine.scale), np.float32)
    return graph.node("QuantizeLinear", y, scale, graph.scalar(f"{to}_zero", zero, dtype), to=to)


LAYERS: Mapping[str, Write] = {
    "lstm": _lstm,
    "gru": _gru,
    "context": integer_context,
    "conv": _conv,
    "dense": _dense,
}

FORM = IntegerForm(
    format="onnx",
    name="int8-portable",
    engine="onnxruntime",
    scales=("per-row", "per-gate"),
    io=("float32", "int8"),
    state="inputs h0 (uint8), c0 (float32), … and outputs h0_out, c0_out, …; h starts with its zero point",
    errors=(
        PER_ROW_ERROR,
        PER_GATE_ERROR,
    ),
    choose="a quarter of float32's size in any ONNX engine: standard operators, the same answers everywhere",
    beware="one frame per call; faster than float32 from some 150 units only; onnx's version converter drops its "
    "function (onnx #4370)",
    kinds=LAYERS,
    limit=WRITTEN_OUT,
    write=encode,
    computes=Int8Portable,
)
SEQUENCE = replace(
    FORM,
    name="int8-portable-sequence",
    state="as int8-portable",
    choose="int8-portable for chunks: any number of frames per call, every bit as frame by frame",
    beware="float32 is faster for chunks of small models; 0 frames are refused; the engine must know Scan",
    limit=STRIDE_1,
    write=partial(encode, scan=True),
)
