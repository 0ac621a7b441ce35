"""Recurrent layers of a mixed model that stay in float32, to the last bit of the C core."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from edgelstm.layers import Shape
from edgelstm.layers.recurrence import Recurrence
from edgelstm.quantization import exact
from edgelstm.quantization.exact import Float32, clamp
from edgelstm.quantization.float_functions import FUNCTIONS
from edgelstm.quantization.layer import IntegerRun, Values, Walker

LEAST_STATE = np.float32(2.0**-100)
"""Smaller states become 0."""

MOST_STATE = 2.0**24
"""Of layers with other functions than a sigmoid and tanh."""


class Products(ABC):
    """Of a recurrent layer's weights."""

    @abstractmethod
    def from_x(self, rows: Float32) -> Float32:
        """What of the gates' sums needs no state: bias + W·x."""

    @abstractmethod
    def sums(self, from_x: Float32, x: Float32, h: Float32) -> Float32:
        """from_x + R·h."""

    @abstractmethod
    def back(self, h: Float32, rows: slice = slice(None)) -> Float32:
        """Some rows of R times h, behind their bias."""


class FloatProducts(Products):
    """Weights in float32."""

    def __init__(self, layer: Recurrence):
        self.layer, self.both = layer, None if is_usual(layer) else np.concatenate([layer.W, layer.R], axis=1)

    def from_x(self, rows: Float32) -> Float32:
        return exact.product(self.layer.W, rows, self.layer.b)

    def sums(self, from_x: Float32, x: Float32, h: Float32) -> Float32:
        if self.both is None:
            return exact.add_product(from_x, self.layer.R, h)
        return exact.product(self.both, np.concatenate([x, h], axis=1), self.layer.b)  # one product, side by side

    def back(self, h: Float32, rows: slice = slice(None)) -> Float32:
        return exact.product(self.layer.R[rows], h, self.layer.back_bias[rows])


def is_usual(layer: Recurrence) -> bool:
    """Whether its functions are a sigmoid and tanh."""
    return layer.gate == "sigmoid" and layer.candidate == "tanh"


class FloatRecurrence(Walker):
    """Row after row of each frame, from the state or, where it does not last, from the first one."""

    def __init__(self, layer: Recurrence, products: Products, batch: int, source: Shape):
        self.products, self.runs, self.inputs, self.units = products, layer.runs(source), layer.inputs, layer.units
        self.letters, self.carry, self.usual = layer.letters, layer.carry, is_usual(layer)
        self.gate, self.candidate = FUNCTIONS[layer.gate], FUNCTIONS[layer.candidate]
        first = layer.initial(batch, np.dtype(np.float32))
        self.first: tuple[Float32, ...] = tuple(part.astype(np.float32) for part in first)
        self.state = self.first

    @abstractmethod
    def step(self, from_x: Float32, x: Float32) -> tuple[Float32, ...]:
        """The state after a row x (B, inputs), whose products are known."""

    def run(self, x: Values) -> IntegerRun:
        rows = x.reshape(*x.shape[:2], self.runs, self.inputs)
        result = np.empty((*rows.shape[:3], self.units), np.float32)
        after = [np.empty((*x.shape[:2], self.units), np.float32) for _ in self.state]
        from_x = self.products.from_x(rows)
        for t in range(len(rows)):
            if not self.carry:
                self.state = self.first
            for row in range(self.runs):
                self.state = self.step(from_x[t, :, row], rows[t, :, row])
                result[t, :, row] = self.state[0]
            for values, now in zip(after, self.state):
                values[t] = now
        states = dict(zip(self.letters, after)) if self.carry else {}
        return IntegerRun(result.reshape(*x.shape[:2], -1), states)

    def held(self, state: Float32) -> Float32:
        """As the core keeps it."""
        if not self.usual:
            state = clamp(state, -MOST_STATE, MOST_STATE)
        return np.where(np.abs(state) < LEAST_STATE, np.float32(0), state)
