"""`edgelstm stream` in real processes: live pipes, signals, closed streams, terminals."""

import json
import os
import pty
import signal
import subprocess
import sys

import numpy as np
import pytest

from edgelstm.runtime import Model as RuntimeModel
from stream_models import COMMAND, start, write_models

MINUTE = 60


@pytest.fixture
def files(tmp_path):
    return write_models(tmp_path)


def test_a_live_pipe_is_answered_frame_by_frame(files):
    with start(files, "model.elstm") as process:
        for frame in (1, 2, 3):
            process.stdin.write(b"1,2,3\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["frame"] == frame  # else this waits for ever
        process.stdin.close()
        assert process.wait(MINUTE) == 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_quietly_by_that_signal_with_the_state_saved(files, number):
    with start(files, "model.elstm", "--state", "s.state") as process:
        process.stdin.write(b"[1,2,3]\n[4,5,6]\n")
        process.stdin.flush()
        answers = [process.stdout.readline() for _ in range(2)]
        process.send_signal(number)
        assert process.wait(MINUTE) == -number
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")
    assert json.loads(answers[1])["frame"] == 2
    stream = RuntimeModel(files / "model.elstm").stream()
    stream.push(np.array([[1, 2, 3], [4, 5, 6]], np.float32))
    assert (files / "s.state").read_bytes().startswith(stream.save())


@pytest.mark.parametrize("event_file", [[], ["--event-file", "none"]])
def test_a_hangup_that_is_ignored_or_read_anew_ends_nothing(files, event_file):
    if event_file:
        (files / "none").write_text("# no event\n")
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL if event_file else signal.SIG_IGN)  # as nohup has it
    try:
        process = start(files, "model.elstm", *event_file)
    finally:
        signal.signal(signal.SIGHUP, before)
    with process:
        for frame in (1, 2):
            process.stdin.write(b"1,2,3\n")
            process.stdin.flush()
            while json.loads(process.stdout.readline())["frame"] < frame:
                pass
            process.send_signal(signal.SIGHUP)
        process.stdin.close()
        assert process.wait(MINUTE) == 0


def test_a_signal_ends_a_paced_stream_that_sleeps(files):
    rows = "1,2,3\n" * 3000  # a minute at 50 Hz
    (files / "long.csv").write_text(rows)
    with start(files, "model.elstm", "long.csv", "--rate") as process:
        assert process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(MINUTE) == -signal.SIGTERM
        assert process.stderr.read() == b""
    assert rest.count(b"\n") < 2999
    assert rest == b"" or rest.endswith(b"}\n")


def test_a_signal_ends_it_while_nobody_reads(files):
    """The pipe is full and the writer waits; a signal must still get through."""
    (files / "long.csv").write_text("1,2,3\n" * 3000)
    with start(files, "model.elstm", "long.csv", "--state", "s.state") as process:
        assert process.stdout.read(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(MINUTE) == -signal.SIGTERM
        assert process.stderr.read() == b""
    assert (files / "s.state").exists()


def test_a_reader_that_leaves_ends_it_with_0(files):
    (files / "long.csv").write_text("1,2,3\n" * 3000)  # more answers than a pipe holds
    with start(files, "model.elstm", "long.csv", "--state", "s.state") as process:
        assert json.loads(process.stdout.readline())["frame"] == 1
        process.stdout.close()
        assert process.wait(MINUTE) == 0
        assert process.stderr.read() == b""
    assert (files / "s.state").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_stdin_or_stdout_is_named(files, closed):
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, "model.elstm"]
    done = subprocess.run(shell, cwd=files, input=b"1,2,3\n", capture_output=True, timeout=MINUTE)
    assert done.returncode == 2
    assert b"is closed" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_ctrl_c_on_a_terminal_ends_it_quietly(files):
    """A real terminal: typed frames are answered, Ctrl-C ends."""
    leader, follower = pty.openpty()
    own_terminal = (
        "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    program = [sys.executable, "-c", own_terminal, *COMMAND, "model.elstm"]
    with subprocess.Popen(
        program, cwd=files, stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        os.close(follower)
        assert b"Ctrl-D ends" in process.stderr.readline()
        os.write(leader, b"1,2,3\n")
        assert json.loads(process.stdout.readline())["frame"] == 1
        os.write(leader, b"\x03")
        assert process.wait(MINUTE) == -signal.SIGINT
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")
    os.close(leader)


def test_ctrl_d_on_a_terminal_is_the_end_of_input(files):
    leader, follower = pty.openpty()
    with start(files, "end.elstm", stdin=follower) as process:
        os.close(follower)
        process.stderr.readline()
        os.write(leader, b"1,2,3\n\x04")
        assert process.wait(MINUTE) == 0
        assert json.loads(process.stdout.read())["frame"] == 1
    os.close(leader)
