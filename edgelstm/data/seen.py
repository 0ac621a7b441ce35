"""What training saw of each feature, for boards to tell what is far outside of it."""

from __future__ import annotations

import numpy as np

from edgelstm.data.dataset import Dataset
from edgelstm.data.store import chunked
from edgelstm.quantization.tails import Tails

_OUTSIDE = 0.0005
"""Share of the frames that may lie below the range, and above it: glitches do not stretch it."""


def feature_range(dataset: Dataset) -> tuple[tuple[float, float], ...]:
    """For each feature the two values between which nearly all frames lie, raw.

    The two are the same for a feature that never moves, and for no other.
    """
    tails = Tails(dataset.features, dataset.frames)
    for sequence in dataset.sequences:
        for part in chunked(sequence):
            tails.add(part)
    low, high = (end.astype(np.float32) for end in tails.ends(_OUTSIDE))
    (least,), (most,) = tails.outermost(1)
    rarely = low == high
    low[rarely], high[rarely] = least[rarely], most[rarely]
    return tuple((float(one), float(other)) for one, other in zip(low, high))
