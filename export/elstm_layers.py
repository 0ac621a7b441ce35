"""Entries of an `.elstm` file's layer table: one function for each kind of layer, in floats and in integers.

A new kind is one function in each of the two tables, and its number in `NUMBERS`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.elstm_blocks import blocks, interleaved, records, rows
from edgelstm.layers import GRU, LSTM, Context, Conv, Dense
from edgelstm.quantization.affine import Affine
from edgelstm.quantization.context import QuantizedContext
from edgelstm.quantization.conv import QuantizedConv
from edgelstm.quantization.dense import QuantizedDense
from edgelstm.quantization.gru import QuantizedGRU, narrowing_multiplier
from edgelstm.quantization.lstm import QuantizedLSTM, hidden_multiplier
from edgelstm.quantization.matrix import Multipliers, gate_multipliers
from edgelstm.road import Placed

ENTRY_SIZE = 128

NUMBERS = {"lstm": 1, "dense": 2, "context": 3, "conv": 4, "gru": 5}
_LSTM_GATES, _GRU_GATES = 4, 3


@dataclass(frozen=True)
class Entry:
    """What a layer brings to the table, but for where things lie."""

    weights: bytes = b""
    rows: bytes = b""
    recurrent: bytes = b""
    recurrent_rows: bytes = b""
    input_zero_point: int = 0
    output_zero_point: int = 0
    output_scale: float = 0.0
    multiplier: tuple[int, int] = (0, 0)  # mantissa, shift: from a state to int8 codes
    own: tuple[int, int, int] = (0, 0, 0)  # what only this kind has
    relu: bool = False
    in_state: bool = False  # its result is a part of its state

    @property
    def tensors(self) -> tuple[bytes, ...]:
        return self.weights, self.rows, self.recurrent, self.recurrent_rows

    def pack(self, at: Placed, source: int, result: int, offsets: tuple[int, ...]) -> bytes:
        """The layer's 128 bytes. `source`: 0 = the normalized input, else 1 + index of the layer that it reads;
        `result`: offset of its result among the results; `offsets`: of its tensors in the file."""
        header = (NUMBERS[at.layer.kind], source, 0, int(self.relu), at.result.rows, at.result.channels, result, 0)
        places = (n for pair in zip(offsets, map(len, self.tensors)) for n in pair)
        zero_points = (self.input_zero_point, self.output_zero_point)
        packed = struct.pack(
            "<16I2if5i", *header, *places, *zero_points, self.output_scale, *self.multiplier, *self.own
        )
        return packed.ljust(ENTRY_SIZE, b"\0")


def _integers(x: Affine, y: Affine) -> dict[str, Any]:
    return {
        "input_zero_point": x.zero_point,
        "output_zero_point": y.zero_point,
        "output_scale": float(y.scale),
    }


def _matrix_rows(bias: NDArray[np.int32], W: NDArray[np.int8], by: Multipliers, gates: int = 1) -> bytes:
    fields = {"bias": bias, "sum_w": W.sum(axis=1, dtype=np.int32), "multiplier_w": by.mantissa, "shift_w": by.shift}
    return records(fields, gates).tobytes()


def _lstm_float32(layer: LSTM) -> Entry:
    weights = interleaved(blocks(layer.W, _LSTM_GATES), blocks(layer.R, _LSTM_GATES))
    return Entry(weights, interleaved(rows(layer.b.astype("<f4"), _LSTM_GATES)), in_state=True)


def _lstm_int8(layer: QuantizedLSTM) -> Entry:
    by_x, by_h = gate_multipliers(layer.W_scale, layer.input), gate_multipliers(layer.R_scale, layer.hidden)
    fields = {
        "bias": layer.bias,
        "sum_w": layer.W.sum(axis=1, dtype=np.int32),
        "sum_r": layer.R.sum(axis=1, dtype=np.int32),
        "multiplier_w": by_x.mantissa,
        "multiplier_r": by_h.mantissa,
        "shift_w": by_x.shift,
        "shift_r": by_h.shift,
    }
    W, R = blocks(layer.W, _LSTM_GATES), blocks(layer.R, _LSTM_GATES)
    wide = layer.input.bits == 16  # W lies apart
    return Entry(
        interleaved(R) if wide else interleaved(W, R),
        interleaved(records(fields, _LSTM_GATES)),
        interleaved(W) if wide else b"",
        multiplier=hidden_multiplier(layer.hidden),
        own=(layer.cell_exponent, 0, 0),
        in_state=True,
        **_integers(layer.input, layer.hidden),
    )


def _gru_float32(layer: GRU) -> Entry:
    no_bias = np.zeros(2 * layer.units, "<f4")
    return Entry(
        blocks(layer.W, _GRU_GATES).tobytes(),
        rows(layer.b.astype("<f4"), _GRU_GATES).tobytes(),
        blocks(layer.R, _GRU_GATES).tobytes(),
        rows(np.concatenate([no_bias, layer.rb.astype("<f4")]), _GRU_GATES).tobytes(),
        own=(int(layer.reset == "before"), 0, 0),
        in_state=True,
    )


def _gru_int8(layer: QuantizedGRU) -> Entry:
    by_x, by_h = gate_multipliers(layer.W_scale, layer.input), gate_multipliers(layer.R_scale, layer.hidden)
    return Entry(
        blocks(layer.W, _GRU_GATES).tobytes(),
        _matrix_rows(layer.bias, layer.W, by_x, _GRU_GATES),
        blocks(layer.R, _GRU_GATES).tobytes(),
        _matrix_rows(layer.R_bias, layer.R, by_h, _GRU_GATES),
        multiplier=narrowing_multiplier(layer.hidden),
        own=(int(layer.reset == "before"), 0, 0),
        **_integers(layer.input, layer.hidden),
    )


def _context_float32(layer: Context) -> Entry:
    return Entry(own=(layer.rows, layer.hop, 0), in_state=True)


def _context_int8(layer: QuantizedContext) -> Entry:
    own = (layer.layer.rows, layer.layer.hop, 0)
    return Entry(own=own, in_state=True, **_integers(layer.input, layer.input))


def _conv_float32(layer: Conv) -> Entry:
    return Entry(
        blocks(layer.matrix).tobytes(),
        rows(layer.b.astype("<f4")).tobytes(),
        own=(layer.taps, layer.stride, layer.dilation),
        relu=layer.activation == "relu",
    )


def _conv_int8(layer: QuantizedConv) -> Entry:
    conv = layer.layer
    return Entry(
        blocks(layer.W).tobytes(),
        _matrix_rows(layer.bias, layer.W, layer.multipliers),
        own=(conv.taps, conv.stride, conv.dilation),
        relu=conv.activation == "relu",
        **_integers(layer.input, layer.output),
    )


def _dense_float32(layer: Dense) -> Entry:
    relu = layer.activation == "relu"
    return Entry(blocks(layer.W).tobytes(), rows(layer.b.astype("<f4")).tobytes(), relu=relu)


def _dense_int8(layer: QuantizedDense) -> Entry:
    return Entry(
        blocks(layer.W).tobytes(),
        _matrix_rows(layer.bias, layer.W, layer.multipliers),
        relu=layer.activation == "relu",
        **_integers(layer.input, layer.output),
    )


def scores_int8(layer: QuantizedDense) -> Entry:
    """The last layer: int32 sums times a float32 scale are the scores."""
    scales = layer.score_scales.astype("<f4").view("<i4")
    by = Multipliers(scales, np.zeros_like(scales))
    return Entry(
        blocks(layer.W).tobytes(), _matrix_rows(layer.bias, layer.W, by), input_zero_point=layer.input.zero_point
    )


FLOAT32: dict[str, Callable[..., Entry]] = {
    "lstm": _lstm_float32,
    "gru": _gru_float32,
    "context": _context_float32,
    "conv": _conv_float32,
    "dense": _dense_float32,
}
INT8: dict[str, Callable[..., Entry]] = {
    "lstm": _lstm_int8,
    "gru": _gru_int8,
    "context": _context_int8,
    "conv": _conv_int8,
    "dense": _dense_int8,
}
