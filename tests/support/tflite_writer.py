"""TFLite files written by hand, operator by operator, as converters would."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest


class Part:
    """A subgraph: tensors by name, operators in order."""

    def __init__(self, file: TfliteFile, name: str):
        self.file, self.graph, self.names = file, file.schema.SubGraphT(), {"": -1}
        self.graph.name, self.graph.tensors, self.graph.operators = name, [], []
        file.model.subgraphs.append(self.graph)

    def tensor(self, name: str, shape: Sequence[int], dtype: str = "float32", *, variable: bool = False) -> str:
        tensor = self.file.schema.TensorT()
        tensor.name, tensor.shape, tensor.isVariable = name, list(shape), variable
        tensor.type, tensor.buffer = getattr(self.file.schema.TensorType, dtype.upper()), 0
        self.names[name] = len(self.graph.tensors)
        self.graph.tensors.append(tensor)
        return name

    def constant(self, name: str, values: Any, dtype: str = "float32") -> str:
        array = np.asarray(values, dtype)
        self.tensor(name, array.shape, dtype)
        buffer = self.file.schema.BufferT()
        buffer.data = np.frombuffer(array.tobytes(), np.uint8)
        self.graph.tensors[-1].buffer = len(self.file.model.buffers)
        self.file.model.buffers.append(buffer)
        return name

    def op(self, name: str, inputs: str, outputs: Sequence[tuple[str, Sequence[int]]], **options: Any) -> None:
        """Inputs by name, `_` where one is absent; outputs with their shapes. `options` are fields of the operator's
        table, the first of them `table=NAME`."""
        schema = self.file.schema
        one = schema.OperatorT()
        one.opcodeIndex = self.file.code(name)
        one.inputs = [self.names[word.strip("_")] for word in inputs.split()]
        for result, shape in outputs:
            if result not in self.names:
                self.tensor(result, shape)
        one.outputs = [self.names[result] for result, _ in outputs]
        if table := options.pop("table", None):
            one.builtinOptionsType = getattr(schema.BuiltinOptions, table)
            one.builtinOptions = getattr(schema, f"{table}T")()
            for field, value in options.items():
                setattr(one.builtinOptions, field, value)
        self.graph.operators.append(one)

    def ends(self, inputs: str, outputs: str) -> None:
        self.graph.inputs = [self.names[name] for name in inputs.split()]
        self.graph.outputs = [self.names[name] for name in outputs.split()]


class TfliteFile:
    def __init__(self) -> None:
        self.schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="LiteRT is not installed")
        self.model = self.schema.ModelT()
        self.model.version, self.model.subgraphs, self.model.operatorCodes = 3, [], []
        self.model.buffers = [self.schema.BufferT()]

    def code(self, name: str) -> int:
        number = getattr(self.schema.BuiltinOperator, name, None)
        code = self.schema.OperatorCodeT()
        code.version = 1
        code.builtinCode = self.schema.BuiltinOperator.CUSTOM if number is None else number
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        if number is None:
            code.customCode = name
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def write(self, path: Path) -> Path:
        import flatbuffers

        builder = flatbuffers.Builder(1 << 14)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path
