"""A `.elstm` file, opened by the C core: what it says of itself, without streams."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from ctypes import byref, c_void_p
from dataclasses import replace
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.runtime.answering import Answering
from edgelstm.runtime.description import Description
from edgelstm.runtime.engines import library as core
from edgelstm.runtime.engines.engine import EngineModel
from edgelstm.runtime.layer import Layer, Part
from edgelstm.runtime.layers import LAYERS_FIELD, STRIDE_FIELD, read_layers, shape_of_part
from edgelstm.runtime.metadata import read_metadata_beside
from edgelstm.runtime.pooling import POOLINGS, Activation

MAX_FILE_SIZE = (1 << 31) - 1
WAITING_PART = "waiting"
"""Of a saved state: samples that fill no frame yet, the last part."""
HEAD_BYTES = 64
"""Of a saved state: what comes before its parts."""
ACTIVATIONS: tuple[Activation, ...] = ("linear", "softmax", "sigmoid")  # as the C core numbers them
CHUNK_FLAGS = {None: 0, True: core.CHUNKS, False: core.NO_CHUNKS}
DTYPES = ("float32", "int8", "int16", "float64")


class ElstmFile(EngineModel):
    """A validated `.elstm` file, read into memory of this process: what was checked stays as it was, whatever becomes
    of the file.

    skip_checksum: for a file that was verified before; every other check is still made. mapped: use the file where it
    lies instead, one copy for all processes that map it, for a caller who owns the file; whoever writes into it
    changes answers, and whoever cuts it ends the process by SIGBUS. Put another file in its place by renaming.
    chunks: whether streams have memory to take up to 16 frames of a `push` through a layer together, with the same
    bits; None for large models alone, which gain by it. samples: a frame is samples of a sound in a row, though no
    layer tells so: streams keep those that fill no frame yet.

    Raises FileNotFoundError, other OSErrors, and ValueError for a file that is none or is damaged.
    """

    stream_bytes: int

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        skip_checksum: bool = False,
        mapped: bool = False,
        chunks: bool | None = None,
        samples: bool = False,
    ) -> None:
        if not isinstance(samples, bool):
            raise ValueError(f"samples: {str(samples)[:40]!r}, expected True or False")
        path = Path(path)
        content = _content(path, mapped)
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
                core.SKIP_CHECKSUM * skip_checksum | CHUNK_FLAGS[chunks] | core.SAMPLES * samples,
                byref(self.handle),
            ),
            f"{path}: ",
        )
        info = core.Info()
        core.library().el_model_info(self.handle, byref(info))
        try:
            description = _describe(info, content)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        identity, frame_macs = bytes(info.identity).hex(), int(info.frame_macs)
        super().__init__(path, f"edgelstm {core.version()}", identity, description, frame_macs)
        self.stream_bytes = int(info.stream_size)
        self.kernel: str = core.kernel_name()
        self._snapshot_bytes = int(info.snapshot_size)
        self._counts = int(info.layers), int(info.parts)

    @property
    def snapshot_bytes(self) -> int:
        return self._snapshot_bytes

    def core_answer(self, answering: Answering) -> core.Answer | None:
        """For the C core; None for the model's own."""
        if answering == self.description.answering:
            return None
        return core.Answer(POOLINGS.index(answering.pooling), answering.window, answering.hop)

    def stream_size(self, answering: Answering) -> int:
        """All the memory of a stream that gives these answers. ValueError where the C core makes none."""
        size = int(core.library().el_stream_size(self.handle, self.core_answer(answering)))
        if not size:
            raise ValueError(
                f"{self.path}: window: {answering.window}, expected fewer blocks of hop ({answering.hop})"
            )
        return size

    # Not every program asks for these two.

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """First to last, as the C core has them; what it does not need to tell, such as a GRU's reset, as the
        metadata say."""
        found = _layers(self.handle, self._counts[0])
        if LAYERS_FIELD not in self.metadata:
            return found
        try:
            said = read_layers({STRIDE_FIELD: self.stride, **self.metadata}, self.features, self.outputs)
            if [layer.shape for layer in said] != [layer.shape for layer in found]:
                raise ValueError(f"metadata: {LAYERS_FIELD}: others than the file's own")
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None
        return tuple(
            replace(layer, settings=told.settings, of=told.of, other=told.other) for layer, told in zip(found, said)
        )

    @cached_property
    def keeps_samples(self) -> bool:
        """Whether its streams keep samples that fill no frame yet."""
        return any(part.name == WAITING_PART for part in self.parts)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        return _parts(self.handle, self._counts[1], self.layers)


def _content(path: Path, mapped: bool) -> NDArray[np.uint8]:
    """The whole file, at a multiple of the C core's alignment."""
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if not 0 < size <= MAX_FILE_SIZE:
            raise ValueError(f"{path}: {size} bytes, expected an .elstm file of at most 2 GiB")
        if mapped:
            return np.frombuffer(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ), np.uint8)
        content, filled = core.aligned(size), 0
        while filled < size and (count := file.readinto(content[filled:].data)):
            filled += count
        if filled < size or file.read(1):
            raise ValueError(f"{path}: it changed while it was read, expected {size} bytes")
    return content


def _describe(info: core.Info, content: NDArray[np.uint8]) -> Description:
    """What the header says, which is what computes, and the names that the metadata add. ValueError where these say
    something else."""
    header = Description(
        metadata={},
        precision=("float32", "int8", "bf16", "int4")[info.precision],
        features=int(info.features),
        outputs=int(info.outputs),
        labels=(),
        feature_names=(),
        activation=ACTIVATIONS[info.activation],
        pooling=POOLINGS[info.answer.pooling],
        window=int(info.answer.window),
        hop=int(info.answer.hop),
        stride=int(info.stride),
        sample_rate=float(info.sample_rate),
        anew=int(info.anew),
    )
    if not info.metadata_size:
        return header
    start = info.metadata - content.ctypes.data
    return read_metadata_beside(content[start : start + info.metadata_size].tobytes(), header)


def _layers(handle: c_void_p, count: int) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for index in range(count):
        found = core.LayerInfo()
        core.check(core.library().el_model_layer(handle, index, byref(found)))
        kind = found.kind.decode()
        layers.append(
            Layer(
                name=f"{kind}{sum(layer.kind == kind for layer in layers)}",
                kind=kind,
                rows=int(found.rows),
                channels=int(found.channels),
                stride=int(found.stride),
                macs=int(found.macs),
                inputs=int(found.inputs),
                weight_bytes=int(found.weights_size),
            )
        )
    return tuple(layers)


def _parts(handle: c_void_p, count: int, layers: Sequence[Layer]) -> tuple[Part, ...]:
    """What a snapshot holds after its head."""
    parts = []
    for index in range(count):
        found = core.PartInfo()
        core.check(core.library().el_model_part(handle, index, byref(found)))
        letter, dtype, rows, channels = found.name.decode(), DTYPES[found.dtype], int(found.rows), int(found.channels)
        if found.layer < 0:
            parts.append(Part(letter, "", dtype, (rows, channels)))
        else:
            layer = layers[found.layer]
            shape = shape_of_part(layer.kind, rows, channels)
            parts.append(Part(f"{letter}{found.number}", layer.name, dtype, shape))
    return tuple(parts)
