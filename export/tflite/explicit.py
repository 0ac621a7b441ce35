"""LSTMs as TFLite in primitive operators: no variable tensors, h and c go in and come out.

Inputs `x` (1, features), `h0`, `c0`, `h1` … (1, units); outputs `scores` (1, outputs), `probabilities` unless the
model is linear, and `h0_out`, `c0_out` …, to be fed in the next call. A stream starts with the states that the
metadata list. All of it may go to XNNPACK.

    x, h → FULLY_CONNECTED each → ADD → SPLIT → LOGISTIC i, f, o; TANH g
    f·c + i·g → c_out;  o · TANH(c_out) → h_out

Here are the cell, and the two forms whose values are floats: all float32, and int8 weights with a scale for each
row whose products round their input to 8 bits as it comes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.int8_dynamic import rows_to_int8
from edgelstm.export.tflite.graph import Field, Graph, Op, Operator, Tensor
from edgelstm.export.tflite.graph import encode as encode_graph
from edgelstm.export.tflite.parts import float_head, graph, normalized
from edgelstm.model import LSTM, Model
from edgelstm.runtime.description import Precision
from edgelstm.runtime.engines.tflite_file import seal

_PER_ROW = 12  # the version of FULLY_CONNECTED that knows scales per row beside float values: older engines refuse it


def encode_float32(model: Model) -> bytes:
    """The bytes of the `.tflite` file; the same model gives the same bytes."""
    return seal(encode_graph(build(model, "float32")))


def encode_int8_dynamic(model: Model) -> bytes:
    """As `encode_float32`, with int8 weights in the LSTM layers."""
    return seal(encode_graph(build(model, "int8-dynamic")))


def build(model: Model, precision: Precision) -> Graph:
    """The graph; its file is yet to be sealed."""
    operators = normalized(Tensor("x", (1, model.features), np.float32), model.normalize)
    states: list[tuple[Tensor, Tensor | None]] = []
    cell_type = FloatCell if precision == "float32" else DynamicCell
    for n, layer in enumerate(model.lstms):
        cell = cell_type(n, layer)
        operators += cell.write(operators[-1].outputs[0])
        states += cell.states
    operators += float_head(operators[-1].outputs[0], model.head)
    return graph(model, precision, operators, states)


class Cell(ABC):
    """Writes the operators of layer `n`; what its weights and values are made of is for a form to say."""

    version = 1  # of the operators on values

    def __init__(self, n: int, units: int):
        self.n, self.units = n, units
        self.operators: list[Operator] = []
        self.states: list[tuple[Tensor, Tensor | None]] = []

    @abstractmethod
    def value(self, name: str, quantity: str, width: int) -> Tensor:
        """A new tensor (1, width). `quantity` says what it holds: h, c, zx, zh, z, fc, ig, sigmoid or tanh."""

    @abstractmethod
    def products(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """W·x + b and R·h, (1, 4 · units) each."""

    def write(self, x: Tensor) -> list[Operator]:
        """x (1, inputs) → the operators, the last of which gives h (1, units)."""
        none = Field(0, "int8", 0)  # no activation
        h, c = self.new("h", "h"), self.new("c", "c")
        z = self.new("z", "z", 4)
        self.add(Op.ADD, self.products(x, h), z, none)
        parts = tuple(self.new(f"z_{gate}", "z") for gate in "ifgo")
        axis = Tensor.constant(f"lstm{self.n}_axis", np.array(1, np.int32))
        self.operators.append(Operator(Op.SPLIT, (axis, z), parts, self.version, (Field(0, "int32", 4),)))
        i, f, o = (
            self.add(Op.LOGISTIC, (part,), self.new(gate, "sigmoid"))
            for gate, part in zip("ifo", (*parts[:2], parts[3]))
        )
        g = self.add(Op.TANH, (parts[2],), self.new("g", "tanh"))
        kept = self.add(Op.MUL, (f, c), self.new("fc", "fc"), none)
        written = self.add(Op.MUL, (i, g), self.new("ig", "ig"), none)
        c_out = self.add(Op.ADD, (kept, written), self.new("c", "c", out=True), none)
        squashed = self.add(Op.TANH, (c_out,), self.new("tanh_c", "tanh"))
        h_out = self.add(Op.MUL, (o, squashed), self.new("h", "h", out=True), none)
        self.states += [(h, h_out), (c, c_out)]
        return self.operators

    def new(self, name: str, quantity: str, gates: int = 1, out: bool = False) -> Tensor:
        """h0, c0 and h0_out, c0_out are what callers see; all else is lstm0_NAME."""
        full = f"{name}{self.n}" if name in "hc" else f"lstm{self.n}_{name}"
        return self.value(f"{full}_out" if out else full, quantity, gates * self.units)

    def add(self, op: Op, inputs: tuple[Tensor, ...], output: Tensor, *options: Field) -> Tensor:
        self.operators.append(Operator(op, inputs, (output,), self.version, options))
        return output


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
