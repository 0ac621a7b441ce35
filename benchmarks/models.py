"""The models that are measured: LSTM layers of one width and Dense(12), with weights as trained nets have them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import LSTM, Dense
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


def make_signal(frames: int, features: int, seed: int) -> NDArray[np.float32]:
    """(frames, features): slow sines of 15 to 200 frames and white noise, about unit variance."""
    rng = np.random.default_rng([seed, features])
    t = np.arange(frames)[:, None]
    x = 0.3 * rng.normal(size=(frames, features))
    for _ in range(4):
        waves = np.sin(2 * np.pi * (t / rng.uniform(15, 200, features) + rng.uniform(size=features)))
        x += rng.uniform(0.3, 0.9, features) * waves
    return x.astype(np.float32)
