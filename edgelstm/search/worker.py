"""A worker: takes trials from the desk and trains them, until all are done."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from edgelstm.data.dataset import Dataset
from edgelstm.search.costs import broken, costs, excess
from edgelstm.search.desk import EXCESS, REFUSED, Desk, is_done, is_refused, tally
from edgelstm.search.merit import quality
from edgelstm.search.plan import Plan, Recordings
from edgelstm.search.space import Space
from edgelstm.search.study import pruner
from edgelstm.training.checkpoint import Epoch
from edgelstm.training.config import Config
from edgelstm.training.trainer import train

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.trial import FrozenTrial

COSTS, EPOCHS, SCORE, FAILED, SECONDS = "costs", "epochs", "score", "failed", "seconds"
"""Attributes of a trial: what the model costs; epochs that were trained; what the best of them came to, as a figure;
why training fell apart; how long it took."""

_WAIT_SECONDS = 0.5
_MOST_REFUSED = 100  # in a row

Told = Callable[[], None]


class _CutError(Exception):
    """The trial is no good."""


def refused_in_a_row(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The newest, as far back as no model was trained."""
    newest = itertools.takewhile(lambda trial: not is_done(trial), reversed(trials))
    return [trial for trial in newest if is_refused(trial)]


def wanted(plan: Plan, space: Space) -> int:
    """Models to train: no more than there are to try."""
    return plan.trials if space.count is None else min(plan.trials, space.count)


class Worker:
    """Of the first part of a search: its trials."""

    def __init__(self, plan: Plan, recordings: Recordings, space: Space, desk: Desk) -> None:
        self._plan, self._recordings, self._space, self._desk = plan, recordings, space, desk
        self._board = plan.profile()

    def run(self, told: Told) -> None:
        """Until as many trials are done as the plan has, or nothing is left to try. told: called now and then."""
        from edgelstm.search.proposing import is_exhausted, tried

        self._desk.study.pruner = pruner(self._plan.config().training.epochs)
        while True:
            trial = self._desk.claim(self._plan.trials, self._prepare, self._space.distributions())
            if trial is not None:
                self._try(trial, told)
                continue
            trials = self._desk.trials()
            now = tally(trials)
            is_idle = not now.taken + now.waiting
            if now.done >= self._plan.trials or (is_idle and is_exhausted(self._space, tried(self._space, trials))):
                return
            time.sleep(_WAIT_SECONDS)  # a worker of the last trials may die
            told()

    def _prepare(self, trials: Sequence[FrozenTrial]) -> bool:
        from edgelstm.search.proposing import Proposals, is_exhausted, tried

        known = tried(self._space, trials)
        seed = self._plan.config().training.seed % (1 << 31) + len(trials)
        self._desk.study.sampler = Proposals(self._space, seed, known)
        return not is_exhausted(self._space, known)

    def _try(self, trial: Trial, told: Told) -> None:
        chosen = self._space.read(trial.params)
        try:
            config = self._plan.config(chosen)
            train_set = self._recordings.train_set(config)
            found = costs(config, train_set, self._board)
        except ValueError as error:
            self._refuse(trial, str(error), 1.0, {})
        else:
            known: dict[str, object] = {COSTS: asdict(found)}
            if lines := broken(found, self._plan.budgets):
                self._refuse(trial, "; ".join(lines), excess(found, self._plan.budgets), known)
            else:
                self._train(trial, config, train_set, known, told)
        told()

    def _refuse(self, trial: Trial, why: str, share: float, more: dict[str, object]) -> None:
        self._desk.bring(trial, None, {REFUSED: why, EXCESS: max(share, 1e-6), **more}, refused=True)
        row = refused_in_a_row(self._desk.trials())
        if len(row) >= _MOST_REFUSED:
            nearest = min(row, key=lambda one: (float(one.user_attrs[EXCESS]), one.number))
            raise ValueError(
                f"{len(row)} models in a row are refused, the nearest for {nearest.user_attrs[REFUSED]}; expected "
                "wider budgets, or smaller models in [search]"
            )

    def _train(self, trial: Trial, config: Config, train_set: Dataset, known: dict[str, object], told: Told) -> None:
        history: list[Epoch] = []

        def note(epoch: Epoch) -> None:
            history.append(epoch)
            told()
            if self._plan.against is None:
                trial.report(quality(history).merit, epoch.number)
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
        if history and (reached := quality(history)).is_finite:
            known[SCORE] = asdict(reached)
        self._desk.bring(trial, values, known)

    def _values(self, history: list[Epoch], known: dict[str, object]) -> list[float]:
        reached = quality(history)
        if not reached.is_finite:
            raise ValueError("its loss on what is held out is not finite")
        values = [reached.merit]
        if self._plan.against is not None:
            found = known[COSTS]
            assert isinstance(found, dict)
            values.append(float(found[self._plan.against]))
        return values
