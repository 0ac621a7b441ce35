"""False events an hour against misses, over thresholds: by what a rule for events is chosen.

All recordings run through one stream in a row, as on a board. An event that begins within a recording of its label,
or so soon behind one that its mean is still of that, has found it, once however often it begins; every other
beginning is false. One that stays on over the end of a recording counts in the next as well, once that has been heard
for as long as a mean is, or has ended: it has found it, or is one more false event. Else one that never ends would be
the best. Hours are those of the recordings of all other labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from edgelstm.data import Dataset
from edgelstm.judging.evaluation import Said
from edgelstm.records import Bounds
from edgelstm.runtime.events.events import Events
from edgelstm.runtime.events.rule import Rule

THRESHOLDS = (*(n / 20 for n in range(1, 20)), 0.97, 0.99)


@dataclass(frozen=True)
class Point:
    """What one threshold makes of the recordings."""

    threshold: float
    found: Annotated[int, Bounds(0)]
    recordings: Annotated[int, Bounds(1)]  # of the label
    false: Annotated[int, Bounds(0)]
    hours: Annotated[float, Bounds(above=0)]  # of others

    @property
    def misses(self) -> float:
        """Share of the recordings that no event told of."""
        return 1 - self.found / self.recordings

    @property
    def false_an_hour(self) -> float:
        return self.false / self.hours


def with_threshold(rule: Rule, threshold: float) -> Rule:
    """The same rule around another threshold; it ends as far below as before. A release that nobody gave stays so: it
    goes with whatever threshold is asked for later."""
    if rule.release is None:
        return replace(rule, threshold=threshold)
    return replace(rule, threshold=threshold, release=max(0.0, round(threshold - (rule.threshold - rule.release), 6)))


def curve(dataset: Dataset, said: Sequence[Said], hop: int, label: str, rule: Rule) -> tuple[Point, ...]:
    """A point for each of `THRESHOLDS`.

    dataset: with a label for each recording, and a sample rate. said: what was said along each of them, by one stream
    with an answer every `hop` frames. ValueError where there is no recording of the label, or of no other.
    """
    place = dataset.labels.index(label)
    is_own = dataset.y == place
    others = int(dataset.lengths[~is_own].sum())
    if not is_own.any() or not others:
        raise ValueError(f"event {label}: {'no recordings of others' if is_own.any() else 'no recordings of it'}")
    hours = others / dataset.sample_rate / 3600
    points = []
    for threshold in THRESHOLDS:
        moved = with_threshold(rule, threshold)
        found, false = _counted(dataset, said, is_own, place, label, moved, rule.smooth * hop)
        points.append(Point(threshold, found, int(is_own.sum()), false, hours))
    return tuple(points)


def chosen(points: Sequence[Point], most: float) -> Point:
    """That with the fewest misses among those with at most so many false events an hour; of equals the highest
    threshold. Where there is none, that with the fewest false events."""
    allowed = [point for point in points if point.false_an_hour <= most]
    if not allowed:
        return min(points, key=lambda point: (point.false, point.misses, -point.threshold))
    return min(allowed, key=lambda point: (point.misses, -point.threshold))


def false_events(dataset: Dataset, said: Sequence[Said], hop: int, place: int, label: str, rule: Rule) -> int:
    """How many events begin along recordings in which the label, whose scores are at a place, never happens; else as
    `curve`."""
    none = np.zeros(len(dataset), np.bool_)
    return _counted(dataset, said, none, place, label, rule, rule.smooth * hop)[1]


def found_events(
    dataset: Dataset, said: Sequence[Said], hop: int, own: NDArray[np.bool_], place: int, label: str, rule: Rule
) -> int:
    """Of how many of its own recordings (sequences,) an event of the label tells; else as `curve`."""
    return _counted(dataset, said, own, place, label, rule, rule.smooth * hop)[0]


def _counted(
    dataset: Dataset, said: Sequence[Said], own: NDArray[np.bool_], place: int, label: str, rule: Rule, late: int
) -> tuple[int, int]:
    """(recordings of the label that were found, false events). own: which are of it; place: of its scores. late:
    frames behind the beginning of a recording that the means are still of the one before."""
    events, start = Events({label: rule}, dataset.sample_rate), 0
    found, false, is_on, was_own = set(), 0, False, False
    for number, (one, length, is_own) in enumerate(zip(said, dataset.lengths, own.tolist(), strict=True)):
        is_counted = False
        for at, score in zip(one.at, one.answers[:, place], strict=True):
            told = events.update(start + int(at), {label: float(score)})
            is_on = told[-1].kind == "start" if told else is_on
            has_begun = is_on and bool(told)
            if has_begun and was_own and not is_own and at <= late:
                found.add(number - 1)
            elif has_begun or (is_on and not is_counted and (at > late or at == one.at[-1])):
                is_counted = True
                if is_own:
                    found.add(number)
                else:
                    false += 1
        start, was_own = start + int(length), is_own
    return len(found), false
