"""The results that a matcher has found so far, each by its place; and the steps that they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgelstm.importers.layout import Lying
from edgelstm.importers.road import Scale, Step, Tag
from edgelstm.layers import Activation, Affine, Context, Joining, Layer
from edgelstm.model import Normalize
from edgelstm.road import INPUT

FRAMES = -1


@dataclass(frozen=True, eq=False)
class _Entry:
    step: Step
    source: int
    other: int | None
    rows: int
    channels: int


class Results:
    """first: what frames go through before the graph sees them."""

    def __init__(self, first: Context | None):
        self._entries: list[_Entry] = []
        self.frames = FRAMES
        if first is not None:
            self.frames = self.put(first, FRAMES, first.rows, first.channels)

    def put(self, step: Step, source: int, rows: int, channels: int, other: int | None = None) -> int:
        """The place of what `step` makes of the results at `source`, and at `other`, which then is the other of a
        joining layer."""
        self._entries.append(_Entry(step, source, other, rows, channels))
        return len(self._entries) - 1

    def shape(self, place: int, lying: Lying) -> tuple[int, int]:
        """(rows, channels) of a result; of frames as they lie."""
        if place == self.frames:
            return lying.rows, lying.channels
        return self._entries[place].rows, self._entries[place].channels

    def steps(self, last: int) -> list[Step]:
        """Up to the result at `last`, each behind what it takes."""
        needed = {entry.other for entry in self._entries if entry.other is not None}
        needed |= {entry.source for place, entry in enumerate(self._entries) if entry.source != place - 1}
        found: list[Step] = []
        for place, entry in enumerate(self._entries[: last + 1]):
            found.append(self._step(place, entry))
            if place in needed:
                found.append(Tag(_name(place)))
        return found

    def _step(self, place: int, entry: _Entry) -> Step:
        step = entry.step
        if entry.other is not None and isinstance(step, Joining):
            step = replace(step, other=_name(entry.other))
        if entry.source == place - 1:
            return step
        if isinstance(step, str):
            step = Activation(step)
        elif isinstance(step, Scale):
            step = Affine(step.factor, step.offset)
        if not isinstance(step, Layer) or isinstance(step, Normalize):
            raise TypeError(f"{step}: no layer that takes an earlier result")
        return replace(step, of=_name(entry.source))


def _name(place: int) -> str:
    return INPUT if place == FRAMES else f"result {place}"
