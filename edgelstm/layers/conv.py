"""Convolution over the rows of a frame. What comes before them is for a `context` to bring; padding stands at the
ends of the frame, and nothing looks beyond it.

y[t] = activation(Σ_k W[:, k, :]·x[t·stride + k·dilation - before] + b)

With groups, outputs and channels are cut into as many equal parts, and each part of the outputs sees its own
channels.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers.layer import (
    MAX_ROWS,
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
    scaled,
)
from edgelstm.layers.padding import Fill, padded


@dataclass(frozen=True, eq=False)
class Conv(Layer):
    kind = "conv"
    arrays = ("W", "b")
    settings = ("stride", "dilation", "activation")
    options = ("groups", "before", "after", "fill")
    told = ("taps", "dilation", "activation")

    W: Float32  # (outputs, taps, channels / groups)
    b: Float32  # (outputs,)
    stride: int = 1  # rows from one result to the next
    dilation: int = 1  # rows from one tap to the next
    activation: Activation = "linear"
    groups: int = field(default=1, kw_only=True)
    before: int = field(default=0, kw_only=True)  # rows of padding before those of the frame,
    after: int = field(default=0, kw_only=True)  # and behind them
    fill: Fill = field(default="zero", kw_only=True)  # what they hold

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", checked_array("Conv", "b", self.b, (None,)))
        object.__setattr__(self, "W", checked_array("Conv", "W", self.W, (self.b.size, None, None)))
        check_whole("Conv", "stride", self.stride, 1, MAX_WIDTH)
        check_whole("Conv", "dilation", self.dilation, 1, MAX_WIDTH)
        check_choice("Conv", "activation", self.activation, Activation)
        check_whole("Conv", "groups", self.groups, 1, self.outputs)
        if self.outputs % self.groups:
            raise ValueError(f"Conv.groups: {self.groups}, expected a divisor of its {self.outputs} outputs")
        check_whole("Conv", "before", self.before, 0, MAX_ROWS)
        check_whole("Conv", "after", self.after, 0, MAX_ROWS)
        check_choice("Conv", "fill", self.fill, Fill)
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
        """Of what it takes."""
        return int(self.W.shape[2]) * self.groups

    @property
    def columns(self) -> int:
        return self.taps * self.channels // self.groups

    @property
    def matrix(self) -> Float32:
        """(outputs, taps · channels / groups): the weights as a dense layer over a window of rows."""
        return self.W.reshape(self.outputs, -1)

    def description(self, source: Shape) -> dict[str, Any]:
        return super().description(source) | {"step": self.stride}  # in files a stride counts frames

    @property
    def matrices(self) -> tuple[str, ...]:
        return ("W",) if self.groups == 1 else ()

    def scaled_out(self, factor: Floats, offset: Floats) -> Layer | None:
        return scaled(self, factor, offset) if self.activation == "linear" else None

    def rectified(self) -> Layer | None:
        return replace(self, activation="relu") if self.activation == "linear" else None

    def result(self, source: Shape) -> Shape:
        if source.channels != self.channels:
            raise ValueError(f"Conv takes {self.channels} channels, the one before gives {source.channels}")
        if self.fill == "mirror" and max(self.before, self.after) >= source.rows:
            raise ValueError(f"Conv mirrors {max(self.before, self.after)} rows, the one before gives {source.rows}")
        within = self.before + source.rows + self.after
        rows = (within - (self.taps - 1) * self.dilation - 1) // self.stride + 1
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
        """(rows of the result, taps): which row of the source, with its padding, each tap reads."""
        starts = self.stride * np.arange(self.result(source).rows)
        return np.asarray(starts[:, None] + self.dilation * np.arange(self.taps))

    def seen(self, x: NDArray[Any], source: Shape) -> NDArray[Any]:
        rows = padded(x.reshape(*x.shape[:2], source.rows, source.channels), self.before, self.after, self.fill)
        windows = rows[:, :, self.windows(source)]  # (T, B, rows, taps, channels)
        return windows.reshape(*windows.shape[:3], self.taps * self.channels)

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:  # noqa: ARG002
        frames, batch, _ = x.shape
        seen = self.seen(x, source)
        if self.groups == 1:
            y = seen @ self.matrix.astype(x.dtype).T
        else:
            seen = seen.reshape(*seen.shape[:3], self.taps, self.groups, -1)
            W = self.W.astype(x.dtype).reshape(self.groups, -1, *self.W.shape[1:])
            y = np.einsum("fbtkgc,gokc->fbtgo", seen, W).reshape(*seen.shape[:3], self.outputs)
        y = y + self.b.astype(x.dtype)
        return Run(activated(y.reshape(frames, batch, self.result(source).size), self.activation))
