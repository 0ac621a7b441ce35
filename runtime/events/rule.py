"""When a label is an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from edgelstm.records import Bounds

_USUAL_LEAST = 3
_BELOW = 0.1
_MOST = 10_000


@dataclass(frozen=True)
class Rule:
    """Of one label. Means and counts are of the newest `smooth` answers."""

    threshold: Annotated[float, Bounds(0, 1e6)] = 0.5  # it begins where the mean reaches this,
    release: Annotated[float, Bounds(0, 1e6)] | None = None  # and ends where it is below this; None: 0.1 below that
    smooth: Annotated[int, Bounds(1, _MOST)] = 5
    least: Annotated[int, Bounds(1, _MOST)] | None = (
        None  # answers that reach the threshold; None: 3, or all of fewer
    )
    refractory: Annotated[float, Bounds(0, 1e6)] = 1.5  # seconds from one beginning to the next at least
    warm_up: Annotated[int, Bounds(0, 1_000_000)] = 0  # answers that are not judged, at first and after a gap

    def __post_init__(self) -> None:
        if self.release is not None and self.release > self.threshold:
            raise ValueError(f"release: {self.release:g}, expected at most the threshold ({self.threshold:g})")
        if self.least is not None and self.least > self.smooth:
            raise ValueError(f"least: {self.least}, expected at most smooth ({self.smooth})")

    @property
    def ends_below(self) -> float:
        return max(0.0, self.threshold - _BELOW) if self.release is None else self.release

    @property
    def reached(self) -> int:
        """How many answers have to reach the threshold."""
        return min(_USUAL_LEAST, self.smooth) if self.least is None else self.least

    def words(self, label: str) -> str:
        """What it says of `label`, in one line."""
        warm_up = f", not in the first {self.warm_up}" if self.warm_up else ""
        return (
            f"{label} from {self.threshold:g}, below {self.ends_below:g} no more, {self.reached} of {self.smooth}, "
            f"{self.refractory:g} s apart{warm_up}"
        )


Rules = Mapping[str, Rule]
"""Label → its rule."""
