"""What lies at the ends of its integers: values of signals, counted, and weights, biases and scales of a model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.quantization import reference
from edgelstm.quantization.affine import Affine, holds_nothing
from edgelstm.quantization.fixed_point import INT16_MAX, INT16_MIN
from edgelstm.quantization.matrix import BIAS_LIMIT
from edgelstm.quantization.quantized_model import QuantizedModel

BATCH = 8
"""Sequences side by side: longer ones of wide layers take much memory."""

FEW_STEPS = 16
"""A row whose largest weight is fewer steps than this has lost most of what it was."""


def saturation(quantized: QuantizedModel, sequences: Sequence[NDArray[np.float32]]) -> dict[str, float]:
    """The share of values that lie at an end of their integers, where anything beyond looks the same, over raw
    `sequences` (frames, features), a fresh state for each: of the quantized frame `x`, of every result but the
    scores by the layer's name, and of cells (`c0` …). An end that stands for 0, as a ReLU's, does not count."""
    at_end: dict[str, int] = {}
    values: dict[str, int] = {}

    def count(name: str, codes: NDArray[Any], low: int | None, high: int | None) -> None:
        ends = sum(int((codes == end).sum()) for end in (low, high) if end is not None)
        at_end[name] = at_end.get(name, 0) + ends
        values[name] = values.get(name, 0) + codes.size

    for _, trace in reference.traces(quantized, sequences, BATCH):
        if not quantized.float_input:
            count("x", trace.x, *_ends(quantized.input))
        for at, layer in zip(quantized.model.road[:-1], quantized.layers):
            if at.layer.columns and layer.gives is not None and not layer.gives_floats:
                count(at.name, trace.results[at.name], *_ends(layer.gives))
            for name, part in at.parts:
                if part.letter in at.layer.measured and layer.takes is not None:
                    count(name, trace.states[name], INT16_MIN, INT16_MAX)
    return {name: at_end[name] / max(count, 1) for name, count in values.items()}


def _ends(affine: Affine) -> tuple[int | None, int | None]:
    low, high = affine.lowest, -1 - affine.lowest
    return None if affine.zero_point == low else low, None if affine.zero_point == high else high


def quantization_warnings(quantized: QuantizedModel) -> tuple[str, ...]:
    """A line for each layer with integers at a limit: a bias at the largest that it may be, which leaves the weights
    beside it few steps; and a scale that is made up, since calibration saw nothing but zeros. And one that names the
    layers that stay in float32."""
    ranges = quantized.model.ranges
    lines = []
    if ranges is not None and holds_nothing(*ranges["x"]):
        lines.append("x: zero in all of calibration, so that int8's scale for it is a guess")
    for at, layer in zip(quantized.model.road, quantized.layers):
        for name, (weights, bias) in layer.products.items():
            few = np.abs(weights.astype(np.int64)).max(axis=1) < FEW_STEPS
            rows = int((few & (np.abs(bias.astype(np.int64)) >= BIAS_LIMIT - 1)).sum())
            if rows:
                lines.append(
                    f"{at.name}: {rows} of {len(bias)} biases of {name} at the limit of their integers, which leaves "
                    f"the weights beside them fewer than {FEW_STEPS} steps"
                )
        if at.layer.columns and ranges is not None and holds_nothing(*ranges[at.name]):
            lines.append(f"{at.name}: gave only zeros in calibration, so that int8's scale for it is a guess")
    if ranges is not None:
        lines += _wider(quantized, ranges.int16, "weights of 16 bits in int8 files")
        lines += _wider(quantized, ranges.kept, "in float32 also in int8 files")
    return tuple(lines)


def _wider(quantized: QuantizedModel, names: Collection[str], what: str) -> list[str]:
    """A line for layers that have more than int8."""
    share = sum(at.layer.weights for at in quantized.model.road if at.name in names)
    return (
        [f"{', '.join(names)}: {what}, {100 * share / quantized.model.weights:.0f} % of the weights"] if names else []
    )
