"""Reads what an exported file says about itself: the JSON object under the key `edgelstm`.

`edgelstm.export.metadata` writes it. Here it is read from files that nobody vouches for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isclose
from typing import Annotated, Any, Literal

from edgelstm.records import Bounds, from_json, parse_json
from edgelstm.runtime.answering import Answering
from edgelstm.runtime.description import Description, Precision
from edgelstm.runtime.events.rule import Rule
from edgelstm.runtime.layer import MAX_WIDTH
from edgelstm.runtime.layers import MAX_STRIDE
from edgelstm.runtime.pooling import Activation

NO_FOUR_BITS = "no layer of this model takes 4 bits: use int8"
"""Of an int4 file whose layers all keep 8 bits: those of inputs of 16 bits, and the last."""
MAX_JSON_BYTES = 1 << 22
MAX_GATHERED = 1 << 24  # values of the frames that a call takes

_Width = Annotated[int, Bounds(1, MAX_WIDTH)]


@dataclass(frozen=True)
class _Normalize:
    mean: tuple[float, ...]
    std: tuple[Annotated[float, Bounds(above=0)], ...]


@dataclass(frozen=True, kw_only=True)
class _Told:
    """Fields that every file may leave out; what they hold has to be right."""

    name: str | None = None
    licence: str | None = None
    scales: str | None = None
    input: Literal["int8", "int16"] = "int8"  # what frames become in integers
    kept_float32: tuple[str, ...] = ()  # layers whose weights are not of int8
    int16: tuple[str, ...] = ()
    int4: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    label_units: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    feature_units: tuple[str, ...] = ()
    feature_range: tuple[tuple[float, float], ...] = ()
    thresholds: tuple[Annotated[float, Bounds(0, 1)], ...] = ()
    events: dict[str, Rule] = field(default_factory=dict)
    normalize: _Normalize | None = None
    provenance: dict[str, object] | None = None

    def check_counts(self, features: int, outputs: int) -> None:
        """ValueError for a list that is not as long as the model is wide."""
        normalize = self.normalize or _Normalize((), ())
        for name, values, count in (
            ("labels", self.labels, outputs),
            ("label_units", self.label_units, outputs),
            ("thresholds", self.thresholds, outputs),
            ("feature_names", self.feature_names, features),
            ("feature_units", self.feature_units, features),
            ("feature_range", self.feature_range, features),
            ("normalize.mean", normalize.mean, features),
            ("normalize.std", normalize.std, features),
        ):
            if values and len(values) != count:
                raise ValueError(f"{name}: {len(values)} items, expected {count} or none")
        if len(normalize.mean) != len(normalize.std):
            raise ValueError(f"normalize.std: {len(normalize.std)} items, expected {len(normalize.mean)} as mean has")


@dataclass(frozen=True, kw_only=True)
class _Metadata(_Told):
    """The fields that are looked at here; files hold more, for people."""

    version: Literal[1]
    precision: Precision
    features: _Width
    outputs: _Width
    labels: tuple[str, ...]
    feature_names: tuple[str, ...]
    stride: Annotated[int, Bounds(1, MAX_STRIDE)]
    activation: Activation
    answer: Answering
    sample_rate: Annotated[float, Bounds(0, 1e9)]
    anew: Annotated[int, Bounds(0, MAX_STRIDE)] = 0

    def __post_init__(self) -> None:
        self.check_counts(self.features, self.outputs)
        if self.stride * self.features > MAX_GATHERED:
            raise ValueError(f"stride: {self.stride}, expected {MAX_GATHERED} values at most in so many frames")
        if self.anew % self.stride:
            raise ValueError(f"anew: {self.anew}, expected a multiple of the stride ({self.stride})")
        try:
            self.answer.check(self.stride, self.outputs)
        except ValueError as error:
            raise ValueError(f"answer.{error}") from None


@dataclass(frozen=True, kw_only=True)
class _Beside(_Told):
    """The fields of a file that computes without them."""

    version: Literal[1] | None = None
    precision: str | None = None
    features: int | None = None
    outputs: int | None = None
    stride: int | None = None
    activation: Activation | None = None
    answer: Answering | None = None
    sample_rate: float | None = None
    anew: int | None = None


def read_metadata_beside(text: bytes, header: Description) -> Description:
    """`header`, what a file computes by, with the names that its metadata add.

    ValueError, in one line, for a field of another type and for one that contradicts the header. What is not said is
    not missed.
    """
    values = _parsed(text)
    if not isinstance(values, dict):
        raise ValueError(f"metadata: {type(values).__name__}, expected a JSON object")
    said = from_json(_Beside, values, "metadata", strict=False)
    try:
        said.check_counts(header.features, header.outputs)
        _refuse_contradictions(said, header)
    except ValueError as error:
        raise ValueError(f"metadata: {error}") from None
    rate = header.sample_rate if said.sample_rate is None else said.sample_rate  # the header's is float32
    names, labels = said.feature_names, said.labels
    return replace(
        header,
        metadata=values,
        labels=labels,
        feature_names=names,
        sample_rate=rate,
        thresholds=said.thresholds,
        events=said.events,
    )


def _refuse_contradictions(said: _Beside, header: Description) -> None:
    answer = said.answer or header.answering
    pairs: Mapping[str, tuple[object, object]] = {
        # Several forms of integers lie in files that the core calls int8.
        "precision": ((said.precision or header.precision).partition("-")[0], header.precision),
        "features": (said.features, header.features),
        "outputs": (said.outputs, header.outputs),
        "stride": (said.stride, header.stride),
        "anew": (said.anew, header.anew),
        "activation": (said.activation, header.activation),
        "answer.pooling": (answer.pooling, header.pooling),
        "answer.window": (answer.window, header.window),
        "answer.hop": (answer.hop, header.hop),
    }
    for name, (found, wanted) in pairs.items():
        if found is not None and found != wanted:
            raise ValueError(f"{name}: {found!s:.40}, expected {wanted}, as the file's header has it")
    rate = said.sample_rate
    if rate is not None and not isclose(
        rate, header.sample_rate, rel_tol=1e-6, abs_tol=1e-30
    ):  # the header's is float32
        raise ValueError(f"sample_rate: {rate:g}, expected {header.sample_rate:g}, as the file's header has it")


def _parsed(text: str | bytes) -> Any:
    if len(text) > MAX_JSON_BYTES:
        raise ValueError(f"metadata: {len(text)} bytes, expected at most {MAX_JSON_BYTES}")
    return parse_json(text, "metadata")


def read_metadata(text: str | bytes) -> Description:
    """ValueError that names the field, what it holds and what would be right. The layers are read apart."""
    values = _parsed(text)
    found = from_json(_Metadata, values, "metadata", strict=False)
    return Description(
        metadata=values,
        precision=found.precision,
        features=found.features,
        outputs=found.outputs,
        labels=found.labels,
        feature_names=found.feature_names,
        activation=found.activation,
        pooling=found.answer.pooling,
        window=found.answer.window,
        hop=found.answer.hop,
        stride=found.stride,
        sample_rate=found.sample_rate,
        anew=found.anew,
        thresholds=found.thresholds,
        events=found.events,
    )


def imported_window(metadata: Mapping[str, Any]) -> int | None:
    """Frames of the windows after which a model began anew where it was imported from; None for any other, and for
    one that begins anew in a stream as well, as files of before do not."""
    if metadata.get("anew"):
        return None
    provenance = metadata.get("provenance")
    if not isinstance(provenance, dict) or "imported" not in provenance:
        return None
    config = provenance.get("config")
    data = config.get("data") if isinstance(config, dict) else None
    window = data.get("window") if isinstance(data, dict) else None
    return window if type(window) is int else None
