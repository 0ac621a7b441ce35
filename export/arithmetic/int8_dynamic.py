"""int8 weights with float arithmetic around them, and how far from the float model they may lead.

Engines round activations to 8 bits on the fly, each in its own way. `rounded_forward` does it in the plainest way;
a file is right when it is not much farther from float64 than that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.arithmetic.arithmetic import Arithmetic, Verdict, compare_with_float64
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.references import float_trace
from edgelstm.export.parity.run import Run
from edgelstm.export.parity.tolerance import rounded_limit
from edgelstm.layers import LSTM
from edgelstm.model import Model

Floats = NDArray[np.floating[Any]]

SAME_ROUNDING = 6
"""Against the plainest way of rounding, a file must be within this fraction of the limit against float64. Where
float32 puts a value on the other side of a rounding's edge, the two part by a step and stay near: measured 0.003
where both are 0.036 off."""


def rows_to_int8(
    weights: NDArray[np.float32], groups: int | None = None
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(rows, columns) → integers in [-127, 127] and a scale for each row: weights ≈ integers · scale.

    `groups`: number of equal blocks of rows that share a scale; left out, each row has its own.
    """
    largest = np.abs(weights).max(axis=1).reshape(groups or len(weights), -1)
    shared = np.repeat(largest.max(axis=1), largest.shape[1]) / np.float32(127)
    scale = np.where(shared > np.finfo(np.float32).tiny, shared, np.float32(1 / 127)).astype(np.float32)
    return np.clip(np.rint(weights / scale[:, None]), -127, 127).astype(np.int8), scale


class Int8Dynamic(Arithmetic):
    """A scale for each row of weights; x and h to 256 values from the smallest to the largest."""

    def __init__(self, model: Model):
        self.model = model

    def rounded(self, sequence: NDArray[np.float32]) -> forward.Trace:
        """What the plainest way to round gives for raw frames (T, features)."""
        return rounded_forward(self.model, sequence)

    def compare(self, run: Run, sequence: NDArray[np.float32], ledger: Ledger) -> Verdict:
        exact, rough = float_trace(self.model, sequence), self.rounded(sequence)
        limit, largest = compare_with_float64(
            self.model, run, sequence, ledger, rough, rounded_limit, 1 / SAME_ROUNDING
        )
        return Verdict("answers against float64", exact.scores, limit, rough.scores, largest)


class Hybrid(Int8Dynamic):
    """A scale for each gate; x and h to as many values below 0 as above."""

    def rounded(self, sequence: NDArray[np.float32]) -> forward.Trace:
        return rounded_forward(self.model, sequence, groups=4, round_values=_rounded_symmetrically)


def rounded_forward(
    model: Model,
    sequence: NDArray[np.float32],
    groups: int | None = None,
    round_values: Callable[[Floats], Floats] | None = None,
) -> forward.Trace:
    """Raw frames (T, features) through the LSTM layers with weights and, frame by frame, x and h rounded to 8 bits;
    all else, and the head, in float64.

    `groups`: blocks of rows that share a scale; left out, each row has its own. `round_values`: left out, to 256
    values from the smallest to the largest.
    """
    flow: Floats = (sequence.astype(np.float64) - model.normalize.mean) / model.normalize.std
    x = flow
    hs, cs, dense = [], [], []
    for lstm in model.lstms:
        h, c = _rounded_lstm(lstm, flow, groups, round_values or _rounded)
        hs.append(h)
        cs.append(c)
        flow = h
    for layer in model.head:
        flow = flow @ layer.W.astype(np.float64).T + layer.b
        flow = np.maximum(flow, 0) if layer.activation == "relu" else flow
        dense.append(flow)
    return forward.Trace.of(x, tuple(hs), tuple(cs), tuple(dense))


def _rounded_lstm(
    layer: LSTM, x: Floats, groups: int | None, round_values: Callable[[Floats], Floats]
) -> tuple[Floats, Floats]:
    W, R = _rounded_rows(layer.W, groups), _rounded_rows(layer.R, groups)
    h: Floats = np.zeros(layer.units)
    c: Floats = np.zeros(layer.units)
    hs, cs = np.empty((2, len(x), layer.units))
    for t, frame in enumerate(x):
        i, f, g, o = np.split(W @ round_values(frame) + R @ round_values(h) + layer.b, 4)
        c = forward.sigmoid(f) * c + forward.sigmoid(i) * np.tanh(g)
        h = forward.sigmoid(o) * np.tanh(c)
        hs[t], cs[t] = h, c
    return hs, cs


def _rounded_rows(weights: NDArray[np.float32], groups: int | None) -> Floats:
    integers, scale = rows_to_int8(weights, groups)
    rounded: Floats = integers * scale.astype(np.float64)[:, None]
    return rounded


def _rounded(x: Floats) -> Floats:
    """To 256 values from the smallest of `x` to its largest, 0 among them."""
    low, high = np.minimum(x.min(), 0.0), np.maximum(x.max(), 0.0)
    scale = (high - low) / 255 or 1.0
    zero = np.rint(-low / scale)
    rounded: Floats = (np.clip(np.rint(x / scale) + zero, 0, 255) - zero) * scale
    return rounded


def _rounded_symmetrically(x: Floats) -> Floats:
    """To 255 values, as many below 0 as above."""
    scale = np.abs(x).max() / 127 or 1.0
    rounded: Floats = np.rint(x / scale) * scale
    return rounded
