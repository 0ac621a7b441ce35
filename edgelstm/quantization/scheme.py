"""The integer model: what quantizing makes and every int8 exporter writes.

int8 weights and activations, int16 cell state and gates, int32 sums: TFLite's integer LSTM ("8x8→16"),
equation for equation. `docs/integer-arithmetic.md` holds the equations.

A real value is `scale * (q - zero_point)`. Weights are symmetric (zero point 0) in [-127, 127].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.model import HiddenActivation, Model

Granularity = Literal["per-row", "per-gate"]
"""`per-row`: every row of a matrix has its own scale (more accurate). `per-gate`: the rows of one gate share
one, dense layers have one for all rows: what TFLite's fused operator can hold."""

GATE_FRACTION_BITS = 12
"""Gate pre-activations are int16 in Q3.12: one unit is 2^-12."""


@dataclass(frozen=True)
class Affine:
    """Quantization of an int8 activation: real = scale * (q - zero_point)."""

    scale: np.float32
    zero_point: int  # -128 to 127


@dataclass(frozen=True, eq=False)
class QuantizedLSTM:
    """One integer LSTM layer. Rows are stacked by gates i, f, g, o, as in `edgelstm.model.LSTM`."""

    W: NDArray[np.int8]  # (4H, I)
    R: NDArray[np.int8]  # (4H, H)
    bias: NDArray[np.int32]  # (4H,), in units of input.scale * W_scale, zero points not folded in
    W_scale: NDArray[np.float32]  # (4H,); within a gate all equal when per-gate
    R_scale: NDArray[np.float32]  # (4H,)
    input: Affine
    hidden: Affine  # h, both as output and as what comes back through R; h starts at its zero point
    cell_exponent: int  # c is int16 with scale 2^cell_exponent, -15 to -9; c starts at 0

    @property
    def inputs(self) -> int:
        return int(self.W.shape[1])

    @property
    def units(self) -> int:
        return int(self.R.shape[1])


@dataclass(frozen=True, eq=False)
class QuantizedDense:
    """One integer dense layer. The head's last gives float32 scores from its int32 sums in `.elstm` and ONNX."""

    W: NDArray[np.int8]  # (outputs, inputs)
    bias: NDArray[np.int32]  # (outputs,), in units of input.scale * W_scale
    W_scale: NDArray[np.float32]  # (outputs,); all equal when per-gate
    input: Affine
    output: Affine  # int8 results of a hidden layer; for the last layer, the int8 scores of TFLite's form
    activation: HiddenActivation

    @property
    def inputs(self) -> int:
        return int(self.W.shape[1])

    @property
    def outputs(self) -> int:
        return int(self.W.shape[0])


@dataclass(frozen=True, eq=False)
class QuantizedModel:
    """A whole integer model beside the float model it was made from.

    Normalization and input quantization are one float32 step without contraction, ties to even:
    `x8 = clip(rint(x * input_scale + input_offset), -128, 127)`.
    """

    model: Model
    granularity: Granularity
    input_scale: NDArray[np.float32]  # (features,): 1 / (std * s_x)
    input_offset: NDArray[np.float32]  # (features,): z_x - mean / (std * s_x)
    lstms: tuple[QuantizedLSTM, ...]
    head: tuple[QuantizedDense, ...]
