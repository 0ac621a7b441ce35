"""A dense layer: `activation(W·x + b)`. The last layer of a model is a linear one: its results are the scores."""

from __future__ import annotations

from dataclasses import dataclass

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
)


@dataclass(frozen=True, eq=False)
class Dense(Layer):
    kind = "dense"
    arrays = ("W", "b")
    settings = ("activation",)

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

    def result(self, source: Shape) -> Shape:
        check_width("Dense", self.inputs, source)
        return Shape(1, self.outputs)

    def macs(self, source: Shape) -> int:  # noqa: ARG002 - of its own size
        return int(self.W.size)

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:  # noqa: ARG002
        y: Floats = x @ self.W.astype(x.dtype).T + self.b.astype(x.dtype)
        return Run(activated(y, self.activation))
