"""How weights and what belongs to their rows lie in an `.elstm` file. `docs/file-format.md` has the layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 16
BLOCK_COLUMNS = 4
COLUMN_PAD = 8

_ROW_FIELDS = ("bias", "sum_w", "sum_r", "multiplier_w", "multiplier_r")  # int32
_ROW_SHIFTS = ("shift_w", "shift_r")  # int8

ROWS = np.dtype(
    [(name, "<i4", BLOCK_ROWS) for name in _ROW_FIELDS]
    + [(name, "i1", BLOCK_ROWS) for name in _ROW_SHIFTS]
    + [("padding", "V32")]
)
"""What belongs to the 16 rows of an int8 block: 24 bytes per row, field by field."""


def blocks(matrix: NDArray[Any], gates: int = 1) -> NDArray[Any]:
    """(gates · rows, columns) int8, int16 or float32 → (gates, groups of 16 rows, a block's columns): 64 bytes for
    four columns of int8, two of int16 or one of float32. The rows of each gate are padded to whole groups."""
    kind, step, pad = {"int8": ("i1", BLOCK_COLUMNS, COLUMN_PAD), "int16": ("<i2", 2, 4)}.get(
        matrix.dtype.name, ("<f4", 1, 1)
    )
    by_gate = matrix.astype(kind).reshape(gates, -1, matrix.shape[1])
    padded = np.pad(by_gate, ((0, 0), (0, -by_gate.shape[1] % BLOCK_ROWS), (0, -matrix.shape[1] % pad)))
    groups, steps = padded.shape[1] // BLOCK_ROWS, padded.shape[2] // step
    stepped = padded.reshape(gates, groups, BLOCK_ROWS, steps, step).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(stepped).reshape(gates, groups, -1)


def packed(made: NDArray[np.int8]) -> NDArray[np.uint8]:
    """What `blocks` makes of int8 weights that are multiples of 16, (gates, groups, bytes), as four bits of each, the
    sixteenth and 8: of eight columns those of the first four lie in the lower halves of bytes."""
    lines = made.reshape(*made.shape[:2], -1, 2, BLOCK_ROWS * BLOCK_COLUMNS).astype(np.int16) // 16 + 8
    halves = lines[..., 0, :] | lines[..., 1, :] << 4
    return halves.astype(np.uint8).reshape(*made.shape[:2], -1)


def narrowed(floats: bytes) -> bytes:
    """Blocks of float32 as such of bfloat16, the upper halves: of a column's 16 rows, row n beside row n + 8."""
    halves = (np.frombuffer(floats, "<u4") >> 16).astype("<u2").reshape(-1, 2, BLOCK_ROWS // 2)
    return np.ascontiguousarray(halves.transpose(0, 2, 1)).tobytes()


def rows(values: NDArray[Any], gates: int = 1) -> NDArray[Any]:
    """(gates · rows,) values → (gates, groups, 16), padded with zeros as `blocks` pads rows."""
    by_gate = values.reshape(gates, -1)
    return np.pad(by_gate, ((0, 0), (0, -by_gate.shape[1] % BLOCK_ROWS))).reshape(gates, -1, BLOCK_ROWS)


def records(fields: Mapping[str, NDArray[Any]], gates: int = 1) -> NDArray[Any]:
    """(gates, groups) of `ROWS` from one value per row for each of some of its fields; the others are 0."""
    placed = {name: rows(values, gates) for name, values in fields.items()}
    made = np.zeros(next(iter(placed.values())).shape[:2], ROWS)
    for name, values in placed.items():
        made[name] = values
    return made


def interleaved(*parts: NDArray[Any]) -> bytes:
    """Arrays (gates, groups, …) of equal gates and groups: for each group its gates, for each gate the parts."""
    gates, groups = parts[0].shape[:2]
    return b"".join(part[gate, group].tobytes() for group in range(groups) for gate in range(gates) for part in parts)


def floats(values: NDArray[np.floating]) -> bytes:
    """As they are, little-endian."""
    return values.astype("<f4").tobytes()
