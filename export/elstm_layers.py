"""Entries of an `.elstm` file's layer table: one function for each kind of layer, in floats and in integers.

A new kind is one function in each of the two tables, or in that of `elstm_floats.py` where it is floats alone, and
its number in `elstm_entry.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export import elstm_floats
from edgelstm.export.arithmetic.bf16 import holds_bf16
from edgelstm.export.elstm_blocks import blocks, interleaved, narrowed, packed, records, rows
from edgelstm.export.elstm_entry import (
    GIVES_FLOATS,
    IN_16_BITS,
    IN_FLOATS,
    PACKED,
    PLACE_OF_INVERSE,
    ROUNDS_TO_8,
    ROUNDS_TO_16,
    Entry,
)
from edgelstm.export.elstm_floats import first_states, recurrence
from edgelstm.layers import GRU, LSTM, Context, Conv, Dense
from edgelstm.quantization.affine import Affine
from edgelstm.quantization.context import QuantizedContext
from edgelstm.quantization.conv import QuantizedConv
from edgelstm.quantization.dense import QuantizedDense
from edgelstm.quantization.float_layer import FloatLayer
from edgelstm.quantization.gru import QuantizedGRU, narrowing_multiplier
from edgelstm.quantization.int16_layers import Int16Layer, Product16
from edgelstm.quantization.layer import QuantizedLayer
from edgelstm.quantization.lstm import QuantizedLSTM, hidden_multiplier
from edgelstm.quantization.matrix import Multipliers, gate_multipliers
from edgelstm.road import Placed

_LSTM_GATES, _GRU_GATES = 4, 3


def _integers(x: Affine, y: Affine) -> dict[str, Any]:
    return {
        "input_zero_point": x.zero_point,
        "output_zero_point": y.zero_point,
        "output_scale": float(y.scale),
    }


def _codes(values: NDArray[np.signedinteger[Any]] | None) -> bytes:
    """Little-endian; none for none."""
    return b"" if values is None else values.astype(values.dtype.newbyteorder("<")).tobytes()


def _matrix_rows(bias: NDArray[np.int32], W: NDArray[np.int8], by: Multipliers, gates: int = 1) -> bytes:
    fields = {"bias": bias, "sum_w": W.sum(axis=1, dtype=np.int32), "multiplier_w": by.mantissa, "shift_w": by.shift}
    return records(fields, gates).tobytes()


def _integer_blocks(layer: QuantizedLayer, weights: NDArray[np.int8], gates: int = 1) -> NDArray[Any]:
    made = blocks(weights, gates)
    return packed(made) if layer.four_bits else made


def _lstm_float32(layer: LSTM, at: Placed) -> Entry:
    weights = interleaved(blocks(layer.W, _LSTM_GATES), blocks(layer.R, _LSTM_GATES))
    biases = interleaved(rows(layer.b.astype("<f4"), _LSTM_GATES))
    return Entry(
        weights, biases, further=first_states(layer), own=(0, *recurrence(layer, at)), in_state=at.keeps_result
    )


def _lstm_int8(layer: QuantizedLSTM, _: Placed) -> Entry:
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
    W, R = (_integer_blocks(layer, part, _LSTM_GATES) for part in (layer.W, layer.R))
    wide = layer.input.bits == 16  # W lies apart
    return Entry(
        interleaved(R) if wide else interleaved(W, R),
        interleaved(records(fields, _LSTM_GATES)),
        interleaved(W) if wide else b"",
        multiplier=hidden_multiplier(layer.hidden),
        further=_codes(layer.h0) + _codes(layer.c0),
        own=(layer.cell_exponent, 0, 0),
        in_state=not layer.gives_floats,
        **_integers(layer.input, layer.hidden),
    )


def _gru_float32(layer: GRU, at: Placed) -> Entry:
    no_bias = np.zeros(2 * layer.units, "<f4")
    return Entry(
        blocks(layer.W, _GRU_GATES).tobytes(),
        rows(layer.b.astype("<f4"), _GRU_GATES).tobytes(),
        blocks(layer.R, _GRU_GATES).tobytes(),
        rows(np.concatenate([no_bias, layer.rb.astype("<f4")]), _GRU_GATES).tobytes(),
        further=first_states(layer),
        own=(int(layer.reset == "before"), *recurrence(layer, at)),
        in_state=at.keeps_result,
    )


def _gru_int8(layer: QuantizedGRU, _: Placed) -> Entry:
    by_x, by_h = gate_multipliers(layer.W_scale, layer.input), gate_multipliers(layer.R_scale, layer.hidden)
    W, R = (_integer_blocks(layer, part, _GRU_GATES) for part in (layer.W, layer.R))
    return Entry(
        W.tobytes(),
        _matrix_rows(layer.bias, layer.W, by_x, _GRU_GATES),
        R.tobytes(),
        _matrix_rows(layer.R_bias, layer.R, by_h, _GRU_GATES),
        multiplier=narrowing_multiplier(layer.hidden),
        further=_codes(layer.h0),
        own=(int(layer.reset == "before"), 0, 0),
        **_integers(layer.input, layer.hidden),
    )


def _context_float32(layer: Context, at: Placed) -> Entry:
    return Entry(own=(layer.rows, layer.hop, layer.brought(at.source) if layer.channels else 0), in_state=True)


def _context_int8(layer: QuantizedContext, at: Placed) -> Entry:
    own = _context_float32(layer.layer, at).own
    return Entry(own=own, in_state=True, **_integers(layer.input, layer.input))


def _conv_float32(layer: Conv, _: Placed) -> Entry:
    grouped = layer.groups > 1
    padding = (layer.before, layer.after, int(layer.fill == "mirror"))
    return Entry(
        layer.W.astype("<f4").tobytes() if grouped else blocks(layer.matrix).tobytes(),
        layer.b.astype("<f4").tobytes() if grouped else rows(layer.b.astype("<f4")).tobytes(),
        own=(layer.taps, layer.stride, layer.dilation, layer.groups if grouped else 0, *padding),
        relu=layer.activation == "relu",
    )


def _conv_int8(layer: QuantizedConv, _: Placed) -> Entry:
    conv = layer.layer
    padding = (conv.before, conv.after, int(conv.fill == "mirror"))
    return Entry(
        _integer_blocks(layer, layer.W).tobytes(),
        _product_rows(layer),
        own=(conv.taps, conv.stride, conv.dilation, 0, *padding),
        relu=conv.activation == "relu",
        **_integers(layer.input, layer.output),
    )


def _dense_float32(layer: Dense, _: Placed) -> Entry:
    relu = layer.activation == "relu"
    return Entry(blocks(layer.W).tobytes(), rows(layer.b.astype("<f4")).tobytes(), relu=relu)


def _dense_int8(layer: QuantizedDense, _: Placed) -> Entry:
    return Entry(
        _integer_blocks(layer, layer.W).tobytes(),
        _product_rows(layer),
        relu=layer.activation == "relu",
        **_integers(layer.input, layer.output),
    )


def _scores_int8(layer: QuantizedDense) -> Entry:
    rows = _matrix_rows(layer.bias, layer.W, _to_reals(layer))
    return Entry(blocks(layer.W).tobytes(), rows, input_zero_point=layer.input.zero_point)


def _product_rows(layer: QuantizedDense | QuantizedConv) -> bytes:
    return _matrix_rows(layer.bias, layer.W, _to_reals(layer) if layer.gives_floats else layer.multipliers)


def _to_reals(layer: QuantizedDense | QuantizedConv) -> Multipliers:
    """Of scores, and of results that are float32: int32 sums times a float32 scale."""
    scales = layer.score_scales.astype("<f4").view("<i4")
    return Multipliers(scales, np.zeros_like(scales))


def _float(layer: FloatLayer, at: Placed) -> Entry:
    return FLOAT32[at.layer.kind](layer.layer, at)


def _int16(layer: Int16Layer, at: Placed) -> Entry:
    """As in float32 files, but for the matrices; an LSTM has two of them."""
    plain = FLOAT32[at.layer.kind](layer.layer, at)
    gates = {"lstm": _LSTM_GATES, "gru": _GRU_GATES}.get(at.layer.kind, 1)

    def packed(array: NDArray[Any]) -> bytes:
        return interleaved(array) if at.layer.kind == "lstm" else array.tobytes()

    own = plain.own
    if layer.h_step is not None:
        own = (*own, *(0,) * (PLACE_OF_INVERSE - len(own)), _bits(layer.h_step[0]))
    return replace(
        plain,
        weights=packed(blocks(layer.W.codes, gates)),
        rows=packed(_rows16(layer.W, gates)),
        recurrent=b"" if layer.R is None else packed(blocks(layer.R.codes, gates)),
        recurrent_rows=b"" if layer.R is None else packed(_rows16(layer.R, gates)),
        own=own,
        arithmetic=GIVES_FLOATS | IN_FLOATS | IN_16_BITS,
    )


def _rows16(product: Product16, gates: int) -> NDArray[np.float32]:
    """(gates, groups, 32): scales of a block's rows, then their biases."""
    return np.concatenate([rows(values.astype("<f4"), gates) for values in (product.scale, product.bias)], axis=2)


def _bits(value: np.float32) -> int:
    return int(value.view(np.int32))


def entry_int8(layer: QuantizedLayer, at: Placed, is_last: bool) -> Entry:
    """A layer of an int8 file."""
    entry = INT8[layer.kind](layer, at)
    if is_last and isinstance(layer, QuantizedDense):
        entry = _scores_int8(layer)
    if isinstance(layer, FloatLayer):
        # a context only moves: its numbers are its source's
        return replace(entry, arithmetic=GIVES_FLOATS | (0 if at.layer.kind == "context" else IN_FLOATS))
    if isinstance(layer, Int16Layer):
        return entry
    bits = (GIVES_FLOATS if layer.gives_floats else 0) | (PACKED if layer.four_bits else 0)
    if not layer.rounds or layer.takes is None:
        return replace(entry, arithmetic=bits)
    bits |= ROUNDS_TO_8 if layer.takes.bits == 8 else ROUNDS_TO_16
    own = entry.own + (0,) * (PLACE_OF_INVERSE - len(entry.own))
    return replace(entry, arithmetic=bits, own=(*own, _bits(layer.takes.inverse)))


FLOAT32: dict[str, Callable[..., Entry]] = {
    "lstm": _lstm_float32,
    "gru": _gru_float32,
    "context": _context_float32,
    "conv": _conv_float32,
    "dense": _dense_float32,
    **elstm_floats.FLOAT32,
}


def bf16(at: Placed) -> Entry:
    """Of a layer whose weights are bfloat16 already where its kind has such in files: their upper halves."""
    entry = FLOAT32[at.layer.kind](at.layer, at)
    if not holds_bf16(at.layer):
        return entry
    return replace(entry, weights=narrowed(entry.weights), recurrent=narrowed(entry.recurrent))


INT8: dict[str, Callable[..., Entry]] = {
    "lstm": _lstm_int8,
    "gru": _gru_int8,
    "context": _context_int8,
    "conv": _conv_int8,
    "dense": _dense_int8,
    "float": _float,
    "int16": _int16,
}
"""By the kind of the quantized layer."""
