"""Reads what an exported file says about itself: the JSON object under the key `edgelstm`.

`edgelstm.export.metadata` writes it. Here it is read from files that nobody vouches for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from edgelstm.records import Bounds, from_json, parse_json
from edgelstm.runtime.description import Description, Precision
from edgelstm.runtime.layers import MAX_STRIDE, MAX_WIDTH
from edgelstm.runtime.pooling import Activation, PoolingKind

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


def read_metadata(text: str | bytes) -> Description:
    """ValueError that names the field, what it holds and what would be right. The layers are read apart."""
    if len(text) > MAX_JSON_BYTES:
        raise ValueError(f"metadata: {len(text)} bytes, expected at most {MAX_JSON_BYTES}")
    values = parse_json(text, "metadata")
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
    )
