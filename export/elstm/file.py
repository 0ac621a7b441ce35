"""The whole file, float32 or int8, and the forms that it has."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.bf16 import Bf16, rounded
from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.export.arithmetic.int8 import Int8
from edgelstm.export.elstm.entry import ENTRY_SIZE, Entry
from edgelstm.export.elstm.kinds import EXTRAS, KINDS
from edgelstm.export.elstm.mixed import in_bf16, in_float32, in_int8
from edgelstm.export.elstm.places import aligned, place_results, sources_of
from edgelstm.export.form import (
    BF16_ERROR,
    FLOAT_ERROR,
    INT4_ERROR,
    PER_GATE_ERROR,
    PER_ROW_ERROR,
    FloatForm,
    IntegerForm,
)
from edgelstm.export.metadata import metadata_json
from edgelstm.model import Model
from edgelstm.quantization.kinds import KINDS as QUANTIZED
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.runtime.description import Precision
from edgelstm.runtime.pooling import POOLINGS

MAGIC = b"\x89ELSTM\r\n"
FORMAT_VERSION = 1
HEADER_SIZE = 128

_CHECKSUM_START = 16
_IDENTITY = slice(24, 40)
_IDENTITY_START = 40

_INPUTS = ("int8", "int16", "float32")
_VALUE_SIZES = {"int8": 1, "int16": 2, "float32": 4}

_PRECISIONS: tuple[Precision, ...] = ("float32", "int8", "bf16", "int4")
_ACTIVATIONS = {"linear": 0, "softmax": 1, "sigmoid": 2}


def encode(model: Model | QuantizedModel) -> bytes:
    """The whole file: float32 from a `Model`, int8 from a `QuantizedModel`. The same model gives the same bytes."""
    if not isinstance(model, QuantizedModel):
        _check_sizes(model)
    return _encode(model, model.weights if isinstance(model, QuantizedModel) else "float32", _entries(model))


def encode_bf16(model: Model) -> bytes:
    """The whole file of float32 with bfloat16 weights."""
    _check_sizes(model)
    near = rounded(model)
    return _encode(near, "bf16", [in_bf16(at) for at in near.road])


MOST_WEIGHT = 1e6
"""Of floats in a file; then no sum in the core is infinite."""


def _check_sizes(model: Model) -> None:
    """ValueError, naming the layer, for what the core refuses."""
    for at in model.road:
        values = [value for value in vars(at.layer).values() if _is_floats(value)]
        largest = max((float(np.abs(value).max(initial=0.0)) for value in values), default=0.0)
        if largest > MOST_WEIGHT:
            raise ValueError(f"{at.name}: weights up to {largest:.1e}, expected at most {MOST_WEIGHT:.0e}")


def _is_floats(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _encode(model: Model | QuantizedModel, precision: Precision, entries: list[Entry]) -> bytes:
    source = model.model if isinstance(model, QuantizedModel) else model
    places = place_results(source.features * _VALUE_SIZES[_input_type(model)], source.road, entries, _sizes(model))
    sections = _Sections(HEADER_SIZE + ENTRY_SIZE * len(entries))
    scale, offset = _input_step(model)
    input_offset = sections.add(scale.astype("<f4").tobytes() + offset.astype("<f4").tobytes())
    mean_offset = sections.add(_mean(model).tobytes())
    table = b""
    for entry, at, place in zip(entries, source.road, places.results):
        number, sources = KINDS[at.layer.kind].number, sources_of(source.road, at)
        table += entry.pack(number, at, sources, place, tuple(map(sections.add, entry.tensors)))
    text = metadata_json(model, precision).encode()
    metadata_offset = sections.add(text)
    answer = source.answer
    header = bytearray(HEADER_SIZE)
    header[:8] = MAGIC
    struct.pack_into("<I", header, 8, FORMAT_VERSION)
    struct.pack_into("<Q", header, 16, sections.end)
    struct.pack_into(
        "<8If8I",
        header,
        _IDENTITY_START,
        _PRECISIONS.index(precision),
        source.features,
        source.outputs,
        len(entries),
        _ACTIVATIONS[source.activation],
        POOLINGS.index(answer.pooling),
        answer.window,
        answer.hop,
        source.sample_rate,
        input_offset,
        metadata_offset,
        len(text),
        places.size,
        places.input,
        mean_offset,
        _INPUTS.index(_input_type(model)) if isinstance(model, QuantizedModel) else 0,
        source.anew,
    )
    file = header + table + sections.body()
    file[_IDENTITY] = hashlib.sha256(file[_IDENTITY_START:]).digest()[:16]
    struct.pack_into("<I", file, 12, zlib.crc32(file[_CHECKSUM_START:]))
    return bytes(file)


def _entries(model: Model | QuantizedModel) -> list[Entry]:
    if isinstance(model, QuantizedModel):
        last = model.layers[-1]
        placed = zip(model.layers, model.model.road)
        return [in_int8(layer, at, layer is last) for layer, at in placed]
    return [in_float32(at) for at in model.road]


def _input_step(model: Model | QuantizedModel) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scale and offset of the input."""
    if isinstance(model, QuantizedModel):
        return model.input_scale, model.input_mean if model.float_input else model.input_offset
    return (1 / model.normalize.std.astype(np.float64)).astype(np.float32), model.normalize.mean


def _mean(model: Model | QuantizedModel) -> NDArray[np.float32]:
    """What codes of frames are made without; float32 frames have it in the input step."""
    if not isinstance(model, QuantizedModel) or model.float_input:
        return np.empty(0, "<f4")
    return model.input_mean.astype("<f4")


def _input_type(model: Model | QuantizedModel) -> str:
    return model.input_type if isinstance(model, QuantizedModel) else "float32"


def _sizes(model: Model | QuantizedModel) -> list[int]:
    """Bytes of a value of each layer's result."""
    if not isinstance(model, QuantizedModel):
        return [4] * len(model.road)
    return [4 if layer.gives_floats else 1 for layer in model.layers]


class _Sections:
    """Byte strings behind the tables, each at an aligned offset."""

    def __init__(self, start: int) -> None:
        self._parts: list[bytes] = []
        self._start = self.end = start

    def add(self, data: bytes) -> int:
        """Append `data`; returns its offset in the file, 0 for none."""
        if not data:
            return 0
        offset = aligned(self.end)
        self._parts += [bytes(offset - self.end), data]
        self.end = offset + len(data)
        return offset

    def body(self) -> bytes:
        return b"".join(self._parts)


INT8 = IntegerForm(
    format="elstm",
    name="int8",
    engine="EdgeLSTM's C core",
    scales=("per-row", "per-gate"),
    inputs=("int8", "int16"),
    state="inside the stream: 3 bytes per LSTM unit, 2 per GRU unit; saved and restored as bytes",
    errors=(
        PER_ROW_ERROR,
        PER_GATE_ERROR,
    ),
    choose="the smallest and fastest on every board; the same integers on every processor",
    beware="scales per gate only where TFLite must agree in every bit: they cost accuracy",
    kinds=tuple(kind for kind in QUANTIZED if kind in KINDS),
    extras=EXTRAS,
    mixes=True,
    write=lambda quantized, _: encode(quantized),
    computes=Int8,
)
INT4 = replace(
    INT8,
    name="int4",
    weights="int4",
    scales=("per-row",),
    inputs=("int8",),
    errors=(INT4_ERROR,),
    choose="where int8 weights exceed the caches, or the flash: half their size; judge it by `evaluate`",
    beware="weights of all layers but the last have 4 bits, which costs accuracy",
)
FLOAT32 = FloatForm(
    format="elstm",
    name="float32",
    engine="EdgeLSTM's C core",
    state="inside the stream: 8 bytes per LSTM unit, 4 per GRU unit; saved and restored as bytes",
    errors=(FLOAT_ERROR,),
    choose="where int8 costs too much accuracy, or to see what it costs",
    beware="four times the size of int8",
    kinds=KINDS,
    extras=EXTRAS,
    write=encode,
    computes=Float32,
)
BF16 = replace(
    FLOAT32,
    name="bf16",
    errors=(BF16_ERROR,),
    choose="where float32 is wanted and weights exceed the caches: half its size, and there faster",
    beware="weights keep 8 bits of 24; small models gain nothing in time",
    write=encode_bf16,
    computes=Bf16,
)
