"""What training makes small: a criterion of each row of scores, of the last one, or of what they are pooled to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgelstm.tasks.task import Criterion
from edgelstm.training.config import Loss

Floats = NDArray[Any]

_HUBER = 1.0  # deviations of the targets up to which an error counts squared


@dataclass(frozen=True, eq=False)
class Counted:
    """Rows of scores of a batch's sequences that count: those from `first` to before `end`, `share` each."""

    first: NDArray[np.int64]  # (B,)
    end: NDArray[np.int64]  # (B,)
    share: NDArray[np.float64]  # (B,)

    def weights(self, rows: int, dtype: DTypeLike) -> Floats:
        """The same as weights (rows, B), 0 for what does not count."""
        t = np.arange(rows)[:, None]
        weights: Floats = (((t >= self.first) & (t < self.end)) * self.share).astype(dtype)
        return weights


def _cross_entropy(scores: Floats, target: Floats) -> tuple[Floats, Floats]:
    shifted = scores - scores.max(axis=-2, keepdims=True)
    gradient = np.exp(shifted)
    total = gradient.sum(axis=-2, keepdims=True)
    loss = (np.log(total) - (shifted * target).sum(axis=-2, keepdims=True))[..., 0, :]
    gradient /= total
    gradient -= target
    return loss, gradient


def _binary(scores: Floats, target: Floats) -> tuple[Floats, Floats]:
    # log(1 + exp(s)) - s·target, written so that it cannot overflow.
    loss = np.maximum(scores, 0) - scores * target + np.log1p(np.exp(-np.abs(scores)))
    return loss, np.tanh(scores / 2) / 2 + scores.dtype.type(0.5) - target


def _mse(scores: Floats, target: Floats) -> tuple[Floats, Floats]:
    error = scores - target
    return error * error, 2 * error


def _huber(scores: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Huber 1964: squared where small, linear where large; twice that, so that it begins as the square does."""
    error = scores - target
    near = np.clip(error, -_HUBER, _HUBER)
    return near * (2 * error - near), 2 * near


_EACH: Mapping[Criterion, Callable[[Floats, Floats], tuple[Floats, Floats]]] = {
    "binary": _binary,
    "mse": _mse,
    "huber": _huber,
}
"""Criteria that judge every output by itself: losses (…, outputs, B) and gradients of that shape."""


@dataclass(frozen=True, eq=False)
class Objective:
    """What a batch's scores are held to."""

    criterion: Criterion
    over: Loss = "frames"
    skip: int = 0  # first rows without loss
    weights: NDArray[np.float64] | None = None  # (outputs,) of each class, or of each output where it is true
    levels: NDArray[np.float64] | None = None  # (outputs,) quantiles, for the criterion of that name

    def counted(self, lengths: NDArray[np.int64], begins: NDArray[np.bool_] | None = None) -> Counted:
        """Which rows count of sequences of `lengths` rows, as `loss_and_gradient` takes them.

        Of each sequence the last row alone, or all after the first `skip`, of one that is no longer its last; all
        sequences alike. Of pieces of recordings all rows after the first `skip`, and all alike.
        """
        if begins is None:
            first = lengths - 1 if self.over == "last" else np.minimum(self.skip, lengths - 1)
            return Counted(first, lengths, 1 / ((lengths - first) * len(lengths)))
        first = np.minimum(self.skip * begins, lengths)
        return Counted(first, lengths, np.full(len(lengths), 1 / max(int((lengths - first).sum()), 1)))

    def of_rows(self, scores: Floats, target: Floats) -> tuple[Floats, Floats]:
        """Losses (…, B) and their gradient by scores (…, outputs, B), for targets (…, outputs, B), or (outputs, B)
        for all rows: what each output should say; NaN = not known, and then free."""
        known = np.isfinite(target)
        unknown = not known.all()
        if unknown:
            target = np.where(known, target, 0)
        if self.criterion == "cross-entropy":
            loss, gradient = _cross_entropy(scores, target)
            weight = None if self.weights is None else _weights(self.weights, scores) * target
            share = known.all(axis=-2) * (1 if weight is None else weight.sum(axis=-2))
            if unknown or weight is not None:
                share = np.asarray(share, scores.dtype)
                loss, gradient = loss * share, gradient * share[..., None, :]
            return loss, gradient
        if self.criterion == "quantile":
            each, gradient = self._quantile(scores, target)
        else:
            each, gradient = _EACH[self.criterion](scores, target)
        if self.weights is not None:
            factor = 1 + (_weights(self.weights, scores) - 1) * target
            each, gradient = each * factor, gradient * factor
        if unknown:
            each, gradient = each * known, gradient * known
        return each.sum(axis=-2), gradient

    def _quantile(self, scores: Floats, target: Floats) -> tuple[Floats, Floats]:
        """Pinball loss (Koenker and Bassett 1978): smallest where a share `level` of targets lies below the score."""
        assert self.levels is not None  # `Config` sees to it
        level = self.levels[:, None].astype(scores.dtype)
        error = target - scores
        gradient = np.where(error > 0, -level, 1 - level).astype(scores.dtype)
        return -error * gradient, gradient

    def loss_and_gradient(
        self, scores: Floats, target: Floats, lengths: NDArray[np.int64], begins: NDArray[np.bool_] | None = None
    ) -> tuple[float, Floats]:
        """Mean loss of a batch and its gradient by scores (T, outputs, B): a row per frame, or per `stride` of them.

        target (outputs, B), or (T, outputs, B): what each output should say; NaN = not known. lengths (B,): rows of
        each sequence, 1 or more. begins (B,): the sequences are pieces of longer ones, and these are the first of
        theirs; the others skip no rows. For `over` frames.
        """
        weights = self.counted(lengths, begins).weights(len(scores), scores.dtype)
        if self.over in ("mean", "mean+max"):
            return self._of_pooled(scores, target, weights)
        loss, gradient = self.of_rows(scores, target)
        gradient *= weights[:, None]
        return float((loss * weights).sum()), gradient

    def _of_pooled(self, scores: Floats, target: Floats, weights: Floats) -> tuple[float, Floats]:
        """Of what scores are pooled to. weights (T, B) of the rows add up to 1 over the batch. A maximum is learned
        in the first row that has it."""
        batch = scores.shape[-1]
        pooled = (scores * (weights * batch)[:, None]).sum(axis=0)
        if self.over == "mean":
            loss, gradient = self.of_rows(pooled, target)
            return float(loss.mean()), gradient * weights[:, None]
        places = np.where(weights[:, None] > 0, scores, -np.inf).argmax(axis=0)[None]
        most = np.take_along_axis(scores, places, axis=0)[0]
        loss, gradient = self.of_rows((pooled + most) / 2, target)
        gradient = gradient / 2
        dscores = gradient * weights[:, None]
        of_most = np.take_along_axis(dscores, places, axis=0) + gradient / batch
        np.put_along_axis(dscores, places, of_most, axis=0)
        return float(loss.mean()), dscores


def _weights(weights: NDArray[np.float64], scores: Floats) -> Floats:
    column: Floats = weights[:, None].astype(scores.dtype)
    return column
