"""What the arithmetics share whose layers are twins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.arithmetic.arithmetic import Arithmetic
from edgelstm.export.arithmetic.dequantize import Floats, real
from edgelstm.export.arithmetic.twin import Twin, Walked, calls_of, walk
from edgelstm.quantization import QuantizedModel
from edgelstm.quantization.affine import Codes
from edgelstm.quantization.reference import quantize_frames


class TwinArithmetic(Arithmetic):
    """An arithmetic whose layers are `twins`, one for each of the model's."""

    def __init__(self, quantized: QuantizedModel, twins: Sequence[Twin]):
        self.quantized, self.twins = quantized, twins

    def rounded(self, sequence: NDArray[np.float32]) -> forward.Trace:
        """Raw frames (T, features) through the model; integers in the real values that they stand for."""
        quantized = self.quantized
        x = real(quantize_frames(quantized, sequence).astype(np.float64), quantized.input)
        return walk(quantized.model, self.twins, x[None]).trace(x)

    def steps(self, codes: Codes, states: Mapping[str, Floats]) -> Walked:
        """What each call must give, by the states (calls, values) that an engine itself had after the call before."""
        return walk(self.quantized.model, self.twins, calls_of(self.quantized, codes), states)
