"""Pickles of PyTorch, read without torch and without running anything: dicts, lists, numbers, texts and tensors.

A pickle is a program. `load` first looks at every instruction, without following any, and refuses what no file of
weights needs; then it follows them with an unpickler that knows six names, none of them of real code.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections import OrderedDict
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 64 << 20
"""Of one pickle: it holds names and shapes, no weights."""
_MOST_STEPS = 2_000_000
MOST_VALUES = 1 << 28
"""Of one tensor, and of all of a file together."""

STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "u1",
}
"""Kinds of storages in pickles → how their values lie in the file."""

_REFUSED = {"EXT1", "EXT2", "EXT4", "INST", "OBJ", "PERSID", "NEXT_BUFFER", "READONLY_BUFFER", "BYTEARRAY8"}
_NUMBERED = ("PUT", "BINPUT", "LONG_BINPUT")


class Storage:
    """Numbers that tensors are views of. `values` are there after `fill`."""

    __slots__ = ("kind", "numel", "values")

    def __init__(self, kind: str, numel: int) -> None:
        self.kind, self.numel = kind, numel
        self.values: NDArray[Any] | None = None

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self.numel * np.dtype(STORAGES[self.kind]).itemsize

    def fill(self, raw: bytes) -> None:
        if len(raw) != self.size:
            raise ValueError(f"a storage of {self.numel} values of {self.kind} has {len(raw)} bytes")
        values = np.frombuffer(raw, STORAGES[self.kind])
        if self.kind == "BFloat16Storage":  # the upper half of a float32
            values = (values.astype(np.uint32) << 16).view(np.float32)
        self.values = values


class Tensor:
    """A view of a storage."""

    __slots__ = ("offset", "shape", "storage", "stride")

    def __init__(self, storage: Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride
        if len(shape) != len(stride) or len(shape) > 8 or min((*shape, *stride, offset), default=0) < 0:
            raise ValueError(f"a tensor of shape {shape} with strides {stride} at {offset}")
        if 0 in shape:
            return
        last = offset + sum((side - 1) * step for side, step in zip(shape, stride))
        if math.prod(shape) > storage.numel or last >= storage.numel:
            raise ValueError(f"a tensor of shape {shape} with strides {stride} is no part of {storage.numel} values")

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    def array(self) -> NDArray[Any]:
        """A copy of its values."""
        values = self.storage.values
        assert values is not None  # whoever reads the file fills every storage
        if 0 in self.shape:
            return np.zeros(self.shape, values.dtype)
        strides = [step * values.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides).copy()


class _Fixed(type):
    """A class that no pickle can change."""

    def __setattr__(cls, name: str, value: object) -> None:
        raise pickle.UnpicklingError(f"it sets {name!r:.40} of a class")


class Module(metaclass=_Fixed):
    """Stands for a module of TorchScript: its attributes, never its code."""

    __slots__ = ("attributes",)

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        object.__setattr__(self, "attributes", state if isinstance(state, dict) else {})

    def __setattr__(self, name: str, value: object) -> None:
        raise pickle.UnpicklingError(f"it sets {name!r:.40} of a module")


class _Named:
    """What a pickle finds under a name: it can be called, and not changed."""

    __slots__ = ("name",)
    name: str

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "name", name)

    def __setattr__(self, name: str, value: object) -> None:
        raise pickle.UnpicklingError(f"it sets {name!r:.40} of {self.name}")


class _Kind(_Named):
    """torch.FloatStorage and its kin: named, never called."""

    __slots__ = ()


class _RebuildTensor(_Named):
    __slots__ = ()

    def __call__(self, storage: object, offset: object, shape: object, stride: object, *_: object) -> Tensor:
        if not isinstance(storage, Storage):
            raise pickle.UnpicklingError("a tensor without its storage")
        return Tensor(storage, _whole(offset), _sides(shape), _sides(stride))


class _First(_Named):
    """`_rebuild_parameter` and TorchScript's builders of lists: what they are given first."""

    __slots__ = ()

    def __call__(self, value: object, *_: object) -> object:
        return value


class _Inert(_Named):
    """What stands beside weights and holds none: sizes, types, devices, numbers of numpy. Whatever it is called with
    or told, it is itself."""

    __slots__ = ()

    def __call__(self, *_: object) -> _Inert:
        return self

    def __setstate__(self, state: object) -> None:
        pass


class _Dict(_Named):
    __slots__ = ()

    def __call__(self, *items: object) -> OrderedDict[Any, Any]:
        return OrderedDict(*items)


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 48:
        raise pickle.UnpicklingError(f"{value!r:.40} where a size belongs")
    return value


def _sides(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple | list):
        raise pickle.UnpicklingError(f"{value!r:.40} where sizes belong")
    return tuple(map(_whole, value))


_KNOWN: dict[tuple[str, str], _Named] = {
    ("collections", "OrderedDict"): _Dict("OrderedDict"),
    ("torch._utils", "_rebuild_tensor"): _RebuildTensor("_rebuild_tensor"),
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor("_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"): _First("_rebuild_parameter"),
    ("torch", "Size"): _Inert("Size"),
    ("torch", "device"): _Inert("device"),
    ("numpy", "dtype"): _Inert("dtype"),
    ("numpy", "ndarray"): _Inert("ndarray"),
    ("_codecs", "encode"): _Inert("encode"),  # how a pickle of protocol 2 holds numpy's bytes
}
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _KNOWN |= {(_module, name): _Inert(name) for name in ("scalar", "_reconstruct")}
_DTYPES = ("float16", "float32", "float64", "bfloat16", "int8", "uint8", "int16", "int32", "int64", "bool")
_KNOWN |= {("torch", name): _Inert(name) for name in _DTYPES}
_QUANTIZED = ("_rebuild_qtensor", "QInt8Storage", "QUInt8Storage", "QInt32Storage", "qint8", "quint8", "qint32")


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, storages: dict[str, Storage], most: int, script: bool) -> None:
        super().__init__(file, encoding="utf-8")
        self._storages, self._most, self._script = storages, most, script

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if module in ("torch", "torch.storage") and name in STORAGES:
            return _Kind(name)
        if self._script and module.split(".")[0] == "__torch__":
            return Module
        if self._script and module == "torch.jit._pickle":
            return _First(name)
        if module.split(".")[0] == "torch" and name in _QUANTIZED:
            raise pickle.UnpicklingError(
                f"holds quantized tensors ({name}), expected floats: save the state_dict of the model before it was "
                "quantized"
            )
        if module in ("torch", "torch.storage", "torch._utils") and name.isidentifier():
            raise pickle.UnpicklingError(
                f"holds a tensor of another kind ({name:.40}), expected dense ones of floats or whole numbers"
            )
        raise pickle.UnpicklingError(
            f"holds an object of {module:.40}.{name:.40}, which is code, not weights: save model.state_dict() instead"
        )

    def persistent_load(self, pid: object) -> Storage:
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and isinstance(pid[1], _Kind)):
            raise pickle.UnpicklingError(f"an unknown reference {pid!r:.40}")
        if len(pid) > 5 and pid[5] is not None:
            raise pickle.UnpicklingError("a storage that is part of another, as before PyTorch 0.4")
        key, numel = str(pid[2])[:80], _whole(pid[4])
        storage = self._storages.setdefault(key, Storage(pid[1].name, numel))
        if (storage.kind, storage.numel) != (pid[1].name, numel) or storage.size > self._most:
            raise pickle.UnpicklingError(f"storage {key!r} of {numel} values is larger than the file")
        return storage


def load(file: BinaryIO, storages: dict[str, Storage], most: int, script: bool = False) -> Any:
    """What the next pickle of `file` holds; its storages, of at most `most` bytes each, join `storages` by key.

    script: modules of TorchScript may be in it. ValueError, one line, for what is none or holds anything else.
    """
    start = file.tell()
    raw = file.read(MOST_BYTES + 1)
    try:
        length = _check(raw)
        file.seek(start + length)
        return _Unpickler(io.BytesIO(raw[:length]), storages, most, script).load()
    except (pickle.UnpicklingError, ValueError) as error:
        raise ValueError(" ".join(str(error).split())[:300]) from None
    except Exception as error:  # whatever Python says of an instruction that does not fit the ones before
        raise ValueError(f"a damaged pickle ({type(error).__name__})") from None


def _check(raw: bytes) -> int:
    """Bytes of the first pickle in `raw`. ValueError for instructions that weights do not need, or that would take
    memory that the file does not have."""
    file = io.BytesIO(raw)
    for steps, (step, argument, _) in enumerate(pickletools.genops(file)):
        if steps > _MOST_STEPS:
            raise ValueError(f"a pickle of more than {_MOST_STEPS:,} steps: no file of weights")
        if step.name in _REFUSED:
            raise ValueError(f"a pickle with {step.name}, which weights do not need")
        if step.name in _NUMBERED and not 0 <= int(str(argument)) <= steps:
            raise ValueError(f"a pickle that puts something at place {argument}")
    return file.tell()
