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
    if not sequences:
        raise ValueError("calibration: no sequences, expected at least one")
    traces = [forward(model, sequence, np.float32) for sequence in sequences]
    mean, std = model.normalize.mean, model.normalize.std
    normalized = [((sequence - mean) / std) for sequence in sequences]
    ranges = Ranges(
        x=_span(normalized),
        h=tuple(_span([trace.h[n] for trace in traces]) for n in range(len(model.lstms))),
        c=tuple(max(float(np.abs(trace.c[n]).max()) for trace in traces) for n in range(len(model.lstms))),
        dense=tuple(_span([trace.dense[n] for trace in traces]) for n in range(len(model.head))),
    )
    return replace(model, ranges=ranges)


def _span(arrays: Sequence[NDArray[np.floating]]) -> tuple[float, float]:
    return min(float(a.min()) for a in arrays), max(float(a.max()) for a in arrays)
