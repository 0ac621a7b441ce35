"""Training batches: windows at random places, or whole sequences of like length, padded at their end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.model import Normalize
from edgelstm.training.augment import augment, stretch
from edgelstm.training.config import Config

Floats = NDArray[Any]
POOL = 8  # batches that are sorted by length together


@dataclass(frozen=True, eq=False)
class Batch:
    x: Floats  # (T, features, B), normalized; padding is 0
    y: NDArray[np.int64]  # (B,)
    lengths: NDArray[np.int64]  # (B,)


def steps_per_epoch(dataset: Dataset, config: Config) -> int:
    return -(-len(_visits(dataset, config.data.window)) // config.training.batch)


def _visits(dataset: Dataset, window: int) -> NDArray[np.int64]:
    """Places in the data set, each as often per epoch as it holds windows (at least once)."""
    times = [max(round(len(x) / window), 1) if window else 1 for x in dataset.sequences]
    return np.repeat(np.arange(len(dataset)), times)


def _window(x: Floats, config: Config, rng: np.random.Generator) -> Floats:
    """A window at a random place of a sequence; all of one that is shorter."""
    frames, spread = config.data.window, config.augment.speed
    speed = float(rng.uniform(1 - spread, 1 + spread)) if spread else 1.0
    room = len(x) - 1 - speed * (frames - 1)
    if speed != 1.0 and room > 0:
        return stretch(x, rng.uniform(0, room), frames, speed)
    if len(x) <= frames:
        return x
    start = int(rng.integers(len(x) - frames + 1))
    return x[start : start + frames]


def batches(dataset: Dataset, config: Config, normalize: Normalize, rng: np.random.Generator) -> Iterator[Batch]:
    """One epoch in a new random order."""
    size = config.training.batch
    visits = rng.permutation(_visits(dataset, config.data.window))
    lengths = np.array([len(x) for x in dataset.sequences])
    if not config.data.window:
        pools = [visits[a : a + POOL * size] for a in range(0, len(visits), POOL * size)]
        visits = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    starts = np.arange(0, len(visits), size)
    for start in rng.permutation(starts):
        places = visits[start : start + size]
        chosen = [dataset.sequences[place] for place in places]
        if config.data.window:
            chosen = [_window(x, config, rng) for x in chosen]
        yield _collate(chosen, dataset.y[places], config, normalize, rng)


def _collate(
    chosen: list[Floats], y: NDArray[np.int64], config: Config, normalize: Normalize, rng: np.random.Generator
) -> Batch:
    lengths = np.array([len(x) for x in chosen])
    raw = np.zeros((len(chosen), lengths.max(), chosen[0].shape[1]), np.float32)
    for row, x in enumerate(chosen):
        raw[row, : len(x)] = x
    raw = (augment(raw, config.augment, normalize.std, rng) - normalize.mean) / normalize.std
    raw[np.arange(raw.shape[1]) >= lengths[:, None]] = 0
    return Batch(np.ascontiguousarray(raw.transpose(1, 2, 0)), y, lengths)
