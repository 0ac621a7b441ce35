"""Anomalies: how far what a model told lies from what came, smoothed, in units of the threshold that it learned.

A model that predicts says at every answer by how much each column will have changed `ahead` frames later; one that
reconstructs says the `rows` newest frames themselves. Both in deviations of their own, so that one scale of int8
holds all outputs alike: `(value - mean) / std`. The error of an answer is the root mean square, over its outputs, of
`(deviation that came - deviation told) / error`, `error` being that of normal data. A score is the smoothed error
divided by the threshold: from 1 on it is an anomaly.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edgelstm.plain import printable
from edgelstm.records import Bounds, Distinct, Line, from_json
from edgelstm.runtime.engines.engine import EngineModel, EngineStream
from edgelstm.runtime.frame import Float32

KIND = "anomaly"
FIELD = "task"
"""In metadata: what the model is for, and its settings."""

MOST = 1000.0
"""An error counts as so many thresholds at most: the highest score there is. No glitch is remembered for long."""

MAX_FRAMES = 1 << 16
_MAX_KEPT = 1 << 22  # values that a stream may remember
_MAX_LIMIT = 1e6
_PART = 1 << 15  # frames that are looked at together

Float64 = NDArray[np.float64]
Method = Literal["predict", "reconstruct"]
Smoothing = Literal["exponential", "mean"]
Value = Annotated[float, Bounds(-3.4e38, 3.4e38)]
Scale = Annotated[float, Bounds(1e-30, 3.4e38)]
Frames = Annotated[int, Bounds(1, MAX_FRAMES)]


@dataclass(frozen=True)
class Learned:
    """What was found in normal data that the model did not learn from; lists have an item for each output."""

    mean: tuple[Value, ...]
    std: tuple[Scale, ...]
    error: tuple[Scale, ...]
    threshold: Scale


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """Those settings of the task `anomaly` that scores need; `edgelstm.tasks.anomaly` explains them."""

    method: Method
    columns: Annotated[tuple[Annotated[str, Line(1000)], ...], Distinct()] = ()
    ahead: Frames = 1
    rows: Annotated[int, Bounds(1, 1000)] = 1
    smoothing: Smoothing = "exponential"
    over: Frames = 1
    settle: Annotated[int, Bounds(0, 1 << 20)] = 0
    learned: Learned | None = None

    def check(self, features: int, outputs: int) -> None:
        """ValueError for settings of another model, and for those that would need too much memory."""
        columns = len(self.columns) or features
        wanted = columns * (self.rows if self.method == "reconstruct" else 1)
        if outputs != wanted:
            raise ValueError(f"columns: {columns} make {wanted} outputs, expected {outputs} as the model has")
        kept = columns * (self.rows if self.method == "reconstruct" else 2 * self.ahead + 1)
        if kept > _MAX_KEPT:
            raise ValueError(f"ahead: {self.ahead}, expected {_MAX_KEPT} values at most in so many frames")
        for name in ("mean", "std", "error") if self.learned else ():
            if len(getattr(self.learned, name)) != outputs:
                raise ValueError(f"learned.{name}: {len(getattr(self.learned, name))} items, expected {outputs}")

    def places(self, features: int, names: Sequence[str]) -> tuple[int, ...]:
        """Which features are told. ValueError for a column that is none."""
        names = names or tuple(map(str, range(features)))
        for name in self.columns:
            if name not in names:
                raise ValueError(f"columns: {printable(name, 40)!r}, expected features of the model")
        return tuple(names.index(name) for name in self.columns or names)


def read_scoring(values: object, where: str) -> Scoring:
    """ValueError, in one line that begins with `where`, for what is none."""
    return from_json(Scoring, values, where, strict=False)


def tells_anomalies(model: EngineModel) -> bool:
    """Whether streams of it have scores: it is for anomalies, and has learned a threshold."""
    task = model.metadata.get(FIELD)
    return isinstance(task, dict) and task.get("kind") == KIND and task.get("learned") is not None


def read_detector(stream: EngineStream) -> Detector | None:
    """What makes scores of the answers of `stream`; None where its model tells no anomalies. ValueError, naming the
    file and the field, for metadata that are wrong. The answers have to be such as `check_answering` asks for."""
    model = stream.model
    if not tells_anomalies(model):
        return None
    task = model.metadata[FIELD]
    where = f"{model.path}: metadata: {FIELD}"
    scoring = read_scoring(task, where)
    try:
        scoring.check(model.features, model.outputs)
        places = scoring.places(model.features, model.feature_names)
        if model.activation != "linear":
            raise ValueError(f"kind: {KIND}, expected linear answers, found {model.activation}")
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return Detector(scoring, places, stream.answering.hop)


def check_answering(stream: EngineStream) -> None:
    """ValueError that begins with an option's name for a stream of a model that tells anomalies, whose answers are
    not about one frame each."""
    if not tells_anomalies(stream.model):
        return
    if stream.answering.pooling != "last":
        raise ValueError(f"pooling: {stream.answering.pooling}, expected last: an anomaly is told frame by frame")
    if not stream.answering.hop:
        raise ValueError("hop: 0, expected at least 1: an anomaly is told while frames come")


def read_limit(asked: Sequence[str]) -> float:
    """The score from which on it is an anomaly: the last of those asked for, or 1, the threshold that was learned.
    ValueError that begins with "threshold" for what is none."""
    limit = 1.0
    for text in asked:
        try:
            limit = float(text)
        except ValueError:
            limit = -1.0
        if not 0 < limit <= _MAX_LIMIT:
            raise ValueError(f"threshold: {printable(text, 40)}, expected a score above 0, 1 is the model's own")
    return limit


def errors_of(scoring: Scoring, came: Any, told: Any) -> Float64:
    """Errors (answers,) of `told` (answers, outputs) against what `came`, in the data's units, in thresholds."""
    learned = scoring.learned
    assert learned is not None  # whoever made it saw to it
    mean, std, error = (np.array(values) for values in (learned.mean, learned.std, learned.error))
    far = ((np.asarray(came, np.float64) - mean) / std - told) / error
    errors: Float64 = np.minimum(np.sqrt((far * far).mean(axis=-1)) / learned.threshold, MOST)
    return errors


class Detector:
    """Scores of one stream, frame by frame. What it remembers is bounded, and `save` gives it."""

    _HEAD = struct.Struct("<qd")

    def __init__(self, scoring: Scoring, places: Sequence[int], hop: int) -> None:
        self.scoring, self._places, self._hop = scoring, list(places), hop
        self._predicts = scoring.method == "predict"
        waiting = -(-scoring.ahead // hop) if self._predicts else 0
        outputs = len(places) * (1 if self._predicts else scoring.rows)
        self._frames = 0
        self._smooth = 0.0
        self._past = np.zeros((scoring.ahead + 1 if self._predicts else scoring.rows, len(places)), "<f4")
        self._told = np.zeros((waiting, outputs), "<f4")
        self._errors = np.zeros(scoring.over if scoring.smoothing == "mean" else 0, "<f8")
        self.reset()

    def reset(self) -> None:
        """As before the first frame."""
        self._frames, self._smooth = 0, 0.0
        for array in self._arrays:
            array[:] = 0

    @property
    def score(self) -> float | None:
        """As of the newest frame; None where nothing could be judged yet: in the first `settle` frames and until what
        was told after them has come."""
        return self._smooth if self._judged(self._frames) else None

    def take(self, frame: Float32, answer: Float32 | None) -> None:
        """A raw frame (features,) that the stream took, and what it answered to it, (outputs,) or nothing."""
        past = self._past
        now, rows = self._frames, len(past)
        past[now % rows] = frame[self._places]
        self._frames = count = now + 1
        if not self._predicts:
            if answer is not None and self._counts(count):
                order = np.arange(now, now - rows, -1) % rows
                self._see(past[order].reshape(-1), answer, count // self._hop)
            return
        then = count - self.scoring.ahead
        if then > 0 and then % self._hop == 0 and self._counts(then):
            change = past[now % rows].astype(np.float64) - past[(then - 1) % rows]
            self._see(change, self._told[then // self._hop % len(self._told)], then // self._hop)
        if answer is not None:
            self._told[count // self._hop % len(self._told)] = answer

    def _counts(self, told_at: int) -> bool:
        """Whether what was told after so many frames is judged."""
        return told_at > self.scoring.settle and (self._predicts or told_at >= self.scoring.rows)

    def _judged(self, count: int) -> bool:
        newest = (count - self.scoring.ahead if self._predicts else count) // self._hop * self._hop
        return newest > 0 and self._counts(newest)

    def _see(self, came: Any, told: Float32, number: int) -> None:
        error = float(errors_of(self.scoring, came, told))
        if self._errors.size:
            self._errors[number % len(self._errors)] = error
            self._smooth = float(self._errors.sum()) / len(self._errors)
        else:
            self._smooth += (error - self._smooth) / self.scoring.over

    @property
    def memory_bytes(self) -> int:
        """What it remembers takes so many."""
        return self._HEAD.size + sum(array.nbytes for array in self._arrays)

    @property
    def _arrays(self) -> tuple[NDArray[Any], ...]:
        return self._past, self._told, self._errors

    def save(self) -> bytes:
        """All that it remembers, little-endian."""
        return self._HEAD.pack(self._frames, self._smooth) + b"".join(array.tobytes() for array in self._arrays)

    def restore(self, saved: bytes, frames: int) -> None:
        """Go on from what `save` gave, for a stream that stands at `frames`. ValueError, with nothing changed, for
        what is damaged or of another model."""
        if len(saved) != self.memory_bytes:
            raise ValueError(f"scores: {len(saved)} bytes, expected {self.memory_bytes}")
        count, smooth = self._HEAD.unpack_from(saved)
        found, offset = [], self._HEAD.size
        for array in self._arrays:
            found.append(np.frombuffer(saved, array.dtype, array.size, offset).reshape(array.shape))
            offset += array.nbytes
        sane = all(np.isfinite(array).all() for array in found) and ((found[2] >= 0) & (found[2] <= MOST)).all()
        if count != frames or not 0 <= smooth <= MOST or not sane:
            raise ValueError(f"scores: damaged, expected those of frame {frames:,}")
        self._frames, self._smooth = count, smooth
        for array, values in zip(self._arrays, found):
            array[:] = values


class Rows(Protocol):
    """Rows by slices, which may be more than memory holds."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


def scores_along(scoring: Scoring, places: Sequence[int], hop: int, frames: Rows, answers: Rows) -> Float64:
    """What a `Detector` says at each of `answers` (answers, outputs), one for every `hop` of `frames`
    (frames, features) from a fresh state; NaN where it says nothing."""
    return np.concatenate([np.empty(0), *score_parts(scoring, places, hop, frames, answers)])


def score_parts(scoring: Scoring, places: Sequence[int], hop: int, frames: Rows, answers: Rows) -> Iterator[Float64]:
    """`scores_along`, some answers at a time."""
    lag, rows = (scoring.ahead, 1) if scoring.method == "predict" else (0, scoring.rows)
    behind = -(-lag // hop)  # answers, until what came is known
    first = -(-max(scoring.settle + 1, rows) // hop) - 1  # answer that is judged
    yield np.full(min(first + behind, len(answers)), np.nan)
    smoother = _Smoother(scoring)
    step = max(_PART // hop, 1)
    for start in range(first, len(answers) - behind, step):
        told = answers[start : min(start + step, len(answers) - behind)]
        then = hop * np.arange(start + 1, start + len(told) + 1) - 1
        base = int(then[0]) - rows + 1
        x = frames[base : int(then[-1]) + lag + 1][:, list(places)].astype(np.float64)
        then -= base
        came = x[then + lag] - x[then] if lag else x[then[:, None] - np.arange(rows)].reshape(len(then), -1)
        yield smoother.push(errors_of(scoring, came, told))


class _Smoother:
    """Errors that come one part after another, smoothed."""

    def __init__(self, scoring: Scoring) -> None:
        self._over = scoring.over
        self._smooth = 0.0
        self._recent = np.zeros(scoring.over - 1) if scoring.smoothing == "mean" else None

    def push(self, errors: Float64) -> Float64:
        """(errors,)"""
        if self._over == 1:
            return errors
        if self._recent is not None:
            whole = np.concatenate([self._recent, errors])
            self._recent = whole[len(errors) :]
            means: Float64 = np.lib.stride_tricks.sliding_window_view(whole, self._over).sum(axis=1) / self._over
            return means
        found = np.empty_like(errors)
        for n, error in enumerate(errors.tolist()):
            self._smooth += (error - self._smooth) / self._over
            found[n] = self._smooth
        return found
