"""Functions that converters write out in several operators, as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgelstm.importers.graph import Node
from edgelstm.importers.tflite_scope import Tape


def tidied(tape: Tape) -> list[Node]:
    """The nodes, with min(max(slope·x + 0.5, 0), 1) and relu6(x + 3)/6 as hard sigmoids, and other pairs of Min and
    Max as Clip; a product with one over a root as a quotient. What they were made of stays, read by nobody."""
    makers = {node.outputs[0]: node for node in tape.nodes}
    return [_one(tape, makers, node) for node in tape.nodes]


def _number(tape: Tape, name: str) -> float | None:
    found = tape.constants.get(name)
    return float(found.reshape(-1)[0]) if found is not None and found.size == 1 and found.dtype.kind == "f" else None


def _by(tape: Tape, node: Node | None, *ops: str) -> tuple[str, float] | None:
    """(x, number) of a node that joins both."""
    if node is None or node.op not in ops or len(node.inputs) != 2:
        return None
    for x, number in (node.inputs, node.inputs[::-1]):
        if (found := _number(tape, number)) is not None:
            return x, found
    return None


def _one(tape: Tape, makers: dict[str, Node], node: Node) -> Node:
    outer = _by(tape, node, "Min", "Max")
    inner = None if outer is None else _by(tape, makers.get(outer[0]), "Min", "Max")
    if outer is not None and inner is not None:
        low, high = sorted((outer[1], inner[1]))
        sloped = _sloped(tape, makers, inner[0])
        if (low, high) == (0.0, 1.0) and sloped is not None:
            return replace(node, op="HardSigmoid", inputs=(sloped[0],), attributes={"alpha": sloped[1], "beta": 0.5})
        return replace(node, op="Clip", inputs=(inner[0],), attributes={"min": low, "max": high})
    if node.op == "Mul":
        for one, other in (node.inputs, node.inputs[::-1]):
            maker = makers.get(other)
            if maker is not None and maker.op == "Reciprocal":
                return replace(node, op="Div", inputs=(one, maker.input(0)))
    scaled = _by(tape, node, "Mul", "Div")
    clip = None if scaled is None else makers.get(scaled[0])
    if (
        scaled is not None
        and clip is not None
        and clip.op == "Clip"
        and dict(clip.attributes) == {"min": 0.0, "max": 6.0}
    ):
        factor = scaled[1] if node.op == "Mul" else 1 / scaled[1] if scaled[1] else 0.0
        moved = _by(tape, makers.get(clip.input(0)), "Add")
        if moved is not None and moved[1] == 3 and np.isclose(factor, 1 / 6):
            return replace(node, op="HardSigmoid", inputs=(moved[0],), attributes={"alpha": 1 / 6, "beta": 0.5})
    return node


def _sloped(tape: Tape, makers: dict[str, Node], name: str) -> tuple[str, float] | None:
    """(x, slope) of slope·x + 0.5"""
    moved = _by(tape, makers.get(name), "Add")
    return None if moved is None or moved[1] != 0.5 else _by(tape, makers.get(moved[0]), "Mul")
