"""Cycles of the kernels as they are compiled: `kernel_costs.json`, which names the command that made it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.resources import files

from edgelstm.records import Unavailable, from_json, load

_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Cost:
    """Cycles of a kernel set on a core, all data in its first-level cache."""

    core: str  # as in a board's description; on x86-64 the maker
    architecture: str
    kernel: str
    precision: str
    model: str  # of LLVM for this core or one like it; empty: instructions, each taken for a cycle
    inner_loop: float  # per multiply-accumulate, in the innermost loop alone
    mac: float  # per multiply-accumulate
    units: dict[str, float]  # kind of layer → per unit: its gates and its state
    feature: float
    step: float  # whatever the model

    def unit(self, kind: str) -> tuple[float, str]:
        """(cycles of a unit of such a layer, the kind they are of): of the dearest where its own are not known."""
        known = kind if kind in self.units else max(self.units, key=lambda one: self.units[one])
        return self.units[known], known


@dataclass(frozen=True)
class Costs:
    """The file."""

    command: str
    llvm: str
    compilers: dict[str, str]
    kinds: tuple[str, ...]  # of layers that the cycles were fitted over
    costs: tuple[Cost, ...]

    def find(self, core: str, architecture: str, kernel: str, precision: str) -> Cost | Unavailable:
        for cost in self.costs:
            if (cost.core, cost.architecture, cost.kernel, cost.precision) == (core, architecture, kernel, precision):
                return cost
        return Unavailable(f"no cycles at hand of the {kernel} kernels ({precision}) on {core}, {architecture}")


@functools.cache
def costs() -> Costs:
    file = files("edgelstm.devices.predict") / "kernel_costs.json"
    return from_json(Costs, load(file, _MOST_BYTES), str(file))
