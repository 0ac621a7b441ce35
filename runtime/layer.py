"""A layer of a model as its file lists it, and a part of a stream's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

MAX_WIDTH = 1 << 14  # values of a frame, or of a layer's result
MAX_ROWS = 1 << 12

Shape = tuple[int, ...]
Setting = int | str


@dataclass(frozen=True)
class Part:
    """A piece of a stream's state."""

    name: str  # "h0"
    layer: str  # whose it is, "lstm0"; empty where it is the stream's own
    dtype: str  # numpy's name
    shape: Shape

    @property
    def count(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.count * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Layer:
    """One layer. Its result is rows × channels values, a new one after every `stride` frames."""

    name: str  # kind and place among those of its kind: "lstm0"
    kind: str
    rows: int
    channels: int
    stride: int  # in frames of the model's input
    macs: int  # multiply-accumulates of one run
    inputs: int  # values that it reads
    settings: Mapping[str, Setting] = field(default_factory=dict)  # the kind's own: {"activation": "relu"}
    weight_bytes: int | None = None  # in the file, with what belongs to rows; None where that does not say
    of: str = ""  # whose result it reads, where that is not the layer before: a layer's name, or "input"
    other: str = ""  # and the second one, of a layer that reads two

    @property
    def shape(self) -> tuple[str, int, int, int]:
        return self.name, self.rows, self.channels, self.stride

    def to_json(self) -> dict[str, Any]:
        """The entry in the metadata's list."""
        sizes = {"rows": self.rows, "channels": self.channels, "stride": self.stride}
        sources = {"of": self.of} if self.of else {}
        sources |= {"other": self.other} if self.other else {}
        return {"name": self.name, "kind": self.kind, **sources, **sizes, **self.settings}
