"""The child that reads an ONNX file: onnxruntime folds what is constant, then the graph is told as plain data.

python -m edgelstm.importers.onnx_child FILE TARGET
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers.child import limit, refuse, tell

_MOST_NODES = 5000


def _fixed(model: Any) -> None:
    """Sides that may have any length are 1: one frame of one sequence."""
    held = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        if value.name not in held:
            for side in value.type.tensor_type.shape.dim:
                if not side.dim_value:
                    side.dim_value = 1


def _folded(path: Path) -> Any:
    import onnx
    import onnxruntime

    model = onnx.load(str(path), load_external_data=False)
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise ValueError("weights in another file, expected them inside: save it without external data")
    _fixed(model)
    for value in model.graph.value_info:
        value.ClearField("type")
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    folded = Path(sys.argv[2]).with_suffix(".onnx")
    options.optimized_model_filepath = str(folded)
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"], enable_fallback=0
    )
    return onnx.shape_inference.infer_shapes(onnx.load(str(folded), load_external_data=False))


def _shape(value: Any) -> list[int]:
    return [int(side.dim_value) for side in value.type.tensor_type.shape.dim]


def _attribute(attribute: Any) -> Any:
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, int | float):
        return value
    if isinstance(value, list | tuple) or hasattr(value, "__len__"):
        items = list(value)
        if all(isinstance(item, int | float) for item in items):
            return items
        if all(isinstance(item, bytes) for item in items):
            return [item.decode("utf-8", "replace") for item in items]
    return None


def _main(path: str, target: str) -> None:
    import onnx

    graph = _folded(Path(path)).graph
    if len(graph.node) > _MOST_NODES:
        raise ValueError(f"{len(graph.node)} nodes, expected at most {_MOST_NODES}")
    arrays: dict[str, NDArray[Any]] = {}
    names: list[str] = []
    constants = [(tensor.name, onnx.numpy_helper.to_array(tensor)) for tensor in graph.initializer]
    nodes = []
    for node in graph.node:
        if node.op_type == "Constant":
            held = [a.t for a in node.attribute if a.name == "value"]
            constants += [(node.output[0], onnx.numpy_helper.to_array(tensor)) for tensor in held]
            continue
        found = {a.name: _attribute(a) for a in node.attribute}
        about = {
            "op": node.op_type,
            "name": node.name,
            "attributes": {k: v for k, v in found.items() if v is not None},
        }
        nodes.append({**about, "inputs": list(node.input), "outputs": list(node.output)})
    for name, array in constants:
        if array.dtype.kind in "fiub":
            arrays[f"c{len(names)}"] = np.ascontiguousarray(array)
            names.append(name)
    known = {value.name: _shape(value) for value in (*graph.value_info, *graph.input, *graph.output)}
    inputs = [value.name for value in graph.input if value.name not in names]
    header = {"nodes": nodes, "constants": names, "inputs": inputs, "shapes": known}
    tell(target, {**header, "outputs": [value.name for value in graph.output]}, arrays)


if __name__ == "__main__":
    limit()
    try:
        _main(sys.argv[1], sys.argv[2])
    except Exception as error:  # whatever the parsers raise
        refuse(error)
