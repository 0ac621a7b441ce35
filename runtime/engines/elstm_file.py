"""A `.elstm` file, opened by the C core: what it says of itself, without streams."""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping
from ctypes import byref, c_void_p
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.runtime.description import Description
from edgelstm.runtime.engines import library as core
from edgelstm.runtime.engines.engine import EngineModel
from edgelstm.runtime.layers import Layer, Part, parts_of_streams, read_layers
from edgelstm.runtime.pooling import Activation, PoolingKind

MAX_FILE_SIZE = (1 << 31) - 1
HEAD_BYTES = 64
"""Of a saved state: what comes before its parts."""
ACTIVATIONS: tuple[Activation, ...] = ("linear", "softmax", "sigmoid")  # as the C core numbers them
POOLINGS: tuple[PoolingKind, ...] = ("last", "mean")


class ElstmFile(EngineModel):
    """A validated `.elstm` file, mapped into memory and used in place.

    Raises FileNotFoundError, other OSErrors, and ValueError for a file that is none or is damaged.
    """

    stream_bytes: int

    def __init__(self, path: str | PathLike[str], *, skip_checksum: bool = False) -> None:
        path = Path(path)
        with path.open("rb") as file:
            size = path.stat().st_size
            if not 0 < size <= MAX_FILE_SIZE:
                raise ValueError(f"{path}: {size} bytes, expected an .elstm file of at most 2 GiB")
            content = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        self.memory = core.aligned(core.MODEL_SIZE), content
        """What the C core reads as long as the model is used."""
        self.handle = c_void_p()
        """The C core's own model."""
        core.check(
            core.library().el_model_open(
                self.memory[0].ctypes.data,
                self.memory[0].size,
                content.ctypes.data,
                content.size,
                core.SKIP_CHECKSUM if skip_checksum else 0,
                byref(self.handle),
            ),
            f"{path}: ",
        )
        info = core.Info()
        core.library().el_model_info(self.handle, byref(info))
        try:
            description = _describe(info, _read_metadata(info, content))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        super().__init__(path, f"edgelstm {core.version()}", bytes(info.identity).hex(), description)
        self.stream_bytes = int(info.stream_size)
        self.kernel: str = core.kernel_name()
        self._snapshot_bytes = int(info.snapshot_size)
        self._parts = _parts(description, self._snapshot_bytes)

    @property
    def snapshot_bytes(self) -> int:
        return self._snapshot_bytes

    @property
    def parts(self) -> tuple[Part, ...]:
        return self._parts


def _read_metadata(info: core.Info, content: NDArray[np.uint8]) -> dict[str, Any]:
    if not info.metadata_size:
        return {}
    start = info.metadata - content.ctypes.data
    try:
        found = json.loads(content[start : start + info.metadata_size].tobytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"metadata is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"metadata is {type(found).__name__}, expected a JSON object")
    return found


def _describe(info: core.Info, metadata: dict[str, Any]) -> Description:
    features, outputs, precision = int(info.features), int(info.outputs), ("float32", "int8")[info.precision]
    layers = _layers(metadata, features, outputs)
    return Description(
        metadata=metadata,
        precision=precision,
        features=features,
        outputs=outputs,
        labels=_names(metadata, "labels", outputs),
        feature_names=_names(metadata, "feature_names", features),
        layers=layers,
        activation=ACTIVATIONS[info.activation],
        pooling=POOLINGS[info.pooling],
        window=int(info.window),
        hop=int(info.hop),
        stride=layers[-1].stride if layers else 1,
        sample_rate=float(info.sample_rate),
        frame_macs=int(info.frame_macs),
    )


def _names(metadata: Mapping[str, Any], key: str, count: int) -> tuple[str, ...]:
    """One text for each, or none: nothing is computed by them."""
    names = metadata.get(key)
    if not isinstance(names, list) or len(names) != count or not all(isinstance(name, str) for name in names):
        return ()
    return tuple(names)


def _layers(metadata: Mapping[str, Any], features: int, outputs: int) -> tuple[Layer, ...]:
    try:
        return read_layers(metadata, features, outputs)
    except ValueError:
        return ()


_INT8_TYPES = {"c": "int16"}  # all others int8


def _parts(description: Description, snapshot_bytes: int) -> tuple[Part, ...]:
    """What a snapshot holds after its head; empty where the metadata's layers are not those of the file."""
    whole = description.precision == "int8"
    parts = [
        Part(name, layer, _INT8_TYPES.get(name.rstrip("0123456789"), "int8") if whole else "float32", shape)
        for name, (layer, shape) in parts_of_streams(description.layers).items()
    ]
    left = snapshot_bytes - HEAD_BYTES - sum(part.bytes for part in parts)
    if left < 0 or left % (8 * description.outputs):
        return ()
    sums = [Part("sums", "", "float64", (left // (8 * description.outputs), description.outputs))] if left else []
    return (*parts, *sums)
