"""An LSTM's cell in TFLite's primitive operators; h and c go in and come out.

x, h → FULLY_CONNECTED each → ADD → SPLIT → LOGISTIC i, f, o; TANH g
f·c + i·g → c_out;  o · TANH(c_out) → h_out
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from edgelstm.export.tflite.graph import Field, Op, Operator, Tensor


class Cell(ABC):
    """Writes the operators of layer `n`; what its weights and values are made of is for a form to say."""

    version = 1  # of the operators on values

    def __init__(self, n: int, units: int):
        self.n, self.units = n, units
        self.operators: list[Operator] = []
        self.states: list[tuple[Tensor, Tensor | None]] = []

    @abstractmethod
    def value(self, name: str, quantity: str, width: int) -> Tensor:
        """A new tensor (1, width). `quantity` says what it holds: h, c, zx, zh, z, fc, ig, sigmoid or tanh."""

    @abstractmethod
    def products(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """W·x + b and R·h, (1, 4 · units) each."""

    def write(self, x: Tensor) -> list[Operator]:
        """x (1, inputs) → the operators, the last of which gives h (1, units)."""
        none = Field(0, "int8", 0)  # no activation
        h, c = self.new("h", "h"), self.new("c", "c")
        z = self.new("z", "z", 4)
        self.add(Op.ADD, self.products(x, h), z, none)
        parts = tuple(self.new(f"z_{gate}", "z") for gate in "ifgo")
        axis = Tensor.constant(f"lstm{self.n}_axis", np.array(1, np.int32))
        self.operators.append(Operator(Op.SPLIT, (axis, z), parts, self.version, (Field(0, "int32", 4),)))
        i, f, o = (
            self.add(Op.LOGISTIC, (part,), self.new(gate, "sigmoid"))
            for gate, part in zip("ifo", (*parts[:2], parts[3]))
        )
        g = self.add(Op.TANH, (parts[2],), self.new("g", "tanh"))
        kept = self.add(Op.MUL, (f, c), self.new("fc", "fc"), none)
        written = self.add(Op.MUL, (i, g), self.new("ig", "ig"), none)
        c_out = self.add(Op.ADD, (kept, written), self.new("c", "c", out=True), none)
        squashed = self.add(Op.TANH, (c_out,), self.new("tanh_c", "tanh"))
        h_out = self.add(Op.MUL, (o, squashed), self.new("h", "h", out=True), none)
        self.states += [(h, h_out), (c, c_out)]
        return self.operators

    def new(self, name: str, quantity: str, gates: int = 1, out: bool = False) -> Tensor:
        """h0, c0 and h0_out, c0_out are what callers see; all else is lstm0_NAME."""
        full = f"{name}{self.n}" if name in "hc" else f"lstm{self.n}_{name}"
        return self.value(f"{full}_out" if out else full, quantity, gates * self.units)

    def add(self, op: Op, inputs: tuple[Tensor, ...], output: Tensor, *options: Field) -> Tensor:
        self.operators.append(Operator(op, inputs, (output,), self.version, options))
        return output
