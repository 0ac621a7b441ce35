"""The integer model with gates, cell and sums in floats: what the ONNX form `int8-portable` computes, in float64.

x, h and the results of hidden dense layers are rounded to the model's int8 values; weights are its integers times
their scales; biases are the float model's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.arithmetic.dequantize import Floats, before, inputs, rounded, rows
from edgelstm.quantization.reference import quantize_frames
from edgelstm.quantization.scheme import QuantizedLSTM, QuantizedModel


def float_gates_forward(quantized: QuantizedModel, sequence: NDArray[np.float32]) -> forward.Trace:
    """Raw frames (T, features) through the model; h in the real values of its integers."""
    x = flow = inputs(quantized, quantize_frames(quantized, sequence))
    hs, cs = [], []
    for layer, source in zip(quantized.lstms, quantized.model.lstms):
        from_x, R = flow @ rows(layer.W, layer.W_scale).T + source.b, rows(layer.R, layer.R_scale)
        h: Floats = np.zeros(layer.units)
        c: Floats = np.zeros(layer.units)
        h_after, c_after = np.empty((2, len(x), layer.units))
        for t, z in enumerate(from_x):
            o, c = _cell(z + R @ h, c)
            h = _output(o, c, layer)
            h_after[t], c_after[t] = h, c
        hs.append(h_after)
        cs.append(c_after)
        flow = h_after
    return forward.Trace(x, tuple(hs), tuple(cs), _head(quantized, flow))


def float_gates_steps(
    quantized: QuantizedModel, codes: NDArray[np.int8], h: Sequence[Floats], c: Sequence[Floats]
) -> tuple[forward.Trace, list[float]]:
    """What each frame must give, by the states (T, units) that an engine itself had after the frame before; h by the
    engine's own new c. What falls to the other side of a rounding's edge cannot add up here.

    codes: (T, features) as the engine had them. Also the largest terms of each layer's gate sums.
    """
    x = flow = inputs(quantized, codes)
    hs, cs, largest = [], [], []
    for layer, source, h_after, c_after in zip(quantized.lstms, quantized.model.lstms, h, c):
        from_x, from_h = flow @ rows(layer.W, layer.W_scale).T, before(h_after) @ rows(layer.R, layer.R_scale).T
        o, new_c = _cell(from_x + source.b + from_h, before(c_after))
        hs.append(_output(o, c_after, layer))
        cs.append(new_c)
        largest.append(float((np.abs(from_x) + np.abs(source.b) + np.abs(from_h)).max()))
        flow = h_after
    return forward.Trace(x, tuple(hs), tuple(cs), _head(quantized, flow)), largest


def _cell(z: Floats, c: Floats) -> tuple[Floats, Floats]:
    """Gate sums (…, 4·units) and c → what o is the sigmoid of, and the new c."""
    i, f, g, o = np.split(z, 4, axis=-1)
    return o, forward.sigmoid(f) * c + forward.sigmoid(i) * np.tanh(g)


def _output(o: Floats, c: Floats, layer: QuantizedLSTM) -> Floats:
    return rounded(forward.sigmoid(o) * np.tanh(c), layer.hidden)


def _head(quantized: QuantizedModel, x: Floats) -> tuple[Floats, ...]:
    results = []
    for layer, source in zip(quantized.head, quantized.model.head):
        y = x @ rows(layer.W, layer.W_scale).T + source.b
        results.append(np.maximum(y, 0) if layer.activation == "relu" else y)
        x = rounded(results[-1], layer.output)
    return tuple(results)
