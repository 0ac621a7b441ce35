"""The kinds of layers that files of this format may have. A new one is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from edgelstm.export.onnx import context, conv, dense, float_layers, gru, lstm
from edgelstm.export.onnx.flow import Write
from edgelstm.export.walk import Kind

KINDS: Mapping[str, Kind] = {
    "lstm": lstm.KIND,
    "gru": gru.KIND,
    "context": context.KIND,
    "conv": conv.KIND,
    "dense": dense.KIND,
    **float_layers.KINDS,
}


def layers_of(form: str) -> Mapping[str, Write]:
    """Of the kinds that the form holds: the functions that write their layers."""
    return {name: kind.write[form] for name, kind in KINDS.items() if form in kind.write}


def extras_of(form: str) -> Mapping[str, tuple[str, ...]]:
    """What layers may have beyond plain ones where results may be taken from afar, too."""
    return {name: ("of", *kind.extras.get(form, ())) for name, kind in KINDS.items() if form in kind.write}
