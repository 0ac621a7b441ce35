"""How strongly the old head holds, and whether the new one is better: by clips that it did not learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.adaptation.clips import Heard
from edgelstm.adaptation.head import Activation, Head, fit, losses
from edgelstm.adaptation.ordered import Float64, total

STRENGTHS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""That are tried; see `head.fit`."""

MOST_FOLDS = 5

NEVER = -1
"""The fold of what is learned from alone."""

Rounding = Callable[[Head], Head]
"""What integers make of a head."""


@dataclass(frozen=True, eq=False)
class Task:
    """What clips are to teach."""

    heard: Heard
    truth: Float64  # as of `head.fit`
    activation: Activation
    folds: NDArray[np.int64]  # (clips,): the fold that holds each out, or `NEVER`
    judges: NDArray[np.bool_]  # (clips,): which are judged by

    def some(self, which: NDArray[np.bool_]) -> Task:
        places = np.flatnonzero(which).tolist()
        return Task(
            self.heard.some(places), self.truth[which], self.activation, self.folds[which], self.judges[which]
        )


@dataclass(frozen=True, eq=False)
class Learned:
    """What came of it. Scores are (clips, outputs); of those that are never held out zeros in their places."""

    head: Head
    strength: float
    before: Float64  # of the old head, as integers have it
    float_held_out: Float64  # of heads that had not learned from the clip
    int8_held_out: Float64  # of the same as integers
    heads: tuple[Head, ...]  # those, in the order of the folds


def learn(old: Head, task: Task, rounding: Rounding) -> Learned:
    """The head of the strength that costs least over clips held out, learned from all of them."""
    parts, judges = parts_of(task.folds, task.judges), task.judges
    best: tuple[float, float, Float64, Float64, tuple[Head, ...]] | None = None
    for strength in STRENGTHS:
        floats, integers = np.zeros_like(task.truth), np.zeros_like(task.truth)
        heads = []
        for out in parts:
            fold, held = task.some(~out), task.some(out)
            head = fit(old, fold.heard, fold.truth, fold.activation, strength)
            heads.append(head)
            floats[out], integers[out] = head.scores(held.heard), rounding(head).scores(held.heard)
        cost = float(total(losses(integers[judges], task.truth[judges], task.activation)))
        if best is None or cost < best[0]:
            best = cost, strength, floats, integers, tuple(heads)
    assert best is not None
    _, strength, floats, integers, of_folds = best
    head = fit(old, task.heard, task.truth, task.activation, strength)
    return Learned(head, strength, rounding(old).scores(task.heard), floats, integers, of_folds)


def parts_of(folds: NDArray[np.int64], judges: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """(pieces,) for each fold that something judges: what it holds out."""
    return [folds == fold for fold in np.unique(folds[judges])]


def folds_of(kinds: Sequence[int], clips: Sequence[int]) -> NDArray[np.int64]:
    """(pieces,): the fold that holds each piece out. Pieces of one clip go together; the clips of each kind are dealt
    out in turn. clips: of which clip each piece is; kinds: of what kind it is.

    ValueError where no kind has two clips: what is held out would not be known.
    """
    of_clip = dict(zip(clips, kinds))
    counts: dict[int, int] = {}
    fold_of = {}
    for clip, kind in of_clip.items():
        fold_of[clip] = counts.get(kind, 0)
        counts[kind] = counts.get(kind, 0) + 1
    most = min(MOST_FOLDS, max(counts.values(), default=0))
    if most < 2:
        raise ValueError("one clip of each label, expected at least two of each: one is held out to judge by")
    return np.array([fold_of[clip] % most for clip in clips], np.int64)
