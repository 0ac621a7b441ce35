"""RTNeural's JSON: layers in their order with Keras's weights. AIDA-X writes the same with a gain and a skip.

    {"in_shape": […, features], "layers": [{"type": "lstm", "shape": […, H], "activation": "",
     "weights": [kernel (I, 4H), recurrent (H, 4H), bias (4H)]}, {"type": "dense", …, "weights": [(I, O), (O)]}]}

Its engine runs frame by frame and keeps the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from edgelstm import records
from edgelstm.importers import cells
from edgelstm.importers.road import Step, Word
from edgelstm.layers import Add, Context, Conv, Dense
from edgelstm.model import MAX_LAYERS
from edgelstm.records import Length

Array = NDArray[np.float64]

_WORDS: Mapping[str, Word | None] = {
    "": None,
    "linear": None,
    "relu": "relu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
}


@dataclass(frozen=True)
class Entry:
    """A layer. `weights` are lists of numbers, as deep as their arrays have sides."""

    type: str
    activation: str = ""
    weights: tuple[object, ...] = ()
    dilation: object = 1


@dataclass(frozen=True)
class File:
    layers: Annotated[tuple[Entry, ...], Length(1, MAX_LAYERS)]
    in_shape: tuple[object, ...] = ()
    in_skip: float = 0
    in_gain: float = 0
    out_gain: float = 0


def steps(values: object) -> tuple[list[Step], int]:
    """(the layers, features). ValueError that names the field."""
    file = records.from_json(File, values, strict=False)
    for name in ("in_gain", "out_gain"):
        if getattr(file, name):
            raise ValueError(
                f"{name}: {getattr(file, name):g} dB, expected 0: scale what goes in or comes out yourself"
            )
    if file.in_skip not in (0, 1):
        raise ValueError(f"in_skip: {file.in_skip:g}, expected 0 or 1")
    found: list[Step] = []
    features = 0
    for number, entry in enumerate(file.layers):
        try:
            width, more = _layer(entry)
        except ValueError as error:
            raise ValueError(f"layers[{number}] ({entry.type:.20}): {error}") from None
        features = features or width
        found += more
    if not features:
        raise ValueError("layers: none says how wide frames are, expected weights in the first")
    return (skipping(found) if file.in_skip else found), features


def skipping(found: list[Step]) -> list[Step]:
    """With the frame itself added to the result; a context keeps it for who asks again."""
    return [Context(1), *found, Add("context0")]


def _layer(entry: Entry) -> tuple[int, list[Step]]:
    """(what it takes, 0: anything; what it is)"""
    if entry.activation not in _WORDS:
        raise ValueError(f"activation {entry.activation!r:.20}, expected one of {', '.join(filter(None, _WORDS))}")
    word = _WORDS[entry.activation]
    kind = entry.type
    if kind == "activation":
        return 0, [] if word is None else [word]
    if kind not in _READ:
        raise ValueError(f"expected one of activation, {', '.join(_READ)}")
    weights = [array(weight, f"weights[{n}]") for n, weight in enumerate(entry.weights)]
    if kind in ("lstm", "gru"):
        if word not in (None, "tanh"):
            raise ValueError(f"activation {entry.activation!r:.20}, expected tanh")
        word = None
    width, found = _READ[kind](weights, entry)
    return width, [*found, *([] if word is None else [word])]


def array(value: object, name: str) -> Array:
    """Nested lists of numbers. ValueError where they are none, or of several lengths."""
    try:
        found = np.array(value, np.float64)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise ValueError(f"{name}: no numbers in lists of one length, expected an array") from None
    return found


def _sides(weights: list[Array], *sides: int) -> list[Array]:
    if [weight.ndim for weight in weights] != list(sides):
        found = ", ".join(str(weight.shape) for weight in weights)
        raise ValueError(f"weights of shape {found or 'none'}, expected {len(sides)} of {sides} sides")
    return weights


def _lstm(weights: list[Array], _: Entry) -> tuple[int, list[Step]]:
    kernel, recurrent, bias = _sides(weights, 2, 2, 1)
    return len(kernel), [cells.lstm(kernel.T, recurrent.T, bias)]


def _gru(weights: list[Array], _: Entry) -> tuple[int, list[Step]]:
    kernel, recurrent, bias = _sides(weights, 2, 2, 2)
    if len(bias) != 2:
        raise ValueError(f"bias of shape {bias.shape}, expected (2, 3H)")
    return len(kernel), [cells.gru(kernel.T, recurrent.T, *bias)]


def _dense(weights: list[Array], _: Entry) -> tuple[int, list[Step]]:
    if len(weights) == 1:
        weights = [*weights, np.zeros(weights[0].shape[-1:])]
    kernel, bias = _sides(weights, 2, 1)
    return len(kernel), [Dense(single(kernel.T), single(bias))]


def _conv(weights: list[Array], entry: Entry) -> tuple[int, list[Step]]:
    kernel, bias = _sides(weights, 3, 1)
    dilation = entry.dilation[0] if isinstance(entry.dilation, list) and entry.dilation else entry.dilation
    if type(dilation) is not int or not 0 < dilation < 1 << 12:
        raise ValueError(f"dilation {str(entry.dilation)[:20]}, expected a whole number")
    taps, channels, _ = kernel.shape
    conv = Conv(single(kernel.transpose(2, 0, 1)), single(bias), dilation=dilation)
    return channels, [Context((taps - 1) * dilation + 1), conv]


def single(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)


_READ = {"lstm": _lstm, "gru": _gru, "dense": _dense, "time-distributed-dense": _dense, "conv1d": _conv}
