"""What runs are compared by, and what each of a finalist's runs holds out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import searching
from edgelstm.data import load_dataset, save_dataset
from edgelstm.data.splits import hold_out
from edgelstm.judging import Figure
from edgelstm.search.merit import quality
from edgelstm.search.plan import Recordings
from edgelstm.training.checkpoint import Epoch


def history(losses: list[float], shares: list[float] | None) -> list[Epoch]:
    found, least = [], math.inf
    for number, loss in enumerate(losses, 1):
        score = None if shares is None else Figure("accuracy", shares[number - 1], True)
        found.append(Epoch(number, len(losses), 1.0, loss, score, loss < least, 0.0))
        least = min(least, loss)
    return found


def test_the_best_epoch_and_its_neighbours_are_meant() -> None:
    losses, shares = [2.0, 1.0, 0.9, 0.2, 0.5, 0.6, 3.0], [0.1, 0.5, 0.4, 0.9, 0.7, 0.8, 0.2]
    found = quality(history(losses, shares))
    assert found.value == pytest.approx((0.5 + 0.4 + 0.9 + 0.7 + 0.8) / 5)
    probability = sum(math.exp(-loss) for loss in losses[1:6]) / 5
    assert found.merit == pytest.approx((found.value + probability) / 2)
    assert (found.shown, found.is_share) == ("accuracy", True)
    assert quality(history(losses, shares)[:1]).value == pytest.approx(0.1)
    alone = quality(history([3.0, 1.0], None))
    assert (alone.value, alone.merit, alone.shown) == (-2.0, -2.0, "loss")


def test_each_run_holds_out_other_groups_and_the_first_those_of_the_recipe(tmp_path: Path) -> None:
    recipe = searching.write_recipe(tmp_path, searching.RECIPE.replace("test = 0.25", 'test_groups = ["g7"]'))
    dataset = load_dataset(tmp_path / "waves.npz")
    names = tuple(f"g{n}" for n in range(8))
    grouped = replace(dataset, groups=np.arange(16) // 2, group_names=names, is_each_alone=False)
    save_dataset(grouped, tmp_path / "waves.npz")
    plan = searching.plan_of(recipe, "", seeds=3)
    recordings = Recordings(plan)
    config = plan.config()
    learned = recordings.train_set(config)
    own = hold_out(learned, config.data.validation, np.random.default_rng(config.training.seed))[1]
    held = [{learned.group(int(place)) for place in own}]
    assert recordings.config({}, 0) == config
    for run in (1, 2):
        data = recordings.config({}, run).data
        assert data.validation == 0
        held.append(set(map(str, data.validation_groups)))
    assert [len(one) for one in held] == [2, 2, 2]
    assert len(set.union(*held)) == 6
    assert "g7" not in set.union(*held)
    assert len(set(recordings.held_out(3))) == 2  # one that no run had, and one of the first
