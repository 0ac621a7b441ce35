"""int8 weights and activations with float gates, as ONNX in standard operators: smaller and, from some 128 units,
faster than float32, in any engine that keeps to the standard.

One call takes one frame. Float in, float out; normalizing and quantizing the frame are inside.

| input | type and shape        | output   | type and shape            |
|-------|-----------------------|----------|---------------------------|
| `x`   | float32 (1, features) | `scores` | float32 (1, outputs)      |
| `h0`  | uint8 (1, units): h + 128 | `h0_out` | uint8 (1, units)      |
| `c0`  | float32 (1, units)    | `c0_out` | float32 (1, units)        |
|       |                       | `probabilities` | float32 (1, outputs); not for linear models |

Start h with its zero point, c with 0 (`initial` in the metadata); feed outputs back. All scales are fixed, so
nothing depends on how many frames a call takes or what else is in it.

A layer is one call of the function `LSTMStep` that the file brings with it:

    z = (W·(x - x_zero)) · W_factor + bias + (R·(h - h_zero)) · R_factor      i, f, g, o stacked
    c' = sigmoid(f)·c + sigmoid(i)·tanh(g)
    h' = QuantizeLinear(sigmoid(o)·tanh(c'), h_scale, h_zero)
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.int8_portable import Int8Portable
from edgelstm.export.form import IntegerForm
from edgelstm.export.metadata import integer_io
from edgelstm.export.onnx.graph import DOMAIN, Graph, Nodes
from edgelstm.export.onnx.integers import RAISED, integer_input, product, raised_weights, raised_zero_point
from edgelstm.layers import LSTM, Dense
from edgelstm.quantization.scheme import Affine, QuantizedDense, QuantizedLSTM, QuantizedModel
from edgelstm.runtime.states import Io

_STEP = "LSTMStep"
_INPUTS = ["x", "x_zero", "h", "h_zero", "h_scale", "c", "W", "W_factor", "R", "R_factor", "bias"]
_OUTPUTS = ["h_next", "c_next"]


def encode(quantized: QuantizedModel, io: Io = "float32", *, scan: bool = False) -> bytes:
    """The bytes of the `.onnx` file, checked by onnx's own checker. The same model gives the same bytes.

    `io`: int8 for integers in and out, without probabilities. `scan`: any number of frames per call.
    """
    graph, model = Graph(quantized, "int8-portable-sequence" if scan else "int8-portable"), quantized.model
    graph.function(_STEP, _INPUTS, _OUTPUTS, _step())
    flow = integer_input(graph, quantized, io)
    for n, (lstm, floats) in enumerate(zip(quantized.lstms, model.lstms)):
        flow = _lstm(graph, n, lstm, floats, flow)
    *hidden, last = zip(quantized.head, model.head)
    for n, (dense, source) in enumerate(hidden):
        y = _dense(graph, f"dense{n}", dense, source, flow)
        flow = _codes(graph, y, dense.output, np.uint8, f"dense{n}_out")
    if io == "float32":
        scores = _dense(graph, "scores", *last, flow)
        return graph.encode([scores, *graph.probabilities(scores)], scan=scan)
    scores = _codes(graph, _dense(graph, "score", *last, flow), last[0].output, np.int8, "scores")
    return graph.encode([scores], scan=scan, io=integer_io(quantized))


def _step() -> Nodes:
    """The body of `LSTMStep`, from `_INPUTS` to `_OUTPUTS`; its weights are raised as `onnx_integers` has it."""
    from onnx import numpy_helper

    f = Nodes()
    zero = f.node("Constant", to="weights_zero", value=numpy_helper.from_array(np.array(RAISED, np.uint8)))
    parts = []
    for matrix, value in (("W", "x"), ("R", "h")):
        sums = f.node("MatMulInteger", value, matrix, f"{value}_zero", zero, to=f"{matrix}_sums")
        parts.append(
            f.node("Mul", f.cast(sums, np.float32, f"{matrix}_float"), f"{matrix}_factor", to=f"from_{value}")
        )
    z = f.node("Add", f.node("Add", parts[0], "bias", to="biased"), parts[1], to="z")
    names = ["z_i", "z_f", "z_g", "z_o"]
    f.nodes_of("Split", (z,), names, axis=1)
    functions = ("Sigmoid", "Sigmoid", "Tanh", "Sigmoid")
    for function, name in zip(functions, names):
        f.node(function, name, to=name[-1])
    f.node("Add", f.node("Mul", "f", "c", to="kept"), f.node("Mul", "i", "g", to="written"), to="c_next")
    h = f.node("Mul", "o", f.node("Tanh", "c_next", to="bent"), to="h_float")
    f.node("QuantizeLinear", h, "h_scale", "h_zero", to="h_next")
    return f


def _lstm(graph: Graph, n: int, layer: QuantizedLSTM, source: LSTM, x: str) -> str:
    """Layer `n` over `x` (1, inputs) uint8 → h (1, units) uint8; its states are listed."""
    H, hidden = layer.units, layer.hidden
    zero = raised_zero_point(hidden)
    graph.state(f"h{n}", (1, H), "uint8", initial=zero, zero_point=zero, scale=float(hidden.scale))
    graph.state(f"c{n}", (1, H))
    given: dict[str, NDArray[Any]] = {
        "x_zero": np.array(raised_zero_point(layer.input), np.uint8),
        "h_zero": np.array(zero, np.uint8),
        "h_scale": np.array(hidden.scale, np.float32),
        "W": raised_weights(layer.W),
        "W_factor": layer.W_scale * layer.input.scale,
        "R": raised_weights(layer.R),
        "R_factor": layer.R_scale * hidden.scale,
        "bias": source.b,
    }
    flows = {"x": x, "h": f"h{n}", "c": f"c{n}"}
    inputs = (flows.get(name) or graph.constant(f"lstm{n}_{name}", given[name]) for name in _INPUTS)
    return graph.nodes_of(_STEP, tuple(inputs), [f"h{n}_out", f"c{n}_out"], domain=DOMAIN)[0]


def _dense(graph: Graph, name: str, layer: QuantizedDense, source: Dense, x: str) -> str:
    """A layer of the head over `x` (1, inputs) uint8 → `name` (1, outputs) float32."""
    sums = graph.cast(product(graph, name, x, layer.input, layer.W), np.float32, f"{name}_float")
    factor = graph.constant(f"{name}_factor", layer.W_scale * layer.input.scale)
    bias = graph.constant(f"{name}_bias", source.b)
    scaled = graph.node("Mul", sums, factor, to=f"{name}_scaled")
    if layer.activation == "linear":
        return graph.node("Add", scaled, bias, to=name)
    return graph.node("Relu", graph.node("Add", scaled, bias, to=f"{name}_biased"), to=name)


def _codes(graph: Graph, y: str, affine: Affine, dtype: type[np.integer[Any]], to: str) -> str:
    """`y` float32 → uint8, 128 more than the int8 code, or int8."""
    zero = raised_zero_point(affine) if dtype is np.uint8 else affine.zero_point
    scale = graph.scalar(f"{to}_scale", float(affine.scale), np.float32)
    return graph.node("QuantizeLinear", y, scale, graph.scalar(f"{to}_zero", zero, dtype), to=to)


FORM = IntegerForm(
    format="onnx",
    name="int8-portable",
    engine="onnxruntime",
    scales=("per-row", "per-gate"),
    io=("float32", "int8"),
    state="inputs h0 (uint8), c0 (float32), … and outputs h0_out, c0_out, …; h starts with its zero point",
    choose="a quarter of float32's size in any ONNX engine: standard operators, the same answers everywhere",
    beware="one frame per call; faster than float32 from some 150 units only",
    kinds=("lstm", "dense"),
    write=encode,
    computes=Int8Portable,
)
SEQUENCE = replace(
    FORM,
    name="int8-portable-sequence",
    state="as int8-portable",
    choose="int8-portable for chunks: any number of frames per call, every bit as frame by frame",
    beware="float32 is faster for chunks of small models; 0 frames are refused; the engine must know Scan",
    write=partial(encode, scan=True),
)
