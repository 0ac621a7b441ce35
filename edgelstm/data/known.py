"""Recordings that a model has learned from, known again by how they begin: whatever their files are called today."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import numpy as np

from edgelstm.data.dataset import Dataset

MOST = 256
"""Recordings whose marks are kept, evenly chosen of more."""

_BYTES = 6  # of a mark: in a million recordings of others one is like any of these once in a million times
_LEAST, _FRAMES = 16, 256  # frames that tell a recording from others, and those that are looked at


def marks_of(dataset: Dataset) -> str:
    """What `known` knows the recordings of `dataset` by, as a model's provenance keeps it. Of those that are constant
    at first, or very short, there is nothing to keep."""
    found = [mark for mark in _marks(dataset) if mark]
    every = max(-(-len(found) // MOST), 1)
    return b64encode(b"".join(found[::every])).decode()


def known(dataset: Dataset, marks: Any) -> int:
    """How many recordings of `dataset` have one of these `marks`; columns have to be in the order that they had."""
    return len(places_known(dataset, marks))


def places_known(dataset: Dataset, marks: Any) -> list[int]:
    """Those recordings of `dataset` themselves."""
    try:
        kept = b64decode(marks, validate=True) if isinstance(marks, str) else b""
    except (Error, ValueError):
        return []
    seen = {kept[start : start + _BYTES] for start in range(0, len(kept), _BYTES)}
    return [place for place, mark in enumerate(_marks(dataset)) if mark in seen] if seen else []


def joined(marks: Any, more: str) -> str:
    """`marks`, as a provenance keeps them, with those of `more` that are not among them."""
    try:
        kept = b64decode(marks, validate=True) if isinstance(marks, str) else b""
    except (Error, ValueError):
        kept = b""
    found = [
        part[start : start + _BYTES] for part in (kept, b64decode(more)) for start in range(0, len(part), _BYTES)
    ]
    return b64encode(b"".join(dict.fromkeys(found))).decode()


def _marks(dataset: Dataset) -> Iterator[bytes]:
    """Of each recording; empty where it has nothing that tells it from others."""
    for x in dataset.sequences:
        first = np.ascontiguousarray(x[:_FRAMES], "<f4")
        tells = len(first) >= _LEAST and not (first.min(axis=0) == first.max(axis=0)).all()
        yield sha256(first.tobytes()).digest()[:_BYTES] if tells else b""
