"""The models that are measured: LSTM layers of one width and Dense(12), with weights as trained nets have them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import GRU, LSTM, Context, Conv, Dense, Layer, Shape
from edgelstm.model import Model, Normalize
from edgelstm.quantization import calibrate

OUTPUTS = 12
CALIBRATION_FRAMES = 600


@dataclass(frozen=True)
class Size:
    features: int
    units: int
    layers: int = 1

    def __str__(self) -> str:
        return f"{self.features}/{self.units}" if self.layers == 1 else f"{self.features}/{self.layers}×{self.units}"


SIZES = (Size(40, 64), Size(40, 128), Size(64, 256), Size(64, 512), Size(40, 256, 3))


def make_model(size: Size, seed: int) -> Model:
    """Normal weights, a log-normal scale for each row, forget bias +1, linear scores; calibrated.

    Nothing is left to normalize: peers get the same frames without that step.
    """
    rng = np.random.default_rng([seed, size.features, size.units, size.layers])
    H, lstms, width = size.units, [], size.features
    for n in range(size.layers):
        rows = np.exp(0.35 * rng.normal(size=(4 * H, 1)))
        # h of a layer below is smaller than x: its weights are larger
        W = (1.2 if n else 0.6) / np.sqrt(width) * rows * rng.normal(size=(4 * H, width))
        R = 0.8 / np.sqrt(H) * rows * rng.normal(size=(4 * H, H))
        b = 0.2 * rng.normal(size=4 * H)
        b[H : 2 * H] += 1
        lstms.append(LSTM(W, R, b))
        width = H
    head = Dense(2 / np.sqrt(H) * rng.normal(size=(OUTPUTS, H)), 0.2 * rng.normal(size=OUTPUTS))
    normalize = Normalize(np.zeros(size.features), np.ones(size.features))
    signal = make_signal(CALIBRATION_FRAMES, size.features, seed + 1000)
    model = Model(normalize, (*lstms, head), "linear", name=f"bench {size}", examples=(signal,))
    return calibrate(model, model.examples)


def make_layers(features: int, words: str, seed: int) -> Model:
    """A model of these layers and Dense(12): `lstm UNITS`, `gru UNITS`, `context ROWS`, `conv TAPS CHANNELS`,
    `dense OUTPUTS` with ReLU, with a comma between. Weights as in `make_model`."""
    rng = np.random.default_rng([seed, features, *words.encode()])

    def weights(rows: int, columns: int, gain: float) -> NDArray[np.float64]:
        scale = np.exp(0.35 * rng.normal(size=(rows, 1)))
        found: NDArray[np.float64] = gain / np.sqrt(columns) * scale * rng.normal(size=(rows, columns))
        return found

    def gated(kind: type[LSTM] | type[GRU], gates: int, width: int, H: int) -> Layer:
        W, R, b = weights(gates * H, width, 0.8), weights(gates * H, H, 0.8), 0.2 * rng.normal(size=gates * H)
        return LSTM(W, R, b) if kind is LSTM else GRU(W, R, b, 0.2 * rng.normal(size=H))

    layers: list[Layer] = []
    shape = Shape(1, features)
    for kind, *numbers in (word.split() for word in f"{words}, scores {OUTPUTS}".split(", ")):
        first, *others = map(int, numbers)
        layer: Layer
        if kind == "lstm":
            layer = gated(LSTM, 4, shape.size, first)
        elif kind == "gru":
            layer = gated(GRU, 3, shape.size, first)
        elif kind == "context":
            layer = Context(first, 1)
        elif kind == "conv":
            W = weights(others[0], first * shape.channels, 1.5).reshape(others[0], first, shape.channels)
            layer = Conv(W, 0.2 * rng.normal(size=others[0]), activation="relu")
        else:
            W, b = weights(first, shape.size, 1.5), 0.2 * rng.normal(size=first)
            layer = Dense(W, b, "relu" if kind == "dense" else "linear")
        layers.append(layer)
        shape = layer.result(shape)
    signal = make_signal(CALIBRATION_FRAMES, features, seed + 1000)
    model = Model(Normalize(np.zeros(features), np.ones(features)), tuple(layers), "linear", examples=(signal,))
    return calibrate(model, model.examples)


def make_signal(frames: int, features: int, seed: int) -> NDArray[np.float32]:
    """(frames, features): slow sines of 15 to 200 frames and white noise, about unit variance."""
    rng = np.random.default_rng([seed, features])
    t = np.arange(frames)[:, None]
    x = 0.3 * rng.normal(size=(frames, features))
    for _ in range(4):
        waves = np.sin(2 * np.pi * (t / rng.uniform(15, 200, features) + rng.uniform(size=features)))
        x += rng.uniform(0.3, 0.9, features) * waves
    return x.astype(np.float32)
