"""One thread at a time in a stream: the interpreter's lock is released while engines run, and their memory is not
made for two."""

from __future__ import annotations

from threading import RLock
from typing import Protocol

try:
    from edgelstm.runtime._step import Guard as CompiledGuard
except ImportError:  # built without Python's headers, or another Python than CPython
    CompiledGuard = None  # type: ignore[assignment, misc]


class Guard(Protocol):
    """`with guard:` RuntimeError, at once, while another thread is inside."""

    def __enter__(self) -> object: ...

    def __exit__(self, *error: object) -> None: ...


class LockGuard:
    """The same without the compiled binding. The thread that is inside may enter again: a handler of a signal."""

    def __init__(self, what: str) -> None:
        """what: "stream" or "pool", for the error."""
        self._what = what
        self._lock = RLock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(f"{self._what} is in use by another thread")

    def __exit__(self, *error: object) -> None:
        self._lock.release()


def new_guard(what: str) -> Guard:
    return LockGuard(what) if CompiledGuard is None else CompiledGuard(what)
