"""Labels that may be wrong: two that are exchanged, and clips that nobody else would label so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.adaptation.ordered import Float64, softmax

MOST = 2 / 3
"""Share of a label's pieces that are heard as another one, from which on most are."""

LEAST = 3
"""Pieces of a label that tell this."""

SURE = 0.8
"""What both the old model and one that had not learned from a clip give another label than its own."""


def exchanged(truth: Float64, before: Float64) -> tuple[tuple[int, ...], ...]:
    """Labels of which the old model hears each as the next and the last as the first: most pieces of each, so that it
    tells them apart, but by other names. truth, before: (pieces, outputs); one label is true of each."""
    own, heard = truth.argmax(axis=1), before.argmax(axis=1)
    as_other: dict[int, int] = {}
    for label in np.unique(own).tolist():
        counts = np.bincount(heard[own == label], minlength=truth.shape[1])
        other = int(counts.argmax())
        if other != label and counts.sum() >= LEAST and counts[other] >= MOST * counts.sum():
            as_other[label] = other
    found = []
    for first in as_other:
        ring = [first]
        while (after := as_other.get(ring[-1])) is not None and after not in ring:
            ring.append(after)
        if after == first == min(ring):
            found.append(tuple(ring))
    return tuple(found)


def doubted(truth: Float64, before: Float64, held_out: Float64) -> NDArray[np.bool_]:
    """(pieces,): of which the old model, and one that learned from the other clips alone, both surely tell the same
    label, which is not their own. Scores are (pieces, outputs); one label is true of each."""
    own, heard = truth.argmax(axis=1), before.argmax(axis=1)
    sure = np.minimum(softmax(before), softmax(held_out))[np.arange(len(own)), heard] >= SURE
    found: NDArray[np.bool_] = sure & (heard != own)
    return found
