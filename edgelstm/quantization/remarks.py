"""What is odd about signals to calibrate on: too few, still, or far from what the model's normalization expects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.levels import level_remarks
from edgelstm.model import Model
from edgelstm.plain import counted
from edgelstm.quantization.choice import FEWEST


def calibration_remarks(model: Model, sequences: Sequence[NDArray[np.float32]]) -> tuple[str, ...]:
    """A line for each thing that makes raw `sequences` (frames, features) poor ones to calibrate `model` on, features
    by their names. ValueError where no feature ever moves: no range follows from that."""
    frames = np.concatenate(sequences)
    lines = []
    if len(frames) < FEWEST:
        lines.append(
            f"calibration on {counted(len(frames), 'frame')}, expected {FEWEST:,} or more: ranges may prove too small"
        )
    if not (frames.min(axis=0) < frames.max(axis=0)).any():
        raise ValueError("calibration: no feature ever changes, expected signals as the model will meet them")
    normalize = model.normalize
    found = level_remarks(sequences, normalize.mean, normalize.std, model.feature_names)
    return (*lines, *(f"calibration: {line}" for line in found))
