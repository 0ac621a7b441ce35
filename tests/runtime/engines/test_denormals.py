"""Numbers below 1.2e-38, with which processors take many times as long: no state stays there, no weight is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgelstm import forward
from edgelstm.export import FORMS, export_model
from edgelstm.export.denormals import without_denormals
from edgelstm.export.elstm import FLOAT32
from edgelstm.layers import GRU, LSTM, Dense
from edgelstm.model import Answer, Model, Normalize
from edgelstm.runtime import Model as RuntimeModel
from edgelstm.runtime import kernel_name
from random_models import random_model, random_signal

FEATURES, UNITS, FRAMES = 5, 19, 2400
TINY = np.finfo(np.float32).tiny


def decaying(kind: str) -> Model:
    """Biases open the gate that keeps and nothing else: without input the state loses a twentieth in each frame."""
    rng = np.random.default_rng(2)
    gates = {"lstm": 4, "after": 3, "before": 3}[kind]
    W, R = rng.normal(size=(gates * UNITS, FEATURES)), 1e-3 * rng.normal(size=(gates * UNITS, UNITS))
    b = np.zeros(gates * UNITS)
    if kind == "lstm":
        b[UNITS : 2 * UNITS] = 3
        first: LSTM | GRU = LSTM(W, R, b)
    else:
        b[:UNITS] = 3
        first = GRU(W, R, b, np.zeros(UNITS), "after" if kind == "after" else "before")
    head = Dense(rng.normal(size=(3, UNITS)), np.array([0.1, -0.2, 0.3]))
    normalize = Normalize(np.zeros(FEATURES), np.ones(FEATURES))
    return Model(normalize, (first, head), activation="linear", answer=Answer("last", 0, 1))


def silence() -> np.ndarray:
    """Something, nothing for long, something again."""
    frames = np.zeros((FRAMES, FEATURES), np.float32)
    frames[:20], frames[-20:] = random_signal(20, FEATURES, 1), random_signal(20, FEATURES, 2)
    return frames


@pytest.mark.parametrize("kind", ["lstm", "after", "before"])
@pytest.mark.parametrize("kernel", ["scalar", "avx2", "avxvnni", "avx512vnni", "neon", "dotprod"])
def test_a_state_that_decays_ends_at_zero(
    kind: str, kernel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGELSTM_KERNEL", kernel)
    if kernel_name() != kernel:
        pytest.skip(f"{kernel} cannot run here")
    model, frames = decaying(kind), silence()
    path = tmp_path / "model.elstm"
    path.write_bytes(FLOAT32.encode(model))
    stream = RuntimeModel(path).stream()
    answers, seen = [], []
    for start in range(0, FRAMES, 20):
        answers.append(stream.push(frames[start : start + 20]))
        seen.append(np.concatenate([values.ravel() for values in stream.states().values()]))
    exact = forward.forward(model, frames).scores
    np.testing.assert_allclose(np.concatenate(answers), exact, rtol=0, atol=1e-5)
    sizes = np.abs(seen)
    assert not ((sizes > 0) & (sizes < TINY)).any()
    assert (sizes[-2] == 0).all()  # the sum of silence
    assert 0 < sizes[20].max() < 1e-3  # it took its time
    assert (sizes[-1] > 1e-3).any()


def test_weights_that_decayed_are_zeros_in_every_float_form(tmp_path: Path) -> None:
    model = random_model(FEATURES, [7], [4])
    first = model.layers[0]
    assert isinstance(first, LSTM)
    W, b = first.W.copy(), first.b.copy()
    W[::2] = np.float32(1e-40) * np.sign(W[::2])
    b[3] = np.float32(-1e-44)
    faded = replace(model, layers=(replace(first, W=W, b=b), *model.layers[1:]))
    held = without_denormals(faded).layers[0]
    assert isinstance(held, LSTM)
    assert (held.W[::2] == 0).all()
    assert held.b[3] == 0
    np.testing.assert_array_equal(held.W[1::2], W[1::2])
    assert without_denormals(model) is model
    smallest = replace(first, b=np.where(np.arange(first.b.size) % 2, TINY, -TINY))
    assert without_denormals(replace(model, layers=(smallest, *model.layers[1:]))).layers[0] is smallest
    for form in FORMS:
        if form.scales == () and form.format in ("elstm", "c"):
            done = export_model(faded, tmp_path / f"model{form.suffix}", precision=form.name)
            assert done.proof is not None
            assert done.proof.passed
    assert FLOAT32.encode(faded) == FLOAT32.encode(without_denormals(faded))
