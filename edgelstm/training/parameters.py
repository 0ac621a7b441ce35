"""A network's parameters: how they begin, and the model that they become."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from edgelstm.layers import LSTM, Dense
from edgelstm.training.backprop import Floats, Parameters, count
from edgelstm.training.config import Network


def _uniform(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """Glorot and Bengio 2010: keeps the variance of activations and of gradients."""
    limit = np.sqrt(6 / (rows + columns))
    return rng.uniform(-limit, limit, (rows, columns))


def _orthogonal(rng: np.random.Generator, size: int) -> Floats:
    """Saxe et al. 2014: a random rotation keeps the length of what comes back."""
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return np.asarray(q * np.sign(np.diag(r)))


def initialize(
    network: Network, features: int, outputs: int, rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> Parameters:
    """Glorot input weights, orthogonal recurrent weights per gate, forget-gate bias 1, all else 0."""
    parameters: Parameters = {}
    width = features
    for n, H in enumerate(network.units):
        parameters[f"lstm{n}.W"] = np.concatenate([_uniform(rng, H, width) for _ in range(4)])
        parameters[f"lstm{n}.R"] = np.concatenate([_orthogonal(rng, H) for _ in range(4)])
        bias = np.zeros(4 * H)
        bias[H : 2 * H] = 1
        parameters[f"lstm{n}.b"] = bias
        width = H
    for n, rows in enumerate((*network.hidden, outputs)):
        parameters[f"dense{n}.W"] = _uniform(rng, rows, width)
        parameters[f"dense{n}.b"] = np.zeros(rows)
        width = rows
    return {name: value.astype(dtype) for name, value in parameters.items()}


def to_layers(parameters: Parameters) -> tuple[tuple[LSTM, ...], tuple[Dense, ...]]:
    """The layers of `edgelstm.model` with these weights (copied)."""
    lstms = tuple(LSTM(*(parameters[f"lstm{n}.{part}"] for part in "WRb")) for n in range(count(parameters, "lstm")))
    last = count(parameters, "dense") - 1
    head = tuple(
        Dense(parameters[f"dense{n}.W"], parameters[f"dense{n}.b"], "linear" if n == last else "relu")
        for n in range(last + 1)
    )
    return lstms, head
