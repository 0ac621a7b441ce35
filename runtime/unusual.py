"""Features whose values lie far outside of what training saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from edgelstm.records import Bounds, from_json
from edgelstm.runtime.frame import Float32

FIELD = "feature_range"
"""In metadata: for each feature the two values that nearly all of training's lay between."""

_TOGETHER = 64
_Value = Annotated[float, Bounds(-3.4e38, 3.4e38)]


@dataclass(frozen=True)
class _Stds:
    std: tuple[float, ...] = ()


class Unusual:
    """Gathers which features are unusual from frame to frame.

    Unusual is what lies outside of the range in training by more than half its width, and by more than three
    standard deviations: of normally distributed values that is beyond 6.6 of them. Where training saw
    one value alone, any other is.
    """

    def __init__(self, names: Sequence[str], low: Float32, high: Float32) -> None:
        self.names, self._low, self._high = names, low, high  # low and high (features,): the last usual values
        self._seen: set[int] = set()
        self._waiting: Float32 = np.zeros((_TOGETHER, len(names)), np.float32)
        self._count = 0  # of those that wait

    def see(self, frame: Float32) -> None:
        """One raw frame (features,). Several are looked at together: one alone costs as much as a small model."""
        self._waiting[self._count] = frame
        self._count += 1
        if self._count == _TOGETHER:
            self._look()

    def are_usual(self, frames: Float32) -> bool:
        """Whether raw frames (n, features) hold nothing unusual; they are not gathered."""
        return not np.count_nonzero((frames < self._low) | (frames > self._high))

    def take(self) -> list[str]:
        """The names of those that were unusual since the last call."""
        if self._count:
            self._look()
        if not self._seen:
            return []
        found = [self.names[place] for place in sorted(self._seen)]
        self._seen.clear()
        return found

    def _look(self) -> None:
        frames, self._count = self._waiting[: self._count], 0
        far = frames < self._low
        far |= frames > self._high
        if np.count_nonzero(far):  # by far the quickest of all ways to ask
            self._seen.update(np.flatnonzero(far.any(axis=0)).tolist())


def read_unusual(metadata: Mapping[str, object], features: int, names: Sequence[str]) -> Unusual | None:
    """By the field `feature_range`; None where a file has none. ValueError for one that is no such range.

    names: one for each feature, or none; then they are numbered.
    """
    if metadata.get(FIELD) is None:
        return None
    pairs = from_json(tuple[tuple[_Value, _Value], ...], metadata[FIELD], f"metadata: {FIELD}")
    if len(pairs) != features:
        raise ValueError(f"metadata: {FIELD}: {len(pairs)} pairs, expected {features}")
    low, high = np.array(pairs).T
    if (low > high).any():
        place = int(np.argmax(low > high))
        raise ValueError(f"metadata: {FIELD}[{place}]: {low[place]:g} to {high[place]:g}, expected the lower first")
    normalize = metadata.get("normalize")
    std = np.array(from_json(_Stds, normalize, "metadata: normalize", strict=False).std if normalize else ())
    margin = np.maximum((high - low) / 2, 3 * std if len(std) == features else 0.0)
    margin[low == high] = 0.0
    largest = float(np.finfo(np.float32).max)
    bounds = (np.clip(side, -largest, largest).astype(np.float32) for side in (low - margin, high + margin))
    return Unusual(names or [str(place) for place in range(features)], *bounds)
