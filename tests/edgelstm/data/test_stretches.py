"""Stretches of few long recordings: every class on both sides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.data.dataset import Dataset
from edgelstm.data.stretches import STRETCHES, by_stretches, lost
from edgelstm.data.targets import Kept
from edgelstm.evaluation import kept_for_testing


def labelled(codes: list[np.ndarray]) -> Dataset:
    """Each frame is its number in all recordings."""
    starts = np.cumsum([0, *map(len, codes)])
    frames = tuple(np.arange(a, a + len(c), dtype=np.float32)[:, None] for a, c in zip(starts, codes))
    labels = ("a", "b", "rare")
    return Dataset(frames, np.zeros(len(codes), np.int64), labels, np.arange(len(codes)), ("n",), targets=Kept(codes))


@given(st.lists(st.integers(40, 300), min_size=1, max_size=3), st.integers(0, 1000), st.sampled_from([0.1, 0.2, 0.4]))
def test_every_class_of_two_stretches_is_on_both_sides(lengths: list[int], seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    codes = [np.repeat(rng.choice(3, 60, p=(0.6, 0.35, 0.05)), 5)[:length] for length in lengths]
    dataset = labelled(codes)
    train, test = by_stretches(dataset, share)
    seen = np.concatenate([x[:, 0] for part in (train, test) for x in part.sequences])
    assert sorted(seen.tolist()) == list(range(sum(lengths)))  # each frame is on one side
    each = -(-max(lengths) // STRETCHES)
    assert all(each / 2 <= len(x) <= 2 * each for part in (train, test) for x in part.sequences)
    pieces = [*train.targets.arrays, *test.targets.arrays]
    for label, name in enumerate(dataset.labels):
        if sum((piece == label).any() for piece in pieces) > 2:
            assert name not in lost(train, test)
    again = kept_for_testing(
        dataset, {"data": dataset.name, "config": {"data": {"split": "stretches", "test": share}}}
    )
    assert all(np.array_equal(*pair) for pair in zip(again.sequences, test.sequences))


def test_a_label_that_the_last_part_lacks_is_tested_on(command: Callable[..., Any], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    codes = (np.arange(2000) // 100) % 2
    for start in (300, 750, 1100):  # and never again
        codes[start : start + 40] = 2
    rows = "\n".join(f"{rng.normal(4 * code, 1):.3f},{'ab!'[code]}" for code in codes)
    (tmp_path / "d.csv").write_text(f"x,label\n{rows}\n")
    made = command("init", tmp_path / "d.csv", "-o", tmp_path / "r.toml")
    assert made.code == 0, made.err
    assert "split into stretches, as the last part, or the rest, lacks '!'" in " ".join(made.out.split())
    done = command("train", tmp_path / "r.toml", "-o", tmp_path / "m.npz", "--set", "training.epochs=1")
    assert done.code == 0, done.err
    assert "to test on" not in done.err
    assert "to train on" not in done.err


def test_a_label_that_comes_once_is_warned_of(command: Callable[..., Any], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for codes, warns in ((np.arange(1000) // 100 % 2, False), (np.arange(1000) // 50 == 7, True)):
        rows = "\n".join(f"{rng.normal(4 * code, 1):.3f},{'ab'[int(code)]}" for code in codes)
        (tmp_path / "d.csv").write_text(f"x,label\n{rows}\n")
        made = command("init", tmp_path / "d.csv", "-o", tmp_path / f"{warns}.toml")
        assert made.code == 0, made.err
        assert ("! on one side of the split alone" in made.out) == warns
    assert "figures say nothing of it: 'b'" in " ".join(made.out.split())


def test_too_little_to_split_says_so() -> None:
    with pytest.raises(ValueError, match="1 stretch of at most 1 frame, too few or too short: expected some to test"):
        by_stretches(labelled([np.zeros(1, np.int64)]), 0.2)


def test_looking_beyond_what_is_judged_is_one_line(command: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("x\n" + "\n".join(str(n % 7) for n in range(1000)))
    for task in ("forecast", "anomaly"):
        ended = command("init", tmp_path / "d.csv", "--task", task, "--ahead", "160", "-o", tmp_path / "r.toml")
        assert ended.code == 2
        (said,) = [line for line in ended.err.splitlines() if "expected" in line]
        assert "--ahead: 160, expected less than 160, the frames of what the best epoch is chosen by" in said
        assert not (tmp_path / "r.toml").exists()
