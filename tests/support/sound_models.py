"""Models that hear: log-mel features of samples in front of recurrent layers."""

from __future__ import annotations

import wave
from functools import lru_cache
from pathlib import Path

import numpy as np

from edgelstm.layers import LSTM, Affine, Concat, Context, Dense, LogMel
from edgelstm.layers.logmel_tables import mel_weights
from edgelstm.model import Answer, Model, Normalize
from edgelstm.quantization import calibrate

SETTINGS = {
    256: {"rate": 8000, "window": 200, "hop": 80, "size": 256, "low": 20, "high": 3800},
    512: {"rate": 16000, "window": 400, "hop": 160, "size": 512, "low": 20, "high": 7600},
    1024: {"rate": 32000, "window": 1024, "hop": 500, "size": 1024, "low": 60, "high": 16000},
}
"""By the size of the transform."""


def log_mel(size: int, bands: int = 20, **settings: object) -> LogMel:
    """With a mean and a standard deviation of its own for each band."""
    rng = np.random.default_rng(bands)
    given = {**SETTINGS[size], **settings}
    return LogMel(rng.normal(8, 2, bands), rng.uniform(1, 4, bands), **given)


def hard_sound(rate: int, seed: int = 0) -> np.ndarray:
    """Half a second each of what is hard to hear, (samples,): silence, noise soft and loud, square waves at full
    scale, a constant, a tone that climbs, and one far below a step of a sample's."""
    rng = np.random.default_rng(seed)
    n = np.arange(rate // 2)
    pieces = [
        np.zeros(len(n)),
        rng.normal(0, 1, len(n)),
        rng.normal(0, 400, len(n)),
        rng.integers(-32768, 32768, len(n)),
        np.where(rng.random(len(n)) < 0.5, -32768, 32767),
        np.where(n // 16 % 2, -32768, 32767),
        np.full(len(n), -32768),
        32767 * np.sin(np.pi * n * n / len(n) / 2),
        0.7 * np.sin(0.3 * n),
    ]
    return np.clip(np.rint(np.concatenate(pieces)), -32768, 32767)


def framed(samples: np.ndarray, hop: int) -> np.ndarray:
    """(frames, hop) float32."""
    return samples[: len(samples) // hop * hop].reshape(-1, hop).astype(np.float32)


def in_float64(layer: LogMel, samples: np.ndarray) -> np.ndarray:
    """(frames, bands) log(max(energy, 1)) by the definition, without a level."""
    line = np.concatenate([np.zeros(layer.window), samples])
    windows = np.lib.stride_tricks.sliding_window_view(line, layer.window)[layer.hop :: layer.hop]
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(layer.window) / layer.window)
    power = np.abs(np.fft.rfft(windows * taper, layer.size)) ** 2
    weights = mel_weights(layer.size, layer.rate, layer.bands, layer.low, layer.high, layer.filters)
    return np.log(np.maximum(power @ weights.T, 1))


def write_wav(path: Path, samples: np.ndarray, rate: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(samples).astype("<i2").tobytes())


def unheard(hop: int) -> Normalize:
    return Normalize(np.zeros(hop), np.ones(hop))


@lru_cache(32)
def hearing_model(size: int, level: str = "none", *, shows: bool = False) -> Model:
    """Log-mel in front of an LSTM, calibrated on half of `hard_sound`. shows: its scores are what the LSTM gives, and
    then the features themselves."""
    rng = np.random.default_rng([size, 5])
    layer = log_mel(size, level=level, fall=20, reach=40)
    units = 1 if shows else 12
    lstm = LSTM(rng.normal(size=(4 * units, 20)) / 5, rng.normal(size=(4 * units, units)) / 4, np.zeros(4 * units))
    if shows:
        layers = (layer, Context(1), lstm, Concat("context0"), Affine(np.ones(21), np.zeros(21)))
    else:
        layers = (layer, lstm, Dense(rng.normal(size=(3, units)), rng.normal(size=3)))
    frames = framed(hard_sound(layer.rate), layer.hop)
    model = Model(
        unheard(layer.hop),
        layers,
        "linear",
        Answer("last", 0, 1),
        sample_rate=layer.rate / layer.hop,
        examples=(frames,),
    )
    return calibrate(model, (frames[: len(frames) // 2],))
