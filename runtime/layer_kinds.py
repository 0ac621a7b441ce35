"""The kinds of layers that a file may list: what each says of itself, the shape that follows, what it keeps.

`KINDS` is the one place in this room that knows kinds of layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgelstm.runtime.layer import MAX_ROWS, MAX_WIDTH, Layer, Shape

Allowed = range | tuple[str, ...]


@dataclass(frozen=True)
class Given:
    """A layer's sizes and settings, and the rows and channels that it reads."""

    rows: int
    channels: int
    settings: Mapping[str, Any]
    source_rows: int
    source_channels: int
    other_rows: int = 0  # of the second result; 0 where there is none
    other_channels: int = 0

    @property
    def inputs(self) -> int:
        return self.source_rows * self.source_channels


def _one_row(given: Given) -> tuple[int, int]:
    return 1, given.channels


def _one_row_or_each(given: Given) -> tuple[int, int]:
    return given.source_rows if given.rows > 1 else 1, given.channels


def _rows_of_source(given: Given) -> tuple[int, int]:
    return given.rows, given.inputs // given.settings.get("brought", 1)


def _as_source(given: Given) -> tuple[int, int]:
    return given.source_rows, given.source_channels


def _mean(given: Given) -> tuple[int, int]:
    return (1, given.source_channels) if given.settings["over"] == "rows" else (given.source_rows, 1)


def _both(given: Given) -> tuple[int, int]:
    return given.source_rows, given.source_channels + given.other_channels


def _within(given: Given, rows: int) -> int:
    return rows + int(given.settings.get("before", 0)) + int(given.settings.get("after", 0))


def _windows(given: Given) -> tuple[int, int]:
    taps, step, dilation = (given.settings[name] for name in ("taps", "step", "dilation"))
    return (_within(given, given.source_rows) - (taps - 1) * dilation - 1) // step + 1, given.channels


def _spectra(given: Given) -> tuple[int, int]:
    size, step = given.settings["size"], given.settings["step"]
    return (_within(given, given.inputs) - size) // step + 1, size + 2


def _hop(given: Given) -> tuple[int, int]:
    return 1, min(given.channels, given.inputs)


def _of_each_unit(*letters: str) -> Callable[[Layer], dict[str, Shape]]:
    return lambda layer: dict.fromkeys(letters, (layer.channels,)) if layer.settings.get("carry", 1) else {}


def _past(layer: Layer) -> dict[str, Shape]:
    hop = int(layer.settings.get("hop", 1))
    waiting: dict[str, Shape] = {"pending": (hop - 1, layer.channels)} if hop > 1 else {}
    return {"past": (layer.rows, layer.channels), **waiting}


def _past_of_a_call(layer: Layer) -> dict[str, Shape]:
    kept = layer.rows - int(layer.settings.get("hop", 1)) * int(layer.settings.get("brought", 1))
    return {"past": (kept, layer.channels)} if kept else {}


def _overlap(layer: Layer) -> dict[str, Shape]:
    return {"overlap": (layer.inputs,)}


def _heard(layer: Layer) -> dict[str, Shape]:
    level: dict[str, Shape] = {"level": (1,)} if layer.settings["level"] == "running" else {}
    return {"samples": (int(layer.settings["window"]),), **level}


def _none(_: Layer) -> dict[str, Shape]:
    return {}


@dataclass(frozen=True)
class Kind:
    settings: Mapping[str, Allowed]  # its own fields, and what each may hold
    follows: Callable[[Given], tuple[int, int]]  # rows and channels of the result, as the rest has it
    macs: Callable[[Given], int]
    parts: Callable[[Layer], dict[str, Shape]] = _none  # letter → shape of what a stream of the C core keeps
    parts_of_a_call: Callable[[Layer], dict[str, Shape]] = _none  # of what a file keeps that takes `stride` frames
    keeps_rows: bool = False
    further: Mapping[str, Allowed] = field(default_factory=dict)  # fields that stand there where a layer is not plain
    joins: bool = False  # reads a second result
    hears: bool = False  # reads samples of sound, on the scale of 16 bits
    by_rows: bool = False  # may take the source's rows one after another, and gives a row for each
    gates: int = 0  # products of each unit with the input, and again with the state; 0 where it has no units


def _gated(gates: int, *letters: str, settings: Mapping[str, Allowed] = {}) -> Kind:
    """A recurrent layer whose units keep a number by each letter."""

    def macs(given: Given) -> int:
        inputs = given.source_channels if given.rows > 1 else given.inputs
        return given.rows * gates * given.channels * (inputs + given.channels)

    parts = _of_each_unit(*letters)
    return Kind(settings, _one_row_or_each, macs, parts, parts, further=_RECURRENT, by_rows=True, gates=gates)


def _no_macs(_: Given) -> int:
    return 0


def _conv_macs(given: Given) -> int:
    taps, groups = given.settings["taps"], given.settings.get("groups", 1)
    return int(given.rows * given.channels * taps * (given.source_channels // groups))


def _transforms(size: int, rows: int) -> int:
    """Of a real transform by radix 2: 4 for each pair of values of each stage, and a stage more to part them."""
    return rows * (size * (size.bit_length() - 2) + 2 * size)


_ACTIVATION = ("linear", "relu")
_COUNT = range(1, MAX_WIDTH + 1)
_PADDING: Mapping[str, Allowed] = {
    "before": range(MAX_ROWS + 1),
    "after": range(MAX_ROWS + 1),
    "fill": ("zero", "mirror"),
}
_RECURRENT: Mapping[str, Allowed] = {
    "gate": ("sigmoid", "hard_sigmoid", "hard_sigmoid6"),
    "candidate": ("tanh", "linear", "relu"),
    "carry": range(1),
}
_FUNCTIONS = ("relu", "leaky_relu", "tanh", "sigmoid", "hard_sigmoid", "hard_sigmoid6", "clip", "softmax")

KINDS: Mapping[str, Kind] = {
    "lstm": _gated(4, "h", "c"),
    "gru": _gated(3, "h", settings={"reset": ("after", "before")}),
    "dense": Kind({"activation": _ACTIVATION}, _one_row, lambda given: given.channels * given.inputs),
    "context": Kind(
        {"hop": range(1, MAX_ROWS + 1)},
        _rows_of_source,
        _no_macs,
        _past,
        _past_of_a_call,
        keeps_rows=True,
        further={"brought": range(1, MAX_ROWS + 1)},
    ),
    "conv": Kind(
        {"taps": _COUNT, "step": _COUNT, "dilation": _COUNT, "activation": _ACTIVATION},
        _windows,
        _conv_macs,
        further={"groups": _COUNT, **_PADDING},
    ),
    "activation": Kind({"function": _FUNCTIONS}, _as_source, _no_macs),
    "affine": Kind({}, _as_source, _no_macs),
    "layer_norm": Kind({}, _as_source, _no_macs),
    "l2": Kind({}, _as_source, _no_macs),
    "log": Kind({}, _as_source, _no_macs),
    "mean": Kind({"over": ("rows", "channels")}, _mean, _no_macs),
    "last": Kind({}, lambda given: (1, given.source_channels), _no_macs),
    "add": Kind({}, _as_source, _no_macs, further={"sign": ("plus", "minus")}, joins=True),
    "multiply": Kind({}, _as_source, _no_macs, joins=True),
    "concat": Kind({}, _both, _no_macs, joins=True),
    "spectrum": Kind(
        {"size": range(4, 4097), "step": _COUNT},
        _spectra,
        lambda given: _transforms(given.settings["size"], given.rows),
        further=_PADDING,
    ),
    "inverse_spectrum": Kind(
        {},
        lambda given: (given.source_rows, given.source_channels - 2),
        lambda given: _transforms(given.channels, given.rows),
    ),
    "magnitude": Kind({}, lambda given: (given.source_rows, given.source_channels // 2), _no_macs),
    "logmel": Kind(
        {
            "rate": range(1, (1 << 20) + 1),
            "window": range(2, 1025, 2),
            "size": range(256, 1025, 256),
            "low": range(1 << 19),
            "high": range(1, (1 << 19) + 1),
            "filters": ("htk", "slaney", "kaldi"),
            "level": ("none", "running"),
        },
        _one_row,
        lambda given: given.settings["window"] + _transforms(given.settings["size"], 1) + given.settings["size"],
        _heard,
        hears=True,
        further={"fall": range(1, 1001), "reach": range(1, 201)},
    ),
    "overlap_add": Kind({}, _hop, _no_macs, _overlap, _overlap),
}
