"""The C core as ctypes sees it: functions, structures, and errors from its status codes."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_float, c_int, c_int32, c_size_t, c_uint, c_uint8, c_uint32, c_uint64, c_void_p
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 64
MODEL_SIZE = 256 + 256 * 64
SKIP_CHECKSUM, CHUNKS, NO_CHUNKS, SAMPLES = 1, 2, 4, 8

OK = 0
NOT_FINITE = 12
NO_FRAMES = 14
NO_SAMPLES = 20


class Answer(ctypes.Structure):
    """`el_answer` of edgelstm.h."""

    _fields_ = (("pooling", c_uint32), ("window", c_uint32), ("hop", c_uint32))


class Info(ctypes.Structure):
    """`el_info` of edgelstm.h."""

    _fields_ = (
        ("precision", c_uint32),
        ("features", c_uint32),
        ("outputs", c_uint32),
        ("layers", c_uint32),
        ("activation", c_uint32),
        ("answer", Answer),
        ("sample_rate", c_float),
        ("stride", c_uint32),
        ("stream_size", c_uint64),
        ("snapshot_size", c_uint64),
        ("frame_macs", c_uint64),
        ("metadata", c_void_p),
        ("metadata_size", c_uint64),
        ("identity", c_uint8 * 16),
        ("parts", c_uint32),
        ("anew", c_uint32),
    )


class LayerInfo(ctypes.Structure):
    """`el_layer_info` of edgelstm.h."""

    _fields_ = (
        ("kind", c_char_p),
        ("source", c_uint32),
        ("activation", c_uint32),
        ("inputs", c_uint32),
        ("rows", c_uint32),
        ("channels", c_uint32),
        ("stride", c_uint32),
        ("weights_size", c_uint64),
        ("macs", c_uint64),
        ("state_size", c_uint64),
        ("scratch_size", c_uint64),
    )


class PartInfo(ctypes.Structure):
    """`el_part_info` of edgelstm.h."""

    _fields_ = (
        ("name", c_char_p),
        ("layer", c_int32),
        ("number", c_uint32),
        ("dtype", c_uint32),
        ("rows", c_uint32),
        ("channels", c_uint32),
        ("reserved", c_uint32),
        ("offset", c_uint64),
        ("size", c_uint64),
    )


_SIGNATURES: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "el_version": (c_char_p, ()),
    "el_status_message": (c_char_p, (c_int,)),
    "el_kernel_name": (c_char_p, ()),
    "el_model_open": (c_int, (c_void_p, c_size_t, c_void_p, c_size_t, c_uint, POINTER(c_void_p))),
    "el_model_info": (c_int, (c_void_p, POINTER(Info))),
    "el_model_layer": (c_int, (c_void_p, c_size_t, POINTER(LayerInfo))),
    "el_model_part": (c_int, (c_void_p, c_size_t, POINTER(PartInfo))),
    "el_stream_size": (c_size_t, (c_void_p, POINTER(Answer))),
    "el_stream_save_size": (c_size_t, (c_void_p, POINTER(Answer))),
    "el_stream_init": (c_int, (c_void_p, c_size_t, c_void_p, POINTER(Answer), POINTER(c_void_p))),
    "el_stream_reset": (c_int, (c_void_p,)),
    "el_stream_frames": (c_uint64, (c_void_p,)),
    "el_stream_answers": (c_size_t, (c_void_p, c_size_t)),
    "el_stream_push": (c_int, (c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(c_size_t))),
    "el_stream_push_i16": (c_int, (c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(c_size_t))),
    "el_stream_push_f32": (c_int, (c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(c_size_t))),
    "el_stream_waiting": (c_size_t, (c_void_p,)),
    "el_stream_answer": (c_int, (c_void_p, c_void_p)),
    "el_stream_save": (c_int, (c_void_p, c_void_p, c_size_t)),
    "el_stream_restore": (c_int, (c_void_p, c_void_p, c_size_t)),
    "el_pool_size": (c_size_t, (c_void_p, POINTER(Answer), c_size_t)),
    "el_pool_init": (c_int, (c_void_p, c_size_t, c_void_p, POINTER(Answer), c_size_t, POINTER(c_void_p))),
    "el_pool_stream": (c_void_p, (c_void_p, c_size_t)),
    "el_pool_push": (c_int, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)),
}


@cache
def library() -> ctypes.CDLL:
    """The shared library beside this package, loaded once."""
    # In an editable install the library does not lie beside this file; importlib.resources knows where.
    with as_file(files("edgelstm.runtime") / "libedgelstm.so") as path:
        try:
            loaded = ctypes.CDLL(str(path))
        except OSError as error:
            raise ImportError(f"{path}: the C core cannot be loaded on this machine: {error}") from error
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def message(status: int) -> str:
    text: bytes = library().el_status_message(status)
    return text.decode()


def check(status: int, where: str = "") -> None:
    """ValueError for a status that is an error; `where` goes before its line."""
    if status != OK:
        raise ValueError(where + message(status))


def aligned(size: int) -> NDArray[np.uint8]:
    """`size` bytes of zeroed memory at a multiple of the C core's alignment."""
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


def version() -> str:
    """Version of the C core, "MAJOR.MINOR.PATCH"."""
    text: bytes = library().el_version()
    return text.decode()


def kernel_name() -> str:
    """The kernel set that the C core uses on this machine."""
    text: bytes = library().el_kernel_name()
    return text.decode()
