"""What to try next: TPE's proposal, and nothing twice. Imported where Optuna is."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial

from edgelstm.search.desk import EXCESS, LOST
from edgelstm.search.space import Space
from edgelstm.search.storage import quiet

_STARTUP = 8  # trials by chance
_ASKED = 10  # proposals, and as many combinations by chance, before those left are gone through

Place = tuple[float, ...]
"""Of a combination: where each of its values is among those that are tried."""


def tried(space: Space, trials: Sequence[FrozenTrial]) -> set[Place]:
    """The combinations that were tried, or refused, or that somebody is at, or that are put out."""
    found = set()
    for trial in trials:
        chosen = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        if LOST not in trial.user_attrs and len(chosen) == len(space.knobs):
            found.add(_place(space, chosen))
    return found


def is_exhausted(space: Space, known: Collection[Place]) -> bool:
    """Whether nothing is left to propose. known: the combinations that were tried."""
    return space.count is not None and len(known) >= space.count


def _place(space: Space, chosen: Mapping[str, Any]) -> Place:
    return tuple(knob.place(chosen[knob.name]) for knob in space.knobs)


class Proposals(TPESampler):  # type: ignore[misc]  # its types are not known
    """TPE, which knows what was refused and takes what others are at for no better than the worst. What it proposes
    again is passed over, for another combination by chance at the last."""

    def __init__(self, space: Space, seed: int, known: Collection[Place] = ()) -> None:
        """seed: another one for each trial, or processes would try the same. known: combinations that were tried."""
        with quiet():
            super().__init__(
                n_startup_trials=_STARTUP, constraints_func=_excess, constant_liar=True, multivariate=True, seed=seed
            )
        self._space, self._known, self._chance = space, known, np.random.default_rng(seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        del study, trial
        return {name: one for name, one in self._space.distributions().items() if not one.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        fixed = trial.system_attrs.get("fixed_params", {})
        if len(fixed) == len(self._space.knobs):
            return {}
        for found in self._proposed(study, trial, search_space):
            if _place(self._space, {**found, **fixed}) not in self._known:
                break
        return {name: found[name] for name in search_space}

    def _proposed(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Iterator[dict[str, Any]]:
        """Whole combinations, the likeliest first; all that there are, where there is an end of them."""
        for _ in range(_ASKED):
            yield self._by_chance() | super().sample_relative(study, trial, search_space)
        for _ in range(_ASKED):
            yield self._by_chance()
        counts = [knob.count for knob in self._space.knobs]
        if None not in counts:
            for places in itertools.product(*(range(count or 0) for count in counts)):
                yield {knob.name: knob.at(place) for knob, place in zip(self._space.knobs, places, strict=True)}

    def _by_chance(self) -> dict[str, Any]:
        return {knob.name: knob.by_chance(self._chance) for knob in self._space.knobs}


def _excess(trial: FrozenTrial) -> list[float]:
    return [float(trial.user_attrs.get(EXCESS, 0.0))]
