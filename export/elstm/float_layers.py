"""Kinds of layers that are floats alone, in a file."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.elstm.blocks import floats
from edgelstm.export.elstm.entry import Entry
from edgelstm.export.elstm.kind import Kind
from edgelstm.layers import (
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


def _bits(value: float) -> int:
    """Of the float32 number, as a field of the table."""
    return int(struct.unpack("<i", struct.pack("<f", value))[0])


def _plain(_: Layer, __: Placed) -> Entry:
    return Entry()


def _activation(layer: Activation, _: Placed) -> Entry:
    own = (_FUNCTIONS.index(layer.function), _bits(layer.low), _bits(layer.high))
    return Entry(b"" if layer.slope is None else floats(layer.slope), own=own)


def _affine(layer: Affine, _: Placed) -> Entry:
    return Entry(floats(layer.scale), floats(layer.offset))


def _layer_norm(layer: LayerNorm, _: Placed) -> Entry:
    return Entry(floats(layer.gamma), floats(layer.beta), own=(_bits(layer.epsilon),))


def _mean(layer: Mean, _: Placed) -> Entry:
    return Entry(own=(int(layer.over == "channels"),))


def _add(layer: Add, _: Placed) -> Entry:
    return Entry(own=(int(layer.sign == "minus"),))


def _table(size: int) -> bytes:
    """cos, then sin, of 2πk / size, (size / 2,) each."""
    angles = 2 * np.pi * np.arange(size // 2) / size
    return floats(np.concatenate([np.cos(angles), np.sin(angles)]))


def _spectrum(layer: Spectrum, _: Placed) -> Entry:
    padding = (layer.before, layer.after, int(layer.fill == "mirror"))
    taper = b"" if layer.taper is None else floats(layer.taper)
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
        floats(layer.scale) + floats(layer.offset),
        b"".join(map(_q31, turns)),
        _filters(tables.weights),
        own=(layer.size, layer.window, int(is_running), *((layer.level_fall, layer.level_reach) * is_running)),
    )


KINDS: Mapping[str, Kind] = {
    "activation": Kind(6, _activation),
    "affine": Kind(7, _affine),
    "layer_norm": Kind(8, _layer_norm),
    "l2": Kind(9, _plain),
    "mean": Kind(10, _mean),
    "last": Kind(11, _plain),
    "add": Kind(12, _add, extras=("sign",)),
    "multiply": Kind(13, _plain),
    "concat": Kind(14, _plain),
    "spectrum": Kind(15, _spectrum),
    "inverse_spectrum": Kind(16, _inverse_spectrum),
    "magnitude": Kind(17, _plain),
    "log": Kind(18, _log),
    "overlap_add": Kind(19, _overlap_add),
    "logmel": Kind(20, _logmel),
}
