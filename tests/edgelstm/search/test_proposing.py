"""What a search proposes: nothing twice, all of a small space, and an early end for what is among the worse."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import searching

pytest.importorskip("optuna", reason="needs optuna")

import optuna

from edgelstm.cli.show.search import notes_before, notes_behind, progress_line
from edgelstm.search.desk import Desk, is_done
from edgelstm.search.proposing import Proposals, is_exhausted, tried
from edgelstm.search.record import record
from edgelstm.search.space import read_space
from edgelstm.search.working import joined, work

ABOUT = {"objective": "accuracy", "board": None, "budgets": {}}


def recipe_with(folder: Path, table: str, epochs: int = 1) -> Path:
    text = searching.RECIPE.partition("[search]")[0].replace("epochs = 1", f"epochs = {epochs}")
    return searching.write_recipe(folder, f"{text}[search]\n{table}\n")


def test_each_combination_is_proposed_once_until_none_is_left():
    table = {
        "kind": ["lstm", "gru"],
        "units": {"low": 4, "high": 13, "step": 4},
        "training": {"dropout": {"low": 0.1, "high": 0.3, "step": 0.1}, "batch": {"low": 4, "high": 4}},
    }
    space = read_space(table, "")
    study = optuna.create_study(direction="maximize")
    found = []
    while not is_exhausted(space, known := tried(space, study.get_trials(deepcopy=False))):
        study.sampler = Proposals(space, len(found), known)
        trial = study.ask(space.distributions())
        found.append(tuple(round(v, 6) if isinstance(v, float) else v for v in space.read(trial.params).values()))
        study.tell(trial, float(len(found) % 5))
    assert space.count == len(found)
    assert sorted(found) == sorted(itertools.product(["lstm", "gru"], [4, 8, 12], [0.1, 0.2, 0.3], [4]))


def test_a_small_space_is_searched_whole_and_the_worse_two_thirds_end_early(tmp_path):
    recipe = recipe_with(tmp_path, 'units = [4, 12]\nkind = ["lstm", "gru"]\nlayers = [1, 2]', epochs=6)
    plan = searching.plan_of(recipe, str(tmp_path / "journal"), 50)
    work(plan)
    with joined(plan) as search:
        trials = search.study.get_trials()
        assert {tuple(search.space.read(one.params).values()) for one in trials} == set(
            itertools.product([4, 12], ["lstm", "gru"], [1, 2])
        )
        assert len(trials) == 8
        assert all(map(is_done, trials))
        assert progress_line(search).startswith("8/8 trained")
        assert notes_before(search) == []
        assert notes_behind(search, record(search.study, search.space, ABOUT)) == [
            "the space has only 8 models; all are tried"
        ]
    for place, trial in enumerate(trials):
        for step in (1, 3):  # the first look, and at three times as many
            if step in trial.intermediate_values:
                so_far = [t.intermediate_values[step] for t in trials[: place + 1] if step in t.intermediate_values]
                better = sorted(so_far, reverse=True)[: max(len(so_far) // 3, 1)]
                goes_on = trial.intermediate_values[step] >= better[-1]
                assert goes_on == (max(trial.intermediate_values) > step), (place, step)
    assert 0 < sum(trial.state.name == "PRUNED" for trial in trials) < 8


def test_a_search_for_two_things_keeps_the_best_of_every_time(tmp_path):
    recipe = searching.write_recipe(tmp_path)
    more = {"board": "pi-zero-2w", "against": "latency_p50", "finalists": 2}
    plan = searching.plan_of(recipe, str(tmp_path / "journal"), 6, **more)
    work(plan)
    with joined(plan) as search:
        found = record(search.study, search.space, {**ABOUT, "objective": "accuracy, latency_p50", "board": "x"})
        finalists = [one.trial for one in search.finals("").results()]
    points = {one.number: (one.value, one.costs["latency_p50"]) for one in found.trials}
    assert len(points) == 6
    beaten = {
        n
        for n, (value, time) in points.items()
        if any(v >= value and t <= time and (v, t) != (value, time) for v, t in points.values())
    }
    assert set(points) - beaten >= set(found.front)
    assert {points[n] for n in found.front} == {point for n, point in points.items() if n not in beaten}
    assert set(finalists) <= set(points) - beaten


def test_refusals_in_a_row_end_it_with_the_nearest(tmp_path, monkeypatch):
    from edgelstm.devices.profiling.budget import parse_budget

    monkeypatch.setattr("edgelstm.search.worker._MOST_REFUSED", 10)
    recipe = recipe_with(tmp_path, "units = { low = 8, high = 32 }")
    plan = searching.plan_of(recipe, str(tmp_path / "journal"), budgets=(parse_budget("model_size=1KiB"),))
    with pytest.raises(ValueError, match=r"^10 models in a row are refused, the nearest for model_size") as said:
        work(plan)
    with joined(plan) as search:
        trials = record(search.study, search.space, ABOUT).trials
        least = min(trials, key=lambda one: one.costs["model_size"] or 0)
        assert least.why in str(said.value)
        assert progress_line(search) == f"0/3 trained, 10 refused in a row, the last for {trials[-1].why}"
        assert notes_behind(search, record(search.study, search.space, ABOUT)) == [
            f"the recipe as it is was refused: {trials[0].why}"
        ]


def test_what_differs_is_told_then_and_now(tmp_path):
    from edgelstm.devices.profiling.budget import parse_budget

    where = str(tmp_path / "journal")
    recipe = searching.write_recipe(tmp_path)
    work(searching.plan_of(recipe, where, 2))
    with joined(searching.plan_of(recipe, where, 1)) as search:
        assert notes_before(search) == ["--trials 1: 2 are done already, and all of them count"]
    other = searching.RECIPE.replace("epochs = 1", "epochs = 3").replace("low = 4", "low = 8")
    recipe = searching.write_recipe(tmp_path, other)
    budgets = (parse_budget("model_size=6KiB"),)
    with pytest.raises(ValueError, match="is of another") as said:
        joined(searching.plan_of(recipe, where, board="pi-4b", budgets=budgets)).__enter__()
    assert (
        "study 'waves' is of another recipe (training.epochs 1 then, 3 now), [search] (units { low = 4, high = 12, "
        "step = 4 } then, { low = 8, high = 12, step = 4 } now), budget, board; expected"
    ) in str(said.value)
    with pytest.raises(ValueError, match=r"is of another budget \(model_size none then, 6144 B now\); expected"):
        joined(searching.plan_of(searching.write_recipe(tmp_path), where, budgets=budgets)).__enter__()


def test_what_search_lacks_of_the_recipe_is_told(tmp_path):
    recipe = recipe_with(tmp_path, "units = [4, 12]\naugment.mixup = [0, 0.4]")
    with joined(searching.plan_of(recipe, str(tmp_path / "journal"))) as search:
        assert notes_before(search) == ["[search] lacks what the recipe itself has of units: the first trial differs"]
        assert (
            Desk(search.study, search.storage, "w")
            .claim(1, None, search.space.distributions())
            .params["augment.mixup"]
            == "0"
        )
