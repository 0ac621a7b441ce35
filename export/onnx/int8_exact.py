"""The integer model as ONNX, in standard operators alone: every bit of the states and the scores as in
`edgelstm.quantization.reference`, in any engine that keeps to the standard.

One call takes one frame, in a model of stride s, s frames. Float in, float out; normalizing and quantizing are
inside.

| input | type and shape        | output   | type and shape            |
|-------|-----------------------|----------|---------------------------|
| `x`   | float32 (1, features) | `scores` | float32 (1, outputs)      |
| `h0`  | uint8 (1, units): h + 128; of a GRU int16 | `h0_out` | as `h0` |
| `c0`  | int16 (1, units)      | `c0_out` | int16 (1, units)          |
| `past0` | uint8 (rows - hop, values) | `past0_out` | uint8 (rows - hop, values) |
|       |                       | `probabilities` | float32 (1, outputs); not for linear models |

Start each state with its zero point (`initial` of `states` in the metadata); feed outputs back. Activations and
weights are uint8, 128 more than in the reference, with zero points 128 more: `edgelstm.export.onnx.integers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.int8 import Int8
from edgelstm.export.form import PER_GATE_ERROR, PER_ROW_ERROR, STRIDE_1, WRITTEN_OUT, IntegerForm
from edgelstm.export.onnx.fixed_point import clip16, codes, looked_up, rescaled, shifted
from edgelstm.export.onnx.flow import Flow, Write, each_run, is_last, joined, rows, windows
from edgelstm.export.onnx.graph import Graph
from edgelstm.export.onnx.integers import encode_layers, integer_context, product, raised_zero_point
from edgelstm.quantization import (
    Affine,
    QuantizedConv,
    QuantizedDense,
    QuantizedGRU,
    QuantizedLSTM,
    QuantizedModel,
)
from edgelstm.quantization.fixed_point import sigmoid_table, tanh_table
from edgelstm.quantization.gru import narrowing_multiplier
from edgelstm.quantization.lstm import hidden_multiplier
from edgelstm.quantization.matrix import Multipliers, gate_multipliers
from edgelstm.quantization.quantize import refuse_score_overflow
from edgelstm.road import Placed
from edgelstm.runtime.description import Precision
from edgelstm.runtime.states import Io


def encode(quantized: QuantizedModel, io: Io = "float32", *, scan: bool = False) -> bytes:
    """The bytes of the `.onnx` file, checked by onnx's own checker. The same model gives the same bytes.

    `io`: int8 for integers in and out, without probabilities. `scan`: any number of frames per call.
    """
    layers = LAYERS
    if io == "int8":
        refuse_score_overflow(quantized)
        layers = {**LAYERS, "dense": partial(_dense, scores=_int8_scores)}
    form: Precision = "int8-exact-sequence" if scan else "int8-exact"
    return encode_layers(quantized, form, layers, io, scan=scan)


def _sigmoids_first(gates: NDArray[Any]) -> NDArray[Any]:
    """Gates stacked i, f, g, o → the sigmoids first: i, f, o, g."""
    i, f, g, o = np.split(gates, 4)
    return np.concatenate([i, f, o, g])


def _lstm(graph: Graph, at: Placed, layer: QuantizedLSTM, flow: Flow) -> Flow:
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
        by = _one(hidden_multiplier(layer.hidden))
        h_out = codes(graph, f"{h}_out", rescaled(graph, f"{name}_h", hidden, by), layer.hidden.zero_point)
        return h_out, (h_out, c_out)

    runs = flow.runs or 1
    return Flow(runs, each_run(graph, name, rows(graph, flow), runs, (h, c), step))


def _one(multiplier: tuple[int, int]) -> Multipliers:
    """The same for all rows."""
    return Multipliers(*(np.array(part, np.int32) for part in multiplier))


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


def _gru(graph: Graph, at: Placed, layer: QuantizedGRU, flow: Flow) -> Flow:
    """Its state is h in Q0.15; its result is that in uint8."""
    H, name = layer.units, at.name
    ((h, _),) = at.parts
    graph.state(h, (1, H), "int16", scale=2.0**-15)

    def step(x: str, before: Sequence[str]) -> tuple[str, Sequence[str]]:
        after = _gru_step(graph, name, layer, x, before[0])
        h_out = graph.cast(after, np.int16, f"{h}_out")
        return _narrowed(graph, f"{name}_h8", h_out, layer.hidden), (h_out,)

    runs = flow.runs or 1
    return Flow(runs, each_run(graph, name, rows(graph, flow), runs, (h,), step))


def _gru_step(graph: Graph, name: str, layer: QuantizedGRU, x: str, h: str) -> str:
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
        graph, name, rescaled(graph, f"{name}_scaled", h, _one(narrowing_multiplier(hidden))), hidden.zero_point
    )


def _conv(graph: Graph, at: Placed, layer: QuantizedConv, flow: Flow) -> Flow:
    x = windows(graph, at, layer.layer, flow)
    return Flow(flow.runs, joined(graph, at, _requantized(graph, at.name, layer, x)))


def _dense(graph: Graph, at: Placed, layer: QuantizedDense, flow: Flow, scores: Any = None) -> Flow:
    x = rows(graph, flow)
    if is_last(graph, at):
        return Flow(flow.runs, (scores or _float_scores)(graph, layer, x))
    return Flow(flow.runs, _requantized(graph, at.name, layer, x))


def _requantized(
    graph: Graph,
    name: str,
    layer: QuantizedDense | QuantizedConv,
    x: str,
    dtype: type[np.integer[Any]] = np.uint8,
) -> str:
    """A product over `x` (any, inputs) uint8 → `name` (any, outputs) as `codes` has it."""
    sums = product(graph, name, x, layer.input, layer.W)
    y = rescaled(graph, f"{name}_y", sums, layer.multipliers, layer.bias)
    zero_point = layer.output.zero_point
    return codes(graph, name, y, zero_point, zero_point if layer.activation == "relu" else -128, dtype)


def _float_scores(graph: Graph, layer: QuantizedDense, x: str) -> str:
    """int32 sums times a float32 scale."""
    sums = product(graph, "scores", x, layer.input, layer.W)
    sums = graph.node("Add", sums, graph.constant("scores_bias", layer.bias[None]), to="scores_biased")
    floats = graph.cast(sums, np.float32, "scores_float")
    return graph.node("Mul", floats, graph.constant("scores_scale", layer.score_scales), to="scores")


def _int8_scores(graph: Graph, layer: QuantizedDense, x: str) -> str:
    return _requantized(graph, "scores", layer, x, np.int8)


LAYERS: Mapping[str, Write] = {
    "lstm": _lstm,
    "gru": _gru,
    "context": integer_context,
    "conv": _conv,
    "dense": _dense,
}

FORM = IntegerForm(
    format="onnx",
    name="int8-exact",
    engine="onnxruntime",
    scales=("per-row", "per-gate"),
    io=("float32", "int8"),
    state="inputs h0 (uint8), c0 (int16), … and outputs h0_out, c0_out, …; h starts with its zero point",
    errors=(
        PER_ROW_ERROR,
        PER_GATE_ERROR,
    ),
    choose="to hold another engine's integers against: every bit of the C core, in standard operators",
    beware="wrong in silence in OpenVINO, which computes int64 as int32 (openvino #35823); one frame per call; "
    "slower than float32; tables of 131 KB each for sigmoid and tanh",
    kinds=LAYERS,
    limit=WRITTEN_OUT,
    write=encode,
    computes=Int8,
)
SEQUENCE = replace(
    FORM,
    name="int8-exact-sequence",
    state="as int8-exact",
    choose="int8-exact for chunks: any number of frames per call",
    beware="as int8-exact; 0 frames are refused; the engine must know Scan",
    limit=STRIDE_1,
    write=partial(encode, scan=True),
)
