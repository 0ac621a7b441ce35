"""Recurrent layers in TFLite's primitive operators; their states go in and come out.

Where a call has several runs of a layer, x meets its weights once for all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from edgelstm.export.tflite.graph import Operator, Tensor
from edgelstm.export.tflite.schema import ACTIVATION, Op
from edgelstm.export.tflite.writer import Writer, each_run, joined
from edgelstm.road import Placed

_ALL = slice(None)

Weights = tuple[Tensor, Tensor, int, dict[str, bool]]
"""A matrix, its bias, and the version and options of FULLY_CONNECTED that they need."""


class Cell(ABC):
    """Writes the operators of a layer; what its weights and values are made of is for a form to say."""

    version = 1  # of the operators on values

    def __init__(self, writer: Writer, at: Placed, units: int):
        self.writer, self.name, self.units = writer, at.name, units
        self.parts = {part.letter: name for name, part in at.parts}
        self.suffix = ""
        self._weights: dict[str, Weights] = {}

    @abstractmethod
    def value(self, name: str, quantity: str, shape: tuple[int, int]) -> Tensor:
        """A new tensor. `quantity` says what it holds: h, c, sigmoid, tanh, or a name that
        the kind's `inside` in `edgelstm.export.arithmetic` has."""

    @abstractmethod
    def weights(self, name: str, matrix: str, part: slice) -> Weights:
        """Rows `part` of W or R with their bias; constants are called `name`_W and `name`_b."""

    def new(self, name: str, quantity: str, width: int = 1, runs: int = 1) -> Tensor:
        """A tensor (runs, width · units), called by the layer's name and `name`."""
        return self.value(f"{self.name}_{name}{self.suffix}", quantity, (runs, width * self.units))

    def state(self, letter: str) -> Tensor:
        """A part of the state as it comes in."""
        return self.value(self.parts[letter], letter, (1, self.units))

    def state_out(self, letter: str) -> Tensor:
        return self.value(f"{self.parts[letter]}_out{self.suffix}", letter, (1, self.units))

    def add(self, op: Op, inputs: tuple[Tensor, ...], y: Tensor, **options: float) -> Tensor:
        return self.writer.add(op, inputs, y, version=self.version, **options)

    def combined(self, op: Op, one: Tensor, other: Tensor, y: Tensor) -> Tensor:
        """ADD, SUB or MUL."""
        return self.add(op, (one, other), y, FusedActivationFunction=ACTIVATION["linear"])

    def product(self, name: str, x: Tensor, matrix: str, width: int, part: slice = _ALL) -> Tensor:
        """x (runs, values) → (runs, width · units); the value's quantity is its name."""
        if name not in self._weights:
            self._weights[name] = self.weights(f"{self.name}_{name}", matrix, part)
        W, b, version, options = self._weights[name]
        y = self.new(name, name, width, x.shape[0])
        return self.writer.add(Op.FULLY_CONNECTED, (x, W, b), y, version=version, **options)

    def split(self, x: Tensor, names: list[str], quantity: str) -> tuple[Tensor, ...]:
        """Equal parts of the columns."""
        parts = tuple(self.new(name, quantity) for name in names)
        axis = Tensor.constant(f"{self.name}_axis", np.array(1, np.int32))
        options = {"NumSplits": len(names)}
        self.writer.operators.append(Operator(Op.SPLIT, (axis, x), parts, self.version, options))
        return parts

    def each_run(
        self, zx: Tensor, width: int, step: Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, ...]]
    ) -> Tensor:
        """`step(zx of one run, states)` gives the new states, of which the first is the layer's result."""
        parts = each_run(self.writer, zx, lambda name: self.value(name, "zx", (1, width * self.units)))
        before = states = tuple(self.state(letter) for letter in self.parts)
        results = []
        for run, part in enumerate(parts):
            # The last run's names are those that a file has that takes one frame per call.
            self.suffix = "" if run == len(parts) - 1 else f"/{run}"
            states = step(part, states)
            results.append(states[0])
        self.writer.states += zip(before, states, strict=True)
        if len(results) == 1:
            return results[0]
        return joined(self.writer, results, self.new("runs", "h", runs=len(results)))
