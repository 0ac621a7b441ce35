"""ONNX files: LSTM and GRU operators, cells written out, dense layers and activations around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgelstm import records
from edgelstm.importers.child import in_child
from edgelstm.importers.choices import Choices, Timing, leave_out, timing
from edgelstm.importers.graph import Graph, Node
from edgelstm.importers.imported import Imported
from edgelstm.importers.matching import match
from edgelstm.importers.onnx_origin import opening, roles
from edgelstm.importers.road import build


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


def read(path: Path, choices: Choices) -> Imported:
    """ValueError, one line without the path, for a graph that is no model of ours. ImportError without onnx or
    onnxruntime."""
    leave_out(choices, "ONNX", "layers", "part", "gates")
    for package in ("onnx", "onnxruntime"):
        _needs(package)
    graph = _graph(*in_child("edgelstm.importers.onnx_child", path))
    ports = roles(graph)
    shown = _shown(graph, ports.scores)
    matched = match(graph, ports.frames, shown)
    said = Timing() if ports.states and not matched.fresh else None
    timed = timing(choices, said)
    if said is None and not timed.window:
        notes = [
            "its own engine begins anew with every call; as a stream it answers otherwise, so nothing is compared"
        ]
    else:
        notes = []
    model = build(matched.steps, graph.shapes[ports.frames][-1], timed, choices, path.stem)
    probable = shown if model.activation != "linear" else ports.scores
    return Imported(
        model,
        "ONNX",
        (*notes, *([f"states: {', '.join(ports.states)}"] if ports.states else [])),
        None if notes else opening(path, ports, probable, timed.window),
        "a stream was asked for, and the file's own answers are of windows" if notes else "",
    )


def _needs(package: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise ImportError(f"ONNX files need {package}; install it: pip install 'edgelstm[toolchain]'")


def _graph(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> Graph:
    found = records.from_json(_Header, header, "graph")
    nodes = tuple(Node(n.op, n.name, n.inputs, n.outputs, n.attributes) for n in found.nodes)
    constants = {name: arrays[f"c{place}"] for place, name in enumerate(found.constants)}
    inputs = {name: found.shapes.get(name, ()) for name in found.inputs}
    return Graph(nodes, constants, inputs, found.outputs, found.shapes)


def _shown(graph: Graph, scores: str) -> str:
    """Another output that is the softmax or sigmoid of the scores, where there is one."""
    for name in graph.outputs:
        maker = graph.makers.get(name)
        if maker is not None and maker.op in ("Softmax", "Sigmoid") and maker.input(0) == scores:
            return name
    return scores
