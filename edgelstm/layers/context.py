"""Context: the newest results of the layer before, side by side. Every causal convolution is a context and a `conv`;
with a hop as long as its rows a context stacks frames, and the layers behind it run less often. One with `channels`
cuts what it takes into rows: the newest 576 samples of a signal that comes 512 at a time are 576 rows of 1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgelstm.layers.layer import MAX_ROWS, MAX_WIDTH, Floats, Layer, Part, Run, Shape, States, check_whole


@dataclass(frozen=True)
class Context(Layer):
    """The newest `rows` results, oldest first, given after every `hop` of them. Zeros stand for those that have not
    come yet."""

    kind = "context"
    settings = ("rows", "hop")
    options = ("channels",)

    rows: int
    hop: int = 1
    channels: int = field(default=0, kw_only=True)  # of a row; 0: a row is all that it takes in a run

    def __post_init__(self) -> None:
        check_whole("Context", "rows", self.rows, 1, MAX_ROWS)
        check_whole("Context", "hop", self.hop, 1, self.rows)
        check_whole("Context", "channels", self.channels, 0, MAX_WIDTH)
        if self.channels and self.hop != 1:
            raise ValueError(f"Context.hop: {self.hop}, expected 1 with channels: it runs whenever its source does")

    @property
    def every(self) -> int:
        return self.hop

    def brought(self, source: Shape) -> int:
        """Rows that a result of its source brings."""
        return source.size // self.channels if self.channels else 1

    def description(self, source: Shape) -> dict[str, Any]:
        return {"hop": self.hop} | ({"brought": self.brought(source)} if self.channels else {})

    def result(self, source: Shape) -> Shape:
        width = self.channels or source.size
        if source.size % width or self.brought(source) > self.rows:
            expected = f"whole rows of {width}, at most {self.rows} of them"
            raise ValueError(f"Context takes {source.size} values, expected {expected}")
        if self.rows * width > MAX_WIDTH:
            raise ValueError(f"Context of {self.rows} rows of {width} values, expected at most {MAX_WIDTH} in all")
        return Shape(self.rows, width)

    def keeps_result(self, source: Shape) -> bool:  # noqa: ARG002
        return True

    def parts(self, source: Shape) -> tuple[Part, ...]:
        """The rows as of the newest run, and the results of the layer before that have come since."""
        past = Part("past", (self.rows, self.result(source).channels))
        return (past, Part("pending", (self.hop - 1, source.size))) if self.hop > 1 else (past,)

    def macs(self, source: Shape) -> int:  # noqa: ARG002 - it only moves
        return 0

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:
        frames, batch, _ = x.shape
        runs, width = frames // self.hop, self.result(source).channels
        brought = self.brought(source) * self.hop  # rows, from one run to the next
        new = x.reshape(frames, batch, -1, width).transpose(0, 2, 1, 3).reshape(-1, batch, width)
        past = np.zeros((self.rows - brought, batch, width), x.dtype)
        if state is not None:
            past = state["past"].reshape(batch, self.rows, width)[:, brought:].transpose(1, 0, 2)
        joined = np.concatenate([past, new])
        starts = brought * np.arange(runs)
        rows = joined[starts[:, None] + np.arange(self.rows)]  # (runs, rows, batch, width)
        result = rows.transpose(0, 2, 1, 3).reshape(runs, batch, self.rows * width)
        waiting = np.zeros((runs, batch, (self.hop - 1) * source.size), x.dtype)
        return Run(result, {"past": result, "pending": waiting} if self.hop > 1 else {"past": result})
