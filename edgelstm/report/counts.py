"""What stands behind the figures of a result: tables by class, output or symbol, and what is drawn of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.own import runs
from edgelstm.judging import Decisions, Evaluation, Events, OfOutputs, Said, Tagging
from edgelstm.judging.errors import Told
from edgelstm.judging.evaluation import known_or_none
from edgelstm.judging.events import ANOMALOUS, Scored
from edgelstm.judging.symbols import Bits, bits_of
from edgelstm.judging.tagging import tagging
from edgelstm.report.drawing import course, moved, origin, rounded, title
from edgelstm.report.record import (
    Chart,
    ClassCounts,
    EventCounts,
    LabelFigures,
    OutputCounts,
    OutputFigures,
    Result,
    ScoreCourse,
    Stretch,
    SymbolCounts,
    SymbolFigures,
    TagCounts,
    TagFigures,
    ThresholdCurve,
)
from edgelstm.tasks import Anomaly, Forecast, Regress, Tags, Task, Text

MOST_ROWS, MOST_CONFUSED = 200, 24
_MOST_OUTPUTS_DRAWN, _MOST_DOTS, _BINS = 12, 240, 40
_MOST_TAGS_DRAWN = 24
_MOST_SYMBOLS = 20
_MOST_COURSES, _MOST_STRETCHES = 8, 200
_THRESHOLDS = np.arange(1, 50) / 50


@dataclass(frozen=True, eq=False)
class Answered:
    """What one precision said along data, in one way to run them."""

    task: Task
    dataset: Dataset
    said: Sequence[Said]
    evaluation: Evaluation


def result(answered: Answered) -> Result:
    """Its figures, and what stands behind them."""
    found = answered.evaluation
    bare = Result(found.precision, found.streamed, found.count, tuple(found.figures()), tuple(found.remarks()))
    task, dataset, said = answered.task, answered.dataset, answered.said
    match found, task:
        case Decisions(), _:
            return replace(bare, classes=_classes(found))
        case Tagging(), Tags():
            return replace(bare, tags=_tags(found, *task.both(dataset, said)))
        case OfOutputs(), Forecast() | Regress():
            return replace(bare, outputs=_outputs(found, task, task.told(dataset, said)))
        case Events(), Anomaly():
            return replace(bare, events=_events(task.scored(dataset, said, found.streamed), dataset))
        case Bits(), Text():
            return replace(bare, symbols=_symbols(dataset.labels, *task.both(dataset, said)))
        case _:
            return bare


def _classes(found: Decisions) -> ClassCounts:
    rows = [LabelFigures(*_figures(found, n)) for n in range(len(found.labels))]
    common = np.sort(np.argsort(-found.counts, kind="stable")[:MOST_CONFUSED])
    return ClassCounts(
        tuple(rows[:MOST_ROWS]),
        max(len(rows) - MOST_ROWS, 0),
        tuple(found.labels[n] for n in common),
        tuple(tuple(row) for row in found.confusion[np.ix_(common, common)].tolist()),
    )


def _tags(found: Tagging, answers: NDArray[Any], truth: NDArray[Any]) -> TagCounts:
    shown = min(len(found.labels), _MOST_TAGS_DRAWN)
    curves = _curves(found.labels[:shown], answers[:, :shown], truth[:, :shown])
    rows = [
        TagFigures(*_figures(found, n), float(found.thresholds[n]), curves[n] if n < shown else None)
        for n in range(min(len(found.labels), MOST_ROWS))
    ]
    return TagCounts(tuple(rows), max(len(found.labels) - MOST_ROWS, 0))


def _figures(found: Decisions | Tagging, n: int) -> tuple[str, int, float | None, float | None, float | None]:
    """Of a label what `LabelFigures` begins with."""
    precision, recall, f1 = (known_or_none(of[n]) for of in (found.exactness, found.recall, found.f1))
    return found.labels[n], int(found.counts[n]), precision, recall, f1


def _curves(labels: tuple[str, ...], answers: NDArray[Any], truth: NDArray[Any]) -> list[ThresholdCurve]:
    """Of every label what each threshold would come to."""
    tried = [tagging("", False, labels, lambda: [(answers, truth)], [float(t)] * len(labels)) for t in _THRESHOLDS]

    def along(share: Callable[[Tagging], NDArray[np.float64]], n: int) -> tuple[float | None, ...]:
        return tuple(known_or_none(share(one)[n]) for one in tried)

    return [
        ThresholdCurve(
            rounded(_THRESHOLDS),
            along(lambda one: one.exactness, n),
            along(lambda one: one.recall, n),
            along(lambda one: one.f1, n),
        )
        for n in range(len(labels))
    ]


def _outputs(found: OfOutputs, task: Forecast | Regress, told: Told) -> OutputCounts:
    known = told.known
    rows = []
    for n, output in enumerate(found.outputs[:MOST_ROWS]):
        steps = len(found.outputs) // len(task.ahead) if isinstance(task, Forecast) else 0
        ahead = task.ahead[n // steps] if isinstance(task, Forecast) else 0
        places = np.flatnonzero(known[:, n]) if n < _MOST_OUTPUTS_DRAWN else np.array([], np.int64)
        answers, truth = told.answers[places, n].astype(np.float64), told.truth[places, n].astype(np.float64)
        counts, edges = np.histogram(answers - truth, _BINS) if places.size else (np.array([]), np.array([]))
        some = np.unique(np.linspace(0, len(places) - 1, min(len(places), _MOST_DOTS)).astype(int))
        guesses = {guess: known_or_none(errors[n]) for guess, errors in found.guesses.items()}
        rows.append(
            OutputFigures(
                output,
                output.rsplit(f" +{ahead}", 1)[0] if ahead else output,
                ahead,
                found.unit(n),
                int(found.counts[n]),
                known_or_none(found.spread[n]),
                found.of_output(n),
                guesses,
                {guess: known_or_none(found.skill(guess)[n]) for guess in guesses},
                rounded(truth[some]),
                rounded(answers[some]),
                rounded(edges),
                tuple(counts.astype(int).tolist()),
            )
        )
    return OutputCounts(found.error_name, tuple(rows), max(len(found.outputs) - MOST_ROWS, 0))


def _events(scored: Sequence[Scored], dataset: Dataset) -> EventCounts:
    """Courses of recordings with events first, then of the others."""
    order = sorted(range(len(scored)), key=lambda n: (not (scored[n].truth == ANOMALOUS).any(), n))
    courses = [
        ScoreCourse(title(dataset, n), moved(score_chart(scored[n], 0, len(scored[n].truth)), origin(dataset, n)[1]))
        for n in order[:_MOST_COURSES]
    ]
    return EventCounts(tuple(courses), max(len(scored) - _MOST_COURSES, 0))


def score_chart(one: Scored, first: int, last: int, other: Scored | None = None) -> Chart:
    """Scores of frames `first` to `last`, with events, and alarms; other: those of int8."""
    courses = []
    for manner, scored in (("float", one), ("int8", other)):
        if scored is not None:
            inside = (scored.at > first) & (scored.at <= last)
            how: Literal["float", "int8"] = "int8" if manner == "int8" else "float"
            courses.append(course("score", 0, how, scored.at[inside], scored.scores[inside]))
    with np.errstate(invalid="ignore"):
        alarms = [(int(one.at[a]), int(one.at[b])) for a, b in runs(one.scores >= 1.0)]
    events = [(int(a), int(b)) for a, b in runs(one.truth == ANOMALOUS)]
    stretches = [Stretch("event", "event", a, b) for a, b in events if b >= first and a <= last]
    stretches += [Stretch("alarm", "alarm", a, b) for a, b in alarms if b >= first and a <= last]
    inside_of = [replace(s, first=max(s.first, first), last=min(s.last, last)) for s in stretches]
    return Chart("score", "thresholds", tuple(courses), tuple(inside_of[:_MOST_STRETCHES]), 1.0)


def _symbols(labels: tuple[str, ...], answers: NDArray[Any], truth: NDArray[np.int64]) -> SymbolCounts:
    bits = bits_of(answers, truth)
    known = np.flatnonzero(truth >= 0)
    counts = np.bincount(truth[known], minlength=len(labels))
    sums = np.bincount(truth[known], bits[known], minlength=len(labels))
    there = [int(n) for n in np.argsort(-sums, kind="stable") if counts[n]]
    rows = [SymbolFigures(labels[n], int(counts[n]), float(sums[n] / counts[n])) for n in there[:_MOST_SYMBOLS]]
    return SymbolCounts(tuple(rows), max(len(there) - _MOST_SYMBOLS, 0))
