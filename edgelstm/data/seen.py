"""What training saw of each feature, for boards to tell what is far outside of it."""

from __future__ import annotations

import numpy as np

from edgelstm.data.dataset import Dataset
from edgelstm.data.store import every_nth

_OUTSIDE = 0.0005
"""Share of the frames that may lie below the range, and above it: glitches do not stretch it."""
_MOST_FRAMES = 1 << 20


def feature_range(dataset: Dataset) -> tuple[tuple[float, float], ...]:
    """For each feature the two values between which nearly all frames lie, raw; of many frames every n-th counts.

    The two are the same for a feature that never moves, and for no other.
    """
    frames = every_nth(dataset.sequences, _MOST_FRAMES)
    low, high = np.quantile(frames, [_OUTSIDE, 1 - _OUTSIDE], axis=0).astype(np.float32)
    rarely = low == high
    low[rarely], high[rarely] = frames.min(axis=0)[rarely], frames.max(axis=0)[rarely]
    return tuple((float(least), float(most)) for least, most in zip(low, high))
