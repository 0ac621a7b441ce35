"""What every program that streams needs: answers as lines of JSON, a state in a file, a quiet end by a signal."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Any, Protocol

import numpy as np

from edgelstm.runtime.anomaly import Detector
from edgelstm.runtime.changes import Changes
from edgelstm.runtime.clips import Clips
from edgelstm.runtime.engines.engine import EngineModel, EngineStream
from edgelstm.runtime.events.asked import ANOMALY
from edgelstm.runtime.events.events import Event, Events
from edgelstm.runtime.events.rule import Rules
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.gaps import Gaps
from edgelstm.runtime.kept_state import KeptState
from edgelstm.runtime.metadata import imported_window
from edgelstm.runtime.sinks.sink import Sink
from edgelstm.runtime.sources.source import Gap, NoFramesError, Source
from edgelstm.runtime.thresholds import thresholds_of
from edgelstm.runtime.unusual import Unusual, read_unusual


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
    """Take the frames of `source` through `stream` and write each answer, `limit` of them at most.

    rate: frames per second that are taken at most; 0 takes them as they come. kept: what saves the state meanwhile;
    with it no frames at all are told and no error: it goes on another time. gaps: what is done where frames are
    missing; else as `Gaps` does by itself. beat: is called at every frame.
    """
    start = time.monotonic()
    try:
        for count, frame in enumerate(_without_gaps(source, stream, answers, gaps or Gaps(stream.model.sample_rate))):
            if rate:
                time.sleep(max(0.0, start + count / rate - time.monotonic()))
            try:
                answered = stream.step(answers.enter(frame))
                answers.took(stream.frames, frame, stream.output if answered else None)
                if answered:
                    answers.write(stream.frames, stream.output)
            except ValueError as error:
                raise ValueError(f"{source.place}: {error}") from None
            if kept is not None:
                kept.took_frame()
            if beat is not None:
                beat()
            if answers.count == limit:
                return
    except NoFramesError:
        if kept is None:
            raise
        kept.took_none(source.name)
        return
    stride = stream.model.stride
    if stream.answering.hop == 0 and stream.frames >= stride:
        answers.write(stream.frames - stream.frames % stride, stream.answer())


def _without_gaps(source: Source, stream: EngineStream, answers: Answers, gaps: Gaps) -> Iterator[Float32]:
    """The frames of `source`, and those that bridge what is missing; `stream` begins anew where nothing does."""
    before: Float32 | None = None
    for frame in source:
        gap = source.take_gap()
        if gap is not None:
            made_up = gaps.between(gap, before, frame)
            answers.write_gap(stream.frames, gap, begins_anew=made_up is None)
            if made_up is None:
                answers.begin_anew(stream.frames, gaps.missing(gap) or 0)
                stream.reset()
            else:
                yield from made_up
        yield frame
        before = frame


def answers_at_the_end(stream: EngineStream) -> str:
    """For who waits for answers of a stream without a hop, whose frames come live: what to do, in one line."""
    model = stream.model
    window = " --window W" if stream.answering.pooling != "last" else ""
    of_rate = max(1, round(model.sample_rate / model.stride)) * model.stride
    second = f", {of_rate} for about 1 s" if model.sample_rate else ""
    return f"{model.path}: answers at the end of input alone; for others meanwhile: --hop N{window} (frames{second})"


def window_carried(model: EngineModel) -> str | None:
    """For a model that was imported as one that starts anew for every window: that a stream does not, in one line."""
    window = imported_window(model.metadata)
    if window is None:
        return None
    return (
        f"{model.path}: imported for windows of {window} frames, each from a fresh state; this stream carries its "
        "state on from window to window, so that answers after the first are others"
    )


class Out(Protocol):
    """What lines are written to."""

    def write(self, line: bytes, /) -> object: ...

    def flush(self) -> object: ...


class Answers:
    """Writes each answer as one line of JSON, at once.

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

    def enter(self, frame: Float32) -> Float32:
        """What the stream is to take for a raw frame (features,)."""
        taken = frame if self._changes is None else self._changes.enter(frame)
        if self._unusual is not None:
            self._unusual.see(taken)
        return taken

    def took(self, count: int, frame: Float32, output: Float32 | None) -> None:
        """The raw frame (features,) that the stream took as the `count`-th, and its answer (outputs,), if there is
        one. ValueError for one that is not finite."""
        if self._clips is not None:
            self._clips.take(frame)
        if self._changes is not None:
            self._changes.took(frame)
        if self._detector is None:
            return
        if output is not None and not np.isfinite(output).all():
            raise _not_finite(count)
        self._detector.take(frame, output)

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
        self._out.write(line + b"\n")
        self._out.flush()

    def _scored(self, detector: Detector) -> tuple[dict[str, Any], Mapping[str, float] | None]:
        """What is said, and the scores that events are made of; none at the start."""
        score, (limit,) = detector.score, self._thresholds
        if score is None:
            return {"anomaly": False, "score": None}, None
        return {"anomaly": score >= limit, "score": float(f"{score:.6g}")}, {ANOMALY: score}

    def _told(self, output: Float32) -> tuple[dict[str, Any], Mapping[str, float]]:
        """As above."""
        answer: dict[str, Any] = {}
        if self._changes is not None:
            output = self._changes.values(output)
        # the shortest decimals that give the same float32
        figures = dict(zip(self._labels, (float(str(value)) for value in output)))
        if self._activation == "softmax":
            best = max(figures, key=lambda label: figures[label])
            answer |= {"label": best, "probability": figures[best], "probabilities": figures}
        elif self._activation == "sigmoid":
            answer["labels"] = [
                label for (label, value), limit in zip(figures.items(), self._thresholds) if value >= limit
            ]
            answer["probabilities"] = figures
        else:
            answer["values"] = figures
        return answer, figures


def _not_finite(frame: int) -> ValueError:
    return ValueError(f"answer at frame {frame}: not finite, the model overflows on this input")


class StopSignal(BaseException):
    """SIGINT, SIGTERM or SIGHUP has come: end quietly."""

    def __init__(self, number: int):
        self.number = number


@contextmanager
def stop_signals() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a StopSignal, wherever the program waits; a second one kills.

    SIGHUP that something else is done at, or nothing (nohup), stays so. A terminal that closes may send two: behind
    one that has stopped it others are ignored, until `end_by`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        if number == signal.SIGHUP:
            before[signal.SIGHUP] = signal.SIG_IGN
            signal.signal(number, signal.SIG_IGN)
        raise StopSignal(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        before[signal.SIGHUP] = signal.SIG_DFL
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_by(number: int) -> None:
    """End this process by that signal, as one that never caught it: shells and systemd see a clean stop."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
