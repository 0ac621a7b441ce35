"""The float TFLite form in LiteRT alone, against float64."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm import forward
from edgelstm.export.tflite_float32 import encode
from edgelstm.model import Normalize
from litert_alone import streamed
from random_models import random_model, random_signal

pytest.importorskip("ai_edge_litert")

shapes = st.tuples(
    st.integers(1, 20),
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.lists(st.integers(1, 12), min_size=1, max_size=2),
    st.sampled_from(["softmax", "sigmoid", "linear"]),
)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * max(1, np.abs(expected).max()))


@settings(max_examples=15, deadline=None)
@given(shapes, st.integers(1, 25), st.integers(0, 99))
def test_every_frame_agrees_with_float64(shape, frames, seed):
    features, units, outputs, activation = shape
    model = random_model(features, units, outputs, seed=seed, activation=activation, frames=20)
    signal = random_signal(frames, features, seed)
    exact = forward.forward(model, signal).scores
    found = streamed(encode(model), signal)
    close(found["scores"], exact)
    if activation == "linear":
        assert "probabilities" not in found
    else:
        close(found["probabilities"], forward.activate(exact, activation))


def test_the_state_is_carried_over_a_real_recording(watch_model, watch):
    signal = watch.sequences[0][:500]
    close(streamed(encode(watch_model), signal)["scores"], forward.forward(watch_model, signal).scores)


def test_features_far_from_zero_keep_their_digits():
    """The mean is taken off before anything is multiplied: 1013.25 hPa, give or take a tenth."""
    model = random_model(3, [8], [4])
    moved = model.normalize.mean + np.float32(1013.25)
    model = replace(model, normalize=Normalize(moved, model.normalize.std))
    signal = random_signal(50, 3, 1) + np.float32(1013.25)
    close(streamed(encode(model), signal)["scores"], forward.forward(model, signal).scores)


def test_the_same_model_gives_the_same_bytes():
    one, same, other = (encode(random_model(5, [7], [3], seed=seed)) for seed in (0, 0, 1))
    assert one == same
    assert one != other
