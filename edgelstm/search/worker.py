"""A worker: takes trials from the desk and trains them, until all are done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from edgelstm.data.dataset import Dataset
from edgelstm.search.costs import broken, costs, excess
from edgelstm.search.desk import REFUSED, Desk, tally
from edgelstm.search.plan import Plan, Recordings
from edgelstm.search.space import Space
from edgelstm.search.study import EXCESS, pruner, sampler
from edgelstm.training.checkpoint import Epoch
from edgelstm.training.config import Config
from edgelstm.training.trainer import train

if TYPE_CHECKING:
    from optuna import Trial

COSTS, EPOCHS, SCORE, FAILED, SECONDS = "costs", "epochs", "score", "failed", "seconds"
"""Attributes of a trial: what the model costs; epochs that were trained; what the best of them came to, as a figure;
why training fell apart; how long it took."""

_WAIT_SECONDS = 0.5
_MOST_REFUSED = 200  # in a row

Told = Callable[[], None]


class _CutError(Exception):
    """The trial is no good."""


@dataclass(frozen=True)
class Quality:
    """What a run came to."""

    value: float  # the higher the better
    shown: str  # of the held-out part, for people
    is_share: bool


def quality(epoch: Epoch) -> Quality:
    """A share that is right, of what is held out, where the task tells one; else the loss there, below zero."""
    score = epoch.score
    if score is not None and score.is_share:
        return Quality(score.value or 0.0, score.name, True)
    assert epoch.validation_loss is not None  # every plan holds something out
    return Quality(-epoch.validation_loss, "loss", False)


class Worker:
    """Of the first part of a search: its trials."""

    def __init__(self, plan: Plan, recordings: Recordings, space: Space, desk: Desk) -> None:
        self._plan, self._recordings, self._space, self._desk = plan, recordings, space, desk
        self._board = plan.profile()
        self._refused = 0  # in a row

    def run(self, told: Told) -> None:
        """Until as many trials are done as the plan has. told: called now and then."""
        self._desk.study.pruner = pruner(self._plan.config().training.epochs)
        while True:
            trial = self._desk.claim(self._plan.trials, self._seed)
            if trial is not None:
                self._try(trial, told)
            elif tally(self._desk.trials()).done >= self._plan.trials:
                return
            else:  # a worker of the last trials may die
                time.sleep(_WAIT_SECONDS)
            told()

    def _seed(self, number: int) -> None:
        self._desk.study.sampler = sampler(self._plan.config().training.seed % (1 << 31) + number)

    def _try(self, trial: Trial, told: Told) -> None:
        chosen = self._space.suggest(trial)
        try:
            config = self._plan.config(chosen)
            train_set = self._recordings.train_set(config)
            found = costs(config, train_set, self._board)
        except ValueError as error:
            self._refuse(trial, str(error), 1.0, {})
            return
        if lines := broken(found, self._plan.budgets):
            self._refuse(trial, "; ".join(lines), excess(found, self._plan.budgets), {COSTS: asdict(found)})
            return
        self._refused = 0
        self._train(trial, config, train_set, {COSTS: asdict(found)}, told)

    def _refuse(self, trial: Trial, why: str, share: float, more: dict[str, object]) -> None:
        self._desk.bring(trial, None, {REFUSED: why, EXCESS: max(share, 1e-6), **more}, refused=True)
        self._refused += 1
        if self._refused >= _MOST_REFUSED:
            raise ValueError(
                f"{_MOST_REFUSED} models in a row are refused, the last for {why}; expected wider budgets, or "
                "smaller models in [search]"
            )

    def _train(self, trial: Trial, config: Config, train_set: Dataset, known: dict[str, object], told: Told) -> None:
        history: list[Epoch] = []

        def note(epoch: Epoch) -> None:
            history.append(epoch)
            told()
            if self._plan.against is None:
                trial.report(quality(epoch).value, epoch.number)
                if epoch.number < epoch.epochs and trial.should_prune():
                    raise _CutError

        began = time.monotonic()
        values: list[float] | None = None
        try:
            train(train_set, config, note)
            values = self._values(history, known)
        except _CutError:
            pass
        except ValueError as error:
            known[FAILED] = str(error)
        known |= {EPOCHS: len(history), SECONDS: round(time.monotonic() - began, 3)}
        if kept := [epoch for epoch in history if epoch.best]:
            known[SCORE] = asdict(quality(kept[-1]))
        self._desk.bring(trial, values, known)

    def _values(self, history: list[Epoch], known: dict[str, object]) -> list[float]:
        kept = next(epoch for epoch in reversed(history) if epoch.best)
        values = [quality(kept).value]
        if self._plan.against is not None:
            found = known[COSTS]
            assert isinstance(found, dict)
            values.append(float(found[self._plan.against]))
        return values
