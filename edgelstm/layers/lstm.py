"""Long short-term memory: a cell c that lasts, guarded by gates.

    z = W·x + R·h + b                   (4H,)
    i, f, o = sigmoid(z_i, z_f, z_o)    g = tanh(z_g)
    c' = f·c + i·g                      h' = o·tanh(c')

(Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.) `gate` stands for another function than
sigmoid, `candidate` for another than tanh, in both places.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edgelstm.layers.functions import FUNCTIONS
from edgelstm.layers.layer import Float32, Floats, Shape, checked_array
from edgelstm.layers.recurrence import Recurrence

GATES = 4


@dataclass(frozen=True, eq=False)
class LSTM(Recurrence):
    """One unidirectional layer of H units over I inputs. Gates are stacked by rows in the order i, f, g, o (input,
    forget, cell candidate, output), PyTorch's and Keras's."""

    kind = "lstm"
    arrays = ("W", "R", "b")
    own_arrays = ("h0", "c0")
    letters = ("h", "c")
    measured = ("c",)

    W: Float32  # (4H, I) input weights
    R: Float32  # (4H, H) recurrent weights
    b: Float32  # (4H,) one bias; formats with two get this one and zeros
    h0: Float32 | None = field(default=None, kw_only=True)  # (H,) the state after a reset; None: zeros
    c0: Float32 | None = field(default=None, kw_only=True)  # (H,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", checked_array("LSTM", "b", self.b, (None,)))
        rows = self.b.size
        if rows % GATES:
            raise ValueError(f"LSTM.b: {rows} values, expected a multiple of 4 (gates i, f, g, o)")
        object.__setattr__(self, "W", checked_array("LSTM", "W", self.W, (rows, None)))
        object.__setattr__(self, "R", checked_array("LSTM", "R", self.R, (rows, rows // GATES)))
        self.check_recurrence("LSTM")

    @property
    def inputs(self) -> int:
        return int(self.W.shape[1])

    @property
    def units(self) -> int:
        return int(self.R.shape[1])

    @property
    def columns(self) -> int:
        return self.inputs + self.units

    def macs(self, source: Shape) -> int:
        return int(self.W.size + self.R.size) * self.runs(source)

    def run(self, x: Floats, state: tuple[Floats, ...]) -> tuple[Floats, ...]:
        steps, batch, _ = x.shape
        H, gate, candidate = self.units, FUNCTIONS[self.gate], FUNCTIONS[self.candidate]
        R, b = self.R.astype(x.dtype).T, self.b.astype(x.dtype)
        z = x @ self.W.astype(x.dtype).T + b
        h, c = np.empty((steps, batch, H), x.dtype), np.empty((steps, batch, H), x.dtype)
        h_old, c_old = state
        for t in range(steps):
            gates = z[t] + h_old @ R
            both, o = gate(gates[:, : 2 * H]), gate(gates[:, 3 * H :])
            c[t] = both[:, H:] * c_old + both[:, :H] * candidate(gates[:, 2 * H : 3 * H])
            h[t] = o * candidate(c[t])
            h_old, c_old = h[t], c[t]
        return h, c
