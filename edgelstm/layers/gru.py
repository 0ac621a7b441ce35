"""Gated recurrent unit: one state h, which is also the result.

    a = W·x + b                         (3H,), gates z, r, n
    z = sigmoid(a_z + R_z·h)            r = sigmoid(a_r + R_r·h)
    n = tanh(a_n + r·(R_n·h + rb))      reset after the product, as PyTorch and cuDNN have it
    n = tanh(a_n + R_n·(r·h))           reset before it, as first published
    h' = z·h + (1 - z)·n

(Cho et al. 2014; the reset after the product: Appleyard et al. 2016.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgelstm.layers.layer import (
    Float32,
    Floats,
    Layer,
    Part,
    Run,
    Shape,
    States,
    check_choice,
    check_width,
    checked_array,
    sigmoid,
)

GATES = 3
Reset = Literal["after", "before"]


@dataclass(frozen=True, eq=False)
class GRU(Layer):
    """One unidirectional layer of H units over I inputs. Gates are stacked by rows in the order z, r, n (update,
    reset, candidate); formats order them otherwise."""

    kind = "gru"
    arrays = ("W", "R", "b", "rb")
    settings = ("reset",)
    recurrent = True

    W: Float32  # (3H, I) input weights
    R: Float32  # (3H, H) recurrent weights
    b: Float32  # (3H,); where a format has two biases for z and r, their sum
    rb: Float32  # (H,) bias of the candidate's recurrent product; zeros where the reset comes before it
    reset: Reset = "after"

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", checked_array("GRU", "b", self.b, (None,)))
        rows = self.b.size
        if rows % GATES:
            raise ValueError(f"GRU.b: {rows} values, expected a multiple of 3 (gates z, r, n)")
        object.__setattr__(self, "W", checked_array("GRU", "W", self.W, (rows, None)))
        object.__setattr__(self, "R", checked_array("GRU", "R", self.R, (rows, rows // GATES)))
        object.__setattr__(self, "rb", checked_array("GRU", "rb", self.rb, (rows // GATES,)))
        check_choice("GRU", "reset", self.reset, Reset)
        if self.reset == "before" and self.rb.any():
            raise ValueError("GRU.rb: not zero, expected zeros with reset 'before': put this bias into b")

    @property
    def inputs(self) -> int:
        return int(self.W.shape[1])

    @property
    def units(self) -> int:
        return int(self.R.shape[1])

    @property
    def columns(self) -> int:
        """x and h; and the reset h beside them where that meets weights."""
        return self.inputs + self.units * (1 if self.reset == "after" else 2)

    def result(self, source: Shape) -> Shape:
        check_width("GRU", self.inputs, source)
        return Shape(1, self.units)

    def parts(self, source: Shape) -> tuple[Part, ...]:  # noqa: ARG002 - of its own size
        return (Part("h", (self.units,)),)

    def macs(self, source: Shape) -> int:  # noqa: ARG002
        return int(self.W.size + self.R.size)

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:  # noqa: ARG002
        frames, batch, _ = x.shape
        H = self.units
        R, b, rb = self.R.astype(x.dtype).T, self.b.astype(x.dtype), self.rb.astype(x.dtype)
        a = x @ self.W.astype(x.dtype).T + b
        h = np.empty((frames, batch, H), x.dtype)
        old = np.zeros((batch, H), x.dtype) if state is None else state["h"]
        for t in range(frames):
            gates = a[t, :, : 2 * H] + old @ R[:, : 2 * H]
            z, r = sigmoid(gates[:, :H]), sigmoid(gates[:, H:])
            back = r * (old @ R[:, 2 * H :] + rb) if self.reset == "after" else (r * old) @ R[:, 2 * H :]
            h[t] = z * old + (1 - z) * np.tanh(a[t, :, 2 * H :] + back)
            old = h[t]
        return Run(h, {"h": h})
