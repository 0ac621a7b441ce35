"""A file's layers, as a reader found them, as a `Model`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers.choices import Choices, Timing
from edgelstm.layers import GRU, L2, LSTM, Activation, Affine, Conv, Dense, Layer
from edgelstm.layers.activation import Function
from edgelstm.layers.layer import MAX_WIDTH
from edgelstm.model import Answer, Model, Normalize, OutputActivation
from edgelstm.road import lay
from edgelstm.tasks import CLASSIFY, Regress, Tags, Task

Word = Function
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Scale:
    """`factor · x + offset` for each channel, as batch normalization is when nothing is trained."""

    factor: Floats  # (channels,)
    offset: Floats  # (channels,)


Step = Layer | Normalize | Scale | Word


def build(steps: Sequence[Step], features: int, timed: Timing, choices: Choices, name: str) -> Model:
    """The model of `steps` over frames of `features` values. ValueError, naming the layer, where they do not fit one
    another or are none that a model can hold."""
    normalize, rest = _normalize(list(steps), features)
    activation: OutputActivation = "linear"
    if rest and (last_word := rest[-1]) in ("softmax", "sigmoid"):
        activation = "softmax" if last_word == "softmax" else "sigmoid"
        rest = rest[:-1]
    layers = _layers(rest, features)
    last = layers[-1] if layers else None
    if isinstance(last, L2):  # floats alone, as what takes it then may be
        layers.append(_unchanged(lay(features, tuple(layers))[-1].result.channels))
    elif not (isinstance(last, Dense) and last.activation == "linear"):
        layers.append(_same(lay(features, tuple(layers))[-1].result.size if layers else features))
    stride = lay(features, tuple(layers))[-1].stride
    if timed.window % stride:
        raise ValueError(f"--window: {timed.window}, expected a multiple of {stride}: the scores come so often")
    return Model(
        normalize=normalize,
        layers=tuple(layers),
        activation=activation,
        answer=Answer("mean" if timed.mean else "last", 0, timed.window or stride),
        task=_task(activation, timed),
        labels=choices.labels,
        feature_names=choices.feature_names,
        sample_rate=choices.sample_rate,
        licence=choices.licence,
        name=name,
    )


def _task(activation: OutputActivation, timed: Timing) -> Task:
    """What `evaluate` judges answers by: the label that is most likely, labels each for itself, or numbers."""
    if activation == "softmax":
        return CLASSIFY
    per: Literal["recording", "frame"] = "recording" if timed.window else "frame"
    return Tags(per=per) if activation == "sigmoid" else Regress(per=per)


def _normalize(steps: list[Step], features: int) -> tuple[Normalize, list[Step]]:
    """What comes first where it only shifts and scales the frames, and the rest."""
    first = steps[0] if steps else None
    if isinstance(first, Normalize):
        return first, steps[1:]
    if isinstance(first, Scale) and (np.abs(first.factor) > 0).all() and (first.factor > 0).all():
        return Normalize(_float32(-first.offset / first.factor), _float32(1 / first.factor)), steps[1:]
    return Normalize(np.zeros(features, np.float32), np.ones(features, np.float32)), steps


def _layers(steps: list[Step], features: int) -> list[Layer]:
    """Activations become part of the layer before them, scales of the one before or behind."""
    layers: list[Layer] = []
    waiting: Scale | None = None  # for the layer behind it
    for step in steps:
        if isinstance(step, Normalize):  # not first: a scale as any other
            step = Scale(1 / step.std.astype(np.float64), -step.mean.astype(np.float64) / step.std)
        if isinstance(step, Layer):
            if waiting is not None and (scaled := _scaled_input(step, waiting)) is not None:
                step, waiting = scaled, None
            layers += [*([] if waiting is None else [_diagonal(waiting)]), step]
            waiting = None
        elif isinstance(step, Scale):
            if waiting is not None:
                step = Scale(waiting.factor * step.factor, waiting.offset * step.factor + step.offset)
                waiting = None
            scaled = _scaled_output(layers[-1], step) if layers else None
            if scaled is None:
                waiting = step
            else:
                layers[-1] = scaled
        elif step == "relu":
            layers += [] if waiting is None else [_diagonal(waiting)]
            waiting = None
            _add_relu(layers, features)
        else:
            layers += [*([] if waiting is None else [_diagonal(waiting)]), Activation(step)]
            waiting = None
    return layers if waiting is None else [*layers, _diagonal(waiting)]


def _add_relu(layers: list[Layer], features: int) -> None:
    last = layers[-1] if layers else None
    if isinstance(last, Dense | Conv) and last.activation == "linear":
        layers[-1] = replace(last, activation="relu")
        return
    size = lay(features, tuple(layers))[-1].result.size if layers else features
    layers.append(replace(_same(size), activation="relu"))


def _same(size: int) -> Dense:
    """Gives what it takes."""
    if size > MAX_WIDTH >> 2:
        raise ValueError(
            f"a result of {size} values without a dense layer behind it, expected at most {MAX_WIDTH >> 2}"
        )
    return Dense(np.eye(size, dtype=np.float32), np.zeros(size, np.float32))


def _unchanged(channels: int) -> Affine:
    """The same, of a product for each value."""
    return Affine(np.ones(channels, np.float32), np.zeros(channels, np.float32))


def _diagonal(scale: Scale) -> Dense:
    return Dense(np.diag(_float32(scale.factor)), _float32(scale.offset))


def _scaled_output(layer: Layer, scale: Scale) -> Layer | None:
    """`layer` with `scale` behind it; None where that is no such layer."""
    if not isinstance(layer, Dense | Conv) or layer.activation != "linear" or layer.b.size != scale.factor.size:
        return None
    W, b = layer.W.astype(np.float64), layer.b.astype(np.float64)
    factor = scale.factor.reshape(-1, *[1] * (W.ndim - 1))
    return replace(layer, W=_float32(W * factor), b=_float32(b * scale.factor + scale.offset))


def _scaled_input(layer: Layer, scale: Scale) -> Layer | None:
    """`layer` with `scale` before it; None where that is no such layer."""
    if not isinstance(layer, Dense | LSTM | GRU) or layer.W.shape[1] != scale.factor.size:
        return None
    W, b = layer.W.astype(np.float64), layer.b.astype(np.float64)
    return replace(layer, W=_float32(W * scale.factor), b=_float32(b + W @ scale.offset))


def _float32(values: Floats) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)
