"""What each process of a search does, from the first trial to the last finalist."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgelstm.search.checks import check_values
from edgelstm.search.desk import Desk
from edgelstm.search.finalists import Finals, candidates
from edgelstm.search.intact import check_trials
from edgelstm.search.locks import new_worker
from edgelstm.search.plan import Plan, Recordings, identity, space_of
from edgelstm.search.space import Space
from edgelstm.search.storage import Storage, opened, told
from edgelstm.search.study import join
from edgelstm.search.worker import Worker

if TYPE_CHECKING:
    from optuna import Study


_BEGUN = 4  # one of so many trials is the recipe's own in another shape


@dataclass(frozen=True, eq=False)
class Search:
    """A plan with all that it works on."""

    plan: Plan
    recordings: Recordings
    space: Space
    storage: Storage
    study: Study

    def finals(self, worker: str) -> Finals:
        """ValueError where no trial came to its end."""
        chosen = candidates(self.study, self.plan.finalists)
        return Finals(self.plan, self.recordings, self.space, self.storage, worker, chosen)


@contextmanager
def joined(plan: Plan) -> Iterator[Search]:
    """The plan's search, begun where it is not, as long as it is used. Errors as of `opened` and `join`; ValueError
    for a recipe that cannot be searched."""
    recordings = Recordings(plan)
    space = space_of(plan, recordings)
    check_values(space, plan)
    recordings.train_set(plan.config())
    starts = space.starts(plan.config(), plan.trials // _BEGUN)
    with opened(plan.storage) as storage, told(plan.storage):
        study = join(storage, plan.study, plan.directions, identity(plan, recordings, space), starts)
        check_trials(study, space, storage.shown)
        yield Search(plan, recordings, space, storage, study)


def _nothing() -> None:
    pass


def work(plan: Plan, note: Callable[[], None] = _nothing) -> None:
    """Until the search is at its end, by whomever. note: called now and then."""
    worker = new_worker()
    with joined(plan) as search, search.storage.locks.living(worker):
        desk = Desk(search.study, search.storage, worker)
        Worker(plan, search.recordings, search.space, desk).run(note)
        search.finals(worker).run(note)
