"""Slow, level-like signals with little noise, such as pumps and tanks give. What tells the classes apart is a
relation between signals that is off by a little of their reach: a gauge that reads high, a leak, a clogged pump."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.data import Dataset

LABELS = ("normal", "gauge", "leak", "clogged")
FEATURES = ("level", "pressure", "flow in", "flow out", "current", "temperature")
NOISE = 0.002  # of a signal's reach


def _slow(frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(frames,) from 0 to 1: two sines of 300 to 3,000 frames at random places."""
    t = np.arange(frames)
    waves = [np.sin(2 * np.pi * (t / rng.uniform(300, 3000) + rng.random())) for _ in range(2)]
    return 0.5 + (waves[0] + 0.5 * waves[1]) / 3


def _recording(fault: int, frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(frames, features): m, bar, l/s, l/s, A, °C."""
    severity = rng.uniform(0.04, 0.25)
    level, speed = 5 * _slow(frames, rng), _slow(frames, rng)
    pressure = 0.098 * (level + (5 * severity if fault == 1 else 0))
    flow_in = 20 * speed
    flow_out = flow_in * (1 - severity if fault == 2 else 1) + 2 * (level / 5 - 0.5)
    current = 2 + 4 * speed * (1 + severity if fault == 3 else 1)
    temperature = 12 + 10 * _slow(frames, rng)
    x = np.stack([level, pressure, flow_in, flow_out, current, temperature], axis=1)
    return x + NOISE * np.array([5, 0.5, 20, 20, 4, 10]) * rng.normal(size=x.shape)


def tanks(recordings: int, frames: int, seed: int) -> Dataset:
    """As many recordings of each class in turn."""
    rng = np.random.default_rng(seed)
    y = np.arange(recordings) % len(LABELS)
    sequences = tuple(_recording(int(fault), frames, rng).astype(np.float32) for fault in y)
    return Dataset(sequences, y, LABELS, np.arange(recordings), FEATURES, sample_rate=1.0, name="tanks")
