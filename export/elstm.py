"""`.elstm`: the file that the C core runs, float32 or int8. `docs/file-format.md` describes every field."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.export.arithmetic.int8 import Int8
from edgelstm.export.form import FloatForm, IntegerForm
from edgelstm.export.metadata import metadata_json
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model
from edgelstm.quantization.reference import (
    Multipliers,
    dense_multipliers,
    gate_multipliers,
    hidden_multiplier,
    score_scales,
)
from edgelstm.quantization.scheme import QuantizedDense, QuantizedLSTM, QuantizedModel

MAGIC = b"\x89ELSTM\r\n"
FORMAT_VERSION = 0
ALIGNMENT = 64
BLOCK_ROWS = 16
BLOCK_COLUMNS = 4
COLUMN_PAD = 8
HEADER_SIZE = 128
ENTRY_SIZE = 64

_CHECKSUM_START = 16
_IDENTITY = slice(24, 40)
_IDENTITY_START = 40

_KINDS = {"lstm": 1, "dense": 2}
_ACTIVATIONS = {"linear": 0, "softmax": 1, "sigmoid": 2}
_POOLINGS = {"last": 0, "mean": 1}

_ROW_FIELDS = ("bias", "sum_w", "sum_r", "multiplier_w", "multiplier_r")  # int32
_ROW_SHIFTS = ("shift_w", "shift_r")  # int8

ROWS = np.dtype(
    [(name, "<i4", BLOCK_ROWS) for name in _ROW_FIELDS]
    + [(name, "i1", BLOCK_ROWS) for name in _ROW_SHIFTS]
    + [("padding", "V32")]
)
"""What belongs to the 16 rows of an int8 block: 24 bytes per row, field by field."""


@dataclass(frozen=True)
class _Layer:
    """One entry of the layer table, with its tensors as bytes."""

    kind: str
    inputs: int
    outputs: int
    weights: bytes
    rows: bytes
    relu: bool = False
    integers: tuple[int, int, int, int, int] = (
        0,
        0,
        0,
        0,
        0,
    )  # zero points in, out; cell exponent; multiplier, shift
    output_scale: float = 0.0

    def entry(self, weights_offset: int, rows_offset: int) -> bytes:
        packed = struct.pack(
            "<8I5if",
            _KINDS[self.kind],
            self.inputs,
            self.outputs,
            int(self.relu),
            weights_offset,
            len(self.weights),
            rows_offset,
            len(self.rows),
            *self.integers,
            self.output_scale,
        )
        return packed.ljust(ENTRY_SIZE, b"\0")


def encode(model: Model | QuantizedModel) -> bytes:
    """The whole file: float32 from a `Model`, int8 from a `QuantizedModel`. The same model gives the same bytes."""
    if isinstance(model, QuantizedModel):
        source = model.model
        layers = [*map(_lstm_int8, model.lstms), *map(_dense_int8, model.head[:-1]), _scores_int8(model.head[-1])]
        scale, offset = model.input_scale, model.input_offset
    else:
        source = model
        layers = [*map(_lstm_float32, model.lstms), *map(_dense_float32, model.head)]
        scale, offset = (1 / model.normalize.std.astype(np.float64)).astype("<f4"), model.normalize.mean
    sections = _Sections(HEADER_SIZE + ENTRY_SIZE * len(layers))
    input_offset = sections.add(scale.astype("<f4").tobytes() + offset.astype("<f4").tobytes())
    table = b"".join(layer.entry(sections.add(layer.weights), sections.add(layer.rows)) for layer in layers)
    text = metadata_json(model).encode()
    metadata_offset = sections.add(text)
    answer = source.answer
    header = bytearray(HEADER_SIZE)
    header[:8] = MAGIC
    struct.pack_into("<I", header, 8, FORMAT_VERSION)
    struct.pack_into("<Q", header, 16, sections.end)
    struct.pack_into(
        "<8If3I",
        header,
        _IDENTITY_START,
        int(isinstance(model, QuantizedModel)),
        source.features,
        source.outputs,
        len(layers),
        _ACTIVATIONS[source.activation],
        _POOLINGS[answer.pooling],
        answer.window,
        answer.hop,
        source.sample_rate,
        input_offset,
        metadata_offset,
        len(text),
    )
    file = header + table + sections.body()
    file[_IDENTITY] = hashlib.sha256(file[_IDENTITY_START:]).digest()[:16]
    struct.pack_into("<I", file, 12, zlib.crc32(file[_CHECKSUM_START:]))
    return bytes(file)


class _Sections:
    """Byte strings behind the tables, each at an aligned offset."""

    def __init__(self, start: int) -> None:
        self._parts: list[bytes] = []
        self._start = self.end = start

    def add(self, data: bytes) -> int:
        """Append `data`; returns its offset in the file."""
        offset = -(-self.end // ALIGNMENT) * ALIGNMENT
        self._parts += [bytes(offset - self.end), data]
        self.end = offset + len(data)
        return offset

    def body(self) -> bytes:
        return b"".join(self._parts)


def _pad(array: NDArray[np.generic], rows: int, columns: int) -> NDArray[np.generic]:
    """`array` (n, m) with zeros added up to multiples of `rows` and `columns`."""
    n, m = array.shape
    return np.pad(array, ((0, -n % rows), (0, -m % columns)))


def _blocks_int8(matrix: NDArray[np.int8]) -> NDArray[np.generic]:
    """(rows, columns) → (groups of 16 rows, column steps of 4, 16, 4): 64 bytes a step."""
    padded = _pad(matrix, BLOCK_ROWS, COLUMN_PAD)
    groups, steps = padded.shape[0] // BLOCK_ROWS, padded.shape[1] // BLOCK_COLUMNS
    return padded.reshape(groups, BLOCK_ROWS, steps, BLOCK_COLUMNS).transpose(0, 2, 1, 3)


def _blocks_float32(matrix: NDArray[np.float32]) -> NDArray[np.generic]:
    """(rows, columns) → (groups of 16 rows, columns, 16): 64 bytes a column."""
    padded = _pad(matrix.astype("<f4"), BLOCK_ROWS, 1)
    return padded.reshape(-1, BLOCK_ROWS, padded.shape[1]).transpose(0, 2, 1)


def _interleave_gates(W: Sequence[NDArray[np.generic]], R: Sequence[NDArray[np.generic]]) -> bytes:
    """Blocks per gate → bytes: for each group of 16 units the gates i, f, g, o, each W and then R."""
    return b"".join(
        W[gate][group].tobytes() + R[gate][group].tobytes() for group in range(len(W[0])) for gate in range(4)
    )


def _gate_rows(values: NDArray[Any]) -> NDArray[Any]:
    """(4H,) values by gate → (blocks, 16) in file order, padded with zeros."""
    by_gate = _pad(values.reshape(4, -1), 1, BLOCK_ROWS)
    return by_gate.reshape(4, -1, BLOCK_ROWS).transpose(1, 0, 2).reshape(-1, BLOCK_ROWS)


def _dense_rows(values: NDArray[Any]) -> NDArray[Any]:
    """(outputs,) values → (blocks, 16), padded with zeros."""
    return _pad(values[None], 1, BLOCK_ROWS).reshape(-1, BLOCK_ROWS)


def _row_records(
    bias: NDArray[np.int32],
    W: NDArray[np.int8],
    W_multipliers: Multipliers,
    R: NDArray[np.int8] | None = None,
    R_multipliers: Multipliers | None = None,
) -> bytes:
    """(outputs,) rows of a dense layer, or (4H,) of an LSTM when there is R, in blocks of `ROWS`."""
    fields: dict[str, NDArray[Any]] = {
        "bias": bias,
        "sum_w": W.sum(axis=1, dtype=np.int32),
        "multiplier_w": W_multipliers.mantissa,
        "shift_w": W_multipliers.shift,
    }
    if R is not None and R_multipliers is not None:
        fields["sum_r"] = R.sum(axis=1, dtype=np.int32)
        fields["multiplier_r"], fields["shift_r"] = R_multipliers.mantissa, R_multipliers.shift
    in_order = _dense_rows if R is None else _gate_rows
    records = np.zeros(len(in_order(bias)), ROWS)
    for name, values in fields.items():
        records[name] = in_order(values)
    return records.tobytes()


def _lstm_int8(layer: QuantizedLSTM) -> _Layer:
    rows = _row_records(
        layer.bias,
        layer.W,
        gate_multipliers(layer.W_scale, layer.input),
        layer.R,
        gate_multipliers(layer.R_scale, layer.hidden),
    )
    weights = _interleave_gates(
        [_blocks_int8(W) for W in np.split(layer.W, 4)], [_blocks_int8(R) for R in np.split(layer.R, 4)]
    )
    integers = (
        layer.input.zero_point,
        layer.hidden.zero_point,
        layer.cell_exponent,
        *hidden_multiplier(layer.hidden),
    )
    scale = float(layer.hidden.scale)
    return _Layer("lstm", layer.inputs, layer.units, weights, rows, False, integers, scale)


def _dense_layer(layer: QuantizedDense, rows: bytes, output_zero_point: int, scale: float) -> _Layer:
    integers = (layer.input.zero_point, output_zero_point, 0, 0, 0)
    weights = _blocks_int8(layer.W).tobytes()
    relu = layer.activation == "relu"
    return _Layer("dense", layer.inputs, layer.outputs, weights, rows, relu, integers, scale)


def _dense_int8(layer: QuantizedDense) -> _Layer:
    rows = _row_records(layer.bias, layer.W, dense_multipliers(layer))
    return _dense_layer(layer, rows, layer.output.zero_point, float(layer.output.scale))


def _scores_int8(layer: QuantizedDense) -> _Layer:
    """The last layer: int32 sums times a float32 scale are the scores."""
    scales = score_scales(layer).astype("<f4").view("<i4")
    rows = _row_records(layer.bias, layer.W, Multipliers(scales, np.zeros_like(scales)))
    return _dense_layer(layer, rows, 0, 0.0)


def _lstm_float32(layer: LSTM) -> _Layer:
    weights = _interleave_gates(
        [_blocks_float32(W) for W in np.split(layer.W, 4)], [_blocks_float32(R) for R in np.split(layer.R, 4)]
    )
    return _Layer("lstm", layer.inputs, layer.units, weights, _gate_rows(layer.b.astype("<f4")).tobytes())


def _dense_float32(layer: Dense) -> _Layer:
    weights, rows = _blocks_float32(layer.W).tobytes(), _dense_rows(layer.b.astype("<f4")).tobytes()
    return _Layer("dense", layer.inputs, layer.outputs, weights, rows, layer.activation == "relu")


INT8 = IntegerForm(
    format="elstm",
    name="int8",
    engine="EdgeLSTM's C core",
    scales=("per-row", "per-gate"),
    state="inside the stream: 3 bytes per unit; saved and restored as bytes",
    choose="the smallest and fastest on every board; the same integers on every processor",
    beware="scales per gate only where TFLite must agree in every bit: they cost accuracy",
    kinds=_KINDS,
    write=lambda quantized, _: encode(quantized),
    computes=Int8,
)
FLOAT32 = FloatForm(
    format="elstm",
    name="float32",
    engine="EdgeLSTM's C core",
    state="inside the stream: 8 bytes per unit; saved and restored as bytes",
    choose="where int8 costs too much accuracy, or to see what it costs",
    beware="four times the size of int8",
    kinds=_KINDS,
    write=encode,
    computes=Float32,
)
