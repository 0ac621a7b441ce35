"""What runs from layer to layer in the ONNX forms, and the nodes that move values without computing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgelstm.export.onnx.graph import Graph
from edgelstm.layers import Context, Conv
from edgelstm.road import INPUT, Placed

_END = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Flow:
    """A layer's results in one call, as a tensor (runs, values), as (runs, 1, values), or as both."""

    runs: int | None  # None: as many as the call has frames
    rows: str = ""
    sequence: str = ""


Write = Callable[..., Flow]
"""(graph, a layer's place, its layer, what it takes; of a joining one also the other) → what it gives."""


def walk(graph: Graph, layers: Sequence[Any], write: Mapping[str, Write], flow: Flow) -> Flow:
    """The nodes of every layer, each written by the function of its kind; `layers` may be the integer ones."""
    found = {INPUT: flow}
    for at, layer in zip(graph.model.road, layers, strict=True):
        others = [found[at.joins]] if at.joins else []
        flow = found[at.name] = write[at.layer.kind](graph, at, layer, found[at.takes], *others)
    return flow


def rows(graph: Graph, flow: Flow) -> str:
    """The tensor (runs, values)."""
    return flow.rows or graph.node("Squeeze", flow.sequence, axis(graph), to=graph.unused("hidden"))


def sequence(graph: Graph, flow: Flow) -> str:
    """The tensor (runs, 1, values)."""
    return flow.sequence or graph.node("Unsqueeze", flow.rows, axis(graph), to=graph.unused("sequence"))


def is_last(graph: Graph, at: Placed) -> bool:
    """Whether the layer's results are the scores."""
    return at is graph.model.road[-1]


def number(at: Placed) -> str:
    """How many layers of its kind come before it."""
    return at.name.removeprefix(at.layer.kind)


def each_run(
    graph: Graph,
    name: str,
    x: str,
    runs: int,
    states: Sequence[str],
    step: Callable[[str, Sequence[str]], tuple[str, Sequence[str]]],
) -> str:
    """A recurrent layer over `x`, whose first side counts `runs`: `step(x, states)` writes the nodes of one run, and
    returns its result and the new states. All results, along the first side."""
    parts = [x]
    if runs > 1:
        parts = graph.nodes_of("Split", (x,), [f"{name}_run{run}" for run in range(runs)], axis=0)
    given = []
    for run, part in enumerate(parts):
        # The last run's names are those that a file has that takes one frame per call.
        with graph.repeated("" if run == runs - 1 else f"/{run}"):
            result, states = step(part, states)
        given.append(result)
    return given[0] if runs == 1 else graph.node("Concat", *given, to=f"{name}_runs", axis=0)


def context(graph: Graph, at: Placed, layer: Context, flow: Flow, dtype: str = "float32", **facts: Any) -> Flow:
    """The newest rows side by side. Its state is those that the next call needs; `facts` are for `Graph.state`."""
    x, width, brought = rows(graph, flow), at.result.channels, layer.brought(at.source)
    kept = layer.rows - layer.hop * brought
    if width != at.source.size:
        x = graph.node("Reshape", x, whole(graph, [-1, width]), to=f"{at.name}_brought")
    if kept:
        ((past, _), *_) = at.parts
        graph.state(past, (kept, width), dtype, **facts)
        x = graph.node("Concat", past, x, to=f"{at.name}_joined", axis=0)
        limits = (whole(graph, [-kept]), whole(graph, [_END]), whole(graph, [0]))
        graph.node("Slice", x, *limits, to=f"{past}_out")
    runs = None if flow.runs is None else flow.runs // layer.hop
    if runs != 1:  # one run takes all rows there are
        x = graph.node("Gather", x, _row_numbers(graph, at, layer, runs), to=f"{at.name}_rows", axis=0)
    return Flow(runs, graph.node("Reshape", x, whole(graph, [-1, layer.rows * width]), to=at.name))


def _row_numbers(graph: Graph, at: Placed, layer: Context, runs: int | None) -> str:
    """(runs, rows): which of the joined rows each run takes."""
    offsets, step = np.arange(layer.rows)[None], layer.hop * layer.brought(at.source)
    if runs is not None:
        return graph.constant(f"{at.name}_row_numbers", step * np.arange(runs)[:, None] + offsets)
    frame = "frame_numbers"
    if not graph.has(frame):
        zero, one = (graph.constant(f"whole_{value}", np.array(value, np.int64)) for value in (0, 1))
        count = graph.node("Gather", graph.node("Shape", "x", to="sides"), zero, to="frame_count")
        line = graph.node("Range", zero, count, one, to="frame_line")
        graph.node("Unsqueeze", line, axis(graph), to=frame)
    if step > 1:
        frame = graph.node("Mul", frame, whole(graph, [step]), to=f"{at.name}_firsts")
    return graph.node("Add", frame, graph.constant(f"{at.name}_offsets", offsets), to=f"{at.name}_row_numbers")


def windows(graph: Graph, at: Placed, layer: Conv, flow: Flow) -> str:
    """(runs · windows, taps · channels): what the weights of a convolution meet."""
    x, taken = rows(graph, flow), layer.windows(at.source)
    if not np.array_equal(taken.reshape(-1), np.arange(at.source.rows)):
        sides = whole(graph, [-1, at.source.rows, at.source.channels])
        x = graph.node("Reshape", x, sides, to=f"{at.name}_source")
        places = graph.constant(f"{at.name}_taken", taken.astype(np.int64))
        x = graph.node("Gather", x, places, to=f"{at.name}_gathered", axis=1)
    return graph.node("Reshape", x, whole(graph, [-1, layer.taps * layer.channels]), to=f"{at.name}_windows")


def joined(graph: Graph, at: Placed, y: str) -> str:
    """The results (runs · windows, channels) of a convolution as (runs, windows · channels)."""
    if at.result.rows == 1:
        return y
    return graph.node("Reshape", y, whole(graph, [-1, at.result.size]), to=f"{at.name}_joined")


def whole(graph: Graph, values: Sequence[int]) -> str:
    """A vector of whole numbers, stored once."""
    return graph.constant("whole_" + "_".join(map(str, values)) + "_", np.array(values, np.int64))


def axis(graph: Graph) -> str:
    """The second side, as operators take it."""
    return graph.constant("axis", np.array([1], np.int64))
