"""Models as TFLite with one fused LSTM operator per layer, the state in variable tensors.

`x` (1, 1, features) raw → `scores` (1, outputs) and, unless the model is linear, `probabilities` (1, outputs). One
call takes one frame and keeps the state for the next.

    float32, hybrid   x → ADD, MUL → UNIDIRECTIONAL_SEQUENCE_LSTM … → FULLY_CONNECTED … → SOFTMAX or LOGISTIC
    int8              x → MUL, ADD → QUANTIZE → UNIDIRECTIONAL_SEQUENCE_LSTM … → FULLY_CONNECTED … → DEQUANTIZE → …

In hybrid a gate's matrix is int8 with one scale; the operator rounds x and h to 8 bits as they come; states, biases
and the head stay in float32. In int8 the LSTM's integers are those of `edgelstm.quantization.reference`, bit for bit;
the head's are within one unit: engines round its sums differently. With `io` int8, `x` and `scores` are integers and
nothing surrounds them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.export.arithmetic.int8 import Int8
from edgelstm.export.arithmetic.int8_dynamic import Hybrid, rows_to_int8
from edgelstm.export.form import FloatForm, IntegerForm
from edgelstm.export.metadata import integer_io
from edgelstm.export.tflite.graph import Graph, Operator, Tensor
from edgelstm.export.tflite.graph import encode as encode_graph
from edgelstm.export.tflite.integers import (
    activation,
    check_cells,
    check_integers,
    integer_head,
    integer_input,
)
from edgelstm.export.tflite.parts import GATES, float_head, fused_lstm, graph, normalized
from edgelstm.model import Model
from edgelstm.quantization.scheme import QuantizedLSTM, QuantizedModel
from edgelstm.runtime.description import Precision
from edgelstm.runtime.engines.tflite_file import seal
from edgelstm.runtime.states import Io

Weights = Callable[[str, NDArray[np.float32]], Tensor]
"""(name, rows of one gate's matrix) → its tensor."""


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
    operators, flow = integer_input(quantized, (1, 1, quantized.model.features), io)
    states: list[tuple[Tensor, Tensor | None]] = []
    for n, lstm in enumerate(quantized.lstms):
        operators.append(_int8_lstm(n, lstm, flow))
        flow = operators[-1].outputs[0]
        states += [(state, None) for state in operators[-1].inputs[18:20] if state is not None]
    operators += integer_head(quantized, flow, io)
    return graph(quantized, "int8", operators, states, integer_io(quantized) if io == "int8" else None)


def _build_floats(model: Model, precision: Precision, weights: Weights, version: int) -> Graph:
    """`version` is that of the operator that takes such weights."""
    x = Tensor("x", (1, 1, model.features), np.float32)
    operators, states = normalized(x, model.normalize), []
    for n, layer in enumerate(model.lstms):
        H, by_gate = layer.units, {}
        for name, rows, make in (("W", layer.W, weights), ("R", layer.R, weights), ("b", layer.b, Tensor.constant)):
            parts = zip(GATES, np.split(rows, 4))
            by_gate[name] = [make(f"lstm{n}_{name}_{gate}", part) for gate, part in parts]
        h, c = (Tensor(f"{letter}{n}", (1, H), np.float32, variable=True) for letter in "hc")
        y = Tensor(f"y{n}", (1, 1, H), np.float32)
        matrices = by_gate["W"], by_gate["R"], by_gate["b"]
        operators.append(fused_lstm(operators[-1].outputs[0], matrices, (h, c), y, version=version))
        states += [(h, None), (c, None)]
    operators += float_head(operators[-1].outputs[0], model.head)
    return graph(model, precision, operators, states)


def _int8_weights(name: str, rows: NDArray[np.float32]) -> Tensor:
    integers, scale = rows_to_int8(rows, groups=1)
    return Tensor.constant(name, integers, scale[0])


def _int8_lstm(n: int, layer: QuantizedLSTM, x: Tensor) -> Operator:
    """Layer `n`; its states are variable tensors."""
    H = layer.units

    def per_gate(name: str, rows: NDArray[np.int8] | NDArray[np.int32], scale: NDArray[np.float32]) -> list[Tensor]:
        parts, scales = np.split(rows, 4), scale[::H]
        return [Tensor.constant(f"lstm{n}_{name}_{gate}", *pair) for gate, pair in zip(GATES, zip(parts, scales))]

    W = per_gate("W", layer.W, layer.W_scale)
    R = per_gate("R", layer.R, layer.R_scale)
    bias = per_gate("b", layer.bias, layer.input.scale * layer.W_scale)
    h = replace(activation(f"h{n}", (1, H), layer.hidden), variable=True)
    c = Tensor(f"c{n}", (1, H), np.int16, scale=2.0**layer.cell_exponent, variable=True)
    # The engine takes the output's scale from the last intermediate. All five must be of size 0.
    intermediates = [Tensor(f"lstm{n}_unused_{gate}", (0,), np.float32) for gate in GATES]
    intermediates.append(activation(f"lstm{n}_hidden", (0,), layer.hidden))
    y = activation(f"y{n}", (1, 1, H), layer.hidden)
    return fused_lstm(x, (W, R, bias), (h, c), y, tuple(intermediates))


def _check(quantized: QuantizedModel) -> None:
    """Raise ValueError for whatever the fused operator would get wrong in silence."""
    if quantized.granularity != "per-gate":
        raise ValueError(f"scales: {quantized.granularity}, expected per-gate: TFLite's LSTM has one scale per gate")
    for n, lstm in enumerate(quantized.lstms):
        if lstm.cell_exponent not in range(-15, -8):
            raise ValueError(f"LSTM {n}: cell scale 2^{lstm.cell_exponent}, expected 2^-15 to 2^-9")
    check_integers(quantized)
    check_cells(quantized)


INT8 = IntegerForm(
    format="tflite",
    name="int8",
    engine="LiteRT, tflite-runtime",
    scales=("per-gate",),
    io=("float32", "int8"),
    state="variable tensors in the interpreter; reset_all_variables() starts anew",
    choose="where the board has TFLite, or an accelerator that takes its fused LSTM",
    beware="scales per gate are less accurate; on x86 slower than float; no CompiledModel in LiteRT",
    kinds=("lstm", "dense"),
    write=encode_int8,
    computes=Int8,
)
FLOAT32 = FloatForm(
    format="tflite",
    name="float32",
    engine="LiteRT, tflite-runtime",
    state="variable tensors in the interpreter; reset_all_variables() starts anew",
    choose="where int8 costs too much accuracy; on x86 several times faster than TFLite's int8",
    beware="four times the size of int8; no CompiledModel in LiteRT",
    kinds=("lstm", "dense"),
    write=encode_float32,
    computes=Float32,
)
HYBRID = FloatForm(
    format="tflite",
    name="hybrid",
    engine="LiteRT, tflite-runtime",
    state="variable tensors in the interpreter, float32; reset_all_variables() starts anew",
    choose="the size of int8 without calibrating, where the state should stay in the interpreter",
    beware="TensorFlow Lite Micro loads it and answers NaN; no CompiledModel in LiteRT",
    kinds=("lstm", "dense"),
    write=encode_hybrid,
    computes=Hybrid,
)
