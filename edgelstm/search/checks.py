"""Whether recipes can have what `[search]` names, before anything is tried."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgelstm.model import MAX_LAYERS
from edgelstm.search.plan import Plan
from edgelstm.search.shape import RECURRENT
from edgelstm.search.space import Knob, Space, Value
from edgelstm.search.toml import inline

_TOGETHER = 64  # combinations with the other choices that a value is tried in
_MOST_STACKED = 1 << 16


def check_values(space: Space, plan: Plan) -> None:
    """ValueError, one line, for a value that no recipe takes: alone, or with others of what is tried."""
    for knob in space.knobs:
        for value in knob.ends():
            if why := _shape_refuses(knob.name, value) or _recipe_refuses(space, plan, knob, value):
                raise ValueError(f"{plan.where}: search.{knob.name}: {inline(value)[:60]}: {why}")


def _shape_refuses(name: str, value: object) -> str:
    if name == "kind":
        return "" if value in RECURRENT else f"expected one of {', '.join(RECURRENT)}"
    most = {"layers": MAX_LAYERS - 1, "stack": _MOST_STACKED}.get(name)
    if most is None or (type(value) is int and 1 <= value <= most):
        return ""
    return f"expected a whole number from 1 to {most:,}"


def _recipe_refuses(space: Space, plan: Plan, knob: Knob, value: object) -> str:
    """Why, where no combination that was looked at takes it."""
    why = _refused(plan, {knob.name: value})
    if why:
        rng, others = np.random.default_rng(1), [one for one in space.knobs if one is not knob]
        for _ in range(_TOGETHER if others else 0):
            chosen = {one.name: _one_of(list(one.ends()), rng) for one in others}
            if not _refused(plan, {**chosen, knob.name: value}):
                return ""
    return why


def _one_of(values: list[Value], rng: np.random.Generator) -> Value:
    return values[rng.integers(len(values))]


def _refused(plan: Plan, chosen: Mapping[str, object]) -> str:
    try:
        plan.config(chosen)
    except ValueError as error:
        return str(error)
    return ""
