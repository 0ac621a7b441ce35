"""int8 weights and activations with float gates, as ONNX in standard operators: smaller and, from some 128 units,
faster than float32, in any engine that keeps to the standard.

One call takes one frame, in a model of stride s, s frames. Float in, float out; normalizing and quantizing are
inside.

| input | type and shape        | output   | type and shape            |
|-------|-----------------------|----------|---------------------------|
| `x`   | float32 (1, features) | `scores` | float32 (1, outputs)      |
| `h0`  | uint8 (1, units): h + 128; of a GRU float32 | `h0_out` | as `h0` |
| `c0`  | float32 (1, units)    | `c0_out` | float32 (1, units)        |
| `past0` | uint8 (rows - hop, values) | `past0_out` | uint8 (rows - hop, values) |
|       |                       | `probabilities` | float32 (1, outputs); not for linear models |

Start integers with their zero point, floats with 0 (`initial` in the metadata); feed outputs back. All scales are
fixed, so nothing depends on how many frames a call takes or what else is in it.

A recurrent layer's run is one call of a function that the file brings with it, `LSTMStep`, `GRUStep` or, where the
reset comes before the product, `ResetFirstGRUStep`:

    z = (W·(x - x_zero)) · W_factor + bias + (R·(h - h_zero)) · R_factor      i, f, g, o stacked
    c' = sigmoid(f)·c + sigmoid(i)·tanh(g)
    h' = QuantizeLinear(sigmoid(o)·tanh(c'), h_scale, h_zero)

A GRU's function quantizes h where it meets R, and its result.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from edgelstm.export.arithmetic.int8_portable import Int8Portable
from edgelstm.export.form import PER_GATE_ERROR, PER_ROW_ERROR, STRIDE_1, WRITTEN_OUT, IntegerForm
from edgelstm.export.onnx.integers import (
    encode_layers,
)
from edgelstm.export.onnx.kinds import KINDS
from edgelstm.export.walk import writers_of
from edgelstm.quantization import QuantizedModel
from edgelstm.runtime.description import Precision
from edgelstm.runtime.states import Io


def encode(quantized: QuantizedModel, io: Io = "float32", *, scan: bool = False) -> bytes:
    """The bytes of the `.onnx` file, checked by onnx's own checker. The same model gives the same bytes.

    `io`: int8 for integers in and out, without probabilities. `scan`: any number of frames per call.
    """
    form: Precision = "int8-portable-sequence" if scan else "int8-portable"
    return encode_layers(quantized, form, LAYERS, io, scan=scan)


LAYERS = writers_of(KINDS, "int8-portable")

FORM = IntegerForm(
    format="onnx",
    name="int8-portable",
    engine="onnxruntime",
    scales=("per-row", "per-gate"),
    io=("float32", "int8"),
    state="inputs h0 (uint8), c0 (float32), … and outputs h0_out, c0_out, …; h starts with its zero point",
    errors=(
        PER_ROW_ERROR,
        PER_GATE_ERROR,
    ),
    choose="a quarter of float32's size in any ONNX engine: standard operators, the same answers everywhere",
    beware="one frame per call; faster than float32 from some 150 units only; onnx's version converter drops its "
    "function (onnx #4370)",
    kinds=LAYERS,
    limit=WRITTEN_OUT,
    write=encode,
    computes=Int8Portable,
)
SEQUENCE = replace(
    FORM,
    name="int8-portable-sequence",
    state="as int8-portable",
    choose="int8-portable for chunks: any number of frames per call, every bit as frame by frame",
    beware="float32 is faster for chunks of small models; 0 frames are refused; the engine must know Scan",
    limit=STRIDE_1,
    write=partial(encode, scan=True),
)
