"""Folds by the workers of a storage are those of one process."""

from __future__ import annotations

from pathlib import Path

import pytest

import searching
from edgelstm.training.config import load_config
from edgelstm.training.crossvalidation import prepare


def test_folds_of_a_storage_are_those_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna", reason="needs optuna")
    from edgelstm.search.desk import Desk
    from edgelstm.search.folds import crossvalidate_by
    from edgelstm.search.storage import opened
    from edgelstm.search.study import join

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
        study = join(storage, "x, folds", ["maximize"], {}, {})
        desk = Desk(study, storage, "dead")
        desk.post([{"fold": 0}])
        desk.claim(0).suggest_int("fold", 0, 9)  # type: ignore[union-attr]
        again = Desk(study, storage, "alive").claim(0)
        assert again is not None
        assert again.suggest_int("fold", 0, 9) == 0
