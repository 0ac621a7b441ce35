"""The kinds of layers that a file may list. A new one is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from edgelstm.export.elstm import context, conv, dense, float_layers, gru, lstm
from edgelstm.export.elstm.kind import Kind

KINDS: Mapping[str, Kind] = {
    "lstm": lstm.KIND,
    "gru": gru.KIND,
    "context": context.KIND,
    "conv": conv.KIND,
    "dense": dense.KIND,
    **float_layers.KINDS,
}

EXTRAS = {name: ("of", *kind.extras) for name, kind in KINDS.items()}
"""What layers may have beyond plain ones."""
