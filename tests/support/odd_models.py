"""Hypothesis-made models at the edges of what a model may be: one unit, dead rows, huge biases, far-off inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from edgelstm.layers import Dense
from edgelstm.model import Answer, Normalize
from edgelstm.quantization import calibrate
from random_layers import random_layers
from random_models import random_model, random_signal
from with_layers import head_of, lstms_of, with_layers

_WIDTHS = st.sampled_from([1, 2, 3, 5, 8, 15, 16, 17, 33])
_ANSWERS = st.sampled_from(
    [Answer("last", 0, 1), Answer("last", 0, 0), Answer("mean", 0, 3), Answer("mean+max", 6, 3)]
)


@st.composite
def odd_models(draw):
    """Calibrated on what they carry as their example."""
    model = random_model(
        draw(_WIDTHS),
        draw(st.lists(_WIDTHS, min_size=1, max_size=3)),
        draw(st.lists(_WIDTHS, min_size=1, max_size=3)),
        seed=draw(st.integers(0, 999)),
        gain=draw(st.sampled_from([0, 1e-3, 0.1, 1, 5])),
        answer=draw(_ANSWERS),
        activation=draw(st.sampled_from(["softmax", "sigmoid", "linear"])),
        frames=30,
    )
    seen = draw(st.sampled_from([1, 2, 30]))  # calibration may have been short
    model = replace(model, examples=(model.examples[0][:seen],))
    for change in draw(st.lists(st.sampled_from(_CHANGES), max_size=3)):
        model = change(model)
    return calibrate(model, model.examples)


@st.composite
def odd_lists(draw):
    """Models of layers of every kind, odd in the same ways. Calibrated on what they carry as their example."""
    model = random_layers(draw(st.integers(0, 9_999)))
    layers = list(model.layers)
    for change in draw(st.lists(st.sampled_from(_OF_ANY_LAYER), min_size=1, max_size=3)):
        place = draw(st.integers(0, len(layers) - 1))
        layers[place] = _changed(layers[place], change)
    seen = model.stride * draw(st.sampled_from([1, 2, 30]))
    model = replace(model, layers=tuple(layers), ranges=None, examples=(model.examples[0][:seen],))
    model = draw(st.sampled_from([lambda model: model, _far_inputs, _tiny_inputs]))(model)
    return calibrate(model, model.examples)


def _changed(layer, change):
    """`change` edits copies of a layer's arrays in place."""
    arrays = {name: getattr(layer, name).copy() for name in layer.arrays}
    kept_zero = {"rb"} if getattr(layer, "reset", "") == "before" else set()
    for name in arrays.keys() - kept_zero:
        change(arrays[name])
    return replace(layer, **arrays)


def _zeros(array):
    array[:] = 0


def _every_second_row_dead(array):
    array[::2] = 0


def _large_ends_of_biases(array):
    if array.ndim == 1:
        array[0], array[-1] = 40, -40


def _one_large_value(array):
    if array.ndim > 1:
        array.reshape(-1)[0] = 50


def _small(array):
    array *= np.float32(1e-3)


def _five_times(array):
    array *= 5


_OF_ANY_LAYER = [_zeros, _every_second_row_dead, _large_ends_of_biases, _one_large_value, _small, _five_times]


def beyond(model, frames=40):
    """Raw frames three times as far out as those that the model was normalized on."""
    signal = 3 * random_signal(frames, model.features, 7)
    return (model.normalize.mean + model.normalize.std * signal).astype(np.float32)


def _with_lstm(model, change):
    """`change` edits copies of W, R and b of the last layer in place."""
    layer = lstms_of(model)[-1]
    arrays = {name: getattr(layer, name).copy() for name in ("W", "R", "b")}
    change(**arrays)
    return with_layers(model, lstms=(*lstms_of(model)[:-1], replace(layer, **arrays)))


def _dead_rows(W, R, b):
    W[::2], R[::3] = 0, 0


def _no_recurrence(W, R, b):
    R[:] = 0


def _large_bias(W, R, b):
    b[0], b[-1] = 40, -40


def _one_large_weight(W, R, b):
    W[0, 0], R[-1, -1] = 50, -50


def _cells_that_grow(W, R, b):
    """Input and forget gates open: c grows by nearly one per frame."""
    H = len(b) // 4
    b[: 2 * H], b[2 * H : 3 * H] = 12, 3


def _far_inputs(model):
    """Raw values far from zero and close together, as of a barometer."""
    moved = Normalize(model.normalize.mean + np.float32(1e4), model.normalize.std)
    return replace(model, normalize=moved, examples=tuple(x + np.float32(1e4) for x in model.examples))


def _tiny_inputs(model):
    small = np.float32(1e-6)
    scaled = Normalize(model.normalize.mean * small, model.normalize.std * small)
    return replace(model, normalize=scaled, examples=tuple(x * small for x in model.examples))


def _dead_head(model):
    dense = head_of(model)[-1]
    zeros = Dense(np.zeros_like(dense.W), np.zeros_like(dense.b), dense.activation)
    return with_layers(model, head=(*head_of(model)[:-1], zeros))


def _lstm_change(change):
    return lambda model: _with_lstm(model, change)


_CHANGES = [
    *map(_lstm_change, [_dead_rows, _no_recurrence, _large_bias, _one_large_weight, _cells_that_grow]),
    _far_inputs,
    _tiny_inputs,
    _dead_head,
]
