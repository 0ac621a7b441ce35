"""The kinds of layers that an int8 model may have. A new one is a file beside this one and a line here."""

from __future__ import annotations

from edgelstm.quantization import context, conv, dense, float_layers, gru, lstm
from edgelstm.quantization.kind import Kind

KINDS: dict[str, Kind] = {
    "lstm": lstm.KIND,
    "gru": gru.KIND,
    "context": context.KIND,
    "conv": conv.KIND,
    "dense": dense.KIND,
    **float_layers.KINDS,
}
