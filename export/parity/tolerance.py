"""How far a file may be from the model in a proof, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.twin import windows_of
from edgelstm.model import Placed
from edgelstm.quantization import QuantizedConv, QuantizedDense, QuantizedModel
from edgelstm.quantization.layer import QuantizedLayer

Slack = NDArray[np.float64]

FLOAT32_LIMIT = 5e-6
"""Against float64, relative to the largest value (at least 1). float32 rounds at 6e-8; sums over a row and the
recurrence over frames gather some tens of such roundings."""

FLOAT32_FACTOR = 20
"""Models with large weights magnify roundings: an engine may also be off by this many times what the model's
equations in plain float32 are off by, on the same sequence. Engines measured up to 9 times that."""

ROUNDED_LIMIT = 0.03
ROUNDED_FACTOR = 3
"""The same for int8 weights with activations rounded on the fly: against float64, and times what the plainest way to
round (`edgelstm.export.arithmetic.int8_dynamic`) is off by. onnxruntime measured 1.0 times that: it rounds so too."""

ACTIVATION_LIMIT = 2e-6
"""Answers from the very same scores, relative to the largest score (at least 1): exp in float32, then a sum."""

CODE_ROUNDINGS = 4
"""float32 roundings that may move a frame's value before it becomes an integer, each of its size before the mean is
taken off. TFLite normalizes in two steps and scales in a third. The rest is proven from the file's own integers."""

SCORE_UNITS = 1.001
"""TFLite's int8 scores may be off by one unit: engines round the requantized sum once or twice. The rest is for what
float32 loses of a score."""


def magnitude(values: NDArray[Any]) -> float:
    return max(1.0, float(np.abs(values).max(initial=0.0)))


def float32_limit(exact: NDArray[Any], rough: NDArray[Any]) -> float:
    """How far from `exact` an engine may be, given where plain float32 arrives."""
    spread = float(np.abs(rough - exact).max(initial=0.0))
    return max(FLOAT32_LIMIT * magnitude(exact), FLOAT32_FACTOR * spread)


def rounded_limit(exact: NDArray[Any], rough: NDArray[Any]) -> float:
    """The same for int8 weights, given where the plainest rounding to 8 bits arrives."""
    spread = float(np.abs(rough - exact).max(initial=0.0))
    return max(ROUNDED_LIMIT * magnitude(exact), ROUNDED_FACTOR * spread)


def score_slack(quantized: QuantizedModel) -> NDArray[np.float64]:
    """(outputs,) by how many units of the int8 score an engine's rounding may move it.

    One unit for the last layer. A layer before it may be off by one unit in every value, and the layers after
    it carry that on: at most the sum of their weights' magnitudes. Recurrent layers are judged by their states.
    """
    slack = np.zeros(quantized.model.features)
    for at, layer in zip(quantized.model.road, quantized.layers):
        slack = _SLACK[at.layer.kind](at, layer, slack)
    return slack


def _none(at: Placed, _: QuantizedLayer, __: Slack) -> Slack:
    return np.zeros(at.result.size)


def _moved(at: Placed, _: QuantizedLayer, slack: Slack) -> Slack:
    return np.tile(slack, at.result.rows)


def _product(at: Placed, layer: QuantizedDense | QuantizedConv, slack: Slack) -> Slack:
    weights = np.abs(layer.W.astype(np.float64)) * layer.W_scale[:, None].astype(np.float64)
    windows = windows_of(at)(slack[None, None])[0, 0]
    carried: Slack = windows @ weights.T / float(layer.output.scale) * float(layer.input.scale)
    return np.asarray(carried + SCORE_UNITS).reshape(-1)


_SLACK: dict[str, Callable[..., Slack]] = {
    "lstm": _none,
    "gru": _none,
    "context": _moved,
    "conv": _product,
    "dense": _product,
}
"""(a layer's place, the layer, by how many units each value of its input may be off) → the same of its results."""
