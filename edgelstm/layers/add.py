"""Add another result, or subtract it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgelstm.layers.layer import Floats, Joining, Shape, check_choice
from edgelstm.layers.spread import check_spread, spread

Sign = Literal["plus", "minus"]


@dataclass(frozen=True, eq=False)
class Add(Joining):
    """x + other, or x - other. `spread` says which shapes the other may have."""

    kind = "add"
    options = ("sign",)

    sign: Sign = field(default="plus", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("Add", "sign", self.sign, Sign)

    def joined(self, source: Shape, other: Shape) -> Shape:
        check_spread("Add", source, other)
        return source

    def join(self, x: Floats, source: Shape, y: Floats, other: Shape) -> Floats:
        further = spread(y, source, other)
        found: Floats = x + further if self.sign == "plus" else x - further
        return found
