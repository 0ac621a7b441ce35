"""Which recordings a report shows: by rules that it states, not by who looks good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.own import runs
from edgelstm.judging import Said
from edgelstm.judging.errors import Told
from edgelstm.judging.events import ANOMALOUS, NORMAL, Scored
from edgelstm.judging.symbols import bits_of
from edgelstm.tasks import Anomaly, Classify, Forecast, Frames, Regress, Tags, Task, Text

_STRETCH, _STRETCH_ANSWERS, _SIGNS = 512, 48, 240  # frames, answers, symbols
_WORST, _MIDDLING = 3, 2

OF_DECISIONS = (
    "Of the wrong answers the three that were given with the most certainty; of the right ones two of middling "
    "certainty, of different classes where there are."
)
OF_ERRORS = "The three with the largest error, and two of middling error."
OF_STRETCHES = "Of all stretches of {frames} frames, the two with the largest mean error, and one of middling error."
OF_EVENTS = (
    "The event with the lowest peak, the one with the highest, and the surroundings of the highest score among "
    "normal frames."
)


@dataclass(frozen=True)
class Chosen:
    """A stretch of a sequence, from frame `first` to before frame `last`."""

    place: int  # of the sequence
    first: int
    last: int
    why: str
    is_right: bool | None = None


def choose(task: Task, dataset: Dataset, said: Sequence[Said]) -> tuple[str, list[Chosen]]:
    """(the rule, what is shown) by the float model's answers, `said` along each sequence of `dataset`."""
    if isinstance(task, Anomaly):
        return OF_EVENTS, _of_events(task.scored(dataset, said, streamed=False))
    if task.each_frame:
        hop = max((int(np.diff(one.at).min()) for one in said if len(one.at) > 1), default=1)
        frames = _SIGNS if isinstance(task, Text) else max(_STRETCH, _STRETCH_ANSWERS * hop)
        errors = [error_along(task, dataset, place, one) for place, one in enumerate(said)]
        return OF_STRETCHES.format(frames=f"{frames:,}"), _of_stretches(dataset, said, errors, frames)
    answers = np.stack([one.answers[-1] for one in said])
    if isinstance(task, Classify | Text):
        right, certainty = answers.argmax(axis=1) == dataset.y, answers.max(axis=1)
        return OF_DECISIONS, _of_decisions(dataset, right, certainty)
    errors_of_each = np.array([float(error_along(task, dataset, n, one)[-1]) for n, one in enumerate(said)])
    return OF_ERRORS, _of_errors(dataset, errors_of_each)


def error_along(task: Task, dataset: Dataset, place: int, said: Said) -> NDArray[np.float64]:
    """(answers,): how wrong each answer is that was `said` along the sequence at `place`; NaN where nobody knows."""
    one = dataset.subset([place])
    if isinstance(task, Frames):
        truth, decided = task.both(one, [said])
        return np.where(truth < 0, np.nan, truth != decided)
    if isinstance(task, Tags):
        answers, true = task.both(one, [said])
        return _mean(np.abs(answers - true))
    if isinstance(task, Text):
        given, symbols = task.both(one, [said])
        return np.where(symbols < 0, np.nan, bits_of(given, symbols))
    if isinstance(task, Forecast | Regress):
        return _error(task.told(one, [said]), _spread(dataset))
    return np.full(len(said.at), np.nan)


def _spread(dataset: Dataset) -> NDArray[np.float64]:
    """(outputs,): how far the truth varies, of a few sequences."""
    assert dataset.targets is not None  # the task gave them
    some = range(0, len(dataset), max(len(dataset) // 16, 1))
    truth = np.concatenate([dataset.targets[place] for place in some])
    spread = np.nanstd(truth, axis=0) if len(truth) else np.ones(truth.shape[1])
    return np.where(spread > 0, spread, 1.0)


def _error(told: Told, spread: NDArray[np.float64]) -> NDArray[np.float64]:
    return _mean(np.abs(np.where(told.known, told.answers - told.truth, np.nan)) / spread)


def _mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """(rows,) of what is known of each row, NaN where nothing is."""
    known = np.isfinite(values)
    counts = known.sum(axis=1)
    sums = np.where(known, values, 0).sum(axis=1, dtype=np.float64)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _of_decisions(dataset: Dataset, right: NDArray[np.bool_], certainty: NDArray[np.floating]) -> list[Chosen]:
    lengths = dataset.lengths
    wrong = np.flatnonzero(~right)
    wrong = wrong[np.argsort(-certainty[wrong], kind="stable")][:_WORST]
    found = [Chosen(int(n), 0, int(lengths[n]), "of the wrong answers one of the most certain", False) for n in wrong]
    good = np.flatnonzero(right)
    good = good[np.argsort(certainty[good], kind="stable")]
    near = sorted(range(len(good)), key=lambda n: abs(n - (len(good) - 1) // 2))
    middling: list[int] = []
    for n in near:
        if len(middling) < _MIDDLING and dataset.y[good[n]] not in dataset.y[middling]:
            middling.append(int(good[n]))
    middling += [int(good[n]) for n in near if good[n] not in middling][: _MIDDLING - len(middling)]
    return found + [Chosen(n, 0, int(lengths[n]), "right, of middling certainty", True) for n in middling]


def _of_errors(dataset: Dataset, errors: NDArray[np.float64]) -> list[Chosen]:
    known = np.flatnonzero(np.isfinite(errors))
    order = known[np.argsort(-errors[known], kind="stable")].tolist()
    worst, rest = order[:_WORST], order[_WORST:]
    start = max((len(rest) - _MIDDLING) // 2, 0)
    lengths = dataset.lengths
    found = [Chosen(n, 0, int(lengths[n]), "of the largest error") for n in worst]
    return found + [Chosen(n, 0, int(lengths[n]), "of middling error") for n in rest[start : start + _MIDDLING]]


def _of_stretches(
    dataset: Dataset, said: Sequence[Said], errors: Sequence[NDArray[np.float64]], frames: int
) -> list[Chosen]:
    means: list[tuple[float, int, int, int]] = []
    for place, (one, error) in enumerate(zip(said, errors)):
        length = int(dataset.lengths[place])
        for first in range(0, max(length - frames // 2, 1), frames):
            last = min(first + frames, length)
            inside = error[(one.at > first) & (one.at <= last) & np.isfinite(error)]
            if inside.size:
                means.append((float(inside.mean()), place, first, last))
    means.sort(key=lambda one: -one[0])
    worst = [Chosen(place, first, last, "of the largest error") for _, place, first, last in means[:2]]
    rest = means[2:]
    middling = rest[len(rest) // 2 : len(rest) // 2 + 1]
    return worst + [Chosen(place, first, last, "of middling error") for _, place, first, last in middling]


def _of_events(scored: Sequence[Scored]) -> list[Chosen]:
    peaks: list[tuple[float, int, int, int]] = []
    highest: tuple[float, int, int] | None = None
    for place, one in enumerate(scored):
        for first, last in runs(one.truth == ANOMALOUS):
            inside = one.scores[(one.at > first - _STRETCH // 8) & (one.at <= last + _STRETCH // 8)]
            peaks.append((float(np.nanmax(inside, initial=0.0)), place, int(first), int(last)))
        events = np.flatnonzero(one.truth == ANOMALOUS)
        normal = np.isfinite(one.scores) & (one.truth[one.at - 1] == NORMAL)
        for n in np.flatnonzero(normal)[np.argsort(-one.scores[normal], kind="stable")].tolist():
            at = int(one.at[n])
            if events.size and np.abs(events - at).min() <= _STRETCH // 2:
                continue
            if highest is None or one.scores[n] > highest[0]:
                highest = (float(one.scores[n]), place, at)
            break
    peaks.sort()
    found = [_about(scored, peaks[0][1:], "the event with the lowest peak", peaks[0][0] >= 1)] if peaks else []
    if len(peaks) > 1:
        found.append(_about(scored, peaks[-1][1:], "the event with the highest peak", peaks[-1][0] >= 1))
    if highest is not None:
        score, place, at = highest
        found.append(_about(scored, (place, at, at), "the highest score of normal frames", score < 1))
    return found


def _about(scored: Sequence[Scored], where: tuple[int, int, int], why: str, is_right: bool) -> Chosen:
    place, first, last = where
    room = max((_STRETCH - (last - first)) // 2, _STRETCH // 8)
    return Chosen(place, max(first - room, 0), min(last + room, len(scored[place].truth)), why, is_right)
