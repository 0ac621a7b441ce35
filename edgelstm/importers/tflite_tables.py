"""A `.tflite` file's tables as plain data. Every distance in it is a stranger's: all reads stay inside the file, and
all numbers of tensors, buffers and subgraphs are of such that exist.

Fields go by their names in `edgelstm.export.tflite.schema`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgelstm.export.tflite.schema import OPTIONS, TABLES, TENSOR_TYPE, VERSION, Op
from edgelstm.importers.choices import anew_of
from edgelstm.plain import printable
from edgelstm.runtime.description import KEY
from edgelstm.runtime.engines.tflite_file import Reader

Array = NDArray[Any]

_FORMATS = {"int8": "<b", "uint8": "<B", "int32": "<i", "uint32": "<I", "bool": "<B"}
_DTYPES = {number: np.dtype(name).newbyteorder("<") for name, number in TENSOR_TYPE.items() if name != "resource"}
OTHERS = {
    16: "LSTM",
    24: "RNN",
    27: "SVDF",
    32: "CUSTOM",
    35: "UNIDIRECTIONAL_SEQUENCE_RNN",
    46: "BIDIRECTIONAL_SEQUENCE_RNN",
    52: "BIDIRECTIONAL_SEQUENCE_LSTM",
    105: "REVERSE_V2",
    118: "IF",
}
"""Names of operators that are not read, to say so."""
_OPS = {int(op): op for op in Op}
_MOST_ABOUT = 1 << 24  # bytes of metadata
MOST_SIDES, MOST_OPERATORS, MOST_TENSORS, MOST_SUBGRAPHS = 8, 5000, 20000, 64
_MOST_VALUES = 1 << 26
_MOST_NAME = 200


class Table:
    """A table of the kind that the schema calls `kind`."""

    def __init__(self, reader: Reader, at: int, kind: str):
        self.reader, self.at, self.kind = reader, at, kind

    def number(self, name: str) -> int:
        """0 where it is absent."""
        slot = TABLES[self.kind][name]
        at = self.reader.field(self.at, slot.number)
        return 0 if at is None else self.reader.read(_FORMATS[slot.kind], at)

    def real(self, name: str) -> float:
        at = self.reader.field(self.at, TABLES[self.kind][name].number)
        if at is None:
            return 0.0
        bits = np.array([self.reader.read("<I", at)], np.uint32)
        return float(bits.view(np.float32)[0])

    def _at(self, name: str) -> int | None:
        at = self.reader.field(self.at, TABLES[self.kind][name].number)
        return None if at is None else self.reader.follow(at)

    def has(self, name: str) -> bool:
        return self.reader.field(self.at, TABLES[self.kind][name].number) is not None

    def table(self, name: str, kind: str) -> Table | None:
        at = self._at(name)
        return None if at is None else Table(self.reader, at, kind)

    def tables(self, name: str, kind: str) -> list[Table]:
        found = self.reader.tables(self.at, TABLES[self.kind][name].number)
        return [Table(self.reader, at, kind) for at in found]

    def values(self, name: str, dtype: DTypeLike, most: int) -> Array:
        """A vector of numbers; empty where it is absent."""
        at = self._at(name)
        kind = np.dtype(dtype).newbyteorder("<")
        if at is None:
            return np.zeros(0, kind)
        count = self.reader.read("<I", at)
        if count > most:
            raise ValueError(f"{self.kind}.{name}: {count} values, expected at most {most}")
        if at + 4 + count * kind.itemsize > len(self.reader.content):
            raise ValueError("damaged: it points outside itself")
        return np.frombuffer(self.reader.content, kind, count, at + 4)

    def content(self, name: str) -> memoryview:
        start, end = self.reader.span(self.at, TABLES[self.kind][name].number)
        return memoryview(self.reader.content)[start:end]

    def text(self, name: str) -> str:
        return bytes(self.content(name)[:_MOST_NAME]).decode("utf-8", "replace")


@dataclass(frozen=True, eq=False)
class Tensor:
    """data: its bytes, empty where it is no constant. free: which of its sides may have any length. Real values are
    `scales · (q - zeros)`, one for each place along `axis`, or one for all; no scales: as they are."""

    name: str
    shape: tuple[int, ...]
    free: tuple[bool, ...]
    dtype: np.dtype[Any] | None  # None: none of ours, such as a resource
    data: memoryview
    scales: Array
    zeros: Array
    axis: int
    variable: bool

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def is_quantized(self) -> bool:
        return bool(self.scales.size) and self.dtype is not None and self.dtype.kind in "iu"

    @cached_property
    def constant(self) -> Array | None:
        """As real numbers, float32, where it has a scale; None for what is no constant. ValueError where bytes and
        shape do not fit."""
        if not len(self.data) or self.dtype is None:
            return None
        if len(self.data) != self.size * self.dtype.itemsize:
            raise ValueError(
                f"tensor {self.name!r:.60}: {len(self.data)} bytes, expected {self.size * self.dtype.itemsize} for "
                f"{self.dtype.name} of shape {self.shape}"
            )
        values = np.frombuffer(self.data, self.dtype).reshape(self.shape)
        if not self.is_quantized:
            return values.astype(np.float32) if self.dtype.name == "float16" else values
        sides = [-1 if side == self.axis else 1 for side in range(len(self.shape))]
        scales, zeros = (array if array.size == 1 else array.reshape(sides) for array in (self.scales, self.zeros))
        with np.errstate(over="ignore", invalid="ignore"):
            return ((values.astype(np.float64) - zeros) * scales).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Operator:
    """op: None for one that is none of ours; `called` says its name or number. inputs: -1 where an optional one is
    absent."""

    op: Op | None
    called: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None

    def input(self, place: int) -> int:
        return self.inputs[place] if place < len(self.inputs) else -1

    def option(self, name: str) -> int:
        """A setting; 0 for one that this operator does not have."""
        if self.options is None or name not in TABLES[self.options.kind]:
            return 0
        return self.options.number(name)

    def real(self, name: str) -> float:
        return 0.0 if self.options is None else self.options.real(name)


@dataclass(frozen=True, eq=False)
class Subgraph:
    name: str
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True, eq=False)
class File:
    """inputs, outputs: number of a tensor of the first subgraph → its name in the file's only signature; empty
    without one. anew: frames after which the model of one of our own files begins anew."""

    subgraphs: tuple[Subgraph, ...]
    signatures: int
    inputs: Mapping[int, str] = field(default_factory=dict)
    outputs: Mapping[int, str] = field(default_factory=dict)
    anew: int = 0


def parse(content: bytes) -> File:
    """ValueError, one line, for what is damaged or no such file."""
    if content[4:8] != b"TFL3":
        raise ValueError("not a TFLite file (no TFL3 in bytes 4 to 8)")
    reader = Reader(content)
    model = Table(reader, reader.follow(0), "Model")
    if (version := model.number("Version")) != VERSION:
        raise ValueError(f"version {version} of the schema, expected {VERSION}")
    buffers = [one.content("Data") for one in model.tables("Buffers", "Buffer")]
    codes = [_code(one) for one in model.tables("OperatorCodes", "OperatorCode")]
    parts = model.tables("Subgraphs", "SubGraph")
    if not 0 < len(parts) <= MOST_SUBGRAPHS:
        raise ValueError(f"{len(parts)} subgraphs, expected 1 to {MOST_SUBGRAPHS}")
    subgraphs = tuple(_subgraph(one, codes, buffers) for one in parts)
    if sum(len(one.tensors) for one in subgraphs) > MOST_TENSORS:
        raise ValueError(f"tensors of all subgraphs: expected at most {MOST_TENSORS}")
    signatures = model.tables("SignatureDefs", "SignatureDef")
    named: list[dict[int, str]] = [{}, {}]
    if len(signatures) == 1 and not signatures[0].number("SubgraphIndex"):
        for names, ends in zip(named, ("Inputs", "Outputs")):
            maps = signatures[0].tables(ends, "TensorMap")
            names |= {one.number("TensorIndex"): one.text("Name") for one in maps}
    return File(subgraphs, len(signatures), named[0], named[1], anew_of(_about(model, buffers)))


def _about(model: Table, buffers: list[memoryview]) -> bytes:
    """What `edgelstm export` says of the model; empty in files of others."""
    for one in _few(model, "Metadata", "Metadata", MOST_TENSORS):
        if one.text("Name") == KEY and one.number("Buffer") < len(buffers):
            return bytes(buffers[one.number("Buffer")][:_MOST_ABOUT])
    return b""


def _code(table: Table) -> tuple[Op | None, str]:
    number = max(table.number("DeprecatedBuiltinCode"), table.number("BuiltinCode"))
    custom = table.text("CustomCode")
    op = _OPS.get(number)
    if custom:
        return None, printable(custom, 60)
    return op, op.name if op is not None else OTHERS.get(number, str(number))


def _subgraph(table: Table, codes: list[tuple[Op | None, str]], buffers: list[memoryview]) -> Subgraph:
    tensors = tuple(_tensor(one, buffers) for one in _few(table, "Tensors", "Tensor", MOST_TENSORS))
    operators = tuple(
        _operator(one, codes, len(tensors)) for one in _few(table, "Operators", "Operator", MOST_OPERATORS)
    )
    inputs, outputs = (_numbers(table, name, len(tensors)) for name in ("Inputs", "Outputs"))
    if -1 in (*inputs, *outputs):
        raise ValueError("tensor -1 of what goes in or comes out, expected one that exists")
    return Subgraph(table.text("Name"), tensors, inputs, outputs, operators)


def _few(table: Table, name: str, kind: str, most: int) -> list[Table]:
    found = table.tables(name, kind)
    if len(found) > most:
        raise ValueError(f"{len(found)} {name.lower()}, expected at most {most}")
    return found


def _numbers(table: Table, name: str, count: int) -> tuple[int, ...]:
    found = [int(number) for number in table.values(name, np.int32, MOST_TENSORS)]
    for number in found:
        if not -1 <= number < count:
            raise ValueError(f"{table.kind}.{name}: tensor {number} of {count}")
    return tuple(found)


def _operator(table: Table, codes: list[tuple[Op | None, str]], tensors: int) -> Operator:
    number = table.number("OpcodeIndex")
    if number >= len(codes):
        raise ValueError(f"Operator.OpcodeIndex: {number}, expected one of {len(codes)}")
    op, called = codes[number]
    known = None if op is None else OPTIONS.get(op)
    options = None
    if known is not None and table.number("BuiltinOptionsType") == known.number:
        options = table.table("BuiltinOptions", known.table)
    inputs, outputs = (_numbers(table, name, tensors) for name in ("Inputs", "Outputs"))
    return Operator(op, called, inputs, outputs, options)


def _tensor(table: Table, buffers: list[memoryview]) -> Tensor:
    name = table.text("Name")
    shape = tuple(int(side) for side in table.values("Shape", np.int32, MOST_SIDES))
    signature = [int(side) for side in table.values("ShapeSignature", np.int32, MOST_SIDES)]
    if any(side < 0 for side in shape) or math.prod(shape) > _MOST_VALUES:
        raise ValueError(f"tensor {name!r:.60}: shape {shape}, expected at most {_MOST_VALUES:,} values")
    number = table.number("Buffer")
    if number >= len(buffers):
        raise ValueError(f"tensor {name!r:.60}: buffer {number} of {len(buffers)}")
    if table.has("Sparsity"):
        raise ValueError(f"tensor {name!r:.60}: sparse weights, expected dense ones")
    free = tuple(side < 0 for side in signature) if len(signature) == len(shape) else (False,) * len(shape)
    scales, zeros, axis = _scales(table, name, shape)
    dtype = _DTYPES.get(table.number("Type"))
    return Tensor(name, shape, free, dtype, buffers[number], scales, zeros, axis, bool(table.number("IsVariable")))


def _scales(table: Table, name: str, shape: tuple[int, ...]) -> tuple[Array, Array, int]:
    quantization = table.table("Quantization", "QuantizationParameters")
    none = np.zeros(0)
    if quantization is None:
        return none, none, 0
    scales = quantization.values("Scale", np.float32, _MOST_VALUES).astype(np.float64)
    zeros = quantization.values("ZeroPoint", np.int64, _MOST_VALUES).astype(np.float64)
    axis = quantization.number("QuantizedDimension")
    zeros = np.zeros_like(scales) if not zeros.size else zeros
    fits = scales.size == 1 or (0 <= axis < len(shape) and scales.size == shape[axis])
    if scales.size and not (fits and zeros.size in (1, scales.size) and np.isfinite(scales).all()):
        raise ValueError(
            f"tensor {name!r:.60}: {scales.size} scales and {zeros.size} zero points along side {axis} of shape "
            f"{shape}, expected one, or one for each place"
        )
    return scales, zeros, axis
