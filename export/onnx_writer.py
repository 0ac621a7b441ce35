"""What the ONNX forms share: a graph that grows node by node, its states, and the sealed file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgelstm.export.metadata import KEY, metadata_json
from edgelstm.model import Model
from edgelstm.quantization.scheme import QuantizedModel
from edgelstm.runtime.description import Precision

OPSET, IR = 17, 8
STATES_KEY = "edgelstm.states"
"""As `edgelstm.runtime.onnx_engine` reads it: a JSON list, h and c of each layer in turn."""

_OUTPUT_NODES = {"softmax": "Softmax", "sigmoid": "Sigmoid"}


class Graph:
    """Nodes, constants and states by name. Every node is named as its first result."""

    def __init__(self, model: Model | QuantizedModel, precision: Precision | None = None):
        self.metadata = metadata_json(model, precision)
        self.model = model.model if isinstance(model, QuantizedModel) else model
        self.nodes: list[Any] = []
        self.states: list[dict[str, Any]] = []
        self._constants: dict[str, Any] = {}

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """An array of the graph; the same name is stored once."""
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def scalar(self, name: str, value: float, dtype: DTypeLike) -> str:
        return self.constant(name, np.array(value, dtype))

    def node(self, operator: str, *inputs: str, to: str, **attributes: Any) -> str:
        return self.nodes_of(operator, inputs, [to], **attributes)[0]

    def nodes_of(self, operator: str, inputs: tuple[str, ...], to: list[str], **attributes: Any) -> list[str]:
        """One node with several results."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, to, name=to[0], **attributes))
        return to

    def cast(self, x: str, dtype: DTypeLike, to: str) -> str:
        from onnx import helper

        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.nodes.append(helper.make_node("Cast", [x], [to], name=to, to=kind))
        return to

    def state(self, name: str, shape: list[int], dtype: str = "float32", **facts: Any) -> None:
        """An input `name` and an output `name`_out; `facts` go into the metadata, `initial` among them."""
        entry = {"name": name, "output": f"{name}_out", "shape": shape, "initial": 0, **facts}
        self.states.append(entry if dtype == "float32" else {**entry, "type": dtype})

    def probabilities(self, scores: str) -> list[str]:
        """The output activation over `scores` (frames, outputs): no node for a linear model."""
        if self.model.activation not in _OUTPUT_NODES:
            return []
        attributes = {"axis": 1} if self.model.activation == "softmax" else {}
        return [self.node(_OUTPUT_NODES[self.model.activation], scores, to="probabilities", **attributes)]

    def encode(self, results: list[str], frames: int | str) -> bytes:
        """The file: `x` (frames, features) and the states in, `results` (frames, outputs) and the states out.

        Checked by onnx's own checker. The same graph gives the same bytes.
        """
        import onnx
        from onnx import helper

        def value(name: str, shape: list[int | str], dtype: str = "float32") -> Any:
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
            return helper.make_tensor_value_info(name, kind, shape)

        def states(key: str) -> list[Any]:
            return [value(state[key], state["shape"], state.get("type", "float32")) for state in self.states]

        graph = helper.make_graph(
            self.nodes,
            "edgelstm",
            [value("x", [frames, self.model.features]), *states("name")],
            [*(value(name, [frames, self.model.outputs]) for name in results), *states("output")],
            list(self._constants.values()),
        )
        # Both versions are stated: the helper's defaults are newer than what current engines read.
        domains = sorted({node.domain for node in self.nodes} - {""})
        versions = [("", OPSET), *((domain, 1) for domain in domains)]
        opsets = [helper.make_opsetid(*version) for version in versions]
        proto = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="edgelstm")
        states_json = json.dumps(self.states, separators=(",", ":"))
        helper.set_model_props(proto, {KEY: self.metadata, STATES_KEY: states_json})
        onnx.checker.check_model(proto, full_check=True)
        return bytes(proto.SerializeToString(deterministic=True))
