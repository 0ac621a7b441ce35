"""The integer LSTM: TFLite's ("8x8→16"), equation for equation. `docs/integer-arithmetic.md` holds the equations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import LSTM, Shape
from edgelstm.layers.layer import Floats, before
from edgelstm.model import Ranges
from edgelstm.quantization.affine import Affine, Granularity, affine_from_range, around
from edgelstm.quantization.exact import Float32
from edgelstm.quantization.fixed_point import (
    MOST_TANH_BITS,
    Multiplier,
    clip8,
    clip16,
    multiplier_from_real,
    rounding_shift_right,
    sigmoid16,
    tanh16,
)
from edgelstm.quantization.float_recurrence import FloatRecurrence
from edgelstm.quantization.kind import recurrent_kind
from edgelstm.quantization.layer import Int64, IntegerRun, Walker
from edgelstm.quantization.matrix import (
    gate_multipliers,
    product,
    quantize_bias,
    scaled,
    smallest_scale,
)
from edgelstm.quantization.rounding import Inputs, fitted, rounded
from edgelstm.quantization.weighted import GatedLayer
from edgelstm.road import Placed

CELL_MARGIN = 1.25
"""The cell's range is the next power of two above the largest |c| seen times this. A cell that saturates
costs far more than a bit of resolution."""


def cell_bits(largest: float) -> int:
    """Integer bits, 0 and more, that hold a cell of up to `largest` with margin."""
    return max(math.ceil(math.log2(max(largest * CELL_MARGIN, 1.0))), 0)


def cell_exponent(largest: float) -> int:
    """k such that int16 at scale 2^k holds `largest` with margin: -15 (±1) to -5 (±1024). ValueError beyond."""
    bits = cell_bits(largest)
    if bits > MOST_TANH_BITS:
        raise ValueError(
            f"the cell reaches {largest:.4g} in calibration, times {CELL_MARGIN:g} more than the "
            f"{2**MOST_TANH_BITS} that int8 holds; choose float32, or train with a cell that forgets"
        )
    return bits - 15


def hidden_multiplier(hidden: Affine) -> tuple[int, int]:
    """From o·tanh(c), a product of two Q0.15 numbers, to int8 h. Rounded to float32, as TFLite does."""
    return multiplier_from_real(float(np.float32(2.0**-15 / float(hidden.scale) * 2.0**-15)))


@dataclass(frozen=True, eq=False)
class QuantizedLSTM(GatedLayer):
    """One integer LSTM layer. Rows are stacked by gates i, f, g, o, as in `edgelstm.layers.LSTM`."""

    kind = "lstm"

    W: NDArray[np.int8]  # (4H, I)
    R: NDArray[np.int8]  # (4H, H)
    bias: NDArray[np.int32]  # (4H,), in units of input.scale * W_scale, zero points not folded in
    W_scale: NDArray[np.float32]  # (4H,); within a gate all equal when per-gate
    R_scale: NDArray[np.float32]  # (4H,)
    input: Affine
    hidden: Affine  # h, both as output and as what comes back through R; h starts at its zero point
    cell_exponent: int  # c is int16 with scale 2^cell_exponent, -15 to -5; c starts at 0
    h0: NDArray[np.int8] | None = None  # (H,) codes that h starts at instead; with c0
    c0: NDArray[np.int16] | None = None  # (H,) the same of c

    def walker(self, batch: int, source: Shape) -> Walker:  # noqa: ARG002 - of its own size
        return _Walker(self, batch)


def columns(layer: LSTM, at: Placed, x: Floats, states: Mapping[str, Floats]) -> Floats:  # noqa: ARG001
    """What meets W and R side by side (runs, n), from its input x (runs, values) and its states by letter."""
    return np.concatenate([x, before(states["h"])], axis=1)


def quantize(
    layer: LSTM,
    at: Placed,
    x: Affine,
    ranges: Ranges,
    granularity: Granularity,
    inputs: Inputs | None,
    four_bits: bool = False,
) -> QuantizedLSTM:
    """`layer` in integers over inputs of the affine `x`."""
    groups = len(layer.gates) if granularity == "per-gate" else len(layer.b)
    smallest = smallest_scale(layer.b, x, layer.inputs)
    parts = scaled(layer.W, groups, smallest, four_bits), scaled(layer.R, groups, None, four_bits)
    W, R = fitted(parts, inputs)
    (W_codes, R_codes), gained = rounded((W, R), inputs)
    (_, _), (cell, _) = at.parts
    hidden = affine_from_range(*around(ranges[at.name], layer.h0))
    exponent = cell_exponent(max(map(abs, around(ranges[cell], layer.c0))))
    bias = quantize_bias(layer.b + gained, x, W.scale)
    first = _first_codes(layer, hidden, exponent)
    return QuantizedLSTM(W_codes, R_codes, bias, W.scale, R.scale, x, hidden, exponent, *first, four_bits=four_bits)


def _first_codes(
    layer: LSTM, hidden: Affine, exponent: int
) -> tuple[NDArray[np.int8] | None, NDArray[np.int16] | None]:
    """h and c after a reset; none for zeros."""
    if layer.h0 is None and layer.c0 is None:
        return None, None
    zeros = np.zeros(layer.units, np.float32)
    h, c = (zeros if values is None else values for values in (layer.h0, layer.c0))
    cells = np.clip(np.rint(c.astype(np.float64) * 2.0**-exponent), -(1 << 15), (1 << 15) - 1)
    return hidden.of_reals(h).astype(np.int8), cells.astype(np.int16)


class _Walker(Walker):
    def __init__(self, layer: QuantizedLSTM, batch: int):
        self.layer = layer
        self.W_multipliers = gate_multipliers(layer.W_scale, layer.input)
        self.R = layer.R.astype(np.float64)
        self.R_multipliers = gate_multipliers(layer.R_scale, layer.hidden)
        self.h_multiplier = Multiplier(*hidden_multiplier(layer.hidden))
        self.h: Int64 = np.full((batch, layer.units), layer.hidden.zero_point, np.int64)
        self.c: Int64 = np.zeros((batch, layer.units), np.int64)
        if layer.h0 is not None and layer.c0 is not None:
            self.h[:], self.c[:] = layer.h0, layer.c0

    def run(self, x: Int64) -> IntegerRun:
        layer, H = self.layer, self.layer.units
        sums = product(layer.W, x, layer.input.zero_point) + layer.bias
        from_input = clip16(self.W_multipliers.apply(sums))
        hs = np.empty((*x.shape[:2], layer.units), np.int8)
        cs = np.empty_like(hs, np.int16)
        for t, pre in enumerate(from_input):
            recurrent = self.R_multipliers.apply(product(self.R, self.h, layer.hidden.zero_point))
            gates = clip16(pre + recurrent)
            both, g, o = sigmoid16(gates[:, : 2 * H]), gates[:, 2 * H : 3 * H], gates[:, 3 * H :]
            i, f = both[:, :H], both[:, H:]
            kept = rounding_shift_right(f * self.c, 15)
            # i·g is Q0.30; c has -cell_exponent fraction bits.
            written = rounding_shift_right(i * tanh16(g, 3), 30 + layer.cell_exponent)
            self.c = clip16(kept + written)
            hidden = sigmoid16(o) * tanh16(self.c, 15 + layer.cell_exponent)
            self.h = clip8(self.h_multiplier.times(hidden) + layer.hidden.zero_point)
            hs[t], cs[t] = self.h, self.c
        return IntegerRun(layer.leaving(hs.astype(np.int64)), {"h": hs, "c": cs})


class _FloatWalker(FloatRecurrence):
    def step(self, from_x: Float32, x: Float32) -> tuple[Float32, ...]:
        h, c = self.state
        i, f, g, o = np.split(self.products.sums(from_x, x, h), 4, axis=1)
        kept, written = self.gate(f) * c, self.gate(i) * self.candidate(g)
        cell = self.held(kept + written)
        return self.held(self.gate(o) * self.candidate(cell)), cell


KIND = recurrent_kind(_FloatWalker, quantize=quantize, columns=columns, takes_wide=True, extras=("h0", "c0"))
