"""Recordings whose levels differ by far more than a scale can show, though the level does not tell what they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset

_FAR = 100.0  # times louder the loudest tenth of the recordings is than the softest, or more
_LOOKED = 1 << 12  # frames of a recording
_RECORDINGS = 1 << 10  # that are looked at
_TELLS = 0.5  # of the levels' variance that the labels explain: then they are told by it
_ENDS = (0.1, 0.9)
_LEAST, _MOST = 1e-7, 1e-2  # of less float32 forms differ by how they round


def quiet(dataset: Dataset) -> float:
    """The variance, in units of the columns' own, below which a recording is among the softest tenth, where levels
    are that uneven; 0 where they are not, and where the label of a recording is told by its level."""
    some = np.unique(np.linspace(0, len(dataset) - 1, _RECORDINGS, dtype=np.int64))
    means, variances = (np.array(of) for of in zip(*(_moments(dataset.sequences[n]) for n in some.tolist())))
    whole = variances.mean(axis=0) + means.var(axis=0)
    moves = whole > 0
    if not moves.any():
        return 0.0
    levels = (variances[:, moves] / whole[moves]).mean(axis=1)
    low, high = np.quantile(levels[levels > 0], _ENDS) if (levels > 0).any() else (1.0, 1.0)
    if high < _FAR**2 * low or _explained(np.log(np.maximum(levels, low)), dataset.y[some]) > _TELLS:
        return 0.0
    return float(f"{np.clip(low, _LEAST, _MOST):.0e}")


def _moments(x: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(mean, variance) of each column, (features,) each."""
    start = max(len(x) - _LOOKED, 0) // 2
    part = x[start : start + _LOOKED].astype(np.float64)
    return part.mean(axis=0), part.var(axis=0)


def _explained(values: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """The share of the variance of values (recordings,) that lies between labels."""
    within = sum(values[y == label].var() * (y == label).sum() for label in np.unique(y))
    whole = values.var() * len(values)
    return float(1 - within / whole) if whole else 0.0
