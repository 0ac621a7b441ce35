"""The float model: what training makes, importers read and exporters write.

A model is a road: normalize → a list of layers → an output activation → an answer. Each layer takes the result of
the one before, or of an earlier one that it names; the last is a linear dense one, or an affine one, whose results
are the scores. `edgelstm.layers` has the kinds, `edgelstm.road` how they lie one behind the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from edgelstm.covariance import Covariance
from edgelstm.layers import KINDS, Layer
from edgelstm.layers.layer import Float32, check_choice, check_whole, checked_array
from edgelstm.road import MAX_STRIDE, Placed, check_road, lay
from edgelstm.runtime.events.rule import Rule
from edgelstm.tasks import CLASSIFY, Task

OutputActivation = Literal["softmax", "sigmoid", "linear"]
Pooling = Literal["last", "mean", "mean+max"]

MAX_LAYERS = 64
MAX_POOLING = MAX_STRIDE
"""Largest number of frames that an answer's window or hop may have."""

MAX_RATE = 1e9
"""Frames per second."""
_SMALLEST_STD, _LARGEST_RATIO = 1e-30, 1e30  # what is divided stays within float32
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Normalize:
    """`(x - mean) / std` per feature; fitted on training data and stored, so that the board applies it."""

    mean: Float32  # (features,)
    std: Float32  # (features,), at least 1e-30

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", checked_array("Normalize", "mean", self.mean, (None,)))
        object.__setattr__(self, "std", checked_array("Normalize", "std", self.std, (self.mean.size,)))
        for place, (mean, std) in enumerate(zip(self.mean, self.std)):
            if not std >= _SMALLEST_STD:
                raise ValueError(f"Normalize.std: {std:g} of feature {place}, expected at least {_SMALLEST_STD:g}")
            if abs(float(mean) / float(std)) > _LARGEST_RATIO:
                found = f"{mean:g} of feature {place} with a std of {std:g}"
                raise ValueError(f"Normalize.mean: {found}, expected at most {_LARGEST_RATIO:g} stds")


@dataclass(frozen=True)
class Answer:
    """How a stream's scores become answers.

    pooling: `last` takes the newest scores, `mean` averages scores over frames, `mean+max` takes half the sum of
    their mean and their maximum over frames, each output by itself.
    window: frames that the latter two cover, a multiple of `hop`; 0 = all since reset. Always 0 for `last`.
    hop: an answer is emitted after every `hop` frames; 0 = only when asked for (one answer at the end).

    In a model whose scores come every s-th frame, both are multiples of s. Before `window` frames have come, those
    that have are covered. Scores are pooled before the output activation.
    """

    pooling: Pooling = "last"
    window: int = 0
    hop: int = 1

    def __post_init__(self) -> None:
        check_choice("Answer", "pooling", self.pooling, Pooling)
        for name, value in (("window", self.window), ("hop", self.hop)):
            check_whole("Answer", name, value, 0, MAX_POOLING)
        if self.pooling == "last" and self.window:
            raise ValueError(f"Answer.window: {self.window}, expected 0 with pooling 'last'")
        if self.window and (self.hop == 0 or self.window % self.hop):
            raise ValueError(f"Answer.window: {self.window}, expected a multiple of hop ({self.hop})")

    def of_runs(self, stride: int) -> Answer:
        """The same over scores that come every `stride` frames: hop and window counted in these. ValueError when they
        are no multiples."""
        for name, value in (("hop", self.hop), ("window", self.window)):
            if value % stride:
                raise ValueError(
                    f"Answer.{name}: {value}, expected a multiple of {stride}: the model's scores come every "
                    f"{stride} frames"
                )
        return Answer(self.pooling, self.window // stride, self.hop // stride)


@dataclass(frozen=True)
class Ranges:
    """What int8 is to hold of each quantity: the smallest and largest value as real numbers after normalization, as
    calibration chose them. Quantities are `x`, every layer's result by the layer's name, and the parts of states
    whose range int8 needs (`c0` …).

    factors: (features,) positive numbers, or none for ones. Feature j of the int8 input has `x`'s scale times
    factors[j], which quantizing multiplies into the columns of the first layer's weights; the span of `x` is that of
    features divided by their factors.

    kept: names of layers that stay in float32 in int8 files, though they could have int8 weights.
    int16: names of those whose weights have 16 bits there.
    """

    spans: Mapping[str, tuple[float, float]]
    factors: tuple[float, ...] = ()
    kept: tuple[str, ...] = ()
    int16: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "spans", MappingProxyType(dict(self.spans)))
        for name, (low, high) in self.spans.items():
            if not (np.isfinite(low) and np.isfinite(high) and low <= high):
                raise ValueError(f"Ranges.{name}: ({low}, {high}), expected finite numbers, lowest first")
        for factor in self.factors:
            if not 2.0**-64 <= factor <= 2.0**64:
                raise ValueError(f"Ranges.factors: {factor}, expected positive numbers near 1")

    def __getitem__(self, name: str) -> tuple[float, float]:
        return self.spans[name]

    def largest(self, name: str) -> float:
        """The largest magnitude of a quantity."""
        low, high = self.spans[name]
        return max(-low, high)


@dataclass(frozen=True, eq=False)
class Model:
    """A trained float32 model with all that a board must know to use it."""

    normalize: Normalize
    layers: tuple[Layer, ...]
    activation: OutputActivation = "softmax"
    answer: Answer = Answer()
    task: Task = CLASSIFY  # what its answers are for, and how they are judged
    labels: tuple[str, ...] = ()  # one per output, or none
    label_units: tuple[str, ...] = ()  # of what outputs tell, one per output, or none
    thresholds: tuple[float, ...] = ()  # one per output, or none: from which probability on a sigmoid's label is said
    events: Mapping[str, Rule] = field(default_factory=lambda: MappingProxyType({}))  # label → when it is an event
    feature_names: tuple[str, ...] = ()  # one per feature, or none
    feature_units: tuple[str, ...] = ()  # one per feature, or none
    sample_rate: float = 0.0  # frames per second; 0 = unknown
    feature_range: tuple[tuple[float, float], ...] = ()  # one per feature, or none: what nearly all of training's saw
    name: str = "model"
    licence: str = ""  # of the trained weights, best as an SPDX expression; empty = not said
    provenance: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))  # JSON values
    anew: int = 0  # frames after which its state begins anew, a multiple of the stride; 0: it never does
    ranges: Ranges | None = None
    covariances: Mapping[str, Covariance] = field(default_factory=lambda: MappingProxyType({}))  # by layer's name
    examples: tuple[Float32, ...] = ()  # a few real raw sequences (frames, features), to calibrate and prove with
    unseen: tuple[Float32, ...] = ()  # such as calibration never saw, to prove with
    unseen_truth: Float32 | None = (
        None  # (unseen, outputs): 1 for what is true of each, 0 for what is not, NaN unknown
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        if len(self.layers) > MAX_LAYERS:
            raise ValueError(f"Model: {len(self.layers)} layers, expected at most {MAX_LAYERS}")
        if not any(layer.recurrent for layer in self.layers):
            found = ", ".join(layer.kind for layer in self.layers) or "none"
            known = " or ".join(kind for kind, layer in KINDS.items() if layer.recurrent)
            raise ValueError(f"Model: layers {found}, expected at least one that is recurrent ({known})")
        if not self.layers[-1].may_give_scores:
            raise ValueError(
                "Model: the last layer must be a linear dense one, or an affine one; Model.activation follows it"
            )
        check_road(self.road)
        if self.road[-1].result.rows != 1:
            raise ValueError(f"Model: the last layer gives {self.road[-1].result.rows} rows, expected 1")
        self.answer.of_runs(self.stride)
        check_whole("Model", "anew", self.anew, 0, MAX_POOLING)
        if self.anew % self.stride:
            raise ValueError(
                f"Model.anew: {self.anew}, expected a multiple of {self.stride}: the scores come so often"
            )
        width = self.outputs
        check_choice("Model", "activation", self.activation, OutputActivation)
        for name, count in (
            ("labels", width),
            ("label_units", width),
            ("feature_names", self.features),
            ("feature_units", self.features),
        ):
            texts = getattr(self, name)
            if texts and len(texts) != count:
                raise ValueError(f"Model.{name}: {len(texts)} names, expected {count} or none")
            if not all(isinstance(text, str) for text in texts):
                raise ValueError(f"Model.{name}: expected text only")
        if not isinstance(self.licence, str) or len(self.licence) > 1000 or not self.licence.isprintable():
            raise ValueError("Model.licence: expected one line of at most 1,000 characters, such as Apache-2.0")
        if not 0 <= self.sample_rate <= MAX_RATE:
            raise ValueError(
                f"Model.sample_rate: {self.sample_rate:g}, expected 0 to 1e9 frames per second, 0: unknown"
            )
        self._check_thresholds()
        self._check_feature_range()
        if self.ranges is not None and set(self.ranges.spans) != set(self.measured):
            found, wanted = (", ".join(sorted(names)) for names in (self.ranges.spans, self.measured))
            raise ValueError(f"Model.ranges: of {found}, expected {wanted}")
        if self.ranges is not None and len(self.ranges.factors) not in (0, self.features):
            raise ValueError(f"Model.ranges: {len(self.ranges.factors)} factors, expected {self.features} or none")
        weighted = [at.name for at in self.road if at.layer.columns]
        for name in () if self.ranges is None else (*self.ranges.kept, *self.ranges.int16):
            if name not in weighted:
                expected = f"expected some of {', '.join(weighted)}, whose weights could be int8"
                raise ValueError(f"Model.ranges: keeps {name!r:.40} in more than int8, {expected}")
        self._check_covariances()
        for name in ("examples", "unseen"):
            sequences = tuple(checked_array("Model", name, x, (None, self.features)) for x in getattr(self, name))
            object.__setattr__(self, name, sequences)
        self._check_unseen_truth()

    def _check_unseen_truth(self) -> None:
        if self.unseen_truth is None or not self.unseen:  # what is true of recordings goes where they go
            object.__setattr__(self, "unseen_truth", None)
            return
        truth = np.asarray(self.unseen_truth)
        if truth.shape != (len(self.unseen), self.outputs) or truth.dtype != np.float32:
            expected = f"({len(self.unseen)}, {self.outputs}) of float32, a row for each recording"
            raise ValueError(f"Model.unseen_truth: {truth.dtype} {truth.shape}, expected {expected}")
        if not (np.isin(truth, (0, 1)) | np.isnan(truth)).all():
            raise ValueError("Model.unseen_truth: expected 0, 1 or NaN")
        object.__setattr__(self, "unseen_truth", truth)

    def _check_thresholds(self) -> None:
        if self.thresholds and (self.activation != "sigmoid" or len(self.thresholds) != self.outputs):
            expected = f"{self.outputs} or none" if self.activation == "sigmoid" else f"none with {self.activation}"
            raise ValueError(f"Model.thresholds: {len(self.thresholds)} numbers, expected {expected}")
        for place, threshold in enumerate(self.thresholds):
            if not 0 <= threshold <= 1:
                raise ValueError(f"Model.thresholds[{place}]: {threshold:g}, expected 0 to 1")

    def _check_feature_range(self) -> None:
        if self.feature_range and len(self.feature_range) != self.features:
            raise ValueError(
                f"Model.feature_range: {len(self.feature_range)} pairs, expected {self.features} or none"
            )
        for place, (low, high) in enumerate(self.feature_range):
            if not -_LARGEST <= low <= high <= _LARGEST:
                raise ValueError(
                    f"Model.feature_range[{place}]: {low:g} to {high:g}, expected float32 numbers, the lower first"
                )

    def _check_covariances(self) -> None:
        object.__setattr__(self, "covariances", MappingProxyType(dict(self.covariances)))
        columns = {at.name: at.layer.columns for at in self.road}
        for name, found in self.covariances.items():
            if found.columns != columns.get(name, 0):
                raise ValueError(
                    f"Model.covariances: {name!r:.40} of {found.columns} columns, expected {columns.get(name, 0)}"
                )

    @property
    def features(self) -> int:
        return self.normalize.mean.size

    @cached_property
    def road(self) -> tuple[Placed, ...]:
        """The layers in their places, first to last."""
        return lay(self.features, self.layers)

    @property
    def stride(self) -> int:
        """Frames from one row of scores to the next: the product of all contexts' hops."""
        return self.road[-1].stride

    @property
    def gives_direction(self) -> bool:
        """Whether its scores are one vector that is compared by its cosines."""
        return any(layer.directs for layer in self.layers[-2:])

    @property
    def run_answer(self) -> Answer:
        """`answer`, its hop and window counted in rows of scores."""
        return self.answer.of_runs(self.stride)

    @property
    def trained_window(self) -> int:
        """Frames of a window in training, 0 where the model does not say."""
        config = self.provenance.get("config")
        data = config.get("data") if isinstance(config, dict) else None
        window = data.get("window") if isinstance(data, dict) else None
        return window if type(window) is int and window > 0 else 0

    @property
    def measured(self) -> tuple[str, ...]:
        """The quantities whose ranges int8 needs."""
        names = ["x"]
        for at in self.road:
            names.append(at.name)
            names += [name for name, part in at.parts if part.letter in at.layer.measured]
        return tuple(names)

    @property
    def outputs(self) -> int:
        return self.road[-1].result.size

    @property
    def weights(self) -> int:
        """Number of trained weights and biases."""
        return sum(layer.weights for layer in self.layers)
