"""Files as PyTorch writes them, byte by byte: what its pickles hold is written down here and not asked of it."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C


@dataclass(frozen=True)
class Call:
    """What a hostile file asks to be called."""

    module: str
    name: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Raw:
    """Instructions as they are."""

    content: bytes


class _Pickler:
    def __init__(self, stream: bool) -> None:
        self.storages: dict[str, NDArray[Any]] = {}
        self._view = b"N" if stream else b""

    def pickled(self, value: Any) -> bytes:
        return b"\x80\x02" + self._write(value) + b"."

    def _write(self, value: Any) -> bytes:
        if value is None or isinstance(value, bool):
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        if isinstance(value, int):
            raw = value.to_bytes(10, "little", signed=True)
            return b"J" + struct.pack("<i", value) if -(1 << 31) <= value < 1 << 31 else b"\x8a\x0a" + raw
        if isinstance(value, str):
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        if isinstance(value, list):
            return b"](" + b"".join(map(self._write, value)) + b"e"
        if isinstance(value, tuple):
            return b"(" + b"".join(map(self._write, value)) + b"t"
        if isinstance(value, Mapping):
            return b"}(" + b"".join(self._write(item) for pair in value.items() for item in pair) + b"u"
        if isinstance(value, Call):
            return f"c{value.module}\n{value.name}\n".encode() + self._write(value.arguments) + b"R"
        return value.content if isinstance(value, Raw) else self._tensor(value)

    def _tensor(self, array: NDArray[Any]) -> bytes:
        key = str(len(self.storages))
        # A view of part of its storage, as the layers of flattened weights are: shifted, and transposed.
        flat = np.concatenate([np.full(3, 7, array.dtype), np.asfortranarray(array).ravel("F")])
        self.storages[key] = flat
        kind = {"float32": "Float", "float64": "Double", "float16": "Half", "uint16": "BFloat16", "int64": "Long"}
        storage = f"ctorch\n{kind[array.dtype.name]}Storage\n".encode()
        named = b"(" + self._write("storage") + storage + self._write(key) + self._write("cpu")
        named += self._write(flat.size) + self._view + b"tQ"
        strides = tuple(int(np.prod(array.shape[:side])) for side in range(array.ndim))
        view = self._write(3) + self._write(array.shape) + self._write(strides)
        return b"ctorch._utils\n_rebuild_tensor_v2\n(" + named + view + b"\x89}tR"


def write_zip(path: Path, value: Any, changes: Mapping[str, bytes] | None = None, packed: bool = False) -> Path:
    """`value` as torch.save writes it; arrays are tensors. changes: other members than those."""
    pickler = _Pickler(stream=False)
    members = {"data.pkl": pickler.pickled(value), "byteorder": b"little", "version": b"3\n"}
    members |= {f"data/{key}": flat.tobytes() for key, flat in pickler.storages.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, content in (members | dict(changes or {})).items():
            archive.writestr(f"archive/{name}", content)
    return path


def write_stream(path: Path, value: Any) -> Path:
    """The same in the form of before 1.6."""
    pickler = _Pickler(stream=True)
    about = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    content = b"".join(map(pickler.pickled, (MAGIC, 1001, about, value)))
    content += pickler.pickled(list(pickler.storages))
    for flat in pickler.storages.values():
        content += struct.pack("<q", flat.size) + flat.tobytes()
    path.write_bytes(content)
    return path
