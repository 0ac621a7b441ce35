"""Back-propagation through time for a GRU layer; the equations are those of `edgelstm.layers.gru`.

`m` is what a frame's reset gate makes of the state, in either form: R_n·h + rb, which r multiplies afterwards, or
r·h, which R_n multiplies afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgelstm.layers import GRU, Layer, Shape
from edgelstm.layers.gru import Reset
from edgelstm.training.layers.recurrent import OPEN, Recurrent, over_ones, states_behind
from edgelstm.training.layers.trainable import Arrays, Carried, Floats, Memory, State, Tape


@dataclass(eq=False)
class _Tape(Tape):
    weights: Arrays
    reset: Reset
    x1: Floats  # (T, I + 1, B), the inputs above a row of ones
    gates: Floats  # (T, 3H, B): z, r, n; the backward pass writes over it
    m: Floats  # (T, H, B); the backward pass writes over it
    h: Floats  # (T + 1, H, B), the first before the first run

    def __post_init__(self) -> None:
        self.result = self.h[1:]

    def after(self) -> State:
        return {"h": self.h[-1].copy()}

    def backward(self, dresult: Floats, want_dx: bool) -> tuple[Floats | None, Arrays]:
        W, R, rb = (self.weights[name] for name in ("W", "R", "rb"))
        T, H, B = self.result.shape
        through_reset = self._after if self.reset == "after" else self._before
        dh = np.zeros((H, B), W.dtype)
        dR = np.zeros_like(R)
        for t in range(T - 1, -1, -1):
            dh += dresult[t]
            h = self.h[t]
            z, r, n = self.gates[t, :H], self.gates[t, H : 2 * H], self.gates[t, 2 * H :]
            dh_old = dh * z
            # From here the gates' own memory takes their gradients, each when it has been read.
            dz = (h - n) * dh_old
            dz *= 1 - z
            z[...] = dz
            n[...] = (dh - dh_old) * (1 - n * n)
            through_reset(t, h, r, n, dh_old, dR)
            both = self.gates[t, : 2 * H]
            dh_old += R[: 2 * H].T @ both
            dR[: 2 * H] += both @ h.T
            dh = dh_old
        da = self.gates
        dWb = np.matmul(da, self.x1.transpose(0, 2, 1)).sum(axis=0)
        drb = self.m.sum(axis=(0, 2)) if self.reset == "after" else np.zeros_like(rb)
        gradients = {"W": dWb[:, :-1], "R": dR, "b": dWb[:, -1], "rb": drb}
        return (W.T @ da if want_dx else None), gradients

    def _after(self, t: int, h: Floats, r: Floats, dn: Floats, dh_old: Floats, dR: Floats) -> None:
        """From the candidate's gradient to those of r, of m = R_n·h + rb (each in its own memory), of h and R_n."""
        H, m = len(h), self.m[t]
        dm = dn * r
        r[...] = dm * m * (1 - r)
        m[...] = dm
        dh_old += self.weights["R"][2 * H :].T @ dm
        dR[2 * H :] += dm @ h.T

    def _before(self, t: int, h: Floats, r: Floats, dn: Floats, dh_old: Floats, dR: Floats) -> None:
        """The same with m = r·h."""
        H = len(h)
        dm = self.weights["R"][2 * H :].T @ dn
        dR[2 * H :] += dn @ self.m[t].T
        dm *= r
        dh_old += dm
        r[...] = dm * h * (1 - r)


@dataclass(frozen=True)
class TrainableGRU(Recurrent):
    kind = "gru"
    arrays = ("W", "R", "b", "rb")
    candidate, keeping = 2, 0
    passing = (-OPEN, 0, 0)
    shrinking = 1 + float(np.exp(-OPEN))

    reset: Reset = "after"  # where the reset gate works: after the recurrent product, or before it

    def sizes(self) -> Mapping[str, int]:
        return {**super().sizes(), "reset_before": self.reset == "before"}

    def initialize(self, source: Shape, rng: np.random.Generator) -> Arrays:
        return {**super().initialize(source, rng), "rb": np.zeros(self.units)}

    def carry(self, weights: Arrays, carried: Carried, source: Shape) -> Carried | None:
        found = super().carry(weights, carried, source)
        if found is not None:
            weights["rb"][found.places] = 0
        return found

    @classmethod
    def of(cls, layer: Layer) -> TrainableGRU:
        assert isinstance(layer, GRU)
        return cls(layer.units, layer.reset)

    def layer(self, weights: Arrays) -> GRU:
        return GRU(weights["W"], weights["R"], weights["b"], weights["rb"], self.reset)

    def forward(
        self,
        weights: Arrays,
        x: Floats,
        source: Shape,  # noqa: ARG002
        memory: Memory,
        before: State | None = None,
    ) -> Tape:
        W, R, b, rb = weights["W"], weights["R"], weights["b"], weights["rb"][:, None]
        T, _, B = x.shape
        H = self.units
        half = self.halves(W.dtype)
        x1 = over_ones(x, W.dtype, memory)
        gates = memory.take("gates", (T, 3 * H, B), W.dtype)
        np.matmul(np.column_stack([W, b]) * half, x1, out=gates)
        R = R * half
        m = memory.take("m", (T, H, B), W.dtype)
        h = states_behind("h", before, (T, H, B), W.dtype, memory)
        for t in range(T):
            old = h[t]
            zr, n = gates[t, : 2 * H], gates[t, 2 * H :]
            zr += R[: 2 * H] @ old
            np.tanh(zr, out=zr)
            zr *= 0.5
            zr += 0.5
            z, r = zr[:H], zr[H:]
            if self.reset == "after":
                np.add(R[2 * H :] @ old, rb, out=m[t])
                n += r * m[t]
            else:
                np.multiply(r, old, out=m[t])
                n += R[2 * H :] @ m[t]
            np.tanh(n, out=n)
            np.multiply(z, old - n, out=h[t + 1])
            h[t + 1] += n
        return _Tape(weights, self.reset, x1, gates, m, h)
