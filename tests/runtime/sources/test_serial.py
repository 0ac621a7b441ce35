"""A serial port, for which a pseudo-terminal stands behind a link: the kernel knows no other difference."""

from __future__ import annotations

import errno
import grp
import os
import select

import pytest

from edgelstm.runtime.sources import outage
from edgelstm.runtime.sources.open import open_source
from edgelstm.runtime.sources.serial_port import Serial
from edgelstm.runtime.sources.source import FrameFormat
from plug import Plug

FORM = FrameFormat(3, ("x", "y", "z"))


@pytest.fixture
def plug(tmp_path, monkeypatch):
    monkeypatch.setattr(outage, "AGAIN", 0.01)
    made = Plug(tmp_path / "port")
    yield made
    made.pull_out()


def serial(plug, form=FORM):
    return open_source("serial", str(plug.path), form)


def test_lines_are_frames_and_nothing_is_sent_back(plug):
    with serial(plug) as source:
        plug.send("8,9\r\n1,2,3\r\n\r\n4,5,6\r\n")
        frames = iter(source)
        assert [next(frames).tolist() for _ in range(2)] == [[1, 2, 3], [4, 5, 6]]
        assert not select.select([plug.near], [], [], 0.05)[0]  # a port in line mode would echo
        assert source.place == f"{plug.path} line 3"
        assert source.take_gap() is None


def test_a_port_that_was_pulled_out_is_waited_for_and_its_columns_stay(plug, monkeypatch):
    told = []

    def tell(line):
        told.append(line)
        if len(told) == 1:
            plug.put_in()
            plug.send("in the midst\n9,8,7,3\n")

    with serial(plug) as source:
        source.tell = tell
        plug.send("z,y,x,t\n3,2,1,0\n")
        frames = iter(source)
        assert next(frames).tolist() == [1, 2, 3]
        plug.send("6,5,4,1\n9,9")  # a line that never ends
        assert next(frames).tolist() == [4, 5, 6]
        # What waits when a port is opened is old and goes; here it has to stay.
        monkeypatch.setattr("termios.tcflush", lambda *_: None)
        plug.pull_out()
        assert next(frames).tolist() == [7, 8, 9]
        gap = source.take_gap()
        assert gap.why == "was away"
        assert gap.seconds >= 0
        assert source.take_gap() is None
    assert told[0].startswith(f"{plug.path}: the device has gone; trying every")
    assert told[1].startswith(f"{plug.path}: back after")


def test_a_header_may_come_again_and_another_one_counts_after_a_new_start(plug):
    with serial(plug) as source:
        frames = iter(source)
        plug.send("z,y,x\n3,2,1\nz,y,x\n6,5,4\n")
        assert [next(frames).tolist() for _ in range(2)] == [[1, 2, 3], [4, 5, 6]]


def test_a_speed_that_there_is_not(plug):
    problem = "12345 baud, expected a speed that this system has, such as 115200"
    with pytest.raises(ValueError, match=problem), open_source(Serial(baud=12345), str(plug.path), FORM):
        pass


def test_a_port_is_read_by_one_program_alone(plug):
    """Of two each would get a part of the lines."""
    with (
        serial(plug),
        pytest.raises(OSError, match="busy, another program reads it; fuser -v names it"),
        serial(plug),
    ):
        pass
    with serial(plug):
        pass


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (errno.EBUSY, "busy, another program reads it; fuser -v names it"),
        (errno.ENOENT, "no such port; ls /dev/serial/by-id names those that are there"),
    ],
)
def test_a_port_that_cannot_be_opened_is_one_sentence(plug, monkeypatch, number, problem):
    def refuse(path, *_):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match=problem) as caught, serial(plug):
        pass
    assert caught.value.filename == str(plug.path)


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        (
            0o620,
            "permission denied, its group GROUP may not read it either; expected rights such as 0660, by a udev rule",
        ),
        (0o660, "permission denied, expected a user of the group GROUP"),
    ],
)
def test_whom_a_port_lets_in_is_said(plug, monkeypatch, mode, problem):
    def refuse(path, *_):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    plug.path.chmod(mode)
    try:
        group = grp.getgrgid(plug.path.stat().st_gid).gr_name
    except KeyError:
        group, problem = "dialout", "permission denied, expected a user of the group GROUP"
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError, match=problem.replace("GROUP", group)), serial(plug):
        pass


def test_what_is_no_port_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("1,2,3\n")
    with (
        pytest.raises(ValueError, match="file: no serial port, expected one such as /dev/ttyUSB0"),
        open_source("serial", str(path), FORM),
    ):
        pass


def test_a_model_of_texts_takes_no_serial_port(plug):
    with (
        pytest.raises(ValueError, match="serial: gives CSV or NDJSON, expected a model"),
        serial(plug, FrameFormat(3, ("a", "b", "c"), "text")),
    ):
        pass
