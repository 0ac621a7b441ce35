"""How far a file may be from the model in a proof, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.forward import Trace
from edgelstm.model import Model
from edgelstm.quantization import QuantizedModel
from edgelstm.quantization.layer import QuantizedLayer
from edgelstm.quantization.weighted import DenseProduct
from edgelstm.road import INPUT, Placed

Slack = NDArray[np.float64]

FLOAT32_LIMIT = 5e-6
"""Against float64, relative to the largest value. float32 rounds at 6e-8; sums over a row and the recurrence over
frames gather some tens of such roundings."""

FLOAT32_FACTOR, FLOAT32_MOST = 20, 1e-3
"""Models with large weights magnify roundings: an engine may also be off by this many times what the model's
equations in plain float32 are off by, on the same sequence, but never by more than a thousandth. Engines measured up
to 9 times that, and 6e-5."""

ROUNDED_LIMIT = 0.005
ROUNDED_FACTOR, ROUNDED_MOST = 0.5, 0.25
"""The same for int8 weights with activations rounded on the fly, against the plainest way to round so
(`edgelstm.export.arithmetic.int8_dynamic`): where float32 puts a value on the other side of a rounding's edge, the
two part by a step. So they may also be apart by half of what rounding itself costs on the sequence, but never by more
than a quarter of the largest value. Measured 0.003 where both are 0.036 from float64, 0.12 where both are 0.7."""

ACTIVATION_LIMIT = 2e-6
"""Answers from the very same scores, relative to the largest score (at least 1): exp in float32, then a sum."""

CODE_ROUNDINGS = 4
"""float32 roundings that may move a frame's value before it becomes an integer, each of its size before the mean is
taken off. TFLite normalizes in two steps and scales in a third. The rest is proven from the file's own integers."""

CODE_MOST = 8
"""Integers that roundings of a frame's value may move it by at most, however large its mean."""

ANSWER_MOST = 0.05
"""By which a probability may be off at most, whatever the scores."""

SLACK_MOST = 64
"""Units of the int8 score, of 255, that roundings of the layers before may add up to at most."""

EDGE_MOST = 0.1
"""How many scores may be moved by values of hidden layers that lie at an edge between two integers. Measured 0."""

SCORE_UNITS = 1.001
"""TFLite's int8 scores may be off by one unit: engines round the requantized sum once or twice. The rest is for what
float32 loses of a score."""


def magnitude(values: NDArray[Any]) -> float:
    return max(1.0, float(np.abs(values).max(initial=0.0)))


def float32_limit(exact: NDArray[Any], rough: NDArray[Any], size: float) -> float:
    """How far from `exact` an engine may be, given where plain float32 arrives; `size`: of the largest value."""
    return _limit(exact, rough, size, FLOAT32_LIMIT, FLOAT32_FACTOR, FLOAT32_MOST)


def rounded_limit(exact: NDArray[Any], rough: NDArray[Any], size: float) -> float:
    """How far from the plainest rounding to 8 bits, `rough`, an engine that rounds so may be."""
    return _limit(exact, rough, size, ROUNDED_LIMIT, ROUNDED_FACTOR, ROUNDED_MOST)


def _limit(exact: NDArray[Any], rough: NDArray[Any], size: float, least: float, factor: float, most: float) -> float:
    spread = float(np.abs(rough - exact).max(initial=0.0))
    return max(least * size, min(factor * spread, most * size))


def terms_of_scores(model: Model, trace: Trace) -> float:
    """The largest sum of magnitudes that a score of `trace` was made of: what roundings of it are relative to."""
    at = model.road[-1]
    before = np.abs((trace.x if at.takes == INPUT else trace.results[at.takes]).astype(np.float64))
    terms = at.layer.terms(before)
    return float(terms.max(initial=np.finfo(np.float32).tiny))


def answer_limit(model: Model, of_scores: float) -> float:
    """By how much answers may be off where scores may be: a probability moves by half of that at most."""
    return of_scores if model.activation == "linear" else min(of_scores / 2 + ACTIVATION_LIMIT, ANSWER_MOST)


def same_scores_limit(model: Model, scores: NDArray[Any]) -> float:
    """How far answers may be from those of the very same scores."""
    if model.activation == "linear":
        return ACTIVATION_LIMIT * float(np.abs(scores).max(initial=0.0))
    return min(ACTIVATION_LIMIT * magnitude(scores), ANSWER_MOST)


def score_slack(quantized: QuantizedModel) -> NDArray[np.float64]:
    """(outputs,) by how many units of the int8 score an engine's rounding may move it.

    One unit for the last layer. A layer before it may be off by one unit in every value, and the layers after
    it carry that on: at most the sum of their weights' magnitudes. Recurrent layers are judged by their states.
    """
    slack = np.zeros(quantized.model.features)
    for at, layer in zip(quantized.model.road, quantized.layers):
        slack = _after(at, layer, slack)
    return slack


def _after(at: Placed, layer: QuantizedLayer, slack: Slack) -> Slack:
    """By how many units each value of a layer's results may be off, where those of its input may be."""
    if at.layer.recurrent:
        return np.zeros(at.result.size)
    if not isinstance(layer, DenseProduct):  # it only moves
        return np.tile(slack, at.result.rows)
    weights = np.abs(layer.W.astype(np.float64)) * layer.W_scale[:, None].astype(np.float64)
    seen = at.layer.seen(slack[None, None], at.source)[0, 0]
    carried: Slack = seen @ weights.T / float(layer.output.scale) * float(layer.input.scale)
    return np.minimum(carried + SCORE_UNITS, SLACK_MOST).reshape(-1)
