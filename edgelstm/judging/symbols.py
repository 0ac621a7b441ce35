"""Probabilities of the next symbol, by what they would cost: a text that is well foreseen is told in few bits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.judging.evaluation import Evaluation, Figure, Floats

_LEAST = 2.0**-64
"""A symbol costs at most 64 bits: a probability of 0 that a format rounded is no certainty."""


@dataclass(frozen=True, eq=False)
class Bits(Evaluation):
    """Means over all symbols that followed."""

    answers: int
    bits: float  # -log2 of the probability that was given to what followed
    accuracy: float  # share in which what followed was the most likely
    of_frequencies: float  # bits, had each symbol been foreseen by how often it comes in these very texts
    majority: float  # accuracy of always the most frequent symbol

    @property
    def count(self) -> int:
        return self.answers

    @property
    def headline(self) -> Figure:
        return Figure("bits a symbol", self.bits if self.answers else None)

    def figures(self) -> Sequence[Figure]:
        return (
            self.headline,
            Figure("… by frequencies", self.of_frequencies if self.answers else None),
            Figure("most likely is right", self.accuracy, is_share=True),
            Figure("always the most frequent", self.majority, is_share=True),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "precision": self.precision,
            "streamed": self.streamed,
            "answers": self.answers,
            "bits": self.bits,
            "bits_by_frequencies": self.of_frequencies,
            "accuracy": self.accuracy,
            "majority": self.majority,
        }

    def remarks(self) -> Sequence[str]:
        if self.bits < self.of_frequencies or not self.answers:
            return ()
        return (f"{self.bits:.2f} bits a symbol are no fewer than by how often each comes: nothing was learned",)


def symbols(
    precision: str, streamed: bool, labels: tuple[str, ...], both: Iterable[tuple[Floats, NDArray[np.int64]]]
) -> Bits:
    """Judge, part by part, probabilities (answers, labels) of what is next by the truth (answers,), places in
    `labels`; -1 does not count."""
    bits, right, counts = 0.0, 0, np.zeros(len(labels), np.int64)
    for answers, truth in both:
        counted = np.flatnonzero(truth >= 0)
        known = truth[counted]
        bits += float(bits_of(answers[counted], known).sum())
        right += int((answers[counted].argmax(axis=1) == known).sum())
        counts += np.bincount(known, minlength=len(labels))
    count = int(counts.sum())
    if not count:
        return Bits(precision, streamed, 0, 0.0, 0.0, 0.0, 0.0)
    shares = counts[counts > 0] / count
    return Bits(
        precision,
        streamed,
        count,
        bits=bits / count,
        accuracy=right / count,
        of_frequencies=float(-(shares * np.log2(shares)).sum()),
        majority=float(shares.max()),
    )


def bits_of(answers: Floats, truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """(answers,): what each symbol cost that came, `truth` (answers,), by the probabilities (answers, labels) of what
    would come; those of a truth of -1 mean nothing."""
    given = answers[np.arange(len(truth)), truth].astype(np.float64)
    bits: NDArray[np.float64] = -np.log2(np.maximum(given, _LEAST))
    return bits
