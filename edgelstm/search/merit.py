"""What a run comes to on what it holds out, and what runs are compared by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from edgelstm.training.checkpoint import Epoch

_BESIDE = 2  # epochs on either side of the one whose weights are kept


@dataclass(frozen=True)
class Quality:
    """Of a run, the mean over the epoch whose weights it has so far and those beside it: a single epoch's is luck."""

    value: float  # the higher the better
    shown: str  # of the held-out part, for people
    is_share: bool
    merit: float  # what runs are compared by

    @property
    def is_finite(self) -> bool:
        return math.isfinite(self.value) and math.isfinite(self.merit)


def quality(history: Sequence[Epoch]) -> Quality:
    """A share that is right, where the task tells one, else the loss, below zero.

    The share of a few hundred answers goes in steps, the loss goes far for a single answer. Runs are compared by half
    of each: the share, and the probability that the true answers were given (their geometric mean).
    """
    kept = max((place for place, epoch in enumerate(history) if epoch.best), default=len(history) - 1)
    near = history[max(kept - _BESIDE, 0) : kept + _BESIDE + 1]
    losses = [-math.inf if epoch.validation_loss is None else -epoch.validation_loss for epoch in near]
    scores = [epoch.score for epoch in near if epoch.score is not None and epoch.score.is_share]
    if len(scores) < len(near):
        return Quality(fmean(losses), "loss", False, fmean(losses))
    share = fmean(score.value or 0.0 for score in scores)
    return Quality(share, scores[0].name, True, (share + fmean(map(math.exp, losses))) / 2)
