"""How many answers a share really rests on: answers that follow one another resemble one another.

A file decides otherwise than the model where the model is nearly undecided, and such a moment lasts: windows overlap,
states remember. So of a model that answers at every frame a thousand answers may be worth thirty. How near each
answer of the model is to another decision, compared with how far scores are off, is a series whose correlation in
time tells how long a moment lasts; a mean over n answers is as certain as one over n / (1 + 2·Σ correlations)
independent ones (the effective sample size of a correlated series; the sum ends where a pair of lags is no longer
positive, Geyer 1992).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers.layer import Floats
from edgelstm.model import OutputActivation

LEAST_ERROR, MOST_ERROR = 0.04, 0.25
"""Scores off by this, relative to their RMS, are assumed at least: so many independent answers are told alike of all
files of a model, and not more of an exact one. Of a file that is off by more than the largest, each answer may be
another."""

_NOTHING = 1e-24  # variance of a series, relative to its largest value squared, that is but rounding

NEAREST = 0.02
"""Share of the answers, those nearest to another decision, that count as near whatever the error: as many as a file
that just passes decides otherwise."""


def independent(scores: Floats, activation: OutputActivation, error: float) -> int:
    """How many independent answers those of the model are worth: pooled `scores` (answers, outputs) before the
    activation, in the order of time, held against a file whose scores are off by `error`, relative to their RMS.
    Linear ones decide nothing: how long the output that moves most stays as it is counts instead."""
    n = len(scores)
    if activation == "linear":
        return max(int(n / _lasts(scores[:, int(np.ptp(scores, axis=0).argmax())].astype(np.float64))), 1)
    margins = _margins(scores, activation)
    off = min(max(error, LEAST_ERROR), MOST_ERROR) * _rms(scores, activation)
    reach = 2 * max(off, float(np.quantile(margins, NEAREST, method="lower")))
    if n < 2 or not 0 < reach < np.inf:
        return n
    return max(int(n / _lasts(np.exp(-margins / reach))), 1)


def _margins(scores: Floats, activation: OutputActivation) -> NDArray[np.float64]:
    """How far each answer is from another decision, in units of scores: the second largest score, or for outputs by
    themselves a score of 0."""
    wide = scores.astype(np.float64)
    if activation == "sigmoid":
        return np.asarray(np.abs(wide).min(axis=1))
    if wide.shape[1] < 2:
        return np.full(len(wide), np.inf)
    ordered = np.partition(wide, -2, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2])


def _rms(scores: Floats, activation: OutputActivation) -> float:
    wide = scores.astype(np.float64)
    if activation == "softmax":
        wide = wide - wide.mean(axis=1, keepdims=True)
    return float(np.sqrt(np.mean(wide**2)))


def _lasts(series: NDArray[np.float64]) -> float:
    """1 + 2·Σ of the correlations of a series (n,) with itself, in steps."""
    n, largest = len(series), float(np.abs(series).max())
    if not largest > 0:
        return 1.0
    centred = series / largest
    centred -= centred.mean()
    size = float(centred @ centred)
    if not size > n * _NOTHING:
        return 1.0
    waves = np.fft.rfft(centred, 2 * n)
    correlations = np.fft.irfft((waves * waves.conj()).real)[:n] / size
    pairs = correlations[1 : n - (n - 1) % 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    return 1.0 + 2.0 * float(pairs[: ends[0] if ends.size else len(pairs)].sum())
