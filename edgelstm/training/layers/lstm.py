"""Back-propagation through time for an LSTM layer; the equations are those of `edgelstm.layers.lstm`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgelstm.layers import LSTM, Layer, Shape
from edgelstm.training.layers.recurrent import OPEN, Recurrent, over_ones, states_behind
from edgelstm.training.layers.trainable import Arrays, Floats, Memory, State, Tape


@dataclass(eq=False)
class _Tape(Tape):
    weights: Arrays
    x1: Floats  # (T, I + 1, B), the inputs above a row of ones
    gates: Floats  # (T, 4H, B), after their activations; the backward pass writes over it
    c: Floats  # (T + 1, H, B), the first before the first run
    tanh_c: Floats  # (T, H, B)
    h: Floats  # (T + 1, H, B), likewise

    def __post_init__(self) -> None:
        self.result = self.h[1:]

    def after(self) -> State:
        return {"h": self.h[-1].copy(), "c": self.c[-1].copy()}

    def backward(self, dresult: Floats, want_dx: bool) -> tuple[Floats | None, Arrays]:
        W, R = self.weights["W"], self.weights["R"]
        T, H, B = self.result.shape
        slope = np.empty((4 * H, B), W.dtype)  # of the gates' activations: a - a² for sigmoid, 1 - g² for tanh
        dh, dc, from_h = (np.zeros((H, B), W.dtype) for _ in range(3))
        dR, dR_t = np.zeros_like(R), np.empty_like(R)
        for t in range(T - 1, -1, -1):
            a = self.gates[t]
            i, f, g, o = a[:H], a[H : 2 * H], a[2 * H : 3 * H], a[3 * H :]
            np.multiply(a, a, out=slope)
            for rows in (slice(0, 2 * H), slice(3 * H, None)):
                np.subtract(a[rows], slope[rows], out=slope[rows])
            np.subtract(1, slope[2 * H : 3 * H], out=slope[2 * H : 3 * H])
            dh += dresult[t]
            np.multiply(self.tanh_c[t], self.tanh_c[t], out=from_h)
            np.subtract(1, from_h, out=from_h)
            from_h *= o
            from_h *= dh
            dc += from_h
            # From here the gates' own memory takes their gradients; i, f and g are each read before they go.
            np.multiply(dh, self.tanh_c[t], out=o)
            np.multiply(dc, i, out=from_h)
            np.multiply(dc, g, out=i)
            g[...] = from_h
            np.multiply(dc, f, out=from_h)
            np.multiply(dc, self.c[t], out=f)
            dc, from_h = from_h, dc
            a *= slope
            dR += np.matmul(a, self.h[t].T, out=dR_t)
            if t:
                np.matmul(R.T, a, out=dh)
        dz = self.gates
        dWb = np.matmul(dz, self.x1.transpose(0, 2, 1)).sum(axis=0)
        return (W.T @ dz if want_dx else None), {"W": dWb[:, :-1], "R": dR, "b": dWb[:, -1]}


@dataclass(frozen=True)
class TrainableLSTM(Recurrent):
    kind = "lstm"
    letters = ("h", "c")
    candidate, keeping = 2, 1
    passing = (OPEN, -OPEN, 0, OPEN)
    shrinking = (1 + float(np.exp(-OPEN))) ** 2

    @classmethod
    def of(cls, layer: Layer) -> TrainableLSTM:
        assert isinstance(layer, LSTM)
        return cls(layer.units)

    def layer(self, weights: Arrays) -> LSTM:
        return LSTM(weights["W"], weights["R"], weights["b"])

    def forward(
        self,
        weights: Arrays,
        x: Floats,
        source: Shape,  # noqa: ARG002
        memory: Memory,
        before: State | None = None,
    ) -> Tape:
        W, R, b = weights["W"], weights["R"], weights["b"]
        T, _, B = x.shape
        H = self.units
        half = self.halves(W.dtype)
        x1 = over_ones(x, W.dtype, memory)
        gates = memory.take("gates", (T, 4 * H, B), W.dtype)
        np.matmul(np.column_stack([W, b]) * half, x1, out=gates)
        R = R * half
        c, h = (states_behind(name, before, (T, H, B), W.dtype, memory) for name in ("c", "h"))
        tanh_c = memory.take("tanh_c", (T, H, B), W.dtype)
        recurrent = np.empty((4 * H, B), W.dtype)
        product = np.empty((H, B), W.dtype)
        for t in range(T):
            a = gates[t]
            a += np.matmul(R, h[t], out=recurrent)
            np.tanh(a, out=a)
            for sigmoid in (a[: 2 * H], a[3 * H :]):
                sigmoid *= 0.5
                sigmoid += 0.5
            i, f, g, o = a[:H], a[H : 2 * H], a[2 * H : 3 * H], a[3 * H :]
            np.multiply(i, g, out=c[t + 1])
            c[t + 1] += np.multiply(f, c[t], out=product)
            np.tanh(c[t + 1], out=tanh_c[t])
            np.multiply(o, tanh_c[t], out=h[t + 1])
        return _Tape(weights, x1, gates, c, tanh_c, h)
