"""`anomaly`: what is not as it always was, learned from what is normal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm import records
from edgelstm.data.dataset import Dataset
from edgelstm.data.end_to_end import EndToEnd
from edgelstm.data.frame_labels import FrameLabels
from edgelstm.data.labelled import from_recordings
from edgelstm.data.numbers import places_of
from edgelstm.data.own import Own, runs_of
from edgelstm.data.pieces import Piece
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.data.store import Growing, chunked, joined, split
from edgelstm.judging import Evaluation, Said
from edgelstm.judging.evaluation import check_finite
from edgelstm.judging.events import ANOMALOUS, NORMAL, UNKNOWN, Scored, events
from edgelstm.judging.gathering import parts
from edgelstm.plain import printable
from edgelstm.records import Bounds, Distinct, Line
from edgelstm.tasks.task import Task

if TYPE_CHECKING:
    from edgelstm.runtime.anomaly import Rows, Scoring

Column = Annotated[str, Line(1000)]
Label = Annotated[str, Line(1000, least=0)]
Frames = Annotated[int, Bounds(1, 1 << 16)]
Number = Annotated[float, Bounds(-3.4e38, 3.4e38)]
Scale = Annotated[float, Bounds(1e-30, 3.4e38)]

USUAL_NORMAL = ("normal", "0", "0.0", "false", "ok", "no")
"""Labels of what is normal, where a recipe names none."""

_LEAST_ERROR = 0.02  # deviations: int8 is off by as much
_LEAST_THRESHOLD = 1e-3


@dataclass(frozen=True)
class Learned:
    """What training found in normal data that it held out; lists have an item for each output."""

    mean: tuple[Number, ...]  # of the values that are told
    std: tuple[Scale, ...]
    error: tuple[Scale, ...]  # root mean square of what was told wrongly, in deviations
    threshold: Scale  # of smoothed errors


@dataclass(frozen=True)
class Anomaly(Task):
    """Errors of what is told of the frames themselves, smoothed, beside a threshold."""

    kind = "anomaly"
    summary = "what is not as it always was"
    says = "forecasts"
    activation = "linear"
    criteria = ("mse", "huber")
    scaled = True
    carries_scale = False
    pools = False
    holds_out = 0.2

    method: Literal["predict", "reconstruct"] = "predict"  # what changes, or what just came, through narrow layers
    columns: Annotated[tuple[Column, ...], Distinct()] = ()  # whose errors count; empty = all
    ahead: Frames = 1  # of predict: frames
    rows: Annotated[int, Bounds(1, 1000)] = 1  # of reconstruct: newest frames
    smoothing: Literal["exponential", "mean"] = "exponential"  # of errors
    over: Frames = 5  # answers that are smoothed over; 1 = none
    settle: Annotated[int, Bounds(0, 1 << 20)] = 20  # first frames of a stream that are not judged
    quantile: Annotated[float, Bounds(above=0, most=1)] = 0.999  # of smoothed errors in normal data held out
    margin: Annotated[float, Bounds(above=0, most=1000)] = 2.0  # the threshold is so many times that quantile
    normal: Label = ""  # the label of what is normal; empty = a usual one
    slack: Annotated[int, Bounds(0, 1 << 20)] = 10  # frames about an event in which an alarm may begin
    learned: Learned | None = None  # scales and threshold: training finds them

    @property
    def each_frame(self) -> bool:
        return True

    @property
    def columns_to_tell(self) -> tuple[str, ...]:
        return self.columns

    def dataset(self, recordings: Recordings) -> Dataset:
        names = recordings.column_names
        places = places_of(recordings, self.columns) or tuple(range(recordings.columns))
        truth = self._truth(recordings)
        if self.method == "predict":
            labels = [f"{names[n]} +{self.ahead}" for n in places]
        else:
            labels = [f"{names[n]} -{row}" if row else names[n] for row in range(self.rows) for n in places]
        sequences = tuple(r.frames for r in recordings.recordings)
        ahead = self.ahead if self.method == "predict" else 0
        targets = Own(sequences, places, truth, ahead, self.rows)
        y = np.array([any((part == ANOMALOUS).any() for part in chunked(t)) for t in truth], np.int64)
        return from_recordings(recordings, y, tuple(labels), targets)

    def _truth(self, recordings: Recordings) -> tuple[NDArray[np.int8], ...]:
        """Of every frame of every recording. What has no label at all is normal."""
        whole = recordings.recordings
        labels = {r.label for r in whole if r.label}
        for recording in whole:
            labels |= {label for label in _frame_labels(recording).counts() if label}
        normal = self.normal or next((name for name in USUAL_NORMAL if name in {x.lower() for x in labels}), "")
        meant = {label for label in labels if label == normal or (not self.normal and label.lower() == normal)}
        if labels and not meant:
            listed = ", ".join(repr(printable(label, 40)) for label in sorted(labels)[:6])
            if self.normal:
                raise ValueError(
                    f"{recordings.name}: no label {printable(self.normal, 40)!r}, expected task.normal "
                    f"(init --normal) to be one of {listed}"
                )
            raise ValueError(
                f"{recordings.name}: labels {listed}, expected task.normal (init --normal) to say which is normal"
            )
        return _truths(whole, meant)

    def to_learn(self, dataset: Dataset) -> Dataset:
        """The stretches that are normal, each a sequence of its own; none so short that nothing can be told in it."""
        truth = _own(dataset).truth
        least = self.settle + self.ahead + self.rows
        pieces = [
            Piece(place, first, last + 1)
            for place, frames in enumerate(truth)
            for first, last in runs_of(part == NORMAL for part in chunked(frames)).tolist()
            if last - first >= least
        ]
        if not pieces:
            raise ValueError(
                f"{dataset.name}: no stretch of more than {least} normal frames to learn from, expected some "
                "(task.settle, task.ahead)"
            )
        return dataset.pieces(pieces)

    def teaches(self, dataset: Dataset) -> NDArray[np.bool_]:
        return np.array([any((p == NORMAL).any() for p in chunked(frames)) for frames in _own(dataset).truth])

    def finish(
        self, mean: NDArray[np.float64], std: NDArray[np.float64], held_out: Dataset, said: Sequence[Said]
    ) -> Anomaly:
        error = np.maximum(self._rms(mean, std, held_out, said), _LEAST_ERROR)
        learned = Learned(_listed(mean), _listed(std), _listed(error), threshold=1.0)
        scored = replace(self, learned=learned).scored(held_out, said, False)
        known = Growing((), np.float64)
        for part in (part for one in scored for part in chunked(one.scores)):
            known.add(part[np.isfinite(part)])
        threshold = max(self.margin * _quantile(known.done(writable=True), self.quantile), _LEAST_THRESHOLD)
        return replace(self, learned=replace(learned, threshold=threshold))

    def _rms(
        self, mean: NDArray[np.float64], std: NDArray[np.float64], held_out: Dataset, said: Sequence[Said]
    ) -> NDArray[np.float64]:
        """(outputs,): root mean square of what was told wrongly, in deviations. ValueError where nothing counts."""
        own, total, count = _own(held_out), np.zeros(len(mean)), 0
        for place, frames, answers in parts(said):
            far = (own.at(place, frames) - mean) / std - answers
            far = far[(frames >= self.settle) & np.isfinite(far).all(axis=1)]
            total += (far**2).sum(axis=0)
            count += len(far)
        if not count:
            raise ValueError(
                f"{held_out.name}: nothing to find a threshold in: {held_out.frames} normal frames were held out, "
                f"and task.settle leaves out {self.settle} of each recording"
            )
        rms: NDArray[np.float64] = np.sqrt(total / count)
        return rms

    def limited(self, asked: Sequence[str]) -> Anomaly | None:
        from edgelstm.runtime.anomaly import read_limit

        if self.learned is None:
            return None
        return replace(self, learned=replace(self.learned, threshold=self.learned.threshold * read_limit(asked)))

    def limited_as(self, other: Task) -> Task:
        if self.learned is None or not isinstance(other, Anomaly) or other.learned is None:
            return self
        return replace(self, learned=replace(self.learned, threshold=other.learned.threshold))

    def judge(self, precision: str, streamed: bool, dataset: Dataset, said: Sequence[Said]) -> Evaluation:
        check_finite(precision, said)
        if self.learned is None:
            raise ValueError("task.learned: none, expected the threshold that training finds")
        scored = self.scored(dataset, said, streamed)
        return events(precision, streamed, scored, 1.0, self.slack, dataset.sample_rate)

    def scored(self, dataset: Dataset, said: Sequence[Said], streamed: bool) -> list[Scored]:
        """Scores of answers `said` along each sequence of `dataset`, in units of the threshold that was learned,
        beside what is true of its frames. streamed: by one stream through all of them."""
        own, sequences = _own(dataset), dataset.sequences
        hop = _hop(said, [len(x) if streamed else 0 for x in sequences])
        told = [one.answers for one in said]
        along = [(EndToEnd(sequences), EndToEnd(told))] if streamed else zip(sequences, told)
        scores = Growing((), np.float64)
        for frames, answers in along:
            for part in self._scores(own, frames, answers, hop):
                scores.add(part)
        truths = self._joined(own.truth) if streamed else own.truth
        of_each = split(scores.done(), [len(one.at) for one in said])
        return [Scored(one.at, s, truth) for one, s, truth in zip(said, of_each, truths)]

    def _joined(self, truths: Sequence[NDArray[np.int8]]) -> Sequence[NDArray[np.int8]]:
        """Of recordings that a stream comes to one after another: of their beginnings, but the first's, nothing can
        be said."""
        unknown = self.settle + self.ahead + self.over
        begins = (np.full(min(unknown, len(truth)) if n else 0, UNKNOWN) for n, truth in enumerate(truths))
        both = (part for truth, begin in zip(truths, begins) for part in (begin, truth[len(begin) :]))
        return split(joined(both, (), np.int8), [len(truth) for truth in truths])

    def _scores(self, own: Own, frames: Rows, answers: Rows, hop: int) -> Iterator[NDArray[np.float64]]:
        from edgelstm.runtime.anomaly import score_parts

        return score_parts(self._scoring(), own.columns, hop, frames, answers)

    def _scoring(self) -> Scoring:
        from edgelstm.runtime.anomaly import read_scoring

        return read_scoring(records.to_json(self), "task")


def _truths(recordings: Sequence[Recording], normal: set[str]) -> tuple[NDArray[np.int8], ...]:
    """Of every frame; of recordings whose frames have no labels one value stands for all."""

    def of(label: str | None) -> int:
        return (NORMAL if label in normal else ANOMALOUS) if label else UNKNOWN

    labels = [_frame_labels(r) for r in recordings if r.frame_labels is not None]
    values = (
        np.array([*map(of, one.names), UNKNOWN], np.int8)[part] for one in labels for part in chunked(one.codes)
    )
    of_frames = iter(split(joined(values, (), np.int8), [len(one) for one in labels]))
    return tuple(
        np.broadcast_to(np.int8(NORMAL if r.label is None else of(r.label)), (len(r.frames),))
        if r.frame_labels is None
        else next(of_frames)
        for r in recordings
    )


def _frame_labels(recording: Recording) -> FrameLabels:
    return FrameLabels.of(recording.frame_labels or ())


def _quantile(values: NDArray[np.float64], quantile: float) -> float:
    """Of values (n,), at least one, between two of them linearly; puts them in another order."""
    place = quantile * (len(values) - 1)
    first = int(place)
    values.partition(first)
    low = float(values[first])
    high = float(values[first + 1 :].min(initial=np.inf)) if first + 1 < len(values) else low
    return low + (place - first) * (high - low)


def _listed(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(values.astype(float).tolist())


def _hop(said: Sequence[Said], lengths: Sequence[int]) -> int:
    """Frames from one answer to the next, as many as before the first. lengths: frames from one sequence's beginning
    to the next one's, 0 where each has a stream of its own."""
    before = 0
    for one, length in zip(said, lengths):
        if len(one.at):
            return before + int(one.at[0])
        before += length
    return 1


def _own(dataset: Dataset) -> Own:
    assert isinstance(dataset.targets, Own)  # `dataset` gave them
    return dataset.targets
