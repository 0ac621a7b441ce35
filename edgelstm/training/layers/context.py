"""Context: the newest rows side by side, after every `hop` of them. Nothing to learn, but gradients pass through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgelstm.layers import Context, Layer, Shape
from edgelstm.training.layers.trainable import Arrays, Carried, Floats, Memory, State, Tape, Trainable, Width


@dataclass(eq=False)
class _Tape(Tape):
    sizes: TrainableContext
    frames: int  # of the input
    joined: Floats  # (rows - hop + frames, values, B): the input behind what came before it
    result: Floats  # (runs, rows · values, B)

    def after(self) -> State:
        """The rows that the next result shares with the last one."""
        rows, hop = self.sizes.rows, self.sizes.hop
        end = self.frames // hop * hop
        return {"rows": self.joined[end : end + rows - hop].copy()}

    def backward(self, dresult: Floats, want_dx: bool) -> tuple[Floats | None, Arrays]:
        if not want_dx:
            return None, {}
        runs, size, B = dresult.shape
        rows, hop = self.sizes.rows, self.sizes.hop
        parts = dresult.reshape(runs, rows, size // rows, B)
        joined = np.zeros((rows - hop + self.frames, size // rows, B), dresult.dtype)
        for row, reads in enumerate(self.sizes.reads(runs)):
            joined[reads] += parts[:, row]
        return joined[rows - hop :], {}


@dataclass(frozen=True)
class TrainableContext(Trainable):
    kind = "context"

    rows: Width  # the newest results of the layer before, side by side
    hop: Width = 1  # given after so many of them; what follows runs as rarely

    def __post_init__(self) -> None:
        if self.hop > self.rows:
            raise ValueError(f"hop: {self.hop}, expected at most rows ({self.rows})")

    @property
    def every(self) -> int:
        return self.hop

    def sizes(self) -> Mapping[str, int]:
        return {"newest": self.rows, "hop": self.hop}

    def states(self, source: Shape) -> Mapping[str, tuple[int, ...]]:
        return {"rows": (self.rows - self.hop, source.size)}

    def initialize(self, source: Shape, rng: np.random.Generator) -> Arrays:  # noqa: ARG002
        return {}

    def carry(self, weights: Arrays, carried: Carried, source: Shape) -> Carried:  # noqa: ARG002
        """In its newest row."""
        return Carried(carried.places + (self.rows - 1) * source.size, carried.factor, carried.offset)

    @classmethod
    def of(cls, layer: Layer) -> TrainableContext:
        assert isinstance(layer, Context)
        return cls(layer.rows, layer.hop)

    def layer(self, weights: Arrays) -> Context:  # noqa: ARG002
        return Context(self.rows, self.hop)

    def reads(self, runs: int) -> list[slice]:
        """For each row of the result the frames that it reads, one for each run, counted from `rows - hop` frames
        before the first."""
        return [slice(row, row + self.hop * (runs - 1) + 1, self.hop) for row in range(self.rows)]

    def forward(
        self,
        weights: Arrays,  # noqa: ARG002
        x: Floats,
        source: Shape,  # noqa: ARG002
        memory: Memory,
        before: State | None = None,
    ) -> Tape:
        frames, size, B = x.shape
        kept, runs = self.rows - self.hop, frames // self.hop
        joined = memory.take("joined", (kept + frames, size, B), x.dtype)
        joined[:kept] = 0 if before is None else before["rows"]
        joined[kept:] = x
        result = memory.take("result", (runs, self.rows, size, B), x.dtype)
        for row, reads in enumerate(self.reads(runs)):
            result[:, row] = joined[reads]
        return _Tape(self, frames, joined, result.reshape(runs, self.rows * size, B))
