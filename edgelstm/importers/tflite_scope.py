"""What a `.tflite` file's operators become: nodes of a graph by ONNX's names, over one frame.

Sides that stand for time are left out: a result of (1, T, channels) is one of (1, channels), as every layer of ours
sees it frame by frame. What cannot be told frame by frame is refused where it is met.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgelstm.importers.graph import Array, Graph, Node
from edgelstm.importers.tflite_tables import File, Operator, Subgraph, Tensor
from edgelstm.plain import printable

_MOST_CONSTANTS = 1 << 27
"""Values of all constants: tensors may share their bytes."""


@dataclass
class Tape:
    """The graph as it grows. rows: frames of a call. steps: a result of an earlier frame than a call's last → which.
    kept: variables of the interpreter → their new values. begun: states that the file itself begins with zeros, in
    every call → their new values; None where every frame is
    written out. mean: the
    results are a mean over the frames of a call. padded: a result with
    zeros before its first frame → (what it is of, how many)."""

    rows: int = 1
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    begun: dict[str, str | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    mean: str = ""
    padded: dict[str, tuple[str, int]] = field(default_factory=dict)
    _values: int = 0

    def hold(self, name: str, array: Array) -> str:
        """A constant."""
        if name not in self.constants:
            self._values += array.size
            if self._values > _MOST_CONSTANTS:
                raise ValueError(f"constants of more than {_MOST_CONSTANTS:,} values")
            self.constants[name] = array
        return name

    def graph(self, outputs: Sequence[str]) -> Graph:
        return Graph(tuple(self.nodes), self.constants, self.inputs, tuple(outputs), self.shapes)


class Scope:
    """A subgraph's tensors by their names in the graph. `prefix` tells those of several subgraphs apart."""

    def __init__(self, file: File, tape: Tape, subgraph: Subgraph, prefix: str = ""):
        self.file, self.tape, self.subgraph = file, tape, subgraph
        self.bound: dict[int, str] = {}
        self.known: dict[int, tuple[int, ...]] = {}  # shapes of tensors whose sides the file leaves open
        counts: dict[str, int] = {}
        self._names: list[str] = []
        for number, tensor in enumerate(subgraph.tensors):
            name = prefix + (printable(tensor.name, 80) or f"#{number}")
            counts[name] = counts.get(name, 0) + 1
            self._names.append(name if counts[name] == 1 else f"{name}#{number}")

    def tensor(self, number: int) -> Tensor:
        """ValueError for an input that is absent."""
        if number < 0:
            raise ValueError("an input is absent, expected one")
        tensor = self.subgraph.tensors[number]
        return replace(tensor, shape=self.known[number]) if number in self.known else tensor

    def know(self, number: int, shape: Sequence[int]) -> None:
        """The shape of a tensor, where the file leaves sides of it open."""
        if any(self.subgraph.tensors[number].free):
            self.known[number] = tuple(int(side) for side in shape)

    def name(self, number: int) -> str:
        """Of a tensor in the graph; "" where it is absent."""
        if number < 0:
            return ""
        name = self.bound.get(number, self._names[number])
        if number not in self.bound and name not in self.tape.constants:
            constant = self.subgraph.tensors[number].constant
            if constant is not None:
                self.tape.hold(name, constant)
        return name

    def constant(self, number: int) -> Array | None:
        return self.tape.constants.get(self.name(number)) if number >= 0 else None

    def whole(self, number: int) -> list[int]:
        """A constant of whole numbers, flat. ValueError for what is none."""
        found = self.constant(number)
        if found is None or found.dtype.kind not in "iu":
            raise ValueError(f"{self.name(number)!r:.60}: computed, expected constant whole numbers")
        return [int(value) for value in found.reshape(-1)]

    def rows(self, number: int) -> int:
        """How many frames of a call a result has: all, or one."""
        many = self.tape.rows
        return many if many > 1 and many in self.tensor(number).shape[:-1] else 1

    def shape(self, number: int) -> tuple[int, ...]:
        """Over one frame: (1, channels), but for states that hold those of several layers."""
        shape = self.tensor(number).shape
        is_frame = self.rows(number) > 1 or math.prod(shape[:-1]) == 1
        return (1, *(shape[-1:] or (1,))) if is_frame else shape

    def add(
        self,
        op: str,
        operator: Operator,
        inputs: Sequence[str],
        output: int | str | None = None,
        shape: tuple[int, ...] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        """A node; `output` is a tensor's number, by default the operator's first, or a name."""
        number = operator.outputs[0] if output is None else output
        name = self.name(number) if isinstance(number, int) else number
        if shape is None:
            shape = self.shape(number if isinstance(number, int) else operator.outputs[0])
        self.tape.shapes[name] = shape
        self.tape.nodes.append(Node(op, name, tuple(inputs), (name,), attributes or {}, operator.called))
        return name

    def copy(self, operator: Operator, name: str, output: int | None = None) -> None:
        self.add("Identity", operator, [name], output)


def numbered(tensor: Tensor) -> Array:
    """The places of a tensor's values, in its shape. ValueError for a large one."""
    if tensor.size > 1 << 22:
        raise ValueError(f"{tensor.name!r:.60}: {tensor.size:,} values, expected at most {1 << 22:,}")
    return np.arange(tensor.size).reshape(tensor.shape)


def select(scope: Scope, operator: Operator, source: int, places: Array, output: int | None = None) -> None:
    """A node for the values at `places` (of `numbered`) of `source`: some channels of every frame, or of the last. Of
    an earlier frame it is only said which."""
    tape, tensor = scope.tape, scope.tensor(source)
    number = operator.outputs[0] if output is None else output
    scope.know(number, places.shape)
    channels, width = places.reshape(-1), tensor.size
    if (many := scope.rows(source)) > 1:
        frames, channels, width = _by_frame(tensor.shape, many, places)
        if len(frames) == 1 and frames[0] < many - 1:
            tape.steps[scope.name(number)] = frames[0]
            return
        if len(frames) not in (1, many):
            raise ValueError("some of the frames of a call, expected all or the last")
    first, count = int(channels[0]) if channels.size else 0, channels.size
    if count == width and (channels == np.arange(width)).all():
        scope.copy(operator, scope.name(source), number)
        return
    ends: list[str] = []
    if count and (channels == np.arange(first, first + count)).all():
        ends = [tape.hold(f"={value}", np.array([value])) for value in (first, first + count, -1)]
    scope.add("Slice", operator, [scope.name(source), *ends], number, attributes={"places": channels.tolist()})


def _by_frame(shape: tuple[int, ...], many: int, places: Array) -> tuple[list[int], Array, int]:
    """(the frames that are taken, the channels of each, how many channels there are)"""
    if math.prod(shape) != many * shape[-1]:
        raise ValueError(f"shape {shape}, expected {many} frames of channels")
    found = np.unravel_index(places.reshape(-1), shape)
    frames, channels = found[shape[:-1].index(many)], found[-1]
    taken = list(dict.fromkeys(int(frame) for frame in frames))
    if not taken or frames.size % len(taken):
        raise ValueError("some of the frames of a call, expected all or the last")
    rows = channels.reshape(len(taken), -1)
    if (rows != rows[0]).any() or (frames.reshape(rows.shape) != np.array(taken)[:, None]).any():
        raise ValueError("values of several frames in another order, expected those of one after those of another")
    return taken, rows[0], shape[-1]
