"""How processes of a search end by signals, and what is said of it."""

from __future__ import annotations

import signal
from types import SimpleNamespace

import pytest

from edgelstm.search import processes
from edgelstm.training import crossvalidation


@pytest.mark.parametrize("module", [processes, crossvalidation])
@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.default_int_handler])
def test_what_ignores_ctrl_c_has_workers_that_do(monkeypatch, module, before):
    """As a shell starts what stands before &; the group's SIGINT would end the workers alone."""
    monkeypatch.setenv("EDGELSTM_THREADS", "1")
    monkeypatch.setattr(module, "parent_process", lambda: SimpleNamespace(sentinel=0))
    monkeypatch.setattr(module, "Thread", lambda **_: SimpleNamespace(start=lambda: None))
    begin = module.begin_worker if module is processes else module._begin_worker
    kept = signal.signal(signal.SIGINT, before)
    try:
        begin(1)
        found = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, kept)
    assert found == (signal.SIG_IGN if before == signal.SIG_IGN else signal.SIG_DFL)


def test_memory_is_spoken_of_only_where_it_may_be_short():
    assert "most likely for memory" in processes.killed([-signal.SIGKILL, 1])
    said = processes.killed([-signal.SIGINT, -signal.SIGKILL, -signal.SIGINT, -signal.SIGTERM])
    assert said == "every worker was ended, by SIGINT and SIGTERM; the same command goes on"
