"""Nodes of a graph that are a layer each, or the last of several that are one: a table of functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgelstm.importers.cuts import Cut, memory_of
from edgelstm.importers.forms import Floats
from edgelstm.importers.graph import SAME, Graph, Node
from edgelstm.importers.layout import CHANNEL, FRAME, ROW, Lying, reduced_axes
from edgelstm.importers.sounds import Padded, convolution, filter_of, padded, pads_of, spectrum_of
from edgelstm.importers.walk import StackedError, Walk
from edgelstm.layers import L2, Context, Conv, LayerNorm, Log, Magnitude, Mean, Multiply, Shape
from edgelstm.layers.l2 import SHORTEST
from edgelstm.layers.log import LEAST


def conv(walk: Walk, node: Node, cut: Cut | None = None) -> int | None:
    """cut: the rows that are kept of what it gives; a causal one leaves out its last."""
    found = filter_of(walk.graph, node)
    axes = walk.layout.axes(node.input(0))
    if axes is not None and FRAME in axes:
        raise StackedError(f"{node.label}: over the frames of a call")
    place = padded(walk.graph, walk.layout, node.input(0))
    if axes is None or axes[1] == ROW or len(axes) != 3:
        raise ValueError(f"{node.label}: of sides {axes}, expected channels, then rows")
    lying = walk.lying(place.name)
    samples = found.channels == 1 and lying.rows == 1
    rows = lying.channels if samples else lying.rows
    place = place.more(node, *pads_of(node, found, rows), "zero")
    if cut is not None:
        place = place.less(node, cut.start * found.stride, (cut.side - cut.stop) * found.stride)
    if (spectrum := spectrum_of(found, place, True)) is not None:
        return walk.results.put(spectrum, walk.result(place.name))
    source = walk.result(place.name)
    if samples and walk.results.shape(source) != Shape(rows, 1):
        source = walk.results.put(Context(rows, channels=1), source)
    return walk.results.put(convolution(found, place, rows), source)


def remembered(walk: Walk, node: Node) -> int | None:
    """A state before what is new, as a context."""
    found = memory_of(walk.graph, node, walk.frames)
    lying = None if found is None else walk.layout.lying(node.outputs[0])
    if found is None or lying is None:
        return None
    whole = walk.moves.of(node.outputs[0])
    if whole is not None:
        newest = np.moveaxis(whole, found.axis, 0)[-found.kept :]
        walk.carry(node, walk.moves.of(node.input(0)), np.moveaxis(newest, 0, found.axis))
    if walk.layout.letter(found.new, found.axis) == FRAME:  # those of a call, together
        return walk.results.put(Context(lying.rows, lying.rows - found.kept), walk.result(found.new))
    maker, name = walk.graph.makers.get(found.new), found.new
    if maker is not None and maker.op in SAME and walk.lying(maker.input(0)).rows == 1:
        name = maker.input(0)  # is cut into rows
    place = walk.result(name)
    channels = 0 if walk.results.shape(place).size == lying.channels else lying.channels
    return walk.results.put(Context(lying.rows, channels=channels), place)


def unfolded(node: Node, W: Floats, b: Floats) -> Conv:
    """A product with windows of rows, which a node of Unfold lays side by side."""
    taps, stride, dilation = (int(node.attributes[name]) for name in ("taps", "stride", "dilation"))
    weights = W.reshape(len(W), taps, -1).astype(np.float32)
    return Conv(weights, b.astype(np.float32), stride, dilation)


def length(walk: Walk, node: Node) -> int | None:
    """The channels of each row over their length."""
    axis, power = int(node.attributes.get("axis", -1)), int(node.attributes.get("p", 2))
    if power != 2 or walk.layout.letter(node.input(0), axis) != CHANNEL:
        raise ValueError(f"{node.label}: p {power} along side {axis}, expected 2, and the channels of each row")
    return walk.results.put(L2(), walk.whole(node))


def _windows(_: Walk, node: Node) -> int | None:
    raise ValueError(f"{node.label}: windows of rows without a product behind them")


def causal(walk: Walk, node: Node) -> int | None:
    """Over the frame and those before it; weights (outputs, taps, channels)."""
    W, b = walk.graph.constant(node.input(1)), walk.graph.constant(node.input(2))
    if W is None or (node.input(2) and b is None):
        raise ValueError(f"{node.label}: weights that are no constants")
    bias = np.zeros(len(W), np.float32) if b is None else b.reshape(-1).astype(np.float32)
    dilation = int(node.attributes.get("dilation", 1))
    layer = Conv(W.astype(np.float32), bias, dilation=dilation)
    rows = (layer.taps - 1) * dilation + 1
    return walk.results.put(layer, walk.results.put(Context(rows), walk.result(node.input(0))))


def magnitude(walk: Walk, node: Node) -> int | None:
    halves = walk.patterns.halves(node)
    if halves is None:
        return None
    base, skipped = halves
    maker = walk.graph.makers[base]
    if maker.op == "Conv":
        found = filter_of(walk.graph, maker)
        place = padded(walk.graph, walk.layout, maker.input(0))
        place = place.more(maker, *pads_of(maker, found, walk.lying(place.name).channels), "zero")
        less = skipped * found.stride
        place = Padded(place.name, place.before - less, place.after, place.fill)
        spectrum = spectrum_of(found, place, False) if place.before >= 0 else None
        if spectrum is not None:
            return walk.results.put(Magnitude(), walk.results.put(spectrum, walk.result(place.name)))
    if skipped:
        raise ValueError(f"{node.label}: without the first rows, expected all")
    return walk.results.put(Magnitude(), walk.result(base))


def norm(walk: Walk, node: Node) -> int | None:
    """Of the operator."""
    name = node.input(0)
    axes = walk.layout.axes(name) or ()
    axis = int(node.attributes.get("axis", -1)) % max(len(axes), 1)
    gamma, beta = (walk.graph.constant(node.input(place)) for place in (1, 2))
    if not {letter for letter in axes[axis:] if letter != "1"} <= {CHANNEL} or gamma is None:
        raise ValueError(f"{node.label}: not over the channels of each row alone")
    if node.input(2) and beta is None:
        raise ValueError(f"{node.label}: weights that are no constants")
    gains = gamma.reshape(-1).astype(np.float32)
    offsets = np.zeros(gains.size, np.float32) if beta is None else beta.reshape(-1).astype(np.float32)
    layer = LayerNorm(gains, offsets, float(node.attributes.get("epsilon", 1e-5)))
    return walk.results.put(layer, walk.whole(node))


def divided(walk: Walk, node: Node) -> int | None:
    """A layer normalization that is written out, or each row by its length."""
    found = walk.patterns.normalized(node)
    if found is None:
        return by_length(walk, node)
    name, epsilon = found
    ones = np.ones(walk.lying(name).channels, np.float32)
    return walk.results.put(LayerNorm(ones, np.zeros_like(ones), epsilon), walk.result(name))


def by_length(walk: Walk, node: Node) -> int | None:
    """Divided by the root of the sum of squares over channels, which is held to something small."""
    graph, held = walk.graph, _held(walk.graph, node.input(1))
    length = None if held is None else graph.makers.get(held[0])
    if held is None or length is None or length.op != "ReduceL2" or length.input(0) != node.input(0):
        return None
    letters = {walk.layout.letter(node.input(0), axis) for axis in reduced_axes(graph, length) or ()} - {"1"}
    if not letters <= {CHANNEL} or not 0 <= held[1] <= SHORTEST:
        return None
    return walk.results.put(L2(), walk.whole(node))


def _held(graph: Graph, name: str) -> tuple[str, float] | None:
    """(x, least) of a value that is held to a number or more, and repeated at most."""
    node = graph.makers.get(name)
    node = graph.makers.get(node.input(0)) if node is not None and node.op == "Expand" else node
    least = graph.constant(node.input(1)) if node is not None and node.op in ("Max", "Clip") else None
    if node is None or least is None or least.size != 1 or node.input(2):
        return None
    return node.input(0), float(str(least.reshape(-1)[0]))  # the number that its writer meant


def log(walk: Walk, node: Node) -> int | None:
    name, held = node.input(0), _held(walk.graph, node.input(0))
    if held is not None and held[1] == LEAST:
        name = held[0]  # as a layer of ours does by itself
    form = walk.forms.of(name)
    source = form.source
    if source is None:
        return walk.results.put(Log(1.0, 0.0), walk.result(name))
    W, b = form.products[source], form.bias
    scale, floor = float(W.flat[0]), float(b[0])
    if W.shape[0] != W.shape[1] or (scale * np.eye(len(W)) != W).any() or (b != floor).any() or floor < 0:
        return walk.results.put(Log(1.0, 0.0), walk.result(name))
    return walk.results.put(Log(scale, floor), walk.result(source))


def squared(walk: Walk, node: Node) -> int | None:
    power = walk.graph.constant(node.input(1))
    if power is None or power.size != 1 or float(power.reshape(-1)[0]) != 2:
        return None
    place = walk.result(node.input(0))
    return walk.results.put(Multiply("?"), place, place)


def mean(walk: Walk, node: Node) -> int | None:
    axes = reduced_axes(walk.graph, node)
    name = node.input(0)
    if axes is None or walk.layout.axes(name) is None:
        return None
    letters = {walk.layout.letter(name, axis) for axis in axes} - {"1"}
    if FRAME in letters:
        raise StackedError(f"{node.label}: over the frames of a call")
    lying, place = walk.lying(name), walk.result(name)
    if walk.results.shape(place) == Shape(lying.channels, lying.rows) != Shape(lying.rows, lying.channels):
        letters = {ROW if letter == CHANNEL else CHANNEL for letter in letters}  # of one value each, side by side
        lying = Lying(lying.channels, lying.rows)
    elif letters:
        place = walk.whole(node)
    if ROW in letters:
        place = walk.results.put(Mean("rows"), place)
    if CHANNEL in letters:
        place = walk.results.put(Mean("channels"), place)
    return place


NODES: Mapping[str, Callable[[Walk, Node], int | None]] = {
    "CausalConv": causal,
    "Concat": remembered,
    "Conv": conv,
    "Div": divided,
    "Frames": lambda walk, node: walk.result(node.input(0)),
    "LayerNormalization": norm,
    "Log": log,
    "LpNormalization": length,
    "Pow": squared,
    "ReduceMean": mean,
    "Sqrt": magnitude,
    "Unfold": _windows,
}
"""By operator: (walk, node) → the place of its result; None where it is not what such a node is usually there for."""
