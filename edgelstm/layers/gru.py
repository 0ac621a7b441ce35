"""Gated recurrent unit: one state h, which is also the result.

    a = W·x + b                         (3H,), gates z, r, n
    z = sigmoid(a_z + R_z·h)            r = sigmoid(a_r + R_r·h)
    n = tanh(a_n + r·(R_n·h + rb))      reset after the product, as PyTorch and cuDNN have it
    n = tanh(a_n + R_n·(r·h))           reset before it, as first published
    h' = z·h + (1 - z)·n

(Cho et al. 2014; the reset after the product: Appleyard et al. 2016.) `gate` stands for another function than
sigmoid, `candidate` for another than tanh.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from edgelstm.layers.functions import FUNCTIONS
from edgelstm.layers.layer import Float32, Floats, check_choice, checked_array
from edgelstm.layers.recurrence import Recurrence

Reset = Literal["after", "before"]


@dataclass(frozen=True, eq=False)
class GRU(Recurrence):
    """One unidirectional layer of H units over I inputs. Gates are stacked by rows in the order z, r, n (update,
    reset, candidate); formats order them otherwise. Where a format has two biases for z and r, b is their sum."""

    kind = "gru"
    arrays = ("W", "R", "b", "rb")
    settings = ("reset",)
    own_arrays = ("h0",)
    letters = ("h",)
    gates = ("z", "r", "n")
    told = ("reset",)

    rb: Float32  # (H,) bias of the candidate's recurrent product; zeros where the reset comes before it
    reset: Reset = "after"
    h0: Float32 | None = field(default=None, kw_only=True)  # (H,) the state after a reset; None: zeros

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "rb", checked_array("GRU", "rb", self.rb, (self.units,)))
        check_choice("GRU", "reset", self.reset, Reset)
        if self.reset == "before" and self.rb.any():
            raise ValueError("GRU.rb: not zero, expected zeros with reset 'before': put this bias into b")

    @property
    def columns(self) -> int:
        """x and h; and the reset h beside them where that meets weights."""
        return self.inputs + self.units * (1 if self.reset == "after" else 2)

    @property
    def back_bias(self) -> Float32:
        return np.concatenate([np.zeros(2 * self.units, np.float32), self.rb])

    def run(self, x: Floats, state: tuple[Floats, ...]) -> tuple[Floats, ...]:
        steps, batch, _ = x.shape
        H, gate, candidate = self.units, FUNCTIONS[self.gate], FUNCTIONS[self.candidate]
        R, b, rb = self.R.astype(x.dtype).T, self.b.astype(x.dtype), self.rb.astype(x.dtype)
        a = x @ self.W.astype(x.dtype).T + b
        h = np.empty((steps, batch, H), x.dtype)
        (old,) = state
        for t in range(steps):
            gates = gate(a[t, :, : 2 * H] + old @ R[:, : 2 * H])
            z, r = gates[:, :H], gates[:, H:]
            back = r * (old @ R[:, 2 * H :] + rb) if self.reset == "after" else (r * old) @ R[:, 2 * H :]
            h[t] = z * old + (1 - z) * candidate(a[t, :, 2 * H :] + back)
            old = h[t]
        return (h,)
