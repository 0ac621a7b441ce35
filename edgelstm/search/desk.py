"""The desk where workers take trials, and bring back what came of them: none is lost, none counted twice.

Everything that decides happens in turn, one worker after the other. Who took a trial is written on it. A trial whose
worker is dead is put out again, with the same parameters, and the old one is closed; what a worker brings back that
was taken for dead is left aside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgelstm.search.storage import Storage, quiet

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

WORKER, AGAIN, LOST, REFUSED, EXCESS = "worker", "again", "lost", "refused", "excess"
"""Attributes of a trial: who took it; the number of that which it repeats; whom it was lost with; why it was never
trained; by what share that breaks its budgets, so that those are tried that break them less."""


@dataclass(frozen=True)
class Tally:
    """How far a study is."""

    done: int  # trials that were trained, or cut short
    cut: int  # of these
    refused: int
    lost: int  # whose worker died; each was put out again
    taken: int  # somebody is at work on them
    waiting: int  # put out


def tally(trials: Sequence[FrozenTrial]) -> Tally:
    states = [trial.state.name for trial in trials]
    done = [trial for trial in trials if is_done(trial)]
    return Tally(
        done=len(done),
        cut=sum(trial.state.name == "PRUNED" for trial in done),
        refused=sum(map(is_refused, trials)),
        lost=sum(LOST in trial.user_attrs for trial in trials),
        taken=states.count("RUNNING"),
        waiting=states.count("WAITING"),
    )


def is_done(trial: FrozenTrial) -> bool:
    """Whether it counts."""
    return trial.state.name in ("COMPLETE", "PRUNED") and not is_refused(trial)


def is_refused(trial: FrozenTrial) -> bool:
    return REFUSED in trial.user_attrs


class Desk:
    """Of one study, for the worker of that name."""

    def __init__(self, study: Study, storage: Storage, worker: str) -> None:
        self._study, self._storage, self._locks, self._worker = study, storage.optuna, storage.locks, worker

    @property
    def study(self) -> Study:
        return self._study

    def trials(self) -> list[FrozenTrial]:
        found: list[FrozenTrial] = self._study.get_trials(deepcopy=False)
        return found

    def post(self, jobs: Sequence[Mapping[str, Any]]) -> None:
        """Put out trials of these parameters, but for those that are there already."""
        with self._turn():
            known = [trial.system_attrs.get("fixed_params") for trial in self.trials()]
            for job in jobs:
                if dict(job) not in known:
                    self._study.enqueue_trial(dict(job))

    def claim(
        self,
        most: int,
        prepare: Callable[[Sequence[FrozenTrial]], bool] | None = None,
        distributions: Mapping[str, BaseDistribution] | None = None,
    ) -> Trial | None:
        """A trial to work on: one that is put out, or a new one where fewer than `most` are done or taken; None where
        there is none now. prepare: called with the trials there are before one is given; False where a new one
        cannot be. distributions: of what it chooses, which others then see."""
        with self._turn():
            trials = self._put_out_lost()
            now = tally(trials)
            has_more = prepare is None or prepare(trials)
            if not now.waiting and (now.done + now.taken >= most or not has_more):
                return None
            with quiet():
                trial = self._study.ask(dict(distributions or {}))
            trial.set_user_attr(WORKER, self._worker)
            return trial

    def bring(
        self, trial: Trial, values: Sequence[float] | None, attributes: Mapping[str, object], refused: bool = False
    ) -> bool:
        """What came of a trial: its values; or, without, that it was cut short or `refused`. False where it had been
        taken for lost, and somebody else has it."""
        from optuna.trial import TrialState

        with self._turn():
            held = self._storage.get_trial(self._id(trial.number))
            if held.state != TrialState.RUNNING or held.user_attrs.get(WORKER) != self._worker:
                return False
            for name, value in attributes.items():
                trial.set_user_attr(name, value)
            assert not refused or REFUSED in attributes
            with quiet():
                self._study.tell(trial, values, TrialState.PRUNED if values is None else TrialState.COMPLETE)
            return True

    def _put_out_lost(self) -> list[FrozenTrial]:
        """The trials, as they are then."""
        trials = self.trials()
        lost = [trial for trial in trials if trial.state.name == "RUNNING" and self._is_lost(trial)]
        for trial in lost:
            self._put_out(trial, trials)
        return self.trials() if lost else trials

    def _is_lost(self, trial: FrozenTrial) -> bool:
        """A trial without a worker was lost between two steps of `claim`, which only one does at a time."""
        worker = trial.user_attrs.get(WORKER)
        return worker is None or (worker != self._worker and not self._locks.lives(str(worker)))

    def _put_out(self, trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> None:
        """First the new one, then the old one is closed: killed between the two, the next sees that it is there."""
        from optuna.trial import TrialState

        parameters = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        is_out = any(other.user_attrs.get(AGAIN) == trial.number for other in trials)
        if parameters and not is_out:
            self._study.enqueue_trial(parameters, {AGAIN: trial.number})
        self._mark(trial.number, LOST, str(trial.user_attrs.get(WORKER, "")))
        self._study.tell(trial.number, state=TrialState.FAIL)

    def _mark(self, number: int, name: str, value: str) -> None:
        """An attribute of a trial that somebody else took."""
        self._storage.set_trial_user_attr(self._id(number), name, value)

    def _id(self, number: int) -> int:
        study = self._storage.get_study_id_from_name(self._study.study_name)
        found: int = self._storage.get_trial_id_from_study_id_trial_number(study, number)
        return found

    def _turn(self) -> AbstractContextManager[object]:
        return self._locks.turn(self._study.study_name)
