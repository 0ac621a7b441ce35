"""What systemd hears, and what the journal does."""

from __future__ import annotations

import os
import socket
import time

import numpy as np

from edgelstm.runtime.counts import Counts
from edgelstm.runtime.gaps import Gaps
from edgelstm.runtime.heartbeat import Heartbeat, notify, status, watchdog
from edgelstm.runtime.sources.source import Gap


def test_the_limit_is_that_of_this_process():
    assert watchdog({"WATCHDOG_USEC": "2000000"}) == 2
    assert watchdog({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}) == 2
    assert watchdog({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}) == 0
    assert watchdog({}) == watchdog({"WATCHDOG_USEC": "soon"}) == 0


def test_a_name_without_a_path_is_one_too():
    name = f"edgelstm-test-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}")
        manager.settimeout(30)
        notify("READY=1", {"NOTIFY_SOCKET": f"@{name}"})
        assert manager.recv(100) == b"READY=1"


def test_where_nobody_listens_nothing_is_said(tmp_path):
    told = []
    beat = Heartbeat(lambda: "well", told.append, environment={}).beat
    for _ in range(100):
        beat()
    Heartbeat(lambda: "well", told.append, environment={"NOTIFY_SOCKET": str(tmp_path / "gone")}).beat()
    assert told == []


def test_the_journal_hears_now_and_then():
    told = []
    heart = Heartbeat(lambda: "well", told.append, 1e-9, environment={})
    heart.beat()
    assert told == ["well"]


def test_the_status_is_one_line():
    gaps = Gaps(50.0)
    gaps.between(Gap("was away", 2.5), None, np.zeros(1, np.float32))
    counts = Counts(3, 2, 1) + Counts(dropped=1)
    expected = "1,234 frames, 1 gap (2.5 s), 3 lines not readable, 3 dropped, 1 reconnection"
    assert status(1234, gaps, counts) == expected
    gaps.between(Gap("too slow"), None, np.zeros(1, np.float32))
    missing = "2 gaps (2.5 s, 1 of unknown length)"
    expected = f"1,234 frames, {missing}, 0 dropped, 0 reconnections, no connection to the broker"
    assert status(1234, gaps, Counts(away=1)) == expected
    assert gaps.words == "2 gaps, 2.5 s missing, 1 of unknown length, begun anew 2 times"


def test_where_no_length_is_known_none_is_said():
    gaps = Gaps(50.0)
    gaps.between(Gap("too slow"), None, np.zeros(1, np.float32))
    assert gaps.words == "1 gap, of unknown length, begun anew 1 time"
    assert gaps.length == "unknown length"
