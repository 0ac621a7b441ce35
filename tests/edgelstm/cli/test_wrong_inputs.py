"""What went wrong once in training and judging, without a word: now each has its line, or is refused in one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Command = Callable[..., Any]
Arrays = dict[str, Any]

RECIPE = """
[data]
file = "data.npz"
window = {window}
[model]
units = [3]
[training]
epochs = 1
loss = "{loss}"
[answer]
pooling = "mean"
window = {window}
hop = 10
"""
LABELS = ["a", "b"]


def signals(count: int = 12, frames: int = 40) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, frames, 2)).astype(np.float32)


def said(command: Command, folder: Path, arrays: Arrays, window: int = 20, loss: str = "mean", *more: str) -> Any:
    """What `train` came to: (exit code, everything on stderr in one line)."""
    np.savez(folder / "data.npz", **arrays)
    (folder / "recipe.toml").write_text(RECIPE.format(window=window, loss=loss))
    ended = command("train", folder / "recipe.toml", "-o", folder / "m.npz", *more)
    assert "Traceback" not in ended.err
    return ended.code, " ".join(ended.err.split())


def test_levels_that_float32_cannot_tell_are_refused(command: Command, tmp_path: Path) -> None:
    x = signals()
    x[..., 1] = 1e8 + 10 * x[..., 1]
    code, line = said(command, tmp_path, {"X": x, "y": np.arange(12) % 2})
    assert code == 1
    assert "edgelstm: data: feature 1 is 1e+08 with a deviation of" in line
    assert "float32 has steps of 8" in line


def test_recordings_that_are_shorter_than_the_window_are_counted(command: Command, tmp_path: Path) -> None:
    x = np.concatenate([signals(12, 40).reshape(-1, 2), signals(12, 10).reshape(-1, 2)])
    lengths = np.array([40] * 12 + [10] * 12)
    code, line = said(command, tmp_path, {"X": x, "lengths": lengths, "y": np.arange(24) % 2})
    assert code == 0
    assert "test recordings have fewer than 20 frames, and do not count in the accuracy" in line


def test_patience_without_anything_to_watch_is_refused(command: Command, tmp_path: Path) -> None:
    arrays = {"X": signals(), "y": np.arange(12) % 2}
    code, line = said(command, tmp_path, arrays, 20, "mean", "--set", "training.patience=3")
    assert code == 2
    assert "training.patience: 3, expected 0 without data.validation" in line


def test_a_loss_that_does_not_fit_the_answer_is_told(command: Command, tmp_path: Path) -> None:
    code, line = said(command, tmp_path, {"X": signals(), "y": np.arange(12) % 2}, 20, "last")
    assert code == 0
    assert (
        'training.loss: "last" trains the newest scores alone, but answer.pooling "mean" answers by the mean' in line
    )


def test_rare_classes_and_one_class_are_told(command: Command, tmp_path: Path) -> None:
    code, line = said(command, tmp_path, {"X": signals(120), "y": np.arange(120) < 2, "labels": LABELS})
    assert code == 0
    assert "far fewer recordings than of 'a'" in line
    code, line = said(command, tmp_path, {"X": signals(), "y": np.zeros(12, int), "labels": LABELS})
    assert code == 1
    assert "all that is trained on is 'a', expected two classes or more" in line


def test_exchanged_axes_are_told(command: Command, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(12, 20, 90)).astype(np.float32)
    code, line = said(command, tmp_path, {"X": x, "y": np.arange(12) % 2})
    assert code == 0
    assert "90 features, but at most 20 frames in a recording; if X is (cases, channels, time)" in line


CHANGED: list[tuple[Arrays, str]] = [
    ({"feature_names": ["p", "z"]}, "data: no column 'q' of numbers, expected one of p, z"),
    ({"labels": ["a", "c"]}, "labels: 'c'"),
    ({"sample_rate": 50.0}, "data: sample_rate 50, the model's is 100"),
]


def test_other_names_and_rates_are_matched_or_refused(command: Command, tmp_path: Path) -> None:
    x = signals(40)
    y = np.arange(40) % 2
    x[y == 1, :, 0] += 3
    arrays: Arrays = {"X": x, "y": y, "labels": LABELS, "feature_names": ["p", "q"], "sample_rate": 100.0}
    more = ("--set", "training.epochs=20", "--set", "training.learning_rate=0.05")
    assert said(command, tmp_path, arrays, 20, "mean", *more)[0] == 0
    data, model = tmp_path / "data.npz", tmp_path / "m.npz"
    np.savez(data, **arrays | {"X": x[..., ::-1], "feature_names": ["q", "p"]})
    found = command("evaluate", model, data, "--min-accuracy", "0.95")  # by name
    assert found.code == 0, found.err
    for change, line in CHANGED:
        np.savez(data, **arrays | change)
        ended = command("evaluate", model, data)
        assert ended.code == 1
        (only,) = ended.err.splitlines()
        assert line in only
