"""Keras's layers with their weights, as layers of a model. Gates are i, f, c, o and z, r, h, by columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers import cells
from edgelstm.importers.road import Scale, Step, Word
from edgelstm.layers import L2, Activation, Context, Conv, Dense, LayerNorm, Shape
from edgelstm.layers.activation import LARGEST
from edgelstm.layers.functions import Candidate, Gate

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Settings = Mapping[str, Any]

WORDS: Mapping[str, Word | None] = {
    "linear": None,
    "relu": "relu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
}
_FUNCTIONS: Mapping[str, Activation] = {
    "leaky_relu": Activation("leaky_relu", slope=np.array([0.2], np.float32)),
    "relu6": Activation("clip", low=0.0, high=6.0),
}
"""Those with numbers of their own, which Keras does not write."""
NAMES: Mapping[str, tuple[str, ...]] = {
    "LSTM": ("kernel", "recurrent_kernel", "bias"),
    "GRU": ("kernel", "recurrent_kernel", "bias"),
    "Dense": ("kernel", "bias"),
    "Conv1D": ("kernel", "bias"),
    "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "LayerNormalization": ("gamma", "beta"),
    "Normalization": ("mean", "variance"),
    "PReLU": ("alpha",),
}
_COMPLETE = ("LSTM", "GRU", "Dense", "Conv1D", "BatchNormalization")
"""Without a part of their weights they would still be layers."""
_CHANGING = ("cell_clip", "zoneout", "time_major", "projection", "proj_")
"""Beginnings of settings that layers of others have, and that change what they answer."""
_CANDIDATES: Mapping[str, Candidate] = {"tanh": "tanh", "linear": "linear", "relu": "relu"}


Reset = Literal["after", "before"]
RESETS: tuple[Reset, ...] = ("after", "before")


def variables(kind: str, settings: Settings) -> tuple[str, ...]:
    """Keras 3 numbers the variables of a layer: their names, in that order. What a norm goes without is not there."""
    absent = {"gamma": settings.get("scale", True) is False, "beta": settings.get("center", True) is False}
    absent["bias"] = settings.get("use_bias", settings.get("bias", True)) is False  # `bias` of Keras 1
    return tuple(name for name in NAMES.get(kind, ()) if not absent.get(name, False))


def check(kind: str, arrays: Arrays, settings: Settings) -> None:
    """ValueError where weights are other than the settings say, or settings that no layer of Keras has change what
    it does."""
    is_there = "kernel" in arrays or kind == "BatchNormalization"
    for name in variables(kind, settings) if kind in _COMPLETE and is_there else ():
        if name not in arrays and "kernel" not in name:
            raise ValueError(f"{name}: missing, expected it, for the settings say no other")
    for name, value in settings.items():
        if value and name.startswith(_CHANGING):
            raise ValueError(f"{name} {str(value)[:20]}: not held by a model, expected a layer as Keras has it")
    said = next((settings[name] for name in ("units", "filters", "output_dim") if name in settings), None)
    kernel = arrays.get("recurrent_kernel", arrays.get("kernel"))
    if said is None or kernel is None or kernel.ndim < 2 or kind not in NAMES:
        return
    width = len(kernel) if "recurrent_kernel" in arrays else kernel.shape[-1]
    if said != width or type(said) is not int:
        raise ValueError(f"units {str(said)[:20]}, expected {width}: so many its weights have")


def single(values: Array) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)


def floats(arrays: Arrays, name: str, sides: int) -> Array:
    """ValueError, naming it, for one that is missing, has other sides, or holds integers."""
    found = arrays.get(name)
    if found is None or found.ndim != sides or 0 in found.shape:
        what = "missing" if found is None else f"shape {found.shape}"
        raise ValueError(f"{name}: {what}, expected an array of {sides} sides")
    if found.dtype.kind != "f":
        raise ValueError(f"{name}: {found.dtype}, expected floats: a quantized model holds its scales elsewhere")
    return found


def lstm(arrays: Arrays, gate: Gate, candidate: Candidate = "tanh") -> Step:
    """Also CuDNNLSTM, of two biases: there each gate's block, read row by row, is the transposed matrix."""
    kernel, recurrent = floats(arrays, "kernel", 2), floats(arrays, "recurrent_kernel", 2)
    H = len(recurrent)
    if recurrent.shape != (H, 4 * H) or kernel.shape[1] != 4 * H:
        raise ValueError(f"kernels {kernel.shape} and {recurrent.shape}: no LSTM")
    bias = arrays.get("bias", np.zeros(4 * H))
    if bias.shape == (8 * H,):
        W = np.concatenate([block.reshape(block.shape[::-1]) for block in np.split(kernel, 4, axis=1)])
        b, rb = np.split(bias, 2)
        return cells.lstm(W, np.concatenate(np.split(recurrent, 4, axis=1)), b, rb)
    return cells.lstm(kernel.T, recurrent.T, bias, gate=gate, candidate=candidate)


def gru(arrays: Arrays, gate: Gate, candidate: Candidate = "tanh", reset: Reset | None = None) -> Step:
    """Two biases where the reset comes after the product, one where it comes before. reset: as the file says; it has
    to where there is no bias."""
    kernel, recurrent = floats(arrays, "kernel", 2), floats(arrays, "recurrent_kernel", 2)
    bias = arrays.get("bias")
    told: Reset | None = reset if bias is None else "after" if bias.ndim == 2 else "before"
    if told is None:
        raise ValueError("no bias, which would tell whether the reset comes after the product, expected one")
    if reset not in (None, told):
        raise ValueError(f"bias of shape {arrays['bias'].shape}, expected that of a reset {reset} the product")
    b, rb = (floats(arrays, "bias", 2) if told == "after" else (bias, None)) if bias is not None else (None, None)
    return cells.gru(kernel.T, recurrent.T, b, rb, reset=told, gate=gate, candidate=candidate)


def dense(arrays: Arrays) -> Step:
    kernel = floats(arrays, "kernel", 2)
    return Dense(single(kernel.T), single(arrays.get("bias", np.zeros(kernel.shape[1]))))


def _whole(settings: Settings, name: str, default: int) -> int:
    """A setting that is a number, or a list of one."""
    said = settings.get(name, default)
    value = said[0] if isinstance(said, list) and len(said) == 1 else said
    if type(value) is not int or not 0 < value < 1 << 12:
        raise ValueError(f"{name} {str(said)[:20]}, expected a whole number")
    return value


def is_causal(settings: Settings) -> bool:
    """Whether a convolution sees its frame and those before it, at every frame."""
    causal = settings.get("padding") == "causal" or _whole(settings, "kernel_size", 2) == 1
    return causal and _whole(settings, "strides", 1) == 1 and _whole(settings, "groups", 1) == 1


def conv(arrays: Arrays, settings: Settings, rows: int) -> list[Step]:
    """rows: of the window that it sees as a whole; 0: it is causal, and a context brings the frames before."""
    kernel = floats(arrays, "kernel", 3)
    W, b = single(kernel.transpose(2, 0, 1)), single(arrays.get("bias", np.zeros(kernel.shape[2])))
    stride, dilation = _whole(settings, "strides", 1), _whole(settings, "dilation_rate", 1)
    reach = (len(kernel) - 1) * dilation
    if settings.get("data_format", "channels_last") != "channels_last":
        raise ValueError(f"data_format {settings['data_format']!s:.20}, expected channels_last")
    if not rows:
        return [Context(reach + 1), Conv(W, b, dilation=dilation)]
    padding = settings.get("padding", "valid")
    if padding == "same":
        around = max((-(-rows // stride) - 1) * stride + reach + 1 - rows, 0)
        sides = around // 2, around - around // 2
    elif padding in ("valid", "causal"):
        sides = (reach if padding == "causal" else 0), 0
    else:
        raise ValueError(f"padding {padding!s:.20}, expected valid, same or causal")
    groups = _whole(settings, "groups", 1)
    return [Conv(W, b, stride, dilation, groups=groups, before=sides[0], after=sides[1])]


def average(settings: Settings, channels: int) -> Step:
    """Over a few rows, each channel by itself."""
    if settings.get("padding", "valid") != "valid":
        raise ValueError(f"padding {settings['padding']!s:.20}, expected valid")
    size = _whole(settings, "pool_size", 2)
    stride = size if settings.get("strides") is None else _whole(settings, "strides", size)
    W = np.full((channels, size, 1), 1 / size, np.float32)
    return Conv(W, np.zeros(channels, np.float32), stride, groups=channels)


def recurrent(kind: str, arrays: Arrays, settings: Settings, version: str) -> Step:
    if settings.get("go_backwards"):
        raise ValueError("go_backwards; a stream has no end to read back from")
    usual = "hard_sigmoid" if version.startswith(("1.", "2.0", "2.1", "2.2")) else "sigmoid"
    candidate, inner = settings.get("activation", "tanh"), settings.get("recurrent_activation", usual)
    inner = settings.get("inner_activation", inner)  # as Keras 1 has it
    if not isinstance(candidate, str) or candidate not in _CANDIDATES:
        raise ValueError(f"activation {str(candidate)[:30]!r}, expected one of {', '.join(_CANDIDATES)}")
    if inner not in ("sigmoid", "hard_sigmoid"):
        raise ValueError(f"recurrent_activation {str(inner)[:30]!r}, expected sigmoid or hard_sigmoid")
    gate = gate_of(str(inner), version)
    if kind != "GRU":
        return lstm(arrays, gate, _CANDIDATES[candidate])
    said = settings.get("reset_after")
    reset: Reset | None = "after" if said else "before" if said is False or "bias" not in arrays else None
    return gru(arrays, gate, _CANDIDATES[candidate], reset)


def gate_of(name: str, version: str) -> Gate:
    """Keras 3's hard sigmoid has another slope; it alone writes no version beside its weights, or 3."""
    if name != "hard_sigmoid":
        return "sigmoid"
    return "hard_sigmoid" if version[:1] in ("1", "2") else "hard_sigmoid6"


def word(activation: object, version: str) -> list[Step]:
    if activation is None:
        return []
    if activation == "hard_sigmoid":
        return ["hard_sigmoid" if gate_of("hard_sigmoid", version) == "hard_sigmoid" else "hard_sigmoid6"]
    if isinstance(activation, str) and activation in _FUNCTIONS:
        return [_FUNCTIONS[activation]]
    if not isinstance(activation, str) or activation not in WORDS:
        raise ValueError(
            f"activation {str(activation)[:30]!r}, expected one of {', '.join((*WORDS, *_FUNCTIONS))}, hard_sigmoid; "
            "others as a layer of their own"
        )
    found = WORDS[activation]
    return [] if found is None else [found]


def _number(settings: Settings, name: str, default: float) -> float:
    """A setting that is a number; None stands for the default."""
    value = settings.get(name)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise ValueError(f"{name} {str(value)[:20]}, expected a number")
    return float(value)


def batch_norm(arrays: Arrays, epsilon: float, rows: int = 1) -> Step:
    mean, var = (floats(arrays, f"moving_{name}", 1).astype(np.float64) for name in ("mean", "variance"))
    if not (var + epsilon > 0).all():
        raise ValueError("moving_variance: a variance that is not positive")
    factor = arrays.get("gamma", np.ones_like(mean)) / np.sqrt(var + epsilon)
    return Scale(factor, arrays.get("beta", np.zeros_like(mean)) - mean * factor, rows)


def _of_channels(settings: Settings) -> None:
    axis = settings.get("axis", -1)
    if axis not in (-1, 2, [-1], [2]):
        raise ValueError(f"axis {str(axis)[:20]}, expected -1: channels")


def _batch_norm(arrays: Arrays, settings: Settings, shape: Shape) -> list[Step]:
    _of_channels(settings)
    return [batch_norm(arrays, _number(settings, "epsilon", 1e-3), shape.rows)]


def _layer_norm(arrays: Arrays, settings: Settings, shape: Shape) -> list[Step]:
    _of_channels(settings)
    if settings.get("rms_scaling"):
        raise ValueError("rms_scaling, expected a norm by mean and spread")
    gamma = arrays.get("gamma", np.ones(shape.channels)) if settings.get("scale", True) is False else None
    beta = arrays.get("beta", np.zeros(shape.channels)) if settings.get("center", True) is False else None
    gains, offsets = (
        floats(arrays, name, 1) if plain is None else plain for name, plain in (("gamma", gamma), ("beta", beta))
    )
    return [LayerNorm(single(gains), single(offsets), _number(settings, "epsilon", 1e-3))]


def _each(settings: Settings, name: str, channels: int) -> Array | None:
    """A setting that is a number, or one for each channel; None where it is not given."""
    said = settings.get(name)
    if said is None:
        return None
    try:
        values = np.asarray(said)
    except ValueError:  # lists of several lengths
        values = np.zeros(0)
    if values.dtype.kind not in "iuf" or values.size not in (1, channels) or not (np.abs(values) <= LARGEST).all():
        raise ValueError(f"{name} {str(said)[:20]}, expected a number, or one for each of {channels} channels")
    return np.broadcast_to(values.reshape(-1).astype(np.float64), (channels,))


def _normalization(arrays: Arrays, settings: Settings, shape: Shape) -> list[Step]:
    """Of the frames, by what its `adapt` saw, which a file holds as arrays, or by numbers of the settings."""
    _of_channels(settings)
    mean, var = (_each(settings, name, shape.channels) for name in ("mean", "variance"))
    if mean is None or var is None:
        mean, var = (floats(arrays, name, 1).astype(np.float64) for name in ("mean", "variance"))
    if (var < 0).any():
        raise ValueError("variance: below 0, expected at least 0")
    deviation = np.maximum(np.sqrt(var), 1e-7)
    if settings.get("invert"):
        return [Scale(deviation, mean, shape.rows)]
    return [Scale(1 / deviation, -mean / deviation, shape.rows)]


def _rescaling(_: Arrays, settings: Settings, shape: Shape) -> list[Step]:
    factor, offset = (_each(settings, name, shape.channels) for name in ("scale", "offset"))
    plain = np.zeros(shape.channels)
    return [Scale(plain if factor is None else factor, plain if offset is None else offset, shape.rows)]


def _relu(_: Arrays, settings: Settings, __: Shape) -> list[Step]:
    slope, threshold = _number(settings, "negative_slope", 0.0), _number(settings, "threshold", 0.0)
    most = settings.get("max_value")
    if threshold or (slope and most is not None):
        raise ValueError("threshold, or max_value with negative_slope, expected one of the others alone")
    if slope:
        return [_leaky(np.array([slope]))]
    return ["relu"] if most is None else [Activation("clip", low=0.0, high=_number(settings, "max_value", 0.0))]


def _leaky(slope: Array) -> Step:
    return Activation("leaky_relu", slope=single(slope))


def _leaky_relu(_: Arrays, settings: Settings, __: Shape) -> list[Step]:
    name = "alpha" if "alpha" in settings else "negative_slope"
    return [_leaky(np.array([_number(settings, name, 0.3)]))]


def _prelu(arrays: Arrays, _: Settings, shape: Shape) -> list[Step]:
    alpha = arrays.get("alpha", np.zeros(0))
    if alpha.size not in (1, shape.channels) or (shape.rows > 1 and alpha.ndim > 1 and alpha.shape[0] > 1):
        raise ValueError(f"alpha of shape {alpha.shape}, expected one slope for each channel (shared_axes=[1])")
    return [_leaky(alpha.reshape(-1))]


def _softmax(_: Arrays, settings: Settings, __: Shape) -> list[Step]:
    _of_channels(settings)
    return ["softmax"]


def _unit(_: Arrays, settings: Settings, __: Shape) -> list[Step]:
    _of_channels(settings)
    return [L2()]


BY_CHANNEL: Mapping[str, Callable[[Arrays, Settings, Shape], list[Step]]] = {
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "LeakyReLU": _leaky_relu,
    "Normalization": _normalization,
    "PReLU": _prelu,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Softmax": _softmax,
    "UnitNormalization": _unit,
}
"""Layers that take each frame, or row, by itself: (weights, settings, what they take) → steps."""
