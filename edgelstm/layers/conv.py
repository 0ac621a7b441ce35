"""Convolution over the rows of a frame, without padding: what comes before them is for a `context` to bring.

y[t] = activation(Σ_k W[:, k, :]·x[t·stride + k·dilation] + b)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers.layer import (
    MAX_WIDTH,
    Activation,
    Float32,
    Floats,
    Layer,
    Run,
    Shape,
    States,
    activated,
    check_choice,
    check_whole,
    checked_array,
)


@dataclass(frozen=True, eq=False)
class Conv(Layer):
    kind = "conv"
    arrays = ("W", "b")
    settings = ("stride", "dilation", "activation")

    W: Float32  # (outputs, taps, channels)
    b: Float32  # (outputs,)
    stride: int = 1  # rows from one result to the next
    dilation: int = 1  # rows from one tap to the next
    activation: Activation = "linear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", checked_array("Conv", "b", self.b, (None,)))
        object.__setattr__(self, "W", checked_array("Conv", "W", self.W, (self.b.size, None, None)))
        check_whole("Conv", "stride", self.stride, 1, MAX_WIDTH)
        check_whole("Conv", "dilation", self.dilation, 1, MAX_WIDTH)
        check_choice("Conv", "activation", self.activation, Activation)
        if self.taps * self.channels > MAX_WIDTH:
            raise ValueError(
                f"Conv.W: {self.taps} taps of {self.channels} channels, expected at most {MAX_WIDTH} in all"
            )

    @property
    def outputs(self) -> int:
        return int(self.W.shape[0])

    @property
    def taps(self) -> int:
        return int(self.W.shape[1])

    @property
    def channels(self) -> int:
        return int(self.W.shape[2])

    @property
    def columns(self) -> int:
        return self.taps * self.channels

    @property
    def matrix(self) -> Float32:
        """(outputs, taps · channels): the weights as a dense layer over a window of rows."""
        return self.W.reshape(self.outputs, -1)

    def result(self, source: Shape) -> Shape:
        if source.channels != self.channels:
            raise ValueError(f"Conv takes {self.channels} channels, the one before gives {source.channels}")
        rows = (source.rows - (self.taps - 1) * self.dilation - 1) // self.stride + 1
        if rows < 1:
            raise ValueError(
                f"Conv spans {(self.taps - 1) * self.dilation + 1} rows, the one before gives {source.rows}: "
                "put a context of as many rows before it"
            )
        if rows * self.outputs > MAX_WIDTH:
            raise ValueError(
                f"Conv gives {rows} rows of {self.outputs} channels, expected at most {MAX_WIDTH} in all"
            )
        return Shape(rows, self.outputs)

    def macs(self, source: Shape) -> int:
        return int(self.W.size) * self.result(source).rows

    def windows(self, source: Shape) -> NDArray[np.intp]:
        """(rows of the result, taps): which row of the source each tap reads."""
        starts = self.stride * np.arange(self.result(source).rows)
        return np.asarray(starts[:, None] + self.dilation * np.arange(self.taps))

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:  # noqa: ARG002
        frames, batch, _ = x.shape
        seen = x.reshape(frames, batch, source.rows, source.channels)[:, :, self.windows(source)]
        y = seen.reshape(*seen.shape[:3], self.taps * self.channels) @ self.matrix.astype(x.dtype).T + self.b.astype(
            x.dtype
        )
        return Run(activated(y.reshape(frames, batch, self.result(source).size), self.activation))
