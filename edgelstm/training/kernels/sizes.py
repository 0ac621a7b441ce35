"""Each kind of layer as the C library is told of it. A kind that is not in `KINDS` trains in numpy, and with it the
network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgelstm.layers import Shape
from edgelstm.training.kernels.library import Sizes
from edgelstm.training.layers import (
    Trainable,
    TrainableContext,
    TrainableConv,
    TrainableDense,
    TrainableGRU,
    TrainableLSTM,
)


@dataclass(frozen=True)
class Kind:
    """A kind of layer: its arrays by name, and shapes (…, B) without B of the parts of its state, in the order that
    training.h gives."""

    arrays: tuple[str, ...]
    sizes: Callable[[Trainable, Shape], Sizes]
    states: Callable[[Trainable, Shape], dict[str, tuple[int, ...]]]


def _lstm(layer: Trainable, source: Shape) -> Sizes:
    assert isinstance(layer, TrainableLSTM)
    return Sizes(kind=0, rows=source.rows, channels=source.channels, units=layer.units)


def _lstm_states(layer: Trainable, source: Shape) -> dict[str, tuple[int, ...]]:  # noqa: ARG001
    assert isinstance(layer, TrainableLSTM)
    return {"h": (layer.units,), "c": (layer.units,)}


def _gru(layer: Trainable, source: Shape) -> Sizes:
    assert isinstance(layer, TrainableGRU)
    before = layer.reset == "before"
    return Sizes(kind=1, rows=source.rows, channels=source.channels, units=layer.units, reset_before=before)


def _gru_states(layer: Trainable, source: Shape) -> dict[str, tuple[int, ...]]:  # noqa: ARG001
    assert isinstance(layer, TrainableGRU)
    return {"h": (layer.units,)}


def _context(layer: Trainable, source: Shape) -> Sizes:
    assert isinstance(layer, TrainableContext)
    return Sizes(kind=2, rows=source.rows, channels=source.channels, newest=layer.rows, hop=layer.hop)


def _context_states(layer: Trainable, source: Shape) -> dict[str, tuple[int, ...]]:
    assert isinstance(layer, TrainableContext)
    return {"rows": (layer.rows - layer.hop, source.size)}


def _none(layer: Trainable, source: Shape) -> dict[str, tuple[int, ...]]:  # noqa: ARG001
    return {}


def _conv(layer: Trainable, source: Shape) -> Sizes:
    assert isinstance(layer, TrainableConv)
    return Sizes(
        kind=3,
        rows=source.rows,
        channels=source.channels,
        units=layer.filters,
        taps=layer.taps,
        stride=layer.stride,
        dilation=layer.dilation,
        relu=layer.activation == "relu",
    )


def _dense(layer: Trainable, source: Shape) -> Sizes:
    assert isinstance(layer, TrainableDense)
    return Sizes(
        kind=4, rows=source.rows, channels=source.channels, units=layer.units, relu=layer.activation == "relu"
    )


KINDS: dict[str, Kind] = {
    "lstm": Kind(("W", "R", "b"), _lstm, _lstm_states),
    "gru": Kind(("W", "R", "b", "rb"), _gru, _gru_states),
    "context": Kind((), _context, _context_states),
    "conv": Kind(("W", "b"), _conv, _none),
    "dense": Kind(("W", "b"), _dense, _none),
}
