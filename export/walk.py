"""The one walk over a model's layers that writes a file's graph, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from edgelstm.road import INPUT, Placed

Flow = TypeVar("Flow")


@dataclass(frozen=True)
class Kind:
    """What a format's room knows of a kind of layer."""

    write: Mapping[str, Callable[..., Any]]
    """For each form by its name the function that writes such a layer, see `walk`; others refuse it."""

    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each form what it holds of it beyond the plain layer, besides another source."""


def walk(
    file: object,
    road: Sequence[Placed],
    layers: Sequence[Any],
    write: Mapping[str, Callable[..., Flow]],
    first: Flow,
) -> Flow:
    """Every layer, each written into `file` by the function of its kind: (file, its place, the layer, what it takes;
    of a joining one also the other) → what it gives. `layers`: those of the road, or the integer ones. `first`: the
    normalized input. Gives the scores."""
    found = {INPUT: first}
    for at, layer in zip(road, layers, strict=True):
        others = [found[at.joins]] if at.joins else []
        found[at.name] = write[at.layer.kind](file, at, layer, found[at.takes], *others)
    return found[road[-1].name]


def writers_of(kinds: Mapping[str, Kind], form: str) -> Mapping[str, Callable[..., Any]]:
    """Of the kinds that the form holds: the functions that write their layers."""
    return {name: kind.write[form] for name, kind in kinds.items() if form in kind.write}


def extras_of(kinds: Mapping[str, Kind], form: str) -> Mapping[str, tuple[str, ...]]:
    """What layers may have beyond plain ones where results may be taken from afar, too."""
    return {name: ("of", *kind.extras.get(form, ())) for name, kind in kinds.items() if form in kind.write}
