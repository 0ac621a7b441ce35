"""An LSTM layer in a file: W and R side by side in a block, a block for each gate of a group of units."""

from __future__ import annotations

import numpy as np

from edgelstm.export.elstm.blocks import blocks, interleaved, records, rows
from edgelstm.export.elstm.entry import Entry
from edgelstm.export.elstm.integers import affines, codes, integer_blocks
from edgelstm.export.elstm.kind import Kind
from edgelstm.export.elstm.recurrent import EXTRAS, first_states, recurrence
from edgelstm.layers import LSTM
from edgelstm.quantization import QuantizedLSTM
from edgelstm.quantization.lstm import hidden_multiplier
from edgelstm.quantization.matrix import gate_multipliers
from edgelstm.road import Placed

_GATES = len(LSTM.gates)


def _floats(layer: LSTM, at: Placed) -> Entry:
    weights = interleaved(blocks(layer.W, _GATES), blocks(layer.R, _GATES))
    biases = interleaved(rows(layer.b.astype("<f4"), _GATES))
    return Entry(
        weights, biases, further=first_states(layer), own=(0, *recurrence(layer, at)), in_state=at.keeps_result
    )


def _integers(layer: QuantizedLSTM, _: Placed) -> Entry:
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
    W, R = (integer_blocks(layer, part, _GATES) for part in (layer.W, layer.R))
    wide = layer.input.bits == 16  # W lies apart
    return Entry(
        interleaved(R) if wide else interleaved(W, R),
        interleaved(records(fields, _GATES)),
        interleaved(W) if wide else b"",
        multiplier=hidden_multiplier(layer.hidden),
        further=codes(layer.h0) + codes(layer.c0),
        own=(layer.cell_exponent, 0, 0),
        in_state=not layer.gives_floats,
        **affines(layer.input, layer.hidden),
    )


KIND = Kind(1, _floats, _integers, extras=("h0", "c0", *EXTRAS), interleaves=True)
