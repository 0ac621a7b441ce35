"""False events an hour against misses, over thresholds: by what a rule for events is chosen.

All recordings run through one stream in a row, as on a board. An event that begins within a recording of its label,
or so soon behind one that its mean is still of that, has found it, once however often it begins; every other
beginning is false. Hours are those of the recordings of all other labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.data import Dataset
from edgelstm.judging.evaluation import Said
from edgelstm.runtime.events.events import Events
from edgelstm.runtime.events.rule import Rule

THRESHOLDS = (*(n / 20 for n in range(1, 20)), 0.97, 0.99)


@dataclass(frozen=True)
class Point:
    """What one threshold makes of the recordings."""

    threshold: float
    found: int
    recordings: int  # of the label
    false: int
    hours: float  # of others

    @property
    def misses(self) -> float:
        """Share of the recordings that no event told of."""
        return 1 - self.found / self.recordings

    @property
    def false_an_hour(self) -> float:
        return self.false / self.hours


def with_threshold(rule: Rule, threshold: float) -> Rule:
    """The same rule around another threshold; it ends as far below as before."""
    return replace(
        rule, threshold=threshold, release=max(0.0, round(threshold - (rule.threshold - rule.ends_below), 6))
    )


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
        begun = _begun(dataset, said, place, label, with_threshold(rule, threshold))
        found, false = _counted(begun, dataset, is_own, rule.smooth * hop)
        points.append(Point(threshold, found, int(is_own.sum()), false, hours))
    return tuple(points)


def chosen(points: Sequence[Point], most: float) -> Point:
    """That with the fewest misses among those with at most so many false events an hour; of equals the highest
    threshold. Where there is none, that with the fewest false events."""
    allowed = [point for point in points if point.false_an_hour <= most]
    if not allowed:
        return min(points, key=lambda point: (point.false, point.misses, -point.threshold))
    return min(allowed, key=lambda point: (point.misses, -point.threshold))


def _begun(dataset: Dataset, said: Sequence[Said], place: int, label: str, rule: Rule) -> Iterator[int]:
    """The frames, of all recordings in a row, at which events of the label begin."""
    events, start = Events({label: rule}, dataset.sample_rate), 0
    for one, length in zip(said, dataset.lengths, strict=True):
        for at, score in zip(one.at, one.answers[:, place], strict=True):
            for event in events.update(start + int(at), {label: float(score)}):
                if event.kind == "start":
                    yield event.frame
        start += int(length)


def _counted(begun: Iterator[int], dataset: Dataset, is_own: NDArray[np.bool_], late: int) -> tuple[int, int]:
    """(recordings that were found, false events). late: frames behind a recording that are still its own."""
    ends, found, false = np.cumsum(dataset.lengths), set(), 0
    for frame in begun:
        at = int(np.searchsorted(ends, frame))
        if is_own[at]:
            found.add(at)
        elif at and is_own[at - 1] and frame - ends[at - 1] <= late:
            found.add(at - 1)
        else:
            false += 1
    return len(found), false
