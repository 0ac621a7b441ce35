"""A last layer that is learned: what it says it makes small is small, by the definition in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from edgelstm.adaptation.clips import Heard
from edgelstm.adaptation.head import Head, fit, losses, with_ones
from edgelstm.runtime.pooling import POOLINGS, PoolingKind

INPUTS, OUTPUTS, CLIPS = 6, 4, 30


def made_up(pooling: PoolingKind) -> tuple[Head, Heard, np.ndarray]:
    rng = np.random.default_rng(2)
    lengths = [1] * CLIPS if pooling == "last" else rng.integers(1, 9, CLIPS).tolist()
    clips = tuple(rng.integers(-127, 128, (n, INPUTS)).astype(float) for n in lengths)
    truth = np.eye(OUTPUTS)[rng.integers(0, OUTPUTS, CLIPS)]
    return Head(rng.normal(size=(OUTPUTS, INPUTS)), rng.normal(size=OUTPUTS)), Heard(clips, 1 / 127, pooling), truth


@pytest.mark.parametrize("pooling", POOLINGS)
def test_features_come_to_the_scores_and_these_are_the_rows_pooled(pooling: PoolingKind) -> None:
    head, heard, _ = made_up(pooling)
    features = head.features(heard)
    found = (features * head.W.T[:, None, :]).sum(axis=0) + head.b
    np.testing.assert_allclose(head.scores(heard), found, atol=1e-13)
    for clip, scores in zip(heard.clips, head.scores(heard)):
        rows = clip / 127 @ head.W.T + head.b
        pooled = {"last": rows[-1], "mean": rows.mean(0), "mean+max": (rows.mean(0) + rows.max(0)) / 2}
        np.testing.assert_allclose(scores, pooled[pooling], atol=1e-13)


def cost(head: Head, old: Head, heard: Heard, truth: np.ndarray, activation: str, pull: float) -> float:
    """By the definition, in numpy's own order."""
    scores = head.scores(heard)
    if activation == "softmax":
        of_clips = -(truth * (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))).sum()
    else:
        of_clips = np.nansum(np.log1p(np.exp(scores)) - scores * truth)
    return float(of_clips + pull / 2 * (((head.W - old.W) ** 2).sum() + ((head.b - old.b) ** 2).sum()))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_nothing_nearby_costs_less(activation: str, pooling: PoolingKind) -> None:
    old, heard, truth = made_up(pooling)
    if activation == "sigmoid":
        truth[3, 1] = np.nan
    head = fit(old, heard, truth, activation, 0.1)
    features = with_ones(head, heard)
    curve = 1.1 * np.linalg.eigvalsh(features[:, :, 0] @ features[:, :, 0].T).max()
    pull = 0.1 * curve / (2 if activation == "softmax" else 4)
    best = cost(head, old, heard, truth, activation, pull)
    assert best < cost(old, old, heard, truth, activation, pull)
    rng = np.random.default_rng(1)
    for _ in range(20):
        other = Head(head.W + rng.normal(0, 0.02, head.W.shape), head.b + rng.normal(0, 0.02, head.b.shape))
        assert cost(other, old, heard, truth, activation, pull) > best - 1e-9
    of_each = losses(head.scores(heard), truth, activation)
    assert np.isclose(of_each.sum(), cost(head, head, heard, truth, activation, 0))


def test_the_largest_row_is_learned_from_too() -> None:
    old, heard, truth = made_up("mean+max")
    head = fit(old, heard, truth, "softmax", 0.01)
    assert losses(head.scores(heard), truth, "softmax").sum() < losses(old.scores(heard), truth, "softmax").sum()


def test_held_hard_it_stays() -> None:
    old, heard, truth = made_up("mean")
    head = fit(old, heard, truth, "softmax", 1e6)
    np.testing.assert_allclose(head.W, old.W, atol=1e-5)
