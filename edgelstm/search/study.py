"""The study of a search, begun or joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgelstm.search.storage import Storage, quiet

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

EXCESS = "excess"
"""Attribute: by what share a refused model breaks its budgets, so that those are tried that break them less."""

_IDENTITY = "edgelstm"
_STARTUP = 8  # trials by chance
_WATCHED = 4  # whole trials before any is cut short


def join(
    storage: Storage, name: str, directions: Sequence[str], identity: Mapping[str, str], first: Mapping[str, Any]
) -> Study:
    """The study of that name, made where there is none. ValueError, one line, where it is of something else.

    first: parameters of the first trial; others are chosen at random where some lack.
    """
    import optuna

    with storage.locks.turn(name), quiet():
        study = optuna.create_study(
            storage=storage.optuna, study_name=name, directions=list(directions), load_if_exists=True
        )
        known = study.user_attrs.get(_IDENTITY)
        if known is None:
            if first and not study.get_trials(deepcopy=False):
                study.enqueue_trial(dict(first))
            study.set_user_attr(_IDENTITY, dict(identity))
    if known is not None and known != dict(identity):
        differs = [what for what in identity if not isinstance(known, dict) or known.get(what) != identity[what]]
        raise ValueError(
            f"--storage {storage.shown}: study {name!r} is of another {', '.join(differs)}; expected the same, or "
            "--study with a new name"
        )
    return study


def sampler(seed: int) -> BaseSampler:
    """TPE, which knows what was refused and takes what others are at for no better than the worst. seed: another one
    for each trial, or processes would try the same."""
    from optuna.samplers import TPESampler

    with quiet():
        return TPESampler(
            n_startup_trials=_STARTUP, constraints_func=_excess, constant_liar=True, multivariate=True, seed=seed
        )


def _excess(trial: FrozenTrial) -> list[float]:
    return [float(trial.user_attrs.get(EXCESS, 0.0))]


def pruner(epochs: int) -> BasePruner:
    """Trials end that are worse than the median of what others had come to by the same epoch."""
    from optuna.pruners import MedianPruner

    return MedianPruner(n_startup_trials=_WATCHED, n_warmup_steps=max(epochs // 5, 1))
