"""Models as TFLite with one fused LSTM operator per layer, the state in variable tensors.

`x` (1, 1, features) raw → `scores` (1, outputs) and, unless the model is linear, `probabilities` (1, outputs). One
call takes one frame and keeps the state for the next.

    float32, hybrid   x → ADD, MUL → UNIDIRECTIONAL_SEQUENCE_LSTM … → FULLY_CONNECTED … → SOFTMAX or LOGISTIC
    int8              x → ADD, MUL → QUANTIZE → UNIDIRECTIONAL_SEQUENCE_LSTM … → FULLY_CONNECTED … → DEQUANTIZE → …

In hybrid a gate's matrix is int8 with one scale; the operator rounds x and h to 8 bits as they come; states, biases
and the head stay in float32. In int8 the LSTM's integers are those of `edgelstm.quantization.reference`, bit for bit;
the head's are within one unit: engines round its sums differently. With `io` int8, `x` and `scores` are integers and
nothing surrounds them.
"""

from __future__ import annotations

from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.export.arithmetic.int8 import Int8
from edgelstm.export.arithmetic.int8_dynamic import Hybrid
from edgelstm.export.form import FLOAT_ERROR, PER_GATE_ERROR, FloatForm, IntegerForm
from edgelstm.export.tflite.graph import Graph
from edgelstm.export.tflite.graph import encode as encode_graph
from edgelstm.export.tflite.integers import check_integers
from edgelstm.export.tflite.kinds import KINDS
from edgelstm.export.tflite.lstm import FUSED_FLOATS, FUSED_INTEGERS, check_cells, check_fused
from edgelstm.export.tflite.parts import graph_of_floats, graph_of_integers
from edgelstm.export.walk import writers_of
from edgelstm.model import Model
from edgelstm.quantization import QuantizedModel
from edgelstm.runtime.engines.tflite_file import seal
from edgelstm.runtime.states import Io


def encode_float32(model: Model) -> bytes:
    """The bytes of the `.tflite` file; the same model gives the same bytes."""
    return seal(encode_graph(build_float32(model)))


def encode_hybrid(model: Model) -> bytes:
    """As `encode_float32`, with int8 weights in the LSTM layers."""
    return seal(encode_graph(build_hybrid(model)))


def encode_int8(quantized: QuantizedModel, io: Io = "float32") -> bytes:
    """As `encode_float32`, in integers. `io`: what goes in and comes out.

    ValueError for a model that engines would load and answer wrongly without a word, and for scales per row,
    which the operator cannot hold.
    """
    _check(quantized)
    return seal(encode_graph(build_int8(quantized, io)))


def build_float32(model: Model) -> Graph:
    """The graph; its file is yet to be sealed."""
    return graph_of_floats(model, "float32", (1, 1, model.features))


def build_hybrid(model: Model) -> Graph:
    """The graph; its file is yet to be sealed."""
    return graph_of_floats(model, "hybrid", (1, 1, model.features))


def build_int8(quantized: QuantizedModel, io: Io = "float32") -> Graph:
    """The graph, without checks; its file is yet to be sealed."""
    return graph_of_integers(quantized, "int8", (1, 1, quantized.model.features), io)


def _check(quantized: QuantizedModel) -> None:
    """Raise ValueError for whatever the fused operator would get wrong in silence."""
    if quantized.granularity != "per-gate":
        raise ValueError(f"scales: {quantized.granularity}, expected per-gate: TFLite's LSTM has one scale per gate")
    check_fused(quantized)
    check_integers(quantized)
    check_cells(quantized)


INT8 = IntegerForm(
    format="tflite",
    name="int8",
    engine="LiteRT, tflite-runtime",
    scales=("per-gate",),
    io=("float32", "int8"),
    state="variable tensors in the interpreter; reset_all_variables() starts anew",
    errors=(PER_GATE_ERROR,),
    choose="where the board has TFLite, or an accelerator that takes its fused LSTM",
    beware="TFLite Micro with CMSIS-NN starts every call from an empty state (tflite-micro #3564, #3607); scales per "
    "gate are less accurate; on x86 slower than float; no CompiledModel in LiteRT",
    kinds=writers_of(KINDS, "int8"),
    limit=FUSED_INTEGERS,
    write=encode_int8,
    computes=Int8,
)
FLOAT32 = FloatForm(
    format="tflite",
    name="float32",
    engine="LiteRT, tflite-runtime",
    state="variable tensors in the interpreter; reset_all_variables() starts anew",
    errors=(FLOAT_ERROR,),
    choose="where int8 costs too much accuracy; on x86 several times faster than TFLite's int8",
    beware="four times the size of int8; no CompiledModel in LiteRT",
    kinds=writers_of(KINDS, "float32"),
    limit=FUSED_FLOATS,
    write=encode_float32,
    computes=Float32,
)
HYBRID = FloatForm(
    format="tflite",
    name="hybrid",
    engine="LiteRT, tflite-runtime",
    state="variable tensors in the interpreter, float32; reset_all_variables() starts anew",
    errors=(PER_GATE_ERROR,),
    choose="the size of int8 without calibrating, where the state should stay in the interpreter",
    beware="TensorFlow Lite Micro loads it and answers NaN; no CompiledModel in LiteRT",
    kinds=writers_of(KINDS, "hybrid"),
    limit=FUSED_FLOATS,
    write=encode_hybrid,
    computes=Hybrid,
)
