"""The C library of training as ctypes sees it, and what decides whether and how it is used.

| variable | what it says |
|---|---|
| `EDGELSTM_TRAINING` | `c` or `numpy`; without it C where the library is there |
| `EDGELSTM_TRAINING_SET` | `avx512`, `avx2`, `neon` or `plain`; without it the best of this machine |
| `EDGELSTM_THREADS` | of the C library; without it one for each processor that this process may use |
"""

from __future__ import annotations

import ctypes
import os
from ctypes import (
    POINTER,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_ssize_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from functools import cache
from importlib.resources import as_file, files

MOST_THREADS = 256
Pointers = POINTER(c_void_p)


class Sizes(ctypes.Structure):
    """`el_sizes` of training.h."""

    _fields_ = (
        *(
            (name, c_uint32)
            for name in (
                "kind",
                "rows",
                "channels",
                "units",
                "taps",
                "stride",
                "dilation",
                "newest",
                "hop",
                "relu",
                "reset_before",
            )
        ),
        ("epsilon", c_float),
    )


class Array(ctypes.Structure):
    """`el_array` of training.h."""

    _fields_ = (("data", c_void_p), ("frame", c_ssize_t), ("value", c_ssize_t), ("sequence", c_ssize_t))


class Batch(ctypes.Structure):
    """`el_batch` of training.h."""

    _fields_ = (
        ("x", Array),
        ("frames", c_uint64),
        ("sequences", c_uint64),
        ("lengths", POINTER(c_int64)),
        ("drops", Pointers),
        ("before", Pointers),
        ("after", Pointers),
    )


class ObjectiveSettings(ctypes.Structure):
    """`el_objective` of training.h."""

    _fields_ = (
        ("criterion", c_uint32),
        ("over", c_uint32),
        ("target", Array),
        ("first", POINTER(c_int64)),
        ("end", POINTER(c_int64)),
        ("share", POINTER(c_float)),
        ("weights", POINTER(c_float)),
        ("levels", POINTER(c_float)),
    )


class AdamSettings(ctypes.Structure):
    """`el_adam` of training.h."""

    _fields_ = tuple((name, c_float) for name in ("rate", "first", "second", "unbias", "epsilon", "keep"))


class MomentumSettings(ctypes.Structure):
    """`el_momentum` of training.h."""

    _fields_ = (("rate", c_float), ("momentum", c_float), ("keep", c_float), ("nesterov", c_uint32))


_Counts, _Flags = POINTER(c_uint64), POINTER(c_uint8)
_SIGNATURES: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "el_training_set": (c_char_p, ()),
    "el_kind": (c_int32, (c_char_p,)),
    "el_network_open": (c_void_p, (POINTER(Sizes), c_uint64)),
    "el_network_close": (None, (c_void_p,)),
    "el_network_forward": (c_int, (c_void_p, Pointers, POINTER(Batch), POINTER(Array), c_uint32)),
    "el_network_learn": (
        c_int,
        (c_void_p, Pointers, POINTER(Batch), POINTER(ObjectiveSettings), Pointers, POINTER(c_double), c_uint32),
    ),
    "el_network_backward": (None, (c_void_p, POINTER(Array), Pointers, c_uint32)),
    "el_squares": (c_double, (c_uint64, Pointers, _Counts, c_uint32)),
    "el_scale": (None, (c_uint64, Pointers, _Counts, c_float, c_uint32)),
    "el_adam": (
        None,
        (c_uint64, Pointers, _Counts, _Flags, Pointers, Pointers, Pointers, POINTER(AdamSettings), c_uint32),
    ),
    "el_momentum": (
        None,
        (c_uint64, Pointers, _Counts, _Flags, Pointers, Pointers, POINTER(MomentumSettings), c_uint32),
    ),
    "el_average": (None, (c_uint64, Pointers, Pointers, _Counts, c_float, c_uint32)),
    "el_tanh": (None, (c_uint64, c_void_p, c_void_p)),
}


@cache
def _loaded() -> ctypes.CDLL | None:
    with as_file(files("edgelstm.training.kernels") / "libedgelstm_training.so") as path:
        if not path.is_file():
            return None
        try:
            loaded = ctypes.CDLL(str(path))
        except OSError:  # of another machine
            return None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def library() -> ctypes.CDLL | None:
    """The library, or None where it is not there or not wanted. ValueError for a wrong `EDGELSTM_TRAINING`, and
    where it asks for C and there is none."""
    asked = os.environ.get("EDGELSTM_TRAINING", "")
    if asked not in ("", "c", "numpy"):
        raise ValueError(f"EDGELSTM_TRAINING: {asked[:40]!r}, expected c or numpy")
    loaded = None if asked == "numpy" else _loaded()
    if asked == "c" and loaded is None:
        raise ValueError(
            "EDGELSTM_TRAINING: 'c', but this installation has no C library for training; expected numpy"
        )
    return loaded


def number_of(kind: str) -> int:
    """Of a kind of layer in the C library; -1 where it trains in numpy alone."""
    loaded = library()
    found: int = -1 if loaded is None else loaded.el_kind(kind.encode())
    return found


def threads() -> int:
    """How many the C library may use. ValueError for a wrong `EDGELSTM_THREADS`."""
    asked = os.environ.get("EDGELSTM_THREADS", "")
    if not asked:
        return min(len(os.sched_getaffinity(0)), MOST_THREADS)
    if not (asked.isascii() and asked.isdigit() and 1 <= int(asked) <= MOST_THREADS):
        raise ValueError(f"EDGELSTM_THREADS: {asked[:40]!r}, expected 1 to {MOST_THREADS}")
    return int(asked)


def description() -> str:
    """What training computes with, such as "C kernels (avx2), 2 threads"."""
    loaded = library()
    if loaded is None:
        return "numpy"
    name: bytes = loaded.el_training_set()
    count = threads()
    return f"C kernels ({name.decode()}), {count} thread{'s' if count != 1 else ''}"
