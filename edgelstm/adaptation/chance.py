"""Whether a gain on clips held out is more than chance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgelstm.adaptation.ordered import Float64, log, total

LIKELY = 0.1
"""The most that a gain's probability by chance may be."""

_ERRORS = 2.0  # standard errors


def sign_test(won: int, lost: int) -> float:
    """The probability that of won + lost fair coins `won` or more show heads."""
    tosses = won + lost
    ways = sum(math.comb(tosses, n) for n in range(won, tosses + 1))
    return ways / (1 << tosses)


def is_above(gains: Float64) -> bool:
    """Whether the mean of `gains` (clips,) is above 0 by more than two of its standard errors."""
    count = len(gains)
    if count < 2:
        return False
    mean = float(total(gains)) / count
    spread = float(total((gains - mean) ** 2)) / (count - 1)
    return mean > _ERRORS * math.sqrt(spread / count)


def guesses(truth: Float64, one_of: bool) -> Float64:
    """(pieces,): what each costs whoever knows nothing but how frequent labels are. truth: (pieces, outputs), NaN
    where it is not known. one_of: whether one label is true, or each by itself. Each outcome counts once more than it
    was seen: a label without clips is not impossible."""
    is_known = ~np.isnan(truth)
    told = np.where(is_known, truth, 0.0)
    outcomes = truth.shape[1] if one_of else 2
    share = (total(told) + 1.0) / (total(is_known.astype(np.float64)) + outcomes)
    cost = -told * log(share)
    if not one_of:
        cost = cost - np.where(is_known, 1.0 - told, 0.0) * log(1.0 - share)
    return total(cost.T)


def by_clip(values: Float64, clips: NDArray[np.int64]) -> Float64:
    """(clips,): sums over the pieces of each."""
    return np.array([float(total(values[clips == clip])) for clip in np.unique(clips)])
