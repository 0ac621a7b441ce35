"""The results that a matcher has found so far, each by its place; and the steps that they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgelstm.importers.road import Scale, Step, Tag
from edgelstm.layers import Activation, Affine, Context, Joining, Layer, Shape
from edgelstm.model import Normalize
from edgelstm.road import INPUT

FRAMES = -1


@dataclass(frozen=True, eq=False)
class _Entry:
    step: Step
    source: int
    other: int | None
    shape: Shape


class Results:
    """values: of a frame. first: what frames go through before the graph sees them."""

    def __init__(self, values: int, first: Context | None):
        self._entries: list[_Entry] = []
        self._values = values
        self.frames = FRAMES
        if first is not None:
            self.frames = self.put(first, FRAMES)

    def put(self, step: Step, source: int, other: int | None = None) -> int:
        """The place of what `step` makes of the results at `source`, and at `other`, which then is the other of a
        joining layer. ValueError where it cannot take them."""
        self._entries.append(_Entry(step, source, other, self._made(step, source, other)))
        return len(self._entries) - 1

    def _made(self, step: Step, source: int, other: int | None) -> Shape:
        taken = self.shape(source)
        if isinstance(step, Joining):
            return taken if other is None else step.joined(taken, self.shape(other))
        if isinstance(step, Scale):
            if step.factor.size not in (taken.channels, taken.size):
                raise ValueError(f"{step.factor.size} factors for {taken.channels} channels")
            return taken
        return step.result(taken) if isinstance(step, Layer) else taken

    def shape(self, place: int) -> Shape:
        """Of a result."""
        return Shape(1, self._values) if place == FRAMES else self._entries[place].shape

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
