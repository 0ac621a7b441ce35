"""A dense layer: `activation(W·x + b)`. The last layer of a model is a linear one: its results are the scores."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgelstm.layers.layer import (
    Activation,
    Float32,
    Floats,
    Layer,
    Run,
    Shape,
    States,
    activated,
    check_choice,
    check_width,
    checked_array,
    folded,
    scaled,
)


@dataclass(frozen=True, eq=False)
class Dense(Layer):
    kind = "dense"
    arrays = ("W", "b")
    settings = ("activation",)
    told = ("activation",)

    W: Float32  # (outputs, inputs)
    b: Float32  # (outputs,)
    activation: Activation = "linear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", checked_array("Dense", "b", self.b, (None,)))
        object.__setattr__(self, "W", checked_array("Dense", "W", self.W, (self.b.size, None)))
        check_choice("Dense", "activation", self.activation, Activation)

    @property
    def inputs(self) -> int:
        return int(self.W.shape[1])

    @property
    def outputs(self) -> int:
        return int(self.W.shape[0])

    @property
    def columns(self) -> int:
        return self.inputs

    @property
    def may_give_scores(self) -> bool:
        return self.activation == "linear"

    def terms(self, x: Floats) -> Floats:
        y: Floats = x @ np.abs(self.W.astype(x.dtype)).T + np.abs(self.b)
        return y

    @property
    def matrices(self) -> tuple[str, ...]:
        return ("W",)

    def scaled_in(self, factor: Floats, offset: Floats) -> Layer | None:
        return folded(self, factor, offset) if self.inputs == factor.size else None

    def scaled_out(self, factor: Floats, offset: Floats) -> Layer | None:
        return scaled(self, factor, offset) if self.activation == "linear" else None

    def rectified(self) -> Layer | None:
        return replace(self, activation="relu") if self.activation == "linear" else None

    def result(self, source: Shape) -> Shape:
        check_width("Dense", self.inputs, source)
        return Shape(1, self.outputs)

    def macs(self, source: Shape) -> int:  # noqa: ARG002 - of its own size
        return int(self.W.size)

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:  # noqa: ARG002
        y: Floats = x @ self.W.astype(x.dtype).T + self.b.astype(x.dtype)
        return Run(activated(y, self.activation))
