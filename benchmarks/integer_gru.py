"""What an integer GRU costs in accuracy, beside an LSTM and beside other ways to keep its state.

    python benchmarks/integer_gru.py

Prints the table of `docs/integer-arithmetic.md`, in a minute or two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.layers import GRU, LSTM, Dense, Layer
from edgelstm.layers.gru import Reset
from edgelstm.model import Model, Normalize, Ranges
from edgelstm.quantization import QuantizedGRU, calibrate, quantize
from edgelstm.quantization.layer import IntegerRun, Walker
from edgelstm.quantization.reference import IntegerStream

SIZES = ((40, 64), (40, 128), (64, 256))
SEEDS = range(3)
CALIBRATION, FRAMES, OUTPUTS = 2400, 1200, 12

Make = Callable[[np.random.Generator, int, int], Layer]


def signal(frames: int, features: int, seed: int) -> NDArray[np.float32]:
    """(frames, features): slow sines and noise."""
    rng = np.random.default_rng([seed, features, 99])
    t = np.arange(frames)[:, None]
    x = 0.4 * rng.normal(size=(frames, features))
    for _ in range(3):
        x += np.sin(2 * np.pi * (t / rng.uniform(10, 150, features) + rng.uniform(size=features)))
    return x.astype(np.float32)


def weights(rng: np.random.Generator, gates: int, features: int, units: int) -> tuple[NDArray[np.float64], ...]:
    """W, R and b; rows differ in size log-normally, as in trained models."""
    row = np.exp(0.35 * rng.normal(size=(gates * units, 1)))
    W = 0.6 / np.sqrt(features) * row * rng.normal(size=(gates * units, features))
    R = 0.8 / np.sqrt(units) * row * rng.normal(size=(gates * units, units))
    return W, R, 0.3 * rng.normal(size=gates * units)


def lstm(rng: np.random.Generator, features: int, units: int) -> Layer:
    W, R, b = weights(rng, 4, features, units)
    b[units : 2 * units] += 1
    return LSTM(W, R, b)


def gru(reset: Reset) -> Make:
    def make(rng: np.random.Generator, features: int, units: int) -> Layer:
        W, R, b = weights(rng, 3, features, units)
        b[:units] += 1
        return GRU(W, R, b, 0.3 * rng.normal(size=units) if reset == "after" else np.zeros(units), reset)

    return make


def made(make: Make, features: int, units: int, seed: int) -> Model:
    rng = np.random.default_rng([seed, features, units])
    layer = make(rng, features, units)
    head = Dense(2 / np.sqrt(units) * rng.normal(size=(OUTPUTS, units)), 0.2 * rng.normal(size=OUTPUTS))
    x = signal(CALIBRATION, features, seed)
    return calibrate(Model(Normalize(x.mean(axis=0), x.std(axis=0)), (layer, head), "linear"), [x])


def as_it_is(model: Model, seed: int) -> float:
    """Relative error of the scores."""
    frames = signal(FRAMES, model.features, seed + 50)
    exact = forward.forward(model, frames).scores
    found = IntegerStream(quantize(model)).push(frames).scores
    return float(np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2)))


def at_a_fixed_scale(model: Model, seed: int) -> float:
    """h's int8 at 2^-7, whatever its range."""
    assert model.ranges is not None
    return as_it_is(replace(model, ranges=Ranges({**model.ranges.spans, "gru0": (-1.0, 127 / 128)})), seed)


def in_int8_alone(model: Model, seed: int) -> float:
    """h from frame to frame as its int8 codes."""
    frames = signal(FRAMES, model.features, seed + 50)
    exact = forward.forward(model, frames).scores
    quantized = quantize(model)
    stream = IntegerStream(replace(quantized, layers=(_Coarse(quantized.layers[0]), quantized.last)))  # type: ignore[arg-type]
    found = stream.push(frames).scores
    return float(np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2)))


class _Coarse(QuantizedGRU):
    """A GRU whose state loses, after each frame, what int8 cannot hold."""

    def __init__(self, layer: QuantizedGRU):
        self.__dict__.update(vars(layer))

    def walker(self, batch: int, source: object) -> Walker:
        inner = super().walker(batch, source)  # type: ignore[arg-type]
        hidden = self.hidden

        class Rounding(Walker):
            def run(self, x: NDArray[np.int64]) -> IntegerRun:
                results = []
                for frame in x:
                    results.append(inner.run(frame[None]).result)
                    real = (results[-1][0] - hidden.zero_point) * float(hidden.scale)
                    inner.h = np.clip(np.rint(real * 2**15), -(1 << 15), (1 << 15) - 1).astype(np.int64)  # type: ignore[attr-defined]
                joined = np.concatenate(results)
                return IntegerRun(joined, {"h": joined})

        return Rounding()


COLUMNS: tuple[tuple[str, Make, Callable[[Model, int], float]], ...] = (
    ("LSTM", lstm, as_it_is),
    ("GRU, reset after", gru("after"), as_it_is),
    ("reset before", gru("before"), as_it_is),
    ("reset after, h kept in int8 alone", gru("after"), in_int8_alone),
    ("reset after, h's int8 at 2⁻⁷", gru("after"), at_a_fixed_scale),
)


def main() -> None:
    print("| inputs/units | " + " | ".join(name for name, _, _ in COLUMNS) + " |")
    print("|---" * (1 + len(COLUMNS)) + "|")
    for features, units in SIZES:
        row = [f"{features}/{units}"]
        for _, make, error in COLUMNS:
            errors = [error(made(make, features, units, seed), seed) for seed in SEEDS]
            row.append(f"{100 * np.median(errors):.2f} %")
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
