"""A context in a file: its result is its state."""

from __future__ import annotations

from edgelstm.export.elstm.entry import Entry
from edgelstm.export.elstm.integers import affines
from edgelstm.export.elstm.kind import Kind
from edgelstm.layers import Context
from edgelstm.quantization.context import QuantizedContext
from edgelstm.road import Placed


def _floats(layer: Context, at: Placed) -> Entry:
    return Entry(own=(layer.rows, layer.hop, layer.brought(at.source) if layer.channels else 0), in_state=True)


def _integers(layer: QuantizedContext, at: Placed) -> Entry:
    own = _floats(layer.layer, at).own
    return Entry(own=own, in_state=True, **affines(layer.input, layer.input))


KIND = Kind(3, _floats, _integers, extras=("channels",))
