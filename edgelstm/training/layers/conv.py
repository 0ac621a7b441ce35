"""A convolution over the rows of a run, forward and backward: a dense layer over windows of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgelstm.layers import Conv, Layer, Shape
from edgelstm.layers.layer import Activation
from edgelstm.training.layers.trainable import Arrays, Floats, Memory, State, Tape, Trainable, Width, glorot


@dataclass(eq=False)
class _Tape(Tape):
    sizes: TrainableConv
    weights: Arrays
    source: Shape
    windows: Floats  # (T, rows, taps · channels, B): what each row of the result is made of
    result: Floats  # (T, rows · filters, B)

    def backward(self, dresult: Floats, want_dx: bool) -> tuple[Floats | None, Arrays]:
        if self.sizes.activation == "relu":
            dresult = dresult * (self.result > 0)
        W = self.weights["W"]
        T, rows, depth, B = self.windows.shape
        dresult = dresult.reshape(T, rows, -1, B)
        by_filter = dresult.transpose(2, 0, 1, 3).reshape(len(W), -1)
        dW = by_filter @ self.windows.transpose(2, 0, 1, 3).reshape(depth, -1).T
        gradients = {"W": dW.reshape(W.shape), "b": by_filter.sum(axis=1)}
        return (self._dx(W.reshape(len(W), -1).T @ dresult) if want_dx else None), gradients

    def _dx(self, dwindows: Floats) -> Floats:
        """Each row of the input gets what all windows that hold it say: dwindows (T, rows, taps · channels, B)."""
        T, rows, _, B = dwindows.shape
        parts = dwindows.reshape(T, rows, self.sizes.taps, self.source.channels, B)
        dx = np.zeros((T, self.source.rows, self.source.channels, B), dwindows.dtype)
        for tap, reads in enumerate(self.sizes.reads(rows)):
            dx[:, reads] += parts[:, :, tap]
        return dx.reshape(T, self.source.size, B)


@dataclass(frozen=True)
class TrainableConv(Trainable):
    kind = "conv"
    arrays = ("W", "b")

    filters: Width  # values of each result
    taps: Width  # rows that a result is of
    stride: Width = 1  # rows from one result to the next
    dilation: Width = 1  # rows from one tap to the next
    activation: Activation = "relu"  # or linear

    def sizes(self) -> Mapping[str, int]:
        return {
            "units": self.filters,
            "taps": self.taps,
            "stride": self.stride,
            "dilation": self.dilation,
            "relu": self.activation == "relu",
        }

    def initialize(self, source: Shape, rng: np.random.Generator) -> Arrays:
        """Glorot's, whose fans count the taps too."""
        shape = (self.filters, self.taps, source.channels)
        fan_out, fan_in = self.filters * self.taps, source.channels * self.taps
        return {"W": glorot(rng, fan_out, fan_in, shape), "b": np.zeros(self.filters)}

    @classmethod
    def of(cls, layer: Layer) -> TrainableConv:
        assert isinstance(layer, Conv)
        filters, taps, _ = layer.W.shape
        return cls(filters, taps, layer.stride, layer.dilation, layer.activation)

    def layer(self, weights: Arrays) -> Conv:
        return Conv(weights["W"], weights["b"], self.stride, self.dilation, self.activation)

    def reads(self, rows: int) -> list[slice]:
        """For each tap the rows of the input that it reads, one for each of the result's `rows`."""
        span = self.stride * (rows - 1) + 1
        return [
            slice(first, first + span, self.stride) for first in range(0, self.taps * self.dilation, self.dilation)
        ]

    def forward(
        self,
        weights: Arrays,
        x: Floats,
        source: Shape,
        memory: Memory,
        before: State | None = None,  # noqa: ARG002
    ) -> Tape:
        W, b = weights["W"], weights["b"]
        T, _, B = x.shape
        rows = (source.rows - (self.taps - 1) * self.dilation - 1) // self.stride + 1
        x = x.reshape(T, source.rows, source.channels, B)
        windows = memory.take("windows", (T, rows, self.taps, source.channels, B), W.dtype)
        for tap, reads in enumerate(self.reads(rows)):
            windows[:, :, tap] = x[:, reads]
        windows = windows.reshape(T, rows, -1, B)
        y = W.reshape(self.filters, -1) @ windows
        y += b[:, None]
        if self.activation == "relu":
            np.maximum(y, 0, out=y)
        return _Tape(self, weights, source, windows, y.reshape(T, -1, B))
