"""A cross-validation by the workers of a storage: each fold is done once, wherever."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from edgelstm import records
from edgelstm.judging import Evaluation, Figure
from edgelstm.search.desk import Desk, tally
from edgelstm.search.locks import new_worker
from edgelstm.search.plan import by_key
from edgelstm.search.processes import side_by_side
from edgelstm.search.storage import Storage, opened, told
from edgelstm.search.study import join
from edgelstm.training.crossvalidation import Folding, Outcome

_FOLD, _OUTCOME = "fold", "outcome"
_MOST_FOLDS = 1 << 20
_WAIT_SECONDS = 0.5


@dataclass(frozen=True, eq=False)
class ToldEvaluation(Evaluation):
    """An evaluation as a storage kept it."""

    answers: int
    told: tuple[Figure, ...]
    first: int  # place of the headline among them
    values: dict[str, Any]

    @property
    def count(self) -> int:
        return self.answers

    @property
    def headline(self) -> Figure:
        return self.told[self.first]

    def figures(self) -> Sequence[Figure]:
        return self.told

    def to_json(self) -> dict[str, Any]:
        return self.values


def _kept(one: Evaluation) -> dict[str, Any]:
    """An evaluation for a storage."""
    figures = list(one.figures())
    names = [figure.name for figure in figures]
    return {
        "precision": one.precision,
        "streamed": one.streamed,
        "answers": one.count,
        "told": [records.to_json(figure) for figure in figures],
        "first": names.index(one.headline.name),
        "values": one.to_json(),
    }


def crossvalidate_by(
    folding: Folding,
    where: str,
    study: str,
    jobs: int,
    threads: int,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """The outcomes of all folds, in their order, by `jobs` processes here and whoever else joins the study at the
    storage `where`. threads: of each process. on_outcome: called as each is there. ValueError, one line, where the
    study there is of another recipe, other data or other folds."""
    seen: set[int] = set()
    with opened(where) as storage, told(where):
        desk = _desk(folding, storage, study, "")

        def note() -> None:
            for number, outcome in _outcomes(folding, desk).items():
                if number not in seen and on_outcome:
                    on_outcome(outcome)
                seen.add(number)

        if jobs == 1:
            _work(folding, where, study, note)
        else:
            side_by_side(partial(_work, folding, where, study), jobs, threads, note)
        found = _outcomes(folding, desk)
        return [found[number] for number in range(len(folding.names))]


def _nothing() -> None:
    pass


def _work(folding: Folding, where: str, study: str, note: Callable[[], None] = _nothing) -> None:
    """Until all folds are done, by whomever."""
    worker = new_worker()
    with opened(where) as storage, told(where), storage.locks.living(worker):
        desk = _desk(folding, storage, study, worker)
        desk.post([{_FOLD: number} for number in range(len(folding.names))])
        while tally(desk.trials()).done < len(folding.names):
            trial = desk.claim(0)
            if trial is None:
                time.sleep(_WAIT_SECONDS)
            else:
                outcome = folding.run(trial.suggest_int(_FOLD, 0, _MOST_FOLDS))
                kept = [_kept(one) for one in outcome.evaluations]
                desk.bring(trial, [0.0], {_OUTCOME: kept})
            note()


def _desk(folding: Folding, storage: Storage, study: str, worker: str) -> Desk:
    recipe = folding.config.to_json()
    recipe["data"].pop("file")
    identity = {
        "recipe": by_key(recipe),
        "data": folding.data,
        "number of folds": {"": "one for each group" if folding.by_groups else f"{folding.count}"},
    }
    return Desk(join(storage, f"{study}, folds", ["maximize"], identity), storage, worker)


def _outcomes(folding: Folding, desk: Desk) -> dict[int, Outcome]:
    """Those that are there, by the numbers of their folds."""
    found = {}
    for trial in desk.trials():
        if trial.state.name == "COMPLETE" and _OUTCOME in trial.user_attrs:
            number, told_of = trial.params.get(_FOLD), trial.user_attrs[_OUTCOME]
            if not (isinstance(number, int) and 0 <= number < len(folding.names) and isinstance(told_of, list)):
                raise ValueError(f"--storage: damaged: trial {trial.number}: no fold, expected a new storage")
            evaluations = tuple(records.from_json(ToldEvaluation, one, f"fold {number}") for one in told_of)
            found[number] = Outcome(folding.names[number], evaluations)
    return found
