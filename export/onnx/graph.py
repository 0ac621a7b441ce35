"""What the ONNX forms share: a graph that grows node by node, its states, and the sealed file."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgelstm.export.metadata import KEY, metadata_json
from edgelstm.model import Model
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.runtime.description import Precision
from edgelstm.runtime.states import IO_FIELD, STATES_FIELD, State

OPSET, IR = 17, 8
DOMAIN = "edgelstm"
"""Of the functions that a file brings with it."""

_OUTPUT_NODES = {"softmax": "Softmax", "sigmoid": "Sigmoid"}


class Nodes:
    """Nodes by name, each named as its first result."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self._names: set[str] = set()
        self._suffix = ""

    def node(self, operator: str, *inputs: str, to: str, **attributes: Any) -> str:
        return self.nodes_of(operator, inputs, [to], **attributes)[0]

    def nodes_of(self, operator: str, inputs: tuple[str, ...], to: list[str], **attributes: Any) -> list[str]:
        """One node with several results."""
        from onnx import helper

        to = [name + self._suffix for name in to]
        self._names.update(to)
        self.nodes.append(helper.make_node(operator, inputs, to, name=to[0], **attributes))
        return to

    def cast(self, x: str, dtype: DTypeLike, to: str) -> str:
        from onnx import helper

        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        to += self._suffix
        self._names.add(to)
        self.nodes.append(helper.make_node("Cast", [x], [to], name=to, to=kind))
        return to

    @contextmanager
    def repeated(self, suffix: str) -> Iterator[None]:
        """Nodes that are written in here bear `suffix` behind their names, so that they may be written again."""
        before, self._suffix = self._suffix, suffix
        try:
            yield
        finally:
            self._suffix = before

    def has(self, name: str) -> bool:
        """Whether there is a result of that name."""
        return name in self._names

    def unused(self, name: str) -> str:
        """`name`, or the first of `name`_2, `name`_3 … that no result has."""
        names = (f"{name}_{count}" if count > 1 else name for count in itertools.count(1))
        return next(one for one in names if one not in self._names)


class Graph(Nodes):
    """Nodes, functions, constants and states of one file."""

    def __init__(self, model: Model | QuantizedModel, precision: Precision, *, int8_scores: bool = False):
        """`int8_scores`: scores go out as integers."""
        super().__init__()
        self.int8_scores = int8_scores
        self._source, self._precision = model, precision
        self.model = model.model if isinstance(model, QuantizedModel) else model
        self.states: list[State] = []
        self._constants: dict[str, Any] = {}
        self._functions: dict[str, Any] = {}

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """An array of the graph; the same name is stored once."""
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def scalar(self, name: str, value: float, dtype: DTypeLike) -> str:
        return self.constant(name, np.array(value, dtype))

    def state(self, name: str, shape: tuple[int, ...], dtype: str = "float32", **facts: Any) -> None:
        """An input `name` and an output `name`_out; `facts` are fields of `State`: initial, scale, zero_point."""
        self.states.append(State(name, f"{name}_out", dtype, shape, **{"initial": 0, **facts}))

    def function(self, name: str, inputs: list[str], outputs: list[str], body: Callable[[], Nodes]) -> None:
        """A named local function, stored once: `nodes_of(name, …, domain=DOMAIN)` calls it. Engines put its nodes in
        its place."""
        from onnx import helper

        if name not in self._functions:
            opset = [helper.make_opsetid("", OPSET)]
            self._functions[name] = helper.make_function(DOMAIN, name, inputs, outputs, body().nodes, opset)

    def probabilities(self, scores: str) -> list[str]:
        """The output activation over `scores` (frames, outputs): no node for a linear model."""
        if self.model.activation not in _OUTPUT_NODES:
            return []
        attributes = {"axis": 1} if self.model.activation == "softmax" else {}
        return [self.node(_OUTPUT_NODES[self.model.activation], scores, to="probabilities", **attributes)]

    def encode(
        self, results: list[str], runs: int | str = 1, *, scan: bool = False, io: dict[str, Any] | None = None
    ) -> bytes:
        """The file: `x` (runs · stride, features) and the states in, `results` (runs, outputs) and the states out.

        `runs`: of the last layer in one call; a name means any number, for models of stride 1.
        `scan`: the nodes are those of one frame, and the file runs them for each of any number of frames.
        `io`: where `x` and the results are int8, what they mean. Checked by onnx's own checker. The same graph gives
        the same bytes.
        """
        import onnx
        from onnx import helper

        inputs, outputs = self._values(results, 1 if scan else runs, io)
        domains = sorted({node.domain for node in self.nodes} - {""})
        if scan:
            self._scan(inputs, outputs, len(results))
            inputs, outputs = self._values(results, "frames", io)
        graph = helper.make_graph(self.nodes, "edgelstm", inputs, outputs, list(self._constants.values()))
        # Both versions are stated: the helper's defaults are newer than what current engines read.
        versions = [("", OPSET), *((domain, 1) for domain in domains)]
        proto = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid(*version) for version in versions],
            ir_version=IR,
            producer_name="edgelstm",
            functions=list(self._functions.values()),
        )
        of_file = {STATES_FIELD: [asdict(state) for state in self.states], **({IO_FIELD: io} if io else {})}
        helper.set_model_props(proto, {KEY: metadata_json(self._source, self._precision, of_file)})
        onnx.checker.check_model(proto, full_check=True)
        return bytes(proto.SerializeToString(deterministic=True))

    def _values(self, results: list[str], runs: int | str, io: object) -> tuple[list[Any], list[Any]]:
        """The graph's inputs and outputs with their types and shapes."""
        kind = "int8" if io else "float32"
        frames = runs * self.model.stride if isinstance(runs, int) else runs
        inputs = [_value("x", kind, (frames, self.model.features))]
        inputs += [_value(state.name, state.type, state.shape) for state in self.states]
        outputs = [_value(name, kind, (runs, self.model.outputs)) for name in results]
        outputs += [_value(str(state.output), state.type, state.shape) for state in self.states]
        return inputs, outputs

    def _scan(self, inputs: list[Any], outputs: list[Any], results: int) -> None:
        """Put all nodes and constants into the body of one Scan over frames, and let it be the graph."""
        from onnx import helper

        inner = {value.name: f"frame/{value.name}" for value in (*inputs, *outputs)}
        for node in self.nodes:
            node.input[:] = [inner.get(name, name) for name in node.input]
            node.output[:] = [inner.get(name, name) for name in node.output]
        x, *before = (helper.make_value_info(inner[value.name], value.type) for value in inputs)
        after = [helper.make_value_info(inner[value.name], value.type) for value in outputs]
        # A Scan's states go first, what it slices and stacks behind them.
        body = helper.make_graph(
            self.nodes,
            "frame",
            [*before, x],
            [*after[results:], *after[:results]],
            list(self._constants.values()),
        )
        self.nodes, self._constants = [], {}
        axis = self.constant("axis", np.array([1], np.int64))
        self.node("Unsqueeze", "x", axis, to="frames")
        states = [state.name for state in self.states]
        stacked = [f"{value.name}/frames" for value in outputs[:results]]
        names = [str(state.output) for state in self.states] + stacked
        self.nodes_of("Scan", (*states, "frames"), names, body=body, num_scan_inputs=1)
        for name, value in zip(stacked, outputs):
            self.node("Squeeze", name, axis, to=value.name)


def _value(name: str, dtype: str, shape: tuple[int | str, ...]) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
