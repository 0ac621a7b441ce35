"""What a model file says about itself, as far as a stream needs it. `.metadata` reads it from files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from edgelstm.runtime.answering import Answering
from edgelstm.runtime.events.rule import Rule
from edgelstm.runtime.pooling import Activation, Pooling, PoolingKind, additions

KEY = "edgelstm"

Precision = Literal[
    "float32",
    "float32-explicit",
    "bf16",
    "int4",
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


@dataclass(frozen=True)
class Description:
    """The part of the metadata that a stream needs; `metadata` holds all of it."""

    metadata: dict[str, Any]
    precision: str
    features: int
    outputs: int
    labels: tuple[str, ...]  # one per output, or none
    feature_names: tuple[str, ...]  # one per feature, or none
    activation: Activation
    pooling: PoolingKind
    window: int  # in frames, as hop; both multiples of the stride
    hop: int
    stride: int  # in frames: the last layer runs at every `stride`-th
    sample_rate: float  # frames per second; 0 = unknown
    anew: int = 0  # frames after which its state begins anew, a multiple of the stride; 0: it never does
    thresholds: tuple[float, ...] = ()  # one per output, of sigmoids; none: 0.5
    events: Mapping[str, Rule] = field(default_factory=dict)  # label → when it is one; of those that are watched

    @property
    def answering(self) -> Answering:
        """The model's own."""
        return Answering(self.pooling, self.window, self.hop)

    def new_pooling(self, answering: Answering) -> Pooling:
        """Counts runs of the last layer, of which there is one for each `stride` frames."""
        window, hop = answering.window // self.stride, answering.hop // self.stride
        return Pooling(answering.pooling, window, hop, self.outputs)

    def additions(self, answering: Answering) -> tuple[int, float]:
        """Of sums of scores, where a stream answers so: in the dearest frame, and in a frame on average."""
        window, hop = answering.window // self.stride, answering.hop // self.stride
        most, mean = additions(answering.pooling, window, hop, self.outputs)
        return most, mean / self.stride
