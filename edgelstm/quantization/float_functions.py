"""Functions of one float32 value by the names that layers' settings have, to the last bit of the C core."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgelstm.quantization import exact
from edgelstm.quantization.exact import Float32, clamp


def _linear(x: Float32) -> Float32:
    return x


def _relu(x: Float32) -> Float32:
    return np.where(x > 0, x, np.float32(0))


def _hard_sigmoid(x: Float32) -> Float32:
    return clamp(np.float32(0.2) * x + np.float32(0.5), 0.0, 1.0)


def _hard_sigmoid6(x: Float32) -> Float32:
    return clamp(x * exact.share(1, 6) + np.float32(0.5), 0.0, 1.0)


FUNCTIONS: Mapping[str, Callable[[Float32], Float32]] = {
    "linear": _linear,
    "relu": _relu,
    "tanh": exact.tanh,
    "sigmoid": exact.sigmoid,
    "hard_sigmoid": _hard_sigmoid,
    "hard_sigmoid6": _hard_sigmoid6,
}
