"""A set of labelled sequences, and the NPZ file that holds one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Dataset:
    """Sequences of raw frames with one label each."""

    sequences: tuple[NDArray[np.float32], ...]  # each (frames, features)
    y: NDArray[np.int64]  # (sequences,), index into labels
    labels: tuple[str, ...]
    groups: NDArray[np.int64]  # (sequences,): who or where it was recorded; splits keep a group together
    feature_names: tuple[str, ...]
    feature_units: tuple[str, ...] = ()
    sample_rate: float = 0.0  # frames per second; 0 = unknown
    name: str = "data"
    source: str = ""  # where it comes from, and its licence
    test: NDArray[np.bool_] | None = None  # (sequences,): the data's own test split, where it has one
