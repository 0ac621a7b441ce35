"""LSTM and GRU layers of a mixed model that stay in float32, to the last bit of the C core."""

from __future__ import annotations

import numpy as np

from edgelstm.layers import GRU, LSTM, Shape
from edgelstm.quantization import exact
from edgelstm.quantization.exact import Float32, clamp
from edgelstm.quantization.float_functions import FUNCTIONS
from edgelstm.quantization.layer import IntegerRun, Values, Walker

LEAST_STATE = np.float32(2.0**-100)
"""Smaller states become 0."""

MOST_STATE = 2.0**24
"""Of layers with other functions than a sigmoid and tanh."""


class FloatRecurrence(Walker):
    """Row after row of each frame, from the state or, where it does not last, from the first one."""

    def __init__(self, layer: LSTM | GRU, batch: int, source: Shape):
        self.layer, self.runs, self.width = layer, layer.runs(source), layer.inputs
        self.usual = layer.gate == "sigmoid" and layer.candidate == "tanh"
        self.gate, self.candidate = FUNCTIONS[layer.gate], FUNCTIONS[layer.candidate]
        first = layer.initial(batch, np.dtype(np.float32))
        self.first: tuple[Float32, ...] = tuple(part.astype(np.float32) for part in first)
        self.state = self.first

    def run(self, x: Values) -> IntegerRun:
        rows = x.reshape(*x.shape[:2], self.runs, self.width)
        step = self._lstm if isinstance(self.layer, LSTM) else self._gru
        result = np.empty((*rows.shape[:3], self.layer.units), np.float32)
        after = [np.empty((*x.shape[:2], self.layer.units), np.float32) for _ in self.state]
        from_x = self.from_x(rows)
        for t in range(len(rows)):
            if not self.layer.carry:
                self.state = self.first
            for row in range(self.runs):
                self.state = step(from_x[t, :, row], rows[t, :, row])
                result[t, :, row] = self.state[0]
            for values, now in zip(after, self.state):
                values[t] = now
        states = dict(zip(self.layer.letters, after)) if self.layer.carry else {}
        return IntegerRun(result.reshape(*x.shape[:2], -1), states)

    def from_x(self, rows: Float32) -> Float32:
        """What of the gates' sums needs no state: bias + W·x."""
        return exact.product(self.layer.W, rows, self.layer.b)

    def lstm_sums(self, from_x: Float32, x: Float32, h: Float32) -> Float32:
        """An LSTM's gates before their functions."""
        layer = self.layer
        if self.usual:
            return exact.add_product(from_x, layer.R, h)
        both = np.concatenate([layer.W, layer.R], axis=1)  # one product with both side by side
        return exact.product(both, np.concatenate([x, h], axis=1), layer.b)

    def gru_back(self, rows: slice, h: Float32) -> Float32:
        """Some rows of R times h, or r·h, and their bias, of a GRU."""
        assert isinstance(self.layer, GRU)
        bias = np.concatenate([np.zeros(2 * self.layer.units, np.float32), self.layer.rb])
        return exact.product(self.layer.R[rows], h, bias[rows])

    def _held(self, state: Float32) -> Float32:
        if not self.usual:
            state = clamp(state, -MOST_STATE, MOST_STATE)
        return np.where(np.abs(state) < LEAST_STATE, np.float32(0), state)

    def _lstm(self, from_x: Float32, x: Float32) -> tuple[Float32, ...]:
        h, c = self.state
        i, f, g, o = np.split(self.lstm_sums(from_x, x, h), 4, axis=1)
        kept, written = self.gate(f) * c, self.gate(i) * self.candidate(g)
        cell = self._held(kept + written)
        return self._held(self.gate(o) * self.candidate(cell)), cell

    def _gru(self, from_x: Float32, _: Float32) -> tuple[Float32, ...]:
        layer, (h,) = self.layer, self.state
        assert isinstance(layer, GRU)
        H, one = layer.units, np.float32(1)
        x_z, x_r, x_n = np.split(from_x, 3, axis=1)
        if layer.reset == "after":
            h_z, h_r, h_n = np.split(self.gru_back(slice(None), h), 3, axis=1)
            back = self.gate(x_r + h_r) * h_n
        else:
            h_z, h_r = np.split(self.gru_back(slice(2 * H), h), 2, axis=1)
            back = self.gru_back(slice(2 * H, None), self.gate(x_r + h_r) * h)
        z = self.gate(x_z + h_z)
        return (self._held(z * h + (one - z) * self.candidate(x_n + back)),)
