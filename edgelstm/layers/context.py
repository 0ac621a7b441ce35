"""Context: the newest results of the layer before, side by side. Every causal convolution is a context and a `conv`;
with a hop as long as its rows a context stacks frames, and the layers behind it run less often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgelstm.layers.layer import MAX_WIDTH, Floats, Layer, Part, Run, Shape, States, check_whole

MAX_ROWS = 4096


@dataclass(frozen=True)
class Context(Layer):
    """The newest `rows` results, oldest first, given after every `hop` of them. Zeros stand for those that have not
    come yet."""

    kind = "context"
    settings = ("rows", "hop")

    rows: int
    hop: int = 1

    def __post_init__(self) -> None:
        check_whole("Context", "rows", self.rows, 1, MAX_ROWS)
        check_whole("Context", "hop", self.hop, 1, self.rows)

    @property
    def every(self) -> int:
        return self.hop

    def result(self, source: Shape) -> Shape:
        if self.rows * source.size > MAX_WIDTH:
            raise ValueError(
                f"Context of {self.rows} rows of {source.size} values, expected at most {MAX_WIDTH} in all"
            )
        return Shape(self.rows, source.size)

    def parts(self, source: Shape) -> tuple[Part, ...]:
        """The rows as of the newest run, and the results of the layer before that have come since."""
        past = Part("past", (self.rows, source.size))
        return (past, Part("pending", (self.hop - 1, source.size))) if self.hop > 1 else (past,)

    def macs(self, source: Shape) -> int:  # noqa: ARG002 - it only moves
        return 0

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:
        frames, batch, size = x.shape
        runs = frames // self.hop
        past = np.zeros((self.rows - self.hop, batch, size), x.dtype)
        if state is not None:
            past = state["past"].reshape(batch, self.rows, size)[:, self.hop :].transpose(1, 0, 2)
        joined = np.concatenate([past, x])
        starts = self.hop * np.arange(runs)
        rows = joined[starts[:, None] + np.arange(self.rows)]  # (runs, rows, batch, size)
        result = rows.transpose(0, 2, 1, 3).reshape(runs, batch, self.rows * source.size)
        waiting = np.zeros((runs, batch, (self.hop - 1) * source.size), x.dtype)
        return Run(result, {"past": result, "pending": waiting} if self.hop > 1 else {"past": result})
