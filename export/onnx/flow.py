"""What runs from layer to layer in the ONNX forms, and the nodes that move values without computing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgelstm.export.onnx.graph import Graph
from edgelstm.road import Placed


@dataclass(frozen=True)
class Flow:
    """A layer's results in one call, as a tensor (runs, values), as (runs, 1, values), or as both."""

    runs: int | None  # None: as many as the call has frames
    rows: str = ""
    sequence: str = ""


Write = Callable[..., Flow]
"""(graph, a layer's place, its layer, what it takes; of a joining one also the other) → what it gives."""


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


def whole(graph: Graph, values: Sequence[int]) -> str:
    """A vector of whole numbers, stored once."""
    return graph.constant("whole_" + "_".join(map(str, values)) + "_", np.array(values, np.int64))


def axis(graph: Graph) -> str:
    """The second side, as operators take it."""
    return graph.constant("axis", np.array([1], np.int64))


def mirrored(graph: Graph, at: Placed, x: str, pads: list[int]) -> str:
    return graph.node("Pad", x, whole(graph, pads), to=f"{at.name}_padded", mode="reflect")
