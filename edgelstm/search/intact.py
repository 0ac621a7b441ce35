"""Whether what a storage holds of a search is whole: it may be damaged, or anybody's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgelstm import records
from edgelstm.search.costs import Costs
from edgelstm.search.desk import AGAIN, EXCESS, REFUSED, is_done
from edgelstm.search.merit import Quality
from edgelstm.search.space import Space
from edgelstm.search.worker import COSTS, EPOCHS, FAILED, SCORE, SECONDS

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_KINDS: dict[str, type | tuple[type, ...]] = {
    AGAIN: int,
    EPOCHS: int,
    EXCESS: (int, float),
    SECONDS: (int, float),
    REFUSED: str,
    FAILED: str,
}


def check_trials(study: Study, space: Space, storage: str) -> None:
    """ValueError, one line, for a trial that no worker would have written. storage: as people know it."""
    for place, trial in enumerate(study.get_trials(deepcopy=False)):
        try:
            if trial.number != place:
                raise ValueError(f"number {trial.number}")
            _check(trial, space, len(study.directions))
        except ValueError as error:
            said = " ".join(str(error).split())[:120]
            raise ValueError(f"--storage {storage}: damaged: trial {place}: {said}; expected a new one") from None


def _check(trial: FrozenTrial, space: Space, directions: int) -> None:
    found = trial.user_attrs
    for name, kind in _KINDS.items():
        if name in found and (not isinstance(found[name], kind) or isinstance(found[name], bool)):
            raise ValueError(f"{name}: {str(found[name])[:40]!r}")
    for name, record in ((SCORE, Quality), (COSTS, Costs)):
        if found.get(name) is not None:
            records.from_json(record, found[name], name)
    fixed = trial.system_attrs.get("fixed_params", {})
    if not isinstance(fixed, dict):
        raise ValueError("fixed_params")
    names = {knob.name for knob in space.knobs}
    if not (names >= set(fixed) and names >= set(trial.params)):
        raise ValueError("parameters that the search does not have")
    try:
        for knob in space.knobs:
            for held in (given[knob.name] for given in (fixed, trial.params) if knob.name in given):
                knob.place(held)
    except (TypeError, ValueError):
        raise ValueError(f"{knob.name}: none of its values") from None
    if is_done(trial) and (set(trial.params) != names or EPOCHS not in found or COSTS not in found):
        raise ValueError("without parameters, costs or epochs")
    if trial.state.name == "COMPLETE":
        values = trial.values
        if SCORE not in found or len(values) != directions or not all(map(math.isfinite, values)):
            raise ValueError("without its score")
