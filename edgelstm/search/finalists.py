"""The best few once more: each trained with several seeds, so that luck does not choose."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from edgelstm import records
from edgelstm.plain import counted
from edgelstm.search.desk import REFUSED, Desk, is_done, is_refused, tally
from edgelstm.search.merit import Quality, quality
from edgelstm.search.plan import Plan, Recordings
from edgelstm.search.space import Space
from edgelstm.search.storage import Storage
from edgelstm.search.study import join
from edgelstm.search.worker import EPOCHS, SCORE
from edgelstm.training.checkpoint import Epoch
from edgelstm.training.trainer import train

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

_TRIAL, _RUN = "trial", "run"
_MOST = 1 << 30  # of both
_WAIT_SECONDS = 0.5

Runs = dict[int, Quality]
"""Of a finalist, by their numbers."""


@dataclass(frozen=True)
class Finalist:
    """A recipe with what each of its runs came to on what they held out."""

    trial: int
    values: tuple[float, ...]  # of run 0, 1, …, for people, as of `Quality`
    merits: tuple[float, ...]  # what they are compared by
    margins: tuple[float, ...]  # the same less what all finalists came to in that run, which holds out others

    @property
    def mean(self) -> float:
        return fmean(self.values)

    @property
    def merit(self) -> float:
        return fmean(self.merits)

    @property
    def best_run(self) -> int:
        return max(range(len(self.margins)), key=lambda run: self.margins[run])


def front(study: Study) -> list[FrozenTrial]:
    """Whole trials, the most accurate first; of a search for two things those that none is better than in both."""
    if len(study.directions) > 1:
        found = [trial for trial in study.best_trials if is_done(trial)]
    else:
        found = [trial for trial in study.get_trials(deepcopy=False) if is_done(trial)]
    whole = [trial for trial in found if trial.state.name == "COMPLETE"]
    return sorted(whole, key=lambda trial: (-trial.values[0], trial.number))


def candidates(study: Study, most: int) -> list[FrozenTrial]:
    """The `most` first of `front`, each recipe once. ValueError where no trial came to its end."""
    found: list[FrozenTrial] = []
    for trial in front(study):
        if all(trial.params != other.params for other in found):
            found.append(trial)
    if not found:
        refused = [trial.user_attrs[REFUSED] for trial in study.get_trials(deepcopy=False) if is_refused(trial)]
        why = f": {counted(len(refused), 'model')} refused, the last for {refused[-1]}" if refused else ""
        raise ValueError(f"study {study.study_name!r}: no trial came to its end, expected one to be a model{why}")
    return found[:most]


class Finals:
    """The second part of a search: a job for each further seed of each finalist, at a desk of its own."""

    def __init__(
        self,
        plan: Plan,
        recordings: Recordings,
        space: Space,
        storage: Storage,
        worker: str,
        trials: Sequence[FrozenTrial],
    ) -> None:
        self._plan, self._recordings, self._space = plan, recordings, space
        self._trials = {trial.number: trial for trial in trials}
        self._jobs = [{_TRIAL: trial.number, _RUN: run} for trial in trials for run in range(1, plan.seeds)]
        study = join(storage, f"{plan.study}, finalists", ["maximize"], {"search": {"": plan.study}})
        self._desk = Desk(study, storage, worker)

    @property
    def desk(self) -> Desk:
        return self._desk

    def run(self, told: Callable[[], None]) -> None:
        """Until all are done."""
        self._desk.post(self._jobs)
        while not self._ended():
            trial = self._desk.claim(0)
            if trial is None:
                time.sleep(_WAIT_SECONDS)
            else:
                self._work(trial, told)
            told()

    def _ended(self) -> bool:
        now = tally(self._desk.trials())
        return not now.waiting and not now.taken

    def _work(self, trial: Trial, told: Callable[[], None]) -> None:
        number, run = trial.suggest_int(_TRIAL, 0, _MOST), trial.suggest_int(_RUN, 0, _MOST)
        known = self._trials.get(number)
        if known is None:  # of a search that had fewer trials then
            self._desk.bring(trial, None, {})
            return
        history: list[Epoch] = []

        def note(epoch: Epoch) -> None:
            history.append(epoch)
            told()

        config = self._recordings.config(self._space.read(known.params), run)
        reached = None
        try:
            train(self._recordings.train_set(config), config, note)
            found = quality(history)
            reached = found if found.is_finite else None
        except ValueError:  # with this seed it falls apart: no better than nothing
            pass
        values, told_of = (None, {}) if reached is None else ([reached.merit], {SCORE: asdict(reached)})
        self._desk.bring(trial, values, {EPOCHS: len(history), **told_of})

    def results(self) -> list[Finalist]:
        """The best first; those alone whose runs all came to their ends, where there is one."""
        found: dict[int, Runs] = {number: {0: _told(trial)} for number, trial in self._trials.items()}
        for trial in self._desk.trials():
            number, run = trial.params.get(_TRIAL), trial.params.get(_RUN)
            is_whole = trial.state.name == "COMPLETE" and isinstance(run, int) and SCORE in trial.user_attrs
            if is_whole and number in found and run < self._plan.seeds:
                found[number][run] = _told(trial)
        whole = {n: runs for n, runs in found.items() if len(runs) == self._plan.seeds}
        return _ranked(whole or {n: {0: runs[0]} for n, runs in found.items()})


def _told(trial: FrozenTrial) -> Quality:
    return records.from_json(Quality, trial.user_attrs[SCORE], SCORE)


def _ranked(found: dict[int, Runs]) -> list[Finalist]:
    runs = sorted(next(iter(found.values())))
    means = {run: fmean(of[run].merit for of in found.values()) for run in runs}
    finalists = []
    for number, of in found.items():
        values, merits = tuple(of[run].value for run in runs), tuple(of[run].merit for run in runs)
        finalists.append(Finalist(number, values, merits, tuple(of[run].merit - means[run] for run in runs)))
    return sorted(finalists, key=lambda one: (-one.merit, one.trial))
