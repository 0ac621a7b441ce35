"""int8 weights with float arithmetic around them, and how far from the float model they may lead.

Engines round activations to 8 bits on the fly, each in its own way. `rounded_forward` does it in the plainest way;
a file is right when it is not much farther from float64 than that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.arithmetic.arithmetic import (
    Arithmetic,
    Verdict,
    limits_by_name,
    of_own_scores,
    seen_values,
    show_float64,
)
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.references import float_trace
from edgelstm.export.parity.run import Run
from edgelstm.export.parity.tolerance import rounded_limit
from edgelstm.layers import GRU, LSTM
from edgelstm.layers.layer import sigmoid
from edgelstm.model import Model

Floats = NDArray[np.floating[Any]]


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
        return rounded_forward(self.model, sequence, _PER_ROW)

    def compare(self, run: Run, sequence: NDArray[np.float32], ledger: Ledger) -> Verdict:
        exact, rough = float_trace(self.model, sequence), self.rounded(sequence)
        show_float64(self.model, run, sequence, ledger)
        limits = limits_by_name(self.model, run, exact, rough, rounded_limit)
        found, near = seen_values(self.model, run, rough)
        for name, values in found.items():
            ledger.near(f"{name} against the same rounding", values, near[name], limits[name])
        return of_own_scores(self.model, run, rough.scores)


class Hybrid(Int8Dynamic):
    """A scale for each gate; x and h to as many values below 0 as above."""

    def rounded(self, sequence: NDArray[np.float32]) -> forward.Trace:
        return rounded_forward(self.model, sequence, _PER_GATE)


@dataclass(frozen=True)
class Rounding:
    """How weights and what meets them become 8 bits."""

    groups: bool  # one scale for each gate, not for each row
    values: Callable[[Floats], Floats]

    def rows(self, weights: NDArray[np.float32], gates: int) -> Floats:
        integers, scale = rows_to_int8(weights, gates if self.groups else None)
        rounded: Floats = integers * scale.astype(np.float64)[:, None]
        return rounded


def rounded_forward(model: Model, sequence: NDArray[np.float32], rounding: Rounding) -> forward.Trace:
    """Raw frames (T, features) through the recurrent layers with weights and, run by run, x and h rounded to 8 bits;
    all else, and all other layers, in float64."""
    x: Floats = (sequence.astype(np.float64) - model.normalize.mean) / model.normalize.std
    results: dict[str, Floats] = {}
    states: dict[str, Floats] = {}
    flow = x
    for at in model.road:
        rounded = ROUNDED.get(at.layer.kind)
        if rounded is not None:
            flow, of_layer = rounded(at.layer, flow, rounding)
        else:
            run = at.layer.forward(flow[:, None], at.source)
            flow, of_layer = run.result[:, 0], {letter: values[:, 0] for letter, values in run.states.items()}
        results[at.name] = flow
        states |= {name: of_layer[part.letter] for name, part in at.parts}
    return forward.Trace(x, results, states)


def _rounded_lstm(layer: LSTM, x: Floats, rounding: Rounding) -> tuple[Floats, dict[str, Floats]]:
    W, R = rounding.rows(layer.W, 4), rounding.rows(layer.R, 4)
    h: Floats = np.zeros(layer.units)
    c: Floats = np.zeros(layer.units)
    hs, cs = np.empty((2, len(x), layer.units))
    for t, frame in enumerate(x):
        i, f, g, o = np.split(W @ rounding.values(frame) + R @ rounding.values(h) + layer.b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        hs[t], cs[t] = h, c
    return hs, {"h": hs, "c": cs}


def _rounded_gru(layer: GRU, x: Floats, rounding: Rounding) -> tuple[Floats, dict[str, Floats]]:
    W, R, H = rounding.rows(layer.W, 3), rounding.rows(layer.R, 3), layer.units
    h: Floats = np.zeros(H)
    hs = np.empty((len(x), H))
    for t, frame in enumerate(x):
        a = W @ rounding.values(frame) + layer.b
        back = R @ rounding.values(h)
        z, r = sigmoid(a[:H] + back[:H]), sigmoid(a[H : 2 * H] + back[H : 2 * H])
        gated = r * (back[2 * H :] + layer.rb)
        if layer.reset == "before":
            gated = R[2 * H :] @ rounding.values(r * h)
        h = hs[t] = z * h + (1 - z) * np.tanh(a[2 * H :] + gated)
    return hs, {"h": hs}


ROUNDED: dict[str, Callable[..., tuple[Floats, dict[str, Floats]]]] = {"lstm": _rounded_lstm, "gru": _rounded_gru}
"""(layer, x (T, inputs), rounding) → its results (T, values), and its states by letter."""


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


_PER_ROW, _PER_GATE = Rounding(False, _rounded), Rounding(True, _rounded_symmetrically)
