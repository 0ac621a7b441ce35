"""Columns of clips that lie outside of what int8 was calibrated for, where values saturate, and wider ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.hearing import ear_of
from edgelstm.model import Model
from edgelstm.quantization import QuantizedModel
from edgelstm.quantization.features import see_features

LEAST = 0.01
"""Share of a column's values outside, from which on it is told: calibration itself leaves out up to 0.002."""

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class Outside:
    """Of a column, in its units."""

    share: float  # of the clips' values
    low: float  # what int8 holds
    high: float
    least: float  # what the clips have
    most: float


def outside(quantized: QuantizedModel, sequences: Sequence[Frames]) -> dict[str, Outside]:
    """Column → what of it saturates in raw `sequences` (frames, features). None where frames are not int8."""
    if quantized.float_input or ear_of(quantized.model) is not None:
        return {}
    affine, model = quantized.input, quantized.model
    ends = np.array([affine.lowest - 0.5, -affine.lowest - 0.5])[:, None]
    low, high = (ends - quantized.input_offset) / quantized.input_scale + quantized.input_mean
    frames = sum(map(len, sequences))
    shares = sum(((x < low) | (x > high)).sum(axis=0) for x in sequences) / frames
    least, most = (
        np.min([x.min(axis=0) for x in sequences], axis=0),
        np.max([x.max(axis=0) for x in sequences], axis=0),
    )
    names = model.feature_names or tuple(map(str, range(model.features)))
    return {
        names[j]: Outside(*(float(of[j]) for of in (shares, low, high, least, most)))
        for j in np.flatnonzero(shares >= LEAST).tolist()
    }


def widened(model: Model, sequences: Sequence[Frames]) -> Model:
    """`model` with a range of frames that holds these as well, but for glitches."""
    ranges = model.ranges
    assert ranges is not None  # it was quantized
    low, high = see_features(model.normalize, sequences).ends(0.0)
    factors = np.array(ranges.factors) if ranges.factors else np.ones(model.features)
    span = min(ranges["x"][0], float((low / factors).min())), max(ranges["x"][1], float((high / factors).max()))
    return replace(model, ranges=replace(ranges, spans={**ranges.spans, "x": span}))
