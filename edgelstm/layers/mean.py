"""Mean over the rows of a frame, or over the channels of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgelstm.layers.layer import Floats, Shape, Stateless, check_choice

Over = Literal["rows", "channels"]


@dataclass(frozen=True, eq=False)
class Mean(Stateless):
    kind = "mean"
    settings = ("over",)
    told = ("over",)

    over: Over

    def __post_init__(self) -> None:
        check_choice("Mean", "over", self.over, Over)

    def result(self, source: Shape) -> Shape:
        return Shape(1, source.channels) if self.over == "rows" else Shape(source.rows, 1)

    def computed(self, x: Floats, source: Shape) -> Floats:  # noqa: ARG002
        y: Floats = x.mean(axis=2 if self.over == "rows" else 3, keepdims=True)
        return y
