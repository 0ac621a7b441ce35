"""The float TFLite forms, fused and explicit, in LiteRT alone, against float64."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm import forward
from edgelstm.export.tflite import explicit as tflite_explicit
from edgelstm.export.tflite import fused as tflite_fused
from edgelstm.model import Normalize
from litert_alone import streamed
from random_models import random_model, random_signal, shapes

pytest.importorskip("ai_edge_litert")

both = pytest.mark.parametrize("encode", [tflite_fused.encode_float32, tflite_explicit.encode_float32])


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * max(1, np.abs(expected).max()))


@both
@settings(max_examples=15, deadline=None)
@given(shape=shapes(), frames=st.integers(1, 25), seed=st.integers(0, 99))
def test_every_frame_agrees_with_float64(encode, shape, frames, seed):
    features, units, outputs, activation = shape
    model = random_model(features, units, outputs, seed=seed, activation=activation, frames=20)
    signal = random_signal(frames, features, seed)
    exact = forward.forward(model, signal)
    found = streamed(encode(model), signal)
    close(found["scores"], exact.scores)
    states = {f"{name}_out": value for name, value in exact.states.items()}
    for name in states if encode is tflite_explicit.encode_float32 else ():
        close(found[name], states[name])
    if activation == "linear":
        assert "probabilities" not in found
    else:
        close(found["probabilities"], forward.activate(exact.scores, activation))


@both
def test_the_state_is_carried_over_a_real_recording(encode, watch_model, watch):
    signal = watch.sequences[0][:500]
    close(streamed(encode(watch_model), signal)["scores"], forward.forward(watch_model, signal).scores)


@both
def test_features_far_from_zero_keep_their_digits(encode):
    """The mean is taken off before anything is multiplied: 1013.25 hPa, give or take a tenth."""
    model = random_model(3, [8], [4])
    moved = model.normalize.mean + np.float32(1013.25)
    model = replace(model, normalize=Normalize(moved, model.normalize.std))
    signal = random_signal(50, 3, 1) + np.float32(1013.25)
    close(streamed(encode(model), signal)["scores"], forward.forward(model, signal).scores)
