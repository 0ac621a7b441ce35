"""Changes to training sequences that leave their label true. All work on raw frames (B, T, features)."""

from __future__ import annotations

from collections.abc import Mapping
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


def draw(count: int, features: int, config: Augment, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """What is done to all frames of a sequence alike, by name, of `count` sequences: each array (count, …).

    A watch turned on the wrist turns all its sensors alike: the triads of one sequence share a rotation.
    """
    drawn: dict[str, Floats] = {}
    if config.mirror:
        drawn["sign"] = np.where(rng.random((count, 1, 1)) < 0.5, -1, 1)
    if config.rotation:
        drawn["turn"] = random_rotations(count, config.rotation, rng)
    if config.scale:
        drawn["scale"] = rng.uniform(1 - config.scale, 1 + config.scale, (len(config.triads), count, 1, 1)).swapaxes(
            0, 1
        )
    if config.shift:
        drawn["shift"] = config.shift * rng.standard_normal((count, 1, features), dtype=np.float32)
    return {name: value.astype(np.float32) for name, value in drawn.items()}


def augment(
    x: Floats,
    config: Augment,
    std: Floats,
    rng: np.random.Generator,
    drawn: Mapping[str, NDArray[np.float32]] | None = None,
) -> Floats:
    """Mirroring, rotation, scale, shift and noise on a batch x (B, T, features), which may be written over. drawn: of
    `draw`, for its sequences, where they are pieces of longer ones."""
    drawn = draw(len(x), x.shape[2], config, rng) if drawn is None else drawn
    if "sign" in drawn:
        x[..., list(config.mirror)] *= drawn["sign"]
    for n, triad in enumerate(config.triads):
        if "turn" in drawn:
            x[..., list(triad)] = x[..., list(triad)] @ drawn["turn"]
        if "scale" in drawn:
            x[..., list(triad)] *= drawn["scale"][:, n]
    if "shift" in drawn:
        x += std * drawn["shift"]
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
