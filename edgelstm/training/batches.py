"""Training batches: windows at random places, whole sequences of like length, or pieces of recordings that follow one
another; padded at their end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.model import Normalize
from edgelstm.training import lanes
from edgelstm.training.aims import Aims
from edgelstm.training.augment import augment, draw, mixup, stretch
from edgelstm.training.config import Config

Floats = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Batch:
    x: Floats  # (T, features, B), normalized; padding is 0
    target: Floats  # (outputs, B), or (rows of scores, outputs, B): what each output should say; NaN = not known
    lengths: NDArray[np.int64]  # (B,)
    begins: NDArray[np.bool_] | None = None
    """(B,) where a batch goes on with what the one before left off, column by column: which columns begin anew."""


def steps_per_epoch(dataset: Dataset, config: Config) -> int:
    if config.training.truncate:
        return lanes.steps(dataset.lengths, config.training.truncate, config.model.stride, config.training.batch)
    return -(-len(_visits(dataset, config.data.window)) // config.training.batch)


def _visits(dataset: Dataset, window: int) -> NDArray[np.int64]:
    """Places in the data set, each as often per epoch as it holds windows (at least once)."""
    times = np.maximum(np.rint(dataset.lengths / window), 1).astype(np.int64) if window else 1
    return np.repeat(np.arange(len(dataset)), times)


def _whole(x: Floats, config: Config, speed: float) -> tuple[Floats, NDArray[np.int64]]:
    """All of a sequence at this speed, as long as it then is, but at least one row of scores."""
    if speed == 1.0 or len(x) <= config.model.stride:
        return x, np.arange(len(x))
    frames = max(int((len(x) - 1) / speed) + 1, config.model.stride)
    at = np.minimum(np.rint(speed * np.arange(frames)), len(x) - 1).astype(np.int64)
    return stretch(x, 0, frames, speed), at


def _seen(x: Floats, config: Config, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """A window at a random place of a sequence, or where there are none the whole, and the frames that it is of."""
    frames, spread = config.data.window, config.augment.speed
    speed = float(rng.uniform(1 - spread, 1 + spread)) if spread else 1.0
    if not frames:
        return _whole(x, config, speed)
    room = len(x) - 1 - speed * (frames - 1)
    if speed != 1.0 and room > 0:
        start = rng.uniform(0, room)
        return stretch(x, start, frames, speed), np.rint(start + speed * np.arange(frames)).astype(np.int64)
    if len(x) <= frames:
        return x, np.arange(len(x))
    first = int(rng.integers(len(x) - frames + 1))
    return x[first : first + frames], np.arange(first, first + frames)


def batches(
    dataset: Dataset, config: Config, normalize: Normalize, aims: Aims, rng: np.random.Generator
) -> Iterator[Batch]:
    """One epoch in a new random order."""
    if config.training.truncate:
        yield from _pieces(dataset, config, normalize, aims, rng)
        return
    size, window = config.training.batch, config.data.window
    visits = _draw(dataset, config, rng)
    lengths = np.minimum(dataset.lengths, window) if window else dataset.lengths
    pool = size * config.training.buckets
    pools = [visits[start : start + pool] for start in range(0, len(visits), pool)]
    visits = np.concatenate([some[np.argsort(lengths[some], kind="stable")] for some in pools])
    starts = np.arange(0, len(visits), size)
    for start in rng.permutation(starts):
        places = visits[start : start + size]
        chosen, targets = [], []
        for place in places.tolist():
            x, frames = _seen(dataset.sequences[place], config, rng)
            chosen.append(x)
            targets.append(aims.rows(dataset, place, frames))
        yield _collate(chosen, targets, config, normalize, rng)


def _pieces(
    dataset: Dataset, config: Config, normalize: Normalize, aims: Aims, rng: np.random.Generator
) -> Iterator[Batch]:
    """One epoch of all recordings side by side, each column one after the other."""
    training = config.training
    drawn: dict[str, NDArray[np.float32]] = {}
    for row in lanes.walk(dataset.lengths, training.truncate, config.model.stride, training.batch, rng):
        begins = np.array([piece.begins for piece in row])
        new = draw(len(row), dataset.features, config.augment, rng)
        drawn = {name: _only(begins, value, drawn.get(name, value)) for name, value in new.items()}
        chosen = [dataset.sequences[piece.place][piece.start : piece.stop] for piece in row]
        targets = [aims.rows(dataset, piece.place, np.arange(piece.start, piece.stop)) for piece in row]
        yield replace(_collate(chosen, targets, config, normalize, rng, drawn), begins=begins)


def _only(where: NDArray[np.bool_], new: Floats, old: Floats) -> Floats:
    """`new` in these columns, in the others `old`, which may have more columns."""
    return np.where(where.reshape(-1, *[1] * (new.ndim - 1)), new, old[: len(where)])


def _draw(dataset: Dataset, config: Config, rng: np.random.Generator) -> NDArray[np.int64]:
    """The places of an epoch's visits in a random order: all of them, or drawn so that every class comes as often."""
    visits = _visits(dataset, config.data.window)
    if config.training.balance != "sampling":
        return rng.permutation(visits)
    classes = dataset.y[visits]
    share = 1 / np.bincount(classes)[classes]
    return rng.choice(visits, len(visits), p=share / share.sum())


def _collate(
    chosen: list[Floats],
    targets: list[Floats],
    config: Config,
    normalize: Normalize,
    rng: np.random.Generator,
    drawn: Mapping[str, NDArray[np.float32]] | None = None,
) -> Batch:
    lengths = np.array([len(x) for x in chosen])
    raw = np.zeros((len(chosen), lengths.max(), chosen[0].shape[1]), np.float32)
    for row, x in enumerate(chosen):
        raw[row, : len(x)] = x
    raw = (augment(raw, config.augment, normalize.std, rng, drawn) - normalize.mean) / normalize.std
    raw[np.arange(raw.shape[1]) >= lengths[:, None]] = 0
    target = _side_by_side(targets, lengths, config)
    if config.augment.mixup:
        raw, target = mixup(raw, target, lengths, config.augment.mixup, rng)
    return Batch(np.ascontiguousarray(raw.transpose(1, 2, 0)), target, lengths)


def _side_by_side(targets: list[Floats], lengths: NDArray[np.int64], config: Config) -> Floats:
    """(outputs, B) where there is one row for each sequence, else (rows, outputs, B), NaN on padding."""
    if all(len(target) == 1 for target in targets) and not config.task.each_frame:
        return np.ascontiguousarray(np.concatenate(targets).T)
    rows = int(lengths.max()) // config.model.stride
    found = np.full((rows, targets[0].shape[1], len(targets)), np.nan, np.float32)
    for n, target in enumerate(targets):
        found[: len(target), :, n] = target
    return found
