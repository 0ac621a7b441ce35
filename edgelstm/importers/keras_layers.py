"""Keras's layers with their weights, as layers of a model. Gates are i, f, c, o and z, r, h, by columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers import cells
from edgelstm.importers.road import Scale, Step, Word
from edgelstm.layers import Context, Conv, Dense
from edgelstm.layers.functions import Candidate, Gate

Array = NDArray[Any]
Arrays = Mapping[str, Array]

WORDS: Mapping[str, Word | None] = {
    "linear": None,
    "relu": "relu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
}
NAMES = {
    "LSTM": ("kernel", "recurrent_kernel", "bias"),
    "GRU": ("kernel", "recurrent_kernel", "bias"),
    "Dense": ("kernel", "bias"),
    "Conv1D": ("kernel", "bias"),
    "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
}
"""Keras 3 numbers the variables of a layer: their names by kind, in that order."""


def single(values: Array) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)


def _array(arrays: Arrays, name: str, sides: int) -> Array:
    found = arrays.get(name)
    if found is None or found.ndim != sides or 0 in found.shape:
        what = "missing" if found is None else f"shape {found.shape}"
        raise ValueError(f"{name}: {what}, expected an array of {sides} sides")
    if found.dtype.kind != "f":
        raise ValueError(f"{name}: {found.dtype}, expected floats: a quantized model holds its scales elsewhere")
    return found


def lstm(arrays: Arrays, gate: Gate, candidate: Candidate = "tanh") -> Step:
    """Also CuDNNLSTM, of two biases: there each gate's block, read row by row, is the transposed matrix."""
    kernel, recurrent = _array(arrays, "kernel", 2), _array(arrays, "recurrent_kernel", 2)
    H = len(recurrent)
    if recurrent.shape != (H, 4 * H) or kernel.shape[1] != 4 * H:
        raise ValueError(f"kernels {kernel.shape} and {recurrent.shape}: no LSTM")
    bias = arrays.get("bias", np.zeros(4 * H))
    if bias.shape == (8 * H,):
        W = np.concatenate([block.reshape(block.shape[::-1]) for block in np.split(kernel, 4, axis=1)])
        b, rb = np.split(bias, 2)
        return cells.lstm(W, np.concatenate(np.split(recurrent, 4, axis=1)), b, rb)
    return cells.lstm(kernel.T, recurrent.T, bias, gate=gate, candidate=candidate)


def gru(arrays: Arrays, gate: Gate, candidate: Candidate = "tanh") -> Step:
    """Two biases where the reset comes after the product, one where it comes before."""
    kernel, recurrent = _array(arrays, "kernel", 2), _array(arrays, "recurrent_kernel", 2)
    bias = arrays.get("bias", np.zeros((2, kernel.shape[1])))
    if bias.ndim == 2:
        b, rb = _array(arrays, "bias", 2) if "bias" in arrays else bias
        return cells.gru(kernel.T, recurrent.T, b, rb, gate=gate, candidate=candidate)
    return cells.gru(kernel.T, recurrent.T, bias, reset="before", gate=gate, candidate=candidate)


def dense(arrays: Arrays) -> Step:
    kernel = _array(arrays, "kernel", 2)
    return Dense(single(kernel.T), single(arrays.get("bias", np.zeros(kernel.shape[1]))))


def conv(arrays: Arrays, config: Mapping[str, Any]) -> list[Step]:
    """Causal: a context brings the frames before."""
    kernel = _array(arrays, "kernel", 3)
    if (
        config.get("padding") != "causal"
        or config.get("strides", [1]) not in ([1], 1)
        or config.get("groups", 1) != 1
    ):
        raise ValueError("padding, strides or groups, expected a causal convolution of stride 1 in one group")
    rate = config.get("dilation_rate", 1)
    dilation = rate[0] if isinstance(rate, list) and rate else rate
    if type(dilation) is not int or not 0 < dilation < 1 << 12:
        raise ValueError(f"dilation_rate {str(rate)[:20]}, expected a whole number")
    bias = arrays.get("bias", np.zeros(kernel.shape[2]))
    taps = (len(kernel) - 1) * dilation + 1
    return [Context(taps), Conv(single(kernel.transpose(2, 0, 1)), single(bias), dilation=dilation)]


def batch_norm(arrays: Arrays, epsilon: float) -> Step:
    mean, var = (_array(arrays, f"moving_{name}", 1).astype(np.float64) for name in ("mean", "variance"))
    if not (var + epsilon > 0).all():
        raise ValueError("moving_variance: a variance that is not positive")
    factor = arrays.get("gamma", np.ones_like(mean)) / np.sqrt(var + epsilon)
    return Scale(factor, arrays.get("beta", np.zeros_like(mean)) - mean * factor)
