"""What every kind of integer layer says of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import Layer, Shape
from edgelstm.quantization.affine import Affine
from edgelstm.road import Placed

Int64 = NDArray[np.int64]
Values = NDArray[Any]
"""int64 codes, or float32."""


@dataclass(frozen=True, eq=False)
class IntegerRun:
    """What a layer made of T results of the layer before, for a batch of B sequences."""

    result: Values  # (runs, B, values): int8 codes, or float32 where the layer gives these
    states: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # letter → (runs, B, values), after each run


class Walker(ABC):
    """A layer and its state over a batch, going on from call to call."""

    @abstractmethod
    def run(self, x: Values) -> IntegerRun:
        """x (T, B, inputs): what the layer takes, codes or float32; T of any length."""


@dataclass(frozen=True, eq=False)
class QuantizedLayer(ABC):
    """Subclasses are frozen dataclasses."""

    kind: ClassVar[str]

    rounds: bool = field(default=False, kw_only=True)  # it takes float32, and makes codes of them itself
    gives_floats: bool = field(default=False, kw_only=True)  # its results are float32
    four_bits: bool = field(default=False, kw_only=True)  # its int8 weights are multiples of 16, -112 to 112

    @property
    def takes(self) -> Affine | None:
        """The quantization of what its arithmetic takes; None for float32."""
        return None

    @property
    @abstractmethod
    def gives(self) -> Affine | None:
        """The quantization of its results; None where these never were codes."""

    def entering(self, x: Values) -> Values:
        """What its arithmetic takes, from what the layer before gives."""
        return x

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


@dataclass(frozen=True, eq=False)
class MixedLayer(QuantizedLayer):
    """A layer of a mixed model that takes and gives float32, by another arithmetic than that of int8 codes."""

    at: Placed
    gives_floats: bool = field(default=True, kw_only=True)

    @property
    def layer(self) -> Layer:
        return self.at.layer

    @property
    def gives(self) -> None:
        """No codes."""
