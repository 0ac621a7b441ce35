"""Entries of an `.elstm` file's layer table for layers of floats alone, and what LSTM and GRU layers have beyond
plain ones."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.elstm_entry import Entry
from edgelstm.layers import (
    GRU,
    LSTM,
    Activation,
    Add,
    Affine,
    InverseSpectrum,
    Layer,
    LayerNorm,
    Log,
    LogMel,
    Mean,
    Spectrum,
)
from edgelstm.road import Placed

_FUNCTIONS = ("linear", "relu", "tanh", "sigmoid", "hard_sigmoid", "hard_sigmoid6", "leaky_relu", "clip", "softmax")
_GATES = {"sigmoid": 0, "hard_sigmoid": 4, "hard_sigmoid6": 5}
_CANDIDATES = {"tanh": 0, "relu": 1, "linear": 15}
_CANDIDATE_SHIFT, _ANEW = 4, 256


def recurrence(layer: LSTM | GRU, at: Placed) -> tuple[int, int]:
    """The second and the third own field of a layer: whether it takes rows one after another, and its functions."""
    functions = _GATES[layer.gate] | _CANDIDATES[layer.candidate] << _CANDIDATE_SHIFT
    return int(at.result.rows > 1), functions | (0 if layer.carry else _ANEW)


def first_states(layer: LSTM | GRU) -> bytes:
    """h and c after a reset; none for zeros."""
    given = [getattr(layer, name) for name in layer.own_arrays]
    if all(values is None for values in given):
        return b""
    return b"".join(_floats(np.zeros(layer.units) if values is None else values) for values in given)


def _floats(values: NDArray[np.floating]) -> bytes:
    return values.astype("<f4").tobytes()


def _bits(value: float) -> int:
    """Of the float32 number, as a field of the table."""
    return int(struct.unpack("<i", struct.pack("<f", value))[0])


def _plain(_: Layer, __: Placed) -> Entry:
    return Entry()


def _activation(layer: Activation, _: Placed) -> Entry:
    own = (_FUNCTIONS.index(layer.function), _bits(layer.low), _bits(layer.high))
    return Entry(b"" if layer.slope is None else _floats(layer.slope), own=own)


def _affine(layer: Affine, _: Placed) -> Entry:
    return Entry(_floats(layer.scale), _floats(layer.offset))


def _layer_norm(layer: LayerNorm, _: Placed) -> Entry:
    return Entry(_floats(layer.gamma), _floats(layer.beta), own=(_bits(layer.epsilon),))


def _mean(layer: Mean, _: Placed) -> Entry:
    return Entry(own=(int(layer.over == "channels"),))


def _add(layer: Add, _: Placed) -> Entry:
    return Entry(own=(int(layer.sign == "minus"),))


def _table(size: int) -> bytes:
    """cos, then sin, of 2πk / size, (size / 2,) each."""
    angles = 2 * np.pi * np.arange(size // 2) / size
    return _floats(np.concatenate([np.cos(angles), np.sin(angles)]))


def _spectrum(layer: Spectrum, _: Placed) -> Entry:
    padding = (layer.before, layer.after, int(layer.fill == "mirror"))
    taper = b"" if layer.taper is None else _floats(layer.taper)
    return Entry(_table(layer.size), further=taper, own=(layer.size, layer.hop, 0, *padding))


def _inverse_spectrum(_: InverseSpectrum, at: Placed) -> Entry:
    return Entry(_table(at.result.channels))


def _log(layer: Log, _: Placed) -> Entry:
    return Entry(own=(_bits(layer.scale), _bits(layer.floor)))


def _overlap_add(_: Layer, __: Placed) -> Entry:
    return Entry(in_state=True)


def _q31(values: NDArray[np.int64]) -> bytes:
    return values.astype("<i4").tobytes()


def _filters(weights: NDArray[np.int64]) -> bytes:
    """For each band its first frequency and how many it has, uint16 each; then the weights of all. Kernels take
    fours: zeros fill a band up to these."""
    spans = []
    for row in weights:
        first, *_, last = np.flatnonzero(row).tolist() * 2
        end = min(last + 1 + (first - last - 1) % 4, len(row))
        spans.append((end + (first - end) // 4 * 4, end))
    heads = np.array([(first, end - first) for first, end in spans], "<u2")
    held = np.concatenate([row[first:end] for row, (first, end) in zip(weights, spans)])
    return heads.tobytes() + held.astype("<u2").tobytes()


def _logmel(layer: LogMel, _: Placed) -> Entry:
    tables, is_running = layer.tables, layer.level == "running"
    turns = (*tables.stages, tables.split)
    return Entry(
        _q31(np.concatenate([tables.window[0::2], tables.window[1::2]])),
        _floats(layer.scale) + _floats(layer.offset),
        b"".join(map(_q31, turns)),
        _filters(tables.weights),
        own=(layer.size, layer.window, int(is_running), *((layer.level_fall, layer.level_reach) * is_running)),
    )


FLOAT32: dict[str, Callable[..., Entry]] = {
    "activation": _activation,
    "affine": _affine,
    "layer_norm": _layer_norm,
    "l2": _plain,
    "mean": _mean,
    "last": _plain,
    "add": _add,
    "multiply": _plain,
    "concat": _plain,
    "spectrum": _spectrum,
    "inverse_spectrum": _inverse_spectrum,
    "magnitude": _plain,
    "log": _log,
    "overlap_add": _overlap_add,
    "logmel": _logmel,
}
