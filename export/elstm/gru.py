"""A GRU layer in a file: two matrices, the gates of each below one another."""

from __future__ import annotations

from edgelstm.export.elstm.blocks import blocks, rows
from edgelstm.export.elstm.entry import Entry
from edgelstm.export.elstm.integers import affines, codes, integer_blocks, matrix_rows
from edgelstm.export.elstm.kind import Kind
from edgelstm.export.elstm.recurrent import EXTRAS, first_states, recurrence
from edgelstm.layers import GRU
from edgelstm.quantization import QuantizedGRU
from edgelstm.quantization.gru import narrowing_multiplier
from edgelstm.quantization.matrix import gate_multipliers
from edgelstm.road import Placed

_GATES = len(GRU.gates)


def _floats(layer: GRU, at: Placed) -> Entry:
    return Entry(
        blocks(layer.W, _GATES).tobytes(),
        rows(layer.b.astype("<f4"), _GATES).tobytes(),
        blocks(layer.R, _GATES).tobytes(),
        rows(layer.back_bias.astype("<f4"), _GATES).tobytes(),
        further=first_states(layer),
        own=(int(layer.reset == "before"), *recurrence(layer, at)),
        in_state=at.keeps_result,
    )


def _integers(layer: QuantizedGRU, _: Placed) -> Entry:
    by_x, by_h = gate_multipliers(layer.W_scale, layer.input), gate_multipliers(layer.R_scale, layer.hidden)
    W, R = (integer_blocks(layer, part, _GATES) for part in (layer.W, layer.R))
    return Entry(
        W.tobytes(),
        matrix_rows(layer.bias, layer.W, by_x, _GATES),
        R.tobytes(),
        matrix_rows(layer.R_bias, layer.R, by_h, _GATES),
        multiplier=narrowing_multiplier(layer.hidden),
        further=codes(layer.h0),
        own=(int(layer.reset == "before"), 0, 0),
        **affines(layer.input, layer.hidden),
    )


KIND = Kind(5, _floats, _integers, extras=("h0", *EXTRAS))
