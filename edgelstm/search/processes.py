"""A search in several processes of one machine."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from multiprocessing import connection, get_context
from typing import TYPE_CHECKING

from edgelstm.training.workers import begin_worker, none_half_begun

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

_TOLD_SECONDS = 0.5
_MOST_BYTES = 1 << 16
_GOES_ON = "the same command goes on"


def side_by_side(work: Callable[[], None], count: int, threads: int, told: Callable[[], None]) -> None:
    """`work`, which pickles, in `count` processes, until all have ended. told: called now and then meanwhile.

    ValueError, one line, where none came to its end; what one was at that was killed another takes up.
    """
    context = get_context("spawn")  # threads of libraries do not survive a fork
    with ExitStack() as stack:
        workers, receivers = [], []
        with none_half_begun():
            for _ in range(count):
                receiver, sender = context.Pipe(duplex=False)
                worker = context.Process(target=_work, args=(work, threads, sender))
                worker.start()
                sender.close()
                stack.callback(_end, worker)
                workers.append(worker)
                receivers.append(receiver)
        while any(worker.is_alive() for worker in workers):
            connection.wait([worker.sentinel for worker in workers if worker.is_alive()], _TOLD_SECONDS)
            told()
        if all(worker.exitcode for worker in workers):
            said = [text for text in map(_said, receivers) if text]
            raise ValueError(said[-1] if said else killed([worker.exitcode or 0 for worker in workers]))


def _work(work: Callable[[], None], threads: int, sender: Connection) -> None:
    begin_worker(threads)
    try:
        work()
    except Exception as error:
        sender.send_bytes(explained(error).encode())
        sys.exit(1)


def explained(error: Exception) -> str:
    """One line."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    return " ".join(str(error).split()) or type(error).__name__


def killed(codes: Sequence[int]) -> str:
    """Why no worker came to its end, by what each exited with: -number of a signal. Memory that is short ends a
    process by SIGKILL, anybody else mostly by another one."""
    others = sorted({-code for code in codes if code < 0 and code != -signal.SIGKILL})
    if not others:
        return f"every worker was killed, most likely for memory: fewer need less; {_GOES_ON}"
    names = {int(one): one.name for one in signal.Signals}
    told = " and ".join(names.get(number, f"signal {number}") for number in others)
    return f"every worker was ended, by {told}; {_GOES_ON}"


def _said(receiver: Connection) -> str:
    """What a worker that ended by itself had to say; nothing of one that was killed."""
    with suppress(EOFError, OSError):
        return receiver.recv_bytes(_MOST_BYTES).decode()
    return ""


def _end(worker: SpawnProcess) -> None:
    if worker.is_alive():
        worker.terminate()
    worker.join(5)
    if worker.is_alive():
        worker.kill()
