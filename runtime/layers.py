"""The layers of a model, as its file lists them, and the parts that a stream's state has.

`KINDS` is the one place here that knows kinds of layers. Lists come from files that nobody vouches for: every
number is held against the layers before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

LAYERS_FIELD, STRIDE_FIELD = "layers", "stride"

MAX_LAYERS = 64
MAX_WIDTH = 1 << 14  # values of a frame, or of a layer's result
MAX_ROWS = 1 << 12
MAX_STRIDE = 1 << 20

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

    @property
    def shape(self) -> tuple[str, int, int, int]:
        return self.name, self.rows, self.channels, self.stride

    def to_json(self) -> dict[str, Any]:
        """The entry in the metadata's list."""
        sizes = {"rows": self.rows, "channels": self.channels, "stride": self.stride}
        return {"name": self.name, "kind": self.kind, **sizes, **self.settings}


@dataclass(frozen=True)
class _Given:
    """A layer's sizes and settings, and the rows and channels that it reads."""

    rows: int
    channels: int
    settings: Mapping[str, Any]
    source_rows: int
    source_channels: int

    @property
    def inputs(self) -> int:
        return self.source_rows * self.source_channels


def _one_row(given: _Given) -> tuple[int, int]:
    return 1, given.channels


def _rows_of_source(given: _Given) -> tuple[int, int]:
    return given.rows, given.inputs


def _windows(given: _Given) -> tuple[int, int]:
    taps, step, dilation = (given.settings[name] for name in ("taps", "step", "dilation"))
    return (given.source_rows - (taps - 1) * dilation - 1) // step + 1, given.channels


def _of_each_unit(*letters: str) -> Callable[[Layer], dict[str, Shape]]:
    return lambda layer: dict.fromkeys(letters, (layer.channels,))


def _past(layer: Layer) -> dict[str, Shape]:
    hop = int(layer.settings.get("hop", 1))
    waiting: dict[str, Shape] = {"pending": (hop - 1, layer.channels)} if hop > 1 else {}
    return {"past": (layer.rows, layer.channels), **waiting}


def _past_of_a_call(layer: Layer) -> dict[str, Shape]:
    kept = layer.rows - int(layer.settings.get("hop", 1))
    return {"past": (kept, layer.channels)} if kept else {}


def _none(_: Layer) -> dict[str, Shape]:
    return {}


@dataclass(frozen=True)
class _Kind:
    settings: Mapping[str, range | tuple[str, ...]]  # its own fields, and what each may hold
    follows: Callable[[_Given], tuple[int, int]]  # rows and channels of the result, as the rest has it
    macs: Callable[[_Given], int]
    parts: Callable[[Layer], dict[str, Shape]] = _none  # letter → shape of what a stream of the C core keeps
    parts_of_a_call: Callable[[Layer], dict[str, Shape]] = _none  # of what a file keeps that takes `stride` frames
    keeps_rows: bool = False


def _gated(gates: int) -> Callable[[_Given], int]:
    return lambda given: gates * given.channels * (given.inputs + given.channels)


_HIDDEN = _of_each_unit("h")
_HIDDEN_AND_CELL = _of_each_unit("h", "c")
_ACTIVATION = ("linear", "relu")
_COUNT = range(1, MAX_WIDTH + 1)

KINDS: Mapping[str, _Kind] = {
    "lstm": _Kind({}, _one_row, _gated(4), _HIDDEN_AND_CELL, _HIDDEN_AND_CELL),
    "gru": _Kind({"reset": ("after", "before")}, _one_row, _gated(3), _HIDDEN, _HIDDEN),
    "dense": _Kind({"activation": _ACTIVATION}, _one_row, lambda given: given.channels * given.inputs),
    "context": _Kind(
        {"hop": range(1, MAX_ROWS + 1)}, _rows_of_source, lambda _: 0, _past, _past_of_a_call, keeps_rows=True
    ),
    "conv": _Kind(
        {"taps": _COUNT, "step": _COUNT, "dilation": _COUNT, "activation": _ACTIVATION},
        _windows,
        lambda given: given.rows * given.channels * given.settings["taps"] * given.source_channels,
    ),
}


def shape_of_part(kind: str, rows: int, channels: int) -> Shape:
    """Of a part of such a layer's state: one value for each channel, or rows of them."""
    return (rows, channels) if KINDS[kind].keeps_rows else (channels,)


def read_layers(values: Mapping[str, Any], features: int, outputs: int) -> tuple[Layer, ...]:
    """From the metadata's fields `layers` and `stride`. ValueError, in one line that names the layer, where they fit
    neither each other nor a frame of `features` and `outputs` scores."""
    entries = values.get(LAYERS_FIELD)
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_LAYERS:
        raise ValueError(f"metadata: {LAYERS_FIELD}: expected a list of 1 to {MAX_LAYERS} layers")
    layers: list[Layer] = []
    for place, entry in enumerate(entries):
        rows, channels, stride = (
            (layers[-1].rows, layers[-1].channels, layers[-1].stride) if layers else (1, features, 1)
        )
        where = f"metadata: {LAYERS_FIELD}[{place}]"
        layers.append(_read_layer(entry, where, rows, channels, stride, layers))
    if layers[-1].rows * layers[-1].channels != outputs:
        found = f"{layers[-1].rows} × {layers[-1].channels}"
        raise ValueError(f"metadata: {LAYERS_FIELD}: the last one's result is {found}, expected {outputs} scores")
    said = values.get(STRIDE_FIELD)
    if said != layers[-1].stride:
        raise ValueError(f"metadata: {STRIDE_FIELD}: {str(said)[:40]!r}, expected {layers[-1].stride}")
    return tuple(layers)


def _read_layer(entry: Any, where: str, rows: int, channels: int, stride: int, before: Sequence[Layer]) -> Layer:
    kind_name = entry.get("kind") if isinstance(entry, dict) else None
    kind = KINDS.get(kind_name) if isinstance(kind_name, str) else None
    if kind is None:
        raise ValueError(f"{where}.kind: {str(kind_name)[:40]!r}, expected one of {', '.join(KINDS)}")
    name = f"{kind_name}{sum(layer.kind == kind_name for layer in before)}"
    if entry.get("name") != name:
        raise ValueError(f"{where}.name: {str(entry.get('name'))[:40]!r}, expected {name!r}")
    bounds = {"rows": range(1, MAX_ROWS + 1), "channels": range(1, MAX_WIDTH + 1), **kind.settings}
    found = {setting: _read_setting(entry, where, setting, allowed) for setting, allowed in bounds.items()}
    given = _Given(found.pop("rows"), found.pop("channels"), found, rows, channels)
    _expect(entry, where, dict(zip(("rows", "channels"), kind.follows(given))))
    hop = found.get("hop", 1)
    if hop > given.rows or given.rows * given.channels > MAX_WIDTH or stride * hop > MAX_STRIDE:
        limits = f"hop at most rows, {MAX_WIDTH} values and {MAX_STRIDE} frames at most"
        raise ValueError(f"{where}: {given.rows} × {given.channels} values with hop {hop}, expected {limits}")
    _expect(entry, where, {"stride": stride * hop})
    macs = kind.macs(given)
    return Layer(name, str(kind_name), given.rows, given.channels, stride * hop, macs, given.inputs, found)


def _read_setting(entry: Mapping[str, Any], where: str, name: str, allowed: range | tuple[str, ...]) -> Any:
    value = entry.get(name)
    if isinstance(allowed, tuple):
        right, expected = isinstance(value, str) and value in allowed, f"one of {', '.join(allowed)}"
    else:
        right = isinstance(value, int) and not isinstance(value, bool) and value in allowed
        expected = f"a whole number from {allowed.start} to {allowed.stop - 1}"
    if not right:
        raise ValueError(f"{where}.{name}: {str(value)[:40]!r}, expected {expected}")
    return value


def _expect(entry: Mapping[str, Any], where: str, expected: Mapping[str, int]) -> None:
    """The numbers that follow from the others are what the file says."""
    for name, value in expected.items():
        found = entry.get(name)
        if isinstance(found, bool) or found != value:
            raise ValueError(f"{where}.{name}: {str(found)[:40]!r}, expected {value}")


def frame_macs(layers: Iterable[Layer]) -> int:
    """Multiply-accumulates of a frame, on average over frames: rounded up where layers do not run at every one."""
    layers = tuple(layers)
    whole = max((layer.stride for layer in layers), default=1)
    return -(-sum(layer.macs * (whole // layer.stride) for layer in layers) // whole)


def parts_of_streams(layers: Sequence[Layer]) -> dict[str, tuple[str, Shape]]:
    """Name of each part → (its layer's name, its shape), in order: what a stream of the C core keeps."""
    return _parts(layers, lambda kind: kind.parts)


def parts_of_calls(layers: Sequence[Layer]) -> dict[str, tuple[str, Shape]]:
    """The same for a file that takes as many frames a call as its last layer has stride."""
    return _parts(layers, lambda kind: kind.parts_of_a_call)


def _parts(
    layers: Sequence[Layer], of: Callable[[_Kind], Callable[[Layer], dict[str, Shape]]]
) -> dict[str, tuple[str, Shape]]:
    """A part's number counts the layers before it whose first part has the same letter as its own layer's."""
    counts: dict[str, int] = {}
    found = {}
    for layer in layers:
        first = next(iter(KINDS[layer.kind].parts(layer)), None)
        if first is None:
            continue
        number = counts[first] = counts.get(first, -1) + 1
        for letter, shape in of(KINDS[layer.kind])(layer).items():
            found[f"{letter}{number}"] = (layer.name, shape)
    return found
