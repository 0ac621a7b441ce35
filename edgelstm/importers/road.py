"""A file's layers, as a reader found them, as a `Model`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers.choices import Choices, Timing
from edgelstm.layers import Activation, Affine, Context, Dense, Joining, Layer
from edgelstm.layers.activation import Function
from edgelstm.layers.layer import MAX_WIDTH
from edgelstm.model import MAX_POOLING, Answer, Model, Normalize, OutputActivation
from edgelstm.plain import counted
from edgelstm.quantization.kinds import KINDS
from edgelstm.road import INPUT, lay
from edgelstm.tasks import CLASSIFY, Regress, Tags, Task

Word = Function
_INTEGER = tuple(name for name, kind in KINDS.items() if kind.quantize is not None)
"""Kinds of layers that int8 holds: a model of these alone gets no other."""
_LARGEST_DIAGONAL = 256
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Scale:
    """`factor · x + offset` for each channel, as batch normalization is when nothing is trained."""

    factor: Floats  # (channels,)
    offset: Floats  # (channels,)
    rows: int = 1  # of what it scales


@dataclass(frozen=True)
class Tag:
    """What the steps so far give goes by this name in the `of` and `other` of later layers."""

    name: str


Step = Layer | Normalize | Scale | Word | Tag


def build(steps: Sequence[Step], features: int, timed: Timing, choices: Choices, name: str) -> Model:
    """The model of `steps` over frames of `features` values. ValueError, naming the layer, where they do not fit one
    another or are none that a model can hold."""
    normalize, rest = _normalize(list(steps), features)
    activation: OutputActivation = "linear"
    if rest and (last_word := rest[-1]) in ("softmax", "sigmoid"):
        activation = "softmax" if last_word == "softmax" else "sigmoid"
        rest = rest[:-1]
    layers = _Builder(features, rest).layers()
    last = lay(features, tuple(layers))[-1]
    stride = last.stride
    _check_options(choices, timed, features, last.result.size)
    if timed.window % stride:
        raise ValueError(f"--window: {timed.window}, expected a multiple of {stride}: the scores come so often")
    return Model(
        normalize=normalize,
        layers=tuple(layers),
        activation=activation,
        answer=Answer("mean", timed.window, timed.window)
        if timed.mean
        else Answer("last", 0, timed.window or stride),
        anew=0 if timed.gathered else timed.window,
        task=_task(activation, timed),
        labels=choices.labels,
        feature_names=choices.feature_names,
        sample_rate=choices.sample_rate,
        licence=choices.licence,
        name=name,
        provenance=_windowed(timed),
    )


def _check_options(choices: Choices, timed: Timing, features: int, outputs: int) -> None:
    """ValueError, which begins with the option, for one that does not fit the model."""
    for option, names, count, what in (
        ("labels", choices.labels, outputs, "values of an answer"),
        ("features", choices.feature_names, features, "values of a frame"),
    ):
        if names and len(names) != count:
            raise ValueError(
                f"--{option}: {counted(len(names), 'name')}, expected {count}: one for each of the {what}"
            )
    if timed.window > MAX_POOLING:
        raise ValueError(f"--window: {timed.window}, expected at most {MAX_POOLING}")


def _windowed(timed: Timing) -> dict[str, Any]:
    """Says the window of a model, as training does of one that it made."""
    return {"config": {"data": {"window": timed.window}}} if timed.window and not timed.gathered else {}


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
    is_read = any(INPUT in (step.of, getattr(step, "other", "")) for step in steps if isinstance(step, Layer))
    if isinstance(first, Scale) and (first.factor > 0).all() and not is_read:
        return Normalize(_float32(-first.offset / first.factor), _float32(1 / first.factor)), steps[1:]
    return Normalize(np.zeros(features, np.float32), np.ones(features, np.float32)), steps


class _Builder:
    """Activations become part of the layer before them, scales of the one before or behind; not across a tag, whose
    result others take as it is."""

    def __init__(self, features: int, steps: Sequence[Step]):
        self._features, self._steps = features, steps
        self._layers: list[Layer] = []
        self._waiting: Scale | None = None  # for the layer behind it
        self._tags: dict[str, int] = {}  # → number of layers up to that result
        self._floats = any(isinstance(step, Layer) and step.kind not in _INTEGER for step in steps)

    def layers(self) -> list[Layer]:
        """At the end a linear layer that gives the scores, and one that keeps what layers behind the last state read
        of those before it."""
        for step in self._steps:
            self._add(step)
        self._flush()
        last = self._layers[-1] if self._layers else None
        if last is None or not last.may_give_scores:
            size = self._size()
            self._layers.append(_unchanged(size) if self._floats else _same(size))
        self._keep()
        return self._named()

    def _add(self, step: Step) -> None:
        if isinstance(step, Normalize):  # not first: a scale as any other
            step = Scale(1 / step.std.astype(np.float64), -step.mean.astype(np.float64) / step.std)
        if isinstance(step, Tag):
            self._flush()
            self._tags[step.name] = len(self._layers)
        elif isinstance(step, Layer):
            self._add_layer(step)
        elif isinstance(step, Scale):
            self._add_scale(step)
        elif step == "relu":
            self._flush()
            self._add_relu()
        else:
            self._flush()
            self._layers.append(Activation(step))

    def _add_layer(self, layer: Layer) -> None:
        waiting, scaled = self._waiting, None
        if waiting is not None and waiting.rows == 1 and not layer.of and not isinstance(layer, Joining):
            scaled = layer.scaled_in(waiting.factor, waiting.offset)
        if scaled is None:
            self._flush()
        self._waiting = None
        self._layers.append(layer if scaled is None else scaled)

    def _add_scale(self, step: Scale) -> None:
        if (waiting := self._waiting) is not None:
            offset = waiting.offset * step.factor + step.offset
            step = Scale(waiting.factor * step.factor, offset, step.rows)
        self._waiting = None
        last = self._layers[-1] if self._layers and not self._is_tagged() else None
        scaled = None if last is None else last.scaled_out(step.factor, step.offset)
        if scaled is None:
            self._waiting = step
        else:
            self._layers[-1] = scaled

    def _flush(self) -> None:
        """What waits for a layer that could take it becomes one."""
        if self._waiting is not None:
            self._layers.append(_diagonal(self._waiting))
        self._waiting = None

    def _is_tagged(self) -> bool:
        return len(self._layers) in self._tags.values()

    def _add_relu(self) -> None:
        last = self._layers[-1] if self._layers else None
        rectified = None if last is None or self._is_tagged() else last.rectified()
        if rectified is not None:
            self._layers[-1] = rectified
        elif self._floats:
            self._layers.append(Activation("relu"))
        else:
            self._layers.append(replace(_same(self._size()), activation="relu"))

    def _size(self) -> int:
        return lay(self._features, tuple(self._named()))[-1].result.size if self._layers else self._features

    def _named(self) -> list[Layer]:
        """The layers with names of the road where they have tags."""
        counts: dict[str, int] = {}
        names = [INPUT]
        found: list[Layer] = []
        for layer in self._layers:
            before = names[-1]
            counts[layer.kind] = counts.get(layer.kind, -1) + 1
            names.append(f"{layer.kind}{counts[layer.kind]}")
            of = names[self._tags[layer.of]] if layer.of in self._tags else layer.of
            layer = replace(layer, of="" if of == before else of)
            if isinstance(layer, Joining) and layer.other in self._tags:
                layer = replace(layer, other=names[self._tags[layer.other]])
            found.append(layer)
        return found

    def _keep(self) -> None:
        """Behind the last layer that reads what no state keeps, a context of its rows does."""
        road = lay(self._features, tuple(self._named()))
        head = 1 + max((place for place, at in enumerate(road) if at.parts), default=-1)
        kept = {at.name for at in road[:head] if at.keeps_result} | {at.name for at in road[head:]}
        readers = [place for place, at in enumerate(road) if place >= head and not kept.issuperset(at.reads)]
        if not head or not readers:
            return
        last = readers[-1]
        result = road[last].result
        channels = result.channels if result.rows > 1 else 0
        self._layers.insert(last + 1, Context(result.rows, channels=channels))
        self._tags = {name: count + (count > last) for name, count in self._tags.items()}
        if last + 2 == len(self._layers):
            self._layers.append(_unchanged(result.size))


def _same(size: int) -> Dense:
    """Gives what it takes."""
    if size > MAX_WIDTH >> 2:
        raise ValueError(
            f"a result of {size} values without a dense layer behind it, expected at most {MAX_WIDTH >> 2}"
        )
    return Dense(np.eye(size, dtype=np.float32), np.zeros(size, np.float32))


def _unchanged(channels: int) -> Affine:
    """The same, of a product for each value: floats alone, as what takes it then may be."""
    return Affine(np.ones(channels, np.float32), np.zeros(channels, np.float32))


def _diagonal(scale: Scale) -> Layer:
    if scale.rows > 1 or scale.factor.size > _LARGEST_DIAGONAL:
        return Affine(_float32(scale.factor), _float32(scale.offset))
    return Dense(np.diag(_float32(scale.factor)), _float32(scale.offset))


def _float32(values: Floats) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)
