"""What layers with gates have in common: their weights, functions of their gates, states to begin with, and rows
within a frame.

A layer whose weights are as wide as its source has channels takes the source's rows one after another, and gives a
row for each; any other takes rows side by side, in one run. With `carry` false it begins every frame anew: for
models that were made for windows, not for streams.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from edgelstm.layers.functions import Candidate, Gate
from edgelstm.layers.layer import (
    Float32,
    Floats,
    Layer,
    Part,
    Run,
    Shape,
    States,
    check_choice,
    check_width,
    check_yes_no,
    checked_array,
    folded,
)


@dataclass(frozen=True, eq=False)
class Recurrence(Layer):
    recurrent = True
    options = ("gate", "candidate", "carry")
    letters: ClassVar[tuple[str, ...]]  # of the parts of its state, (units,) each; the first is its result

    W: Float32  # (G·H, I) input weights: of G gates, H units and I inputs
    R: Float32  # (G·H, H) recurrent weights
    b: Float32  # (G·H,) one bias; formats with two get this one and zeros
    gate: Gate = field(default="sigmoid", kw_only=True)
    candidate: Candidate = field(default="tanh", kw_only=True)
    carry: bool = field(default=True, kw_only=True)  # whether its state lasts from frame to frame

    def __post_init__(self) -> None:
        owner, count = type(self).__name__, len(self.gates)
        object.__setattr__(self, "b", checked_array(owner, "b", self.b, (None,)))
        rows = self.b.size
        if rows % count:
            gates = ", ".join(self.gates)
            raise ValueError(f"{owner}.b: {rows} values, expected a multiple of {count} (gates {gates})")
        object.__setattr__(self, "W", checked_array(owner, "W", self.W, (rows, None)))
        object.__setattr__(self, "R", checked_array(owner, "R", self.R, (rows, rows // count)))
        check_choice(owner, "gate", self.gate, Gate)
        check_choice(owner, "candidate", self.candidate, Candidate)
        check_yes_no(owner, "carry", self.carry)
        for name in self.own_arrays:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, checked_array(owner, name, getattr(self, name), (self.units,)))

    @property
    def inputs(self) -> int:
        return int(self.W.shape[1])

    @property
    def units(self) -> int:
        return int(self.R.shape[1])

    @property
    def columns(self) -> int:
        """x and h."""
        return self.inputs + self.units

    @property
    def back_bias(self) -> Float32:
        """(G·H,) what the products with R begin with."""
        return np.zeros_like(self.b)

    @property
    def matrices(self) -> tuple[str, ...]:
        return "W", "R"

    def macs(self, source: Shape) -> int:
        return int(self.W.size + self.R.size) * self.runs(source)

    def description(self, source: Shape) -> dict[str, Any]:
        found = super().description(source)
        return found | {"carry": int(self.carry)} if "carry" in found else found

    def scaled_in(self, factor: Floats, offset: Floats) -> Layer | None:
        return folded(self, factor, offset) if self.inputs == factor.size else None

    @abstractmethod
    def run(self, x: Floats, state: tuple[Floats, ...]) -> tuple[Floats, ...]:
        """x (T, B, inputs) from `state`, (B, units) for each letter → the states (T, B, units) after each row."""

    def runs(self, source: Shape) -> int:
        """How many rows it takes one after another in a frame."""
        return source.rows if self.inputs == source.channels else 1

    def extras(self, source: Shape) -> tuple[str, ...]:
        return super().extras(source) + (("rows",) if self.runs(source) > 1 else ())

    def result(self, source: Shape) -> Shape:
        if self.inputs != source.channels:
            check_width(type(self).__name__, self.inputs, source)
        return Shape(self.runs(source), self.units)

    def parts(self, source: Shape) -> tuple[Part, ...]:  # noqa: ARG002 - of its own size
        return tuple(Part(letter, (self.units,)) for letter in self.letters) if self.carry else ()

    def keeps_result(self, source: Shape) -> bool:
        return self.carry and self.runs(source) == 1

    def initial(self, batch: int, dtype: np.dtype[np.floating]) -> tuple[Floats, ...]:
        """The state after a reset, (batch, units) for each letter."""
        given: list[Float32 | None] = [getattr(self, f"{letter}0", None) for letter in self.letters]
        zeros = np.zeros(self.units, np.float32)
        return tuple(np.tile((zeros if row is None else row).astype(dtype), (batch, 1)) for row in given)

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:
        frames, batch, _ = x.shape
        runs = self.runs(source)
        rows = x.reshape(frames, batch, runs, self.inputs)
        if not self.carry:
            each = rows.transpose(2, 0, 1, 3).reshape(runs, frames * batch, self.inputs)
            y = self.run(each, self.initial(frames * batch, x.dtype))[0].reshape(runs, frames, batch, self.units)
            return Run(y.transpose(1, 2, 0, 3).reshape(frames, batch, runs * self.units))
        begin = self.initial(batch, x.dtype) if state is None else tuple(state[letter] for letter in self.letters)
        line = rows.transpose(0, 2, 1, 3).reshape(frames * runs, batch, self.inputs)
        found = self.run(line, begin)
        y = found[0].reshape(frames, runs, batch, self.units).transpose(0, 2, 1, 3)
        states = {letter: values[runs - 1 :: runs] for letter, values in zip(self.letters, found)}
        return Run(y.reshape(frames, batch, runs * self.units), states)
