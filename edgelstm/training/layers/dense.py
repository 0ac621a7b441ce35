"""A dense layer forward and backward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgelstm.layers import Dense, Layer, Shape
from edgelstm.layers.layer import Activation
from edgelstm.training.layers.trainable import Arrays, Carried, Floats, Memory, State, Tape, Trainable, Width, glorot


@dataclass(eq=False)
class _Tape(Tape):
    weights: Arrays
    activation: Activation
    x: Floats  # (T, I, B)
    result: Floats  # (T, outputs, B)

    def backward(self, dresult: Floats, want_dx: bool) -> tuple[Floats | None, Arrays]:
        if self.activation == "relu":
            dresult = dresult * (self.result > 0)
        T, inputs, B = self.x.shape
        by_row = dresult.transpose(1, 0, 2).reshape(-1, T * B)
        dW = by_row @ self.x.transpose(1, 0, 2).reshape(inputs, T * B).T
        return (self.weights["W"].T @ dresult if want_dx else None), {"W": dW, "b": by_row.sum(axis=1)}


@dataclass(frozen=True)
class TrainableDense(Trainable):
    kind = "dense"
    arrays = ("W", "b")

    units: Width  # values of its result
    activation: Activation = "relu"  # or linear

    def sizes(self) -> Mapping[str, int]:
        return {"units": self.units, "relu": self.activation == "relu"}

    def initialize(self, source: Shape, rng: np.random.Generator) -> Arrays:
        return {"W": glorot(rng, self.units, source.size), "b": np.zeros(self.units)}

    def carry(self, weights: Arrays, carried: Carried, source: Shape) -> Carried | None:  # noqa: ARG002
        """The first outputs take one value each, lifted above 0 where less would be lost."""
        outputs = np.arange(len(carried.places))
        if 2 * len(outputs) > self.units:
            return None
        lift = 4 * carried.factor if self.activation == "relu" else 0.0  # four deviations
        weights["W"][outputs] = 0
        weights["W"][outputs, carried.places] = 1
        weights["b"][outputs] = lift - carried.offset
        return Carried(outputs, carried.factor, lift)

    @classmethod
    def of(cls, layer: Layer) -> TrainableDense:
        assert isinstance(layer, Dense)
        return cls(len(layer.W), layer.activation)

    def layer(self, weights: Arrays) -> Dense:
        return Dense(weights["W"], weights["b"], self.activation)

    def forward(
        self,
        weights: Arrays,
        x: Floats,
        source: Shape,  # noqa: ARG002
        memory: Memory,  # noqa: ARG002
        before: State | None = None,  # noqa: ARG002
    ) -> Tape:
        y = weights["W"] @ x
        y += weights["b"][:, None]
        if self.activation == "relu":
            np.maximum(y, 0, out=y)
        return _Tape(weights, self.activation, x, y)
