"""The operators and states of one TFLite file as they grow, layer by layer, and those that move values without
computing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgelstm.export.tflite.graph import Operator, Tensor
from edgelstm.export.tflite.schema import Op
from edgelstm.model import Model
from edgelstm.road import Placed

Value = Callable[[str, tuple[int, ...]], Tensor]
"""(name, shape) → a new tensor of the type that flows."""


@dataclass
class Writer:
    model: Model
    operators: list[Operator] = field(default_factory=list)
    states: list[tuple[Tensor, Tensor | None]] = field(default_factory=list)
    """(input, output) tensors, or (variable tensor, None)."""

    def add(self, op: Op, inputs: Sequence[Tensor], y: Tensor, *, version: int = 1, **options: float) -> Tensor:
        """`options`: fields of the operator's table in the schema."""
        self.operators.append(Operator(op, tuple(inputs), (y,), version, options))
        return y

    def is_last(self, at: Placed) -> bool:
        """Whether the layer's results are the scores."""
        return at is self.model.road[-1]


Write = Callable[..., Tensor]
"""(writer, a layer's place, its layer, what it takes; of a joining one also the other) → what it gives, (runs,
values) of one call."""


def version_of(x: Tensor) -> int:
    """Of the operators that move values: the second is the first that takes int8."""
    return 1 if x.dtype == np.float32 else 2


def joined(writer: Writer, parts: Sequence[Tensor], y: Tensor) -> Tensor:
    """Parts along the first side."""
    return writer.add(Op.CONCATENATION, parts, y, version=version_of(y), Axis=0)


def reshaped(writer: Writer, x: Tensor, y: Tensor) -> Tensor:
    shape = Tensor.constant(f"{y.name}_shape", np.array(y.shape, np.int32))
    return writer.add(Op.RESHAPE, (x, shape), y)


def each_run(writer: Writer, x: Tensor, like: Callable[[str], Tensor]) -> list[Tensor]:
    """x (runs, values) → a tensor (1, values) for each run, made by `like` of its name."""
    runs = x.shape[0]
    if runs == 1:
        return [x]
    parts = tuple(like(f"{x.name}_run{run}") for run in range(runs))
    axis = Tensor.constant(f"{x.name}_run_axis", np.array(0, np.int32))
    version = version_of(x)
    writer.operators.append(Operator(Op.SPLIT, (axis, x), parts, version, {"NumSplits": runs}))
    return list(parts)
