"""A convolution in a file: a matrix over windows of rows; with groups no blocks."""

from __future__ import annotations

from edgelstm.export.elstm.blocks import blocks, rows
from edgelstm.export.elstm.entry import Entry
from edgelstm.export.elstm.integers import affines, integer_blocks, product_rows
from edgelstm.export.elstm.kind import Kind
from edgelstm.layers import Conv
from edgelstm.quantization import QuantizedConv
from edgelstm.road import Placed


def _floats(layer: Conv, _: Placed) -> Entry:
    grouped = layer.groups > 1
    padding = (layer.before, layer.after, int(layer.fill == "mirror"))
    return Entry(
        layer.W.astype("<f4").tobytes() if grouped else blocks(layer.matrix).tobytes(),
        layer.b.astype("<f4").tobytes() if grouped else rows(layer.b.astype("<f4")).tobytes(),
        own=(layer.taps, layer.stride, layer.dilation, layer.groups if grouped else 0, *padding),
        relu=layer.activation == "relu",
    )


def _integers(layer: QuantizedConv, _: Placed) -> Entry:
    conv = layer.layer
    padding = (conv.before, conv.after, int(conv.fill == "mirror"))
    return Entry(
        integer_blocks(layer, layer.W).tobytes(),
        product_rows(layer),
        own=(conv.taps, conv.stride, conv.dilation, 0, *padding),
        relu=conv.activation == "relu",
        **affines(layer.input, layer.output),
    )


KIND = Kind(4, _floats, _integers, extras=("groups", "before", "after", "fill"))
