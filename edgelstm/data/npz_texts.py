"""Text in the arrays of an NPZ file: of Unicode, or bytes in UTF-8."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.plain import is_unicode

Arrays = dict[str, NDArray[Any]]


def is_text(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "US"


def one_text(arrays: Arrays, name: str, default: str) -> str:
    """The text that an array without sides holds. ValueError where it holds anything else."""
    array = arrays.get(name, np.array(default))
    if array.ndim or not is_text(array):
        raise ValueError(f"{name}: {array.dtype} {array.shape}, expected one text")
    return texts(array.reshape(1), name)[0]


def list_of_texts(arrays: Arrays, name: str, each_once: bool = False) -> tuple[str, ...]:
    """The texts of an array, none without it. ValueError where it holds anything else, or one of them twice."""
    if name not in arrays:
        return ()
    array = arrays[name]
    if array.ndim != 1 or not is_text(array):
        raise ValueError(f"{name}: {array.dtype} {array.shape}, expected a list of text")
    found = tuple(texts(array, name))
    twice = next((text for place, text in enumerate(found) if text in found[:place]), None) if each_once else None
    if twice is not None:
        raise ValueError(f"{name}: {twice[:40]!r} occurs twice, expected each once")
    return found


def texts(array: NDArray[Any], name: str) -> list[str]:
    """All texts of an array (n,) of them. ValueError, by name and place, for what is none."""
    try:
        found: list[Any] = array.tolist()
    except ValueError:  # numbers that are no letters of Unicode
        raise ValueError(f"{name}: holds what is no Unicode, expected text") from None
    return [_text(value, f"{name}[{place}]") for place, value in enumerate(found)]


def _text(value: str | bytes, where: str) -> str:
    try:
        text = value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        raise ValueError(f"{where}: {value[:40]!r}, expected UTF-8") from None
    if not is_unicode(text):
        raise ValueError(f"{where}: {text[:40]!r}, expected text without halves of surrogate pairs")
    return text
