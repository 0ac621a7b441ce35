"""Stretches of few long recordings: every class on both sides."""

from __future__ import annotations

import json
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


def test_an_anomaly_before_the_last_part_is_tested_on(command: Callable[..., Any], tmp_path: Path) -> None:
    """Of those that are left in what trains, it is said where they are."""
    rng = np.random.default_rng(0)
    odd = np.zeros(3000, int)
    odd[700:712] = odd[1650:1655] = 1
    x = np.sin(np.arange(3000) / 9) + 0.1 * rng.normal(size=3000) + odd
    (tmp_path / "d.csv").write_text("x,is_anomaly\n" + "".join(f"{v:.4f},{o}\n" for v, o in zip(x, odd)))
    made = command("init", tmp_path / "d.csv", "-o", tmp_path / "r.toml")
    assert "anomaly, as the labels say what is anomalous; --task names another" in made.out
    assert "split into stretches, as the last part, or the rest, lacks 'anomaly'" in " ".join(made.out.split())
    train = ("train", tmp_path / "r.toml", "-o", tmp_path / "m.npz", "--set", "training.epochs=1", "--json")
    done = json.loads(command(*train).out)
    told = [line for line in done["remarks"] if line.startswith("labelled anomalies in what trains")]
    assert done["evaluations"][0]["events"] + len(told) == 2  # one on each side, or both are tested on
    by_time = json.loads(command(*train, "--set", "data.split=time").out)
    assert by_time["evaluations"][0]["events"] == 0
    (told_of,) = (line for line in by_time["remarks"] if "anomal" in line)
    assert told_of.startswith(
        "labelled anomalies in what trains: 2, 17 frames in all: d.csv frames 700 to 711; d.csv frames 1650 to 1654; "
    )


@pytest.mark.parametrize("task", ["forecast", "regress"])
def test_numbers_are_no_labels_that_a_side_lacks(command: Callable[..., Any], tmp_path: Path, task: str) -> None:
    """A column that is 1 once, as a number may be."""
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f}" for a, b in rng.normal(5, 1, size=(600, 2))]
    rows[20] = "1,1"
    (tmp_path / "d.csv").write_text("a,b\n" + "\n".join(rows) + "\n")
    made = command("init", tmp_path / "d.csv", "-o", tmp_path / "r.toml", "--task", task, "--columns", "b")
    assert made.code == 0, made.err
    assert "lacks" not in made.out
    assert "on one side" not in made.out
    assert 'split = "time"' in (tmp_path / "r.toml").read_text()
