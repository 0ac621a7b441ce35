"""Folds: every frame is tested on once, nothing is on both sides, and processes change nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.data import Dataset, save_dataset
from edgelstm.training.crossvalidation import folds, most_folds


def made(lengths: list[int], groups: list[int] | None = None) -> Dataset:
    """Every frame is a number of its own."""
    ends = np.cumsum(lengths)
    return Dataset(
        tuple(np.arange(end - n, end, dtype=np.float32)[:, None] for n, end in zip(lengths, ends, strict=True)),
        np.arange(len(lengths)) % 2,
        ("a", "b"),
        np.arange(len(lengths)) if groups is None else np.array(groups),
        (),
    )


@given(st.lists(st.integers(10, 30), min_size=1, max_size=20), st.integers(2, 6), st.integers(1, 9))
def test_every_frame_is_tested_on_once(lengths: list[int], count: int, groups: int) -> None:
    dataset = made(lengths, [n % groups for n in range(len(lengths))])
    has_groups = 1 < len(dataset.all_groups) < len(dataset)
    if has_groups and len(dataset.all_groups) < count:
        with pytest.raises(ValueError, match="expected as many as folds"):
            folds(dataset, count)
        return
    found = folds(dataset, count)
    assert len(found) == count
    for fold in found:
        both = np.concatenate([*fold.train.sequences, *fold.test.sequences])
        assert sorted(both.ravel().tolist()) == list(range(sum(lengths)))
        if has_groups:
            assert not set(fold.train.all_groups) & set(fold.test.all_groups)
    tested = np.concatenate([x for fold in found for x in fold.test.sequences])
    assert sorted(tested.ravel().tolist()) == list(range(sum(lengths)))


def test_each_group_is_left_out_once() -> None:
    found = folds(made([10] * 6, [0, 0, 1, 1, 2, 2]), 5, by_groups=True)
    assert [fold.name for fold in found] == ["0", "1", "2"]
    assert [fold.test.all_groups for fold in found] == [("0",), ("1",), ("2",)]


def test_classes_are_spread_over_the_folds() -> None:
    for fold in folds(made([12] * 20), 5):
        assert np.bincount(fold.test.y).tolist() == [2, 2]
    grouped = folds(made([12] * 24, [n // 2 for n in range(24)]), 4)
    assert [np.bincount(fold.test.y).tolist() for fold in grouped] == [[3, 3]] * 4


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x = tuple(rng.normal(n % 2, 0.5, size=(20, 1)).astype(np.float32) for n in range(12))
    save_dataset(Dataset(x, np.arange(12) % 2, ("low", "high"), np.arange(12) // 4, ("x",)), tmp_path / "data.npz")
    path = tmp_path / "recipe.toml"
    path.write_text(
        "[data]\nfile = 'data.npz'\n[model]\nunits = [4]\n[training]\nepochs = 20\nlearning_rate = 0.05\n"
    )
    return path


def test_processes_change_nothing(command: Callable[..., Any], recipe: Path) -> None:
    alone, together = (
        command("crossvalidate", recipe, "--leave-one-out", "--json", "--jobs", jobs) for jobs in (1, 3)
    )
    assert alone.code == 0, alone.err
    assert together.out == alone.out
    found = json.loads(alone.out)
    assert [fold["fold"] for fold in found["folds"]] == ["0", "1", "2"]
    assert found["spread"]["float32"]["mean"] > 0.9
    accuracies = [fold["evaluations"][0]["accuracy"] for fold in found["folds"]]
    assert found["spread"]["float32"]["mean"] == pytest.approx(np.mean(accuracies))
    assert found["spread"]["float32"]["deviation"] == pytest.approx(np.std(accuracies, ddof=1))


def _group(leader: int) -> list[int]:
    """Processes of a process group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group, *_ = stat.read_text().rpartition(")")[2].split()
            if int(group) == leader and state != "Z":
                found.append(int(stat.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are counted by /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_over(recipe: Path, number: signal.Signals) -> None:
    """The signal reaches the first process alone, while folds train that would take for ever."""
    line = [sys.executable, "-m", "edgelstm", "crossvalidate", str(recipe), "--jobs", "2", "--leave-one-out"]
    running = subprocess.Popen(
        [*line, "--set", "training.epochs=1000000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        # The first, its helper that tracks resources, and the two that train.
        assert _within(60, lambda: len(_group(running.pid)) == 4)
        running.send_signal(number)
        said = running.communicate(timeout=60)[1].decode()
        assert _within(60, lambda: not _group(running.pid))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    if number == signal.SIGINT:
        assert running.returncode == 130
        assert said.strip() == "edgelstm: interrupted"
    if number == signal.SIGTERM:
        assert running.returncode == 143
        assert said.strip() == "edgelstm: terminated"


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_what_cannot_be_folded_is_said_in_one_line(command: Callable[..., Any], recipe: Path) -> None:
    ended = command("crossvalidate", recipe, "--folds", "4")
    assert ended.code == 1
    assert ended.err == "edgelstm: data: 4 folds, expected at most 3: it has 3 groups\n"
    ended = command("crossvalidate", recipe, "--folds", "3", "--leave-one-out")
    assert ended.code == 2
    assert "--folds and --leave-one-out: " in ended.err
    ended = command("crossvalidate", recipe, "--set", "data.test=0")
    assert ended.code == 2
    assert "data.test: 0.0, expected more than 0 and at most 0.95" in ended.err
    ended = command("crossvalidate", recipe, "--set", "training.epochs=1")
    assert ended.code == 0
    assert ended.err == "Note: 3 folds: the data have no more groups, recordings or long stretches\n"


def test_stretches_hold_a_training_window() -> None:
    whole = made([100, 90])
    assert most_folds(whole, 30) == 3
    assert most_folds(whole, 0) == 6  # of 16 frames
    assert most_folds(made([10] * 7), 30) == 7


def test_a_recording_that_is_there_twice_is_on_one_side() -> None:
    whole = made([20] * 9)
    rng = np.random.default_rng(5)
    x = [rng.normal(size=(20, 1)).astype(np.float32) for _ in range(8)]
    x.append(x[1].copy())
    for fold in folds(replace(whole, sequences=tuple(x)), 4):
        sides = [{one.tobytes() for one in part.sequences} for part in (fold.train, fold.test)]
        assert not sides[0] & sides[1]
    grouped = replace(whole, sequences=tuple(x), groups=np.arange(9) // 2)
    with pytest.raises(ValueError, match="recording 1 and recording 8 are the same"):
        folds(grouped, 5, by_groups=True)


def test_folds_that_cannot_be_trained_are_refused_before_any_is(command: Callable[..., Any], tmp_path: Path) -> None:
    """Of 100 frames in six stretches each has 16: nothing is known of the 20th frame after one of them."""
    x = np.random.default_rng(0).normal(size=(1, 100, 1)).astype(np.float32)
    save_dataset(
        Dataset(tuple(x), np.zeros(1, int), ("a",), np.zeros(1, int), ("x",), targets=None), tmp_path / "data.npz"
    )
    path = tmp_path / "recipe.toml"
    path.write_text(
        "[task]\nkind = 'forecast'\nahead = [20]\n[data]\nfile = 'data.npz'\nsplit = 'time'\nvalidation = 0.3\n"
        "[model]\nunits = [2]\n[training]\nepochs = 1\n"
    )
    ended = command("crossvalidate", path, "--folds", "6")
    assert ended.code == 1
    assert "data: 6 folds, expected at most" in ended.err
    most = int(ended.err.split("at most ")[1].split(":")[0])
    assert command("crossvalidate", path, "--folds", str(most + 1)).code == 1
    ended = command("crossvalidate", path, "--jobs", "1")
    assert (ended.code, ended.err.splitlines()[-1][: len("Note: 4 folds")]) == (0, f"Note: {most} folds")
