"""An LSTM layer in each form that holds it: as the fused operator, whose state lies in variable tensors, and in
primitive operators, whose states go in and come out:

    x, h → FULLY_CONNECTED each → ADD → SPLIT → LOGISTIC i, f, o; TANH g
    f·c + i·g → c_out;  o · TANH(c_out) → h_out
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.rounding import rows_to_int8
from edgelstm.export.form import Limit
from edgelstm.export.tflite.cell import Cell
from edgelstm.export.tflite.cells import DynamicCell, FloatCell, IntegerCell
from edgelstm.export.tflite.graph import Operator, Tensor
from edgelstm.export.tflite.integers import IntegerWriter, activation
from edgelstm.export.tflite.schema import ACTIVATION, Op
from edgelstm.export.tflite.writer import Writer
from edgelstm.export.walk import Kind
from edgelstm.forward import forward
from edgelstm.layers import LSTM
from edgelstm.model import Model
from edgelstm.quantization import QuantizedLSTM, QuantizedModel
from edgelstm.quantization.lstm import cell_bits
from edgelstm.road import Placed

_Weights = Callable[[str, NDArray[np.float32]], Tensor]
"""(name, rows of one gate's matrix) → its tensor."""

MOST_CELL_BITS = 6
"""Integer bits of a cell that the operator takes: ±64."""


def _steps(cell: Cell, x: Tensor) -> Tensor:
    """x (runs, inputs) → h (runs, units)."""

    def step(zx: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        h, c = states
        z = cell.combined(Op.ADD, zx, cell.product("zh", h, "R", 4), cell.new("z", "z", 4))
        parts = cell.split(z, [f"z_{gate}" for gate in "ifgo"], "z")
        i, f, o = (
            cell.add(Op.LOGISTIC, (part,), cell.new(gate, "sigmoid"))
            for gate, part in zip("ifo", (*parts[:2], parts[3]))
        )
        g = cell.add(Op.TANH, (parts[2],), cell.new("g", "tanh"))
        kept = cell.combined(Op.MUL, f, c, cell.new("fc", "fc"))
        written = cell.combined(Op.MUL, i, g, cell.new("ig", "ig"))
        c_out = cell.combined(Op.ADD, kept, written, cell.state_out("c"))
        squashed = cell.add(Op.TANH, (c_out,), cell.new("tanh_c", "tanh"))
        return cell.combined(Op.MUL, o, squashed, cell.state_out("h")), c_out

    return cell.each_run(cell.product("zx", x, "W", 4), 4, step)


def _float_steps(writer: Writer, at: Placed, layer: LSTM, x: Tensor) -> Tensor:
    return _steps(FloatCell(writer, at, layer), x)


def _dynamic_steps(writer: Writer, at: Placed, layer: LSTM, x: Tensor) -> Tensor:
    return _steps(DynamicCell(writer, at, layer), x)


def _integer_steps(writer: IntegerWriter, at: Placed, layer: QuantizedLSTM, x: Tensor) -> Tensor:
    return _steps(IntegerCell(writer, at, layer), x)


def _operator(
    x: Tensor,
    weights: tuple[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]],
    state: tuple[Tensor, Tensor],
    y: Tensor,
    intermediates: tuple[Tensor, ...] = (),
    version: int = 1,
) -> Operator:
    """UNIDIRECTIONAL_SEQUENCE_LSTM with its 24 inputs; W, R, bias by gate, in our order i, f, g, o and its own.

    Version 2 is the first to take int8 weights beside float activations.
    """
    W, R, bias = weights
    peepholes, projection, layer_norm = [None] * 3, [None] * 2, [None] * 4
    return Operator(
        Op.UNIDIRECTIONAL_SEQUENCE_LSTM,
        (x, *W, *R, *peepholes, *bias, *projection, *state, *layer_norm),
        (y,),
        version,
        {"FusedActivationFunction": ACTIVATION["tanh"]},
        intermediates=intermediates,
    )


def _fused_floats(writer: Writer, at: Placed, layer: LSTM, x: Tensor, weights: _Weights, version: int) -> Tensor:
    H, by_gate = layer.units, {}
    for name, rows, make in (("W", layer.W, weights), ("R", layer.R, weights), ("b", layer.b, Tensor.constant)):
        parts = zip(LSTM.gates, np.split(rows, 4))
        by_gate[name] = [make(f"{at.name}_{name}_{gate}", part) for gate, part in parts]
    h, c = (Tensor(state, (1, H), np.float32, variable=True) for state, _ in at.parts)
    y = Tensor(f"y{h.name[1:]}", (1, 1, H), np.float32)
    matrices = by_gate["W"], by_gate["R"], by_gate["b"]
    writer.operators.append(_operator(x, matrices, (h, c), y, version=version))
    writer.states += [(h, None), (c, None)]
    return y


def _int8_weights(name: str, rows: NDArray[np.float32]) -> Tensor:
    integers, scale = rows_to_int8(rows, groups=1)
    return Tensor.constant(name, integers, scale[0])


def _fused_integers(writer: IntegerWriter, at: Placed, layer: QuantizedLSTM, x: Tensor) -> Tensor:
    H, name = layer.units, at.name

    def per_gate(what: str, rows: NDArray[np.int8] | NDArray[np.int32], scale: NDArray[np.float32]) -> list[Tensor]:
        parts, scales = np.split(rows, 4), scale[::H]
        return [Tensor.constant(f"{name}_{what}_{gate}", *pair) for gate, pair in zip(LSTM.gates, zip(parts, scales))]

    W = per_gate("W", layer.W, layer.W_scale)
    R = per_gate("R", layer.R, layer.R_scale)
    bias = per_gate("b", layer.bias, layer.input.scale * layer.W_scale)
    (h_name, _), (c_name, _) = at.parts
    h = replace(activation(h_name, (1, H), layer.hidden), variable=True)
    c = Tensor(c_name, (1, H), np.int16, scale=2.0**layer.cell_exponent, variable=True)
    # The engine takes the output's scale from the last intermediate. All five must be of size 0.
    intermediates = [Tensor(f"{name}_unused_{gate}", (0,), np.float32) for gate in LSTM.gates]
    intermediates.append(activation(f"{name}_hidden", (0,), layer.hidden))
    y = activation(f"y{h_name[1:]}", (1, 1, H), layer.hidden)
    writer.operators.append(_operator(x, (W, R, bias), (h, c), y, tuple(intermediates)))
    writer.states += [(h, None), (c, None)]
    return y


def check_fused(quantized: QuantizedModel) -> None:
    """Raise ValueError for a cell that the fused operator would get wrong in silence."""
    for at, layer in zip(quantized.model.road, quantized.layers):
        if isinstance(layer, QuantizedLSTM) and layer.cell_exponent not in range(-15, MOST_CELL_BITS - 14):
            raise ValueError(f"{at.name}: cell scale 2^{layer.cell_exponent}, expected 2^-15 to 2^-9")


def check_cells(quantized: QuantizedModel) -> None:
    """Raise ValueError for a cell that saturates because calibration saw too little: h is then off by half its range,
    and engines say nothing."""
    model = quantized.model
    traces = [forward(model, sequence, np.float32) for sequence in model.examples if len(sequence) >= model.stride]
    for at, layer in zip(model.road, quantized.layers):
        if not isinstance(layer, QuantizedLSTM):
            continue
        held = 2.0 ** (layer.cell_exponent + 15)
        (_, _), (c, _) = at.parts
        reached = max((float(np.abs(trace.states[c]).max()) for trace in traces), default=0.0)
        if reached > held:
            raise ValueError(
                f"{at.name}: the cell reaches {reached:.3g} in the model's own sequences, expected at most {held:g}: "
                "calibrate on whole sequences"
            )


def _dense_before_lstm(model: Model) -> str | None:
    """The operator would take rounded results of a dense layer for exact ones."""
    for at, after in itertools.pairwise(model.road):
        if not at.layer.recurrent and isinstance(after.layer, LSTM):
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


FUSED_FLOATS = Limit("LSTM layers before dense ones", _dense_before_lstm)
FUSED_INTEGERS = Limit(
    f"{FUSED_FLOATS.words}, cells to ±{2**MOST_CELL_BITS}",
    lambda model: _dense_before_lstm(model) or _wide_cell(model),
)
"""What the fused operator asks of a model."""


KIND = Kind(
    {
        "float32": partial(_fused_floats, weights=Tensor.constant, version=1),
        "hybrid": partial(_fused_floats, weights=_int8_weights, version=2),
        "int8": _fused_integers,
        "float32-explicit": _float_steps,
        "int8-dynamic": _dynamic_steps,
        "int8-explicit": _integer_steps,
    }
)
