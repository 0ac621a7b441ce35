"""What is odd about signals to calibrate on: too few, still, or far from what the model's normalization expects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgelstm.model import Model
from edgelstm.plain import printable
from edgelstm.quantization.choice import FEWEST

FAR = 10.0
"""Deviations from the mean of training, of a feature's median, beyond which the data are of another kind."""

SPREAD = 20.0
"""How many times more or less than in training a feature may vary."""


def calibration_remarks(model: Model, sequences: Sequence[NDArray[np.float32]]) -> tuple[str, ...]:
    """A line for each thing that makes raw `sequences` (frames, features) poor ones to calibrate `model` on, features
    by their names. ValueError where no feature ever moves: no range follows from that."""
    frames = np.concatenate(sequences).astype(np.float64)
    lines = []
    if len(frames) < FEWEST:
        lines.append(f"calibration on {len(frames)} frames, expected {FEWEST:,} or more: ranges may prove too small")
    moving = frames.min(axis=0) < frames.max(axis=0)
    if not moving.any():
        raise ValueError("calibration: no feature ever changes, expected signals as the model will meet them")
    x = (frames - model.normalize.mean) / model.normalize.std
    # Quartiles: a glitch is nothing that the rest of the data must answer for.
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75], axis=0)
    usual = (high - low) / 1.35  # as many deviations of a normal distribution
    for j, given in enumerate(model.feature_names or [f"feature {j}" for j in range(model.features)]):
        name = printable(given, 40)
        if not moving[j]:
            lines.append(f"calibration: {name} is always {frames[0, j]:g}")
        elif abs(middle[j]) > FAR:
            lines.append(
                f"calibration: {name} lies about {frames[:, j].mean():.4g}, {abs(middle[j]):.3g} deviations from "
                f"training's {model.normalize.mean[j]:.4g}: other units, or another device?"
            )
        elif usual[j] > SPREAD:
            lines.append(
                f"calibration: {name} varies {usual[j]:.3g} times as much as in training: other units, or another "
                "device?"
            )
        elif x[:, j].std() < 1 / SPREAD:
            lines.append(f"calibration: {name} hardly moves, {1 / x[:, j].std():.3g} times less than in training")
    return tuple(lines)
