"""One operator in onnxruntime, to hold our equations against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest


def run_onnx(
    operator: str, inputs: Mapping[str, np.ndarray | None], outputs: Sequence[str], **attributes: Any
) -> list[np.ndarray]:
    """`operator` over named arrays, taken as float32; one called "" stands for an input that is not given."""
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    node = onnx.helper.make_node(operator, list(inputs), outputs, **attributes)
    kinds = [onnx.helper.make_tensor_value_info(name, 1, None) for name in inputs if name]
    results = [onnx.helper.make_tensor_value_info(name, 1, None) for name in outputs]
    graph = onnx.helper.make_graph([node], "one", kinds, results)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = {name: array.astype(np.float32) for name, array in inputs.items() if array is not None}
    found: list[np.ndarray] = session.run(list(outputs), given)
    return found
