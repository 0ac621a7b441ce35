"""A run that was stopped anywhere and went on is the run that was never stopped."""

from __future__ import annotations

import json
import os
import resource
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from counts import times
from edgelstm.data import Dataset, save_dataset
from edgelstm.data.npz import read_npz, write_npz
from edgelstm.model import Model
from edgelstm.model_file import load_model
from edgelstm.training import Config, parse_config, train
from edgelstm.training.checkpoint import Checkpoint, Epoch, digest
from edgelstm.training.optimizer import Adam

RECIPE = """
[data]
file = "data.npz"
window = 12
validation = 0.3
[model]
units = [5]
[training]
epochs = 9
batch = 4
dropout = 0.2
averaging = 0.9
weight_decay = 0.01
patience = 6
[augment]
noise = 0.1
speed = 0.1
"""


PIECES = """
[model]
layers = [{ kind = "context", rows = 3, hop = 2 }, { kind = "gru", units = 5 }]
[training]
epochs = 3
second_epochs = 2
batch = 4
truncate = 6
skip = 2
dropout = 0.2
optimizer = "sgd"
nesterov = true
learning_rate = 0.3
second_rate = 0.05
averaging = 0.9
[augment]
noise = 0.1
shift = 0.1
[answer]
hop = 2
"""
"""Pieces of recordings with their states, gradient descent, a second cycle after three epochs."""


class _StopError(Exception):
    pass


def made(seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    x = tuple(rng.normal(n % 2, 1, size=(rng.integers(14, 30), 2)).astype(np.float32) for n in range(16))
    return Dataset(x, np.arange(16) % 2, ("a", "b"), np.arange(16) // 2, ("x", "y"))


def weights(model: Model) -> NDArray[np.float32]:
    return np.concatenate([getattr(layer, name).ravel() for layer in model.layers for name in layer.arrays])


def checkpoint(folder: Path, config: Config, data: Dataset) -> Checkpoint:
    return Checkpoint(folder / "checkpoint.npz", config.to_json(), digest(data))


@pytest.mark.parametrize(
    ("recipe", "stops"),
    [
        (RECIPE, (1,)),
        (RECIPE, (4,)),
        (RECIPE, (2, 3, 7)),
        (PIECES, (2,)),
        (PIECES, (3, 4)),
        (RECIPE.replace("patience = 6", "patience = 1\nsecond_epochs = 4"), (1, 5)),
    ],
)
def test_a_run_that_was_stopped_comes_to_the_same(tmp_path: Path, recipe: str, stops: tuple[int, ...]) -> None:
    data, config = made(), parse_config(recipe)
    whole = train(data, config)
    kept = checkpoint(tmp_path, config, data)
    for number, stop in enumerate(stops):

        def until(epoch: Epoch, stop: int = stop) -> None:
            if epoch.number == stop:
                raise _StopError

        with pytest.raises(_StopError):
            train(data, config, until, kept, resumes=number > 0)
    resumed = train(data, config, checkpoint=kept, resumes=True)
    np.testing.assert_array_equal(weights(resumed.model), weights(whole.model))
    assert [replace(e, seconds=0) for e in resumed.history] == [replace(e, seconds=0) for e in whole.history]
    again = train(data, config, checkpoint=kept, resumes=True)  # nothing is left to do
    np.testing.assert_array_equal(weights(again.model), weights(whole.model))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    data, config = made(), parse_config(RECIPE.replace("epochs = 9", "epochs = 1"))
    train(data, config, checkpoint=checkpoint(folder, config, data))
    return folder / "checkpoint.npz"


def test_another_recipe_and_other_data_are_refused(saved: Path) -> None:
    data, config = made(), parse_config(RECIPE.replace("epochs = 9", "epochs = 1"))
    with pytest.raises(ValueError, match=r"checkpoint.npz: training.epochs: 9 now, 1 when the run began; without"):
        train(
            data, parse_config(RECIPE), checkpoint=checkpoint(saved.parent, parse_config(RECIPE), data), resumes=True
        )
    other = made(1)
    with pytest.raises(ValueError, match=r"checkpoint.npz: of other data than these"):
        train(other, config, checkpoint=checkpoint(saved.parent, config, other), resumes=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=times(30, 500), deadline=None)
@given(st.data())
def test_a_damaged_checkpoint_is_one_line(saved: Path, tmp_path: Path, draw: st.DataObject) -> None:
    data, config = made(), parse_config(RECIPE.replace("epochs = 9", "epochs = 1"))
    arrays = dict(read_npz(saved))
    name = draw.draw(st.sampled_from(sorted(arrays)))
    if name == "header" and draw.draw(st.booleans()):
        header = json.loads(arrays["header"].tobytes())
        header[draw.draw(st.sampled_from(sorted(header)))] = draw.draw(
            st.sampled_from([None, -1, "x", [], {}, {"state": {"state": "1"}}, 1e300])
        )
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    elif draw.draw(st.booleans()):
        del arrays[name]
    else:
        arrays[name] = arrays[name][..., :-1]
    path = tmp_path / "checkpoint.npz"
    write_npz(path, arrays)
    with pytest.raises(ValueError, match=r"checkpoint.npz: ") as error:
        train(data, config, checkpoint=checkpoint(tmp_path, config, data), resumes=True)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_checkpoint_that_was_cut_says_what_to_do(saved: Path, tmp_path: Path, share: float) -> None:
    data, config = made(), parse_config(RECIPE.replace("epochs = 9", "epochs = 1"))
    whole = saved.read_bytes()
    (tmp_path / "checkpoint.npz").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"checkpoint.npz: .*; without --resume training begins anew$"):
        train(data, config, checkpoint=checkpoint(tmp_path, config, data), resumes=True)


def test_a_loss_that_is_not_finite_ends_the_run_before_it_is_kept(tmp_path: Path, monkeypatch: Any) -> None:
    data, config = made(), parse_config(RECIPE)
    kept = checkpoint(tmp_path, config, data)

    def spoil(epoch: Epoch) -> None:
        if epoch.number == 2:  # as a step too far would leave them
            monkeypatch.setattr(
                Adam, "step", lambda self, *_: [value.fill(np.nan) for value in self.parameters.values()]
            )

    with pytest.raises(ValueError, match=r"data: training fell apart in epoch 3, its loss is not finite: a lower"):
        train(data, config, spoil, kept)
    header = json.loads(read_npz(kept.path)["header"].tobytes())
    assert [epoch["number"] for epoch in header["history"]] == [1, 2]


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    """Files may grow to 1,000 bytes: less than any checkpoint has."""
    data, config = made(), parse_config(RECIPE)
    whole, kept = train(data, config), checkpoint(tmp_path, config, data)

    def until(epoch: Epoch) -> None:
        if epoch.number == 2:
            limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OSError, match=r"too large: '.*checkpoint.npz"):
            train(data, config, until, kept)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]
    assert len(json.loads(read_npz(kept.path)["header"].tobytes())["history"]) == 2
    resumed = train(data, config, checkpoint=kept, resumes=True)
    np.testing.assert_array_equal(weights(resumed.model), weights(whole.model))


@pytest.mark.slow
def test_killed_anywhere_and_resumed_it_is_the_same_model(tmp_path: Path, command: Callable[..., Any]) -> None:
    """SIGKILL at random moments; at most the epoch in which it came is lost."""
    save_dataset(made(), tmp_path / "data.npz")
    (tmp_path / "recipe.toml").write_text(RECIPE.replace("epochs = 9", "epochs = 60").replace("patience = 6", ""))
    assert command("train", tmp_path / "recipe.toml", "-o", tmp_path / "whole.npz").code == 0
    rng = np.random.default_rng(5)
    line = [sys.executable, "-m", "edgelstm", "train", "recipe.toml", "-o", "model.npz"]
    path = tmp_path / "model.run" / "checkpoint.npz"
    epochs = 0
    for number in range(times(3, 50)):
        resume = ["--resume"] if number else []
        running = subprocess.Popen(
            [*line, *resume], cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        before = path.stat().st_mtime_ns if path.exists() else 0
        until = time.monotonic() + 20
        while running.poll() is None and time.monotonic() < until:
            if path.exists() and path.stat().st_mtime_ns != before:  # it has learned something: any moment from now
                time.sleep(float(rng.uniform(0, 0.02)))
                break
            time.sleep(0.002)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        if path.exists():
            now = len(json.loads(read_npz(path)["header"].tobytes())["history"])
            assert now >= epochs
            epochs = now
    assert command("train", tmp_path / "recipe.toml", "-o", tmp_path / "model.npz", "--resume").code == 0
    whole, resumed = (load_model(tmp_path / f"{name}.npz") for name in ("whole", "model"))
    np.testing.assert_array_equal(weights(resumed), weights(whole))
    assert not path.exists()
    assert sorted(p.name for p in path.parent.iterdir()) == ["report.html", "report.json", "run.json"]
