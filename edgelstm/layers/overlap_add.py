"""Overlap-add: pieces of `size` samples, laid over one another `hop` apart, and the `hop` samples that are whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgelstm.layers.layer import (
    MAX_WIDTH,
    Floats,
    Layer,
    Part,
    Run,
    Shape,
    States,
    check_whole,
    check_width,
)


@dataclass(frozen=True, eq=False)
class OverlapAdd(Layer):
    """Takes a piece in each run. What it remembers are the sums as of the newest run: first those that it gave."""

    kind = "overlap_add"
    settings = ("size", "hop")

    size: int
    hop: int

    def __post_init__(self) -> None:
        check_whole("OverlapAdd", "size", self.size, 1, MAX_WIDTH)
        check_whole("OverlapAdd", "hop", self.hop, 1, self.size)

    def result(self, source: Shape) -> Shape:
        check_width("OverlapAdd", self.size, source)
        return Shape(1, self.hop)

    def parts(self, source: Shape) -> tuple[Part, ...]:  # noqa: ARG002 - of its own size
        return (Part("overlap", (self.size,)),)

    def keeps_result(self, source: Shape) -> bool:  # noqa: ARG002
        return True

    def macs(self, source: Shape) -> int:  # noqa: ARG002 - no product
        return 0

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:  # noqa: ARG002
        sums = np.zeros_like(x)
        before = np.zeros_like(x[:1])[0] if state is None else state["overlap"]
        for n, piece in enumerate(x):
            sums[n] = piece
            sums[n, :, : self.size - self.hop] += before[:, self.hop :]
            before = sums[n]
        return Run(sums[:, :, : self.hop], {"overlap": sums})
