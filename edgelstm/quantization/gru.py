"""The integer GRU: gates as the LSTM's, its one state h in int16 (Q0.15), and in int8 where it meets weights.

`docs/integer-arithmetic.md` holds the equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import GRU, Shape
from edgelstm.layers.gru import Reset
from edgelstm.layers.layer import Floats, before, sigmoid
from edgelstm.layers.recurrence import Recurrence
from edgelstm.model import Ranges
from edgelstm.quantization.affine import Affine, Granularity, affine_from_range, around
from edgelstm.quantization.exact import Float32
from edgelstm.quantization.fixed_point import (
    Multiplier,
    clip8,
    clip16,
    multiplier_from_real,
    rounding_shift_right,
    sigmoid16,
    tanh16,
)
from edgelstm.quantization.float_recurrence import FloatRecurrence, Products
from edgelstm.quantization.kind import recurrent_kind
from edgelstm.quantization.layer import Int64, IntegerRun, Walker
from edgelstm.quantization.matrix import (
    gate_multipliers,
    product,
    quantize_bias,
    real_bias,
    scaled,
    smallest_scale,
)
from edgelstm.quantization.rounding import Inputs, Scaled, fitted, rounded
from edgelstm.quantization.weighted import GatedLayer
from edgelstm.road import Placed


def narrowing_multiplier(hidden: Affine) -> tuple[int, int]:
    """From h in Q0.15 to its int8 codes. Rounded to float32, as the LSTM's is."""
    return multiplier_from_real(float(np.float32(2.0**-15 / float(hidden.scale))))


@dataclass(frozen=True, eq=False)
class QuantizedGRU(GatedLayer):
    """One integer GRU layer. Rows are stacked by gates z, r, n, as in `edgelstm.layers.GRU`."""

    kind = "gru"

    W: NDArray[np.int8]  # (3H, I)
    R: NDArray[np.int8]  # (3H, H)
    bias: NDArray[np.int32]  # (3H,), in units of input.scale * W_scale
    R_bias: NDArray[np.int32]  # (3H,), in units of hidden.scale * R_scale: 0 but for the rows of n
    W_scale: NDArray[np.float32]  # (3H,)
    R_scale: NDArray[np.float32]  # (3H,)
    input: Affine
    hidden: Affine  # h in int8: the result, and what meets R; h starts at 0
    reset: Reset
    h0: NDArray[np.int16] | None = None  # (H,) codes that h starts at instead

    @property
    def back_bias(self) -> NDArray[np.int32]:
        return self.R_bias

    @property
    def real_back(self) -> NDArray[np.float32]:
        """(3H,) the same of `R_bias`."""
        return real_bias(self.R_bias, self.hidden, self.R_scale)

    @property
    def products(self) -> Mapping[str, tuple[NDArray[np.int8], NDArray[np.int32]]]:
        return {"W": (self.W, self.bias), "R": (self.R, self.R_bias)}

    def walker(self, batch: int, source: Shape) -> Walker:  # noqa: ARG002 - of its own size
        return _Walker(self, batch)


def columns(layer: GRU, at: Placed, x: Floats, states: Mapping[str, Floats]) -> Floats:  # noqa: ARG001
    """What meets W and R side by side (runs, n), from its input x (runs, values) and its states by letter: x, h, and
    where the reset comes before the product, r·h."""
    h, H = before(states["h"]), layer.units
    if layer.reset == "after":
        return np.concatenate([x, h], axis=1)
    rows = slice(H, 2 * H)
    r = sigmoid(x @ layer.W[rows].T + h @ layer.R[rows].T + layer.b[rows])
    return np.concatenate([x, h, r * h], axis=1)


def quantize(
    layer: GRU,
    at: Placed,
    x: Affine,
    ranges: Ranges,
    granularity: Granularity,
    inputs: Inputs | None,
    four_bits: bool = False,
) -> QuantizedGRU:
    """`layer` in integers over inputs of the affine `x`."""
    hidden, h0 = affine_from_range(*around(ranges[at.name], layer.h0)), _first_codes(layer)
    groups = len(layer.gates) if granularity == "per-gate" else len(layer.b)
    of_W, of_R = smallest_scale(layer.b, x, layer.inputs), smallest_scale(layer.back_bias, hidden, layer.units)
    W, R = scaled(layer.W, groups, of_W, four_bits), scaled(layer.R, groups, of_R, four_bits)
    (W_codes, W_scale, gained), (R_codes, R_scale, R_gained) = _rounded(layer, W, R, inputs)
    bias = quantize_bias(layer.b + gained, x, W_scale)
    back = quantize_bias(layer.back_bias + R_gained, hidden, R_scale)
    return QuantizedGRU(
        W_codes, R_codes, bias, back, W_scale, R_scale, x, hidden, layer.reset, h0, four_bits=four_bits
    )


def _first_codes(layer: GRU) -> NDArray[np.int16] | None:
    """h after a reset; none for zeros. ValueError for what Q0.15 does not hold."""
    if layer.h0 is None:
        return None
    largest = float(np.abs(layer.h0).max())
    if largest > 1:
        raise ValueError(f"h0 reaches {largest:.4g}, more than the 1 that int8 holds; choose float32")
    return np.clip(np.rint(layer.h0.astype(np.float64) * (1 << 15)), -(1 << 15), (1 << 15) - 1).astype(np.int16)


_Found = tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float64]]


def _rounded(layer: GRU, W: Scaled, R: Scaled, inputs: Inputs | None) -> tuple[_Found, _Found]:
    """Of W and of R: integers, scales, and what the bias gains. z and r meet x and h together. The candidate meets x
    and r·h together, or else h alone, whose product the reset then scales."""
    H = layer.units
    x, h = np.arange(layer.inputs), np.arange(layer.inputs, layer.inputs + H)
    gates, candidate = slice(0, 2 * H), slice(2 * H, 3 * H)
    W_n, R_n = W.rows(candidate), R.rows(candidate)
    together: list[tuple[tuple[Scaled, ...], list[NDArray[np.intp]]]] = [((W.rows(gates), R.rows(gates)), [x, h])]
    together += [((W_n, R_n), [x, h + H])] if layer.reset == "before" else [((W_n,), [x]), ((R_n,), [h])]
    found: list[_Found] = []
    for parts, places in together:
        met = None if inputs is None else inputs.of_columns(np.concatenate(places))
        parts = fitted(parts, met)
        codes, gained = rounded(parts, met)
        gains = [gained, *(np.zeros_like(gained) for _ in parts[1:])]  # one bias takes what all of them lost
        found += [(some, part.scale, gain) for some, part, gain in zip(codes, parts, gains)]
    return _side_by_side(found[0::2]), _side_by_side(found[1::2])


def _side_by_side(found: list[_Found]) -> _Found:
    """Of the gates' rows and the candidate's."""
    codes, scales, gained = zip(*found)
    return np.concatenate(codes), np.concatenate(scales), np.concatenate(gained)


class _Walker(Walker):
    def __init__(self, layer: QuantizedGRU, batch: int):
        self.layer = layer
        self.W_multipliers = gate_multipliers(layer.W_scale, layer.input)
        self.R = layer.R.astype(np.float64)
        self.R_multipliers = gate_multipliers(layer.R_scale, layer.hidden)
        self.by = Multiplier(*narrowing_multiplier(layer.hidden))
        self.h: Int64 = np.zeros((batch, layer.units), np.int64)
        if layer.h0 is not None:
            self.h[:] = layer.h0

    def narrow(self, values: Int64) -> Int64:
        """Q0.15 → int8 codes."""
        return clip8(self.by.times(values) + self.layer.hidden.zero_point)

    def recurrent(self, codes: Int64) -> Int64:
        """int8 codes (B, H) → (B, 3H) in Q3.12, not clipped."""
        return self.R_multipliers.apply(product(self.R, codes, self.layer.hidden.zero_point) + self.layer.R_bias)

    def run(self, x: Int64) -> IntegerRun:
        layer, H = self.layer, self.layer.units
        sums = product(layer.W, x, layer.input.zero_point) + layer.bias
        from_input = clip16(self.W_multipliers.apply(sums))
        hs = np.empty((*x.shape[:2], H), np.int16)
        results = np.empty((*x.shape[:2], H), np.int64)
        for t, pre in enumerate(from_input):
            back = self.recurrent(self.narrow(self.h))
            gates = sigmoid16(clip16(pre[:, : 2 * H] + back[:, : 2 * H]))
            z, r = gates[:, :H], gates[:, H:]
            if layer.reset == "after":
                gated = rounding_shift_right(r * clip16(back[:, 2 * H :]), 15)
            else:
                gated = clip16(self.recurrent(self.narrow(rounding_shift_right(r * self.h, 15)))[:, 2 * H :])
            n = tanh16(clip16(pre[:, 2 * H :] + gated), 3)
            kept, written = rounding_shift_right(z * self.h, 15), rounding_shift_right(((1 << 15) - z) * n, 15)
            self.h = clip16(kept + written)
            hs[t], results[t] = self.h, self.narrow(self.h)
        return IntegerRun(layer.leaving(results), {"h": hs})


class _FloatWalker(FloatRecurrence):
    def __init__(self, layer: Recurrence, products: Products, batch: int, source: Shape):
        super().__init__(layer, products, batch, source)
        assert isinstance(layer, GRU)
        self.reset = layer.reset

    def step(self, from_x: Float32, _: Float32) -> tuple[Float32, ...]:
        (h,), H, one = self.state, self.units, np.float32(1)
        x_z, x_r, x_n = np.split(from_x, 3, axis=1)
        if self.reset == "after":
            h_z, h_r, h_n = np.split(self.products.back(h), 3, axis=1)
            back = self.gate(x_r + h_r) * h_n
        else:
            h_z, h_r = np.split(self.products.back(h, slice(2 * H)), 2, axis=1)
            back = self.products.back(self.gate(x_r + h_r) * h, slice(2 * H, None))
        z = self.gate(x_z + h_z)
        return (self.held(z * h + (one - z) * self.candidate(x_n + back)),)


KIND = recurrent_kind(_FloatWalker, quantize=quantize, columns=columns, takes_wide=True, extras=("h0",))
