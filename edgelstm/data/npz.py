"""NPZ files from strangers: bounds before reads, no pickle, written whole or not at all."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from edgelstm.data.store import CHUNK, HELD, Growing, room, scratch_folder
from edgelstm.files import whole_file
from edgelstm.plain import printable

MAX_BYTES = 1 << 30
"""Largest unpacked size of a file's arrays together, unless the caller sets another bound."""
MAX_ARRAYS = 4096

_MOST_SIDES = 8
_LARGEST_SIDE = 1 << 40
_HEADER_ROOM = 1 << 16  # bytes, more than before any array


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, in_file: bool) -> NDArray[Any]:
    """One array. Its header must agree with the member's size before memory is taken for it, or a file `in_file`."""
    with archive.open(info) as member:
        shape, fortran, dtype = _read_header(member)
        if dtype.hasobject or dtype.fields or dtype.subdtype or dtype.kind == "V":
            raise ValueError(f"dtype {str(dtype)[:40]}, expected plain numbers or text")
        size = math.prod(shape) * dtype.itemsize
        if member.tell() + size != info.file_size:
            raise ValueError(f"shape {str(shape)[:40]} of {dtype} does not match its {info.file_size} bytes")
        flat = _copied(member, size, dtype) if in_file and size else _held(member, size, dtype)
        if flat.nbytes != size or member.read(1):
            raise ValueError("truncated")
    if not size:
        return np.zeros(shape, dtype=dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _held(member: IO[bytes], size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    data = member.read(size)
    return np.frombuffer(data, dtype, len(data) // max(dtype.itemsize, 1) if size else 0)


def _copied(member: IO[bytes], size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    growing = Growing((), np.uint8, held=0)
    while size and (data := member.read(min(size, CHUNK))):
        growing.add(np.frombuffer(data, np.uint8))
        size -= len(data)
    if size:
        raise ValueError("truncated")
    return growing.done().view(dtype)


def _read_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """(shape, whether in Fortran's order, dtype)."""
    version = npy.read_magic(member)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"npy version {version}, expected 1.0 or 2.0")
    # numpy gives the header to Python's own parser, and lets through whatever that raises and remarks on.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            shape, fortran, dtype = readers[version](member)
        except Exception as error:
            raise ValueError(f"its npy header is damaged ({_first_line(error)})") from None
    if len(shape) > _MOST_SIDES or not all(0 <= side <= _LARGEST_SIDE for side in shape):
        raise ValueError(f"shape {str(shape)[:40]}, expected at most {_MOST_SIDES} sides, 0 or larger")
    return shape, fortran, dtype


def read_npz(path: Path | str, max_bytes: int = MAX_BYTES) -> dict[str, NDArray[Any]]:
    """All arrays of an NPZ file, by name, read-only.

    Raises FileNotFoundError or OSError when there is no such file, ValueError (one line that names file and
    array) when it is no NPZ file, would unpack to more than `max_bytes`, or holds Python objects.
    """
    return _read(Path(path), max_bytes, max_bytes)


def map_npz(path: Path | str, max_bytes: int | None = None) -> dict[str, NDArray[Any]]:
    """The same, but arrays beyond the first `store.HELD` bytes lie in files, see `edgelstm.data.store`. Without
    `max_bytes` the file may unpack to as much as the disk has room for. OSError where that ends."""
    return _read(Path(path), room() if max_bytes is None else max_bytes, HELD)


def _read(path: Path, max_bytes: int, held: int) -> dict[str, NDArray[Any]]:
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _read_all(archive, max_bytes, held)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            if isinstance(error, OSError) and error.filename == scratch_folder():
                raise
            raise ValueError(f"{path}: not a readable NPZ file ({_first_line(error)})") from None
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def _read_all(archive: zipfile.ZipFile, max_bytes: int, held: int) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    members = archive.infolist()
    total = sum(info.file_size for info in members)
    if total > max_bytes or len(members) > MAX_ARRAYS:
        raise ValueError(f"{len(members)} arrays of {total} bytes, expected at most {MAX_ARRAYS} of {max_bytes}")
    for info in members:
        name = info.filename.removesuffix(".npy")
        if name == info.filename or name in arrays:
            raise ValueError(f"member {info.filename[:80]!r}, expected each once, ending in .npy")
        try:
            arrays[name] = _read_array(archive, info, in_file=info.file_size > held)
            held -= 0 if info.file_size > held else info.file_size
        except ValueError as error:
            raise ValueError(f"{printable(name, 80)}: {_first_line(error)}") from None
    return arrays


def _first_line(error: Exception) -> str:
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return printable(line, 120)


def write_npz(path: Path | str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a compressed NPZ file, beside first and then in place. The same arrays give the same bytes, whichever
    numpy and Python write them: `np.savez` leaves what a file's entries say to these."""
    path = Path(path)
    _check_plain(str(path), arrays)
    with whole_file(path) as file:
        _pack(file, arrays)


def npz_content(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """What `write_npz` would write."""
    _check_plain("npz", arrays)
    content = io.BytesIO()
    _pack(content, arrays)
    return content.getvalue()


def _check_plain(where: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"{where}: {name}: dtype {array.dtype}, expected numbers or text")


def _pack(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            entry.file_size = array.nbytes + _HEADER_ROOM  # from which on its size takes 64 bits
            with archive.open(entry, "w") as member:
                npy.write_array(member, np.asanyarray(array), allow_pickle=False)
