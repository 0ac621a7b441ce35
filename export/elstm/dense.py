"""A dense layer in a file. The last one's rows have float32 scales of its scores."""

from __future__ import annotations

from edgelstm.export.elstm.blocks import blocks, rows
from edgelstm.export.elstm.entry import Entry
from edgelstm.export.elstm.integers import affines, integer_blocks, matrix_rows, product_rows, to_reals
from edgelstm.export.elstm.kind import Kind
from edgelstm.layers import Dense
from edgelstm.quantization import QuantizedDense
from edgelstm.road import Placed


def _floats(layer: Dense, _: Placed) -> Entry:
    relu = layer.activation == "relu"
    return Entry(blocks(layer.W).tobytes(), rows(layer.b.astype("<f4")).tobytes(), relu=relu)


def _integers(layer: QuantizedDense, _: Placed) -> Entry:
    return Entry(
        integer_blocks(layer, layer.W).tobytes(),
        product_rows(layer),
        relu=layer.activation == "relu",
        **affines(layer.input, layer.output),
    )


def _scores(layer: QuantizedDense) -> Entry:
    rows = matrix_rows(layer.bias, layer.W, to_reals(layer))
    return Entry(blocks(layer.W).tobytes(), rows, input_zero_point=layer.input.zero_point)


KIND = Kind(2, _floats, _integers, _scores)
