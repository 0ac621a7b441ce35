"""What the trainer asks of a kind of layer: the sizes that a recipe gives, its first weights, forward and backward.

Arrays are (T, values, B): T runs (frames, or fewer behind a context), the values of one run (rows · channels, row
after row), one column per sequence, so that a frame's equations read as they are written, `z = W·x + R·h + b`.
Everything works in the dtype of the weights: float32 in use, float64 where gradients are checked.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgelstm.layers import Layer, Shape
from edgelstm.records import Bounds

Floats = NDArray[Any]
Arrays = dict[str, Floats]
"""A layer's weights, or the gradients by them, by the names of the layer's fields: `W`, `R`, `b` …"""
State = Mapping[str, Floats]
"""What a layer carries from one piece of a recording to the next, by name: each (…, B)."""
Width = Annotated[int, Bounds(1, 4096)]
"""Of anything that a recipe gives a layer a number of."""


@dataclass(frozen=True, eq=False)
class Carried:
    """Values that a result holds beside others: at `places`, each `factor` times a value, plus `offset`."""

    places: NDArray[np.int64]  # (values,)
    factor: float = 1.0
    offset: float = 0.0


class Memory:
    """Memory that a layer uses for one batch after the other: fresh pages for each would cost a tenth of the time."""

    def __init__(self) -> None:
        self._kept: dict[str, Floats] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Floats:
        """An array of arbitrary content, valid until `name` is taken again."""
        size = math.prod(shape)
        kept = self._kept.get(name)
        if kept is None or kept.size < size or kept.dtype != dtype:
            self._kept[name] = kept = np.empty(size, dtype)
        return kept[:size].reshape(shape)


class Tape(ABC):
    """What a layer's forward pass leaves for its backward pass."""

    result: Floats  # (T, values, B)

    def after(self) -> State:
        """The state after the last run, copied; nothing of a layer that remembers nothing. Before `backward`."""
        return {}

    @abstractmethod
    def backward(self, dresult: Floats, want_dx: bool) -> tuple[Floats | None, Arrays]:
        """(gradient by the layer's input, by its weights) from `dresult`, the one by its result, of its shape.

        The first is None unless `want_dx`. Can be asked once: the tape's memory is used up. What came before the
        first run gets no gradient.
        """


class Trainable(ABC):
    """A layer without its weights. Subclasses are frozen dataclasses: their fields are the keys of a recipe's
    `[[model.layers]]`, beside `kind`."""

    kind: ClassVar[str]
    recurrent: ClassVar[bool] = False  # whether what it gives comes back to it
    arrays: ClassVar[tuple[str, ...]] = ()  # names of its weights, in the order in which C takes them

    @classmethod
    @abstractmethod
    def of(cls, layer: Layer) -> Trainable:
        """What a plain layer of this kind, without extras, is trained as."""

    @property
    def every(self) -> int:
        """It gives a result for every so many of those that it takes."""
        return 1

    def sizes(self) -> Mapping[str, float]:
        """What C is told of it: fields of `el_sizes`, but for its kind and what it takes."""
        return {}

    def states(self, source: Shape) -> Mapping[str, tuple[int, ...]]:  # noqa: ARG002 - most remember nothing
        """Shapes (…, B) without B of what it carries from piece to piece, in the order in which C takes them."""
        return {}

    @abstractmethod
    def initialize(self, source: Shape, rng: np.random.Generator) -> Arrays:
        """The first weights (float64) over results of shape `source`. ValueError when it cannot take these."""

    def carry(self, weights: Arrays, carried: Carried, source: Shape) -> Carried | None:  # noqa: ARG002
        """Change first `weights` such that the newest of what `source` carries is in the result too, and say where.
        None where this kind, or one of this size, has no room for it."""
        return None

    def silence(self, weights: Arrays, silent: NDArray[np.bool_]) -> None:
        """Zeros in `weights`, the first of a network, for features (features,) that are `silent`."""
        # What lies before them puts frames side by side: their columns are the features over and over.
        columns = weights["W"].reshape(len(weights["W"]), -1)
        columns[:, np.resize(silent, columns.shape[1])] = 0

    @abstractmethod
    def layer(self, weights: Arrays) -> Layer:
        """The layer of `edgelstm.layers` with these weights (copied)."""

    @abstractmethod
    def forward(self, weights: Arrays, x: Floats, source: Shape, memory: Memory, before: State | None = None) -> Tape:
        """Run over x (T, source.size, B) from a fresh state, or from the one that another tape's `after` gave; T then
        has to be a multiple of `every`. The tape lives until `memory` is used again."""


def glorot(rng: np.random.Generator, fan_out: int, fan_in: int, shape: tuple[int, ...] = ()) -> Floats:
    """Glorot and Bengio 2010: keeps the variance of activations and of gradients. By default (fan_out, fan_in)."""
    limit = np.sqrt(6 / (fan_out + fan_in))
    return rng.uniform(-limit, limit, shape or (fan_out, fan_in))
