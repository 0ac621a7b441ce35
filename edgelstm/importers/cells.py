"""Recurrent layers as formats store them → `edgelstm.layers`: gates reordered, biases put together."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import GRU, LSTM
from edgelstm.layers.functions import Candidate, Gate

Array = NDArray[Any]


def reordered(array: Array, found: str, wanted: str) -> Array:
    """Blocks of rows named by letters, `found`, in the order `wanted`. ValueError where they are no such blocks."""
    rows = _rows(array)
    if rows % len(found):
        raise ValueError(f"{rows} rows, expected a multiple of {len(found)} (gates {', '.join(found)})")
    blocks = dict(zip(found, np.split(array, len(found))))
    return np.concatenate([blocks[letter] for letter in wanted])


def lstm(
    W: Array,
    R: Array,
    b: Array | None,
    rb: Array | None = None,
    gates: str = "ifgo",
    h0: Array | None = None,
    c0: Array | None = None,
    gate: Gate = "sigmoid",
    candidate: Candidate = "tanh",
) -> LSTM:
    """W (4H, I), R (4H, H) and one bias or two, (4H,), their rows in blocks as `gates` says; no bias is zeros, and so
    are no states to begin with, (H,)."""
    arrays = (reordered(array, gates, "ifgo") for array in (W, R, _sum(b, rb, _rows(W))))
    return LSTM(*arrays, h0=h0, c0=c0, gate=gate, candidate=candidate)


def gru(
    W: Array,
    R: Array,
    b: Array | None,
    rb: Array | None = None,
    gates: str = "zrn",
    reset: Literal["after", "before"] = "after",
    h0: Array | None = None,
    gate: Gate = "sigmoid",
    candidate: Candidate = "tanh",
) -> GRU:
    """W (3H, I), R (3H, H), the bias b and the recurrent one rb, (3H,), their rows in blocks as `gates` says. The
    candidate's two biases stay apart where the reset comes after the product."""
    b = np.zeros(_rows(W)) if b is None else b
    rb = np.zeros(_rows(W)) if rb is None else rb
    W, R, b, rb = (reordered(array, gates, "zrn") for array in (W, R, b, rb))
    H = len(W) // 3
    whole = b.astype(np.float64)
    if whole.shape != rb.shape:
        raise ValueError(f"biases {b.shape} and {rb.shape}, expected two alike")
    both = 3 * H if reset == "before" else 2 * H
    whole[:both] += rb[:both]
    last = np.zeros(H) if reset == "before" else rb[2 * H :]
    return GRU(W, R, whole.astype(np.float32), last.astype(np.float32), reset, h0=h0, gate=gate, candidate=candidate)


def _rows(array: Array) -> int:
    if not array.ndim:
        raise ValueError("weights that are a single number, expected rows for each gate")
    return len(array)


def _sum(b: Array | None, rb: Array | None, rows: int) -> Array:
    found = [bias.astype(np.float64) for bias in (b, rb) if bias is not None]
    if any(bias.shape != (rows,) for bias in found):
        raise ValueError(f"biases of shape {', '.join(str(bias.shape) for bias in found)}, expected ({rows},)")
    return sum(found, np.zeros(rows))
