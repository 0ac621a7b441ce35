"""What an exported file says about itself: the JSON object under the key `edgelstm`.

`edgelstm.export.metadata` writes it. Here it is read from files that nobody vouches for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, get_args

from edgelstm.runtime.layers import MAX_WIDTH, Layer, frame_macs, read_layers
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
        fields = _Fields(_parse(text), "metadata")
        fields.whole("version", 1, 1)
        features, outputs = fields.whole("features", 1, MAX_WIDTH), fields.whole("outputs", 1, MAX_WIDTH)
        layers = read_layers(fields.values, features, outputs)
        stride = fields.whole("stride", layers[-1].stride, layers[-1].stride)
        if stride * features > MAX_GATHERED:
            raise fields.wrong("stride", f"{MAX_GATHERED} values at most in {stride} frames")
        answer = fields.object("answer")
        pooling = answer.choice("pooling", get_args(PoolingKind))
        window, hop = answer.whole("window", 0, MAX_POOLING), answer.whole("hop", 0, MAX_POOLING)
        if window and (pooling != "mean" or not hop or window % hop or window // hop * outputs > MAX_RING):
            raise answer.wrong("window", f"0, or with pooling mean a multiple of hop ({hop}) of which it holds few")
        if hop % stride:
            raise answer.wrong("hop", f"a multiple of the stride ({stride})")
        return cls(
            metadata=fields.values,
            precision=fields.choice("precision", get_args(Precision)),
            features=features,
            outputs=outputs,
            labels=fields.texts("labels", outputs),
            feature_names=fields.texts("feature_names", features),
            layers=layers,
            activation=fields.choice("activation", get_args(Activation)),
            pooling=pooling,
            window=window,
            hop=hop,
            stride=stride,
            sample_rate=fields.number("sample_rate"),
            frame_macs=frame_macs(layers),
        )

    def new_pooling(self) -> Pooling:
        """Counts runs of the last layer, of which there is one for each `stride` frames."""
        return Pooling(self.pooling, self.window // self.stride, self.hop // self.stride, self.outputs)


@dataclass(frozen=True)
class _Fields:
    """A JSON object whose fields are checked as they are taken."""

    values: dict[str, Any]
    name: str

    def wrong(self, field: str, expected: str) -> ValueError:
        return ValueError(f"{self.name}.{field}: {str(self.values.get(field))[:60]!r}, expected {expected}")

    def whole(self, field: str, low: int, high: int) -> int:
        value: Any = self.values.get(field)
        if not _is_whole(value, low, high):
            raise self.wrong(field, f"a whole number from {low} to {high}")
        return int(value)

    def number(self, field: str) -> float:
        """Finite, 0 or larger."""
        value: Any = self.values.get(field)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1e9:
            raise self.wrong(field, "a number from 0 to 1e9")
        return float(value)

    def choice(self, field: str, choices: tuple[str, ...]) -> Any:
        value: Any = self.values.get(field)
        if not isinstance(value, str) or value not in choices:
            raise self.wrong(field, f"one of {', '.join(choices)}")
        return value

    def texts(self, field: str, count: int) -> tuple[str, ...]:
        value: Any = self.values.get(field)
        if not isinstance(value, list) or len(value) not in (0, count) or any(not isinstance(v, str) for v in value):
            raise self.wrong(field, f"{count} texts or none")
        return tuple(value)

    def object(self, field: str) -> _Fields:
        value: Any = self.values.get(field)
        if not isinstance(value, dict):
            raise self.wrong(field, "an object")
        return _Fields(value, f"{self.name}.{field}")


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _parse(text: str | bytes) -> dict[str, Any]:
    if len(text) > MAX_JSON_BYTES:
        raise ValueError(f"metadata: {len(text)} bytes, expected at most {MAX_JSON_BYTES}")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"metadata: not JSON ({error})") from None
    if not isinstance(values, dict):
        raise ValueError("metadata: not a JSON object")
    return values
