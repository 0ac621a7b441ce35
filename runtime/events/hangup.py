"""SIGHUP, noted until somebody looks. The standard library only: it is there before anything is read."""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Self


class Hangup:
    """Within, SIGHUP ends nothing, and `is_due` says that it has come."""

    def __init__(self) -> None:
        self.is_due = False

    def __enter__(self) -> Self:
        self._is_main = threading.current_thread() is threading.main_thread()
        if self._is_main:
            self._before = signal.signal(signal.SIGHUP, lambda *_: self._note())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_main:
            signal.signal(signal.SIGHUP, self._before)

    def _note(self) -> None:
        self.is_due = True
