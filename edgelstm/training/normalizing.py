"""The normalization that training fits: mean and deviation of each feature, which glitches do not wreck. Features
whose changes float32 can hardly tell are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.store import chunked
from edgelstm.model import Normalize
from edgelstm.plain import printable
from edgelstm.quantization.features import see_features

Frames = NDArray[np.float32]

LEAST_STEPS = 64
"""A feature's deviation must be as many steps of float32 at its magnitude, or the steps are what is learned."""


def fit_normalize(dataset: Dataset) -> Normalize:
    """Mean and standard deviation of each feature over all frames, without glitches; a feature that never moves gets
    1. ValueError, by the feature's name, where float32 is too coarse for what it does."""
    first = _moments(dataset.sequences)
    seen = see_features(first, dataset.sequences)
    found = first
    if any(count.any() for count in seen.glitches):
        found = _moments(dataset.sequences, seen.clipped)
    _refuse_coarse(dataset, found)
    return found


def still(dataset: Dataset) -> list[str]:
    """The names of features that never change."""
    return [_name(dataset, int(j)) for j in np.flatnonzero(is_still(dataset))]


def is_still(dataset: Dataset) -> NDArray[np.bool_]:
    """(features,): which never change."""
    low, high = _ends(dataset.sequences)
    found: NDArray[np.bool_] = low == high
    return found


def _ends(
    sequences: Sequence[Frames], change: Callable[[Frames], Frames] = lambda frames: frames
) -> tuple[Frames, Frames]:
    """(features,) each: the least and the largest value of all frames after `change`."""
    low, high = change(sequences[0][:1])[0], change(sequences[0][:1])[0]
    for part in (change(part) for x in sequences for part in chunked(x)):
        low, high = np.minimum(low, part.min(axis=0)), np.maximum(high, part.max(axis=0))
    return low, high


def _moments(sequences: Sequence[Frames], change: Callable[[Frames], Frames] = lambda frames: frames) -> Normalize:
    """Of all frames after `change`."""
    count, features = sum(map(len, sequences)), sequences[0].shape[1]

    def mean_of(values: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
        sums = (values(change(part).astype(np.float64)).sum(axis=0) for x in sequences for part in chunked(x))
        return sum(sums, np.zeros(features)) / count

    mean = mean_of(lambda frames: frames)
    std = np.sqrt(mean_of(lambda frames: (frames - mean) ** 2))
    low, high = _ends(sequences, change)
    return Normalize(mean.astype(np.float32), np.where(low < high, std, 1.0).astype(np.float32))


def _refuse_coarse(dataset: Dataset, normalize: Normalize) -> None:
    low, high = _ends(dataset.sequences)
    spacing = np.spacing(np.abs(normalize.mean) + normalize.std)
    for j in np.flatnonzero((low < high) & (spacing * LEAST_STEPS > normalize.std)):
        raise ValueError(
            f"{dataset.name}: {_name(dataset, int(j))} is {normalize.mean[j]:.6g} with a deviation of "
            f"{normalize.std[j]:.3g}, where float32 has steps of {spacing[j]:.2g}, expected a deviation of "
            f"{LEAST_STEPS} steps or more: subtract an offset at the source"
        )


def _name(dataset: Dataset, feature: int) -> str:
    return printable(dataset.feature_names[feature], 40) if dataset.feature_names else f"feature {feature}"
