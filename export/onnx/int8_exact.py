"""The integer model as ONNX, in standard operators alone: every bit of h, c and the scores as in
`edgelstm.quantization.reference`, in any engine that keeps to the standard.

One call takes one frame. Float in, float out; normalizing and quantizing the frame are inside.

| input | type and shape        | output   | type and shape            |
|-------|-----------------------|----------|---------------------------|
| `x`   | float32 (1, features) | `scores` | float32 (1, outputs)      |
| `h0`  | uint8 (1, units): h + 128 | `h0_out` | uint8 (1, units)      |
| `c0`  | int16 (1, units)      | `c0_out` | int16 (1, units)          |
|       |                       | `probabilities` | float32 (1, outputs); not for linear models |

Start h with its zero point, c with 0 (`initial` of `states` in the metadata); feed outputs back.

How integers stay exact where engines differ or are slow:

- Activations and weights are uint8, 128 more than in the reference, with zero points 128 more: products of
  uint8 and int8 saturate on x86 without VNNI, and int8 by int8 is a hundred times slower.
- A multiplier's product is taken in int64, made positive, divided: engines round negative quotients differently.
- Right shifts round ties away from zero. In float64 that is `Round` (ties to even) of the quotient made larger by
  2^-45 of itself: enough to leave a tie, too little to reach one from the nearest other value.
- Sigmoid and tanh are tables of all 65,536 int16 values. Negative indices count from the end, so the value itself
  is the index.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.int8 import Int8
from edgelstm.export.form import IntegerForm
from edgelstm.export.metadata import integer_io
from edgelstm.export.onnx.graph import Graph
from edgelstm.export.onnx.integers import RAISED, integer_input, product, raised_zero_point
from edgelstm.quantization.fixed_point import sigmoid_table, tanh_table
from edgelstm.quantization.quantize import refuse_score_overflow
from edgelstm.quantization.reference import (
    Multipliers,
    dense_multipliers,
    gate_multipliers,
    hidden_multiplier,
    score_scales,
)
from edgelstm.quantization.scheme import QuantizedDense, QuantizedLSTM, QuantizedModel
from edgelstm.runtime.states import Io

_OFF_TIES = 1 + 2.0**-45
_HALF = 1 << 62  # 2^31 · 2^31: makes any product of an int32 and a mantissa positive


def encode(quantized: QuantizedModel, io: Io = "float32", *, scan: bool = False) -> bytes:
    """The bytes of the `.onnx` file, checked by onnx's own checker. The same model gives the same bytes.

    `io`: int8 for integers in and out, without probabilities. `scan`: any number of frames per call.
    """
    graph = Graph(quantized, "int8-exact-sequence" if scan else "int8-exact")
    flow = integer_input(graph, quantized, io)
    for n, lstm in enumerate(quantized.lstms):
        flow = _lstm(graph, n, lstm, flow)
    for n, dense in enumerate(quantized.head[:-1]):
        flow = _requantized(graph, f"dense{n}", dense, flow)
    last = quantized.head[-1]
    if io == "int8":
        refuse_score_overflow(quantized)
        return graph.encode([_requantized(graph, "scores", last, flow, np.int8)], scan=scan, io=integer_io(quantized))
    scores = _scores(graph, last, flow)
    return graph.encode([scores, *graph.probabilities(scores)], scan=scan)


def _limits(graph: Graph, low: int, high: int, dtype: type) -> tuple[str, str]:
    """The inputs of `Clip`."""
    low_name, high_name = (f"{np.dtype(dtype).name}_{value}" for value in (low, high))
    return graph.scalar(low_name, low, dtype), graph.scalar(high_name, high, dtype)


def _rescaled(graph: Graph, name: str, sums: str, by: Multipliers, bias: NDArray[np.int32] | None = None) -> str:
    """MultiplyByQuantizedMultiplier of integers `sums` + `bias` → whole float64 values of the same shape.

    Left shifts are part of the factor: `quantize` refuses models in which they could leave 32 bits.
    """
    factor = by.mantissa.astype(np.int64) << np.maximum(by.shift, 0)
    added = _HALF + (1 << 30) + (0 if bias is None else bias.astype(np.int64) * factor)
    wide = graph.cast(sums, np.int64, f"{name}_wide")
    wide = graph.node("Mul", wide, graph.constant(f"{name}_factor", factor), to=f"{name}_product")
    wide = graph.node("Add", wide, graph.constant(f"{name}_added", np.array(added, np.int64)), to=f"{name}_positive")
    wide = graph.node("Div", wide, graph.scalar("two_to_31", 1 << 31, np.int64), to=f"{name}_high")
    high = graph.cast(wide, np.float64, f"{name}_float")
    high = graph.node("Sub", high, graph.scalar("half_range", _HALF >> 31, np.float64), to=f"{name}_signed")
    return _shifted(graph, name, high, np.maximum(-by.shift, 0))


def _shifted(graph: Graph, name: str, x: str, bits: NDArray[Any] | int) -> str:
    """Whole float64 values / 2^bits, ties away from zero."""
    factor = np.array(np.ldexp(_OFF_TIES, -np.asarray(bits)), np.float64)
    shifted = graph.node("Mul", x, graph.constant(f"{name}_shift", factor), to=f"{name}_shifted")
    return graph.node("Round", shifted, to=f"{name}_rounded")


def _sigmoids_first(rows: NDArray[Any]) -> NDArray[Any]:
    """Gates stacked i, f, g, o → the sigmoids first: i, f, o, g."""
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, f, o, g])


def _lstm(graph: Graph, n: int, layer: QuantizedLSTM, x: str) -> str:
    """Layer `n` over `x` (1, inputs) uint8 → h (1, units) uint8; its states are listed."""
    H, k, name = layer.units, layer.cell_exponent, f"lstm{n}"
    zero = raised_zero_point(layer.hidden)
    graph.state(f"h{n}", (1, H), "uint8", initial=zero, zero_point=zero, scale=float(layer.hidden.scale))
    graph.state(f"c{n}", (1, H), "int16", scale=2.0**k)
    c = graph.cast(f"c{n}", np.float64, f"{name}_c")
    i, f, g, o = _gates(graph, name, layer, x, f"h{n}")
    kept = _shifted(graph, f"{name}_kept", graph.node("Mul", f, c, to=f"{name}_fc"), 15)
    written = _shifted(graph, f"{name}_written", graph.node("Mul", i, g, to=f"{name}_ig"), 30 + k)
    cell = _clip16(graph, graph.node("Add", kept, written, to=f"{name}_cell"))
    graph.cast(cell, np.int16, f"c{n}_out")
    bent = _looked_up(graph, f"{name}_tanh_c", f"tanh{15 + k}", tanh_table(15 + k), cell)
    product = graph.node("Mul", o, bent, to=f"{name}_product")
    by = Multipliers(*(np.array(part, np.int32) for part in hidden_multiplier(layer.hidden)))
    return _codes(graph, f"h{n}_out", _rescaled(graph, f"{name}_h", product, by), layer.hidden.zero_point)


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
    parts = _rescaled(graph, f"{name}_parts", both, by, stacked(layer.bias, np.zeros_like(layer.bias)))
    from_x, from_h = graph.nodes_of("Split", (parts,), [f"{name}_from_x", f"{name}_from_h"], axis=0)
    before = _clip16(graph, graph.node("Add", _clip16(graph, from_x), from_h, to=f"{name}_before"))
    sizes = graph.constant(f"{name}_sizes", np.array([3 * layer.units, layer.units], np.int64))
    to_sigmoid, to_tanh = graph.nodes_of("Split", (before, sizes), [f"{name}_to_sigmoid", f"{name}_to_tanh"], axis=1)
    sigmoids = _looked_up(graph, f"{name}_sigmoids", "sigmoid", sigmoid_table(), to_sigmoid)
    g = _looked_up(graph, f"{name}_g", "tanh3", tanh_table(3), to_tanh)
    i, f, o = graph.nodes_of("Split", (sigmoids,), [f"{name}_i", f"{name}_f", f"{name}_o"], axis=1)
    return [i, f, g, o]


def _clip16(graph: Graph, x: str) -> str:
    return graph.node("Clip", x, *_limits(graph, -(1 << 15), (1 << 15) - 1, np.float64), to=f"{x}_clipped")


def _looked_up(graph: Graph, name: str, table_name: str, table: NDArray[np.int16], x: str) -> str:
    """`table`, which begins at -32768, at whole float64 values `x` of the int16 range → float64."""
    stored = graph.constant(table_name, np.roll(table, 1 << 15))
    found = graph.node("Gather", stored, graph.cast(x, np.int32, f"{name}_index"), to=f"{name}_found")
    return graph.cast(found, np.float64, name)


def _codes(
    graph: Graph, name: str, x: str, zero_point: int, lowest: int = -128, dtype: type[np.integer[Any]] = np.uint8
) -> str:
    """clip(x + zero point) of whole float64 values → uint8, 128 more than the int8 code, or int8."""
    raised = RAISED if dtype is np.uint8 else 0
    moved = graph.node("Add", x, graph.scalar(f"{name}_zero", zero_point + raised, np.float64), to=f"{name}_moved")
    limits = _limits(graph, lowest + raised, 127 + raised, np.float64)
    return graph.cast(graph.node("Clip", moved, *limits, to=f"{name}_codes"), dtype, name)


def _requantized(
    graph: Graph, name: str, layer: QuantizedDense, x: str, dtype: type[np.integer[Any]] = np.uint8
) -> str:
    """A layer of the head over `x` (1, inputs) uint8 → `name` (1, outputs) as `_codes` has it."""
    sums = product(graph, name, x, layer.input, layer.W)
    y = _rescaled(graph, f"{name}_y", sums, dense_multipliers(layer), layer.bias)
    zero_point = layer.output.zero_point
    return _codes(graph, name, y, zero_point, zero_point if layer.activation == "relu" else -128, dtype)


def _scores(graph: Graph, layer: QuantizedDense, x: str) -> str:
    """The last layer over `x` (1, inputs) uint8: int32 sums times a float32 scale."""
    sums = product(graph, "scores", x, layer.input, layer.W)
    sums = graph.node("Add", sums, graph.constant("scores_bias", layer.bias[None]), to="scores_biased")
    floats = graph.cast(sums, np.float32, "scores_float")
    return graph.node("Mul", floats, graph.constant("scores_scale", score_scales(layer)), to="scores")


FORM = IntegerForm(
    format="onnx",
    name="int8-exact",
    engine="onnxruntime",
    scales=("per-row", "per-gate"),
    io=("float32", "int8"),
    state="inputs h0 (uint8), c0 (int16), … and outputs h0_out, c0_out, …; h starts with its zero point",
    choose="to hold another engine's integers against: every bit of the C core, in standard operators",
    beware="one frame per call; slower than float32; tables of 131 KB each for sigmoid and tanh",
    kinds=("lstm", "dense"),
    write=encode,
    computes=Int8,
)
SEQUENCE = replace(
    FORM,
    name="int8-exact-sequence",
    state="as int8-exact",
    choose="int8-exact for chunks: any number of frames per call",
    beware="as int8-exact; 0 frames are refused; the engine must know Scan",
    write=partial(encode, scan=True),
)
