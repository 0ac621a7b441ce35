"""Sources of frames: each kind ends, or does not, as its own nature has it."""

import io
import os
import sys
import threading
import wave

import numpy as np
import pytest

from edgelstm.runtime.sources import waiting
from edgelstm.runtime.sources.open import SOURCES, open_source
from edgelstm.runtime.sources.source import FrameFormat
from edgelstm.runtime.sources.text import TextSource

FORM = FrameFormat(3, ("x", "y", "z"))
LINES = "1,2,3\n4,5,6\n"
TEXT = [name for name, kind in SOURCES.items() if not kind.is_sound and not kind.is_device]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "frames.csv"
    path.write_text(LINES)
    return path


def where(kind, file, monkeypatch):
    if kind == "stdin":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
        return "-"
    return f"cat '{file}'" if kind == "program" else str(file)


@pytest.mark.parametrize("kind", TEXT)
def test_every_kind_gives_the_same_frames_and_says_where_they_came_from(kind, file, monkeypatch):
    with open_source(kind, where(kind, file, monkeypatch), FORM) as source:
        found = [(source.place, frame) for frame in source]
    np.testing.assert_array_equal([frame for _, frame in found], [[1, 2, 3], [4, 5, 6]])
    assert [place for place, _ in found] == [f"{source.name} line 1", f"{source.name} line 2"]


def test_what_is_told_before_somebody_listens_is_heard():
    """A connection's own thread may know that a password is wrong before the source has been handed over."""
    told = []
    source = TextSource(io.BytesIO(), "sensor", FORM)
    source.tell("early")
    source.tell = told.append
    source.tell("late")
    assert told == ["early", "late"]


@pytest.mark.parametrize("kind", TEXT)
def test_every_kind_names_the_line_that_is_no_frame(kind, file, monkeypatch):
    file.write_text(LINES + "7,8,nine\n")
    with (
        open_source(kind, where(kind, file, monkeypatch), FORM) as source,
        pytest.raises(ValueError, match=rf"^{source.name} line 3, column 3 \(z\): 'nine' is not a number$"),
    ):
        list(source)


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="source: 'radio', expected one of stdin, file, "):
        open_source("radio", "", FORM)


@pytest.mark.parametrize("kind", ["file", "feed", "wav", "serial"])
def test_a_file_that_is_not_there(kind, tmp_path):
    with pytest.raises(FileNotFoundError), open_source(kind, str(tmp_path / "none"), FORM):
        pass


def test_a_feed_from_a_named_pipe_outlives_its_writers(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with open_source("feed", str(pipe), FORM) as source:
        frames = iter(source)
        for frame in ([1, 2, 3], [4, 5, 6]):
            with pipe.open("w") as writer:  # which leaves after each line
                writer.write(",".join(map(str, frame)) + "\n")
            assert next(frames).tolist() == frame


def test_a_feed_from_a_device_begins_with_a_whole_line_and_fails_when_it_goes():
    """A terminal stands for a serial port: it is one to the kernel."""
    try:
        near, far = os.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminals here: {error}")  # as in a root without /dev/pts

    def stream(found):
        with open_source("feed", os.ttyname(far), FORM) as source:
            os.write(near, b"7,3\n" + LINES.encode())
            for frame in source:
                found.append(frame.tolist())
                if len(found) == 2:
                    os.close(far)
                    os.close(near)

    found = []
    with pytest.raises(ValueError, match="the device has gone"):
        stream(found)
    assert found == [[1, 2, 3], [4, 5, 6]]


def test_a_program_that_fails_is_an_error_after_its_frames():
    with (
        pytest.raises(ValueError, match="sh: ended with 3"),
        open_source("program", f"sh -c 'printf \"{LINES}\"; exit 3'", FORM) as source,
    ):
        assert len(list(source)) == 2


def test_a_program_is_stopped_when_nobody_wants_more_of_it(tmp_path):
    stopped = tmp_path / "stopped"
    script = f"trap 'touch {stopped}; exit' TERM; while :; do echo 1,2,3; sleep 0.01; done"

    def stream():
        with open_source("program", f'sh -c "{script}"', FORM) as source:
            next(iter(source))
            raise KeyboardInterrupt  # as a signal ends it, in the midst

    with pytest.raises(KeyboardInterrupt):
        stream()
    assert stopped.exists()


def from_device(first, rest="4,5,6\n"):
    """The frames that a device gives whose first bytes since it was opened are these."""
    stream = io.BytesIO((first + rest).encode())
    return [frame.tolist() for frame in TextSource(stream, "device", FORM, in_midst=True)]


@pytest.mark.parametrize(
    ("first", "frame"),
    [
        ("7,3\n", [4, 5, 6]),  # the rest of a frame
        ("1,2,3\n", [4, 5, 6]),  # which may look whole
        ("\n", [4, 5, 6]),
        ("\ufffd\x00\n", [4, 5, 6]),
        ("x,y,z\n", [4, 5, 6]),
        ("z,x,y\n", [5, 6, 4]),  # a whole header is one
        ("y\tz\tx\n", None),
        ("y,z\n", [4, 5, 6]),  # the end of a header in the model's order
        ("ime,x,y,z\n", None),
    ],
)
def test_what_a_device_sends_first_is_a_header_or_dropped(first, frame):
    if frame is not None:
        assert from_device(first) == [frame]
    elif "\t" in first:
        assert from_device(first, "4\t5\t6\n") == [[6, 4, 5]]
    else:  # with a column more, found by the header
        assert from_device(first, "0,4,5,6\n") == [[4, 5, 6]]


@pytest.mark.parametrize("first", ["z,y\n", "e,y,x\n", "ax,z,time\n"])
def test_the_end_of_a_header_in_another_order_is_refused(first):
    with pytest.raises(ValueError, match=r"^device line 1: the end of a header that names [^\n]*$"):
        from_device(first)


class SilenceError(Exception):
    """What waits has said so."""


def take(source, found, begin):
    begin()  # once it is open: a port forgets what came before
    for frame in source:
        found.append(frame)


def sound(samples):
    """As a program streams it, who does not know the length."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return out.getvalue()[:40] + b"\xff" * 4 + out.getvalue()[44:]


SYMBOLS = FrameFormat(2, ("a", "b"), "text")
SOUND = FrameFormat(1, ("sound",))
SAMPLES = np.arange(1, 1004)  # more than two pieces and no whole number of them


@pytest.mark.parametrize(
    ("kind", "way", "form", "sent", "expected"),
    [
        ("stdin", "pipe", FORM, LINES.encode(), [[1, 2, 3], [4, 5, 6]]),
        ("stdin", "pipe", SYMBOLS, b"ab", [[1, 0], [0, 1]]),
        ("file", "fifo", FORM, LINES.encode(), [[1, 2, 3], [4, 5, 6]]),
        ("feed", "fifo", FORM, LINES.encode(), [[1, 2, 3], [4, 5, 6]]),
        ("program", "cat", FORM, LINES.encode(), [[1, 2, 3], [4, 5, 6]]),
        ("serial", "port", FORM, b"half a line\n" + LINES.encode(), [[1, 2, 3], [4, 5, 6]]),
        ("wav", "pipe", SOUND, sound(SAMPLES), SAMPLES[:, None]),
        ("wav", "fifo", SOUND, sound(SAMPLES), SAMPLES[:, None]),
        ("wav", "pipe", SOUND, sound(SAMPLES) + b"\1", SAMPLES[:, None]),
    ],
)
def test_whatever_waits_says_so_when_it_has_given_all_that_came(
    kind, way, form, sent, expected, tmp_path, monkeypatch
):
    """Its stream is saved then. Microphones and brokers have tests of their own."""
    monkeypatch.setattr(waiting, "EVERY", 0.01)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    theirs, where = -1, {"fifo": str(fifo), "cat": f"cat '{fifo}'", "pipe": "-"}.get(way, "")
    if way in ("fifo", "cat"):
        ours = os.open(fifo, os.O_RDWR)
        theirs = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    elif way == "pipe":
        theirs, ours = os.pipe()
        monkeypatch.setattr(sys, "stdin", os.fdopen(theirs, closefd=False))
    else:
        ours, theirs = os.openpty()
        where = os.ttyname(theirs)
    end = threading.Timer(20, os.close, [ours])  # not waited for: one that says nothing would wait for ever
    end.start()
    found = []

    def idle():
        if len(found) >= len(expected):
            raise SilenceError

    try:
        if way != "port":
            os.write(ours, sent)
        with pytest.raises(SilenceError), open_source(kind, where, form, idle=idle) as source:
            take(source, found, lambda: way == "port" and os.write(ours, sent))
    finally:
        end.cancel()
        os.close(ours)
        os.close(theirs)
    np.testing.assert_array_equal(found, expected)
