"""PyTorch's files as tensors by name: the zip form (since 1.6), the older stream form, and TorchScript."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from edgelstm.importers.pickled import MOST_VALUES, Module, Storage, Tensor, load
from edgelstm.plain import printable

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_MOST_TENSORS, _MOST_NESTED = 20_000, 32
_DATA = "data.pkl"

Tensors = dict[str, Tensor]


def read(path: Path) -> dict[str, Tensors]:
    """Every group of tensors in the file by its name in a checkpoint, "" where the file is one group itself; each by
    dotted names. ValueError, one line without the path, for what is no such file or holds anything but tensors."""
    with path.open("rb") as file:
        found = _zip_form(file) if zipfile.is_zipfile(file) else _stream_form(file)
    if isinstance(found, Module):
        found = _attributes(found)
    if not isinstance(found, dict):
        kind = "one tensor" if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(f"holds {kind}, expected tensors by name: save model.state_dict()")
    groups = _groups(found)
    if sum(tensor.count for group in groups.values() for tensor in group.values()) > MOST_VALUES:
        raise ValueError(f"tensors of more than {MOST_VALUES:,} values together, expected at most so many")
    return groups


def _zip_form(file: BinaryIO) -> Any:
    try:
        with zipfile.ZipFile(file) as archive:
            return _archive(archive, file.seek(0, 2))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, KeyError, OSError) as error:
        raise ValueError(f"a damaged zip ({printable(str(error), 80)})") from None


def _archive(archive: zipfile.ZipFile, size: int) -> Any:
    members = {info.filename: info for info in archive.infolist()}
    roots = [name.removesuffix(_DATA) for name in members if name.endswith(f"/{_DATA}")]
    if len(roots) != 1:
        raise ValueError(f"a zip with {len(roots)} members NAME/{_DATA}, expected one, as torch.save writes")
    root = roots[0]
    for info in members.values():
        # PyTorch packs nothing but code, so weights that would grow are a trap.
        is_read = info.filename.startswith(f"{root}data") or info.filename == f"{root}byteorder"
        if is_read and (info.compress_type != zipfile.ZIP_STORED or info.file_size > size):
            raise ValueError(f"member {info.filename[:60]!r} is packed, expected it as torch.save writes it")
    order = members.get(f"{root}byteorder")
    if order is not None and archive.read(order)[:8] != b"little":
        raise ValueError("written on a big-endian machine, expected a little-endian one")
    script = any(name.startswith(f"{root}code/") for name in members)
    storages: dict[str, Storage] = {}
    with archive.open(members[f"{root}{_DATA}"]) as pickled:
        found = load(pickled, storages, size, script)  # type: ignore[arg-type]
    if sum(storage.size for storage in storages.values()) > size:
        raise ValueError("storages that are larger than the file together")
    for key, storage in storages.items():
        storage.fill(archive.read(f"{root}data/{key}"))
    return found


def _stream_form(file: BinaryIO) -> Any:
    size = file.seek(0, 2)
    file.seek(0)
    if load(file, {}, 0) != _MAGIC or load(file, {}, 0) != _PROTOCOL:
        raise ValueError("no file of PyTorch: its magic number is missing")
    about = load(file, {}, 0)
    if not isinstance(about, dict) or about.get("little_endian") is not True:
        raise ValueError("written on a big-endian machine, expected a little-endian one")
    storages: dict[str, Storage] = {}
    found = load(file, storages, size)
    keys = load(file, {}, 0)
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(storages):
        raise ValueError("the list of storages does not fit the tensors")
    for key in keys:
        storage = storages[str(key)]
        numel = int.from_bytes(file.read(8), "little", signed=True)
        if numel != storage.numel:
            raise ValueError(f"storage {str(key)[:40]!r} has {numel} values, its tensors say {storage.numel}")
        storage.fill(file.read(storage.size))
    return found


def _attributes(module: Module) -> dict[Any, Any]:
    found = getattr(module, "attributes", None)
    return found if isinstance(found, dict) else {}


def _groups(found: dict[Any, Any]) -> dict[str, Tensors]:
    """Tensors that lie in `found` itself, with the dicts beside them by their names."""
    seen = [0]
    if any(isinstance(value, Tensor | Module) for value in dict.values(found)):
        return {"": dict(_flat(found, "", 0, seen))}
    groups = {}
    for name, value in dict.items(found):
        if isinstance(value, dict | Module):
            tensors = dict(_flat(value, "", 0, seen))
            if tensors:
                groups[printable(str(name), 80)] = tensors
    return groups


def _flat(found: Any, prefix: str, depth: int, seen: list[int]) -> Iterator[tuple[str, Tensor]]:
    """Tensors by dotted names. Dicts may be shared: what is visited is counted."""
    for name, value in dict.items(_attributes(found) if isinstance(found, Module) else found):
        seen[0] += 1
        if seen[0] > _MOST_TENSORS or depth > _MOST_NESTED:
            raise ValueError(f"more than {_MOST_TENSORS:,} entries, or {_MOST_NESTED} deep: no file of weights")
        full = f"{prefix}{printable(str(name), 80)}"
        if isinstance(value, Tensor):
            yield full, value
        elif isinstance(value, dict | Module):
            yield from _flat(value, f"{full}.", depth + 1, seen)
