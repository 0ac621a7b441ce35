"""Models of random layers of every kind, also of those that are floats alone: results taken from afar, joined, rows
within a frame, states to begin with."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import islice

import numpy as np

from edgelstm.layers import (
    GRU,
    KINDS,
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
    Last,
    Layer,
    LayerNorm,
    Log,
    Magnitude,
    Mean,
    Multiply,
    OverlapAdd,
    Shape,
    Spectrum,
)
from edgelstm.model import Answer, Model, Normalize
from edgelstm.road import INPUT, lay
from random_models import random_signal

WIDEST, LONGEST_STRIDE = 150, 6
TRIES = 200
FUNCTIONS = ("relu", "leaky_relu", "tanh", "sigmoid", "hard_sigmoid", "hard_sigmoid6", "clip", "softmax")

Make = Callable[[np.random.Generator, Shape], Layer]


def _weights(rng: np.random.Generator, *shape: int, gain: float = 1.2) -> np.ndarray:
    return gain / np.sqrt(np.prod(shape[1:])) * rng.normal(size=shape)


def _recurrent(rng: np.random.Generator) -> dict[str, object]:
    gate = ("sigmoid", "sigmoid", "hard_sigmoid", "hard_sigmoid6")[rng.integers(4)]
    return {"gate": gate, "candidate": ("tanh", "tanh", "relu", "linear")[rng.integers(4)]}


def _inputs(rng: np.random.Generator, shape: Shape) -> int:
    """Of rows side by side, or of one after the other."""
    return int(rng.choice([shape.size, shape.channels]))


def _lstm(rng: np.random.Generator, shape: Shape) -> Layer:
    H, inputs, first = int(rng.choice([1, 5, 16, 17])), _inputs(rng, shape), rng.integers(2)
    initial = {"h0": 0.5 * rng.normal(size=H), "c0": rng.normal(size=H)} if first else {}
    W, R, b = _weights(rng, 4 * H, inputs), _weights(rng, 4 * H, H, gain=0.4), 0.3 * rng.normal(size=4 * H)
    return LSTM(W, R, b, **initial, **_recurrent(rng), carry=bool(rng.integers(4)))


def _gru(rng: np.random.Generator, shape: Shape) -> Layer:
    H, inputs, after = int(rng.choice([1, 5, 16, 17])), _inputs(rng, shape), bool(rng.integers(2))
    initial = {"h0": 0.5 * rng.normal(size=H)} if rng.integers(2) else {}
    W, R, b = _weights(rng, 3 * H, inputs), _weights(rng, 3 * H, H, gain=0.4), 0.3 * rng.normal(size=3 * H)
    rb = 0.3 * rng.normal(size=H) if after else np.zeros(H)
    reset = "after" if after else "before"
    return GRU(W, R, b, rb, reset, **initial, **_recurrent(rng), carry=bool(rng.integers(4)))


def _context(rng: np.random.Generator, shape: Shape) -> Layer:
    rows = int(rng.integers(1, 4))
    if rng.integers(2):
        divisors = [n for n in range(1, shape.size + 1) if shape.size % n == 0]
        width = int(rng.choice(divisors))
        return Context(shape.size // width + rows, channels=width)
    return Context(rows, int(rng.choice([1, rows])))


def _conv(rng: np.random.Generator, shape: Shape) -> Layer:
    dilation, before, after = (int(rng.integers(low, 3)) for low in (1, 0, 0))
    fill = ("zero", "mirror")[rng.integers(2)] if max(before, after) < shape.rows else "zero"
    within = before + shape.rows + after
    taps = int(rng.integers(1, (within - 1) // dilation + 2))
    groups = int(rng.choice([n for n in range(1, shape.channels + 1) if shape.channels % n == 0]))
    outputs = groups * int(rng.choice([1, 2]))
    W = _weights(rng, outputs, taps, shape.channels // groups)
    further = {"groups": groups, "before": before, "after": after, "fill": fill}
    activation = ("linear", "relu")[rng.integers(2)]
    return Conv(W, 0.2 * rng.normal(size=outputs), int(rng.integers(1, 3)), dilation, activation, **further)


def _dense(rng: np.random.Generator, shape: Shape) -> Layer:
    outputs = int(rng.choice([1, 4, 16, 19]))
    activation = ("linear", "relu")[rng.integers(2)]
    return Dense(_weights(rng, outputs, shape.size), 0.2 * rng.normal(size=outputs), activation)


def _activation(rng: np.random.Generator, shape: Shape) -> Layer:
    function = str(rng.choice(FUNCTIONS))
    low, high = (-0.5, 1.5) if function == "clip" else (0.0, 0.0)
    slope = rng.normal(size=shape.channels) if function == "leaky_relu" else None
    return Activation(function, low=low, high=high, slope=slope)


def _per_channel(kind: type[Affine] | type[LayerNorm]) -> Make:
    def make(rng: np.random.Generator, shape: Shape) -> Layer:
        return kind(1 + 0.3 * rng.normal(size=shape.channels), 0.3 * rng.normal(size=shape.channels))

    return make


def _spectrum(rng: np.random.Generator, shape: Shape) -> Layer:
    size = int(rng.choice([n for n in (4, 8, 16, 32) if n <= max(shape.size + 2, 4)]))
    before = max(size - shape.size, int(rng.integers(3)))
    fill = ("zero", "mirror")[rng.integers(2)] if before < shape.size else "zero"
    taper = np.hanning(size) + 0.1 if rng.integers(2) else None
    return Spectrum(size, int(rng.integers(1, size + 1)), taper=taper, before=before, fill=fill)


def _inverse_spectrum(_: np.random.Generator, shape: Shape) -> Layer | None:
    size = shape.channels - 2
    return InverseSpectrum() if size >= 4 and not size & (size - 1) else None


def _overlap_add(rng: np.random.Generator, shape: Shape) -> Layer:
    return OverlapAdd(shape.size, int(rng.integers(1, shape.size + 1)))


MAKE: dict[str, Callable[[np.random.Generator, Shape], Layer | None]] = {  # None: not over that shape
    "lstm": _lstm,
    "gru": _gru,
    "context": _context,
    "conv": _conv,
    "dense": _dense,
    "activation": _activation,
    "affine": _per_channel(Affine),
    "layer_norm": _per_channel(LayerNorm),
    "l2": lambda *_: L2(),
    "mean": lambda rng, _: Mean(("rows", "channels")[rng.integers(2)]),
    "last": lambda *_: Last(),
    "spectrum": _spectrum,
    "inverse_spectrum": _inverse_spectrum,
    "magnitude": lambda _, shape: None if shape.channels % 2 else Magnitude(),
    "log": lambda *_: Log(2.0, 1.5),
    "overlap_add": _overlap_add,
}
JOIN: dict[str, Callable[[np.random.Generator, str], Layer]] = {
    "add": lambda rng, other: Add(other, sign=("plus", "minus")[rng.integers(2)]),
    "multiply": lambda _, other: Multiply(other),
    "concat": lambda _, other: Concat(other),
}
OF_SAMPLES = "logmel"  # of whole numbers alone: sound_models.py
assert {*MAKE, *JOIN, OF_SAMPLES} == set(KINDS)


def _grown(rng: np.random.Generator, features: int, layers: list[Layer]) -> list[Layer]:
    """`layers` and one or two more; as they are where what was drawn does not fit."""
    road = lay(features, tuple(layers))
    shape, before = (road[-1].result, road[-1].name) if road else (Shape(1, features), INPUT)
    kind = str(rng.choice([*MAKE, *JOIN]))
    further: list[Layer] = []
    if kind in JOIN:
        further.append(JOIN[kind](rng, str(rng.choice([INPUT, *(at.name for at in road)]))))
    elif road and shape.rows == 1 and not rng.integers(4):  # a way beside, which comes back
        afar = road[int(rng.integers(len(road)))]
        outputs = int(rng.integers(1, 6))
        further.append(Dense(_weights(rng, outputs, afar.result.size), np.zeros(outputs), of=afar.name))
        further.append(Concat(before))
    elif (made := MAKE[kind](rng, shape)) is not None:
        further.append(made)
    grown = [*layers, *further]
    try:
        fits = all(at.result.size <= WIDEST and at.stride <= LONGEST_STRIDE for at in lay(features, tuple(grown)))
    except ValueError:
        return layers
    return grown if fits else layers


@lru_cache(100)
def random_float_layers(seed: int) -> Model:
    """Up to nine layers of any kind, at least one of them recurrent, and a dense or an affine one at the end."""
    for trial in range(TRIES):
        rng = np.random.default_rng([seed, trial, 11])
        features, layers = int(rng.integers(1, 9)), []
        for _ in range(int(rng.integers(2, 10))):
            layers = _grown(rng, features, layers)
        if not any(layer.recurrent for layer in layers):
            continue
        end = lay(features, tuple(layers))[-1]
        outputs = int(rng.integers(1, 6))
        last = Dense(_weights(rng, outputs, end.result.size), 0.2 * rng.normal(size=outputs))
        if end.result.rows == 1 and rng.integers(2):
            outputs = end.result.channels
            last = Affine(rng.normal(size=outputs), rng.normal(size=outputs))
        signal = random_signal(50, features, seed)
        hop = end.stride * int(rng.integers(1, 3))
        answer = (Answer("last", 0, end.stride), Answer("mean", 2 * hop, hop), Answer("last", 0, 0))[rng.integers(3)]
        normalize = Normalize(signal.mean(axis=0), signal.std(axis=0))
        try:
            return Model(normalize, (*layers, last), "linear", answer)
        except ValueError:
            continue
    raise AssertionError(f"seed {seed}: no list of layers in {TRIES} tries")


def seeds_of_every_kind(least: int) -> tuple[int, ...]:
    """`least` seeds or more whose models have every kind of the tables among them."""
    missing, chosen = {*MAKE, *JOIN}, []
    for seed in range(100 * least):
        drawn = {layer.kind for layer in random_float_layers(seed).layers}
        if missing & drawn:
            missing -= drawn
            chosen.append(seed)
        if not missing:
            break
    assert not missing, f"{', '.join(sorted(missing))}: never drawn"
    others = (seed for seed in range(100 * least) if seed not in chosen)
    return tuple(sorted((*chosen, *islice(others, max(0, least - len(chosen))))))
