"""Models of named lists of layers: what people build, with weights at random."""

from __future__ import annotations

import numpy as np

from edgelstm.layers import GRU, LSTM, Context, Conv, Dense, Layer
from edgelstm.model import Answer, Model, Normalize
from edgelstm.quantization import calibrate
from edgelstm.road import lay
from random_models import random_signal

LISTS = {
    "lstm": "lstm",
    "two lstm": "lstm lstm",
    "three lstm": "lstm lstm lstm",
    "gru": "gru relu",
    "gru, reset first, then lstm": "first-gru lstm",
    "dense before lstm": "relu lstm",
    "causal convolution": "context-5 conv-3-2 gru lstm",
    "stacked frames": "stack-3 gru",
    "strides around": "context-4-2 conv-3 lstm context-3-2 first-gru relu",
    "convolution behind": "lstm context-6-3 conv-2-1-2 conv-3 relu",
}
"""A word is a layer: `context-ROWS-HOP`, `stack-ROWS`, `conv-TAPS-DILATION-STRIDE`, `gru` or `first-gru` by where its
reset comes, `relu` is a dense layer. A linear dense one follows."""


def layer_list(
    name: str,
    units: int = 12,
    *,
    features: int = 6,
    outputs: int = 5,
    seed: int = 0,
    answer: Answer = Answer(),  # noqa: B008
    activation: str = "softmax",
) -> Model:
    """A model of that list, calibrated on what it carries as its example. `answer` counts in rows of scores."""
    rng = np.random.default_rng([seed, features, units, outputs, *name.encode()])
    layers: list[Layer] = []
    for word in (*LISTS[name].split(), "scores"):
        shape = lay(features, tuple(layers))[-1].result if layers else None
        size, channels = (features, features) if shape is None else (shape.size, shape.channels)
        kind, *numbers = word.split("-") if not word.startswith("first") else ("first",)
        layers.append(_MAKE[kind](rng, size, channels, outputs if word == "scores" else units, *map(int, numbers)))
    stride = lay(features, tuple(layers))[-1].stride
    signal = random_signal(240, features, seed)
    model = Model(
        normalize=Normalize(signal.mean(axis=0), signal.std(axis=0)),
        layers=tuple(layers),
        activation=activation,
        answer=Answer(answer.pooling, answer.window * stride, answer.hop * stride),
        examples=(signal,),
    )
    return calibrate(model, model.examples)


def _rows(rng, rows, columns, gain):
    """Rows differ in size log-normally, as in trained models."""
    scale = np.exp(0.35 * rng.normal(size=(rows, 1)))
    return gain / np.sqrt(columns) * scale * rng.normal(size=(rows, columns))


def _lstm(rng, size, channels, units):
    b = 0.3 * rng.normal(size=4 * units)
    b[units : 2 * units] += 1
    return LSTM(_rows(rng, 4 * units, size, 0.9), _rows(rng, 4 * units, units, 0.8), b)


def _gru(rng, size, channels, units, reset="after"):
    rb = 0.3 * rng.normal(size=units) if reset == "after" else np.zeros(units)
    b = 0.3 * rng.normal(size=3 * units)
    return GRU(_rows(rng, 3 * units, size, 0.9), _rows(rng, 3 * units, units, 0.8), b, rb, reset)


def _conv(rng, size, channels, units, taps, dilation=1, stride=1):
    W = _rows(rng, min(units, 16), taps * channels, 1.5).reshape(-1, taps, channels)
    return Conv(W, 0.2 * rng.normal(size=len(W)), stride, dilation, "relu")


def _dense(rng, size, channels, units, activation="linear"):
    return Dense(_rows(rng, units, size, 1.5), 0.2 * rng.normal(size=units), activation)


_MAKE = {
    "lstm": _lstm,
    "gru": _gru,
    "first": lambda *sizes: _gru(*sizes, reset="before"),
    "context": lambda rng, size, channels, units, rows, hop=1: Context(rows, hop),
    "stack": lambda rng, size, channels, units, rows: Context(rows, rows),
    "conv": _conv,
    "relu": lambda *sizes: _dense(*sizes, activation="relu"),
    "scores": _dense,
}
