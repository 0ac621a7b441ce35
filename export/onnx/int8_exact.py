"""The integer model as ONNX, in standard operators alone: every bit of the states and the scores as in
`edgelstm.quantization.reference`, in any engine that keeps to the standard.

One call takes one frame, in a model of stride s, s frames. Float in, float out; normalizing and quantizing are
inside.

| input | type and shape        | output   | type and shape            |
|-------|-----------------------|----------|---------------------------|
| `x`   | float32 (1, features) | `scores` | float32 (1, outputs)      |
| `h0`  | uint8 (1, units): h + 128; of a GRU int16 | `h0_out` | as `h0` |
| `c0`  | int16 (1, units)      | `c0_out` | int16 (1, units)          |
| `past0` | uint8 (rows - hop, values) | `past0_out` | uint8 (rows - hop, values) |
|       |                       | `probabilities` | float32 (1, outputs); not for linear models |

Start each state with its zero point (`initial` of `states` in the metadata); feed outputs back. Activations and
weights are uint8, 128 more than in the reference, with zero points 128 more: `edgelstm.export.onnx.integers`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from edgelstm.export.arithmetic.int8 import Int8
from edgelstm.export.form import PER_GATE_ERROR, PER_ROW_ERROR, STRIDE_1, WRITTEN_OUT, IntegerForm
from edgelstm.export.onnx.integers import encode_layers
from edgelstm.export.onnx.kinds import KINDS
from edgelstm.export.walk import writers_of
from edgelstm.quantization import QuantizedModel
from edgelstm.quantization.quantize import refuse_score_overflow
from edgelstm.runtime.description import Precision
from edgelstm.runtime.states import Io


def encode(quantized: QuantizedModel, io: Io = "float32", *, scan: bool = False) -> bytes:
    """The bytes of the `.onnx` file, checked by onnx's own checker. The same model gives the same bytes.

    `io`: int8 for integers in and out, without probabilities. `scan`: any number of frames per call.
    """
    if io == "int8":
        refuse_score_overflow(quantized)
    form: Precision = "int8-exact-sequence" if scan else "int8-exact"
    return encode_layers(quantized, form, LAYERS, io, scan=scan)


LAYERS = writers_of(KINDS, "int8-exact")

FORM = IntegerForm(
    format="onnx",
    name="int8-exact",
    engine="onnxruntime",
    scales=("per-row", "per-gate"),
    io=("float32", "int8"),
    state="inputs h0 (uint8), c0 (int16), … and outputs h0_out, c0_out, …; h starts with its zero point",
    errors=(
        PER_ROW_ERROR,
        PER_GATE_ERROR,
    ),
    choose="to hold another engine's integers against: every bit of the C core, in standard operators",
    beware="wrong in silence in OpenVINO, which computes int64 as int32 (openvino #35823); one frame per call; "
    "slower than float32; tables of 131 KB each for sigmoid and tanh",
    kinds=LAYERS,
    limit=WRITTEN_OUT,
    write=encode,
    computes=Int8,
)
SEQUENCE = replace(
    FORM,
    name="int8-exact-sequence",
    state="as int8-exact",
    choose="int8-exact for chunks: any number of frames per call",
    beware="as int8-exact; 0 frames are refused; the engine must know Scan",
    limit=STRIDE_1,
    write=partial(encode, scan=True),
)
