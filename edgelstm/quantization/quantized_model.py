"""The integer model: what quantizing makes and every int8 exporter writes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.model import Model
from edgelstm.quantization.affine import Affine, Granularity
from edgelstm.quantization.dense import QuantizedDense
from edgelstm.quantization.layer import QuantizedLayer


@dataclass(frozen=True, eq=False)
class QuantizedModel:
    """A whole integer model beside the float model it was made from.

    Normalization and input quantization are one step of three float32 roundings, no contraction, ties to even:
    `x8 = clip(rint((x - input_mean) * input_scale + input_offset), -128, 127)`. The mean goes first, so that small
    changes of large values survive. With 16-bit input they are -32768 to 32767.
    """

    model: Model
    granularity: Granularity
    input_mean: NDArray[np.float32]  # (features,)
    input_scale: NDArray[np.float32]  # (features,): 1 / (std * s_x)
    input_offset: NDArray[np.float32]  # (features,): z_x
    layers: tuple[QuantizedLayer, ...]  # as in `model.road`

    @property
    def input(self) -> Affine:
        """Of the quantized frame."""
        return self.layers[0].input

    @property
    def last(self) -> QuantizedDense:
        """The layer whose results are the scores."""
        last = self.layers[-1]
        assert isinstance(last, QuantizedDense)
        return last
