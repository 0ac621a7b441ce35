"""Layers that imported models bring, as TFLite: LiteRT against the equations in float64."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from counts import times
from edgelstm.export import find_form
from edgelstm.export.parity.proof import prove
from edgelstm.export.tflite.float_layers import ONLY_FLOATS
from edgelstm.layers import (
    GRU,
    L2,
    LSTM,
    Activation,
    Add,
    Affine,
    Concat,
    Context,
    Dense,
    Last,
    Layer,
    LayerNorm,
    Log,
    Magnitude,
    Mean,
    Multiply,
)
from edgelstm.layers.activation import Function
from edgelstm.model import Answer, Model, Normalize
from random_float_layers import random_float_layers
from random_models import random_signal

pytest.importorskip("ai_edge_litert")

FORM = find_form("tflite", "float32-explicit")


def proven(model: Model, path: Path) -> None:
    path.write_bytes(FORM.encode(model))
    proof = prove(path, FORM, model, [random_signal(31, model.features, 1)])
    assert proof.passed, proof.lines()


def some(*shape: int) -> np.ndarray:
    return 0.4 * np.random.default_rng(shape).normal(size=shape)


def test_every_kind_is_the_equations(tmp_path: Path) -> None:
    """Over rows, with results from afar, behind a layer that runs three times in a call."""
    H = 5
    layers = (
        LSTM(some(4 * H, 4), some(4 * H, H), some(4 * H)),
        Context(4, 3),
        LayerNorm(1 + some(H), some(H)),
        Activation("softmax"),
        Add("context0", sign="minus"),
        L2(),
        Concat("layer_norm0"),
        Magnitude(),
        Multiply("context0"),
        Mean("rows"),
        Log(0.5, 4.0),
        Last(of="multiply0"),
        Concat("log0"),
        Activation("clip", low=-0.2, high=0.9),
        GRU(some(3 * 6, 2 * H), some(3 * 6, 6), some(3 * 6), np.zeros(6), "before"),
        Affine(1 + some(6), some(6)),
    )
    assert {layer.kind for layer in layers} >= set(ONLY_FLOATS)
    normalize = Normalize(np.zeros(4, np.float32), np.ones(4, np.float32))
    proven(Model(normalize, layers, "linear", Answer(hop=3)), tmp_path / "m.tflite")


def test_every_function_is_the_equations(tmp_path: Path) -> None:
    names = [name for name in get_args(Function) if name not in ("clip", "softmax")]
    layers: list[Layer] = [LSTM(some(16, 3), some(16, 4), some(16))]
    for name in names:
        layers += [Affine(some(4) - 2, some(4)), Activation(name, slope=some(4) if name == "leaky_relu" else None)]
    model = Model(Normalize(np.zeros(3, np.float32), np.ones(3, np.float32)), (*layers, Affine(some(4), some(4))))
    proven(model, tmp_path / "m.tflite")


def test_random_lists_are_the_equations(tmp_path: Path) -> None:
    for model in map(random_float_layers, range(times(0, 300))):
        if FORM.why_not(model) is None:
            proven(model, tmp_path / "m.tflite")


def test_what_is_not_held_is_refused_by_name() -> None:
    normalize = Normalize(np.zeros(3, np.float32), np.ones(3, np.float32))
    head = Dense(some(1, 2), some(1))
    for own, word in (({"h0": some(2)}, "h0"), ({"gate": "hard_sigmoid"}, "gate")):
        model = Model(normalize, (LSTM(some(8, 3), some(8, 2), some(8), **own), head), "linear")
        assert FORM.why_not(model) == f"no lstm layer with {word!r} of its own (lstm0)"
