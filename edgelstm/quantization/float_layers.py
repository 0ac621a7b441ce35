"""Kinds of layers that are floats alone: what each computes in a mixed model, to the last bit of the C core."""

from __future__ import annotations

import numpy as np

from edgelstm.layers import (
    L2,
    Activation,
    Affine,
    Last,
    LayerNorm,
    Log,
    Magnitude,
    Mean,
    OverlapAdd,
    Shape,
    Spectrum,
)
from edgelstm.layers.inverse_spectrum import InverseSpectrum
from edgelstm.layers.l2 import SHORTEST
from edgelstm.layers.log import LEAST
from edgelstm.layers.padding import padded
from edgelstm.quantization import exact
from edgelstm.quantization.exact import Float32, clamp
from edgelstm.quantization.float_functions import FUNCTIONS
from edgelstm.quantization.float_layer import MOST, MOST_SCORE, FloatLayer, FloatWalker, computing, joining
from edgelstm.quantization.kind import Kind
from edgelstm.quantization.layer import IntegerRun, Values

_MOST_SQUARE, _MOST_PART = 1e37, 1e18  # what is squared, or rooted, stays finite


class _Overlapping(FloatWalker):
    def __init__(self, layer: FloatLayer, batch: int, source: Shape):
        super().__init__(layer, source)
        self.sums = np.zeros((batch, source.size), np.float32)

    def run(self, x: Values) -> IntegerRun:
        assert isinstance(self.layer.layer, OverlapAdd)
        hop, after = self.layer.layer.hop, np.empty_like(x)
        for n, piece in enumerate(x):
            kept = clamp(self.sums[:, hop:] + piece[:, : x.shape[2] - hop], -MOST, MOST)
            self.sums = after[n] = np.concatenate([kept, piece[:, x.shape[2] - hop :]], axis=1)
        return IntegerRun(after[:, :, :hop], {"overlap": after})


class _Hearing(FloatWalker):
    """Whole numbers up to the last step, which is float32: a logarithm times its scale, and its offset."""

    def __init__(self, layer: FloatLayer, _: int, source: Shape):
        super().__init__(layer, source)
        self.states: dict[str, Values] | None = None

    def run(self, x: Values) -> IntegerRun:
        run = self.layer.layer.forward(x.astype(np.float32), self.source, self.states)
        self.states = {letter: states[-1].copy() for letter, states in run.states.items()} if len(x) else self.states
        kept = {letter: states.astype(np.int16) for letter, states in run.states.items()}
        return IntegerRun(clamp(run.result, -self.limit, self.limit), kept)


def _activation(layer: Activation, x: Float32) -> Float32:
    if layer.function == "softmax":
        powers = exact.exp(x - x.max(axis=-1, keepdims=True))
        found: Float32 = powers / exact.total(powers)
        return found
    if layer.function == "clip":
        return clamp(x, layer.low, layer.high)
    if layer.slope is not None:
        return np.where(x > 0, x, clamp(x * layer.slope, -MOST, MOST))
    return FUNCTIONS[layer.function](x)


def _affine(layer: Affine, x: Float32) -> Float32:
    found: Float32 = x * layer.scale + layer.offset
    return found


def _layer_norm(layer: LayerNorm, x: Float32) -> Float32:
    count = np.float32(x.shape[-1])
    mean = clamp(exact.total(x) / count, -MOST, MOST)
    centred = x - mean
    variance = clamp(exact.total(centred * centred) / count, 0.0, _MOST_SQUARE)
    found: Float32 = centred / exact.sqrt(variance + np.float32(layer.epsilon)) * layer.gamma + layer.beta
    return found


def _l2(_: L2, x: Float32) -> Float32:
    length = exact.sqrt(clamp(exact.total(x * x), 0.0, _MOST_SQUARE))
    found: Float32 = x / clamp(length, SHORTEST, MOST_SCORE)
    return found


def _mean(layer: Mean, x: Float32) -> Float32:
    if layer.over == "channels":
        found: Float32 = exact.total(x) / np.float32(x.shape[-1])
        return found
    sums = np.zeros_like(x[:, :, :1])
    for row in range(x.shape[2]):
        sums = sums + x[:, :, row : row + 1]
    return sums / np.float32(x.shape[2])


def _last(_: Last, x: Float32) -> Float32:
    return x[:, :, -1:]


def _magnitude(_: Magnitude, x: Float32) -> Float32:
    half = x.shape[-1] // 2
    a, b = (clamp(part, -_MOST_PART, _MOST_PART) for part in (x[..., :half], x[..., half:]))
    return exact.sqrt(a * a + b * b)


def _log(layer: Log, x: Float32) -> Float32:
    return exact.log(clamp(x * np.float32(layer.scale) + np.float32(layer.floor), LEAST, MOST_SCORE))


def _spectrum(layer: Spectrum, x: Float32) -> Float32:
    samples = padded(x.reshape(*x.shape[:2], -1, 1), layer.before, layer.after, layer.fill)[..., 0]
    rows = (samples.shape[2] - layer.size) // layer.hop + 1
    cut = samples[..., layer.hop * np.arange(rows)[:, None] + np.arange(layer.size)]
    return exact.transform(cut if layer.taper is None else cut * layer.taper)


def _inverse_spectrum(_: InverseSpectrum, x: Float32) -> Float32:
    return exact.transform_back(x)


KINDS: dict[str, Kind] = {
    "activation": Kind(computing(_activation)),
    "affine": Kind(computing(_affine)),
    "layer_norm": Kind(computing(_layer_norm)),
    "l2": Kind(computing(_l2)),
    "mean": Kind(computing(_mean)),
    "last": Kind(computing(_last)),
    "magnitude": Kind(computing(_magnitude)),
    "log": Kind(computing(_log)),
    "spectrum": Kind(computing(_spectrum)),
    "inverse_spectrum": Kind(computing(_inverse_spectrum)),
    "add": Kind(joining, float_extras=("sign",)),
    "multiply": Kind(joining),
    "concat": Kind(joining),
    "overlap_add": Kind(_Overlapping),
    "logmel": Kind(_Hearing),
}
