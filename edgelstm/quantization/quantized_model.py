"""The integer model: what quantizing makes and every int8 exporter writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.model import Model
from edgelstm.quantization.affine import Affine, Granularity
from edgelstm.quantization.dense import QuantizedDense
from edgelstm.quantization.layer import QuantizedLayer

Weights = Literal["int8", "int4"]


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
    weights: Weights = "int8"  # int4: all layers with weights but the last have four bits
    float_input: bool = False  # frames are not quantized: `clip((x - input_mean) * input_scale, -1e6, 1e6)`

    @property
    def input(self) -> Affine:
        """Of the quantized frame, where there is one: not with `float_input`."""
        first = self.layers[0].takes
        assert first is not None
        return first

    @property
    def input_type(self) -> Literal["int8", "int16", "float32"]:
        """Of the frame that the first layer takes."""
        if self.float_input:
            return "float32"
        return "int8" if self.input.bits == 8 else "int16"

    @property
    def last(self) -> QuantizedDense:
        """The layer whose results are the scores, where integers compute them: all but mixed models."""
        last = self.layers[-1]
        assert isinstance(last, QuantizedDense)
        return last
