"""Models with random weights, for laws that hold for any model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import LSTM, Dense
from edgelstm.model import Answer, Model, Normalize, OutputActivation
from edgelstm.quantization import calibrate


def shapes():
    """Hypothesis' features, units, outputs and activation for `random_model`."""
    from hypothesis import strategies as st

    return st.tuples(
        st.integers(1, 20),
        st.lists(st.integers(1, 40), min_size=1, max_size=3),
        st.lists(st.integers(1, 12), min_size=1, max_size=2),
        st.sampled_from(["softmax", "sigmoid", "linear"]),
    )


def random_model(
    features: int,
    units: Sequence[int],
    outputs: Sequence[int],
    *,
    seed: int = 0,
    gain: float = 1.0,
    answer: Answer = Answer(),  # noqa: B008
    activation: OutputActivation = "softmax",
    frames: int = 200,
) -> Model:
    """Rows differ in size log-normally, as in trained models. Calibrated on `random_signal(frames, features)`,
    which it carries as its example."""
    rng = np.random.default_rng([seed, features, *units, *outputs])
    lstms, width = [], features
    for H in units:
        row = np.exp(0.35 * rng.normal(size=(4 * H, 1)))
        W = gain * (1.2 if lstms else 0.6) / np.sqrt(width) * row * rng.normal(size=(4 * H, width))
        R = gain * 0.8 / np.sqrt(H) * row * rng.normal(size=(4 * H, H))
        b = 0.3 * rng.normal(size=4 * H)
        b[H : 2 * H] += 1
        lstms.append(LSTM(W, R, b))
        width = H
    head = []
    for n, count in enumerate(outputs):
        W = 2 / np.sqrt(width) * rng.normal(size=(count, width))
        last = n == len(outputs) - 1
        head.append(Dense(W, 0.2 * rng.normal(size=count), "linear" if last else "relu"))
        width = count
    signal = random_signal(frames, features, seed)
    model = Model(
        normalize=Normalize(signal.mean(axis=0), signal.std(axis=0)),
        layers=(*lstms, *head),
        activation=activation,
        answer=answer,
        labels=tuple(f"class {n}" for n in range(width)),
        feature_names=tuple(f"x{n}" for n in range(features)),
        sample_rate=50.0,
        examples=(signal,),
    )
    return calibrate(model, model.examples)


def random_signal(frames: int, features: int, seed: int = 0) -> NDArray[np.float32]:
    """(frames, features): slow sines plus noise, about unit variance."""
    rng = np.random.default_rng([seed, features, 99])
    t = np.arange(frames)[:, None]
    x = 0.4 * rng.normal(size=(frames, features))
    for _ in range(3):
        x += np.sin(2 * np.pi * (t / rng.uniform(10, 150, features) + rng.uniform(size=features)))
    return x.astype(np.float32)
