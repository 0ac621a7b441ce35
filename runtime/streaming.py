"""What every program that streams needs: frames through a stream, its answers as lines of JSON, a state in a file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np

from edgelstm.runtime.anomaly import Detector
from edgelstm.runtime.changes import Changes
from edgelstm.runtime.clips import Clips
from edgelstm.runtime.counts import Counts
from edgelstm.runtime.engines.engine import EngineModel, EngineStream
from edgelstm.runtime.events.asked import ANOMALY
from edgelstm.runtime.events.events import Event, Events
from edgelstm.runtime.events.rule import Rules
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.gaps import Gaps
from edgelstm.runtime.kept_state import KeptState
from edgelstm.runtime.said import said
from edgelstm.runtime.sinks.sink import Out, Sink
from edgelstm.runtime.sources.source import Gap, NoFramesError, Source
from edgelstm.runtime.stopping import StopSignal, held_back
from edgelstm.runtime.thresholds import thresholds_of
from edgelstm.runtime.unusual import Unusual, read_unusual

MOST_TOGETHER = 64
"""Frames that are pushed together at most: the first of them is answered when all have been taken."""

PATIENCE = 1.0
"""Seconds that a signal waits for whoever reads the answers to what came before it."""


def stream_frames(
    stream: EngineStream,
    source: Source,
    answers: Answers,
    *,
    limit: int | None,
    rate: float,
    kept: KeptState | None = None,
    gaps: Gaps | None = None,
    beat: Callable[[], None] | None = None,
) -> None:
    """Take the frames of `source` through `stream` and write each answer, `limit` of them at most. Frames that have
    come already are pushed together; none is waited for.

    rate: frames per second that are taken at most; 0 takes them as they come. kept: what saves the state meanwhile,
    also while nothing comes; with it no frames at all are told and no error: it goes on another time. gaps: what is
    done where frames are missing; else as `Gaps` does by itself. beat: is called after every push.
    """
    start, count = time.monotonic(), 0
    if kept is not None:
        source.idle = partial(_rest, source.idle, kept)
    together = _Together(stream, source, answers, limit, kept, beat)
    arrivals = _without_gaps(source, together, answers, gaps or Gaps(stream.model.sample_rate))
    try:
        for frame in arrivals:
            if frame is None:
                together.push()
                continue
            if rate:
                time.sleep(max(0.0, start + count / rate - time.monotonic()))
                count += 1
            together.add(frame)
            if rate or together.is_full:
                together.push()
                if answers.count == limit:
                    return
    except NoFramesError:
        if kept is None:
            raise
        kept.took_none(source.name)
        return
    except StopSignal as stop:
        with stop.waits_at_most(PATIENCE):
            together.push()
        raise
    except BaseException:
        together.push()  # what came before is answered first
        raise
    together.push()
    stride = stream.model.stride
    if stream.answering.hop == 0 and stream.frames >= stride:
        answers.write(stream.frames - stream.frames % stride, stream.answer())


def _rest(idle: Callable[[], None], kept: KeptState) -> None:
    idle()
    kept.idle()


class _Together:
    """Frames that have come, until they are pushed."""

    def __init__(
        self,
        stream: EngineStream,
        source: Source,
        answers: Answers,
        limit: int | None,
        kept: KeptState | None,
        beat: Callable[[], None] | None,
    ) -> None:
        self.stream = stream
        self._source, self._answers, self._limit = source, answers, limit
        self._kept, self._beat = kept, beat
        self._came: list[tuple[Float32, int]] = []  # frames, and where they stand
        self._most = MOST_TOGETHER
        self._may_hold = stream.keeps_samples  # of a sound that was saved in the midst of a frame

    def add(self, frame: Float32) -> None:
        """A raw frame (features,), the source's newest or one before that."""
        if not self._came:
            self._most = min(MOST_TOGETHER, self._until_the_last_answer())
        self._came.append((frame, self._source.mark))  # both or none, where a signal comes

    @property
    def is_full(self) -> bool:
        return len(self._came) >= self._most

    def _until_the_last_answer(self) -> int:
        hop = self.stream.answering.hop
        if self._limit is None or not hop:
            return MOST_TOGETHER
        return (self._limit - self._answers.count) * hop - self.stream.frames % hop

    def push(self) -> None:
        """All of them, if there are any; answers are written."""
        if not self._came:
            return
        try:
            with self._answers.together(), held_back():
                frames, marks = zip(*self._came)
                self._came = []
                if len(frames) == 1 and not (self._may_hold and self.stream.waiting):
                    self._step(frames[0], marks[0])
                else:
                    self._push(np.array(frames), marks)
        except StopSignal:
            self._took()
            raise
        self._took()

    def _took(self) -> None:
        if self._kept is not None:
            self._kept.took_frame()
        if self._beat is not None:
            self._beat()

    def _step(self, frame: Float32, mark: int) -> None:
        stream, answers = self.stream, self._answers
        with self._at(mark):
            taken = answers.enter(frame[None])
            answered = stream.step(taken[0])
            answers.took(stream.frames, frame[None], taken, stream.output if answered else None)
            if answered:
                answers.write(stream.frames, stream.output)

    def _push(self, frames: Float32, marks: Sequence[int]) -> None:
        stream, answers = self.stream, self._answers
        before, hop = stream.frames, stream.answering.hop
        taken = answers.enter(frames)
        try:
            outputs = self._pushed(taken)
        except ValueError:  # with nothing changed; one by one shows which it was
            for frame, mark in zip(frames, marks):
                self._step(frame, mark)
            return
        start = 0
        for output, end in zip(outputs, range(hop - before % hop, len(frames) + 1, hop) if hop else (), strict=True):
            with self._at(marks[end - 1]):
                answers.took(before + end, frames[start:end], taken[start:end], output)
                answers.write(before + end, output)
            start = end
        if start < len(frames):
            answers.took(before + len(frames), frames[start:], taken[start:], None)

    def _pushed(self, frames: Float32) -> Float32:
        """Answers to frames (n, features), of the first of which the stream may have the beginning already."""
        if self._may_hold and (held := self.stream.waiting):
            return self.stream.push_samples(frames.reshape(-1)[held:])
        return self.stream.push(frames)

    @contextmanager
    def _at(self, mark: int) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise ValueError(f"{self._source.place_of(mark)}: {error}") from None


def _without_gaps(source: Source, together: _Together, answers: Answers, gaps: Gaps) -> Iterator[Float32 | None]:
    """What arrives from `source`, and what bridges gaps; the stream begins anew where nothing does."""
    stream, before = together.stream, None
    for frame in source.arrivals():
        if frame is None:
            yield None
            continue
        gap = source.take_gap()
        if gap is not None:
            together.push()
            made_up = gaps.between(gap, before, frame)
            answers.write_gap(stream.frames, gap, begins_anew=made_up is None)
            if made_up is None:
                answers.begin_anew(stream.frames, gaps.missing(gap) or 0)
                stream.reset()
            else:
                yield from made_up
        yield frame
        before = frame


class Answers:
    """Writes each answer as one line of JSON, at once, or with others of the same push.

    tells_unusual: with the features whose values, since the answer before, lay far outside of what training saw.
    thresholds: as `thresholds_of` gives them; else the model's own.
    beside: what makes scores of the answers of a model that tells anomalies, or values of those of one that takes and
    tells changes. events: what begins and ends by the answers, told behind them.
    sinks: get the same besides. tells_at: with the moment, in UTC, of each. clips: keep what was an event, or nearly.
    """

    def __init__(
        self,
        model: EngineModel,
        out: Out,
        *,
        tells_unusual: bool = True,
        thresholds: Sequence[float] | None = None,
        beside: Detector | Changes | None = None,
        events: Events | None = None,
        sinks: Sequence[Sink] = (),
        tells_at: bool = False,
        clips: Clips | None = None,
    ):
        self.count = 0
        self._out = out  # bytes: UTF-8 whatever the locale
        self._lines: list[bytes] | None = None  # that are written together
        self._is_usual = False  # whether nothing of the frames that entered together is unusual
        self._activation = model.activation
        self._sample_rate = model.sample_rate
        self._unusual: Unusual | None = None
        if tells_unusual:
            try:
                self._unusual = read_unusual(model.metadata, model.features, model.feature_names)
            except ValueError as error:
                raise ValueError(f"{model.path}: {error}") from None
        self._labels = model.output_names
        self._thresholds = tuple(thresholds_of(model) if thresholds is None else thresholds)
        self._tells_at = tells_at
        self._base = 0  # frames before the stream began anew, the missing ones among them
        self._clips = clips
        self._beside, self._events, self._sinks = beside, events, tuple(sinks)
        self._detector = beside if isinstance(beside, Detector) else None
        self._changes = beside if isinstance(beside, Changes) else None

    @property
    def counts(self) -> Counts:
        """What its sinks and clips have had to do without."""
        kept = Counts() if self._clips is None else self._clips.counts
        return sum((sink.counts for sink in self._sinks), kept)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is told within is written at its end."""
        self._lines = []
        try:
            yield
        except StopSignal as stop:
            with stop.waits_at_most(PATIENCE):
                self._write_lines()
            raise
        finally:
            self._write_lines()

    def _write_lines(self) -> None:
        lines, self._lines = self._lines or [], None
        self._write(lines)

    def enter(self, frames: Float32) -> Float32:
        """What the stream is to take for raw frames (n, features)."""
        taken = frames if self._changes is None else self._changes.enter(frames)
        self._is_usual = self._unusual is not None and len(frames) > 1 and self._unusual.are_usual(taken)
        return taken

    def took(self, count: int, frames: Float32, taken: Float32, output: Float32 | None) -> None:
        """Raw frames (n, features) that entered as `taken`, or a part of them, of which the stream took the last as
        the `count`-th, and its answer (outputs,) to that, if there is one. ValueError for one that is not finite."""
        if self._unusual is not None and not self._is_usual:
            for frame in taken:
                self._unusual.see(frame)
        if self._clips is not None:
            for frame in frames:
                self._clips.take(frame)
        if self._changes is not None:
            self._changes.took(frames)
        if self._detector is None:
            return
        if output is not None and not np.isfinite(output).all():
            raise _not_finite(count)
        for frame in frames[:-1]:
            self._detector.take(frame, None)
        self._detector.take(frames[-1], output)

    def whole(self, frames: int) -> int:
        """Frames since the beginning, where the stream has taken so many since it began anew."""
        return self._base + frames

    def change_events(self, frames: int, rules: Rules) -> None:
        """Others count from here on, where the stream has taken so many frames since it began anew."""
        if self._events is not None:
            self._put_events(self._events.change(rules, self._base + frames))

    def begin_anew(self, frames: int, missing: int) -> None:
        """The stream is to be reset after `frames`; `missing` more never came. Both count on."""
        whole = self._base + frames
        if self._clips is not None:
            self._clips.end()
        self._put_events([] if self._events is None else self._events.reset(whole))
        self._base = whole + missing
        if self._beside is not None:
            self._beside.reset()

    def write_gap(self, frame: int, gap: Gap, *, begins_anew: bool) -> None:
        """Frames are missing behind `frame`, as counted since the stream began anew, as it now does or not."""
        told = {"event": "gap", **self._when(frame), "seconds": gap.seconds, "why": gap.why, "reset": begins_anew}
        self._put(told)

    def write(self, frame: int, output: Float32) -> None:
        """output (outputs,): the answer as of `frame`, counted from 1 since the stream began anew."""
        self.count += 1
        answer = self._when(frame)
        scores: Mapping[str, float] | None
        if self._detector is not None:
            told, scores = self._scored(self._detector)
        else:
            told, scores = self._told(output)
        answer |= told
        if self._unusual is not None and (unusual := self._unusual.take()):
            answer["unusual"] = unusual
        try:
            self._put(answer)
        except ValueError:
            raise _not_finite(frame) from None
        if self._events is not None and scores is not None:
            self._put_events(self._events.update(self._base + frame, scores))

    def _put_events(self, events: Sequence[Event]) -> None:
        if self._clips is not None and self._events is not None:
            for event in (*events, *self._events.take_near()):
                if event.kind != "end":
                    self._clips.mark(event.kind, event.label, event.score)
        for event in events:
            when = self._when(event.frame - self._base)
            self._put({"event": event.kind, **when, "label": event.label, "score": float(f"{event.score:.6g}")})

    def _when(self, frame: int) -> dict[str, Any]:
        whole = self._base + frame
        told: dict[str, Any] = {
            "frame": whole,
            "time": round(whole / self._sample_rate, 6) if self._sample_rate else None,
        }
        if self._tells_at:
            told["at"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return told

    def _put(self, told: dict[str, Any]) -> None:
        line = json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
        for sink in self._sinks:
            sink.take(told, line)
        if self._lines is None:
            self._write([line])
        else:
            self._lines.append(line)

    def _write(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            self._out.write(line + b"\n")
        if lines:
            self._out.flush()

    def _scored(self, detector: Detector) -> tuple[dict[str, Any], Mapping[str, float] | None]:
        """What is said, and the scores that events are made of; none at the start."""
        score, (limit,) = detector.score, self._thresholds
        if score is None:
            return {"anomaly": False, "score": None}, None
        return {"anomaly": score >= limit, "score": float(f"{score:.6g}")}, {ANOMALY: score}

    def _told(self, output: Float32) -> tuple[dict[str, Any], Mapping[str, float]]:
        """As above."""
        if self._changes is not None:
            output = self._changes.values(output)
        # the shortest decimals that give the same float32
        figures = dict(zip(self._labels, (float(str(value)) for value in output)))
        return said(figures, self._activation, self._thresholds), figures


def _not_finite(frame: int) -> ValueError:
    return ValueError(f"answer at frame {frame}: not finite, the model overflows on this input")
