"""A `.tflite` file from tensors and operators, on the `flatbuffers` library alone. The same graph gives the same
bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgelstm.export.tflite.schema import OPTIONS, TABLES, TENSOR_TYPE, VERSION, Op


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor, with `data` a constant. Real values are `scale * (q - zero_point)`; an array of scales has one for
    each row."""

    name: str
    shape: tuple[int, ...]
    dtype: DTypeLike
    data: NDArray[Any] | None = None
    scale: float | np.float32 | NDArray[np.float32] | None = None
    zero_point: int = 0
    variable: bool = False  # keeps its value between calls

    @classmethod
    def constant(
        cls, name: str, data: NDArray[Any], scale: float | np.float32 | NDArray[np.float32] | None = None
    ) -> Tensor:
        """`scale` makes `data` a symmetric quantized constant."""
        return cls(name, data.shape, data.dtype, data, scale)


@dataclass(frozen=True, eq=False)
class Operator:
    op: Op
    inputs: tuple[Tensor | None, ...]  # None: an optional input that is absent
    outputs: tuple[Tensor, ...]
    version: int = 1
    options: Mapping[str, float] = field(default_factory=dict)  # fields of its table of options
    intermediates: tuple[Tensor, ...] = ()


@dataclass(frozen=True, eq=False)
class Graph:
    """Operators in the order in which they run. Tensors are numbered in the order in which they are met."""

    operators: tuple[Operator, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    metadata: Mapping[str, bytes]
    description: str

    def tensors(self) -> list[Tensor]:
        seen: dict[int, Tensor] = {}
        for operator in self.operators:
            for tensor in (*operator.inputs, *operator.intermediates, *operator.outputs):
                if tensor is not None:
                    seen.setdefault(id(tensor), tensor)
        return list(seen.values())


def encode(graph: Graph) -> bytes:
    """The bytes of the file."""
    return _Encoder(graph).finish()


class _Encoder:
    """Flatbuffers are written from the leaves up: whatever a table points to comes before it."""

    def __init__(self, graph: Graph):
        import flatbuffers

        self.graph = graph
        self.builder = flatbuffers.Builder(1 << 16)
        self.tensors = graph.tensors()
        self.numbers = {id(tensor): number for number, tensor in enumerate(self.tensors)}
        self.codes = list(dict.fromkeys((operator.op, operator.version) for operator in graph.operators))
        self.buffers = [b""]  # buffer 0 is empty, for tensors without data

    def finish(self) -> bytes:
        # Buffers are filled while tensors and metadata are written, so they are written after them.
        subgraph = self.subgraph()
        metadata = self.vector_of_tables(self.metadata(*item) for item in self.graph.metadata.items())
        signatures = self.vector_of_tables([self.signature()])
        model = self.table(
            "Model",
            Version=VERSION,
            OperatorCodes=self.vector_of_tables(self.operator_code(*code) for code in self.codes),
            Subgraphs=self.vector_of_tables([subgraph]),
            Description=self.builder.CreateString(self.graph.description),
            Buffers=self.vector_of_tables(self.buffer(content) for content in self.buffers),
            Metadata=metadata,
            SignatureDefs=signatures,
        )
        self.builder.Finish(model, file_identifier=b"TFL3")
        return bytes(self.builder.Output())

    def table(self, kind: str, **fields: Any) -> int:
        """A table of the schema. Nothing is stored for a value of 0, False or None."""
        builder, slots = self.builder, TABLES[kind]
        prepend = {
            "int8": builder.PrependInt8Slot,
            "uint8": builder.PrependUint8Slot,
            "int32": builder.PrependInt32Slot,
            "uint32": builder.PrependUint32Slot,
            "float32": builder.PrependFloat32Slot,
            "bool": builder.PrependBoolSlot,
            "offset": builder.PrependUOffsetTRelativeSlot,
        }
        builder.StartObject(max((slots[name].number for name in fields), default=-1) + 1)
        for name, value in fields.items():
            if value is not None:
                prepend[slots[name].kind](slots[name].number, value, 0)
        return int(builder.EndObject())

    def vector_of_tables(self, offsets: Iterable[int]) -> int:
        offsets = list(offsets)
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def vector(self, values: Sequence[Any], dtype: DTypeLike) -> int:
        return int(self.builder.CreateNumpyVector(np.asarray(values, dtype)))

    def numbers_of(self, tensors: Iterable[Tensor | None]) -> int:
        return self.vector([-1 if tensor is None else self.numbers[id(tensor)] for tensor in tensors], np.int32)

    def add_buffer(self, content: bytes) -> int:
        self.buffers.append(content)
        return len(self.buffers) - 1

    def buffer(self, content: bytes) -> int:
        if not content:
            return self.table("Buffer")
        # The schema wants the data aligned to 16 bytes; the library's own byte vectors are not.
        builder = self.builder
        builder.StartVector(1, len(content), 16)
        builder.head -= len(content)
        builder.Bytes[builder.head : builder.head + len(content)] = content
        return self.table("Buffer", Data=builder.EndVector())

    def tensor(self, tensor: Tensor) -> int:
        dtype = np.dtype(tensor.dtype)
        number = 0
        if tensor.data is not None:
            number = self.add_buffer(tensor.data.astype(dtype.newbyteorder("<")).tobytes())
        quantization = None
        if tensor.scale is not None:
            scales = np.atleast_1d(tensor.scale).tolist()
            scale = self.vector(scales, np.float32)
            zero_point = self.vector([tensor.zero_point] * len(scales), np.int64)
            quantization = self.table("QuantizationParameters", Scale=scale, ZeroPoint=zero_point)
        name, shape = self.builder.CreateString(tensor.name), self.vector(tensor.shape, np.int32)
        return self.table(
            "Tensor",
            Shape=shape,
            Type=TENSOR_TYPE[dtype.name],
            Buffer=number,
            Name=name,
            Quantization=quantization,
            IsVariable=tensor.variable,
            HasRank=True,
        )

    def operator(self, operator: Operator) -> int:
        kind = OPTIONS.get(operator.op)
        options = None if kind is None else self.table(kind.table, **operator.options)
        inputs, outputs = self.numbers_of(operator.inputs), self.numbers_of(operator.outputs)
        intermediates = self.numbers_of(operator.intermediates) if operator.intermediates else None
        return self.table(
            "Operator",
            OpcodeIndex=self.codes.index((operator.op, operator.version)),
            Inputs=inputs,
            Outputs=outputs,
            BuiltinOptionsType=None if kind is None else kind.number,
            BuiltinOptions=options,
            Intermediates=intermediates,
        )

    def operator_code(self, op: Op, version: int) -> int:
        # Readers older than code 127 look at the deprecated field.
        return self.table("OperatorCode", DeprecatedBuiltinCode=min(op, 127), Version=version, BuiltinCode=int(op))

    def subgraph(self) -> int:
        tensors = self.vector_of_tables([self.tensor(tensor) for tensor in self.tensors])
        inputs, outputs = self.numbers_of(self.graph.inputs), self.numbers_of(self.graph.outputs)
        operators = self.vector_of_tables([self.operator(operator) for operator in self.graph.operators])
        name = self.builder.CreateString("main")
        return self.table("SubGraph", Tensors=tensors, Inputs=inputs, Outputs=outputs, Operators=operators, Name=name)

    def metadata(self, name: str, content: bytes) -> int:
        text = self.builder.CreateString(name)
        return self.table("Metadata", Name=text, Buffer=self.add_buffer(content))

    def signature(self) -> int:
        """The one signature: inputs and outputs by the names of their tensors."""

        def by_name(tensor: Tensor) -> int:
            name = self.builder.CreateString(tensor.name)
            return self.table("TensorMap", Name=name, TensorIndex=self.numbers[id(tensor)])

        inputs = self.vector_of_tables([by_name(tensor) for tensor in self.graph.inputs])
        outputs = self.vector_of_tables([by_name(tensor) for tensor in self.graph.outputs])
        key = self.builder.CreateString("serving_default")
        return self.table("SignatureDef", Inputs=inputs, Outputs=outputs, SignatureKey=key)
