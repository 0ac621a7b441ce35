"""The float model: what training makes, importers read and exporters write.

A model is a straight road: normalize → one or more LSTM layers → one or more dense layers (the head)
→ an output activation → an answer. Arrays are float32 and read-only. Gates are stacked by rows in the
order i, f, g, o (input, forget, cell candidate, output), PyTorch's and Keras's.

    z = W·x + R·h + b                   (4H,)
    i, f, o = sigmoid(z_i, z_f, z_o)    g = tanh(z_g)
    c' = f·c + i·g                      h' = o·tanh(c')

(Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float32 = NDArray[np.float32]
HiddenActivation = Literal["linear", "relu"]
OutputActivation = Literal["softmax", "sigmoid", "linear"]
Pooling = Literal["last", "mean"]

MAX_WIDTH = 1 << 14
"""Largest number of features, units or outputs. With 14 bits the int8 sums stay far inside int32."""
MAX_LAYERS = 16
"""Largest number of LSTM and dense layers together."""


def _array(owner: str, name: str, value: ArrayLike, shape: tuple[int | None, ...]) -> Float32:
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


def _one_of(owner: str, name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{owner}.{name}: {value!r}, expected one of {', '.join(allowed)}")


@dataclass(frozen=True, eq=False)
class Normalize:
    """`(x - mean) / std` per feature; fitted on training data and stored, so that the board applies it."""

    mean: Float32  # (features,)
    std: Float32  # (features,), positive

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", _array("Normalize", "mean", self.mean, (None,)))
        object.__setattr__(self, "std", _array("Normalize", "std", self.std, (self.mean.size,)))
        if not (self.std > 0).all():
            raise ValueError("Normalize.std: holds a value that is not positive")


@dataclass(frozen=True, eq=False)
class LSTM:
    """One unidirectional layer of H units over I inputs."""

    W: Float32  # (4H, I) input weights
    R: Float32  # (4H, H) recurrent weights
    b: Float32  # (4H,) one bias; formats with two get this one and zeros

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", _array("LSTM", "b", self.b, (None,)))
        rows = self.b.size
        if rows % 4:
            raise ValueError(f"LSTM.b: {rows} values, expected a multiple of 4 (gates i, f, g, o)")
        object.__setattr__(self, "W", _array("LSTM", "W", self.W, (rows, None)))
        object.__setattr__(self, "R", _array("LSTM", "R", self.R, (rows, rows // 4)))

    @property
    def inputs(self) -> int:
        return int(self.W.shape[1])

    @property
    def units(self) -> int:
        return int(self.R.shape[1])


@dataclass(frozen=True, eq=False)
class Dense:
    """`activation(W·x + b)`. The head's last layer is linear: its results are the scores."""

    W: Float32  # (outputs, inputs)
    b: Float32  # (outputs,)
    activation: HiddenActivation = "linear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", _array("Dense", "b", self.b, (None,)))
        object.__setattr__(self, "W", _array("Dense", "W", self.W, (self.b.size, None)))
        _one_of("Dense", "activation", self.activation, get_args(HiddenActivation))

    @property
    def inputs(self) -> int:
        return int(self.W.shape[1])

    @property
    def outputs(self) -> int:
        return int(self.W.shape[0])


@dataclass(frozen=True)
class Answer:
    """How a stream's scores become answers.

    pooling: `last` takes the newest frame's scores, `mean` averages scores over frames.
    window: frames that `mean` covers, a multiple of `hop`; 0 = all since reset. Always 0 for `last`.
    hop: an answer is emitted after every `hop` frames; 0 = only when asked for (one answer at the end).

    Before `window` frames have come, `mean` covers those that have. Averages are taken over scores, before
    the output activation.
    """

    pooling: Pooling = "last"
    window: int = 0
    hop: int = 1

    def __post_init__(self) -> None:
        _one_of("Answer", "pooling", self.pooling, get_args(Pooling))
        for name, value in (("window", self.window), ("hop", self.hop)):
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1 << 20:
                raise ValueError(f"Answer.{name}: {value!r}, expected a whole number from 0 to {1 << 20}")
        if self.pooling == "last" and self.window:
            raise ValueError(f"Answer.window: {self.window}, expected 0 with pooling 'last'")
        if self.window and (self.hop == 0 or self.window % self.hop):
            raise ValueError(f"Answer.window: {self.window}, expected a multiple of hop ({self.hop})")


@dataclass(frozen=True)
class Ranges:
    """What calibration saw, for quantizing activations; real values, after normalization."""

    x: tuple[float, float]  # smallest and largest normalized input
    h: tuple[tuple[float, float], ...]  # per LSTM layer
    c: tuple[float, ...]  # largest |c| per LSTM layer
    dense: tuple[tuple[float, float], ...]  # outputs of each dense layer, after its activation

    def __post_init__(self) -> None:
        for name, pairs in (("x", (self.x,)), ("h", self.h), ("dense", self.dense)):
            for low, high in pairs:
                if not (np.isfinite(low) and np.isfinite(high) and low <= high):
                    raise ValueError(f"Ranges.{name}: ({low}, {high}), expected finite numbers, lowest first")
        for value in self.c:
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"Ranges.c: {value}, expected a finite number, 0 or larger")


@dataclass(frozen=True, eq=False)
class Model:
    """A trained float32 model with all that a board must know to use it."""

    normalize: Normalize
    lstms: tuple[LSTM, ...]
    head: tuple[Dense, ...]
    activation: OutputActivation = "softmax"
    answer: Answer = Answer()
    labels: tuple[str, ...] = ()  # one per output, or none
    feature_names: tuple[str, ...] = ()  # one per feature, or none
    feature_units: tuple[str, ...] = ()  # one per feature, or none
    sample_rate: float = 0.0  # frames per second; 0 = unknown
    name: str = "model"
    licence: str = ""  # of the trained weights, best as an SPDX expression; empty = not said
    provenance: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))  # JSON values
    ranges: Ranges | None = None
    examples: tuple[Float32, ...] = ()  # a few real raw sequences (frames, features), to calibrate and prove with

    def __post_init__(self) -> None:
        if not self.lstms or not self.head or len(self.lstms + self.head) > MAX_LAYERS:
            raise ValueError(
                f"Model: {len(self.lstms)} LSTM and {len(self.head)} dense layers, expected at least one of "
                f"each and at most {MAX_LAYERS} in all"
            )
        width = self.features
        layers: tuple[LSTM | Dense, ...] = (*self.lstms, *self.head)
        for place, layer in enumerate(layers):
            if layer.inputs != width:
                raise ValueError(f"Model: layer {place} takes {layer.inputs} inputs, the one before gives {width}")
            width = layer.units if isinstance(layer, LSTM) else layer.outputs
            if max(width, layer.inputs) > MAX_WIDTH:
                raise ValueError(f"Model: layer {place} is wider than {MAX_WIDTH}")
        if self.head[-1].activation != "linear":
            raise ValueError("Model.head: the last layer must be linear; Model.activation follows it")
        _one_of("Model", "activation", self.activation, get_args(OutputActivation))
        for name, count in (("labels", width), ("feature_names", self.features), ("feature_units", self.features)):
            texts = getattr(self, name)
            if texts and len(texts) != count:
                raise ValueError(f"Model.{name}: {len(texts)} names, expected {count} or none")
            if not all(isinstance(text, str) for text in texts):
                raise ValueError(f"Model.{name}: expected text only")
        if not isinstance(self.licence, str) or len(self.licence) > 1000 or not self.licence.isprintable():
            raise ValueError("Model.licence: expected one line of at most 1,000 characters, such as Apache-2.0")
        if not (np.isfinite(self.sample_rate) and self.sample_rate >= 0):
            raise ValueError(f"Model.sample_rate: {self.sample_rate}, expected frames per second, or 0 for unknown")
        if self.ranges is not None:
            counts = (len(self.ranges.h), len(self.ranges.c), len(self.ranges.dense))
            if counts != (len(self.lstms), len(self.lstms), len(self.head)):
                raise ValueError(f"Model.ranges: {counts} entries of h, c, dense do not match the layers")
        sequences = tuple(_array("Model", "examples", x, (None, self.features)) for x in self.examples)
        object.__setattr__(self, "examples", sequences)

    @property
    def features(self) -> int:
        return self.normalize.mean.size

    @property
    def outputs(self) -> int:
        return self.head[-1].outputs

    @property
    def weights(self) -> int:
        """Number of trained weights and biases."""
        return sum(a.size for m in self.lstms for a in (m.W, m.R, m.b)) + sum(d.W.size + d.b.size for d in self.head)
