"""Which recordings a model carries for its proofs: of every class and group, evenly over time, bounded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.data import Dataset, kept
from edgelstm.model import Answer, Model
from random_models import random_model

MODEL = random_model(2, [4], [3])


def answering(answer: Answer, window: int = 0) -> Model:
    return replace(MODEL, answer=answer, provenance={"config": {"data": {"window": window}}})


def recordings(lengths: list[int], classes: int = 3, groups: int = 4) -> Dataset:
    """Frames tell where they are from: (recording, place)."""
    frames = tuple(
        np.stack([np.full(length, n), np.arange(length)], axis=1).astype(np.float32)
        for n, length in enumerate(lengths)
    )
    places = np.arange(len(lengths))
    return Dataset(
        sequences=frames,
        y=places % classes,
        labels=tuple(map(str, range(classes))),
        groups=places // classes % groups,
        feature_names=("recording", "place"),
    )


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 60_000), min_size=1, max_size=40), st.sampled_from([(0, 0), (1, 0), (50, 200), (1000, 0)])
)
def test_bounds_hold_and_nothing_is_twice_or_made_up(lengths: list[int], pooled: tuple[int, int]) -> None:
    hop, window = pooled
    data = recordings(lengths)
    model = answering(Answer("mean" if window else "last", window, hop))
    chosen = kept.unseen([data], model)
    frames = kept.unseen_frames(model)
    assert sum(x.nbytes for x in chosen) <= 1 << 20
    assert 1 <= len(chosen) <= 256
    assert sum(map(len, chosen)) <= frames
    if data.frames <= frames:
        assert sorted(len(x) for x in chosen) == sorted(lengths)
    else:  # what may be carried is: but for what pieces of equal length leave
        assert sum(map(len, chosen)) > 0.8 * frames
    seen = set()
    for x in chosen:
        first = int(x[0, 0]), int(x[0, 1])
        np.testing.assert_array_equal(x, data.sequences[first[0]][first[1] : first[1] + len(x)])
        now = {(first[0], place) for place in range(first[1], first[1] + len(x))}
        assert not now & seen
        seen |= now


def test_of_many_recordings_every_class_and_group_is_there_in_proportion() -> None:
    """1,000 recordings of 1,500 frames: nine of ten are of one class, nine of ten of one group."""
    rng = np.random.default_rng(2)
    data = recordings([1500] * 1000)
    rare = rng.permutation(1000)
    data = replace(
        data, y=(rare < 100) * (1 + rare % 2), groups=np.where(rng.random(1000) < 0.9, 0, rng.integers(1, 4, 1000))
    )
    places = [int(x[0, 0]) for x in kept.unseen([data], answering(Answer("last", 0, 1)))]
    assert len(set(places)) == len(places) == 48  # 50,000 frames in pieces of 1,024
    for of, kinds in ((data.y, 3), (data.groups, 4)):
        found, all_of = np.bincount(of[places], minlength=kinds), np.bincount(of, minlength=kinds)
        assert found.min() > 0
        np.testing.assert_allclose(found / 48, all_of / 1000, atol=0.06)
    assert max(places) - min(places) > 900


@pytest.mark.parametrize("length", [30, 9000])  # whole, and in pieces
def test_what_is_true_of_them_goes_with_them(length: int) -> None:
    first, second = recordings([length] * 20), recordings([length] * 7, classes=2)
    second = replace(second, labels=first.labels, y=second.y + 1)
    model = replace(answering(Answer("last", 0, 1)), labels=first.labels)
    carrying = kept.with_unseen(model, [first])
    assert carrying.unseen_truth is not None
    assert len(carrying.unseen) >= 20
    for x, truth in zip(carrying.unseen, carrying.unseen_truth, strict=True):
        assert truth.tolist() == np.eye(3)[int(x[0, 0]) % 3].tolist()
    both = kept.with_unseen(model, [first, second]).unseen_truth
    assert both is not None
    assert set(both.argmax(axis=1)) == {0, 1, 2}
    assert kept.with_unseen(model, [first, replace(second, labels=("x", "y", "z"))]).unseen_truth is None
    assert replace(carrying, unseen=()).unseen_truth is None


def test_a_long_recording_comes_in_pieces_evenly_over_it() -> None:
    (length,) = lengths = [1_000_000]
    chosen = kept.unseen([recordings(lengths, 1, 1)], answering(Answer("mean", 400, 50), window=500))
    starts = np.array([int(x[0, 1]) for x in chosen])
    assert {len(x) for x in chosen} == {50_000 // 25}  # of 4 windows of 500 frames
    assert (starts[0], starts[-1] + 2000) == (0, length)
    assert np.ptp(np.diff(starts)) <= 1


def test_rare_answers_ask_for_more_frames_and_wide_layers_for_fewer() -> None:
    assert kept.unseen_frames(MODEL) == 50_000
    assert kept.unseen_frames(answering(Answer("last", 0, 200))) == 60_000
    assert kept.unseen_frames(answering(Answer("last", 0, 1 << 20))) == 131_072  # 1 MB
    assert kept.unseen_frames(random_model(2, [1024], [3], frames=50)) == 8192


@pytest.mark.parametrize("count", [1, 300])
def test_short_recordings_stay_whole(count: int) -> None:
    chosen = kept.unseen([recordings([20] * count)], answering(Answer("last", 0, 0)))
    assert [len(x) for x in chosen] == [20] * min(count, 256)
