"""Layers that imported models bring, as ONNX: onnxruntime against the equations in float64, from random lists."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from counts import times
from edgelstm.export import find_form
from edgelstm.export.onnx.float_layers import FLOAT_LAYERS
from edgelstm.export.parity.proof import prove
from edgelstm.importers.choices import Choices
from edgelstm.importers.proof import prove as prove_import
from edgelstm.importers.read import read_model
from edgelstm.layers import GRU, LSTM, Activation, Affine, Context, Conv, Dense, Last, LayerNorm, Multiply
from edgelstm.model import Answer, Model, Normalize
from random_float_layers import random_float_layers
from random_models import random_signal

pytest.importorskip("onnxruntime")

FORM = find_form("onnx", "float32")
FRAMES = 31


def held(kinds: set[str]) -> Iterator[Model]:
    """Random models that the form holds, each with a kind of `kinds` that none before had."""
    seeds = count()
    while kinds:
        model = random_float_layers(next(seeds))
        if FORM.why_not(model) is None and kinds.intersection(layer.kind for layer in model.layers):
            kinds -= {layer.kind for layer in model.layers}
            yield model


def proven(model: Model, path: Path) -> None:
    path.write_bytes(FORM.encode(model))
    proof = prove(path, FORM, model, [random_signal(FRAMES, model.features, 1)])
    assert proof.passed, proof.lines()


def test_every_kind_is_the_equations(tmp_path: Path) -> None:
    for model in held(set(FLOAT_LAYERS)):
        proven(model, tmp_path / "m.onnx")


def test_random_lists_are_the_equations(tmp_path: Path) -> None:
    for model in map(random_float_layers, range(times(4, 300))):
        if FORM.why_not(model) is None:
            proven(model, tmp_path / "m.onnx")


def some(*shape: int) -> np.ndarray:
    return 0.4 * np.random.default_rng(shape).normal(size=shape)


@pytest.mark.parametrize("carry", [True, False])
@pytest.mark.parametrize("make", [LSTM, GRU])
def test_rows_within_a_frame_other_gates_and_groups(tmp_path: Path, make: type, carry: bool) -> None:
    """A stack of frames, a convolution over its rows by groups, and a recurrent layer that takes row after row."""
    H, blocks = 5, 4 if make is LSTM else 3
    own = {"b": some(blocks * H)} if make is LSTM else {"b": some(blocks * H), "rb": np.zeros(H), "reset": "before"}
    layers = (
        Context(6, 3),
        Conv(some(6, 3, 2), some(6), groups=2, before=1, after=1, fill="mirror"),
        Activation("leaky_relu", slope=some(6)),
        make(some(blocks * H, 6), some(blocks * H, H), **own, gate="hard_sigmoid6", candidate="linear", carry=carry),
        Last(),
        Context(1),
        Dense(some(3, H), some(3)),
    )
    normalize = Normalize(np.zeros(4, np.float32), np.ones(4, np.float32))
    proven(Model(normalize, layers, "linear", Answer(hop=3)), tmp_path / "m.onnx")


def test_our_own_file_comes_back(tmp_path: Path) -> None:
    layers = (
        LayerNorm(1 + some(4), some(4)),
        LSTM(some(20, 4), some(20, 5), some(20)),
        Dense(some(4, 5), some(4)),
        Activation("sigmoid"),
        Multiply("layer_norm0"),
        Context(1),
        Affine(1 + some(4), some(4)),
    )
    model = Model(Normalize(np.zeros(4, np.float32), np.ones(4, np.float32)), layers, "linear")
    path = tmp_path / "m.onnx"
    path.write_bytes(FORM.encode(model))
    proof = prove_import(read_model(path, Choices()))
    assert proof.passed
    assert proof.decided


def test_first_states_are_refused_by_name() -> None:
    layers = (LSTM(some(8, 3), some(8, 2), some(8), h0=some(2)), Dense(some(1, 2), some(1)))
    model = Model(Normalize(np.zeros(3, np.float32), np.ones(3, np.float32)), layers, "linear")
    assert FORM.why_not(model) == "no lstm layer with 'h0' of its own (lstm0)"
