"""Layers of a mixed model that stay in float32: what each kind computes, to the last bit of the C core.

Results are held to 1e27, as the core holds them. `docs/integer-arithmetic.md` has the orders of sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from edgelstm.layers import (
    GRU,
    L2,
    LSTM,
    Activation,
    Affine,
    Context,
    Conv,
    Dense,
    Joining,
    Last,
    LayerNorm,
    Log,
    LogMel,
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
from edgelstm.quantization.context import ContextWalker
from edgelstm.quantization.exact import Float32, clamp
from edgelstm.quantization.float_functions import FUNCTIONS
from edgelstm.quantization.float_recurrence import FloatRecurrence
from edgelstm.quantization.layer import IntegerRun, MixedLayer, Values, Walker

MOST = 1e27
"""Of a result."""

MOST_SCORE = 3e38
_MOST_SQUARE, _MOST_PART = 1e37, 1e18  # what is squared, or rooted, stays finite


@dataclass(frozen=True, eq=False)
class FloatLayer(MixedLayer):
    """Any layer that no integers compute."""

    kind = "float"

    gives_scores: bool = field(default=False, kw_only=True)

    def check(self, name: str) -> None:
        """No integers, no overflow."""

    def walker(self, batch: int, source: Shape) -> Walker:
        if isinstance(self.layer, Context):
            return ContextWalker(self.layer, batch, source, 0, np.float32)
        if isinstance(self.layer, OverlapAdd):
            return _Overlapping(self, batch, source)
        if isinstance(self.layer, LogMel):
            return _Hearing(self, source)
        if isinstance(self.layer, LSTM | GRU):
            return FloatRecurrence(self.layer, batch, source)
        return FloatWalker(self, source)


class FloatWalker(Walker):
    def __init__(self, layer: FloatLayer, source: Shape):
        self.layer, self.source = layer, source
        self.limit = MOST_SCORE if layer.gives_scores else MOST

    def run(self, x: Values) -> IntegerRun:
        rows = x.reshape(*x.shape[:2], self.source.rows, self.source.channels)
        y = COMPUTED[self.layer.layer.kind](self.layer.layer, rows)
        return IntegerRun(clamp(y, -self.limit, self.limit).reshape(*x.shape[:2], -1))

    def join(self, x: Values, y: Values) -> IntegerRun:
        """Of both results that a joining layer takes."""
        layer, other = self.layer.layer, self.layer.at.other
        assert isinstance(layer, Joining)
        assert other is not None
        return IntegerRun(clamp(layer.join(x, self.source, y, other), -MOST, MOST))


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

    def __init__(self, layer: FloatLayer, source: Shape):
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


def _conv(layer: Conv, x: Float32) -> Float32:
    """With groups: the sum of a row tap after tap, channel after channel, behind its bias."""
    low = 0.0 if layer.activation == "relu" else -MOST
    rows = padded(x, layer.before, layer.after, layer.fill)
    seen = rows[:, :, layer.windows(Shape(x.shape[2], x.shape[3]))]
    if layer.groups == 1:
        return clamp(exact.product(layer.matrix, seen.reshape(*seen.shape[:3], -1), layer.b), low, MOST)
    seen = seen.reshape(*seen.shape[:4], layer.groups, -1)  # (runs, batch, rows, taps, groups, channels)
    each = layer.outputs // layer.groups
    sums = np.broadcast_to(layer.b, (*seen.shape[:3], layer.outputs))
    for tap in range(layer.taps):
        for channel in range(seen.shape[5]):
            sums = sums + layer.W[:, tap, channel] * np.repeat(seen[:, :, :, tap, :, channel], each, axis=-1)
    return clamp(sums, low, MOST)


def _dense(layer: Dense, x: Float32) -> Float32:
    sums = exact.product(layer.W, x.reshape(*x.shape[:2], 1, -1), layer.b)
    return clamp(sums, 0.0, MOST) if layer.activation == "relu" else sums


COMPUTED: dict[str, Callable[..., Float32]] = {
    "activation": _activation,
    "affine": _affine,
    "layer_norm": _layer_norm,
    "l2": _l2,
    "mean": _mean,
    "last": _last,
    "magnitude": _magnitude,
    "log": _log,
    "spectrum": _spectrum,
    "inverse_spectrum": _inverse_spectrum,
    "conv": _conv,
    "dense": _dense,
}
"""(the layer, x (runs, B, rows, channels)) → its results, with its own rows and channels."""

FLOAT_KINDS = (*COMPUTED, "lstm", "gru", "add", "multiply", "concat", "overlap_add", "context", "logmel")
"""Of layers that may stay in float32: a context does where it moves float32."""
