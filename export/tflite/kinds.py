"""The kinds of layers that files of this format may have. A new one is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from edgelstm.export.tflite import context, conv, dense, float_layers, gru, lstm
from edgelstm.export.tflite.writer import Write

KINDS: Mapping[str, Mapping[str, Write]] = {
    "lstm": lstm.WRITE,
    "gru": gru.WRITE,
    "context": context.WRITE,
    "conv": conv.WRITE,
    "dense": dense.WRITE,
    **float_layers.KINDS,
}
"""For each form by its name the function that writes such a layer's operators; forms that are not there refuse it."""


def layers_of(form: str) -> Mapping[str, Write]:
    """Of the kinds that the form holds."""
    return {kind: write[form] for kind, write in KINDS.items() if form in write}
