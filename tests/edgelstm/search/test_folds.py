"""Folds by the workers of a storage are those of one process."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

import searching
from counts import some
from edgelstm.training.config import load_config
from edgelstm.training.crossvalidation import Outcome, prepare

pytest.importorskip("optuna", reason="needs optuna")

from edgelstm.search.desk import LOST, Desk
from edgelstm.search.folds import crossvalidate_by
from edgelstm.search.storage import opened
from edgelstm.search.study import join


def told_of(outcomes: list[Outcome]) -> list[object]:
    return [(one.fold, [evaluation.to_json() for evaluation in one.evaluations]) for one in outcomes]


@pytest.mark.slow
@pytest.mark.parametrize("kind", some(["journal", "database"]))
def test_folds_of_a_process_that_is_killed_are_done_once(kind, tmp_path, request, monkeypatch) -> None:
    recipe, study = searching.write_recipe(tmp_path), f"{tmp_path}"
    where = request.getfixturevalue("database") if kind == "database" else str(tmp_path / "journal")
    processes = [searching.begun(searching.crossvalidate, recipe, where, study, n == 0) for n in range(3)]
    assert [searching.ended(one) for one in processes] == [-signal.SIGKILL, 0, 0]
    folding = prepare(load_config(recipe), 3)
    alone = told_of([folding.run(n) for n in range(3)])
    monkeypatch.setattr("edgelstm.training.crossvalidation.train", None)  # all is there
    assert told_of(crossvalidate_by(folding, where, study, 1, 1)) == alone
    with opened(where) as storage:
        trials = storage.optuna.get_all_trials(storage.optuna.get_study_id_from_name(f"{study}, folds"))
    assert sorted(trial.params["fold"] for trial in trials if LOST not in trial.user_attrs) == [0, 1, 2]
    assert sum(LOST in trial.user_attrs for trial in trials) == 1


def test_folds_of_a_storage_are_those_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folding = prepare(load_config(searching.write_recipe(tmp_path)), 3)
    alone = [folding.run(n) for n in range(3)]
    where = str(tmp_path / "journal")
    found = crossvalidate_by(folding, where, "w", 1, 1)
    for one, other in zip(alone, found, strict=True):
        assert one.fold == other.fold
        assert [e.to_json() for e in one.evaluations] == [e.to_json() for e in other.evaluations]
        assert [(e.headline, list(e.figures())) for e in one.evaluations] == [
            (e.headline, list(e.figures())) for e in other.evaluations
        ]
    # Once more it trains nothing: all is there.
    monkeypatch.setattr("edgelstm.training.crossvalidation.train", None)
    assert [outcome.fold for outcome in crossvalidate_by(folding, where, "w", 1, 1)] == ["1", "2", "3"]
    with pytest.raises(ValueError, match="is of another number of folds"):
        crossvalidate_by(prepare(load_config(tmp_path / "recipe.toml"), 2), where, "w", 1, 1)
    with opened(where) as storage:  # a fold whose worker died is put out again
        study = join(storage, "x, folds", ["maximize"], {})
        desk = Desk(study, storage, "dead")
        desk.post([{"fold": 0}])
        desk.claim(0).suggest_int("fold", 0, 9)  # type: ignore[union-attr]
        again = Desk(study, storage, "alive").claim(0)
        assert again is not None
        assert again.suggest_int("fold", 0, 9) == 0
