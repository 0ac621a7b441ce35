"""What a loop's step does with the number of itself: takes the frame of that number, counts on, and asks whether
there are more. Nothing else of it depends on the number, so that one step tells of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

_MOVES = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")
_ASKED: Mapping[str, Callable[..., Any]] = {
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Equal": np.equal,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Not": np.logical_not,
    "Add": np.add,
    "Sub": np.subtract,
}
_MOST_DEEP = 40


class Counting:
    """Of the body of a loop. counters: inputs of the body that number its steps from 0. nexts: their values for the
    step behind. constant: the value of a name that is one, else None."""

    def __init__(self, body: Any, counters: set[str], nexts: set[str], constant: Callable[[str], Any]):
        self.counters, self.constant = counters, constant
        self.makers = {name: one for one in body.node for name in one.output}
        self.asks = body.output[0].name
        self._check(body, nexts)

    def _check(self, body: Any, nexts: set[str]) -> None:
        """ValueError for a node that does something else with a number, or with an answer."""
        numbers, answers = {*self.counters, *nexts}, set[str]()
        for one in body.node:
            taken = [place for place, name in enumerate(one.input) if name in numbers]
            asked = [name for name in one.input if name in answers]
            is_place = one.op_type == "Gather" and taken == [1]
            if (taken or asked) and one.op_type in _MOVES:
                (numbers if taken else answers).update(one.output)
            elif taken and one.op_type in ("Add", "Sub") and numbers.issuperset(one.output):
                continue
            elif (taken or asked) and one.op_type in _ASKED:
                (numbers if one.op_type in ("Add", "Sub") else answers).update(one.output)
            elif (taken or asked) and not is_place:
                raise ValueError(
                    f"{one.op_type} {one.name or one.output[0]!r:.60} computes with the number of the step, expected "
                    "steps that are all alike"
                )
        for value in list(body.output)[1:]:
            if value.name in answers:
                raise ValueError(f"{value.name!r:.60} is whether there are more steps, expected states and frames")

    def steps(self, most: int) -> int:
        """How many are made, up to `most`."""
        for step in range(most):
            if not self._value(self.asks, step):
                return step + 1
        return most

    def _value(self, name: str, step: int, depth: int = 0) -> Any:
        """ValueError for what is not told by constants and the number of the step."""
        if name in self.counters:
            return step
        held, maker = self.constant(name), self.makers.get(name)
        if held is not None:
            return np.asarray(held).reshape(-1)[0] if np.size(held) == 1 else held
        if maker is None or depth > _MOST_DEEP or maker.op_type not in (*_MOVES, *_ASKED):
            raise ValueError("ends by what it computes, expected a step for each frame")
        values = [self._value(one, step, depth + 1) for one in maker.input[: 1 if maker.op_type in _MOVES else 2]]
        return values[0] if maker.op_type in _MOVES else _ASKED[maker.op_type](*values)
