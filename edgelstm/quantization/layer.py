"""What every kind of integer layer says of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import Shape
from edgelstm.quantization.affine import Affine

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class IntegerRun:
    """What a layer made of T results of the layer before, for a batch of B sequences."""

    result: Int64  # (runs, B, values) int8 codes
    states: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # letter → (runs, B, values), after each run


class Walker(ABC):
    """A layer and its state over a batch, going on from call to call."""

    @abstractmethod
    def run(self, x: Int64) -> IntegerRun:
        """x (T, B, inputs): codes of the layer before; T of any length."""


class QuantizedLayer(ABC):
    """Subclasses are frozen dataclasses."""

    kind: ClassVar[str]
    takes_wide: ClassVar[bool] = False  # an input of 16 bits
    input: Affine

    @property
    @abstractmethod
    def gives(self) -> Affine:
        """The quantization of its results."""

    @property
    def products(self) -> Mapping[str, tuple[NDArray[np.int8], NDArray[np.int32]]]:
        """Weights (rows, n) and the bias (rows,) that their sums begin with, by the name of the matrix."""
        return {}

    @abstractmethod
    def check(self, name: str) -> None:
        """ValueError, of the layer `name`, where its integers could overflow."""

    @abstractmethod
    def walker(self, batch: int, source: Shape) -> Walker:
        """The integer reference in its initial state. `source`: the shape of what it takes."""
