"""Augmentation keeps what physics keeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.training.augment import augment, mixup, random_rotations, stretch
from edgelstm.training.config import Augment

TRIADS = ((0, 1, 2), (3, 4, 5))


@settings(max_examples=30, deadline=None)
@given(degrees=st.floats(0, 180), seed=st.integers(0, 999))
def test_rotations_are_rotations_of_at_most_that_angle(degrees: float, seed: int) -> None:
    turns = random_rotations(20, degrees, np.random.default_rng(seed))
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.tile(np.eye(3), (20, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-12)
    angles = np.degrees(np.arccos(np.clip((np.trace(turns, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert angles.max() <= degrees + 1e-5


def test_a_turned_watch_turns_both_sensors_alike() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 30, 6)).astype(np.float32)
    turned = augment(x.copy(), Augment(rotation=40, triads=TRIADS), np.ones(6, np.float32), rng)
    a, w, a2, w2 = x[..., :3], x[..., 3:], turned[..., :3], turned[..., 3:]
    assert not np.allclose(a, a2, atol=0.1)
    np.testing.assert_allclose((a2 * w2).sum(-1), (a * w).sum(-1), atol=1e-5)  # the angle between them stays
    np.testing.assert_allclose(np.linalg.norm(a2, axis=-1), np.linalg.norm(a, axis=-1), rtol=1e-5)


def test_mirroring_is_a_reflection_for_half_of_the_sequences() -> None:
    """x → -x: acceleration is a vector, angular velocity a pseudovector, and w = r × v must stay true."""
    rng = np.random.default_rng(0)
    r, v = rng.normal(size=(2, 200, 5, 3)).astype(np.float32)
    x = np.concatenate([r, np.cross(r, v)], axis=-1)
    mirrored = augment(x.copy(), Augment(mirror=(0, 4, 5)), np.ones(6, np.float32), rng)
    changed = (mirrored != x).any(axis=(1, 2))
    assert 60 < changed.sum() < 140
    v[changed, :, 0] *= -1
    np.testing.assert_allclose(mirrored[..., 3:], np.cross(mirrored[..., :3], v), rtol=1e-5, atol=1e-6)


def test_noise_is_in_units_of_each_feature() -> None:
    std = np.array([1, 10, 100], np.float32)
    x = augment(np.zeros((4, 5000, 3), np.float32), Augment(noise=0.2), std, np.random.default_rng(0))
    np.testing.assert_allclose(x.std(axis=(0, 1)), 0.2 * std, rtol=0.03)


def test_scale_is_one_factor_per_sequence_and_triad() -> None:
    x = augment(
        np.ones((50, 4, 6), np.float32), Augment(scale=0.3, triads=TRIADS), np.ones(6), np.random.default_rng(0)
    )
    assert (x == x[:, :1, [0, 0, 0, 3, 3, 3]]).all()
    assert 0.7 <= x.min() < 0.8 < 1.2 < x.max() <= 1.3


@pytest.mark.parametrize("speed", [0.5, 1.0, 1.3])
def test_a_stretched_ramp_has_another_slope(speed: float) -> None:
    ramp = np.arange(100, dtype=np.float32)[:, None] * [1, -2]
    np.testing.assert_allclose(stretch(ramp, 7.25, 40, speed)[:, 0], 7.25 + speed * np.arange(40), rtol=1e-5)


def test_nothing_asked_changes_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 6)).astype(np.float32)
    assert np.array_equal(augment(x.copy(), Augment(), np.ones(6), np.random.default_rng(0)), x)


def test_a_shift_is_one_offset_for_each_feature_and_sequence() -> None:
    x = np.random.default_rng(0).normal(size=(300, 7, 2)).astype(np.float32)
    std = np.array([1, 10], np.float32)
    moved = augment(x.copy(), Augment(shift=0.2), std, np.random.default_rng(1)) - x
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:, :1], moved.shape), atol=1e-5)
    np.testing.assert_allclose(moved[:, 0].std(axis=0), 0.2 * std, rtol=0.1)


@pytest.mark.parametrize("along", [False, True])
def test_what_is_mixed_is_mixed_as_its_target_is(along: bool) -> None:
    """Of sequences that are their own targets: mixed, they still are; what they are adds up to 1, half of it or more
    their own."""
    rng = np.random.default_rng(2)
    own = np.eye(4, dtype=np.float32)[rng.integers(0, 4, 50)]
    lengths = rng.integers(3, 7, 50)
    x = np.where(np.arange(6)[:, None] < lengths[:, None, None], own[:, None], 0).astype(np.float32)
    targets = np.tile(own.T, (6, 1, 1)) if along else own.T
    mixed, found = mixup(x.copy(), targets, lengths, 0.4, rng)
    first = found[0] if along else found
    np.testing.assert_allclose(mixed[:, 0], first.T, atol=1e-6)
    np.testing.assert_allclose(first.sum(axis=0), 1, atol=1e-6)
    assert ((first * own.T).sum(axis=0) >= 0.5).all()
    assert (first.max(axis=0) < 0.95).any()
    assert not mixed[np.arange(6) >= lengths[:, None]].any()
