"""LSTMs as TFLite in primitive operators: no variable tensors, h and c go in and come out.

Inputs `x` (1, features), `h0`, `c0`, `h1` … (1, units); outputs `scores` (1, outputs), `probabilities` unless the
model is linear, and `h0_out`, `c0_out` …, to be fed in the next call. A stream starts with the states that the
metadata list. All of it may go to XNNPACK.

Three forms: all float32; int8 weights with a scale for each row, whose products round their input to 8 bits as it
comes; and all int8, gates and cell too: the smallest arithmetic that engines have for it, and the least accurate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.export.arithmetic.int8_cell import SIGMOID, TANH, CellRanges, Int8Cell, cell_ranges
from edgelstm.export.arithmetic.int8_dynamic import Int8Dynamic, rows_to_int8
from edgelstm.export.form import FloatForm, IntegerForm
from edgelstm.export.metadata import integer_io
from edgelstm.export.tflite.cell import Cell
from edgelstm.export.tflite.graph import Field, Graph, Op, Operator, Tensor
from edgelstm.export.tflite.graph import encode as encode_graph
from edgelstm.export.tflite.integers import (
    activation,
    check_affine,
    check_integers,
    integer_head,
    integer_input,
)
from edgelstm.export.tflite.parts import float_head, graph, normalized
from edgelstm.layers import LSTM
from edgelstm.model import Model
from edgelstm.quantization.scheme import Affine, QuantizedLSTM, QuantizedModel
from edgelstm.runtime.description import Precision
from edgelstm.runtime.engines.tflite_file import seal
from edgelstm.runtime.states import Io

_PER_ROW = 12  # the version of FULLY_CONNECTED that knows scales per row beside float values: older engines refuse it


def encode_float32(model: Model) -> bytes:
    """The bytes of the `.tflite` file; the same model gives the same bytes."""
    return seal(encode_graph(build_float32(model)))


def encode_int8_dynamic(model: Model) -> bytes:
    """As `encode_float32`, with int8 weights in the LSTM layers."""
    return seal(encode_graph(build_int8_dynamic(model)))


def encode_int8(quantized: QuantizedModel, io: Io = "float32") -> bytes:
    """As `encode_float32`, in integers. `io`: what goes in and comes out.

    ValueError for a model that engines would load and answer wrongly without a word, and for one without sequences
    to take the ranges of its gates from.
    """
    check_integers(quantized)
    return seal(encode_graph(build_int8(quantized, io)))


def build_float32(model: Model) -> Graph:
    """The graph; its file is yet to be sealed."""
    return _build_floats(model, "float32-explicit", FloatCell)


def build_int8_dynamic(model: Model) -> Graph:
    """The graph; its file is yet to be sealed."""
    return _build_floats(model, "int8-dynamic", DynamicCell)


def build_int8(quantized: QuantizedModel, io: Io = "float32") -> Graph:
    """The graph, without checks; its file is yet to be sealed."""
    operators, flow = integer_input(quantized, (1, quantized.model.features), io)
    states: list[tuple[Tensor, Tensor | None]] = []
    for n, (layer, ranges) in enumerate(zip(quantized.lstms, cell_ranges(quantized))):
        cell = IntegerCell(n, layer, ranges)
        operators += cell.write(flow)
        states += cell.states
        flow = operators[-1].outputs[0]
    operators += integer_head(quantized, flow, io)
    return graph(quantized, "int8-explicit", operators, states, integer_io(quantized) if io == "int8" else None)


def _build_floats(model: Model, precision: Precision, cell_type: type[FloatCell]) -> Graph:
    operators = normalized(Tensor("x", (1, model.features), np.float32), model.normalize)
    states: list[tuple[Tensor, Tensor | None]] = []
    for n, layer in enumerate(model.lstms):
        cell = cell_type(n, layer)
        operators += cell.write(operators[-1].outputs[0])
        states += cell.states
    operators += float_head(operators[-1].outputs[0], model.head)
    return graph(model, precision, operators, states)


class FloatCell(Cell):
    def __init__(self, n: int, layer: LSTM):
        super().__init__(n, layer.units)
        self.layer = layer

    def value(self, name: str, quantity: str, width: int) -> Tensor:  # noqa: ARG002 - floats need no range
        return Tensor(name, (1, width), np.float32)

    def products(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        layer = self.layer
        return self.product("zx", x, layer.W, layer.b), self.product("zh", h, layer.R, np.zeros_like(layer.b))

    def product(self, name: str, x: Tensor, matrix: NDArray[np.float32], bias: NDArray[np.float32]) -> Tensor:
        y = self.new(name, name, 4)
        weights, version, options = self.weights(f"{y.name}_W", matrix)
        b = Tensor.constant(f"{y.name}_b", bias)
        self.operators.append(Operator(Op.FULLY_CONNECTED, (x, weights, b), (y,), version, options))
        return y

    def weights(self, name: str, matrix: NDArray[np.float32]) -> tuple[Tensor, int, tuple[Field, ...]]:
        """The matrix, and the version and options of FULLY_CONNECTED that it needs."""
        return Tensor.constant(name, matrix), 1, ()


class DynamicCell(FloatCell):
    def weights(self, name: str, matrix: NDArray[np.float32]) -> tuple[Tensor, int, tuple[Field, ...]]:
        asymmetric = Field(3, "bool", True)  # the input is rounded between its smallest and largest value
        return Tensor.constant(name, *rows_to_int8(matrix)), _PER_ROW, (asymmetric,)


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


INT8_DYNAMIC = FloatForm(
    format="tflite",
    name="int8-dynamic",
    engine="LiteRT",
    state="inputs h0, c0, … and outputs h0_out, c0_out, …, float32; starts with zeros",
    choose="LiteRT's most accurate form with int8 weights, and on CPUs among its fastest",
    beware="tflite-runtime 2.14 refuses it; other versions may round otherwise",
    kinds=("lstm", "dense"),
    write=encode_int8_dynamic,
    computes=Int8Dynamic,
)
FLOAT32 = FloatForm(
    format="tflite",
    name="float32-explicit",
    engine="LiteRT, tflite-runtime",
    state="inputs h0, c0, … and outputs h0_out, c0_out, …; starts with zeros",
    choose="float32 in LiteRT on CPUs, faster than fused; for CompiledModel, which has no variable tensors",
    beware="the caller carries the state; four times the size of int8",
    kinds=("lstm", "dense"),
    write=encode_float32,
    computes=Float32,
)
INT8 = IntegerForm(
    format="tflite",
    name="int8-explicit",
    engine="LiteRT, tflite-runtime",
    scales=("per-row",),
    io=("float32", "int8"),
    state="inputs h0, c0, … and outputs h0_out, c0_out, …, int8; each starts with its zero point",
    choose="for runtimes and accelerators that take nothing but int8; as fast as int8-dynamic on CPUs",
    beware="the least accurate: gates and cell are int8 too; the caller carries the state",
    kinds=("lstm", "dense"),
    write=encode_int8,
    computes=Int8Cell,
)
