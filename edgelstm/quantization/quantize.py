"""Post-training quantization: a calibrated float model → the integer model."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from edgelstm.model import LSTM, Dense, Model, Normalize
from edgelstm.quantization.reference import Multipliers, dense_multipliers, gate_multipliers
from edgelstm.quantization.scheme import (
    Affine,
    Granularity,
    QuantizedDense,
    QuantizedLSTM,
    QuantizedModel,
)

CELL_MARGIN = 1.25
"""The cell's range is the next power of two above the largest |c| seen times this. A cell that saturates
costs far more than a bit of resolution."""

_BIAS_LIMIT = 1 << 28
"""Largest |bias| as an integer. A row whose bias dominates its weights gets a larger scale, so that bias and
products together stay inside int32 with room for zero points."""


def quantize(model: Model, granularity: Granularity = "per-row") -> QuantizedModel:
    """`model` in integers. ValueError when it has no calibration ranges."""
    if granularity not in get_args(Granularity):
        raise ValueError(f"scales: {granularity!r}, expected one of {', '.join(get_args(Granularity))}")
    if model.ranges is None:
        raise ValueError(f"model {model.name}: has no calibration ranges, which int8 needs; calibrate it first")
    activation = first = affine_from_range(*model.ranges.x)
    lstms = []
    for lstm, hidden, cell in zip(model.lstms, model.ranges.h, model.ranges.c):
        layer = _quantize_lstm(lstm, activation, affine_from_range(*hidden), cell_exponent(cell), granularity)
        lstms.append(layer)
        activation = layer.hidden
    head = []
    for dense, output in zip(model.head, model.ranges.dense):
        layer_out = _quantize_dense(dense, activation, affine_from_range(*output), granularity)
        head.append(layer_out)
        activation = layer_out.output
    scale, offset = _input_step(model.normalize, first)
    quantized = QuantizedModel(model, granularity, scale, offset, tuple(lstms), tuple(head))
    _refuse_overflow(quantized)
    return quantized


def _refuse_overflow(quantized: QuantizedModel) -> None:
    name = quantized.model.name
    for n, lstm in enumerate(quantized.lstms):
        by_x, by_h = gate_multipliers(lstm.W_scale, lstm.input), gate_multipliers(lstm.R_scale, lstm.hidden)
        _refuse_row(f"model {name}: LSTM {n}, W", lstm.W, lstm.input, by_x, lstm.bias)
        _refuse_row(f"model {name}: LSTM {n}, R", lstm.R, lstm.hidden, by_h, np.zeros_like(lstm.bias))
    for n, dense in enumerate(quantized.head[:-1]):
        _refuse_row(f"model {name}: dense {n}", dense.W, dense.input, dense_multipliers(dense), dense.bias)


def refuse_score_overflow(quantized: QuantizedModel) -> None:
    """For files whose scores are int8: ValueError where making them so could overflow."""
    last = quantized.head[-1]
    _refuse_row(f"model {quantized.model.name}: scores", last.W, last.input, dense_multipliers(last), last.bias)


def _refuse_row(row_of: str, weights: NDArray[np.int8], x: Affine, by: Multipliers, bias: NDArray[np.int32]) -> None:
    """The arithmetic shifts int32 sums left where a row's multiplier is larger than 1, and wraps. A trained model
    is far from that; one that could get there would answer wrongly without a word."""
    furthest = max(127 - x.zero_point, x.zero_point + 128)
    largest = np.abs(weights.astype(np.int64)).sum(axis=1) * furthest + np.abs(bias.astype(np.int64))
    over = np.flatnonzero(largest * 2.0 ** np.maximum(by.shift, 0) >= 2.0**31)
    if over.size:
        raise ValueError(
            f"{row_of} row {over[0]}: weights or bias so large that int8 arithmetic could overflow, "
            "expected gate sums far below 100,000"
        )


def affine_from_range(low: float, high: float) -> Affine:
    """The int8 quantization of [low, high] widened to include 0, so that 0 has an exact code."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / 255)
    if not scale > np.finfo(np.float32).tiny:
        scale = np.float32(1 / 255)
    return Affine(scale, int(np.clip(round(-128 - low / float(scale)), -128, 127)))


def cell_exponent(largest: float) -> int:
    """k such that int16 at scale 2^k holds `largest` with margin: -15 (±1) to -9 (±64)."""
    bits = math.ceil(math.log2(max(largest * CELL_MARGIN, 2.0**-20)))
    return int(np.clip(bits, 0, 6)) - 15


def _input_step(normalize: Normalize, x: Affine) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Normalization and quantization as one `a·x + b` per feature."""
    unit = normalize.std.astype(np.float64) * float(x.scale)
    return (1 / unit).astype(np.float32), (x.zero_point - normalize.mean / unit).astype(np.float32)


def _quantize_weights(
    weights: NDArray[np.float32], groups: int, smallest: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(int8 weights in [-127, 127], one float32 scale per row).

    `groups`: number of equal blocks of rows that share a scale; as many as rows = each its own.
    `smallest`: (rows,) floor of the scale.
    """
    rows = len(weights)
    largest = np.abs(weights).max(axis=1).astype(np.float64) / 127
    if smallest is not None:
        largest = np.maximum(largest, smallest)
    shared = np.repeat(largest.reshape(groups, -1).max(axis=1), rows // groups)
    # A row of zeros has no scale of its own; any positive one serves.
    scale = np.where(shared > np.finfo(np.float32).tiny, shared, 1 / 127).astype(np.float32)
    codes = np.clip(np.rint(weights / scale[:, None].astype(np.float64)), -127, 127)
    return codes.astype(np.int8), scale


def _smallest_scale(bias: NDArray[np.float32], x: Affine) -> NDArray[np.float64]:
    return np.abs(bias.astype(np.float64)) / (float(x.scale) * _BIAS_LIMIT)


def _quantize_bias(bias: NDArray[np.float32], x: Affine, scale: NDArray[np.float32]) -> NDArray[np.int32]:
    return np.rint(bias / (float(x.scale) * scale.astype(np.float64))).astype(np.int32)


def _quantize_lstm(layer: LSTM, x: Affine, hidden: Affine, exponent: int, granularity: Granularity) -> QuantizedLSTM:
    groups = 4 if granularity == "per-gate" else len(layer.b)
    W, W_scale = _quantize_weights(layer.W, groups, _smallest_scale(layer.b, x))
    R, R_scale = _quantize_weights(layer.R, groups)
    bias = _quantize_bias(layer.b, x, W_scale)
    return QuantizedLSTM(W, R, bias, W_scale, R_scale, x, hidden, exponent)


def _quantize_dense(layer: Dense, x: Affine, output: Affine, granularity: Granularity) -> QuantizedDense:
    groups = 1 if granularity == "per-gate" else len(layer.b)
    W, W_scale = _quantize_weights(layer.W, groups, _smallest_scale(layer.b, x))
    return QuantizedDense(W, _quantize_bias(layer.b, x, W_scale), W_scale, x, output, layer.activation)
