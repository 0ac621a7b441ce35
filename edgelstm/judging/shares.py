"""Shares of counts, and names as remarks list them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgelstm.plain import printable

_MOST_NAMED = 4


def shares(some: NDArray[np.int64], all_: NDArray[np.int64]) -> NDArray[np.float64]:
    """some / all_, NaN where that is of none."""
    found: NDArray[np.float64] = np.divide(some, all_, out=np.full(len(all_), np.nan), where=all_ > 0)
    return found


def known(value: float) -> float | None:
    """For JSON: None for NaN."""
    return None if np.isnan(value) else float(value)


def listed(labels: Sequence[str]) -> str:
    """The first few by name, the others counted."""
    more = f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else ""
    return ", ".join(repr(printable(label, 40)) for label in labels[:_MOST_NAMED]) + more
