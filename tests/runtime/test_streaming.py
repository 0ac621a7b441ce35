"""Frames that have come together are pushed together: the lines that come out are those of one frame after another,
and none waits for what has not come."""

from __future__ import annotations

import io
import os
import signal
import threading
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.quantization import quantize
from edgelstm.runtime import Model, streaming
from edgelstm.runtime.changes import Changes
from edgelstm.runtime.gaps import Gaps
from edgelstm.runtime.sources.lines import StreamLines
from edgelstm.runtime.sources.source import FrameFormat, Source
from edgelstm.runtime.sources.text import TextSource
from edgelstm.runtime.stopping import StopSignal, stop_signals
from edgelstm.runtime.streaming import MOST_TOGETHER, Answers, stream_frames
from random_models import random_model, random_signal

FEATURES, RATE = 3, 50.0
FRAMES = random_signal(3 * MOST_TOGETHER + 7, FEATURES, 2)
FRAMES[[5, 90]] *= 1e4  # unusual


@pytest.fixture(scope="module", params=[1, 4])
def model(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / f"{request.param}.elstm"
    made = random_model(FEATURES, [9], [4], seed=1, frames=40, answer=Answer(hop=request.param))
    path.write_bytes(encode(quantize(replace(made, feature_range=((-3.0, 3.0),) * FEATURES))))
    return Model(path)


def text(frames=FRAMES, empty_at=()):
    """Rows with times, a hole of a second before frame 100."""
    rows = [
        f"{n / RATE + (n >= 100)!r}," + ",".join(map(str, frame)) + "\n" * (2 if n in empty_at else 1)
        for n, frame in enumerate(frames)
    ]
    return ("time,x0,x1,x2\n" + "".join(rows)).encode()


class OneByOne(Source):
    """Another source's frames, none of which is there before it is asked for."""

    def __init__(self, source):
        super().__init__(source.name)
        self._source = source
        self.take_gap = source.take_gap

    @property
    def place(self):
        return self._source.place

    def __iter__(self):
        return iter(self._source)


class Piecewise(io.RawIOBase):
    """Bytes that come in pieces of any size; `before` is called before each."""

    def __init__(self, content, before=lambda: None):
        self._content, self._before = content, before
        self._rng = np.random.default_rng(3)

    def read1(self, most):
        self._before()
        size = min(int(self._rng.integers(1, 4000)), most)
        piece, self._content = self._content[:size], self._content[size:]
        return piece


def source_of(stream):
    form = FrameFormat(FEATURES, ("x0", "x1", "x2"), sample_rate=RATE, has_time_gaps=True)
    return TextSource(stream, "stdin", form)


def streamed(model, source, limit=None, **more):
    out, stream = io.BytesIO(), model.stream()
    error = None
    try:
        stream_frames(stream, source, Answers(model, out), limit=limit, rate=0, gaps=Gaps(RATE), **more)
    except ValueError as raised:
        error = str(raised)
    return out.getvalue(), error, stream.frames, stream.save()


@pytest.mark.parametrize("limit", [None, 30, 47])
@pytest.mark.parametrize("bad_at", [None, 0, 41, 190])
def test_together_they_say_what_each_alone_does(model, limit, bad_at):
    frames = FRAMES.astype(object)
    if bad_at is not None:
        frames[bad_at, 1] = "x"
    content = text(frames)
    expected = streamed(model, OneByOne(source_of(io.BytesIO(content))), limit)
    assert limit == 1 or b'"unusual"' in expected[0] or bad_at == 0
    if bad_at is not None and limit is None:
        assert expected[1] is not None
        assert expected[1].startswith(f"stdin line {bad_at + 2}, column x1: ")
    assert streamed(model, source_of(io.BytesIO(content)), limit) == expected
    assert streamed(model, source_of(Piecewise(content)), limit) == expected


def test_they_are_pushed_together(model):
    pushed = []

    class Counted:
        def __init__(self, stream):
            self._stream = stream

        def __getattr__(self, name):
            return getattr(self._stream, name)

        def push(self, frames):
            pushed.append(len(frames))
            return self._stream.push(frames)

    content = text()
    source = source_of(io.BytesIO(content))
    stream_frames(Counted(model.stream()), source, Answers(model, io.BytesIO()), limit=None, rate=0, gaps=Gaps(RATE))
    assert pushed == [MOST_TOGETHER, 100 - MOST_TOGETHER, MOST_TOGETHER, len(FRAMES) - 100 - MOST_TOGETHER]


def test_no_frame_waits_for_one_that_has_not_come(model):
    """Whatever is read next, all whole lines before it have been taken; empty lines are none."""
    stream, content = model.stream(), text(empty_at=(3, 50, 51))
    handed, taken_in_time = [0], []

    def before():
        rows = content[: handed[0]].count(b"\n") - content[: handed[0]].count(b"\n\n") - 1
        taken_in_time.append((max(0, rows - 100 * (rows >= 100)), stream.frames))

    class Told(Piecewise):
        def read1(self, most):
            piece = super().read1(most)
            handed[0] += len(piece)
            return piece

    source = source_of(Told(content, before))
    stream_frames(stream, source, Answers(model, io.BytesIO()), limit=None, rate=0, gaps=Gaps(RATE))
    assert len(taken_in_time) > 5
    for rows, taken in taken_in_time:
        assert taken >= rows


def test_a_signal_leaves_no_frame_without_its_answer(model):
    """It comes while frames are taken: those that the stream has taken are answered."""
    out, stream = io.BytesIO(), model.stream()

    class Signalling(Answers):
        def took(self, *arguments):
            if stream.frames >= 20 and not self.count:
                os.kill(os.getpid(), signal.SIGTERM)
            super().took(*arguments)

    with pytest.raises(StopSignal), stop_signals():
        stream_frames(stream, source_of(io.BytesIO(text())), Signalling(model, out), limit=None, rate=0)
    assert stream.frames == MOST_TOGETHER
    assert out.getvalue().count(b"\n") == MOST_TOGETHER // model.hop


def test_a_signal_between_a_frame_and_its_place_leaves_neither(model):
    class Stopped(TextSource):
        @property
        def mark(self):
            if super().mark == 31:  # a line of 30 frames' table
                raise StopSignal(signal.SIGTERM)
            return super().mark

    source = source_of(io.BytesIO(text()))
    source.__class__ = Stopped
    out, stream = io.BytesIO(), model.stream()
    with pytest.raises(StopSignal):
        stream_frames(stream, source, Answers(model, out), limit=None, rate=0)
    assert stream.frames == 29
    assert out.getvalue().count(b"\n") == 29 // model.hop


def test_a_signal_ends_it_where_nobody_reads(model, monkeypatch):
    """It comes while frames are taken, whose answers find no room."""
    monkeypatch.setattr(streaming, "PATIENCE", 0.05)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while os.write(writing, bytes(4096)):
            pass
    os.set_blocking(writing, True)
    given_up = threading.Timer(30, os.close, [reading])  # BrokenPipeError instead of no end
    given_up.start()

    class Signalling(Answers):
        def took(self, *arguments):
            if not self.count:
                signal.raise_signal(signal.SIGTERM)
            super().took(*arguments)

    stream = model.stream()
    with os.fdopen(writing, "wb", buffering=0) as out, pytest.raises(StopSignal), stop_signals():
        stream_frames(stream, source_of(io.BytesIO(text())), Signalling(model, out), limit=None, rate=0)
    given_up.cancel()
    os.close(reading)
    assert stream.frames == MOST_TOGETHER


def test_lines_are_those_of_a_file_in_whatever_pieces_they_come():
    content = b"a\n\nbcd\r\n" + b"x" * 5000 + b"\n" + b"y" * 9 + b"\nlast"
    for limit in (4, 7, 100, 6000):
        file, lines = io.BytesIO(content), StreamLines(Piecewise(content))
        while expected := file.readline(limit):
            assert lines.readline(limit) == expected
        assert lines.readline(limit) == b""


def test_changes_are_the_same_in_whatever_parts_frames_come():
    def told(parts):
        changes = Changes(FEATURES, [0, 2], [0, 1, 2], stride=4)
        entered, values = [], []
        for part in parts:
            entered.append(changes.enter(part))
            changes.took(part)
            values.append(changes.values(np.ones(3, np.float32)))
        return np.concatenate(entered), values[-1], changes.save()

    frames = FRAMES[:30]
    expected = told(frames[:, None])
    for cuts in ([30], [1, 2, 3, 7, 30], [4, 8, 17, 30], [27, 30]):
        found = told(np.split(frames, cuts[:-1]))
        for one, other in zip(found, expected):
            assert bytes(one) == bytes(other)
