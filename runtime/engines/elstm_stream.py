"""Streams of the C core: the thin Python side of `el_stream`."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_void_p
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgelstm.runtime.answering import Answering
from edgelstm.runtime.engines import library as core
from edgelstm.runtime.engines.elstm_file import HEAD_BYTES, ElstmFile
from edgelstm.runtime.engines.engine import EngineStream, Step, no_answer
from edgelstm.runtime.engines.guard import Guard, new_guard
from edgelstm.runtime.engines.stepping import RELEASE_MACS, bind
from edgelstm.runtime.frame import Float32, are_frames, check_frames, check_samples


def _place(array: NDArray[Any]) -> int:
    """Where it lies; `array.ctypes.data` takes four times as long."""
    at: int = array.__array_interface__["data"][0]
    return at


class Stream(EngineStream):
    """One signal and its state. Nothing but `reset` resets it.

    For a frame at a time without any conversion: `step(frame)`, or write into `input` and call `step()`; when it
    returns True the answer is in `output`.
    """

    step: Step

    def __init__(
        self,
        model: ElstmFile,
        answering: Answering,
        pooled: tuple[NDArray[np.uint8], c_void_p, Guard] | None = None,
        threads: int = 1,
    ) -> None:
        """`pooled`: a pool's memory, the stream inside it, the pool's guard; without it, the stream has its own."""
        super().__init__(model.features, model.outputs, answering)
        self._model = model
        self._core = core.library()
        if pooled is not None:
            self._memory, self._handle, self._guard = pooled
        else:
            self._guard = new_guard("stream")
            self._memory, self._handle = core.aligned(model.stream_size(answering)), c_void_p()
            at, size, asked = self._memory.ctypes.data, self._memory.size, model.core_answer(answering)
            status = self._core.el_stream_init(at, size, model.handle, asked, byref(self._handle))
            core.check(status, f"{model.path}: ")
        self._snapshot_bytes = int(self._core.el_stream_save_size(model.handle, model.core_answer(answering)))
        self._check = partial(check_frames, features=model.features, names=model.feature_names)
        self.step, self._push = bind(
            self._handle,
            self._input,
            self._output,
            (self._memory, model),
            self._check,
            self._guard,
            release=model.frame_macs >= RELEASE_MACS,
            threads=threads,
        )

    @property
    def model(self) -> ElstmFile:
        return self._model

    @property
    def frames(self) -> int:
        return int(self._core.el_stream_frames(self._handle))

    def push(self, frames: ArrayLike) -> Float32:
        if self._push is not None:
            pushed: Float32 = self._push(frames)
            if pushed is not NotImplemented:
                return pushed
        array = frames if are_frames(frames, self._model.features) else self._check(frames)
        assert isinstance(array, np.ndarray)
        with self._guard:
            due = self._core.el_stream_answers(self._handle, len(array))
            answers = np.empty((due, self._model.outputs), np.float32)
            status = self._core.el_stream_push(self._handle, _place(array), len(array), _place(answers), due, None)
        if status == core.NOT_FINITE:
            self._check(array)  # says where
        core.check(status)
        return answers

    @property
    def keeps_samples(self) -> bool:  # type: ignore[override]
        return self._model.keeps_samples

    @property
    def waiting(self) -> int:
        return int(self._core.el_stream_waiting(self._handle))

    @property
    def waiting_samples(self) -> Float32:
        count = self.waiting
        if not count:
            return np.zeros(0, np.float32)
        room = self.save()[-4 * self._model.features :]  # the last part
        return np.frombuffer(room, "<f4", count).astype(np.float32)

    def push_samples(self, samples: ArrayLike) -> Float32:
        array = check_samples(samples)
        push = self._core.el_stream_push_i16 if array.dtype == np.int16 else self._core.el_stream_push_f32
        with self._guard:
            frames = (self.waiting + len(array)) // self._model.features
            due = self._core.el_stream_answers(self._handle, frames)
            answers = np.empty((due, self._model.outputs), np.float32)
            status = push(self._handle, _place(array), len(array), _place(answers), due, None)
        if status == core.NO_SAMPLES:
            raise ValueError(
                f"{self._model.path}: this model's frames are no samples of a sound: it takes whole frames, "
                "or samples of a sound where it is opened with samples=True"
            )
        core.check(status, f"{self._model.path}: ")
        return answers

    def answer(self) -> Float32:
        result = np.empty(self._model.outputs, np.float32)
        with self._guard:
            status = self._core.el_stream_answer(self._handle, result.ctypes.data)
        if status == core.NO_FRAMES:
            raise no_answer(self.frames, self._model.stride)
        core.check(status)
        return result

    def reset(self) -> None:
        with self._guard:
            self._core.el_stream_reset(self._handle)

    @property
    def snapshot_bytes(self) -> int:
        return self._snapshot_bytes

    def save(self) -> bytes:
        snapshot = ctypes.create_string_buffer(self._snapshot_bytes)
        with self._guard:
            core.check(self._core.el_stream_save(self._handle, snapshot, len(snapshot)))
        return snapshot.raw

    def restore(self, snapshot: bytes) -> None:
        held = bytes(snapshot)
        with self._guard:
            core.check(self._core.el_stream_restore(self._handle, held, len(held)), "snapshot: ")

    def states(self) -> dict[str, NDArray[Any]]:
        snapshot, at, found = self.save(), HEAD_BYTES, {}
        for part in self._model.parts:
            if part.layer:
                values = np.frombuffer(snapshot, np.dtype(part.dtype).newbyteorder("<"), part.count, at)
                found[part.name] = values.astype(part.dtype).reshape(part.shape)
            at += part.bytes
        return found
