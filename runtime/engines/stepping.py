"""Frames into a stream of the C core: by the compiled binding where it was built, through ctypes elsewhere.

Both answer the same. The compiled one costs a fifth of a call through ctypes.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref, c_size_t, c_void_p
from typing import Any

from numpy.typing import ArrayLike

from edgelstm.runtime.engines import library as core
from edgelstm.runtime.engines.engine import Step
from edgelstm.runtime.engines.guard import Guard
from edgelstm.runtime.frame import Float32, one_frame

try:
    from edgelstm.runtime._step import Step as CompiledStep
except ImportError:  # built without Python's headers, or another Python than CPython
    CompiledStep = None  # type: ignore[assignment, misc]

Push = Callable[[ArrayLike], Any]
"""Frames (T, features) → answers (answers, outputs); NotImplemented where `check` has to look at them."""

RELEASE_MACS = 1 << 17
"""Multiply-accumulates of a frame from which a single step releases the interpreter's lock: some microseconds.
Handing it over for less would take longer than it is kept."""


class CtypesStep:
    """`step` through ctypes. All is bound once: converting arguments costs more than a small model's step."""

    def __init__(
        self,
        handle: c_void_p,
        frame: Float32,
        answer: Float32,
        keep: object,
        check: Callable[[ArrayLike], Float32],
        guard: Guard,
    ) -> None:
        """handle: the stream; frame (features,), answer (outputs,): its buffers; keep: what owns the stream's memory;
        check: the frame as contiguous float32, or an error that names what is wrong; guard: that of the stream."""
        self._frame, self._check, self._guard = frame, check, guard
        self._keep = answer, keep
        self._emitted = c_size_t()
        # Looked up by name, the function is a new object without argument types, which takes these as they are.
        self._push = core.library()["el_stream_push"]
        buffers = (c_void_p(frame.ctypes.data), c_size_t(1), c_void_p(answer.ctypes.data), c_size_t(1))
        self._arguments = (handle, *buffers, byref(self._emitted))

    def __call__(self, frame: ArrayLike | None = None, /) -> bool:
        checked = None if frame is None else one_frame(self._check(frame))
        with self._guard:
            if checked is not None:
                self._frame[:] = checked
            status = self._push(*self._arguments)
            emitted = self._emitted.value != 0
        if status:
            self._check(self._frame)
            raise ValueError("the frame was refused")
        return emitted


def bind(
    handle: c_void_p,
    frame: Float32,
    answer: Float32,
    keep: object,
    check: Callable[[ArrayLike], Float32],
    guard: Guard,
    *,
    release: bool,
    threads: int = 1,
) -> tuple[Step, Push | None]:
    """`step` for a stream, and `push` of arrays where that is compiled; the arguments are those of `CtypesStep`,
    whether other threads run during a step, and how many share it. ImportError where there is none to share it with.

    It keeps what owns the memory, not the stream's object: no cycle, so memory goes with the last name of either.
    """
    if not isinstance(threads, int) or isinstance(threads, bool):
        raise ValueError(f"threads: {str(threads)[:40]!r}, expected a whole number from 1 on")
    if CompiledStep is None:
        if threads != 1:
            raise ImportError(f"threads: {threads}, expected 1: the compiled binding, which starts them, is missing")
        return CtypesStep(handle, frame, answer, keep, check, guard), None
    bound = CompiledStep(handle.value, frame, answer, keep, check, guard, release or threads > 1, threads)
    return bound.step, bound.push
