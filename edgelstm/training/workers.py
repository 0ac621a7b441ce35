"""Processes that train beside one another: how they begin, and that none outlives who began it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection, parent_process, resource_tracker
from threading import Thread, current_thread, main_thread
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def none_half_begun() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait while processes are started here: one that is half begun would say that its orders are
    cut short. The new ones let them wait as well, until `begin_worker`, and so say nothing of their imports."""
    resource_tracker.ensure_running()  # it lets signals in once it runs, if it is not there yet
    waiting: list[int] = []
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # which new processes inherit
    handlers = _note_in(waiting) if current_thread() is main_thread() else {}  # others have no say in handlers
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for came in waiting:
            signal.raise_signal(came)


def _note_in(waiting: list[int]) -> dict[signal.Signals, Any]:
    """Handlers that only note what comes, and those before: threads of libraries, which block nothing, take signals
    too. What is ignored stays so, for new processes as well."""
    kept = {number: signal.getsignal(number) for number in _ENDING}
    handlers = {number: handler for number, handler in kept.items() if handler not in (signal.SIG_IGN, None)}
    for number in handlers:
        signal.signal(number, lambda came, _: waiting.append(came))
    return handlers


def begin_worker(threads: int) -> None:
    """Processes share the processors: each trains with its part of the threads. Ctrl-C reaches every process of a
    terminal: this one has nothing to say then, and of a parent that ignores it, as behind &, ignores it as well.
    However the parent ends, killed too, this process does."""
    os.environ["EDGELSTM_THREADS"] = str(threads)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    parent = parent_process()
    assert parent is not None  # of every worker
    Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
