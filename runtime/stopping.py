"""A quiet end by a signal, at a moment when nothing is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopSignal(BaseException):
    """SIGINT, SIGTERM or SIGHUP has come: end quietly."""

    def __init__(self, number: int):
        self.number = number

    @contextmanager
    def waits_at_most(self, seconds: float) -> Iterator[None]:
        """It comes once more where the block takes longer, such as a write that nobody reads."""
        before = signal.signal(signal.SIGALRM, lambda *_: _Held.stop(self.number))
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


class _Held:
    """Whether a signal has to wait, and which one does."""

    is_on = False
    number = 0

    @classmethod
    def stop(cls, number: int) -> None:
        if not cls.is_on:
            raise StopSignal(number)
        cls.number = number


@contextmanager
def stop_signals() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a StopSignal, wherever the program waits; a second one kills.

    SIGHUP that something else is done at, or nothing (nohup), stays so. A terminal that closes may send two: behind
    one that has stopped it others are ignored, until `end_by`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        if number == signal.SIGHUP:
            before[signal.SIGHUP] = signal.SIG_IGN
            signal.signal(number, signal.SIG_IGN)
        _Held.stop(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        before[signal.SIGHUP] = signal.SIG_DFL
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """A StopSignal waits for the end of this block, which waits for nothing itself."""
    _Held.is_on = True
    try:
        yield
    finally:
        _Held.is_on = False
        number, _Held.number = _Held.number, 0
    if number:
        raise StopSignal(number)


def end_by(number: int) -> None:
    """End this process by that signal, as one that never caught it: shells and systemd see a clean stop."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
