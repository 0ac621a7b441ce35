"""What a proof writes down: differences by name, and whether each is within its limit."""

from __future__ import annotations

from dataclasses import dataclass, field
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
        if not self.values and self.passed:
            return f"· {self.name}: nothing to compare"
        mark = "·" if self.limit is None else "✓" if self.passed else "✗"
        if self.limit == 0:
            return f"{mark} {self.name}: {self.differing} of {self.values} differ"
        limit = "" if self.limit is None else f" (limit {self.limit:.2g})"
        if self.largest >= MAX_REPORTED:
            return f"{mark} {self.name}: NaN, infinity or another shape in one of both{limit}"
        return f"{mark} {self.name}: largest difference {self.largest:.2g}{limit}, RMS {self.rms:.2g}"


@dataclass
class _Row:
    limit: float | None
    values: int = 0
    differing: int = 0
    largest: float = 0.0
    squares: float = 0.0

    def check(self, name: str) -> Check:
        rms = float(np.sqrt(self.squares / max(self.values, 1)))
        return Check(name, self.values, self.differing, self.largest, rms, self.limit)


@dataclass
class _Share:
    """How often values differed, of how many, and how often they may."""

    limit: float
    wrong: int = 0
    values: int = 0

    def check(self, name: str) -> Check:
        # A short sequence may hold less than a hundred values, and one of them may differ.
        share = max(self.wrong - 1, 0) / max(self.values, 1)
        return Check(name, 1, int(share > 0), share, share, self.limit)


@dataclass
class Ledger:
    """Differences by name, added up over sequences; a check for each, in the order in which they were met."""

    _rows: dict[str, _Row] = field(default_factory=dict)
    _shares: dict[str, _Share] = field(default_factory=dict)

    def exact(self, name: str, found: NDArray[Any], expected: NDArray[Any]) -> None:
        self.near(name, found, expected, 0.0)

    def near(self, name: str, found: NDArray[Any], expected: NDArray[Any], limit: float | None) -> None:
        """Of several limits under one name the largest holds."""
        row = self._rows.setdefault(name, _Row(limit))
        if limit is not None:
            row.limit = max(row.limit or 0.0, limit)
        if found.shape != expected.shape:
            row.differing, row.largest = row.differing + 1, MAX_REPORTED
            return
        with np.errstate(invalid="ignore"):  # infinity less infinity is NaN, which counts as the largest
            difference = np.abs(found.astype(np.float64) - expected.astype(np.float64))
        difference = np.nan_to_num(difference, nan=MAX_REPORTED, posinf=MAX_REPORTED)
        row.values += difference.size
        row.differing += int(np.count_nonzero(difference))
        row.largest = max(row.largest, float(difference.max(initial=0.0)))
        row.squares += float((difference**2).sum())

    def share(self, name: str, wrong: NDArray[Any], limit: float) -> None:
        """How often `wrong` is not zero, over all sequences together: judged in the end."""
        share = self._shares.setdefault(name, _Share(limit))
        share.wrong += int(np.count_nonzero(wrong))
        share.values += wrong.size

    def in_units(self, name: str, difference: NDArray[Any], limit: float, share: float) -> None:
        """Of values that are integers: by how many they differ, and how often."""
        units = np.rint(difference)
        self.near(f"{name}, int8 units", units, np.zeros_like(units), limit)
        self.share(f"{name}, share of integers that differ", units, share)

    def checks(self) -> tuple[Check, ...]:
        rows: dict[str, _Row | _Share] = {**self._rows, **self._shares}
        return tuple(row.check(name) for name, row in rows.items())
