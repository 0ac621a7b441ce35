"""Cycles of the kernels as they are compiled: `kernel_costs.json`, which names the command that made it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.resources import files

from edgelstm.records import Unavailable, from_json, load

_MOST_BYTES = 1 << 20

COMPUTED_AS = {"bf16": "float32", "int4": "int8", "int16": "float32"}
"""Precisions whose cycles are taken for those of another one: its products are the same, or, of int16, slower."""


@dataclass(frozen=True)
class Cost:
    """Cycles of a kernel set on a core, all data in its first-level cache."""

    core: str  # as in a board's description; on x86-64 the maker
    architecture: str
    kernel: str
    precision: str
    model: str  # of LLVM for this core or one like it; empty: instructions, each taken for a cycle
    inner_loop: float  # per multiply-accumulate, in the innermost loop alone
    macs: dict[str, float]  # kind of layer → per multiply-accumulate
    units: dict[str, float]  # kind of layer → per unit: its gates and its state
    values: dict[str, float]  # kind of layer → per value of a result that no units have
    feature: float
    step: float  # whatever the model

    def mac(self, kind: str) -> float:
        """Cycles in such a layer; of the dearest kind where its own are not known."""
        return _or_dearest(self.macs, kind)

    def unit(self, kind: str) -> float:
        """Cycles in such a layer; of the dearest kind where its own are not known."""
        return _or_dearest(self.units, kind)

    def value(self, kind: str) -> float:
        """Cycles in such a layer; 0 where they are not known."""
        return self.values.get(kind, 0.0)

    def knows(self, kind: str) -> bool:
        return kind in self.units or kind in self.values


def _or_dearest(cycles: dict[str, float], kind: str) -> float:
    return cycles.get(kind, max(cycles.values()))


@dataclass(frozen=True)
class Costs:
    """The file."""

    command: str
    llvm: str
    compilers: dict[str, str]
    costs: tuple[Cost, ...]

    def find(self, core: str, architecture: str, kernel: str, precision: str) -> Cost | Unavailable:
        """Of a file's precision; of one whose weights become others on the way to the product, theirs."""
        of = COMPUTED_AS.get(precision, precision)
        for cost in self.costs:
            if (cost.core, cost.architecture, cost.kernel, cost.precision) == (core, architecture, kernel, of):
                return cost
        return Unavailable(f"no cycles at hand of the {kernel} kernels ({precision}) on {core}, {architecture}")


@functools.cache
def costs() -> Costs:
    file = files("edgelstm.devices.predict") / "kernel_costs.json"
    return from_json(Costs, load(file, _MOST_BYTES), str(file))
