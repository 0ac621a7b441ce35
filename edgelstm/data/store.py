"""Arrays that may be larger than memory: they lie in a file of their own, mapped, of which the system keeps in memory
what it has room for.

The file has no name: it is gone with the last array that shows it, however the process ends. It lies in `$TMPDIR`, or
in `/var/tmp`, which is no memory where `/tmp` is.
"""

from __future__ import annotations

import math
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

HELD = 16 << 20
"""Bytes of one array that are held in memory; larger ones lie in a file."""

CHUNK = 1 << 20
"""About how many bytes are worked on at a time."""

_LARGE = "/var/tmp"  # noqa: S108 - files there are made without a name

Array = NDArray[Any]


class Growing:
    """An array whose rows come one chunk after another."""

    def __init__(self, row: tuple[int, ...], dtype: DTypeLike, held: int | None = None):
        """row: the shape of one. held: bytes that are held in memory, `HELD` where it is not said."""
        self._row, self._dtype, self._held = row, np.dtype(dtype), HELD if held is None else held
        self._chunks: list[Array] = []
        self._file: IO[bytes] | None = None
        self._bytes = 0

    def add(self, rows: Array) -> None:
        """rows (n, *row). OSError, naming the folder, where there is no room."""
        rows = np.ascontiguousarray(rows, self._dtype)
        self._bytes += rows.nbytes
        if self._file is None and self._bytes <= self._held:
            self._chunks.append(rows)
            return
        if self._file is None:
            self._file = scratch_file()
            for chunk in self._chunks:
                _write(self._file, chunk)
            self._chunks = []
        _write(self._file, rows)

    def __del__(self) -> None:
        if self._file is not None:  # nobody asked for what had come
            self._file.close()

    def done(self, writable: bool = False) -> Array:
        """All rows, (n, *row). writable: to be changed in their place."""
        if self._file is None:
            return np.concatenate([np.empty((0, *self._row), self._dtype), *self._chunks])
        with self._file as file:
            return mapped(file, self._dtype, (-1, *self._row), writable)


def scratch_file() -> IO[bytes]:
    """A file without a name, to be written and read."""
    return tempfile.TemporaryFile(dir=scratch_folder(), buffering=0)


def scratch_folder() -> str:
    """Where arrays lie that are too large for memory."""
    if "TMPDIR" not in os.environ and os.access(_LARGE, os.W_OK):
        return _LARGE
    return tempfile.gettempdir()


def room() -> int:
    """Bytes that the folder of scratch files has left."""
    return shutil.disk_usage(scratch_folder()).free


def mapped(file: IO[bytes], dtype: DTypeLike, shape: tuple[int, ...], writable: bool = False) -> Array:
    """What a file that is not empty holds, read-only unless it is to be changed; it may be closed."""
    file.flush()
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
    return np.frombuffer(memory, dtype).reshape(shape)


def chunks(rows: int, row_bytes: int) -> Iterator[slice]:
    """Slices of about `CHUNK` bytes that cover so many rows of so many bytes each."""
    step = max(CHUNK // max(row_bytes, 1), 1)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def chunked(array: Array) -> Iterator[Array]:
    """The rows of an array, about `CHUNK` bytes at a time."""
    row_bytes = array.dtype.itemsize * math.prod(array.shape[1:])
    return (array[part] for part in chunks(len(array), row_bytes))


def in_rows(array: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """`array` in another type and the shape (-1, *shape), of which each of its rows is one or more rows."""
    if array.dtype == dtype and array.flags.c_contiguous:
        return array.reshape(-1, *shape)
    return joined((chunk.astype(dtype).reshape(-1, *shape) for chunk in chunked(array)), shape, dtype)


def is_finite(array: NDArray[np.floating[Any]]) -> bool:
    """Whether no value is NaN or infinite; nothing is allocated."""
    return not array.size or bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def joined(arrays: Iterable[Array], row: tuple[int, ...], dtype: DTypeLike) -> Array:
    """The rows of all arrays, one after another."""
    growing = Growing(row, dtype)
    for array in arrays:
        for chunk in chunked(array):
            growing.add(chunk)
    return growing.done()


def select_columns(arrays: Sequence[Array], columns: Sequence[int]) -> tuple[Array, ...]:
    """These columns of each array (rows, all columns)."""
    parts = (chunk[:, list(columns)] for array in arrays for chunk in chunked(array))
    return split(joined(parts, (len(columns),), arrays[0].dtype), [len(array) for array in arrays])


def every_nth(arrays: Sequence[Array], most: int) -> Array:
    """Rows of all arrays, one after another; where there are more than `most`, every n-th of them."""
    every = max(-(-sum(map(len, arrays)) // most), 1)
    found, skip = [], 0
    for array in arrays:
        found.append(array[skip::every])
        skip = (skip - len(array)) % every
    return np.concatenate(found)


def split(array: Array, lengths: Sequence[int]) -> tuple[Array, ...]:
    """Rows one after another as so many arrays of these lengths."""
    stops = np.cumsum(lengths).tolist()
    return tuple(array[stop - length : stop] for stop, length in zip(stops, lengths))


def _write(file: IO[bytes], rows: Array) -> None:
    data = rows.reshape(-1).view(np.uint8).data
    try:
        while data:
            data = data[file.write(data) :]
    except OSError as error:
        file.close()
        raise OSError(
            error.errno,
            f"{error.strerror}: data that are larger than memory are kept there while they are used; set TMPDIR to a "
            "folder with more room",
            scratch_folder(),
        ) from None
