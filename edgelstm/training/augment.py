"""Changes to training sequences that leave their label true. All work on raw frames (B, T, features)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.training.config import Augment

Floats = NDArray[Any]


def random_rotations(count: int, degrees: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Rotation matrices (count, 3, 3) by up to `degrees` about axes of any direction (Rodrigues' formula)."""
    axis = rng.standard_normal((count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.radians(rng.uniform(-degrees, degrees, (count, 1, 1)))
    cross = np.zeros((count, 3, 3))
    x, y, z = axis.T
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -z, y, -x
    cross -= cross.transpose(0, 2, 1)
    rotation: NDArray[np.float64] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation


def stretch(sequence: Floats, start: float, frames: int, speed: float) -> Floats:
    """`frames` frames of `sequence` (T, features) from `start` on, `speed` of its frames to one of ours."""
    at = np.clip(start + speed * np.arange(frames), 0, len(sequence) - 1)
    left = np.minimum(at.astype(np.int64), max(len(sequence) - 2, 0))
    share = (at - left).astype(np.float32)[:, None]
    right = np.minimum(left + 1, len(sequence) - 1)
    mixed: Floats = sequence[left] * (1 - share) + sequence[right] * share
    return mixed


def augment(x: Floats, config: Augment, std: Floats, rng: np.random.Generator) -> Floats:
    """Mirroring, rotation, scale, shift and noise on a batch x (B, T, features), which may be written over.

    A watch turned on the wrist turns all its sensors alike: the triads of one sequence share a rotation.
    """
    if config.mirror:
        sign = np.where(rng.random((len(x), 1, 1)) < 0.5, -1, 1).astype(x.dtype)
        x[..., list(config.mirror)] *= sign
    if config.rotation:
        turn = random_rotations(len(x), config.rotation, rng).astype(x.dtype)
        for triad in config.triads:
            x[..., list(triad)] = x[..., list(triad)] @ turn
    if config.scale:
        for triad in config.triads:
            x[..., list(triad)] *= rng.uniform(1 - config.scale, 1 + config.scale, (len(x), 1, 1)).astype(x.dtype)
    if config.shift:
        x += std * config.shift * rng.standard_normal((len(x), 1, x.shape[2]), dtype=np.float32)
    if config.noise:
        x += std * config.noise * rng.standard_normal(x.shape, dtype=np.float32)
    return x


def mixup(
    x: Floats, targets: Floats, lengths: NDArray[np.int64], alpha: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Each sequence of a batch x (B, T, features), normalized, with another one, and their targets (…, B) likewise
    (Zhang et al. 2018): its own share is half or more, of a Beta(alpha, alpha). What the other lacks at its end is 0,
    the mean; what it has beyond the own length is left out."""
    share = rng.beta(alpha, alpha, len(x)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    other = rng.permutation(len(x))
    mixed = share[:, None, None] * x + (1 - share)[:, None, None] * x[other]
    mixed[np.arange(x.shape[1]) >= lengths[:, None]] = 0
    return mixed, share * targets + (1 - share) * targets[..., other]
