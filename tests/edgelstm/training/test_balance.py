"""99 recordings of one class to one of another: what is rare is found with weights, and missed aloud without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.data import Dataset, save_dataset

RECIPE = """
[data]
test_groups = [1]
[model]
units = [6]
[training]
epochs = 6
batch = 32
learning_rate = 0.02
loss = "last"
"""


def made() -> Dataset:
    """Rare ones lie half a deviation higher: not far enough to be likelier than one of ninety-nine others."""
    rng = np.random.default_rng(3)
    y = (np.arange(1200) % 100 == 0).astype(np.int64)
    groups = (np.arange(1200) >= 800).astype(np.int64)
    x = rng.normal(size=(1200, 12, 1)) + 0.6 * y[:, None, None]
    return Dataset(tuple(x.astype(np.float32)), y, ("usual", "rare"), groups, ("x",))


@pytest.mark.parametrize("balance", ["none", "weights"])
def test_what_is_rare_is_found_with_balance_and_missed_aloud_without(
    command: Callable[..., Any], tmp_path: Path, balance: str
) -> None:
    save_dataset(made(), tmp_path / "data.npz")
    (tmp_path / "recipe.toml").write_text(f'{RECIPE}balance = "{balance}"\n')
    run = ("train", tmp_path / "recipe.toml", "--data", tmp_path / "data.npz", "-o", tmp_path / "m.npz")
    ended = command(*run, "--json")
    assert ended.code == 0, ended.err
    assert "far fewer recordings than of 'usual' (792): 'rare'" in " ".join(ended.err.split())
    float32, int8 = json.loads(ended.out)["evaluations"]
    told = command("evaluate", tmp_path / "m.npz", tmp_path / "data.npz")
    assert told.code == 0, told.err
    told = " ".join(told.out.split())
    if balance == "none":
        assert float32["accuracy"] == float32["majority"] == 0.99
        assert float32["recall"]["rare"] == int8["recall"]["rare"] == 0
        assert "! never found: 'rare'" in told
        assert "every answer is 'usual'" in told
        assert 'training.balance = "weights"' in told
    else:
        assert min(float32["recall"]["rare"], int8["recall"]["rare"]) >= 0.75
        assert min(float32["recall"]["usual"], int8["recall"]["usual"]) >= 0.75
        assert "never found" not in told
