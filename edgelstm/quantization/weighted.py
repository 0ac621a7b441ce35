"""What integer layers with weights share: one matrix over the input, or a second one over what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers.layer import Activation
from edgelstm.quantization.affine import Affine
from edgelstm.quantization.fixed_point import clip8
from edgelstm.quantization.layer import Int64, QuantizedLayer, Values
from edgelstm.quantization.matrix import (
    Multipliers,
    gate_multipliers,
    real_bias,
    refuse_overflow,
    result_multipliers,
)


class WeightedLayer(QuantizedLayer):
    """With a matrix over its input."""

    W: NDArray[np.int8]  # (rows, n)
    bias: NDArray[np.int32]  # (rows,), in units of input.scale * W_scale
    W_scale: NDArray[np.float32]  # (rows,)
    input: Affine

    @property
    def inputs(self) -> int:
        return int(self.W.shape[1])

    @property
    def takes(self) -> Affine:
        return self.input

    def entering(self, x: Values) -> Values:
        return self.input.rounded(x) if self.rounds else x

    @property
    def real_bias(self) -> NDArray[np.float32]:
        """The bias with what rounding the weights gave it, for forms that add it in floats."""
        return real_bias(self.bias, self.input, self.W_scale)

    @property
    def products(self) -> Mapping[str, tuple[NDArray[np.int8], NDArray[np.int32]]]:
        return {"W": (self.W, self.bias)}


class DenseProduct(WeightedLayer):
    """Whose int32 sums become int8 results."""

    output: Affine

    if TYPE_CHECKING:  # a field of one kind, a property of another

        @property
        def activation(self) -> Activation: ...

    @property
    def outputs(self) -> int:
        return int(self.W.shape[0])

    @property
    def multipliers(self) -> Multipliers:
        """From int32 sums to int8 results."""
        return result_multipliers(self.W_scale, self.input, self.output)

    @property
    def gives(self) -> Affine:
        return self.output

    def check(self, name: str) -> None:
        refuse_overflow(name, self.W, self.input, None if self.gives_floats else self.multipliers, self.bias)

    @property
    def score_scales(self) -> NDArray[np.float32]:
        """(outputs,) float32 factors from int32 sums to real numbers: scores, or results in float32."""
        scales: NDArray[np.float32] = self.input.scale * self.W_scale
        return scales

    def finished(self, sums: Int64, activation: Activation) -> Values:
        """int32 sums (…, outputs) as results, after the activation: codes, or float32."""
        if self.gives_floats:
            reals = sums.astype(np.float32) * self.score_scales
            return np.where(reals > 0, reals, np.float32(0)) if activation == "relu" else reals
        codes = clip8(self.multipliers.apply(sums) + self.output.zero_point)
        return np.maximum(codes, self.output.zero_point) if activation == "relu" else codes


class GatedLayer(WeightedLayer):
    """Whose gates are sums of a product with its input and one with its own int8 h."""

    R: NDArray[np.int8]  # (rows, units)
    R_scale: NDArray[np.float32]  # (rows,)
    hidden: Affine  # of h, both as result and as what comes back through R

    @property
    def units(self) -> int:
        return int(self.R.shape[1])

    @property
    def back_bias(self) -> NDArray[np.int32]:
        """(rows,) what sums with R begin with, in units of hidden.scale * R_scale."""
        return np.zeros_like(self.bias)

    @property
    def gives(self) -> Affine:
        return self.hidden

    def leaving(self, codes: Int64) -> Values:
        """Codes of h as what the layer gives."""
        return self.hidden.reals(codes) if self.gives_floats else codes

    def check(self, name: str) -> None:
        by_x, by_h = gate_multipliers(self.W_scale, self.input), gate_multipliers(self.R_scale, self.hidden)
        refuse_overflow(f"{name}, W", self.W, self.input, by_x, self.bias)
        refuse_overflow(f"{name}, R", self.R, self.hidden, by_h, self.back_bias)
