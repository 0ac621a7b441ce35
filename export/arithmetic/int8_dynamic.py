"""int8 weights with float arithmetic around them, and how far from the float model they may lead.

Engines round activations to 8 bits on the fly, each in its own way. `rounded_forward` does it in the plainest way;
a file is right when it is not much farther from float64 than that.
"""

from __future__ import annotations

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
from edgelstm.export.arithmetic.kinds import KINDS
from edgelstm.export.arithmetic.rounding import PER_GATE, PER_ROW, Rounding
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.references import float_trace
from edgelstm.export.parity.run import Run
from edgelstm.export.parity.tolerance import rounded_limit
from edgelstm.model import Model

Floats = NDArray[np.floating[Any]]


class Int8Dynamic(Arithmetic):
    """A scale for each row of weights; x and h to 256 values from the smallest to the largest."""

    def __init__(self, model: Model):
        self.model = model

    def rounded(self, sequence: NDArray[np.float32]) -> forward.Trace:
        """What the plainest way to round gives for raw frames (T, features)."""
        return rounded_forward(self.model, sequence, PER_ROW)

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
        return rounded_forward(self.model, sequence, PER_GATE)


def rounded_forward(model: Model, sequence: NDArray[np.float32], rounding: Rounding) -> forward.Trace:
    """Raw frames (T, features) through the recurrent layers with weights and, run by run, x and h rounded to 8 bits;
    all else, and all other layers, in float64."""
    x: Floats = (sequence.astype(np.float64) - model.normalize.mean) / model.normalize.std
    results: dict[str, Floats] = {}
    states: dict[str, Floats] = {}
    flow = x
    for at in model.road:
        rounded = KINDS[at.layer.kind].rounded
        if rounded is not None:
            flow, of_layer = rounded(at.layer, flow, rounding)
        else:
            run = at.layer.forward(flow[:, None], at.source)
            flow, of_layer = run.result[:, 0], {letter: values[:, 0] for letter, values in run.states.items()}
        results[at.name] = flow
        states |= {name: of_layer[part.letter] for name, part in at.parts}
    return forward.Trace(x, results, states)
