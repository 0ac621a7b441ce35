"""The kinds of layers that files of this format may have. A new one is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from edgelstm.export.onnx import context, conv, dense, float_layers, gru, lstm
from edgelstm.export.walk import Kind

KINDS: Mapping[str, Kind] = {
    "lstm": lstm.KIND,
    "gru": gru.KIND,
    "context": context.KIND,
    "conv": conv.KIND,
    "dense": dense.KIND,
    **float_layers.KINDS,
}
