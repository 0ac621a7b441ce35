"""Labels that are said one by one, each by its own threshold, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.judging.evaluation import Evaluation, Figure, Floats
from edgelstm.judging.shares import known, listed, shares

_HALF = 0.5  # the threshold of those that have none of their own


@dataclass(frozen=True, eq=False)
class Tagging(Evaluation):
    """Counts of labels; arrays are (labels,)."""

    labels: tuple[str, ...]
    thresholds: tuple[float, ...]  # one for each
    judged: NDArray[np.int64]  # answers with a truth
    counts: NDArray[np.int64]  # of these, those where the label is true
    said: NDArray[np.int64]  # … where it was said
    right: NDArray[np.int64]  # … where it is both
    exact: int  # answers that are right in every label with a truth
    most: int  # … that would be, by always saying the most frequent labels together
    answers: int  # with any truth

    @property
    def count(self) -> int:
        return self.answers

    @cached_property
    def recall(self) -> NDArray[np.float64]:
        """Share of the true ones that were said; NaN for a label that is never true."""
        return shares(self.right, self.counts)

    @cached_property
    def exactness(self) -> NDArray[np.float64]:
        """Share of what was said that is true, its precision; NaN for a label that was never said."""
        return shares(self.right, self.said)

    @cached_property
    def f1(self) -> NDArray[np.float64]:
        """Harmonic mean of both; NaN for a label that is never true."""
        found = shares(2 * self.right, self.counts + self.said)
        found[self.counts == 0] = np.nan
        return found

    @property
    def macro_f1(self) -> float:
        """Mean of `f1` over the labels that the data have."""
        return float(np.nanmean(self.f1)) if (self.counts > 0).any() else 0.0

    @property
    def micro_f1(self) -> float:
        """F1 of all labels counted together."""
        return float(2 * self.right.sum() / max(int(self.counts.sum() + self.said.sum()), 1))

    @property
    def headline(self) -> Figure:
        return Figure("macro F1", self.macro_f1, is_share=True)

    def figures(self) -> Sequence[Figure]:
        return (
            self.headline,
            Figure("micro F1", self.micro_f1, is_share=True),
            Figure("all labels right", self.exact / max(self.answers, 1), is_share=True),
            Figure("always the most frequent", self.most / max(self.answers, 1), is_share=True),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "precision": self.precision,
            "streamed": self.streamed,
            "answers": self.answers,
            "macro_f1": self.macro_f1,
            "micro_f1": self.micro_f1,
            "exact": self.exact / max(self.answers, 1),
            "majority": self.most / max(self.answers, 1),
            "labels": {
                label: {
                    "count": int(self.counts[n]),
                    "threshold": self.thresholds[n],
                    "precision": known(self.exactness[n]),
                    "recall": known(self.recall[n]),
                    "f1": known(self.f1[n]),
                }
                for n, label in enumerate(self.labels)
            },
        }

    def remarks(self) -> Sequence[str]:
        found = []
        missed = [label for label, share in zip(self.labels, self.recall) if share == 0]
        if missed:
            found.append(
                f'never found: {listed(missed)}; training.balance = "weights" or task.thresholds = "f1" helps rare '
                "ones"
            )
        always = [
            label
            for label, said, answers, true in zip(self.labels, self.said, self.judged, self.counts)
            if answers and said == answers and true < answers
        ]
        if always:
            found.append(f"always said: {listed(always)}")
        return found


Both = Iterable[tuple[Floats, Floats]]


def tagging(
    precision: str,
    streamed: bool,
    labels: tuple[str, ...],
    both: Callable[[], Both],
    thresholds: Sequence[float] = (),
) -> Tagging:
    """Count probabilities (answers, labels) against their truth of that shape, 1 or 0, NaN = not known, which does
    not count.

    both: gives them part by part, each time that it is asked. thresholds (labels,): from which probability on a label
    is said; none: 0.5.
    """
    limits = tuple(thresholds) or (_HALF,) * len(labels)
    judged, counts, all_said, right = np.zeros((4, len(labels)), np.int64)
    exact = answered = most = 0
    sets: Counter[bytes] = Counter()  # of labels that are true together, where all is known
    for answers, truth in both():
        is_known, true = ~np.isnan(truth), truth == 1
        said = (answers >= np.array(limits, answers.dtype)) & is_known
        counted = is_known.any(axis=1)
        judged += is_known.sum(axis=0)
        counts += true.sum(axis=0)
        all_said += said.sum(axis=0)
        right += (said & true).sum(axis=0)
        exact += int((said == true)[counted].all(axis=1).sum())
        answered += int(counted.sum())
        found, times = np.unique(true[is_known.all(axis=1)], axis=0, return_counts=True)
        sets.update({row.tobytes(): int(n) for row, n in zip(found, times)})
    usual = (
        np.frombuffer(max(sets, key=lambda row: (sets[row], row)), np.bool_) if sets else np.zeros(len(labels), bool)
    )
    for _, truth in both():
        is_known = ~np.isnan(truth)
        most += int(((usual == (truth == 1)) | ~is_known)[is_known.any(axis=1)].all(axis=1).sum())
    return Tagging(
        precision, streamed, labels, limits, judged, counts, all_said, right, exact=exact, most=most, answers=answered
    )


def best_thresholds(answers: Floats, truth: Floats) -> tuple[float, ...]:
    """(labels,): for each the threshold with the largest F1 over probabilities `answers` (answers, labels) and their
    `truth`, halfway between two of them; 0.5 for a label that is never true."""
    return tuple(_best(answers[:, n].astype(np.float64), truth[:, n]) for n in range(truth.shape[1]))


def _best(answers: NDArray[np.float64], truth: Floats) -> float:
    is_known = ~np.isnan(truth)
    order = np.argsort(-answers[is_known], kind="stable")
    falling, true = answers[is_known][order], truth[is_known][order] == 1
    if not true.any():
        return _HALF
    f1 = 2 * np.cumsum(true) / (np.arange(1, len(true) + 1) + true.sum())
    last = np.append(falling[1:] < falling[:-1], True)  # those that are alike are said together
    place = int(np.where(last, f1, -1).argmax())
    below = falling[place + 1] if place + 1 < len(falling) else 0.0
    return float(falling[place] + below) / 2
