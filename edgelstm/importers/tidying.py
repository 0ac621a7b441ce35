"""Functions that converters write out in several operators, as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgelstm.importers.graph import Array, Graph, Node


def tidied(graph: Graph) -> Graph:
    """With min(max(slope·x + 0.5, 0), 1) and relu6(x + 3)/6 as hard sigmoids, and other pairs of Min and Max as Clip;
    a product with one over a root as a quotient; cuts that name sides of which they take all without these. What they
    were made of stays, read by nobody."""
    makers, held = {node.outputs[0]: node for node in graph.nodes}, dict(graph.constants)
    nodes = [_all(graph, _cut(graph, held, _one(graph.constants, makers, node))) for node in graph.nodes]
    makers = {node.outputs[0]: node for node in nodes}
    return replace(graph, nodes=tuple(_unfolded(graph, makers, node) for node in nodes), constants=held)


def _all(graph: Graph, node: Node) -> Node:
    """A Gather of all that there is, in its order."""
    shape, places = graph.shapes.get(node.input(0), ()), graph.constant(node.input(1))
    if node.op != "Gather" or not shape or places is None or places.dtype.kind not in "iu":
        return node
    side = shape[int(node.attributes.get("axis", 0)) % len(shape)]
    is_all = places.size == side > (0 if places.ndim > 1 else 1) and bool(
        (places.reshape(-1) == np.arange(side)).all()
    )
    return replace(node, op="Reshape", inputs=(node.input(0),)) if is_all else node


def _unfolded(graph: Graph, makers: dict[str, Node], node: Node) -> Node:
    """Windows of rows, gathered and laid side by side, as a node that says taps, stride and dilation."""
    gather, shape = makers.get(node.input(0)), graph.shapes.get(node.outputs[0], ())
    places = None if gather is None or gather.op != "Gather" else graph.constant(gather.input(1))
    if (
        node.op != "Reshape"
        or gather is None
        or places is None
        or places.ndim != 2
        or not places.size
        or len(shape) != 2
    ):
        return node
    sides, (windows, taps) = graph.shapes.get(gather.input(0), ()), places.shape
    stride = int(places[1, 0] - places[0, 0]) if windows > 1 else 1
    dilation = int(places[0, 1] - places[0, 0]) if taps > 1 else 1
    is_regular = (places == stride * np.arange(windows)[:, None] + dilation * np.arange(taps)).all()
    axis = int(gather.attributes.get("axis", 0)) % max(len(sides), 1)
    if axis != len(sides) - 2 or shape != (windows, taps * sides[-1]) or not is_regular or min(stride, dilation) < 1:
        return node
    about = {"taps": taps, "stride": stride, "dilation": dilation}
    return replace(node, op="Unfold", inputs=(gather.input(0),), attributes=about)


def _cut(graph: Graph, held: dict[str, Array], node: Node) -> Node:
    """A Slice of several sides, of which it takes a part of one alone."""
    shape = graph.shapes.get(node.input(0), ())
    limits = [graph.constant(node.input(place)) for place in (1, 2, 3)]
    steps = graph.constant(node.input(4))
    if node.op != "Slice" or not shape or any(one is None for one in limits):
        return node
    starts, ends, axes = (one.reshape(-1).tolist() for one in limits if one is not None)
    is_plain = steps is None or bool((steps == 1).all())
    if (
        not is_plain
        or not 1 < len(axes) == len(starts) == len(ends)
        or not all(-len(shape) <= n < len(shape) for n in axes)
    ):
        return node
    ranges = {axis % len(shape): slice(a, b).indices(shape[axis])[:2] for a, b, axis in zip(starts, ends, axes)}
    cuts = [(axis, *found) for axis, found in ranges.items() if found != (0, shape[axis])]
    if len(cuts) > 1 or len(ranges) < len(axes):
        return node
    axis, start, stop = cuts[0] if cuts else (0, 0, shape[0])
    names = [f"={value}" for value in (start, stop, axis)]
    held.update({name: np.array([value]) for name, value in zip(names, (start, stop, axis))})
    return replace(node, inputs=(node.input(0), *names))


def _number(constants: Mapping[str, Array], name: str) -> float | None:
    found = constants.get(name)
    return float(found.reshape(-1)[0]) if found is not None and found.size == 1 and found.dtype.kind == "f" else None


def _by(constants: Mapping[str, Array], node: Node | None, *ops: str) -> tuple[str, float] | None:
    """(x, number) of a node that joins both."""
    if node is None or node.op not in ops or len(node.inputs) != 2:
        return None
    for x, number in (node.inputs, node.inputs[::-1]):
        if (found := _number(constants, number)) is not None:
            return x, found
    return None


def _one(constants: Mapping[str, Array], makers: dict[str, Node], node: Node) -> Node:
    outer = _by(constants, node, "Min", "Max")
    inner = None if outer is None else _by(constants, makers.get(outer[0]), "Max" if node.op == "Min" else "Min")
    low, high = sorted((outer[1], inner[1])) if outer is not None and inner is not None else (0.0, 0.0)
    limits, held = _limits(constants, node), node.input(0)
    if outer is not None and inner is not None and (outer[1] == high) == (node.op == "Min"):
        limits, held = (low, high), inner[0]
    sloped = _sloped(constants, makers, held) if limits == (0.0, 1.0) else None
    if sloped is not None:
        return replace(node, op="HardSigmoid", inputs=(sloped[0],), attributes={"alpha": sloped[1], "beta": 0.5})
    if held != node.input(0):
        return replace(node, op="Clip", inputs=(held,), attributes={"min": low, "max": high})
    if node.op == "Mul":
        for one, other in (node.inputs, node.inputs[::-1]):
            maker = makers.get(other)
            if maker is not None and maker.op == "Reciprocal":
                return replace(node, op="Div", inputs=(one, maker.input(0)))
    scaled = _by(constants, node, "Mul", "Div")
    clip = None if scaled is None else makers.get(scaled[0])
    if scaled is not None and clip is not None and _limits(constants, clip) == (0.0, 6.0):
        factor = scaled[1] if node.op == "Mul" else 1 / scaled[1] if scaled[1] else 0.0
        moved = _by(constants, makers.get(clip.input(0)), "Add")
        if moved is not None and moved[1] == 3 and np.isclose(factor, 1 / 6):
            return replace(node, op="HardSigmoid", inputs=(moved[0],), attributes={"alpha": 1 / 6, "beta": 0.5})
    return node


def _limits(constants: Mapping[str, Array], node: Node) -> tuple[float | None, ...]:
    """Of a Clip, by attributes or by inputs."""
    if node.op != "Clip":
        return ()
    given = [_number(constants, name) for name in node.inputs[1:]]
    return tuple(given) if given else (node.attributes.get("min"), node.attributes.get("max"))


def _sloped(constants: Mapping[str, Array], makers: dict[str, Node], name: str) -> tuple[str, float] | None:
    """(x, slope) of slope·x + 0.5"""
    moved = _by(constants, makers.get(name), "Add")
    return None if moved is None or moved[1] != 0.5 else _by(constants, makers.get(moved[0]), "Mul")
