"""The walk that the arithmetics between integers and floats share: each layer has a twin in numpy, in float64.

A twin runs many calls of a file side by side, each from its own state: a whole sequence is one call of many runs from
a fresh state; a proof takes every call of a sequence from the state that the file itself had before it, so that what
an engine rounds otherwise cannot add up.

Values are the real numbers that integers stand for. Where a value lies at the edge between two integers, float32 may
put it on the other side: calls that met such a value on the way are not `sure`, and exact comparisons leave them out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.arithmetic.dequantize import Floats, real
from edgelstm.model import Model
from edgelstm.quantization import Affine, QuantizedModel
from edgelstm.quantization.affine import Codes

STEP_LIMIT, STEP_MOST = 1e-6, 0.05
"""Float gates between integers, by the file's own states: against float64, relative to the largest value and to the
largest terms of a gate's sum (each at least 1). Four float32 roundings of 6e-8, and the functions' own. However large
the terms, no more than a twentieth of the largest value."""

Sure = NDArray[np.bool_]
States = Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class Flow:
    """What a layer gives in B calls of some runs each."""

    values: Floats  # (B, runs, values)
    sure: Sure  # (B,)


@dataclass(frozen=True, eq=False)
class Ran:
    """What came of the runs of one layer."""

    flow: Flow
    states: States  # letter → (B, runs, values), after each run
    sure: Sure  # (B,) of the states after the last run
    terms: float = 1.0  # the largest terms of a sum that was bent


class Twin(ABC):
    """One layer."""

    units: Mapping[str, float] = {}  # letter of a part → its scale, where it holds integers
    memory: Mapping[str, int] = {}  # letter of a part → number of values that a call needs

    @abstractmethod
    def run(self, x: Flow, before: States, seen: States | None) -> Ran:
        """Runs over `x` from the states `before` (B, values).

        seen: (B, values) the states that the file itself had after the call. The layer's newest result is then made
        of those, for the layers behind it.
        """


def given(results: Floats, newest: Floats | None, sure: Sure) -> Flow:
    """What a layer gives behind it: its results (B, runs, values), the newest the file's own where that is known."""
    if newest is None:
        return Flow(results, sure)
    results = results.copy()
    results[:, -1] = newest
    return Flow(results, sure if results.shape[1] > 1 else np.ones_like(sure))


@dataclass(frozen=True, eq=False)
class Walked:
    """A walk over all layers."""

    results: dict[str, Floats]  # layer's name → (B, runs, values)
    states: dict[str, Floats]  # part's name → (B, runs, values)
    sure: dict[str, Sure]  # part's name → (B,)
    terms: dict[str, float]  # part's name → largest terms

    def trace(self, x: Floats) -> forward.Trace:
        """Of the one call, over normalized frames x (T, features)."""
        results, states = ({name: value[0] for name, value in of.items()} for of in (self.results, self.states))
        return forward.Trace(x, results, states)


def walk(model: Model, twins: Sequence[Twin], x: Floats, seen: States | None = None) -> Walked:
    """x (B, frames, features) through the twins of the model's layers, B calls.

    seen: part's name → (B, values), the states that the file had after each of the calls, which follow each other;
    left out, all calls begin afresh.
    """
    walked = Walked({}, {}, {}, {})
    flow = Flow(x, np.ones(len(x), np.bool_))
    for at, twin in zip(model.road, twins, strict=True):
        names = {part.letter: name for name, part in at.parts if part.letter in twin.memory}
        after = {letter: seen[name] for letter, name in names.items() if name in seen} if seen is not None else None
        before = {letter: _before(after, letter, (len(x), size)) for letter, size in twin.memory.items()}
        ran = twin.run(flow, before, after)
        flow = ran.flow
        walked.results[at.name] = flow.values
        for letter, name in names.items():
            walked.states[name], walked.sure[name] = ran.states[letter], ran.sure
            walked.terms[name] = ran.terms
    return walked


def _before(after: States | None, letter: str, shape: tuple[int, int]) -> Floats:
    """The state before each call: zeros before the first."""
    states = np.zeros(shape)
    if after is not None and letter in after:
        states[1:] = after[letter][:-1]
    return states


def calls_of(quantized: QuantizedModel, codes: Codes) -> Floats:
    """Codes (T, features) as the real values of as many whole calls as there are: (calls, stride, features)."""
    stride, features = quantized.model.stride, quantized.model.features
    whole = codes[: len(codes) // stride * stride].astype(np.float64)
    return real(whole, quantized.input).reshape(-1, stride, features)


def off_edges(values: Floats, affine: Affine, slack: Floats | float) -> Sure:
    """(B, …) values that become integers of `affine` → (B,) whether all are `slack` units away from where two
    integers meet."""
    places = values / float(affine.scale) + affine.zero_point
    inside = np.clip(places, -128, 127)
    away = np.abs(inside - np.floor(inside) - 0.5) > slack
    sure: Sure = away.reshape(len(values), -1).all(axis=1)
    return sure
