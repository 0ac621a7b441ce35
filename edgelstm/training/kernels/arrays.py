"""Arrays of numpy as the C library takes them. A pointer lives as long as the array that it is to."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from ctypes import POINTER, c_char, c_float, c_int64, c_uint64, c_void_p
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgelstm.training.kernels.library import Array
from edgelstm.training.layers import Floats

Table: TypeAlias = Any  # of ctypes, whose arrays have a type for each length


def is_plain(value: Floats) -> bool:
    """Whether C can read its numbers one after the other."""
    return value.dtype == np.float32 and value.flags.c_contiguous


def address(value: Floats) -> int:
    """Where its numbers begin: numpy's own way takes several times as long."""
    try:
        return ctypes.addressof(c_char.from_buffer(value.data))
    except (TypeError, ValueError):  # empty, read-only, or not in one piece
        return int(value.ctypes.data)


def pointers(values: Sequence[Floats | None]) -> Table:
    """A table of pointers, NULL for None."""
    return (c_void_p * len(values))(*(None if value is None else address(value) for value in values))


def sizes(values: Iterable[Floats]) -> Table:
    """A table of how many numbers each has."""
    counts = [value.size for value in values]
    return (c_uint64 * len(counts))(*counts)


def integers(value: NDArray[np.int64]) -> Table:
    """A pointer to plain int64."""
    return value.ctypes.data_as(POINTER(c_int64))


def floats(value: NDArray[np.float32]) -> Table:
    """A pointer to plain float32."""
    return value.ctypes.data_as(POINTER(c_float))


def strided(value: Floats) -> Array:
    """float32 (frames, values, sequences) wherever its numbers lie."""
    return Array(address(value), *(step // value.itemsize for step in value.strides))
