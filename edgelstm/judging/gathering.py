"""Answers along sequences, which may be more than memory holds: they lie in a file, and are judged in parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.store import Growing
from edgelstm.data.targets import Targets
from edgelstm.judging.evaluation import Floats, Said

_PART = 1 << 15  # answers


class Gathered:
    """What is said, part by part and sequence by sequence."""

    def __init__(self, thresholds: tuple[float, ...] = ()) -> None:
        """thresholds: as of `Said`."""
        self._thresholds = thresholds
        self._at = Growing((), np.int64)
        self._answers: Growing | None = None
        self._count = 0
        self._ends: list[int] = []

    def add(self, at: NDArray[np.int64], answers: Floats) -> None:
        """Some more along the same sequence: at (answers,), answers (answers, outputs)."""
        if self._answers is None:
            self._answers = Growing(answers.shape[1:], answers.dtype)
        self._at.add(at)
        self._answers.add(answers)
        self._count += len(at)

    def end(self) -> None:
        """Of the sequence."""
        self._ends.append(self._count)

    def done(self) -> list[Said]:
        """One for each sequence that has ended; at least one part was added."""
        assert self._answers is not None  # whoever gathers has sequences
        at, answers = self._at.done(), self._answers.done()
        starts = [0, *self._ends[:-1]]
        return [Said(at[a:b], answers[a:b], self._thresholds) for a, b in zip(starts, self._ends)]


def parts(said: Sequence[Said]) -> Iterator[tuple[int, NDArray[np.int64], Floats]]:
    """(the sequence's place, frames (answers,) from 0 as of which they are, answers (answers, outputs)): everything
    that was said in its order, some at a time."""
    for place, one in enumerate(said):
        for start in range(0, len(one.at), _PART):
            yield place, one.at[start : start + _PART] - 1, one.answers[start : start + _PART]


def true_parts(said: Sequence[Said], targets: Targets) -> Iterator[tuple[Floats, Floats]]:
    """(answers, what was to be said), both a row for each answer, some at a time."""
    for place, frames, answers in parts(said):
        truth = targets.at(place, frames)
        yield answers, truth if len(truth) == len(answers) else np.repeat(truth, len(answers), axis=0)


def joined(both: Iterable[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """The two in one piece each."""
    first, second = zip(*both)
    return np.concatenate(first), np.concatenate(second)
