"""Models as TFLite with one fused LSTM operator per layer, the state in variable tensors.

`x` (1, 1, features) raw → `scores` (1, outputs) and, unless the model is linear, `probabilities` (1, outputs). One
call takes one frame and keeps the state for the next.

    float32, hybrid   x → ADD, MUL → UNIDIRECTIONAL_SEQUENCE_LSTM … → FULLY_CONNECTED … → SOFTMAX or LOGISTIC
    int8              x → ADD, MUL → QUANTIZE → UNIDIRECTIONAL_SEQUENCE_LSTM … → FULLY_CONNECTED … → DEQUANTIZE → …

In hybrid a gate's matrix is int8 with one scale; the operator rounds x and h to 8 bits as they come; states, biases
and the head stay in float32. In int8 the LSTM's integers are those of `edgelstm.quantization.reference`, bit for bit;
the head's are within one unit: engines round its sums differently. With `io` int8, `x` and `scores` are integers and
nothing surrounds them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.export.arithmetic.int8 import Int8
from edgelstm.export.arithmetic.int8_dynamic import Hybrid, rows_to_int8
from edgelstm.export.form import FLOAT_ERROR, PER_GATE_ERROR, FloatForm, IntegerForm, Limit
from edgelstm.export.tflite.graph import Graph, Tensor
from edgelstm.export.tflite.graph import encode as encode_graph
from edgelstm.export.tflite.integers import (
    IntegerWriter,
    activation,
    check_cells,
    check_integers,
    integer_dense,
    integer_input,
    integer_scores,
)
from edgelstm.export.tflite.parts import GATES, float_dense, fused_lstm, graph, normalized
from edgelstm.export.tflite.writer import Write, Writer, walk
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model
from edgelstm.quantization import QuantizedLSTM, QuantizedModel
from edgelstm.quantization.lstm import cell_bits
from edgelstm.road import Placed
from edgelstm.runtime.description import Precision
from edgelstm.runtime.engines.tflite_file import seal
from edgelstm.runtime.states import Io

Weights = Callable[[str, NDArray[np.float32]], Tensor]
"""(name, rows of one gate's matrix) → its tensor."""

MOST_CELL_BITS = 6
"""Integer bits of a cell that the operator takes: ±64."""


def encode_float32(model: Model) -> bytes:
    """The bytes of the `.tflite` file; the same model gives the same bytes."""
    return seal(encode_graph(build_float32(model)))


def encode_hybrid(model: Model) -> bytes:
    """As `encode_float32`, with int8 weights in the LSTM layers."""
    return seal(encode_graph(build_hybrid(model)))


def encode_int8(quantized: QuantizedModel, io: Io = "float32") -> bytes:
    """As `encode_float32`, in integers. `io`: what goes in and comes out.

    ValueError for a model that engines would load and answer wrongly without a word, and for scales per row,
    which the operator cannot hold.
    """
    _check(quantized)
    return seal(encode_graph(build_int8(quantized, io)))


def build_float32(model: Model) -> Graph:
    """The graph; its file is yet to be sealed."""
    return _build_floats(model, "float32", Tensor.constant, version=1)


def build_hybrid(model: Model) -> Graph:
    """The graph; its file is yet to be sealed."""
    return _build_floats(model, "hybrid", _int8_weights, version=2)


def build_int8(quantized: QuantizedModel, io: Io = "float32") -> Graph:
    """The graph, without checks; its file is yet to be sealed."""
    writer = IntegerWriter(quantized, io)
    x, flow = integer_input(writer, (1, 1, quantized.model.features))
    scores = integer_scores(writer, walk(writer, quantized.layers, INTEGER_LAYERS, flow))
    return graph(writer, "int8", x, scores, quantized, io)


def _build_floats(model: Model, precision: Precision, weights: Weights, version: int) -> Graph:
    """`version` is that of the operator that takes such weights."""
    writer, x = Writer(model), Tensor("x", (1, 1, model.features), np.float32)
    layers: dict[str, Write] = {**FLOAT_LAYERS, "lstm": partial(_float_lstm, weights=weights, version=version)}
    scores = walk(writer, model.layers, layers, normalized(writer, x, model.normalize))
    return graph(writer, precision, x, scores)


def _float_lstm(
    writer: Writer, at: Placed, layer: LSTM, x: Tensor, weights: Weights = Tensor.constant, version: int = 1
) -> Tensor:
    H, by_gate = layer.units, {}
    for name, rows, make in (("W", layer.W, weights), ("R", layer.R, weights), ("b", layer.b, Tensor.constant)):
        parts = zip(GATES, np.split(rows, 4))
        by_gate[name] = [make(f"{at.name}_{name}_{gate}", part) for gate, part in parts]
    h, c = (Tensor(state, (1, H), np.float32, variable=True) for state, _ in at.parts)
    y = Tensor(f"y{h.name[1:]}", (1, 1, H), np.float32)
    matrices = by_gate["W"], by_gate["R"], by_gate["b"]
    writer.operators.append(fused_lstm(x, matrices, (h, c), y, version=version))
    writer.states += [(h, None), (c, None)]
    return y


def _int8_weights(name: str, rows: NDArray[np.float32]) -> Tensor:
    integers, scale = rows_to_int8(rows, groups=1)
    return Tensor.constant(name, integers, scale[0])


def _int8_lstm(writer: IntegerWriter, at: Placed, layer: QuantizedLSTM, x: Tensor) -> Tensor:
    H, name = layer.units, at.name

    def per_gate(what: str, rows: NDArray[np.int8] | NDArray[np.int32], scale: NDArray[np.float32]) -> list[Tensor]:
        parts, scales = np.split(rows, 4), scale[::H]
        return [Tensor.constant(f"{name}_{what}_{gate}", *pair) for gate, pair in zip(GATES, zip(parts, scales))]

    W = per_gate("W", layer.W, layer.W_scale)
    R = per_gate("R", layer.R, layer.R_scale)
    bias = per_gate("b", layer.bias, layer.input.scale * layer.W_scale)
    (h_name, _), (c_name, _) = at.parts
    h = replace(activation(h_name, (1, H), layer.hidden), variable=True)
    c = Tensor(c_name, (1, H), np.int16, scale=2.0**layer.cell_exponent, variable=True)
    # The engine takes the output's scale from the last intermediate. All five must be of size 0.
    intermediates = [Tensor(f"{name}_unused_{gate}", (0,), np.float32) for gate in GATES]
    intermediates.append(activation(f"{name}_hidden", (0,), layer.hidden))
    y = activation(f"y{h_name[1:]}", (1, 1, H), layer.hidden)
    writer.operators.append(fused_lstm(x, (W, R, bias), (h, c), y, tuple(intermediates)))
    writer.states += [(h, None), (c, None)]
    return y


def _check(quantized: QuantizedModel) -> None:
    """Raise ValueError for whatever the fused operator would get wrong in silence."""
    if quantized.granularity != "per-gate":
        raise ValueError(f"scales: {quantized.granularity}, expected per-gate: TFLite's LSTM has one scale per gate")
    for at, layer in zip(quantized.model.road, quantized.layers):
        if isinstance(layer, QuantizedLSTM) and layer.cell_exponent not in range(-15, MOST_CELL_BITS - 14):
            raise ValueError(f"{at.name}: cell scale 2^{layer.cell_exponent}, expected 2^-15 to 2^-9")
    check_integers(quantized)
    check_cells(quantized)


def _dense_before_lstm(model: Model) -> str | None:
    """The operator would take rounded results of a dense layer for exact ones."""
    for at, after in itertools.pairwise(model.road):
        if isinstance(at.layer, Dense) and isinstance(after.layer, LSTM):
            return f"no dense layer before an LSTM ({at.name})"
    return None


def _wide_cell(model: Model) -> str | None:
    """The operator answers wrongly, without a word, where the cell's scale is above 2^-9."""
    for at in model.road:
        if isinstance(at.layer, LSTM) and model.ranges is not None:
            (_, _), (c, _) = at.parts
            largest = model.ranges.largest(c)
            if cell_bits(largest) > MOST_CELL_BITS:
                return f"no cell beyond ±{2**MOST_CELL_BITS} ({at.name}: ±{largest:.4g}, and its margin)"
    return None


_LSTMS_FIRST = Limit("LSTM layers before dense ones", _dense_before_lstm)
_AND_SMALL_CELLS = Limit(
    f"{_LSTMS_FIRST.words}, cells to ±{2**MOST_CELL_BITS}",
    lambda model: _dense_before_lstm(model) or _wide_cell(model),
)

FLOAT_LAYERS: Mapping[str, Write] = {"lstm": _float_lstm, "dense": float_dense}
INTEGER_LAYERS: Mapping[str, Write] = {"lstm": _int8_lstm, "dense": integer_dense}

INT8 = IntegerForm(
    format="tflite",
    name="int8",
    engine="LiteRT, tflite-runtime",
    scales=("per-gate",),
    io=("float32", "int8"),
    state="variable tensors in the interpreter; reset_all_variables() starts anew",
    errors=(PER_GATE_ERROR,),
    choose="where the board has TFLite, or an accelerator that takes its fused LSTM",
    beware="TFLite Micro with CMSIS-NN starts every call from an empty state (tflite-micro #3564, #3607); scales per "
    "gate are less accurate; on x86 slower than float; no CompiledModel in LiteRT",
    kinds=INTEGER_LAYERS,
    limit=_AND_SMALL_CELLS,
    write=encode_int8,
    computes=Int8,
)
FLOAT32 = FloatForm(
    format="tflite",
    name="float32",
    engine="LiteRT, tflite-runtime",
    state="variable tensors in the interpreter; reset_all_variables() starts anew",
    errors=(FLOAT_ERROR,),
    choose="where int8 costs too much accuracy; on x86 several times faster than TFLite's int8",
    beware="four times the size of int8; no CompiledModel in LiteRT",
    kinds=FLOAT_LAYERS,
    limit=_LSTMS_FIRST,
    write=encode_float32,
    computes=Float32,
)
HYBRID = FloatForm(
    format="tflite",
    name="hybrid",
    engine="LiteRT, tflite-runtime",
    state="variable tensors in the interpreter, float32; reset_all_variables() starts anew",
    errors=(PER_GATE_ERROR,),
    choose="the size of int8 without calibrating, where the state should stay in the interpreter",
    beware="TensorFlow Lite Micro loads it and answers NaN; no CompiledModel in LiteRT",
    kinds=FLOAT_LAYERS,
    limit=_LSTMS_FIRST,
    write=encode_hybrid,
    computes=Hybrid,
)
