"""What an exported file says about itself: the JSON object under the key `edgelstm`.

`edgelstm.export.metadata` writes it. Here it is read from files that nobody vouches for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from edgelstm.records import Bounds, from_json, parse_json
from edgelstm.runtime.layers import MAX_STRIDE, MAX_WIDTH, Layer, frame_macs, read_layers
from edgelstm.runtime.pooling import Activation, Pooling, PoolingKind

KEY = "edgelstm"

Precision = Literal[
    "float32",
    "float32-explicit",
    "int8",
    "int8-exact",
    "int8-exact-sequence",
    "int8-portable",
    "int8-portable-sequence",
    "int8-explicit",
    "int8-dynamic",
    "hybrid",
]
"""The name of the form of export: `edgelstm export --list` says what each computes."""

MAX_JSON_BYTES = 1 << 22
MAX_GATHERED = 1 << 24  # values of the frames that a call takes
MAX_POOLING = 1 << 20  # frames of a window or a hop
MAX_RING = 1 << 24  # block sums that a window may hold


_Width = Annotated[int, Bounds(1, MAX_WIDTH)]
_Frames = Annotated[int, Bounds(0, MAX_POOLING)]


@dataclass(frozen=True)
class _Answer:
    pooling: PoolingKind
    window: _Frames
    hop: _Frames


@dataclass(frozen=True)
class _Metadata:
    """The fields that are looked at here; files hold more, for people."""

    version: Literal[1]
    precision: Precision
    features: _Width
    outputs: _Width
    labels: tuple[str, ...]
    feature_names: tuple[str, ...]
    stride: Annotated[int, Bounds(1, MAX_STRIDE)]
    activation: Activation
    answer: _Answer
    sample_rate: Annotated[float, Bounds(0, 1e9)]

    def __post_init__(self) -> None:
        for name, texts, count in (
            ("labels", self.labels, self.outputs),
            ("feature_names", self.feature_names, self.features),
        ):
            if texts and len(texts) != count:
                raise ValueError(f"{name}: {len(texts)} texts, expected {count} or none")
        if self.stride * self.features > MAX_GATHERED:
            raise ValueError(f"stride: {self.stride}, expected {MAX_GATHERED} values at most in so many frames")
        pooling, window, hop = self.answer.pooling, self.answer.window, self.answer.hop
        if window and (pooling != "mean" or not hop or window % hop or window // hop * self.outputs > MAX_RING):
            expected = f"0, or with pooling mean a multiple of hop ({hop}) of which it holds few"
            raise ValueError(f"answer.window: {window}, expected {expected}")
        if hop % self.stride:
            raise ValueError(f"answer.hop: {hop}, expected a multiple of the stride ({self.stride})")


@dataclass(frozen=True)
class Description:
    """The part of the metadata that a stream needs; `metadata` holds all of it."""

    metadata: dict[str, Any]
    precision: str
    features: int
    outputs: int
    labels: tuple[str, ...]  # one per output, or none
    feature_names: tuple[str, ...]  # one per feature, or none
    layers: tuple[Layer, ...]
    activation: Activation
    pooling: PoolingKind
    window: int  # in frames, as hop; both multiples of the stride
    hop: int
    stride: int  # in frames: the last layer runs at every `stride`-th
    sample_rate: float  # frames per second; 0 = unknown
    frame_macs: int  # multiply-accumulates of a frame, on average

    @classmethod
    def from_json(cls, text: str | bytes) -> Description:
        """ValueError that names the field, what it holds and what would be right."""
        if len(text) > MAX_JSON_BYTES:
            raise ValueError(f"metadata: {len(text)} bytes, expected at most {MAX_JSON_BYTES}")
        values = parse_json(text, "metadata")
        found = from_json(_Metadata, values, "metadata", strict=False)
        layers = read_layers(values, found.features, found.outputs)
        if found.stride != layers[-1].stride:
            raise ValueError(f"metadata: stride: {found.stride}, expected the last layer's ({layers[-1].stride})")
        return cls(
            metadata=values,
            precision=found.precision,
            features=found.features,
            outputs=found.outputs,
            labels=found.labels,
            feature_names=found.feature_names,
            layers=layers,
            activation=found.activation,
            pooling=found.answer.pooling,
            window=found.answer.window,
            hop=found.answer.hop,
            stride=found.stride,
            sample_rate=found.sample_rate,
            frame_macs=frame_macs(layers),
        )

    def new_pooling(self) -> Pooling:
        """Counts runs of the last layer, of which there is one for each `stride` frames."""
        return Pooling(self.pooling, self.window // self.stride, self.hop // self.stride, self.outputs)
