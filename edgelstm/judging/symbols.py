"""Probabilities of the next symbol, by what they would cost: a text that is well foreseen is told in few bits."""

from __future__ import annotations

from collections.abc import Sequence
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
    precision: str, streamed: bool, labels: tuple[str, ...], answers: Floats, truth: NDArray[np.int64]
) -> Bits:
    """Judge probabilities (answers, labels) of what is next by `truth` (answers,), places in `labels`; -1 does not
    count."""
    counted = np.flatnonzero(truth >= 0)
    truth = truth[counted]
    if not len(truth):
        return Bits(precision, streamed, 0, 0.0, 0.0, 0.0, 0.0)
    given = answers[counted, truth].astype(np.float64)
    counts = np.bincount(truth, minlength=len(labels))
    shares = counts[counts > 0] / counts.sum()
    return Bits(
        precision,
        streamed,
        len(truth),
        bits=float(-np.log2(np.maximum(given, _LEAST)).mean()),
        accuracy=float((answers[counted].argmax(axis=1) == truth).mean()),
        of_frequencies=float(-(shares * np.log2(shares)).sum()),
        majority=float(shares.max()),
    )
