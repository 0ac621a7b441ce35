"""safetensors: eight bytes with the length of a JSON object, which says of every tensor its type, its shape and where
its bytes lie behind it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from edgelstm import records
from edgelstm.files import read_bounded

MAX_BYTES = 1 << 30
_MOST_HEADER = 16 << 20
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2"} | {
    "I8": "i1",
    "U8": "u1",
    "BOOL": "u1",
}


def looks_like(head: bytes) -> bool:
    return len(head) > 9 and int.from_bytes(head[:8], "little") <= _MOST_HEADER and head[8:9] == b"{"


def read(path: Path) -> dict[str, NDArray[Any]]:
    """Every tensor by its name. ValueError, one line without the path, for what is no such file."""
    content = read_bounded(path, MAX_BYTES)
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(_MOST_HEADER, len(content) - 8):
        raise ValueError(f"its header would be {length} bytes long, of a file of {len(content)}")
    header = records.parse_json(content[8 : 8 + length], "header")
    if not isinstance(header, dict):
        raise ValueError("header: a list or a number, expected an object")
    data = memoryview(content)[8 + length :]
    return {name: _tensor(name, entry, data) for name, entry in header.items() if name != "__metadata__"}


def _tensor(name: str, entry: object, data: memoryview) -> NDArray[Any]:
    if not isinstance(entry, dict):
        raise ValueError(f"header: {name!r:.60}: no object, expected dtype, shape and data_offsets")
    kind, shape, ends = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(kind, str) or kind not in _TYPES or not _are_sizes(shape) or not _are_sizes(ends, 2):
        raise ValueError(f"header: {name!r:.60}: {str(entry)[:80]}, expected dtype, shape and data_offsets")
    dtype = np.dtype(_TYPES[kind])
    if not ends[0] <= ends[1] <= len(data) or ends[1] - ends[0] != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"header: {name!r:.60}: bytes {ends[0]} to {ends[1]} of {len(data)} are no {kind} {shape}")
    values = np.frombuffer(data[ends[0] : ends[1]], dtype)
    if kind == "BF16":  # the upper half of a float32
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.reshape(shape)


def _are_sizes(value: object, count: int | None = None) -> TypeGuard[list[int]]:
    """A short list of whole numbers, of so many."""
    return (
        isinstance(value, list)
        and (len(value) <= 8 if count is None else len(value) == count)
        and all(type(item) is int and 0 <= item < 1 << 48 for item in value)
    )
