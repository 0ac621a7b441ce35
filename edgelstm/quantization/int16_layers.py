"""Layers of a mixed model whose weights have 16 bits: their products take codes of 16 bits, all else is float32.

Codes of x are whole numbers of a step, 1/16383 of the largest |x| that the layer meets in this run: quiet sound keeps
its bits, and nothing saturates. Those of h have the step 1/16383, or more where it begins beyond 1. A row's scale is
such that its weights are 16383 at most, too, so that a code and a weight add up to 16 bits, and that their sizes in
64 columns add up to 131,071 at most: no sum of these columns leaves int32. The sums of such segments add up in
float32, one after another, and become real numbers by the scale and the step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import Shape
from edgelstm.layers.layer import Activation
from edgelstm.layers.recurrence import Recurrence
from edgelstm.quantization.exact import SEGMENT, Float32, clamp
from edgelstm.quantization.float_layer import MOST
from edgelstm.quantization.float_recurrence import LEAST_STATE, Products
from edgelstm.quantization.layer import Int64, IntegerRun, MixedLayer, Values, Walker
from edgelstm.road import Placed

MOST_OF_SEGMENT = 131071
"""Of the sizes of a row's weights in a segment."""

LARGEST = np.float32(16383)
"""Of codes, and of weights."""

LEAST_SCALE, MOST_SCALE, MOST_BIAS = 2.0**-50, 16.0, 1e6
"""What files hold: then no product is a denormal, which vectors of 32-bit ARM take for 0, and results are finite."""

LEAST = np.float32(2.0**-35)
"""Of the largest |x|: what is smaller counts as zeros."""


@dataclass(frozen=True, eq=False)
class Product16:
    """A matrix of 16-bit weights."""

    codes: NDArray[np.int16]  # (rows, columns)
    scale: NDArray[np.float32]  # (rows,) 2^-50 to 16
    bias: NDArray[np.float32]  # (rows,) 0, or 2^-100 to 1e6

    @classmethod
    def of(cls, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> Product16:
        """`weights` (rows, columns)."""
        starts, exact = np.arange(0, weights.shape[1], SEGMENT), weights.astype(np.float64)
        of_segments = np.add.reduceat(np.abs(exact), starts, axis=1).max(axis=1)
        scale = np.maximum(of_segments / (MOST_OF_SEGMENT - SEGMENT), LEAST_SCALE).astype(np.float32)
        # a row of few weights, which a segment has room for
        scale = np.maximum(scale, (np.abs(exact).max(axis=1) / float(LARGEST)).astype(np.float32))
        codes = np.clip(np.rint(exact / scale.astype(np.float64)[:, None]), -LARGEST, LARGEST).astype(np.int16)
        return cls(codes, scale, np.where(np.abs(bias) < LEAST_STATE, np.float32(0), bias))

    def rows(self, some: slice) -> Product16:
        return Product16(self.codes[some], self.scale[some], self.bias[some])

    def apply(self, x: Int64, step: Float32, behind: Float32 | None = None) -> Float32:
        """Of codes (…, columns), whose unit is a step (…, 1); behind the bias, or what is given."""
        totals = np.zeros((*x.shape[:-1], len(self.codes)), np.float32)
        weights = self.codes.astype(np.float64)
        for start in range(0, x.shape[-1], SEGMENT):
            some = slice(start, start + SEGMENT)
            totals = totals + (x[..., some].astype(np.float64) @ weights[:, some].T).astype(np.float32)
        found: Float32 = totals * self.scale * step + (self.bias if behind is None else behind)
        return found

    def crossed(self) -> NDArray[np.int32]:
        """(rows, segments): w[4n]·w[4n + 2] + w[4n + 1]·w[4n + 3] over all n, modulo 2^32, as kernels want it."""
        weights = np.pad(self.codes.astype(np.int64), ((0, 0), (0, -self.codes.shape[1] % SEGMENT)))
        fours = weights.reshape(len(weights), -1, SEGMENT // 4, 4)
        sums: NDArray[np.int64] = (fours[..., :2] * fours[..., 2:]).sum(axis=(2, 3))
        return sums.astype(np.int32)

    @property
    def is_held(self) -> bool:
        """Whether files hold its numbers."""
        return float(self.scale.max()) <= MOST_SCALE and float(np.abs(self.bias).max()) <= MOST_BIAS


def step_of(x: Float32) -> Float32:
    """(…, 1) of the last axis; 0 where that holds zeros."""
    largest = np.abs(x).max(axis=-1, keepdims=True)
    return np.where(largest < LEAST, np.float32(0), largest / LARGEST)


def codes_of(x: Float32, step: Float32) -> Int64:
    """In units of the step."""
    inverse = np.where(step > 0, np.float32(1) / np.where(step > 0, step, np.float32(1)), np.float32(0))
    return np.clip(np.rint(x * inverse), -LARGEST, LARGEST).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Int16Layer(MixedLayer):
    """A recurrent layer that is plain, or one product. `walks`: how its kind walks, (the layer, batch, the shape of
    what it takes)."""

    kind = "int16"

    walks: Walks
    W: Product16
    R: Product16 | None = None  # of what comes back
    h_step: Float32 | None = None  # (1,) of its codes

    def check(self, name: str) -> None:
        if not self.W.is_held or not (self.R is None or self.R.is_held):
            raise ValueError(f"{name}: weights or biases beyond {MOST_BIAS:g}, expected smaller ones for 16 bits")

    def walker(self, batch: int, source: Shape) -> Walker:
        return self.walks(self, batch, source)


Walks = Callable[[Int16Layer, int, Shape], Walker]


def recurrent(at: Placed, walks: Walks) -> Int16Layer:
    """A recurrent layer with weights of 16 bits."""
    layer, first = at.layer, 1.0
    assert isinstance(layer, Recurrence)
    h0: Float32 | None = getattr(layer, "h0", None)
    if h0 is not None:
        first = max(first, float(np.abs(h0).max()))
    W, R = Product16.of(layer.W, layer.b), Product16.of(layer.R, layer.back_bias)
    return Int16Layer(at, walks, W, R, np.full(1, first / float(LARGEST), np.float32))


def one_product(at: Placed, W: Float32, b: Float32, activation: Activation) -> Int16Layer:
    """A layer of one product of weights W (outputs, columns)."""
    low = 0.0 if activation == "relu" else -MOST
    return Int16Layer(at, lambda layer, _, source: _Product(layer, source, low), Product16.of(W, b))


class _Product(Walker):
    def __init__(self, layer: Int16Layer, source: Shape, low: float):
        self.layer, self.source, self.low = layer, source, low

    def run(self, x: Values) -> IntegerRun:
        step = step_of(x)
        y = self.layer.W.apply(self.layer.layer.seen(codes_of(x, step), self.source), step[..., None])
        return IntegerRun(clamp(y, self.low, MOST).reshape(*x.shape[:2], -1))


class Products16(Products):
    """Weights of 16 bits."""

    def __init__(self, layer: Int16Layer):
        assert layer.R is not None
        assert layer.h_step is not None
        self.W, self.R, self.h_step = layer.W, layer.R, layer.h_step

    def from_x(self, rows: Float32) -> Float32:
        step = step_of(rows)
        return self.W.apply(codes_of(rows, step), step)

    def sums(self, from_x: Float32, x: Float32, h: Float32) -> Float32:  # noqa: ARG002 - which W has met
        return self.R.apply(codes_of(h, self.h_step), self.h_step, from_x)

    def back(self, h: Float32, rows: slice = slice(None)) -> Float32:
        return self.R.rows(rows).apply(codes_of(h, self.h_step), self.h_step)
