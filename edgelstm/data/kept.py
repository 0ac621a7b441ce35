"""Which recordings a model carries: a few that calibration saw, and some that it never saw, for the proof."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset

Sequences = tuple[NDArray[np.float32], ...]

EXAMPLES_BYTES, EXAMPLES = 64 << 10, 32
UNSEEN_BYTES, UNSEEN = 1 << 20, 256
UNSEEN_ANSWERS = 300
"""An export says what share of answers agrees from 200 on. The rest is for what recordings lose at their ends."""


def examples(dataset: Dataset) -> Sequences:
    """A few sequences, every class in turn: `EXAMPLES_BYTES` together; long ones lose their end."""
    return _in_turn(dataset, EXAMPLES_BYTES // (dataset.features * 4), EXAMPLES)


def unseen(dataset: Dataset, hop: int) -> Sequences:
    """Sequences, every class in turn, over which a model that answers every `hop` frames gives `UNSEEN_ANSWERS`
    answers, but no less than `EXAMPLES_BYTES` and no more than `UNSEEN_BYTES`. With a hop of 0 a sequence is an
    answer, and as many are taken as there may be."""
    frame = dataset.features * 4
    most = UNSEEN_BYTES // frame
    return _in_turn(dataset, min(max(hop * UNSEEN_ANSWERS, EXAMPLES_BYTES // frame), most) if hop else most, UNSEEN)


def _in_turn(dataset: Dataset, frames: int, count: int) -> Sequences:
    """At most `count` sequences of `frames` frames together. No class takes more than its share at a time."""
    classes = np.unique(dataset.y)
    longest = max(frames // len(classes), 1)
    by_class = [np.flatnonzero(dataset.y == label) for label in classes]
    rounds = (places[n] for n in range(len(dataset)) for places in by_class if n < len(places))
    chosen: list[NDArray[np.float32]] = []
    room = frames
    for place in rounds:
        x = dataset.sequences[place][:longest]
        if len(x) > room or len(chosen) == count:
            break
        chosen.append(x)
        room -= len(x)
    return tuple(chosen)
