"""Long short-term memory: a cell c that lasts, guarded by gates.

    z = W·x + R·h + b                   (4H,)
    i, f, o = sigmoid(z_i, z_f, z_o)    g = tanh(z_g)
    c' = f·c + i·g                      h' = o·tanh(c')

(Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgelstm.layers.layer import (
    Float32,
    Floats,
    Layer,
    Part,
    Run,
    Shape,
    States,
    check_width,
    checked_array,
    sigmoid,
)

GATES = 4


@dataclass(frozen=True, eq=False)
class LSTM(Layer):
    """One unidirectional layer of H units over I inputs. Gates are stacked by rows in the order i, f, g, o (input,
    forget, cell candidate, output), PyTorch's and Keras's."""

    kind = "lstm"
    arrays = ("W", "R", "b")
    recurrent = True
    measured = ("c",)

    W: Float32  # (4H, I) input weights
    R: Float32  # (4H, H) recurrent weights
    b: Float32  # (4H,) one bias; formats with two get this one and zeros

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", checked_array("LSTM", "b", self.b, (None,)))
        rows = self.b.size
        if rows % GATES:
            raise ValueError(f"LSTM.b: {rows} values, expected a multiple of 4 (gates i, f, g, o)")
        object.__setattr__(self, "W", checked_array("LSTM", "W", self.W, (rows, None)))
        object.__setattr__(self, "R", checked_array("LSTM", "R", self.R, (rows, rows // GATES)))

    @property
    def inputs(self) -> int:
        return int(self.W.shape[1])

    @property
    def units(self) -> int:
        return int(self.R.shape[1])

    @property
    def columns(self) -> int:
        return self.inputs + self.units

    def result(self, source: Shape) -> Shape:
        check_width("LSTM", self.inputs, source)
        return Shape(1, self.units)

    def parts(self, source: Shape) -> tuple[Part, ...]:  # noqa: ARG002 - of its own size
        return Part("h", (self.units,)), Part("c", (self.units,))

    def macs(self, source: Shape) -> int:  # noqa: ARG002
        return int(self.W.size + self.R.size)

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:  # noqa: ARG002
        frames, batch, _ = x.shape
        H = self.units
        R, b = self.R.astype(x.dtype).T, self.b.astype(x.dtype)
        z = x @ self.W.astype(x.dtype).T + b
        h, c = np.empty((frames, batch, H), x.dtype), np.empty((frames, batch, H), x.dtype)
        h_old, c_old = (np.zeros((batch, H), x.dtype) if state is None else state[name] for name in ("h", "c"))
        for t in range(frames):
            gates = z[t] + h_old @ R
            i, f, o = (sigmoid(gates[:, k * H : (k + 1) * H]) for k in (0, 1, 3))
            c[t] = f * c_old + i * np.tanh(gates[:, 2 * H : 3 * H])
            h[t] = o * np.tanh(c[t])
            h_old, c_old = h[t], c[t]
        return Run(h, {"h": h, "c": c})
