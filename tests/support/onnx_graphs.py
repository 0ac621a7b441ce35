"""Small ONNX files for tests of the reader, node by node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def some(*shape: int, seed: int = 0) -> np.ndarray:
    """Weights, always the same of a shape."""
    return np.random.default_rng([seed, *shape]).normal(0, 0.6, shape).astype(np.float32)


def node(op: str, inputs: str, outputs: str, domain: str = "", **attributes: Any) -> Any:
    """A node; an input `_` is absent."""
    from onnx import helper

    names = ["" if name == "_" else name for name in inputs.split()]
    return helper.make_node(op, names, outputs.split(), f"{op} of {outputs.split()[0]}", domain=domain, **attributes)


def write(
    path: Path,
    nodes: list[Any],
    inputs: dict[str, list[Any]],
    outputs: list[str],
    whole: tuple[str, ...] = (),
    opset: int = 17,
    **held: Any,
) -> Path:
    """whole: inputs of int64, not float32. held: initializers by name."""
    from onnx import TensorProto, helper, numpy_helper

    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in held.items()]
    kinds = {name: TensorProto.INT64 if name in whole else TensorProto.FLOAT for name in inputs}
    ins = [helper.make_tensor_value_info(name, kinds[name], shape) for name, shape in inputs.items()]
    outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "graph", ins, outs, tensors)
    sets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path
