"""Activation: a function of each value by itself, or softmax over the channels of a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from edgelstm.layers.functions import FUNCTIONS
from edgelstm.layers.layer import (
    Float32,
    Floats,
    Shape,
    Stateless,
    check_channels,
    check_choice,
    check_number,
    checked_array,
)

Function = Literal["relu", "leaky_relu", "tanh", "sigmoid", "hard_sigmoid", "hard_sigmoid6", "clip", "softmax"]
LARGEST = 1e6
"""Of a number in its settings."""


@dataclass(frozen=True, eq=False)
class Activation(Stateless):
    """`leaky_relu` is x where x > 0, else slope·x (PReLU's learned slopes too); `clip` holds values to low … high: a
    ReLU clipped at 20 is clip with 0 and 20."""

    kind = "activation"
    settings = ("function",)
    options = ("low", "high")
    own_arrays = ("slope",)

    function: Function
    low: float = field(default=0.0, kw_only=True)
    high: float = field(default=0.0, kw_only=True)
    slope: Float32 | None = field(default=None, kw_only=True)  # (channels,) of leaky_relu, or (1,) for all

    def __post_init__(self) -> None:
        check_choice("Activation", "function", self.function, Function)
        check_number("Activation", "low", self.low, -LARGEST, LARGEST)
        check_number("Activation", "high", self.high, -LARGEST, LARGEST)
        if self.function == "clip" and not self.low < self.high:
            raise ValueError(f"Activation.high: {self.high:g}, expected a number above low ({self.low:g})")
        if self.function != "clip" and (self.low or self.high):
            raise ValueError(f"Activation.low, high: {self.low:g}, {self.high:g}, expected 0 with {self.function}")
        if (self.slope is not None) != (self.function == "leaky_relu"):
            raise ValueError(f"Activation.slope: expected one with leaky_relu alone, not with {self.function}")
        if self.slope is not None:
            object.__setattr__(self, "slope", checked_array("Activation", "slope", self.slope, (None,)))

    def extras(self, source: Shape) -> tuple[str, ...]:  # noqa: ARG002 - its fields follow from the function
        return ("of",) if self.of else ()

    def description(self, source: Shape) -> dict[str, object]:  # noqa: ARG002 - no numbers
        return {"function": self.function}

    def result(self, source: Shape) -> Shape:
        if self.slope is not None and self.slope.size > 1:
            check_channels("Activation", self.slope.size, source)
        return source

    def computed(self, x: Floats, source: Shape) -> Floats:  # noqa: ARG002
        if self.function == "softmax":
            powers = np.exp(x - x.max(axis=-1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
        if self.function == "clip":
            return np.clip(x, x.dtype.type(self.low), x.dtype.type(self.high))
        if self.slope is not None:
            return np.where(x > 0, x, x * self.slope.astype(x.dtype))
        return FUNCTIONS[self.function](x)
