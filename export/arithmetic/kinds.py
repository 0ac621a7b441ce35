"""The kinds of layers that the arithmetics of int8 forms know. A new one is a file beside this one, a line here."""

from __future__ import annotations

from collections.abc import Mapping

from edgelstm.export.arithmetic import context, gru, lstm, product
from edgelstm.export.arithmetic.kind import Kind

KINDS: Mapping[str, Kind] = {
    "lstm": lstm.KIND,
    "gru": gru.KIND,
    "context": context.KIND,
    "conv": product.KIND,
    "dense": product.KIND,
}
