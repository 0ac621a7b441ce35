"""How processes of a search end by signals, and what is said of it."""

from __future__ import annotations

import os
import signal
import threading
from types import SimpleNamespace

import pytest

from edgelstm.search import processes
from edgelstm.training import workers


@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.default_int_handler])
def test_what_ignores_ctrl_c_has_workers_that_do(monkeypatch, before):
    """As a shell starts what stands before &; the group's SIGINT would end the workers alone."""
    monkeypatch.setenv("EDGELSTM_THREADS", "1")
    monkeypatch.setattr(workers, "parent_process", lambda: SimpleNamespace(sentinel=0))
    monkeypatch.setattr(workers, "Thread", lambda **_: SimpleNamespace(start=lambda: None))
    kept = signal.signal(signal.SIGINT, before)
    try:
        workers.begin_worker(1)
        found = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, kept)
    assert found == (signal.SIG_IGN if before == signal.SIG_IGN else signal.SIG_DFL)


def test_ctrl_c_waits_until_processes_are_begun():
    """One whose orders were cut short said so, with a traceback. Another thread, which blocks nothing, takes it."""
    kept, done, over = signal.signal(signal.SIGINT, signal.default_int_handler), [], threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    heard, told = os.pipe()
    os.set_blocking(told, False)
    told_before = signal.set_wakeup_fd(told)

    def begin():
        with workers.none_half_begun():
            signal.pthread_kill(other.ident, signal.SIGINT)
            os.read(heard, 1)  # it has come; Python's handler runs before the next line
            done.append("begun")

    try:
        with pytest.raises(KeyboardInterrupt):
            begin()
    finally:
        over.set()
        other.join()
        signal.set_wakeup_fd(told_before)
        signal.signal(signal.SIGINT, kept)
        os.close(heard)
        os.close(told)
    assert done == ["begun"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_memory_is_spoken_of_only_where_it_may_be_short():
    assert "most likely for memory" in processes.killed([-signal.SIGKILL, 1])
    said = processes.killed([-signal.SIGINT, -signal.SIGKILL, -signal.SIGINT, -signal.SIGTERM])
    assert said == "every worker was ended, by SIGINT and SIGTERM; the same command goes on"
