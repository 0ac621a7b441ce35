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
from edgelstm.layers.layer import Float32, Floats
from edgelstm.layers.recurrence import Recurrence


@dataclass(frozen=True, eq=False)
class LSTM(Recurrence):
    """One unidirectional layer of H units over I inputs. Gates are stacked by rows in the order i, f, g, o (input,
    forget, cell candidate, output), PyTorch's and Keras's."""

    kind = "lstm"
    arrays = ("W", "R", "b")
    own_arrays = ("h0", "c0")
    letters = ("h", "c")
    gates = ("i", "f", "g", "o")
    measured = ("c",)

    h0: Float32 | None = field(default=None, kw_only=True)  # (H,) the state after a reset; None: zeros
    c0: Float32 | None = field(default=None, kw_only=True)  # (H,)

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
