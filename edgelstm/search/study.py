"""The study of a search, begun or joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgelstm.search.storage import Storage, quiet

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner

Identity = Mapping[str, Mapping[str, str]]
"""What it is called for people → key → value; a thing of one value has it by an empty key."""

_IDENTITY = "edgelstm"
_TOLD, _MOST_LETTERS = 2, 40  # of what differs
_KEPT = 3  # one of so many goes on
_FIRST_LOOK = 10  # at one of so many parts of the epochs


def join(
    storage: Storage,
    name: str,
    directions: Sequence[str],
    identity: Identity,
    starts: Sequence[Mapping[str, Any]] = (),
) -> Study:
    """The study of that name, made where there is none. ValueError, one line, where it is of something else.

    identity: what all who join have to have the same. starts: parameters of the first trials; others are chosen at
    random where some lack.
    """
    import optuna

    with storage.locks.turn(name), quiet():
        study = optuna.create_study(
            storage=storage.optuna, study_name=name, directions=list(directions), load_if_exists=True
        )
        known = study.user_attrs.get(_IDENTITY)
        if known is None:
            is_new = not study.get_trials(deepcopy=False)
            for one in starts:
                if is_new and one:
                    study.enqueue_trial(dict(one))
            study.set_user_attr(_IDENTITY, {what: dict(values) for what, values in identity.items()})
    if known is not None and (differs := differences(known, identity)):
        raise ValueError(
            f"--storage {storage.shown}: study {name!r} is of another {', '.join(differs)}; expected the same, or "
            "--study with a new name"
        )
    return study


def differences(then: object, now: Identity) -> list[str]:
    """What is another, the first of it as "recipe (training.epochs 1 then, 3 now)"."""
    found = []
    for what, values in now.items():
        before = then.get(what) if isinstance(then, Mapping) else None
        if not isinstance(before, Mapping):
            found.append(what)
        elif keys := [key for key in {**before, **values} if before.get(key) != values.get(key)]:
            told = [
                f"{key} {_cut(before.get(key))} then, {_cut(values.get(key))} now".lstrip() for key in keys[:_TOLD]
            ]
            more = f"; {len(keys) - _TOLD} more" if len(keys) > _TOLD else ""
            found.append(f"{what} ({'; '.join(told)}{more})" if len(found) < _TOLD else what)
    return found


def _cut(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"


def pruner(epochs: int) -> BasePruner:
    """Asynchronous successive halving: at a tenth of the epochs, and again at each three times as many, a trial goes
    on where it is among the best third of all that came so far, and ends where it is not."""
    from optuna.pruners import SuccessiveHalvingPruner

    return SuccessiveHalvingPruner(min_resource=max(epochs // _FIRST_LOOK, 1), reduction_factor=_KEPT)
