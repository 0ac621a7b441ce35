"""Decisions for one of several classes, counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.judging.evaluation import Evaluation, Figure
from edgelstm.judging.shares import known, listed, shares
from edgelstm.plain import printable

_HARDLY_MORE = 0.02  # than always the class of most, in an accuracy


@dataclass(frozen=True, eq=False)
class Decisions(Evaluation):
    """Counts of decisions. `confusion[true, decided]` (labels, labels)."""

    labels: tuple[str, ...]
    confusion: NDArray[np.int64]

    @property
    def count(self) -> int:
        return int(self.confusion.sum())

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(labels,): of each class, how many there are."""
        found: NDArray[np.int64] = self.confusion.sum(axis=1)
        return found

    @property
    def accuracy(self) -> float:
        """Share of the decisions that are right."""
        return float(np.trace(self.confusion)) / max(self.count, 1)

    @property
    def majority(self) -> float:
        """The accuracy of always deciding for the class that there is most of."""
        return float(self.counts.max(initial=0)) / max(self.count, 1)

    @cached_property
    def recall(self) -> NDArray[np.float64]:
        """(labels,): share of each class that was found; NaN for a class without sequences."""
        return shares(np.diag(self.confusion), self.counts)

    @cached_property
    def exactness(self) -> NDArray[np.float64]:
        """(labels,): share of the decisions for each class that are right, its precision; NaN without decisions."""
        return shares(np.diag(self.confusion), self.confusion.sum(axis=0))

    @cached_property
    def f1(self) -> NDArray[np.float64]:
        """(labels,): harmonic mean of precision and recall; 0 for a class that is never decided for, NaN for one
        that the data do not have."""
        both = self.counts + self.confusion.sum(axis=0)
        f1 = shares(2 * np.diag(self.confusion), both)
        f1[self.counts == 0] = np.nan
        return f1

    @property
    def macro_f1(self) -> float:
        """Mean of `f1` over the classes that the data have."""
        return float(np.nanmean(self.f1)) if self.count else 0.0

    @property
    def headline(self) -> Figure:
        return Figure("accuracy", self.accuracy, is_share=True)

    def figures(self) -> Sequence[Figure]:
        return (
            self.headline,
            Figure("macro F1", self.macro_f1, is_share=True),
            Figure("always the most frequent", self.majority, is_share=True),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "precision": self.precision,
            "streamed": self.streamed,
            "sequences": self.count,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "majority": self.majority,
            "recall": {label: known(value) for label, value in zip(self.labels, self.recall)},
            "classes": {
                label: {
                    "count": int(self.counts[n]),
                    "precision": known(self.exactness[n]),
                    "recall": known(self.recall[n]),
                    "f1": known(self.f1[n]),
                }
                for n, label in enumerate(self.labels)
            },
            "confusion": self.confusion.tolist(),
        }

    def remarks(self) -> Sequence[str]:
        found = []
        missed = [label for label, share in zip(self.labels, self.recall) if share == 0]
        if missed:
            found.append(f"never found: {listed(missed)}")
        decided = np.flatnonzero(self.confusion.sum(axis=0))
        if len(decided) == 1 and (self.counts > 0).sum() > 1:
            name = printable(self.labels[decided[0]], 40)
            others = np.delete(self.counts, decided[0])
            if self.counts[decided[0]] > others.max():
                learned = (
                    'but which class is most frequent; training.balance = "weights" or "sampling" helps rare ones'
                )
            else:
                learned = "that tells classes apart"
            if self.streamed:  # of fresh recordings it may tell all
                found.append(
                    f"every answer of the stream is {name!r}: it does not tell classes apart along recordings"
                )
            else:
                found.append(f"every answer is {name!r}: nothing was learned {learned}")
        elif self.accuracy < self.majority + _HARDLY_MORE and self.majority > 1 / max(len(self.labels), 1):
            found.append(
                f"always the most frequent class would be right in {100 * self.majority:.1f} %: the accuracy says "
                "little, see the classes"
            )
        return found


def decisions(
    precision: str,
    streamed: bool,
    labels: tuple[str, ...],
    both: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> Decisions:
    """Count in `both`, part by part, truth (answers,) and decisions (answers,), places in `labels`; a truth of -1
    does not count."""
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    for truth, decided in both:
        counted = truth >= 0
        np.add.at(confusion, (truth[counted], decided[counted]), 1)
    return Decisions(precision, streamed, labels, confusion)
