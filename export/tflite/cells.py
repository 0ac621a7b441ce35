"""What the cells of recurrent layers are made of in each form that writes them in primitive operators."""

from __future__ import annotations

import numpy as np

from edgelstm.export.arithmetic.dequantize import SIGMOID, TANH
from edgelstm.export.arithmetic.int8_cell_ranges import cell_ranges
from edgelstm.export.arithmetic.rounding import rows_to_int8
from edgelstm.export.tflite.cell import Cell, Weights
from edgelstm.export.tflite.graph import Tensor
from edgelstm.export.tflite.integers import IntegerWriter, activation, check_affine
from edgelstm.export.tflite.writer import Writer
from edgelstm.layers.recurrence import Recurrence
from edgelstm.quantization import Affine
from edgelstm.quantization.weighted import GatedLayer
from edgelstm.road import Placed

_PER_ROW = 12  # the version of FULLY_CONNECTED that knows scales per row beside float values: older engines refuse it


class FloatCell(Cell):
    def __init__(self, writer: Writer, at: Placed, layer: Recurrence):
        super().__init__(writer, at, layer.units)
        self.matrices = {"W": (layer.W, layer.b), "R": (layer.R, layer.back_bias)}

    def value(self, name: str, quantity: str, shape: tuple[int, int]) -> Tensor:  # noqa: ARG002 - floats need no range
        return Tensor(name, shape, np.float32)

    def weights(self, name: str, matrix: str, part: slice) -> Weights:
        W, b = (values[part] for values in self.matrices[matrix])
        return Tensor.constant(f"{name}_W", W), Tensor.constant(f"{name}_b", b), 1, {}


class DynamicCell(FloatCell):
    def weights(self, name: str, matrix: str, part: slice) -> Weights:
        W, b = (values[part] for values in self.matrices[matrix])
        asymmetric = {"AsymmetricQuantizeInputs": True}  # rounded between its smallest and largest value
        integers = Tensor.constant(f"{name}_W", *rows_to_int8(W))
        return integers, Tensor.constant(f"{name}_b", b), _PER_ROW, asymmetric


class IntegerCell(Cell):
    version = 2  # the first that takes int8

    def __init__(self, writer: IntegerWriter, at: Placed, layer: GatedLayer):
        super().__init__(writer, at, layer.units)
        ranges = cell_ranges(writer.quantized)[at.name]
        self.matrices = {
            "W": (layer.W, layer.bias, layer.W_scale, layer.input),
            "R": (layer.R, layer.back_bias, layer.R_scale, layer.hidden),
        }
        self.affines: dict[str, Affine] = {**ranges, "h": layer.hidden, "sigmoid": SIGMOID, "tanh": TANH}

    def value(self, name: str, quantity: str, shape: tuple[int, int]) -> Tensor:
        check_affine(name, self.affines[quantity])
        return activation(name, shape, self.affines[quantity])

    def weights(self, name: str, matrix: str, part: slice) -> Weights:
        integers, bias, scale, taken = self.matrices[matrix]
        W = Tensor.constant(f"{name}_W", integers[part], scale[part])
        return W, Tensor.constant(f"{name}_b", bias[part], taken.scale * scale[part]), 4, {}
