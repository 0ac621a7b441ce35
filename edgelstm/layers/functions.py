"""Functions of one value, by the names that layers' settings have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from edgelstm.layers.layer import Floats, sigmoid

Gate = Literal["sigmoid", "hard_sigmoid", "hard_sigmoid6"]
"""What becomes of a gate: `hard_sigmoid` is clip(0.2·x + 0.5), Keras 1's and 2's, `hard_sigmoid6` clip(x/6 + 0.5),
Keras 3's and PyTorch's."""

Candidate = Literal["tanh", "linear", "relu"]
"""What becomes of what a gate lets in; in an LSTM also of the cell that it lets out."""


def _hard(slope: float) -> Callable[[Floats], Floats]:
    def clipped(x: Floats) -> Floats:
        return np.clip(x * x.dtype.type(slope) + x.dtype.type(0.5), 0, 1)

    return clipped


def _linear(x: Floats) -> Floats:
    return x


def _relu(x: Floats) -> Floats:
    return np.maximum(x, x.dtype.type(0))


def _tanh(x: Floats) -> Floats:
    return np.tanh(x)


FUNCTIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "linear": _linear,
    "relu": _relu,
    "tanh": _tanh,
    "sigmoid": sigmoid,
    "hard_sigmoid": _hard(0.2),
    "hard_sigmoid6": _hard(1 / 6),
}
