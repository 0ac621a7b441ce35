"""What training makes small: cross-entropy of each row of scores, of the last one, or of their mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.model import OutputActivation
from edgelstm.training.config import Loss

Floats = NDArray[Any]


def row_weights(lengths: NDArray[np.int64], rows: int, last: bool, skip: int, dtype: Any) -> Floats:
    """Weights (rows, B) of scores that add up to 1 for each sequence of `lengths` rows, and are 0 on padding.

    The last row alone, or all after the first `skip`; a sequence no longer than `skip` gets its last.
    """
    first = lengths - 1 if last else np.minimum(skip, lengths - 1)
    t = np.arange(rows)[:, None]
    counted = (t >= first) & (t < lengths)
    weights: Floats = (counted / counted.sum(axis=0)).astype(dtype)
    return weights


def _cross_entropy(scores: Floats, target: Floats, activation: OutputActivation) -> tuple[Floats, Floats]:
    """Loss (…, B) and its gradient by the scores (…, outputs, B), for targets (outputs, B)."""
    if activation == "softmax":
        shifted = scores - scores.max(axis=-2, keepdims=True)
        gradient = np.exp(shifted)
        total = gradient.sum(axis=-2, keepdims=True)
        loss = (np.log(total) - (shifted * target).sum(axis=-2, keepdims=True))[..., 0, :]
        gradient /= total
        gradient -= target
        return loss, gradient
    # log(1 + exp(s)) - s·target, written so that it cannot overflow.
    loss = np.maximum(scores, 0) - scores * target + np.log1p(np.exp(-np.abs(scores)))
    return loss.sum(axis=-2), np.tanh(scores / 2) / 2 + scores.dtype.type(0.5) - target


def loss_and_gradient(
    scores: Floats,
    target: Floats,
    lengths: NDArray[np.int64],
    kind: Loss,
    skip: int,
    activation: OutputActivation,
) -> tuple[float, Floats]:
    """Mean loss of a batch and its gradient by scores (T, outputs, B): a row per frame, or per `stride` of them.

    target (outputs, B): what each output should say, 0 to 1; lengths (B,): rows of each sequence, 1 or more;
    skip: first rows without loss.
    """
    weights = row_weights(lengths, len(scores), kind == "last", skip, scores.dtype) / len(lengths)
    if kind == "mean":
        share = weights * len(lengths)
        pooled = (scores * share[:, None]).sum(axis=0)
        loss, gradient = _cross_entropy(pooled, target, activation)
        return float(loss.mean()), gradient * weights[:, None]
    loss, gradient = _cross_entropy(scores, target, activation)
    gradient *= weights[:, None]
    return float((loss * weights).sum()), gradient
