"""Clips that are nearly the same: one saved anew with other digits, or with a noise that nobody would notice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgelstm.adaptation.ordered import Float64, total
from edgelstm.data.twins import tells

NEAR = 0.01
"""Root of the mean squared difference in a column, as a part of the column's standard deviation in the clip."""

_ROUNDED = 1e-6  # of a column's largest value: float32 has no more digits of one that hardly changes
_BLOCKS = 8
_SLACK = 1.5  # means of numpy's are rounded otherwise on other machines: they never decide


def nearly_twins(sequences: Sequence[NDArray[np.float32]]) -> Iterator[tuple[int, int]]:
    """(place of one before it, place) of each sequence (frames, features) that is the same as that but for `NEAR` in
    every column. Very short ones, and those that hardly ever change, are none, as of `edgelstm.data.twins`."""
    shapes: dict[tuple[int, ...], list[int]] = {}
    for place, x in enumerate(sequences):
        if len(x) and tells(x):
            shapes.setdefault(x.shape, []).append(place)
    for places in shapes.values():
        if len(places) > 1:
            yield from _among(sequences, places)


def _among(sequences: Sequence[NDArray[np.float32]], places: list[int]) -> Iterator[tuple[int, int]]:
    """Of one shape. Means of blocks differ by no more than frames do, so that few are compared frame by frame."""
    means = np.array([_means(sequences[place]) for place in places])  # (clips, blocks, features)
    firsts = means[:, 0, 0].copy()
    length = len(sequences[places[0]])
    share = _size(length) / length  # of the frames, in a block
    for turn, place in enumerate(places):
        limits = _limits(sequences[place])
        found = np.flatnonzero((firsts[:turn] - firsts[turn]) ** 2 * share <= _SLACK * limits[0])
        apart = ((means[found] - means[turn]) ** 2).sum(axis=1) * share
        for other in found[(apart <= _SLACK * limits).all(axis=1)].tolist():
            if _is_near(sequences[places[other]], sequences[place], limits):
                yield places[other], place
                break


def _means(x: NDArray[np.float32]) -> Float64:
    """(blocks, features), of blocks as long as each other; what is left over at the end is not looked at."""
    size = _size(len(x))
    blocks = min(len(x) // size, _BLOCKS)
    found: Float64 = x[: blocks * size].reshape(blocks, size, -1).mean(axis=1, dtype=np.float64)
    return found


def _size(length: int) -> int:
    """Frames of a block."""
    return max(length // _BLOCKS, 1)


def _limits(x: NDArray[np.float32]) -> Float64:
    """(features,): the mean squared differences up to which another is near."""
    wide = x.astype(np.float64)
    off = wide - total(wide) / len(wide)
    variance: Float64 = total(off * off) / len(wide)
    found: Float64 = np.maximum(NEAR**2 * variance, (_ROUNDED * np.abs(wide).max(axis=0)) ** 2)
    return found


def _is_near(one: NDArray[np.float32], other: NDArray[np.float32], limits: Float64) -> bool:
    off = one.astype(np.float64) - other.astype(np.float64)
    return bool((total(off * off) / len(off) <= limits).all())
