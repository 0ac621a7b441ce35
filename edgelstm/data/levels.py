"""What is odd about the levels of signals beside those that a model learned from: other units, another device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgelstm.data.store import every_nth
from edgelstm.plain import printable

FAR = 10.0
"""Deviations from the mean of training, of a feature's median, beyond which the data are of another kind."""

_MOST = 1 << 18  # frames that are looked at, evenly chosen of more

SPREAD = 20.0
"""How many times more or less than in training a feature may vary."""


def level_remarks(
    sequences: Sequence[NDArray[np.float32]], mean: ArrayLike, deviation: ArrayLike, names: Sequence[str] = ()
) -> list[str]:
    """A line for each feature of raw `sequences` (frames, features) that lies far from training's `mean` (features,),
    varies by far more or less than its `deviation` (features,), or does not move; features by their `names`."""
    frames = every_nth(sequences, _MOST).astype(np.float64)
    mean = np.asarray(mean, np.float64)
    x = (frames - mean) / np.asarray(deviation, np.float64)
    # Quartiles: a glitch is nothing that the rest of the data must answer for.
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75], axis=0)
    usual = (high - low) / 1.35  # as many deviations of a normal distribution
    is_known = mean.any() or (np.asarray(deviation) != 1).any()  # imported models may bring none
    lines = []
    for j in range(frames.shape[1]):
        name = printable(names[j], 40) if names else f"feature {j}"
        if frames[:, j].min() == frames[:, j].max():
            lines.append(f"{name} is always {frames[0, j]:g}")
        elif not is_known:
            continue
        elif abs(middle[j]) > FAR:
            lines.append(
                f"{name} lies about {frames[:, j].mean():.4g}, {abs(middle[j]):.3g} deviations from training's "
                f"{mean[j]:.4g}: other units, or another device?"
            )
        elif usual[j] > SPREAD:
            lines.append(
                f"{name} varies {usual[j]:.3g} times as much as in training: other units, or another device?"
            )
        elif x[:, j].std() < 1 / SPREAD:
            lines.append(f"{name} hardly moves, {1 / x[:, j].std():.3g} times less than in training")
    return lines
