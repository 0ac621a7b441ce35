"""Convolutions of a graph, with the padding before them; those whose weights are a Fourier transform are spectra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers.graph import SAME, Array, Graph, Node
from edgelstm.importers.layout import CHANNEL, ROW, Layout
from edgelstm.layers import Conv, Dense, Layer, Spectrum
from edgelstm.layers.padding import Fill

_FILLS: Mapping[str, Fill] = {"constant": "zero", "reflect": "mirror"}
_CLOSE = 2e-6
"""Of a spectrum's weights, in shares of the largest: float32 from another library's sines."""


@dataclass(frozen=True)
class Padded:
    """A result of the graph with rows beside its own."""

    name: str
    before: int = 0
    after: int = 0
    fill: Fill = "zero"

    def more(self, owner: Node, before: int, after: int, fill: Fill) -> Padded:
        if not before and not after:
            return self
        if (self.before or self.after) and self.fill != fill:
            raise ValueError(f"{owner.label}: padding of two kinds, expected one")
        if fill == "mirror" and (self.before or self.after):
            raise ValueError(f"{owner.label}: mirrored twice, expected once")
        return Padded(self.name, self.before + before, self.after + after, fill)

    def less(self, owner: Node, before: int, after: int) -> Padded:
        """Where results that see so many rows less on each side are all that is kept."""
        if before > self.before or after > self.after:
            raise ValueError(f"{owner.label}: more rows cut off than were laid around, expected these at most")
        return Padded(self.name, self.before - before, self.after - after, self.fill)


@dataclass(frozen=True, eq=False)
class Filter:
    """weights: (outputs, taps, channels / groups). stride, dilation: in rows."""

    weights: Array
    bias: Array
    stride: int
    dilation: int
    groups: int

    @property
    def channels(self) -> int:
        return int(self.weights.shape[2]) * self.groups


def padded(graph: Graph, layout: Layout, name: str, depth: int = 0) -> Padded:
    """What `name` is, without the padding of rows that the graph lays around it."""
    node = graph.makers.get(name)
    if node is None or depth > 20:
        return Padded(name)
    if node.op in SAME:
        inner = padded(graph, layout, node.input(0), depth + 1)
        return inner if inner.before or inner.after or layout.keeps(node) else Padded(name)
    if node.op == "Pad":
        return _pad(graph, layout, node, depth)
    if node.op == "Concat" and (found := _mirrored(graph, layout, node)) is not None:
        return found
    return Padded(name)


def _pad(graph: Graph, layout: Layout, node: Node, depth: int) -> Padded:
    mode = str(node.attributes.get("mode", "constant"))
    pads = graph.constant(node.input(1))
    sizes = node.attributes.get("pads") if pads is None else pads.reshape(-1).tolist()
    value = graph.constant(node.input(2))
    if sizes is None or node.input(3) or (value is not None and value.any()):
        raise ValueError(f"{node.label}: of sizes that are no constants, or with another value than 0")
    half = len(sizes) // 2
    found = [(place, int(sizes[place]), int(sizes[half + place])) for place in range(half)]
    found = [one for one in found if one[1] or one[2]]
    inner = padded(graph, layout, node.input(0), depth + 1)
    if not found:
        return inner
    place, before, after = found[0]
    letter = layout.letter(node.input(0), place)
    wanted = ROW if ROW in (layout.axes(node.input(0)) or ()) else CHANNEL
    if mode not in _FILLS or len(found) > 1 or letter not in (wanted, "1") or before < 0 or after < 0:
        raise ValueError(f"{node.label}: mode {mode:.20}, expected constant or reflect, and rows alone")
    return inner.more(node, before, after, _FILLS[mode])


def _mirrored(graph: Graph, layout: Layout, node: Node) -> Padded | None:
    """Rows backwards, the rows, rows backwards, as a concatenation."""
    axis = int(node.attributes.get("axis", 0))
    if layout.letter(node.outputs[0], axis) != ROW:
        return None
    parts = [_places(graph, layout, name) for name in node.inputs]
    names = {one[0] for one in parts if one is not None}
    if len(names) != 1 or None in parts:
        return None
    name = names.pop()
    lying = layout.lying(name)
    places = np.concatenate([one[1] for one in parts if one is not None])
    if lying is None:
        return None
    before = int(np.argmin(places)) if places.size else 0
    after = places.size - before - lying.rows
    if not 0 <= before < lying.rows or not 0 <= after < lying.rows:
        return None
    wanted = np.pad(np.arange(lying.rows), (before, after), mode="reflect")
    return Padded(name, before, after, "mirror") if np.array_equal(places, wanted) else None


def _places(graph: Graph, layout: Layout, name: str) -> tuple[str, NDArray[np.intp]] | None:
    """(what is cut, which of its rows are there)"""
    cuts = []
    while (node := graph.makers.get(name)) is not None and node.op == "Slice":
        limits = [graph.constant(node.input(place)) for place in (1, 2, 3, 4)]
        found = [1 if limit is None else int(limit.reshape(-1)[0]) for limit in limits]
        if any(limit is not None and limit.size != 1 for limit in limits):
            return None
        if limits[2] is None or layout.letter(node.input(0), found[2]) != ROW:
            return None
        cuts.append(slice(found[0], None if found[3] < 0 and found[1] < -(1 << 31) else found[1], found[3]))
        name = node.input(0)
    lying = layout.lying(name)
    if lying is None:
        return None
    rows = np.arange(lying.rows)
    for cut in reversed(cuts):
        rows = rows[cut]
    return name, rows


def filter_of(graph: Graph, node: Node) -> Filter:
    """Of a node of Conv. ValueError for one of two dimensions."""
    W = graph.constant(node.input(1))
    bias = graph.constant(node.input(2)) if node.input(2) else None
    if W is None or (node.input(2) and bias is None):
        raise ValueError(f"{node.label}: weights that are no constants")
    if W.ndim != 3:
        raise ValueError(f"{node.label}: weights of {W.ndim - 2} dimensions, expected one: rows of a frame")
    attributes = node.attributes
    strides, dilations = attributes.get("strides") or [1], attributes.get("dilations") or [1]
    b = np.zeros(len(W)) if bias is None else bias
    return Filter(W.transpose(0, 2, 1), b, int(strides[0]), int(dilations[0]), int(attributes.get("group") or 1))


def pads_of(node: Node, found: Filter, rows: int) -> tuple[int, int]:
    """Zeros before and behind the rows that a node of Conv takes itself."""
    auto = str(node.attributes.get("auto_pad") or "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        span = (found.weights.shape[1] - 1) * found.dilation + 1
        whole = max((-(-rows // found.stride) - 1) * found.stride + span - rows, 0)
        less = whole // 2
        return (less, whole - less) if auto == "SAME_UPPER" else (whole - less, less)
    pads = node.attributes.get("pads") if auto == "NOTSET" else None
    return (int(pads[0]), int(pads[1])) if pads else (0, 0)


def spectrum_of(found: Filter, place: Padded, is_signed: bool) -> Spectrum | None:
    """The spectrum that a convolution over samples is; None where it is none. is_signed: the sign of its imaginary
    parts matters."""
    size = int(found.weights.shape[1])
    if found.channels != 1 or found.dilation != 1 or found.bias.any() or len(found.weights) != size + 2:
        return None
    if size < 4 or size & (size - 1):
        return None
    W = found.weights[:, :, 0].astype(np.float64)
    taper = W[0]
    angles = 2 * np.pi / size * np.outer(np.arange(size // 2 + 1), np.arange(size))
    parts = np.split(W, 2)
    most = _CLOSE * np.abs(taper).max(initial=0.0)
    turns = (-1.0,) if is_signed else (-1.0, 1.0)
    if np.abs(parts[0] - taper * np.cos(angles)).max() > most:
        return None
    if not any(np.abs(parts[1] - sign * taper * np.sin(angles)).max() <= most for sign in turns):
        return None
    return Spectrum(
        size, found.stride, taper=taper.astype(np.float32), before=place.before, after=place.after, fill=place.fill
    )


def convolution(found: Filter, place: Padded, rows: int) -> Layer:
    """Over rows; over the only row of a frame a dense layer of the tap that meets it."""
    W, b = found.weights, found.bias
    taps = W.shape[1]
    beyond = rows + place.before + place.after - (taps - 1) * found.dilation - 1
    if rows == 1 and beyond // found.stride == 0 and found.groups == 1 and place.fill == "zero":
        tap, rest = divmod(place.before, found.dilation)
        seen: NDArray[Any] = W[:, tap] if not rest and tap < taps else np.zeros_like(W[:, 0])
        return Dense(seen.astype(np.float32), b.astype(np.float32))
    return Conv(
        W.astype(np.float32),
        b.astype(np.float32),
        found.stride,
        found.dilation,
        groups=found.groups,
        before=place.before,
        after=place.after,
        fill=place.fill,
    )
