"""Many streams over one `.elstm` model, stepped together so that weights are read once for all."""

from __future__ import annotations

from ctypes import byref, c_void_p

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgelstm.runtime.answering import Answering
from edgelstm.runtime.engines import library as core
from edgelstm.runtime.engines.elstm_file import ElstmFile
from edgelstm.runtime.engines.elstm_stream import Stream
from edgelstm.runtime.engines.guard import new_guard
from edgelstm.runtime.frame import Float32, not_finite


class Pool:
    """`len(pool)` streams over one model. `pool[n]` is the n-th: a `Stream`, reset, saved, restored and asked alone.

    A row of `push` gives what that stream alone would give, bit for bit. A pool and its streams belong to one thread
    at a time: RuntimeError while another is inside.
    """

    def __init__(self, model: ElstmFile, streams: int, answering: Answering, memory_limit: int | None = None) -> None:
        if streams < 1:
            raise ValueError(f"streams: {streams}, expected at least 1")
        self.model = model
        self._core = core.library()
        asked, each = model.core_answer(answering), model.stream_size(answering)
        size = self._core.el_pool_size(model.handle, asked, streams) if streams < 1 << 32 else 0
        limit = 1 << 48 if memory_limit is None else memory_limit
        if not 0 < size <= limit:
            needed = size or 64 + streams * each
            raise ValueError(f"{model.path}: {streams} streams take {needed} bytes, the memory limit is {limit}")
        self._memory = core.aligned(size)
        self._handle = c_void_p()
        at = self._memory.ctypes.data
        status = self._core.el_pool_init(at, size, model.handle, asked, streams, byref(self._handle))
        core.check(status, f"{model.path}: ")
        inside = (c_void_p(self._core.el_pool_stream(self._handle, n)) for n in range(streams))
        self._guard = new_guard("pool")
        self._streams = tuple(Stream(model, answering, (self._memory, handle, self._guard)) for handle in inside)

    def __len__(self) -> int:
        return len(self._streams)

    def __getitem__(self, index: int) -> Stream:
        return self._streams[index]

    @property
    def memory_bytes(self) -> int:
        """Bytes of C memory that the pool takes."""
        return int(self._memory.size)

    def push(self, frames: ArrayLike, mask: ArrayLike | None = None) -> tuple[Float32, NDArray[np.bool_]]:
        """One raw frame into each stream: (streams, features), and mask (streams,), true where a stream has one.

        Returns the answers (streams, outputs), NaN where there is none, and (streams,) which rows hold one. Rows
        whose mask is false are not looked at. ValueError for a wrong shape or dtype, NaN or infinity; no stream
        has moved then.
        """
        given = np.asarray(frames)
        wanted = (len(self), self.model.features)
        if given.dtype.kind not in "fiu":
            raise ValueError(f"frames: dtype {given.dtype}, expected real numbers")
        if given.shape != wanted:
            raise ValueError(f"frames: shape {given.shape}, expected {wanted} (streams, features)")
        has_frame = np.ones(len(self), np.bool_) if mask is None else np.asarray(mask)
        if has_frame.shape != (len(self),) or has_frame.dtype != np.bool_:
            raise ValueError(
                f"mask: {has_frame.dtype} of shape {has_frame.shape}, expected bool of shape ({len(self)},)"
            )
        has_frame = np.ascontiguousarray(has_frame)
        with np.errstate(over="ignore", invalid="ignore"):
            array = np.ascontiguousarray(given, np.float32)
        answers = np.full((len(self), self.model.outputs), np.nan, np.float32)
        answered = np.zeros(len(self), np.bool_)
        with self._guard:
            status = self._core.el_pool_push(
                self._handle, array.ctypes.data, has_frame.ctypes.data, answers.ctypes.data, answered.ctypes.data
            )
        if status == core.NOT_FINITE:
            n, feature = np.argwhere(~np.isfinite(array) & has_frame[:, None])[0]
            raise not_finite(f"stream {n}", int(feature), given[n, feature], self.model.feature_names)
        core.check(status)
        return answers, answered
