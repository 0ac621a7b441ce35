"""What recurrent layers have in common: gates over a frame and the layer's own last result, their rows one below
the other in W, R and b."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from edgelstm.layers import Shape
from edgelstm.training.layers.trainable import Arrays, Carried, Floats, Memory, State, Trainable, Width, glorot

OPEN = 4.0
"""Bias of a gate that is open at first: 0.98."""
CARRIED = 0.2
"""What a deviation becomes inside a recurrent layer that only carries it: nearly linear up to three of them, and 25
steps of an int8 state."""


@dataclass(frozen=True)
class Recurrent(Trainable):
    """Which of the gates is the candidate, whose activation is tanh where the others' is sigmoid, and which keeps
    what was before. passing: each gate's bias in a unit that gives candidates on and forgets them at once; h is then
    the candidate over `shrinking`."""

    recurrent = True
    arrays: ClassVar[tuple[str, ...]] = ("W", "R", "b")
    letters: ClassVar[tuple[str, ...]] = ("h",)  # of the parts of its state

    candidate: ClassVar[int]
    keeping: ClassVar[int]
    passing: ClassVar[tuple[float, ...]]
    shrinking: ClassVar[float]

    units: Width  # values of its state

    def sizes(self) -> Mapping[str, int]:
        return {"units": self.units}

    def states(self, source: Shape) -> Mapping[str, tuple[int, ...]]:  # noqa: ARG002 - of its own size
        return dict.fromkeys(self.letters, (self.units,))

    def initialize(self, source: Shape, rng: np.random.Generator) -> Arrays:
        """Orthogonal recurrent weights per gate; the bias of the gate that keeps is 1, so that it does at first."""
        H, gates = self.units, len(self.passing)
        W = np.concatenate([glorot(rng, H, source.size) for _ in range(gates)])
        R = np.concatenate([orthogonal(rng, H) for _ in range(gates)])
        b = np.zeros(gates * H)
        b[self.keeping * H : (self.keeping + 1) * H] = 1
        return {"W": W, "R": R, "b": b}

    def carry(self, weights: Arrays, carried: Carried, source: Shape) -> Carried | None:  # noqa: ARG002
        """The first units take one value each and never keep the one before."""
        W, R, b = weights["W"], weights["R"], weights["b"]
        H, units = self.units, np.arange(len(carried.places))
        if 2 * len(units) > H:
            return None
        for gate, bias in enumerate(self.passing):
            rows = gate * H + units
            W[rows], R[rows], b[rows] = 0, 0, bias
        gain, candidates = CARRIED / carried.factor, self.candidate * H + units
        W[candidates, carried.places] = gain
        b[candidates] = -gain * carried.offset
        return Carried(units, CARRIED / self.shrinking)

    def halves(self, dtype: DTypeLike) -> Floats:
        """(gates · H, 1) factors of what enters the gates: as sigmoid(a) = tanh(a/2)/2 + 1/2, one tanh serves all
        gates with the rows of sigmoid ones halved."""
        half = np.full((len(self.passing) * self.units, 1), 0.5, dtype)
        half[self.candidate * self.units : (self.candidate + 1) * self.units] = 1
        return half


def orthogonal(rng: np.random.Generator, size: int) -> Floats:
    """Saxe et al. 2014: a random rotation (size, size) keeps the length of what comes back."""
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return np.asarray(q * np.sign(np.diag(r)))


def states_behind(
    name: str, before: State | None, shape: tuple[int, int, int], dtype: DTypeLike, memory: Memory
) -> Floats:
    """Memory for the state `name` behind each run, and in front of them that of `before`: (T + 1, H, B), of which the
    first is set. shape: (T, H, B)."""
    T, H, B = shape
    states = memory.take(name, (T + 1, H, B), dtype)
    states[0] = 0 if before is None else before[name]
    return states


def over_ones(x: Floats, dtype: DTypeLike, memory: Memory) -> Floats:
    """x (T, I, B) above a row of ones (T, I + 1, B): it brings the bias in with W."""
    T, I, B = x.shape  # noqa: E741
    joined = memory.take("x1", (T, I + 1, B), dtype)
    joined[:, :I], joined[:, I] = x, 1
    return joined
