"""Calibration: run the float model over real signals and remember the ranges of its activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.forward import forward
from edgelstm.model import Model, Ranges


def calibrate(model: Model, sequences: Sequence[NDArray[np.float32]]) -> Model:
    """`model` with the ranges seen over raw `sequences` (each (frames, features), a fresh state for each).

    Whole sequences and long ones: a cell grows for many frames, and a range taken from a short beginning
    saturates it later.
    """
    if not any(len(sequence) >= model.stride for sequence in sequences):
        raise ValueError(f"calibration: no sequences, expected at least one of {model.stride} frames or more")
    spans: dict[str, tuple[float, float]] = {}
    for sequence in sequences:
        trace = forward(model, sequence, np.float32)
        seen = {**trace.results, **trace.states, "x": trace.x}
        for name in model.measured:
            if seen[name].size:
                low, high = float(seen[name].min()), float(seen[name].max())
                before = spans.get(name, (low, high))
                spans[name] = (min(before[0], low), max(before[1], high))
    return replace(model, ranges=Ranges(spans))
