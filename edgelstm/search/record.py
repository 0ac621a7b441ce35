"""What came of a search, as it is kept and shown."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import edgelstm
from edgelstm.search.desk import AGAIN, LOST, REFUSED, WORKER, Tally, is_done, tally
from edgelstm.search.finalists import Finalist
from edgelstm.search.measured import Measured
from edgelstm.search.space import Space
from edgelstm.search.worker import COSTS, EPOCHS, FAILED, SCORE, SECONDS

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_LEAST_TOLD = 8  # whole trials that tell what matters


@dataclass(frozen=True)
class TrialRecord:
    number: int
    how: str  # whole, cut short, refused, failed, lost, at work, waiting
    chosen: dict[str, object]  # as recipes have it
    value: float | None  # as of `Quality`
    merit: float | None  # what trials are compared by
    is_share: bool
    costs: dict[str, float | None]
    epochs: int
    seconds: float
    why: str  # it was refused, or failed
    worker: str
    again: int | None  # the number of the trial that it repeats


@dataclass(frozen=True)
class Heavy:
    """A finalist whose trained model breaks a budget that it was told to keep."""

    trial: int
    broken: tuple[str, ...]  # as "model_size 64.1 KiB, at most 64.0 KiB"


@dataclass(frozen=True)
class SearchRecord:
    edgelstm: str
    study: str
    figure: str  # what is held out is judged by
    is_share: bool
    objective: str
    board: str | None
    budgets: dict[str, str]
    tally: Tally
    epochs: int  # that were trained for trials
    trials: tuple[TrialRecord, ...]
    front: tuple[int, ...]  # numbers: the most accurate first, each cheaper than all before it
    matters: dict[str, float]  # of what is tried, by its share of what accuracy differs by
    finalists: tuple[Finalist, ...]
    winner: int | None
    run: int  # of the winner: 0, or so many seeds further on
    measured: tuple[Measured, ...]  # finalists on the board that was at hand; those that break a budget fell out
    heavy: tuple[Heavy, ...]  # finalists that were trained to the end, and fell out; the winner where all did
    model: dict[str, Any] | None  # of the winner: its costs, and its evaluations on the test part


def trial_record(trial: FrozenTrial, space: Space) -> TrialRecord:
    found, score = trial.user_attrs, trial.user_attrs.get(SCORE) or {}
    whole = len(trial.params) == len(space.knobs)
    return TrialRecord(
        trial.number,
        _how(trial),
        space.read(trial.params) if whole else {},
        score.get("value"),
        score.get("merit"),
        bool(score.get("is_share")),
        found.get(COSTS) or {},
        int(found.get(EPOCHS, 0)),
        float(found.get(SECONDS, 0.0)),
        str(found.get(REFUSED, found.get(FAILED, ""))),
        str(found.get(WORKER, "")),
        found.get(AGAIN),
    )


def _how(trial: FrozenTrial) -> str:
    found = trial.user_attrs
    for name, how in ((LOST, "lost"), (REFUSED, "refused"), (FAILED, "failed")):
        if name in found:
            return how
    known = {"COMPLETE": "whole", "PRUNED": "cut short", "RUNNING": "at work", "WAITING": "waiting"}
    return known.get(trial.state.name, "lost")


def record(
    study: Study,
    space: Space,
    about: dict[str, Any],
    finalists: tuple[Finalist, ...] = (),
    model: dict[str, Any] | None = None,
    measured: tuple[Measured, ...] = (),
    heavy: tuple[Heavy, ...] = (),
) -> SearchRecord:
    """about: objective, board and budgets. finalists: the winner first. Others: as `SearchRecord` has them."""
    trials = study.get_trials(deepcopy=False)
    records = tuple(trial_record(trial, space) for trial in trials)
    scores = [trial.user_attrs[SCORE] for trial in trials if trial.user_attrs.get(SCORE)]
    return SearchRecord(
        edgelstm.__version__,
        study.study_name,
        str(scores[0]["shown"]) if scores else "accuracy",
        bool(scores and scores[0]["is_share"]),
        **about,
        tally=tally(trials),
        epochs=sum(one.epochs for one in records),
        trials=records,
        front=cheaper(records, _cost(about)),
        matters=_matters(study),
        finalists=finalists,
        winner=finalists[0].trial if finalists else None,
        run=finalists[0].best_run if finalists else 0,
        measured=measured,
        heavy=heavy,
        model=model,
    )


def _cost(about: dict[str, Any]) -> str:
    """What accuracy is weighed against: as the objective says, else a frame's time where a board tells it."""
    said = str(about["objective"]).partition(", ")[2]
    return said or ("latency_p50" if about["board"] else "model_size")


def cheaper(trials: Sequence[TrialRecord], name: str) -> tuple[int, ...]:
    """Numbers of whole trials, the most accurate first, whose cost of that name is less than that of all before
    them."""
    whole = [
        (-trial.merit, trial.number, trial) for trial in trials if trial.how == "whole" and trial.merit is not None
    ]
    found, least = [], float("inf")
    for _, number, trial in sorted(whole, key=lambda one: one[:2]):
        cost = trial.costs.get(name) or 0.0
        if cost < least:
            found.append(number)
            least = cost
    return tuple(found)


def _matters(study: Study) -> dict[str, float]:
    """PED-ANOVA, which needs no other package; nothing where there are too few trials to tell."""
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    whole = [trial for trial in study.get_trials(deepcopy=False) if is_done(trial) and trial.state.name == "COMPLETE"]
    if len(whole) < _LEAST_TOLD:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dict(
                get_param_importances(
                    study, evaluator=PedAnovaImportanceEvaluator(), target=lambda trial: trial.values[0]
                )
            )
        except (ValueError, RuntimeError):  # where all came to the same, say
            return {}
