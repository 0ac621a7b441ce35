"""ONNX files: LSTM and GRU operators, cells written out, dense layers and activations around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgelstm import records
from edgelstm.importers.child import in_child
from edgelstm.importers.choices import Choices, Timing, anew_of, leave_out, timing
from edgelstm.importers.graph import Graph, Node
from edgelstm.importers.imported import Imported
from edgelstm.importers.matching import Matched
from edgelstm.importers.onnx_origin import Ports, Settings, opening
from edgelstm.importers.onnx_ports import understood
from edgelstm.importers.road import build
from edgelstm.importers.tidying import tidied

_EXACT, _HALVES = (1, 11), (10, 16)
"""Numbers of types: float and double; float16 and bfloat16, which round."""


@dataclass(frozen=True)
class _Node:
    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, object]


@dataclass(frozen=True)
class _Header:
    nodes: tuple[_Node, ...]
    constants: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    is_run: bool
    each: tuple[str, ...]
    begun: dict[str, str]
    about: str = ""


def read(path: Path, choices: Choices) -> Imported:
    """ValueError, one line without the path, for a graph that is no model of ours. ImportError without onnx or
    onnxruntime."""
    leave_out(choices, "ONNX", "layers", "gates")
    for package in ("onnx", "onnxruntime"):
        _needs(package)
    header, arrays = in_child("edgelstm.importers.onnx_child", path, given=({"sets": dict(choices.sets)}, {}))
    found = records.from_json(_Header, header, "graph")
    graph = _graph(found, arrays)
    taken = understood(graph, found.begun, choices)
    ports = Ports(taken.frames, taken.scores, taken.states, taken.idle)
    matched, shown = taken.matched, taken.shown
    values = graph.shapes[ports.frames][-1]
    if found.begun:
        if ports.states:
            raise ValueError("a loop that begins with zeros beside states that go on, expected one of them")
        matched.fresh = True
        if matched.stacked:
            raise ValueError("a loop of cells beside layers that see all frames of a call at once is not read")
    timed, notes = _timed(graph, ports, matched, choices, anew_of(found.about))
    model = build(matched.steps, values - choices.overlap, timed, choices, path.stem)
    probable = shown if model.activation != "linear" else ports.scores
    if ports.states:
        notes.append(f"states: {', '.join(ports.states)}")
    if ports.idle:
        notes.append(f"inputs that the answer does not depend on: {', '.join(ports.idle)[:200]}")
    if _rounds(graph):
        why = "its engine rounds what enters its recurrent layers (DynamicQuantizeLSTM), and this model does not"
        return Imported(model, "ONNX", tuple(notes), None, why)
    if not found.is_run:
        return Imported(model, "ONNX", tuple(notes), None, "onnxruntime does not run recurrences of layout 1")
    if not ports.states and matched.fresh and not timed.window:
        return Imported(
            model, "ONNX", tuple(notes), None, "a stream was asked for, and the file's own answers are of windows"
        )
    settings = Settings(ports, probable, timed.window, dict(choices.sets), choices.overlap)
    return Imported(model, "ONNX", tuple(notes), opening(path, settings))


def _timed(graph: Graph, ports: Ports, matched: Matched, choices: Choices, anew: int) -> tuple[Timing, list[str]]:
    """When the model begins anew, and what there is to say of it. anew: as our own files say."""
    together = int(np.prod(graph.shapes[ports.frames][:-1]))
    if matched.stacked:
        if choices.window not in (0, together):
            raise ValueError(
                f"--window: {choices.window}, expected {together}: so many frames the file takes at once"
            )
        return Timing(together, gathered=True), [
            f"a frame for its layers is {together} frames side by side, taken when all are there"
        ]
    if ports.states:
        return timing(choices, Timing(anew)), []
    timed = timing(choices, Timing(together) if together > 1 else None)
    if not timed.window:
        return timed, ["its own engine begins anew with every call; as a stream it answers otherwise"]
    return timed, []


def _rounds(graph: Graph) -> bool:
    return any(node.op == "DynamicQuantizeLSTM" for node in graph.nodes)


def _needs(package: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise ImportError(f"ONNX files need {package}; install it: pip install 'edgelstm[toolchain]'")


def _graph(found: _Header, arrays: Mapping[str, Any]) -> Graph:
    each, known = set(found.each), set(found.constants)

    def op(n: _Node) -> str:
        if n.op == "Expand" and n.outputs[0] in each:
            return "Frames"
        if n.op == "Cast" and not known.issuperset(n.inputs) and (to := n.attributes.get("to", 1)) not in _EXACT:
            return "Cast to float16" if to in _HALVES else "Cast to whole numbers"
        return n.op

    nodes = tuple(Node(op(n), n.name, n.inputs, n.outputs, n.attributes) for n in found.nodes)
    constants = {name: arrays[f"c{place}"] for place, name in enumerate(found.constants)}
    inputs = {name: found.shapes.get(name, ()) for name in found.inputs}
    return tidied(Graph(nodes, constants, inputs, found.outputs, found.shapes))
