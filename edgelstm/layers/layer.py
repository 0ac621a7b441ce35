"""What every kind of layer says of itself: its weights, the shape of its result, what it remembers, its equations.

A layer's result is rows × channels: rows are steps of time that lie within one frame, oldest first. Only `context`
and `conv` give more than one row; layers that ask for a vector take rows side by side, row after row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float32 = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]
Activation = Literal["linear", "relu"]

MAX_WIDTH = 1 << 14
"""Largest number of values that a layer takes or gives in a frame. With 14 bits the int8 sums stay inside int32."""


@dataclass(frozen=True)
class Shape:
    """Of a result: rows × channels."""

    rows: int
    channels: int

    @property
    def size(self) -> int:
        return self.rows * self.channels


@dataclass(frozen=True)
class Part:
    """One array of a layer's state. `letter` is its name without the number that a model gives it: `h`, `past`."""

    letter: str
    shape: tuple[int, ...]


States = Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class Run:
    """What a layer made of a batch of sequences: T runs, B sequences."""

    result: Floats  # (T, B, rows · channels)
    states: States = field(default_factory=dict)  # letter → (T, B, values), after each run


class Layer(ABC):
    """Subclasses are frozen dataclasses; their arrays are float32 and read-only."""

    kind: ClassVar[str]
    arrays: ClassVar[tuple[str, ...]] = ()  # names of the fields that hold weights
    settings: ClassVar[tuple[str, ...]] = ()  # names of all other fields: JSON values
    recurrent: ClassVar[bool] = False  # whether what it gives comes back to it
    measured: ClassVar[tuple[str, ...]] = ()  # letters of state parts whose range int8 needs

    @property
    def every(self) -> int:
        """It gives a result for every so many of those that it takes."""
        return 1

    @abstractmethod
    def result(self, source: Shape) -> Shape:
        """The shape of what it gives, from what it takes. ValueError when it cannot take that."""

    def parts(self, source: Shape) -> tuple[Part, ...]:  # noqa: ARG002 - most remember nothing
        """What it remembers."""
        return ()

    @property
    def columns(self) -> int:
        """How many values meet its weights in a product: what comes in, and its own state. 0 without weights."""
        return 0

    @abstractmethod
    def macs(self, source: Shape) -> int:
        """Multiply-accumulates of one run."""

    @abstractmethod
    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:
        """x (T, B, source.size) → its results, in the dtype of `x`, from a fresh state, or from `state`: letter →
        (B, values), as of the newest run, with nothing pending."""

    @property
    def weights(self) -> int:
        """Number of trained weights and biases."""
        return sum(int(getattr(self, name).size) for name in self.arrays)


def checked_array(owner: str, name: str, value: ArrayLike, shape: tuple[int | None, ...]) -> Float32:
    """A read-only float32 copy of `value`, or a ValueError that names `owner.name`; None in `shape` is any."""
    given = np.asarray(value)
    if given.dtype.kind not in "fiu":
        raise ValueError(f"{owner}.{name}: dtype {given.dtype}, expected a real number type")
    with np.errstate(over="ignore"):
        array = np.array(given, dtype=np.float32, order="C")
    if array.ndim != len(shape) or any(s is not None and s != n for s, n in zip(shape, array.shape)):
        wanted = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ")"
        raise ValueError(f"{owner}.{name}: shape {given.shape}, expected {wanted}")
    if any(n < 1 or n > 4 * MAX_WIDTH for n in array.shape):
        raise ValueError(f"{owner}.{name}: shape {given.shape}, each side must be 1 to {MAX_WIDTH}")
    if not np.isfinite(array).all():
        raise ValueError(f"{owner}.{name}: holds NaN or infinity (as float32)")
    array.flags.writeable = False
    return array


def check_choice(owner: str, name: str, value: object, choices: Any) -> None:
    """ValueError unless `value` is one of the texts of the Literal `choices`."""
    if value not in get_args(choices):
        raise ValueError(f"{owner}.{name}: {value!r}, expected one of {', '.join(get_args(choices))}")


def check_whole(owner: str, name: str, value: object, low: int, high: int) -> None:
    """ValueError unless `value` is a whole number from `low` to `high`."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{owner}.{name}: {value!r}, expected a whole number from {low} to {high}")


def check_width(owner: str, takes: int, source: Shape) -> None:
    """ValueError unless `source` holds as many values as a layer takes."""
    if source.size != takes:
        raise ValueError(f"{owner} takes {takes} inputs, the one before gives {source.size}")


def activated(values: Floats, activation: Activation) -> Floats:
    return np.maximum(values, values.dtype.type(0)) if activation == "relu" else values


def before(after: Floats) -> Floats:
    """States (T, values) after each run → before it, from zeros."""
    return np.concatenate([np.zeros_like(after[:1]), after[:-1]])


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), by tanh: it cannot overflow."""
    half = z.dtype.type(0.5)
    return np.tanh(z * half) * half + half
