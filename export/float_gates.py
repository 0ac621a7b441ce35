"""The integer model with gates, cell and sums in floats: what the ONNX form `int8-portable` computes, in float64.

x, h and the results of hidden dense layers are rounded to the model's int8 values; weights are its integers times
their scales; biases are the float model's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.model import LSTM, Dense
from edgelstm.quantization.reference import quantize_frames
from edgelstm.quantization.scheme import Affine, QuantizedDense, QuantizedLSTM, QuantizedModel

Floats = NDArray[np.floating[Any]]


def float_gates_forward(quantized: QuantizedModel, sequence: NDArray[np.float32]) -> forward.Trace:
    """Raw frames (T, features) through the model; h in the real values of its integers."""
    model = quantized.model
    flow = real(quantize_frames(quantized, sequence).astype(np.float64), quantized.lstms[0].input)
    x, hs, cs, dense = flow, [], [], []
    for lstm, lstm_source in zip(quantized.lstms, model.lstms):
        h, c = _lstm(lstm, lstm_source, flow)
        hs.append(h)
        cs.append(c)
        flow = h
    for layer, source in zip(quantized.head, model.head):
        flow = _dense(layer, source, flow)
        dense.append(flow)
        flow = rounded(flow, layer.output)
    return forward.Trace(x, tuple(hs), tuple(cs), tuple(dense))


def _lstm(layer: QuantizedLSTM, source: LSTM, x: Floats) -> tuple[Floats, Floats]:
    W, R = scaled(layer.W, layer.W_scale), scaled(layer.R, layer.R_scale)
    h: Floats = np.zeros(layer.units)
    c: Floats = np.zeros(layer.units)
    hs, cs = np.empty((2, len(x), layer.units))
    for t, from_x in enumerate(x @ W.T + source.b):
        i, f, g, o = np.split(from_x + R @ h, 4)
        c = forward.sigmoid(f) * c + forward.sigmoid(i) * np.tanh(g)
        h = rounded(forward.sigmoid(o) * np.tanh(c), layer.hidden)
        hs[t], cs[t] = h, c
    return hs, cs


def _dense(layer: QuantizedDense, source: Dense, x: Floats) -> Floats:
    y: Floats = x @ scaled(layer.W, layer.W_scale).T + source.b
    return np.maximum(y, 0) if layer.activation == "relu" else y


def scaled(weights: NDArray[np.int8], scale: NDArray[np.float32]) -> Floats:
    """(rows, inputs) integers as the numbers that they stand for."""
    return weights.astype(np.float64) * scale[:, None]


def rounded(values: Floats, affine: Affine) -> Floats:
    """To the nearest of the 256 values that `affine` has."""
    return real(np.clip(np.rint(values / float(affine.scale)) + affine.zero_point, -128, 127), affine)


def real(codes: Floats, affine: Affine) -> Floats:
    return (codes - affine.zero_point) * float(affine.scale)
