"""Models of random layers of every kind, for laws that hold for any list of layers."""

from __future__ import annotations

import numpy as np

from edgelstm.layers import GRU, LSTM, Context, Conv, Dense, Layer, Shape
from edgelstm.model import Answer, Model, Normalize
from edgelstm.quantization import calibrate
from random_models import random_signal


def _lstm(rng: np.random.Generator, shape: Shape, times: int) -> Layer:
    H = times * int(rng.choice([1, 5, 8, 16, 17, 33]))
    W, R = 1.2 / np.sqrt(shape.size) * rng.normal(size=(4 * H, shape.size)), 0.8 / np.sqrt(H) * _square(rng, 4, H)
    return LSTM(W, R, 0.3 * rng.normal(size=4 * H))


def _gru(rng: np.random.Generator, shape: Shape, times: int) -> Layer:
    H = times * int(rng.choice([1, 5, 8, 16, 17, 33]))
    after = bool(rng.integers(2))
    W, R = 1.2 / np.sqrt(shape.size) * rng.normal(size=(3 * H, shape.size)), 0.8 / np.sqrt(H) * _square(rng, 3, H)
    rb = 0.3 * rng.normal(size=H) if after else np.zeros(H)
    return GRU(W, R, 0.3 * rng.normal(size=3 * H), rb, "after" if after else "before")


def _square(rng: np.random.Generator, gates: int, H: int) -> np.ndarray:
    return rng.normal(size=(gates * H, H))


def _context(rng: np.random.Generator, _: Shape, __: int) -> Layer:
    rows = int(rng.integers(1, 6))
    return Context(rows, int(rng.choice([1, rng.integers(1, rows + 1), rows])))


def _conv(rng: np.random.Generator, shape: Shape, times: int) -> Layer:
    dilation = int(rng.integers(1, 3))
    taps = int(rng.integers(1, (shape.rows - 1) // dilation + 2))
    outputs = times * int(rng.choice([1, 3, 8, 17]))
    W = 1.5 / np.sqrt(taps * shape.channels) * rng.normal(size=(outputs, taps, shape.channels))
    activation = ("linear", "relu")[rng.integers(2)]
    return Conv(W, 0.2 * rng.normal(size=outputs), int(rng.integers(1, 3)), dilation, activation)


def _dense(rng: np.random.Generator, shape: Shape, times: int) -> Layer:
    outputs = times * int(rng.choice([1, 4, 16, 19]))
    W = 1.5 / np.sqrt(shape.size) * rng.normal(size=(outputs, shape.size))
    return Dense(W, 0.2 * rng.normal(size=outputs), ("linear", "relu")[rng.integers(2)])


MAKE = {"lstm": _lstm, "gru": _gru, "context": _context, "conv": _conv, "dense": _dense}


def random_layers(
    seed: int, kinds: tuple[str, ...] = tuple(MAKE), *, calibrated: bool = True, times: int = 1, frames: int = 240
) -> Model:
    """One to six random layers of these kinds, at least one of them recurrent, and a dense head. Its answers come as
    one of the possible ways.

    times: so much wider. frames: that it is calibrated on."""
    rng = np.random.default_rng([seed, 7])
    features = int(rng.integers(1, 9))
    kinds = tuple(
        kind for kind in kinds if kind in MAKE
    )  # those that imported models alone have are tested elsewhere
    recurrent = [kind for kind in kinds if kind in ("lstm", "gru")]
    names = [str(rng.choice(kinds)) for _ in range(rng.integers(0, 5))]
    names.insert(int(rng.integers(0, len(names) + 1)), str(rng.choice(recurrent)))
    layers: list[Layer] = []
    shape, stride = Shape(1, features), 1
    for name in names:
        layer = MAKE[name](rng, shape, times)
        if stride * layer.every > 12:
            continue
        layers.append(layer)
        shape, stride = layer.result(shape), stride * layer.every
    outputs = int(rng.integers(1, 6))
    layers.append(
        Dense(2 / np.sqrt(shape.size) * rng.normal(size=(outputs, shape.size)), 0.2 * rng.normal(size=outputs))
    )
    signal = random_signal(frames, features, seed)
    model = Model(
        normalize=Normalize(signal.mean(axis=0), signal.std(axis=0)),
        layers=tuple(layers),
        activation=("softmax", "sigmoid", "linear")[rng.integers(3)],
        answer=_answer(rng, stride),
        labels=tuple(f"class {n}" for n in range(outputs)),
        feature_names=tuple(f"x{n}" for n in range(features)),
        sample_rate=50.0,
        examples=(signal,),
    )
    return calibrate(model, model.examples) if calibrated else model


def _answer(rng: np.random.Generator, stride: int) -> Answer:
    hop = stride * int(rng.integers(1, 4))
    ways = (Answer("last", 0, stride), Answer("last", 0, 0), Answer("last", 0, hop), Answer("mean", 0, hop))
    windows = (Answer("mean", 3 * hop, hop), Answer("mean+max", 3 * hop, hop))
    return (*ways, *windows, Answer("mean", 0, 0))[rng.integers(7)]
