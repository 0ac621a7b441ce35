"""What every kind of layer says of itself: its weights, the shape of its result, what it remembers, its equations.

A layer's result is rows × channels: rows are steps of time that lie within one frame, oldest first. Layers that ask
for a vector take rows side by side, row after row.

A layer takes the result of the one before it, or the one that `of` names; a `Joining` layer takes the one that its
`other` names as well. Names are those of results on a model's road: "lstm0", or "input" for the normalized frame.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, Protocol, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float32 = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]
Activation = Literal["linear", "relu"]

MAX_WIDTH = 1 << 14
"""Largest number of values that a layer takes or gives in a frame. With 14 bits the int8 sums stay inside int32."""

MAX_ROWS = 1 << 12
"""Of a result."""


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


@dataclass(frozen=True, eq=False)
class Layer(ABC):
    """Subclasses are frozen dataclasses; their arrays are float32 and read-only."""

    kind: ClassVar[str]
    arrays: ClassVar[tuple[str, ...]] = ()  # names of the fields that hold weights
    settings: ClassVar[tuple[str, ...]] = ()  # names of the other fields that every such layer has: JSON values
    own_arrays: ClassVar[tuple[str, ...]] = ()  # names of further arrays, None where a layer has none
    options: ClassVar[tuple[str, ...]] = ()  # names of further settings, which files name where they are set
    recurrent: ClassVar[bool] = False  # whether what it gives comes back to it
    directs: ClassVar[bool] = False  # whether its results are one direction, of which small parts say little
    hears: ClassVar[bool] = False  # a frame that it takes is a hop of sound's samples
    measured: ClassVar[tuple[str, ...]] = ()  # letters of state parts whose range int8 needs
    gates: ClassVar[tuple[str, ...]] = ()  # of equal blocks of rows that its weights have: their names
    told: ClassVar[tuple[str, ...]] = ()  # fields that the metadata of files tell of every layer of its kind

    of: str = field(default="", kw_only=True)  # whose result it takes; empty: of the layer before

    def extras(self, source: Shape) -> tuple[str, ...]:  # noqa: ARG002 - most have what is set
        """Names of what it has beyond the plain layer of its kind."""
        own = tuple(name for name in self.own_arrays if getattr(self, name) is not None)
        return (*(("of",) if self.of else ()), *self.set_options, *own)

    @property
    def set_options(self) -> tuple[str, ...]:
        """Names of its options that are not those of the plain layer."""
        plain = {field.name: field.default for field in fields(self)}
        return tuple(name for name in self.options if getattr(self, name) != plain[name])

    def description(self, source: Shape) -> dict[str, Any]:  # noqa: ARG002 - of its own settings
        """Its own fields of its entry in the metadata of files, see `edgelstm.runtime.layer_kinds`."""
        return {name: getattr(self, name) for name in (*self.told, *self.set_options)}

    @property
    def may_give_scores(self) -> bool:
        """Whether its results may be a model's scores."""
        return False

    @property
    def matrices(self) -> tuple[str, ...]:
        """Names of the arrays that are matrices of one product each, or () where it has none."""
        return ()

    def scaled_in(self, factor: Floats, offset: Floats) -> Layer | None:  # noqa: ARG002 - most cannot
        """The layer that makes of x what this one makes of `factor · x + offset`, (channels,) each; None where none
        of its kind does."""
        return None

    def scaled_out(self, factor: Floats, offset: Floats) -> Layer | None:  # noqa: ARG002 - most cannot
        """The layer that gives `factor · y + offset`, (channels,) each, where this one gives y; None where none of
        its kind does."""
        return None

    def rectified(self) -> Layer | None:
        """The layer that gives this one's results after a ReLU; None where none of its kind does."""
        return None

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

    def keeps_result(self, source: Shape) -> bool:  # noqa: ARG002
        """Whether its result can be told from its state alone."""
        return False

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

    def seen(self, x: NDArray[Any], source: Shape) -> NDArray[Any]:  # noqa: ARG002 - most see all there is
        """x (T, B, source.size) → (T, B, rows, columns): what its matrix meets for each row of its result."""
        return x[:, :, None]

    def terms(self, x: Floats) -> Floats:  # noqa: ARG002 - most cannot
        """Sizes of x (…, source.size) → sums of the sizes of what each of its results is made of, where these may be
        a model's scores."""
        raise TypeError(f"{self.kind}: gives no scores")

    @property
    def weights(self) -> int:
        """Number of trained weights and biases."""
        return sum(int(getattr(self, name).size) for name in self.held_arrays)

    @property
    def held_arrays(self) -> tuple[str, ...]:
        """Names of the arrays that it has."""
        return self.arrays + tuple(name for name in self.own_arrays if getattr(self, name) is not None)


@dataclass(frozen=True, eq=False)
class Joining(Layer):
    """A layer of two results: the one that it takes, and `other`."""

    settings = ("other",)

    other: str

    def __post_init__(self) -> None:
        if not isinstance(self.other, str) or not self.other:
            raise ValueError(f"{self.kind}.other: {self.other!r:.40}, expected the name of an earlier result")

    @abstractmethod
    def joined(self, source: Shape, other: Shape) -> Shape:
        """The shape of what it gives. ValueError when it cannot take these two."""

    @abstractmethod
    def join(self, x: Floats, source: Shape, y: Floats, other: Shape) -> Floats:
        """x (T, B, source.size), y (T, B, other.size) → its results."""

    def result(self, source: Shape) -> Shape:  # noqa: ARG002
        raise TypeError(f"{self.kind}: the shape of what it gives follows from both of its sources")

    def macs(self, source: Shape) -> int:  # noqa: ARG002 - no product with weights
        return 0

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:  # noqa: ARG002
        raise TypeError(f"{self.kind}: computed from both of its sources")


class Stateless(Layer):
    """What layers have in common that remember nothing and have no product with weights."""

    def macs(self, source: Shape) -> int:  # noqa: ARG002
        return 0

    @abstractmethod
    def computed(self, x: Floats, source: Shape) -> Floats:
        """x (T, B, rows, channels) → its results (T, B, rows, channels), of its own rows and channels."""

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:  # noqa: ARG002
        frames, batch, _ = x.shape
        y = self.computed(x.reshape(frames, batch, source.rows, source.channels), source)
        return Run(y.reshape(frames, batch, self.result(source).size))


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


def check_number(owner: str, name: str, value: object, low: float, high: float) -> None:
    """ValueError unless `value` is a number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{owner}.{name}: {value!r:.40}, expected a number from {low:g} to {high:g}")


def check_yes_no(owner: str, name: str, value: object) -> None:
    """ValueError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{owner}.{name}: {value!r:.40}, expected true or false")


def check_channels(owner: str, takes: int, source: Shape) -> None:
    """ValueError unless rows of `source` have as many channels as a layer takes."""
    if source.channels != takes:
        raise ValueError(f"{owner} takes {takes} channels, the one before gives {source.channels}")


def check_width(owner: str, takes: int, source: Shape) -> None:
    """ValueError unless `source` holds as many values as a layer takes."""
    if source.size != takes:
        raise ValueError(f"{owner} takes {takes} inputs, the one before gives {source.size}")


class _Product(Protocol):
    """A layer with a matrix."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def W(self) -> Float32: ...  # noqa: N802 - the field's name

    @property
    def b(self) -> Float32: ...


_P = TypeVar("_P", bound=_Product)


def folded(layer: _P, factor: Floats, offset: Floats) -> _P:
    """`layer` over `factor · x + offset`, (inputs,) each, which its weights W (rows, inputs) and its b take in."""
    W = layer.W.astype(np.float64)
    changed: dict[str, Any] = {"W": W * factor, "b": layer.b + W @ offset}
    return replace(layer, **changed)


def scaled(layer: _P, factor: Floats, offset: Floats) -> _P | None:
    """`layer`, which is linear, with `factor · y + offset`, (outputs,) each, behind it; None where there are not as
    many."""
    if layer.b.size != factor.size:
        return None
    by_row = factor.reshape(-1, *[1] * (layer.W.ndim - 1))
    changed: dict[str, Any] = {"W": layer.W.astype(np.float64) * by_row, "b": layer.b * factor + offset}
    return replace(layer, **changed)


def activated(values: Floats, activation: Activation) -> Floats:
    return np.maximum(values, values.dtype.type(0)) if activation == "relu" else values


def before(after: Floats) -> Floats:
    """States (T, values) after each run → before it, from zeros."""
    return np.concatenate([np.zeros_like(after[:1]), after[:-1]])


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), by tanh: it cannot overflow."""
    half = z.dtype.type(0.5)
    return np.tanh(z * half) * half + half
