"""Networks of layers that can be trained, of every kind, with first weights of which none is zero."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from edgelstm.layers import Shape
from edgelstm.training.kernels.library import number_of
from edgelstm.training.layers import (
    KINDS,
    Trainable,
    TrainableContext,
    TrainableConv,
    TrainableDense,
    TrainableGRU,
    TrainableLayerNorm,
    TrainableLSTM,
)
from edgelstm.training.network import Network, Parameters, begin

SCORES = TrainableDense(4, "linear")
FEATURES = 3
NETWORKS: dict[str, tuple[Trainable, ...]] = {
    "lstm": (TrainableLSTM(5), TrainableLSTM(4), TrainableDense(6), SCORES),
    "gru, reset after": (TrainableGRU(5), TrainableGRU(4), SCORES),
    "gru, reset before": (TrainableGRU(5, "before"), TrainableGRU(4, "before"), SCORES),
    "conv": (TrainableContext(6), TrainableConv(5, 3), TrainableConv(4, 2, activation="linear"), SCORES),
    "conv with stride and dilation": (TrainableContext(9), TrainableConv(5, 3, 2, 2), TrainableDense(6), SCORES),
    "context over a layer": (TrainableDense(3, "linear"), TrainableContext(4, 2), TrainableGRU(4), SCORES),
    "stacked strides": (
        TrainableLSTM(3),
        TrainableContext(3, 2),
        TrainableGRU(4),
        TrainableContext(3, 3),
        TrainableConv(3, 2),
        TrainableLSTM(3),
        SCORES,
    ),
    "dense alone": (SCORES,),
    "layer norm": (
        TrainableLayerNorm(0.01),
        TrainableContext(4, 2),
        TrainableLayerNorm(0.1),
        TrainableGRU(4),
        SCORES,
    ),
}
IN_C = sorted(kind for kind in KINDS if number_of(kind) >= 0) or sorted(KINDS)
_WIDTHS = st.sampled_from([1, 3, 7, 8, 9, 16, 17, 33, 70])


def begun(
    layers: tuple[Trainable, ...], rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> tuple[Network, Parameters]:
    """Over `FEATURES` features, its first weights shaken."""
    network, parameters = begin(layers, FEATURES, rng, dtype)
    for value in parameters.values():
        value += (0.2 * rng.standard_normal(value.shape)).astype(dtype)
    return network, parameters


@st.composite
def layer_lists(draw: st.DrawFn) -> tuple[Trainable, ...]:
    """One to four layers of any kind that C has, each of which takes what the one before gives, and scores."""
    layers: list[Trainable] = []
    shape = Shape(1, FEATURES)
    for kind in draw(
        st.lists(
            st.sampled_from(IN_C),
            min_size=1,
            max_size=4,
        )
    ):
        if kind == "context":
            rows = draw(st.integers(1, 5))
            layers.append(TrainableContext(rows, draw(st.integers(1, rows))))
            shape = Shape(rows, shape.size)
        elif kind == "layer_norm":
            if shape.channels > 1:  # of one its gradients are none
                layers.append(TrainableLayerNorm(0.1))
        elif kind == "conv":
            dilation = draw(st.integers(1, 2))
            taps = draw(st.integers(1, (shape.rows - 1) // dilation + 1))
            stride, activation = draw(st.integers(1, 2)), draw(st.sampled_from(["linear", "relu"]))
            layers.append(TrainableConv(draw(_WIDTHS), taps, stride, dilation, activation))
            rows = (shape.rows - (taps - 1) * dilation - 1) // stride + 1
            shape = Shape(rows, layers[-1].filters)
        else:
            made = {
                "lstm": lambda: TrainableLSTM(draw(_WIDTHS)),
                "gru": lambda: TrainableGRU(draw(_WIDTHS), draw(st.sampled_from(["after", "before"]))),
                "dense": lambda: TrainableDense(draw(_WIDTHS), draw(st.sampled_from(["linear", "relu"]))),
            }
            layers.append(made[kind]())
            shape = Shape(1, layers[-1].units)
    return (*layers, SCORES)
