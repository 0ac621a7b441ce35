"""How the layers of a model lie one behind the other: whose result each takes, what shape that has, how often it
runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgelstm.layers import Joining, Layer, Part, Shape
from edgelstm.layers.layer import MAX_ROWS, MAX_WIDTH

MAX_STRIDE = 1 << 20
"""In frames, from one run of a layer to the next."""

INPUT = "input"
"""The name of the normalized frame, where layers name results."""


@dataclass(frozen=True)
class Placed:
    """A layer in its place on the road."""

    name: str  # its kind, and how many of that kind come before it: lstm0, lstm1, dense0
    layer: Layer
    source: Shape  # what it takes
    result: Shape  # what it gives
    stride: int  # frames from one of its runs to the next
    parts: tuple[tuple[str, Part], ...]  # its state: (name, part), such as h0, c0
    takes: str = INPUT  # the name of the result that it takes,
    joins: str = ""  # and of the other one, where it is a layer of two; else empty
    other: Shape | None = None  # the shape of that one

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run."""
        return self.layer.macs(self.source)

    @property
    def extras(self) -> tuple[str, ...]:
        """Names of what the layer has beyond the plain one of its kind."""
        return self.layer.extras(self.source)

    @property
    def keeps_result(self) -> bool:
        """Whether its result can be told from its state alone."""
        return self.layer.keeps_result(self.source)

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of all results that it takes."""
        return (self.takes, self.joins) if self.joins else (self.takes,)


def lay(features: int, layers: tuple[Layer, ...]) -> tuple[Placed, ...]:
    """The road over frames of `features` values. ValueError, naming the layer, where two do not fit."""
    road: list[Placed] = []
    found = {INPUT: (Shape(1, features), 1)}  # name → shape and stride of a result
    kinds: dict[str, int] = {}
    letters: dict[str, int] = {}
    for number, layer in enumerate(layers):
        count = kinds[layer.kind] = kinds.get(layer.kind, -1) + 1
        name = f"{layer.kind}{count}"
        try:
            at = _placed(name, layer, found, road[-1].name if road else INPUT)
        except ValueError as error:
            raise ValueError(f"Model: layer {number} ({name}): {error}") from None
        if at.result.size > MAX_WIDTH or at.result.rows > MAX_ROWS:
            raise ValueError(f"Model: layer {number} ({name}) is wider than {MAX_WIDTH}")
        if at.stride > MAX_STRIDE:
            raise ValueError(
                f"Model: layer {number} ({name}) runs every {at.stride} frames, expected at most {MAX_STRIDE}"
            )
        road.append(_with_parts(at, letters))
        found[name] = at.result, at.stride
    return tuple(road)


def _placed(name: str, layer: Layer, found: dict[str, tuple[Shape, int]], before: str) -> Placed:
    """Without its state."""
    takes = layer.of or before
    joins = layer.other if isinstance(layer, Joining) else ""
    for field, named in (("of", takes), ("other", joins)):
        if named and named not in found:
            raise ValueError(f"{field}: {named!r:.40}, expected one of {', '.join(found)}")
    source, period = found[takes]
    if not isinstance(layer, Joining):
        return Placed(name, layer, source, layer.result(source), period * layer.every, (), takes)
    other, pace = found[joins]
    if pace != period:
        raise ValueError(f"other: {joins} comes every {pace} frames, {takes} every {period}, expected as often")
    return Placed(name, layer, source, layer.joined(source, other), period, (), takes, joins, other)


def _with_parts(at: Placed, letters: dict[str, int]) -> Placed:
    """`letters`: how many states so far begin with a part of that letter."""
    parts = at.layer.parts(at.source)
    if not parts:
        return at
    first = parts[0].letter
    letters[first] = letters.get(first, -1) + 1
    named = tuple((f"{part.letter}{letters[first]}", part) for part in parts)
    return Placed(at.name, at.layer, at.source, at.result, at.stride, named, at.takes, at.joins, at.other)


def check_road(road: Sequence[Placed]) -> None:
    """ValueError where a layer is read by nobody; and where, behind the last layer with a state, one reads what no
    state keeps: answers are made from the state when somebody asks."""
    read = {name for at in road for name in at.reads}
    for at in road[:-1]:
        if at.name not in read:
            raise ValueError(f"Model: {at.name}: no layer takes its result")
    head = 1 + max((n for n, at in enumerate(road) if at.parts), default=-1)
    kept = {at.name for at in road[:head] if at.keeps_result} | {at.name for at in road[head:]}
    for at in road[head:]:
        for name in at.reads:
            if name not in kept:
                raise ValueError(
                    f"Model: {at.name} takes {name}, which no state keeps, behind the last layer that has one: put a "
                    f"context of as many rows between"
                )
