"""`.elstm` models and their streams: the thin Python side of the C core.

The interpreter's lock is released while C runs, but for single steps of small models, where handing it over would
take longer than it is kept. A model may be shared between threads; a stream belongs to one.
"""

from __future__ import annotations

import ctypes
import json
import mmap
from collections.abc import Callable
from ctypes import byref, c_size_t, c_void_p
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgelstm.runtime.engines import library as core

if TYPE_CHECKING:
    from edgelstm.runtime.engines.pool import Pool

try:
    from edgelstm.runtime._step import Step
except ImportError:  # built without Python's headers, or another Python than CPython
    Step = None  # type: ignore[assignment, misc]

Float32 = NDArray[np.float32]

MAX_FILE_SIZE = (1 << 31) - 1
RELEASE_MACS = 1 << 17
"""Multiply-accumulates of a frame from which a single step releases the interpreter's lock: some microseconds."""


def _aligned(size: int) -> NDArray[np.uint8]:
    """`size` bytes of zeroed memory at a multiple of the C core's alignment."""
    raw = np.zeros(size + core.ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % core.ALIGNMENT
    return raw[start : start + size]


def check_frames(frames: ArrayLike, features: int, names: tuple[str, ...] = ()) -> Float32:
    """`frames` as C-contiguous float32 (T, features), or a ValueError that names what is wrong and where.

    One frame (features,) is taken as (1, features). No copy where none is needed.
    """
    given = np.asarray(frames)
    if given.dtype.kind not in "fiu":
        raise ValueError(f"frames: dtype {given.dtype}, expected real numbers")
    if given.ndim == 1:
        given = given[None]
    if given.ndim != 2 or given.shape[1] != features:
        raise ValueError(f"frames: shape {np.shape(frames)}, expected (frames, {features})")
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(given, np.float32)
    if not array.flags.aligned:  # C may refuse to read it
        array = array.copy()
    finite = np.isfinite(array)
    if not finite.all():
        frame, feature = np.argwhere(~finite)[0]
        name = f" ({names[feature]})" if names else ""
        raise ValueError(
            f"frame {frame}, feature {feature}{name}: {given[frame, feature]}, expected a finite float32 number"
        )
    return array


def set_frame(to: Float32, frame: ArrayLike, names: tuple[str, ...] = ()) -> None:
    """Write one frame (features,) of real numbers into `to`; ValueError, with `to` untouched, for anything else."""
    checked = check_frames(frame, to.size, names)
    if len(checked) != 1:
        raise ValueError(f"step: {len(checked)} frames, expected one")
    to[:] = checked[0]


class Model:
    """A validated `.elstm` file, mapped into memory and used in place.

    Raises FileNotFoundError, other OSErrors, and ValueError for a file that is none or is damaged.
    """

    def __init__(self, path: str | PathLike[str], *, skip_checksum: bool = False) -> None:
        self.path = Path(path)
        with self.path.open("rb") as file:
            size = self.path.stat().st_size
            if not 0 < size <= MAX_FILE_SIZE:
                raise ValueError(f"{self.path}: {size} bytes, expected an .elstm file of at most 2 GiB")
            self._file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._bytes = np.frombuffer(self._file, np.uint8)
        self._memory = _aligned(core.MODEL_SIZE)
        self._handle = c_void_p()
        lib = core.library()
        status = lib.el_model_open(
            self._memory.ctypes.data,
            self._memory.size,
            self._bytes.ctypes.data,
            self._bytes.size,
            core.SKIP_CHECKSUM if skip_checksum else 0,
            byref(self._handle),
        )
        if status != core.OK:
            raise ValueError(f"{self.path}: {core.message(status)}")
        info = core.Info()
        lib.el_model_info(self._handle, byref(info))
        self.precision: str = ("float32", "int8")[info.precision]
        self.features = int(info.features)
        self.outputs = int(info.outputs)
        self.layers = int(info.layers)
        self.activation: str = ("linear", "softmax", "sigmoid")[info.activation]
        self.pooling: str = ("last", "mean")[info.pooling]
        self.window = int(info.window)
        self.hop = int(info.hop)
        self.sample_rate = float(info.sample_rate)
        self.stream_bytes = int(info.stream_size)
        self.snapshot_bytes = int(info.snapshot_size)
        self.frame_macs = int(info.frame_macs)
        self.identity: str = bytes(info.identity).hex()
        self.metadata: dict[str, Any] = self._read_metadata(info)
        self.kernel = core.kernel_name()
        self.engine = f"edgelstm {core.version()}"

    def _read_metadata(self, info: core.Info) -> dict[str, Any]:
        if not info.metadata_size:
            return {}
        start = info.metadata - self._bytes.ctypes.data
        try:
            found = json.loads(self._bytes[start : start + info.metadata_size].tobytes())
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self.path}: metadata is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise ValueError(f"{self.path}: metadata is {type(found).__name__}, expected a JSON object")
        return found

    def _names(self, key: str, count: int) -> tuple[str, ...]:
        names = self.metadata.get(key)
        if not isinstance(names, list) or len(names) != count or not all(isinstance(n, str) for n in names):
            return ()
        return tuple(names)

    @property
    def labels(self) -> tuple[str, ...]:
        """One per output, or none."""
        return self._names("labels", self.outputs)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One per feature, or none."""
        return self._names("feature_names", self.features)

    @property
    def lstm_units(self) -> tuple[int, ...]:
        """Units of each LSTM layer, as the metadata tells."""
        units = self.metadata.get("lstm_units")
        return tuple(int(n) for n in units) if isinstance(units, list) else ()

    def stream(self, memory_limit: int | None = None) -> Stream:
        """A new stream in its initial state. ValueError when it needs more than `memory_limit` bytes."""
        if memory_limit is not None and self.stream_bytes > memory_limit:
            raise ValueError(
                f"{self.path}: a stream takes {self.stream_bytes} bytes, the memory limit is {memory_limit}"
            )
        return Stream(self)

    def pool(self, streams: int, memory_limit: int | None = None) -> Pool:
        """`streams` new streams that step together. ValueError when they need more than `memory_limit` bytes."""
        from edgelstm.runtime.engines.pool import Pool

        return Pool(self, streams, memory_limit)


class Stream:
    """One signal and its state. Nothing but `reset` resets it.

    For a frame at a time without any conversion: `step(frame)`, or write into `input` and call `step()`; when it
    returns True the answer is in `output`.
    """

    def __init__(self, model: Model, pooled: tuple[NDArray[np.uint8], c_void_p] | None = None) -> None:
        """`pooled`: a pool's memory and the stream inside it; without it, the stream has memory of its own."""
        self.model = model
        self._lib = core.library()
        if pooled is not None:
            self._memory, self._handle = pooled
        else:
            self._memory, self._handle = _aligned(model.stream_bytes), c_void_p()
            status = self._lib.el_stream_init(
                self._memory.ctypes.data, self._memory.size, model._handle, byref(self._handle)
            )
            if status != core.OK:
                raise ValueError(f"{model.path}: {core.message(status)}")
        self.input: Float32 = np.zeros(model.features, np.float32)
        """(features,): the next frame for `step`."""
        self.output: Float32 = np.zeros(model.outputs, np.float32)
        """(outputs,): the newest answer that `step` emitted."""
        self._emitted = c_size_t()
        bound = self._bind()
        if bound is not None:
            self.step = bound  # type: ignore[method-assign, assignment]
        # Bound once: converting arguments costs more than a small model's step. Looked up by name, the function is a
        # new object without argument types, which takes these ctypes values as they are.
        self._step = self._lib["el_stream_push"]
        self._step_arguments = (
            self._handle,
            c_void_p(self.input.ctypes.data),
            c_size_t(1),
            c_void_p(self.output.ctypes.data),
            c_size_t(1),
            byref(self._emitted),
        )

    @property
    def frames(self) -> int:
        """Frames since the initial state."""
        return int(self._lib.el_stream_frames(self._handle))

    @property
    def state_bytes(self) -> int:
        """Bytes of a saved state."""
        return self.model.snapshot_bytes

    def _bind(self) -> Callable[[ArrayLike | None], bool] | None:
        """The compiled `step`, which costs a fifth of a call through ctypes; None where it was not built."""
        if Step is None:
            return None
        # It keeps what owns the memory, not this object: no cycle, so memory goes with the last name of either.
        check = partial(check_frames, features=self.model.features, names=self.model.feature_names)
        owners, release = (self._memory, self.model), self.model.frame_macs >= RELEASE_MACS
        made = Step(self._handle.value, self.input, self.output, owners, check, release)
        return made.step

    def step(self, frame: ArrayLike | None = None) -> bool:
        """Push one raw frame (features,), or the one in `input`. True when an answer was emitted: it is in `output`.

        A contiguous float32 array is read where it lies; anything else is converted into `input`. ValueError for a
        wrong shape or dtype, NaN or infinity; the stream is then untouched.
        """
        if frame is not None:
            set_frame(self.input, frame, self.model.feature_names)
        if self._step(*self._step_arguments):
            check_frames(self.input, self.model.features, self.model.feature_names)
            raise ValueError("the frame was refused")
        return self._emitted.value != 0

    def push(self, frames: ArrayLike) -> Float32:
        """Push raw frames (T, features) or one (features,) → the answers emitted, (answers, outputs).

        ValueError for a wrong shape or dtype, NaN or infinity; the stream is then untouched.
        """
        array = check_frames(frames, self.model.features, self.model.feature_names)
        due = self._lib.el_stream_answers(self._handle, len(array))
        answers = np.empty((due, self.model.outputs), np.float32)
        status = self._lib.el_stream_push(self._handle, array.ctypes.data, len(array), answers.ctypes.data, due, None)
        if status != core.OK:
            raise ValueError(core.message(status))
        return answers

    def answer(self) -> Float32:
        """The answer as of the newest frame, (outputs,). ValueError before the first frame."""
        result = np.empty(self.model.outputs, np.float32)
        status = self._lib.el_stream_answer(self._handle, result.ctypes.data)
        if status != core.OK:
            raise ValueError(core.message(status))
        return result

    def reset(self) -> None:
        """Back to the initial state."""
        self._lib.el_stream_reset(self._handle)

    def save(self) -> bytes:
        """The state as bytes: the same on every machine, bound to this model."""
        snapshot = ctypes.create_string_buffer(self.model.snapshot_bytes)
        status = self._lib.el_stream_save(self._handle, snapshot, len(snapshot))
        if status != core.OK:
            raise ValueError(core.message(status))
        return snapshot.raw

    def restore(self, snapshot: bytes) -> None:
        """Go on from a saved state. ValueError when it is damaged or another model's; nothing changes then."""
        status = self._lib.el_stream_restore(self._handle, snapshot, len(snapshot))
        if status != core.OK:
            raise ValueError(f"snapshot: {core.message(status)}")

    def layer_states(self) -> list[tuple[NDArray[np.generic], NDArray[np.generic]]]:
        """(h, c) of each LSTM layer, (H,) each: int8 and int16, or float32. For proofs and for looking inside."""
        h_type, c_type = (np.int8, np.int16) if self.model.precision == "int8" else (np.float32, np.float32)
        snapshot, at, states = self.save(), 64, []
        for units in self.model.lstm_units:
            h = np.frombuffer(snapshot, np.dtype(h_type).newbyteorder("<"), units, at)
            at += h.nbytes
            c = np.frombuffer(snapshot, np.dtype(c_type).newbyteorder("<"), units, at)
            at += c.nbytes
            states.append((h, c))
        return states
