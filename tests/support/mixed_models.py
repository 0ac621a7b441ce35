"""Calibrated models whose int8 form is mixed: layers in integers between those of float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from edgelstm.layers import (
    GRU,
    L2,
    LSTM,
    Activation,
    Add,
    Affine,
    Concat,
    Context,
    Conv,
    Dense,
    InverseSpectrum,
    Layer,
    LayerNorm,
    Log,
    Magnitude,
    Mean,
    Multiply,
    OverlapAdd,
    Spectrum,
)
from edgelstm.layers.recurrence import Recurrence
from edgelstm.model import Answer, Model, Normalize
from edgelstm.quantization import calibrate, quantize
from random_float_layers import random_float_layers
from random_models import random_signal

FRAMES = 240


class Weights:
    """Draws layers of the field's kinds of models, small."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng([seed, 13])

    def __call__(self, *shape: int) -> np.ndarray:
        return self.rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))

    def lstm(self, inputs: int, units: int) -> LSTM:
        return LSTM(self(4 * units, inputs), self(4 * units, units) / 2, 0.3 * self(4 * units))

    def gru(self, inputs: int, units: int) -> GRU:
        return GRU(self(3 * units, inputs), self(3 * units, units) / 2, 0.3 * self(3 * units), 0.3 * self(units))

    def dense(self, inputs: int, outputs: int) -> Dense:
        return Dense(self(outputs, inputs), 0.2 * self(outputs))

    def conv(self, channels: int, outputs: int, stride: int) -> Conv:
        return Conv(self(outputs, 3, channels), 0.2 * self(outputs), stride, 1, "relu", before=1, after=1)


def capture(of: Weights) -> tuple[Layer, ...]:
    """An LSTM beside a way that skips it, as captures of amplifiers have it."""
    return Context(1), of.lstm(3, 5), of.dense(5, 3), Add("context0"), Affine(1 + of(3), of(3))


def detector(of: Weights) -> tuple[Layer, ...]:
    """Magnitudes of spectra, convolutions, an LSTM: a detector of speech."""
    spectra = Spectrum(8, 4, taper=np.hanning(9)[:8], after=2, fill="mirror")
    convolutions = (of.conv(5, 7, 1), of.conv(7, 6, 2))
    return (
        *(Context(24, channels=1), spectra, Magnitude(), *convolutions),
        *(of.lstm(18, 17), Activation("relu"), of.dense(17, 1)),
    )


def denoiser(of: Weights) -> tuple[Layer, ...]:
    """A mask of spectra, and one of what a matrix makes of the samples: DTLN's shape, with a GRU."""
    return (
        *(Context(4), Spectrum(32, 32), Magnitude(), of.lstm(17, 12), of.lstm(12, 12), of.dense(12, 17)),
        *(Activation("sigmoid"), Multiply("activation0", of="spectrum0"), InverseSpectrum(), of.dense(32, 16)),
        *(LayerNorm(1 + of(16), of(16)), of.gru(16, 8), of.lstm(8, 8), of.dense(8, 16), Activation("tanh")),
        *(Multiply("activation1", of="dense1"), of.dense(16, 32), OverlapAdd(32, 8)),
        Affine(np.ones(8), np.zeros(8)),
    )


def depthwise(of: Weights) -> tuple[Layer, ...]:
    """Convolutions with and without groups behind logarithms, two recurrent layers side by side."""
    grouped = Conv(of(8, 3, 1), of(8), 1, 1, "relu", groups=4, before=2)
    return (
        *(Context(9, channels=4), grouped, Log(), Conv(of(6, 3, 8), of(6), 1, 2, "relu", before=1, fill="mirror")),
        *(Mean("rows"), of.lstm(6, 20), of.gru(20, 5), Concat("lstm0"), L2(), Activation("softmax")),
        of.dense(25, 3),
    )


def embedding(of: Weights) -> tuple[Layer, ...]:
    """LSTMs one upon the other, and a vector of length 1: Resemblyzer's shape."""
    return of.lstm(4, 9), of.lstm(9, 9), replace(of.dense(9, 6), activation="relu"), L2(), Affine(of(6), of(6))


SHAPES: dict[str, tuple[int, Callable[[Weights], tuple[Layer, ...]]]] = {
    "capture": (3, capture),
    "detector": (16, detector),
    "denoiser": (8, denoiser),
    "depthwise": (12, depthwise),
    "embedding": (4, embedding),
}
"""Name → features, layers."""

KEPT = ("detector kept", "denoiser kept", "depthwise kept")
INT16 = ("capture int16", "detector int16", "denoiser int16", "depthwise int16")


@lru_cache
def shaped(name: str) -> Model:
    """`NAME kept`: with its weights in float32, but for those of the last layer that has some; `NAME int16`: all with
    16 bits that can have them."""
    if name.endswith(" int16"):
        model = shaped(name.removesuffix(" int16"))
        every = [at.name for at in model.road if at.layer.columns]
        return calibrate(model, model.examples, kept=(), int16=every)
    if name.endswith(" kept"):
        model = shaped(name.removesuffix(" kept"))
        *kept, _ = [at.name for at in model.road if at.layer.columns]
        return calibrate(model, model.examples, kept=kept)
    features, layers = SHAPES[name]
    signal = random_signal(FRAMES, features, 5)
    normalize = Normalize(signal.mean(axis=0), signal.std(axis=0))
    model = Model(normalize, layers(Weights(len(name))), "linear", Answer(), examples=(signal,))
    return calibrate(model, (signal,))


@lru_cache(100)
def random_mixed(seed: int) -> Model:
    """Layers of any kind in any order; of even seeds recurrent ones plain, of odd ones some of the weights in
    float32, and some with 16 bits."""
    for trial in range(100):
        model = random_float_layers(100 * seed + trial)
        signal = random_signal(FRAMES, model.features, seed)
        try:
            plain = tuple(map(_plain, model.layers)) if seed % 2 == 0 else model.layers
            model = replace(model, layers=plain, examples=(signal,))
            weighted = [(n + seed, at.name) for n, at in enumerate(model.road) if at.layer.columns]
            kept = [name for n, name in weighted if n % 4 < 1] if seed % 2 else None
            model = calibrate(model, (signal,), kept, [name for n, name in weighted if n % 4 in (1, 2)])
            quantize(model)
        except ValueError:  # what int8 does not hold, or a road that does not allow to carry a state
            continue
        return model
    raise AssertionError(f"seed {seed}: nothing that int8 holds")


def _plain(layer: Layer) -> Layer:
    if not isinstance(layer, Recurrence):
        return layer
    return replace(layer, gate="sigmoid", candidate="tanh", carry=True)
