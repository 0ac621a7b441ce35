"""Models as TFLite in primitive operators: no variable tensors, the states go in and come out.

Inputs `x` (stride, features) and the states; outputs `scores` (1, outputs), `probabilities` unless the model is
linear, and the states' next values, `h0_out` of `h0` and so on, to be fed in the next call. A stream starts with the
states that the metadata list. All of it may go to XNNPACK.

Three forms: all float32; int8 weights with a scale for each row in the recurrent layers, whose products round their
input to 8 bits as it comes; and all int8, gates and cell too: the smallest arithmetic that engines have for it, and
the least accurate.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.export.arithmetic.int8_cell import Int8Cell
from edgelstm.export.arithmetic.int8_cell_ranges import SIGMOID, TANH, cell_ranges
from edgelstm.export.arithmetic.int8_dynamic import Int8Dynamic, rows_to_int8
from edgelstm.export.form import FLOAT_ERROR, WRITTEN_OUT, FloatForm, IntegerForm
from edgelstm.export.tflite.cell import Cell, Weights, gru, lstm
from edgelstm.export.tflite.float_layers import EXTRAS, ONLY_FLOATS
from edgelstm.export.tflite.graph import Graph, Tensor
from edgelstm.export.tflite.graph import encode as encode_graph
from edgelstm.export.tflite.integers import (
    IntegerWriter,
    activation,
    check_affine,
    check_integers,
    integer_conv,
    integer_dense,
    integer_input,
    integer_scores,
)
from edgelstm.export.tflite.parts import float_conv, float_dense, graph, normalized
from edgelstm.export.tflite.writer import Write, Writer, context, walk
from edgelstm.layers import GRU, LSTM, Context
from edgelstm.model import Model
from edgelstm.quantization import Affine, QuantizedGRU, QuantizedLSTM, QuantizedModel
from edgelstm.quantization.context import QuantizedContext
from edgelstm.road import Placed
from edgelstm.runtime.description import Precision
from edgelstm.runtime.engines.tflite_file import seal
from edgelstm.runtime.states import Io

_PER_ROW = 12  # the version of FULLY_CONNECTED that knows scales per row beside float values: older engines refuse it


def encode_float32(model: Model) -> bytes:
    """The bytes of the `.tflite` file; the same model gives the same bytes."""
    return seal(encode_graph(build_float32(model)))


def encode_int8_dynamic(model: Model) -> bytes:
    """As `encode_float32`, with int8 weights in the recurrent layers."""
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
    return _build_floats(model, "float32-explicit", {**FLOAT_LAYERS, **ONLY_FLOATS})


def build_int8_dynamic(model: Model) -> Graph:
    """The graph; its file is yet to be sealed."""
    return _build_floats(model, "int8-dynamic", DYNAMIC_LAYERS)


def build_int8(quantized: QuantizedModel, io: Io = "float32") -> Graph:
    """The graph, without checks; its file is yet to be sealed."""
    writer = IntegerWriter(quantized, io)
    x, flow = integer_input(writer, (quantized.model.stride, quantized.model.features))
    scores = integer_scores(writer, walk(writer, quantized.layers, INTEGER_LAYERS, flow))
    return graph(writer, "int8-explicit", x, scores, quantized, io)


def _build_floats(model: Model, precision: Precision, layers: Mapping[str, Write]) -> Graph:
    writer, x = Writer(model), Tensor("x", (model.stride, model.features), np.float32)
    scores = walk(writer, model.layers, layers, normalized(writer, x, model.normalize))
    return graph(writer, precision, x, scores)


class FloatCell(Cell):
    def __init__(self, writer: Writer, at: Placed, layer: LSTM | GRU):
        super().__init__(writer, at, layer.units)
        back = np.zeros_like(layer.b)
        if isinstance(layer, GRU):
            back[2 * layer.units :] = layer.rb
        self.matrices = {"W": (layer.W, layer.b), "R": (layer.R, back)}

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

    def __init__(self, writer: IntegerWriter, at: Placed, layer: QuantizedLSTM | QuantizedGRU):
        super().__init__(writer, at, layer.units)
        ranges = cell_ranges(writer.quantized)[at.name]
        back = layer.R_bias if isinstance(layer, QuantizedGRU) else np.zeros_like(layer.bias)
        self.matrices = {
            "W": (layer.W, layer.bias, layer.W_scale, layer.input),
            "R": (layer.R, back, layer.R_scale, layer.hidden),
        }
        self.affines: dict[str, Affine] = {**ranges, "h": layer.hidden, "sigmoid": SIGMOID, "tanh": TANH}

    def value(self, name: str, quantity: str, shape: tuple[int, int]) -> Tensor:
        check_affine(name, self.affines[quantity])
        return activation(name, shape, self.affines[quantity])

    def weights(self, name: str, matrix: str, part: slice) -> Weights:
        integers, bias, scale, taken = self.matrices[matrix]
        W = Tensor.constant(f"{name}_W", integers[part], scale[part])
        return W, Tensor.constant(f"{name}_b", bias[part], taken.scale * scale[part]), 4, {}


def _float_lstm(writer: Writer, at: Placed, layer: LSTM, x: Tensor) -> Tensor:
    return lstm(FloatCell(writer, at, layer), x)


def _float_gru(writer: Writer, at: Placed, layer: GRU, x: Tensor) -> Tensor:
    return gru(FloatCell(writer, at, layer), x, reset_first=layer.reset == "before")


def _float_context(writer: Writer, at: Placed, layer: Context, x: Tensor) -> Tensor:
    return context(writer, at, layer, x, lambda name, shape: Tensor(name, shape, np.float32))


def _dynamic_lstm(writer: Writer, at: Placed, layer: LSTM, x: Tensor) -> Tensor:
    return lstm(DynamicCell(writer, at, layer), x)


def _dynamic_gru(writer: Writer, at: Placed, layer: GRU, x: Tensor) -> Tensor:
    return gru(DynamicCell(writer, at, layer), x, reset_first=layer.reset == "before")


def _integer_lstm(writer: IntegerWriter, at: Placed, layer: QuantizedLSTM, x: Tensor) -> Tensor:
    return lstm(IntegerCell(writer, at, layer), x)


def _integer_gru(writer: IntegerWriter, at: Placed, layer: QuantizedGRU, x: Tensor) -> Tensor:
    return gru(IntegerCell(writer, at, layer), x, reset_first=layer.reset == "before")


def _integer_context(writer: Writer, at: Placed, layer: QuantizedContext, x: Tensor) -> Tensor:
    return context(writer, at, layer.layer, x, lambda name, shape: activation(name, shape, layer.input))


FLOAT_LAYERS: Mapping[str, Write] = {
    "lstm": _float_lstm,
    "gru": _float_gru,
    "context": _float_context,
    "conv": float_conv,
    "dense": float_dense,
}
DYNAMIC_LAYERS: Mapping[str, Write] = {**FLOAT_LAYERS, "lstm": _dynamic_lstm, "gru": _dynamic_gru}
INTEGER_LAYERS: Mapping[str, Write] = {
    "lstm": _integer_lstm,
    "gru": _integer_gru,
    "context": _integer_context,
    "conv": integer_conv,
    "dense": integer_dense,
}

INT8_DYNAMIC = FloatForm(
    format="tflite",
    name="int8-dynamic",
    engine="LiteRT",
    state="inputs h0, c0, … and outputs h0_out, c0_out, …, float32; starts with zeros",
    errors=(0.01,),
    choose="LiteRT's most accurate form with int8 weights, and on CPUs among its fastest",
    beware="tflite-runtime 2.14 refuses it; other versions may round otherwise",
    kinds=DYNAMIC_LAYERS,
    limit=WRITTEN_OUT,
    write=encode_int8_dynamic,
    computes=Int8Dynamic,
)
FLOAT32 = FloatForm(
    format="tflite",
    name="float32-explicit",
    engine="LiteRT, tflite-runtime",
    state="inputs h0, c0, … and outputs h0_out, c0_out, …; starts with zeros",
    errors=(FLOAT_ERROR,),
    choose="float32 in LiteRT on CPUs, faster than fused; for CompiledModel, which has no variable tensors",
    beware="the caller carries the state; four times the size of int8",
    kinds={**FLOAT_LAYERS, **ONLY_FLOATS},
    extras=EXTRAS,
    limit=WRITTEN_OUT,
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
    errors=(0.06,),
    choose="for runtimes and accelerators that take nothing but int8; as fast as int8-dynamic on CPUs",
    beware="the least accurate: gates and all states are int8 too, an LSTM's cell in 256 steps. Of the demo's "
    "windows it decides 88 % rightly where float32 has 91; worse for GRUs of long memory. The caller carries "
    "the states",
    kinds=INTEGER_LAYERS,
    limit=WRITTEN_OUT,
    write=encode_int8,
    computes=Int8Cell,
)
