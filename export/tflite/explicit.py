"""Models as TFLite in primitive operators: no variable tensors, the states go in and come out.

Inputs `x` (stride, features) and the states; outputs `scores` (1, outputs), `probabilities` unless the model is
linear, and the states' next values, `h0_out` of `h0` and so on, to be fed in the next call. A stream starts with the
states that the metadata list. All of it may go to XNNPACK.

Three forms: all float32; int8 weights with a scale for each row in the recurrent layers, whose products round their
input to 8 bits as it comes; and all int8, gates and cell too: the smallest arithmetic that engines have for it, and
the least accurate.
"""

from __future__ import annotations

from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.export.arithmetic.int8_cell import Int8Cell
from edgelstm.export.arithmetic.int8_dynamic import Int8Dynamic
from edgelstm.export.form import FLOAT_ERROR, WRITTEN_OUT, FloatForm, IntegerForm
from edgelstm.export.tflite.graph import Graph
from edgelstm.export.tflite.graph import encode as encode_graph
from edgelstm.export.tflite.integers import check_integers
from edgelstm.export.tflite.kinds import KINDS
from edgelstm.export.tflite.parts import graph_of_floats, graph_of_integers
from edgelstm.export.walk import extras_of, writers_of
from edgelstm.model import Model
from edgelstm.quantization import QuantizedModel
from edgelstm.runtime.engines.tflite_file import seal
from edgelstm.runtime.states import Io


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
    return graph_of_floats(model, "float32-explicit", (model.stride, model.features))


def build_int8_dynamic(model: Model) -> Graph:
    """The graph; its file is yet to be sealed."""
    return graph_of_floats(model, "int8-dynamic", (model.stride, model.features))


def build_int8(quantized: QuantizedModel, io: Io = "float32") -> Graph:
    """The graph, without checks; its file is yet to be sealed."""
    return graph_of_integers(quantized, "int8-explicit", (quantized.model.stride, quantized.model.features), io)


INT8_DYNAMIC = FloatForm(
    format="tflite",
    name="int8-dynamic",
    engine="LiteRT",
    state="inputs h0, c0, … and outputs h0_out, c0_out, …, float32; starts with zeros",
    errors=(0.01,),
    choose="LiteRT's most accurate form with int8 weights, and on CPUs among its fastest",
    beware="tflite-runtime 2.14 refuses it; other versions may round otherwise",
    kinds=writers_of(KINDS, "int8-dynamic"),
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
    kinds=writers_of(KINDS, "float32-explicit"),
    extras=extras_of(KINDS, "float32-explicit"),
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
    kinds=writers_of(KINDS, "int8-explicit"),
    limit=WRITTEN_OUT,
    write=encode_int8,
    computes=Int8Cell,
)
