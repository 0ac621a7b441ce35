"""What a proof writes down: differences by name, and whether each is within its limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_REPORTED = 1e30  # JSON has no infinity


@dataclass(frozen=True)
class Check:
    """One comparison over all sequences. It passes when the largest difference is within `limit`; a limit of
    None is a figure for people, judged by nobody."""

    name: str
    values: int
    differing: int  # values that are not equal
    largest: float  # difference, in the unit that `name` says
    rms: float
    limit: float | None

    @property
    def passed(self) -> bool:
        return self.limit is None or self.largest <= self.limit

    def line(self) -> str:
        mark = "·" if self.limit is None else "✓" if self.passed else "✗"
        if self.limit == 0:
            return f"{mark} {self.name}: {self.differing} of {self.values} differ"
        limit = "" if self.limit is None else f" (limit {self.limit:.2g})"
        return f"{mark} {self.name}: largest difference {self.largest:.2g}{limit}, RMS {self.rms:.2g}"


class Ledger:
    """Differences by name, added up over sequences; a check for each, in the order in which they were met."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Any]] = {}  # values, differing, largest, sum of squares, limit

    def exact(self, name: str, found: NDArray[Any], expected: NDArray[Any]) -> None:
        self.near(name, found, expected, 0.0)

    def near(self, name: str, found: NDArray[Any], expected: NDArray[Any], limit: float | None) -> None:
        """Of several limits under one name the largest holds."""
        row = self.rows.setdefault(name, [0, 0, 0.0, 0.0, limit])
        if limit is not None:
            row[4] = max(row[4], limit)
        if found.shape != expected.shape:
            row[1], row[2] = row[1] + 1, MAX_REPORTED
            return
        with np.errstate(invalid="ignore"):  # infinity less infinity is NaN, which counts as the largest
            difference = np.abs(found.astype(np.float64) - expected.astype(np.float64))
        difference = np.nan_to_num(difference, nan=MAX_REPORTED, posinf=MAX_REPORTED)
        row[0] += difference.size
        row[1] += int(np.count_nonzero(difference))
        row[2] = max(row[2], float(difference.max(initial=0.0)))
        row[3] += float((difference**2).sum())

    def checks(self) -> tuple[Check, ...]:
        return tuple(
            Check(name, values, differing, largest, float(np.sqrt(squares / max(values, 1))), limit)
            for name, (values, differing, largest, squares, limit) in self.rows.items()
        )
