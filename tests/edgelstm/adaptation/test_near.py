"""Clips that are there twice, or nearly: held out, one would be judged by what was learned from the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from clips_to_learn import adapt, data
from edgelstm.adaptation.near import nearly_twins
from edgelstm.data import load_dataset, save_dataset


def saved_anew(x: np.ndarray) -> np.ndarray:
    return np.round(x + 1e-4, 4).astype(np.float32)


def test_clips_are_not_judged_by_themselves_nor_by_what_is_nearly_the_same(folder: Path) -> None:
    ended = adapt("--known", "clips.npz")
    assert ended.code in (1, 2)
    assert "40 of 40 are learned from as well" in " ".join(ended.err.split())
    known = load_dataset("clips.npz")
    save_dataset(data(tuple(saved_anew(x) for x in known.sequences), known.y), Path("known.npz"))
    assert "40 of 40 are learned from as well" in " ".join(adapt("--known", "known.npz").err.split())


def test_a_clip_that_was_saved_anew_is_refused(folder: Path) -> None:
    known = load_dataset("clips.npz")
    sequences = (*known.sequences, saved_anew(known.sequences[3]))
    save_dataset(data(sequences, np.append(known.y, known.y[3])), Path("clips.npz"))
    ended = adapt()
    assert ended.code in (1, 2)
    assert "sequence 3 and sequence 40 are nearly the same: each is judged" in " ".join(ended.err.split())
    assert not Path("new.npz").exists()


def test_what_is_nearly_the_same_is_what_differs_by_less_than_a_hundredth_in_every_column() -> None:
    """By the definition, over all pairs; 61 frames fill no whole blocks. A level column may be rounded."""
    rng = np.random.default_rng(1)
    own = [np.cumsum(rng.normal(0, [1.0, 0.01, 30.0], (61, 3)), axis=0).astype(np.float32) for _ in range(12)]
    noisy = [x + rng.normal(0, share, x.shape) * x.std(axis=0) for x in own for share in (0.003, 0.009, 0.012, 0.1)]
    one_column = [x + rng.normal(0, 1, x.shape) * x.std(axis=0) * (0, 0.02, 0) for x in own]
    sequences = [x.astype(np.float32) for x in (*own, *noisy, *one_column, own[0][:-1], own[1] + 0.05)]
    expected = set()
    for place, x in enumerate(sequences):
        for y in sequences[:place]:
            if x.shape == y.shape and (np.sqrt(np.square(x - y).mean(axis=0)) < 0.01 * x.std(axis=0)).all():
                expected.add(place)
    assert 20 < len(expected) < 40
    assert {place for _, place in nearly_twins(sequences)} == expected
    level = [
        np.column_stack([x[:, 0], np.full(61, value)]).astype(np.float32)
        for x, value in zip(own[:1] * 3, (9.80665, 9.80666, 9.9))
    ]
    assert list(nearly_twins(level)) == [(0, 1)]
