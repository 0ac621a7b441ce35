"""What recurrent layers have in common as nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.onnx.flow import Flow, axis, rows, sequence, whole
from edgelstm.export.onnx.graph import DOMAIN, Graph, Nodes
from edgelstm.export.onnx.integers import RAISED, raised_weights, raised_zero_point
from edgelstm.layers.functions import Candidate, Gate
from edgelstm.layers.recurrence import Recurrence
from edgelstm.quantization.matrix import Multipliers
from edgelstm.quantization.weighted import GatedLayer
from edgelstm.road import Placed

EXTRAS = {"float32": ("gate", "candidate", "carry", "rows")}
"""What all of them may have beyond plain ones, by form. Not first states: those of files begin with one number."""


def functions(*functions: Gate | Candidate) -> dict[str, Any]:
    """The attributes of other functions than usual; none where they are the usual ones."""
    if set(functions) <= {"sigmoid", "tanh"}:
        return {}
    names, numbers = zip(*(_FUNCTIONS[function] for function in functions))
    alphas, betas = zip(*(pair for pair in numbers if pair)) if any(numbers) else ((), ())
    given = {"activations": list(names)}
    return given | ({"activation_alpha": list(alphas), "activation_beta": list(betas)} if alphas else {})


_FUNCTIONS: Mapping[str, tuple[str, tuple[float, float] | None]] = {
    "sigmoid": ("Sigmoid", None),
    "hard_sigmoid": ("HardSigmoid", (0.2, 0.5)),
    "hard_sigmoid6": ("HardSigmoid", (1 / 6, 0.5)),
    "tanh": ("Tanh", None),
    "relu": ("Relu", None),
    "linear": ("Affine", (1.0, 0.0)),
}
"""The format's name, and alpha and beta of those that have them."""


def operator_of(
    graph: Graph, at: Placed, flow: Flow, operator: str, weights: tuple[str, ...], y: str, to: str, **attributes: Any
) -> Flow:
    """The format's `operator`, row after row; a layer that begins every frame anew takes frames as a batch."""
    layer = at.layer
    assert isinstance(layer, Recurrence)
    runs, H = layer.runs(at.source), layer.units
    if not layer.carry:
        sides = whole(graph, [-1, runs, layer.inputs])
        x = graph.node("Reshape", rows(graph, flow), sides, to=f"{at.name}_source")
        x = graph.node("Transpose", x, to=f"{at.name}_rows", perm=[1, 0, 2])
        found = graph.node(operator, x, *weights, to=y, **attributes)  # (rows, 1, frames, units)
        found = graph.node("Squeeze", found, axis(graph), to=f"{at.name}_squeezed")
        found = graph.node("Transpose", found, to=f"{at.name}_turned", perm=[1, 0, 2])
        return Flow(flow.runs, graph.node("Reshape", found, whole(graph, [-1, runs * H]), to=to))
    x = sequence(graph, flow)
    if runs > 1:
        x = graph.node("Reshape", x, whole(graph, [-1, 1, layer.inputs]), to=f"{at.name}_rows")
    states = [name for name, _ in at.parts]
    for state in states:
        graph.state(state, (1, 1, H))
    results = [y, *(f"{state}_out" for state in states)]
    found, *_ = graph.nodes_of(operator, (x, *weights, "", *states), results, **attributes)
    if runs == 1:
        return Flow(flow.runs, sequence=graph.node("Squeeze", found, axis(graph), to=to))
    return Flow(flow.runs, graph.node("Reshape", found, whole(graph, [-1, runs * H]), to=to))


def given_to_functions(layer: GatedLayer) -> dict[str, NDArray[Any]]:
    """What the functions of recurrent layers take besides flows and biases."""
    return {
        "x_zero": np.array(raised_zero_point(layer.input), np.uint8),
        "h_zero": np.array(raised_zero_point(layer.hidden), np.uint8),
        "h_scale": np.array(layer.hidden.scale, np.float32),
        "W": raised_weights(layer.W),
        "W_factor": layer.W_scale * layer.input.scale,
        "R": raised_weights(layer.R),
        "R_factor": layer.R_scale * layer.hidden.scale,
    }


def call(
    graph: Graph,
    function: str,
    name: str,
    inputs: Sequence[str],
    flows: Mapping[str, str],
    given: Mapping[str, NDArray[Any]],
    to: list[str],
) -> list[str]:
    """One call of `function`; what is no flow is a constant of layer `name`."""
    taken = (flows.get(one) or graph.constant(f"{name}_{one}", given[one]) for one in inputs)
    return graph.nodes_of(function, tuple(taken), to, domain=DOMAIN)


def products(f: Nodes, *pairs: tuple[str, str, str]) -> list[str]:
    """(matrix, value, its name in the results) → from_NAME: matrix · value, in floats."""
    from onnx import numpy_helper

    zero = "weights_zero"
    if not f.has(zero):
        f.node("Constant", to=zero, value=numpy_helper.from_array(np.array(RAISED, np.uint8)))
    parts = []
    for matrix, value, named in pairs:
        sums = f.node("MatMulInteger", value, matrix, f"{named}_zero", zero, to=f"{matrix}_sums")
        parts.append(
            f.node("Mul", f.cast(sums, np.float32, f"{matrix}_float"), f"{matrix}_factor", to=f"from_{value}")
        )
    return parts


def same_for_all_rows(multiplier: tuple[int, int]) -> Multipliers:
    """The same for all rows."""
    return Multipliers(*(np.array(part, np.int32) for part in multiplier))
