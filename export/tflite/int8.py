"""The integer model as TFLite: one fused LSTM operator per layer, the state in variable tensors.

Float in, float out: `x` (1, 1, features) raw → `scores` (1, outputs) and, unless the model is linear,
`probabilities` (1, outputs). With `io` int8, `x` and `scores` are integers and nothing surrounds them. One call
takes one frame and keeps the state for the next.

    x → MUL, ADD → QUANTIZE → UNIDIRECTIONAL_SEQUENCE_LSTM … → FULLY_CONNECTED … → DEQUANTIZE → SOFTMAX or LOGISTIC

The LSTM's integers are those of `edgelstm.quantization.reference`, bit for bit. The head's are within one unit:
engines round its sums differently.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

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
from edgelstm.export.tflite.parts import GATES, fused_lstm, graph
from edgelstm.quantization.scheme import QuantizedLSTM, QuantizedModel
from edgelstm.runtime.engines.tflite_file import seal
from edgelstm.runtime.states import Io


def encode(quantized: QuantizedModel, io: Io = "float32") -> bytes:
    """The bytes of the `.tflite` file; the same model gives the same bytes. `io`: what goes in and comes out.

    ValueError for a model that engines would load and answer wrongly without a word, and for scales per row,
    which the operator cannot hold.
    """
    check(quantized)
    return seal(encode_graph(build(quantized, io)))


def check(quantized: QuantizedModel) -> None:
    """Raise ValueError for whatever the fused operator would get wrong in silence."""
    if quantized.granularity != "per-gate":
        raise ValueError(f"scales: {quantized.granularity}, expected per-gate: TFLite's LSTM has one scale per gate")
    for n, lstm in enumerate(quantized.lstms):
        if lstm.cell_exponent not in range(-15, -8):
            raise ValueError(f"LSTM {n}: cell scale 2^{lstm.cell_exponent}, expected 2^-15 to 2^-9")
    check_integers(quantized)
    check_cells(quantized)


def build(quantized: QuantizedModel, io: Io = "float32") -> Graph:
    """The graph, without checks; its file is yet to be sealed."""
    operators, flow = integer_input(quantized, (1, 1, quantized.model.features), io)
    states: list[tuple[Tensor, Tensor | None]] = []
    for n, lstm in enumerate(quantized.lstms):
        operators.append(_lstm(n, lstm, flow))
        flow = operators[-1].outputs[0]
        states += [(state, None) for state in operators[-1].inputs[18:20] if state is not None]
    operators += integer_head(quantized, flow, io)
    return graph(quantized, "int8", operators, states, integer_io(quantized) if io == "int8" else None)


def _lstm(n: int, layer: QuantizedLSTM, x: Tensor) -> Operator:
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
