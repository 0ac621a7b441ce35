"""All int8 as TFLite in primitive operators: the cell of `edgelstm.export.tflite.explicit`, its states outside.

Float in, float out, or with `io` int8 integers in and out. Gates and cell are int8 too: the smallest arithmetic that
engines have for it, and the least accurate. Weights have a scale for each row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.int8_cell import SIGMOID, TANH, CellRanges, cell_ranges
from edgelstm.export.metadata import integer_io
from edgelstm.export.tflite.explicit import Cell
from edgelstm.export.tflite.graph import Graph, Op, Operator, Tensor
from edgelstm.export.tflite.graph import encode as encode_graph
from edgelstm.export.tflite.integers import (
    activation,
    check_affine,
    check_integers,
    integer_head,
    integer_input,
)
from edgelstm.export.tflite.parts import graph
from edgelstm.quantization.scheme import Affine, QuantizedLSTM, QuantizedModel
from edgelstm.runtime.engines.tflite_file import seal
from edgelstm.runtime.states import Io


def encode(quantized: QuantizedModel, io: Io = "float32") -> bytes:
    """The bytes of the `.tflite` file; the same model gives the same bytes. `io`: what goes in and comes out.

    ValueError for a model that engines would load and answer wrongly without a word, and for one without sequences
    to take the ranges of its gates from.
    """
    check_integers(quantized)
    return seal(encode_graph(build(quantized, io)))


def build(quantized: QuantizedModel, io: Io = "float32") -> Graph:
    """The graph, without checks; its file is yet to be sealed."""
    operators, flow = integer_input(quantized, (1, quantized.model.features), io)
    states: list[tuple[Tensor, Tensor | None]] = []
    for n, (layer, ranges) in enumerate(zip(quantized.lstms, cell_ranges(quantized))):
        cell = IntegerCell(n, layer, ranges)
        operators += cell.write(flow)
        states += cell.states
        flow = operators[-1].outputs[0]
    operators += integer_head(quantized, flow, io)
    return graph(quantized, "int8-cell", operators, states, integer_io(quantized) if io == "int8" else None)


class IntegerCell(Cell):
    version = 2  # the first that takes int8

    def __init__(self, n: int, layer: QuantizedLSTM, ranges: CellRanges):
        super().__init__(n, layer.units)
        self.layer = layer
        self.affines: dict[str, Affine] = {**vars(ranges), "h": layer.hidden, "sigmoid": SIGMOID, "tanh": TANH}

    def value(self, name: str, quantity: str, width: int) -> Tensor:
        check_affine(name, self.affines[quantity])
        return activation(name, (1, width), self.affines[quantity])

    def products(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        layer = self.layer
        from_x = self.product("zx", x, layer.W, layer.bias, layer.W_scale, layer.input)
        return from_x, self.product("zh", h, layer.R, np.zeros_like(layer.bias), layer.R_scale, layer.hidden)

    def product(
        self,
        name: str,
        x: Tensor,
        matrix: NDArray[np.int8],
        bias: NDArray[np.int32],
        scale: NDArray[np.float32],
        taken: Affine,
    ) -> Tensor:
        y = self.new(name, name, 4)
        W = Tensor.constant(f"{y.name}_W", matrix, scale)
        b = Tensor.constant(f"{y.name}_b", bias, taken.scale * scale)
        self.operators.append(Operator(Op.FULLY_CONNECTED, (x, W, b), (y,), 4))
        return y
