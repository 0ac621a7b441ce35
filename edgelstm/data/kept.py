"""Which recordings a model carries: a few that calibration saw, and some that it never saw, for the proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.model import Model
from edgelstm.tasks import Classify, Tags

Sequences = tuple[NDArray[np.float32], ...]

EXAMPLES_BYTES, EXAMPLES = 64 << 10, 32
EXAMPLE_FRAMES = 256
"""Shortest piece of a longer recording."""

UNSEEN_BYTES, UNSEEN = 1 << 20, 256
SOUNDS = 4
"""Times as much for sound: a second of it are thousands of samples, and not many answers."""
UNSEEN_FRAMES = 50_000
UNSEEN_ANSWERS = 300
"""An export says what share of answers agrees from 200 on, as independent as 100: more than enough frames for most
models. Where answers are rare, more frames are taken for so many of them."""

UNSEEN_PIECE, UNSEEN_WINDOWS = 1024, 4
"""Shortest piece of a longer recording, in frames and in windows of answers and of training."""

WORK = 1 << 25
"""Most rows of gates over all frames: the proof computes them in float64, side by side."""


def examples(dataset: Dataset) -> Sequences:
    """A few sequences of every class and group: `EXAMPLES_BYTES` together, long ones in pieces."""
    return _chosen([dataset], EXAMPLES_BYTES // (dataset.features * 4), EXAMPLE_FRAMES, EXAMPLES).sequences


def unseen_frames(model: Model) -> int:
    """How many frames `unseen` wants for `model`: `UNSEEN_FRAMES`, or those of `UNSEEN_ANSWERS` answers, but no more
    than `UNSEEN_BYTES` and `WORK` allow."""
    rows = max(layer.b.size if hasattr(layer, "b") else 0 for layer in model.layers)
    room = UNSEEN_BYTES * (SOUNDS if model.layers[0].hears else 1)
    most = min(room // (model.features * 4), WORK // max(rows, 1))
    return min(max(UNSEEN_FRAMES, model.answer.hop * UNSEEN_ANSWERS), most)


def with_unseen(model: Model, parts: Sequence[Dataset]) -> Model:
    """`model` carrying `unseen` of `parts`, and what is true of each of them, where its answers are labels, or tags,
    of a recording."""
    if not parts:
        return replace(model, unseen=(), unseen_truth=None)
    found = _unseen(parts, model)
    truths = [truth_of_recordings(part, model) for part in parts]
    known = [truth for truth in truths if truth is not None]
    truth = np.concatenate(known)[list(found.places)] if len(known) == len(truths) else None
    return replace(model, unseen=found.sequences, unseen_truth=truth)


def truth_of_recordings(dataset: Dataset, model: Model) -> NDArray[np.float32] | None:
    """(sequences, outputs): 1 for the label, or the tags, of each, 0 for others, NaN where it is not known. None
    where `model` tells something else, or other labels."""
    task = model.task
    tells = isinstance(task, Classify) or (isinstance(task, Tags) and not task.each_frame)
    if not tells or dataset.labels != model.labels or len(dataset.labels) != model.outputs:
        return None
    if dataset.targets is None:
        of_classes: NDArray[np.float32] = (dataset.y[:, None] == np.arange(model.outputs)).astype(np.float32)
        return of_classes
    return np.array([dataset.targets[n][0] for n in range(len(dataset))], np.float32)


def unseen(parts: Sequence[Dataset], model: Model) -> Sequences:
    """Sequences of all `parts` together for the proof of the files of `model`: all where they are no more than
    `unseen_frames`. Else of every class and group, in proportion, and long ones in pieces that lie evenly over them,
    so that what happens in one of a hundred stretches of the data happens in one of a hundred of these."""
    return _unseen(parts, model).sequences


def _unseen(parts: Sequence[Dataset], model: Model) -> _Chosen:
    window = max(model.answer.window, model.answer.hop, model.trained_window, model.stride)
    return _chosen(parts, unseen_frames(model), max(UNSEEN_PIECE, UNSEEN_WINDOWS * window), UNSEEN)


@dataclass(frozen=True, eq=False)
class _Pool:
    """Sequences, and what they are of."""

    sequences: Sequences
    kinds: tuple[NDArray[np.int64], ...]  # (sequences,) each: their classes, their groups

    @classmethod
    def of(cls, parts: Sequence[Dataset]) -> _Pool:
        classes = np.concatenate([part.y for part in parts])
        groups = np.concatenate([part.groups for part in parts])
        kinds = tuple(np.unique(of, return_inverse=True)[1] for of in (classes, groups))
        return cls(tuple(x for part in parts for x in part.sequences), kinds)

    def order(self, count: int) -> list[int]:
        """`count` places, or all: next always one whose class and group have the least of their share so far."""
        totals = [np.bincount(of) for of in self.kinds]
        taken = [np.zeros(len(total)) for total in totals]
        # Those that are alike come in an order of their own: what lies side by side was recorded side by side.
        rest = np.random.default_rng(0).permutation(len(self.sequences))
        order: list[int] = []
        while len(rest) and len(order) < count:
            have = sum(some[of[rest]] / total[of[rest]] for some, total, of in zip(taken, totals, self.kinds))
            at = int(np.argmin(have))
            place = int(rest[at])
            order.append(place)
            rest = np.delete(rest, at)
            for some, of in zip(taken, self.kinds):
                some[of[place]] += 1
        return order


@dataclass(frozen=True, eq=False)
class _Chosen:
    sequences: Sequences
    places: tuple[int, ...]  # of what each is, or is a piece of, in all parts


def _chosen(parts: Sequence[Dataset], frames: int, piece: int, count: int) -> _Chosen:
    """At most `count` sequences of at most `frames` frames together; what is cut off a longer one has `piece` frames
    or more, where `frames` allows."""
    pool = _Pool.of(parts)
    places: list[int] = []
    room = frames
    for place in pool.order(count):
        x = pool.sequences[place]
        if min(len(x), piece, frames) > room:
            break
        places.append(place)
        room -= min(len(x), piece)
    most = _even(np.array([len(pool.sequences[place]) for place in places]), frames)
    pieces = [(part, place) for place in places for part in _spread(pool.sequences[place], most, piece)][:count]
    return _Chosen(tuple(part for part, _ in pieces), tuple(place for _, place in pieces))


def _even(lengths: NDArray[np.int64], frames: int) -> int:
    """The largest number m such that at most m of each of `lengths` are at most `frames` together."""
    least, most = 0, int(lengths.max())
    while least < most:
        middle = (least + most + 1) // 2
        if np.minimum(lengths, middle).sum() <= frames:
            least = middle
        else:
            most = middle - 1
    return least


def _spread(x: NDArray[np.float32], frames: int, piece: int) -> list[NDArray[np.float32]]:
    """`x`, or where it is longer than `frames` as many pieces of `piece` frames or more, evenly over it."""
    if len(x) <= frames:
        return [x]
    count = max(frames // piece, 1)
    length = frames // count
    last = len(x) - length
    starts = [n * last // (count - 1) for n in range(count)] if count > 1 else [last // 2]
    return [x[start : start + length] for start in starts]
