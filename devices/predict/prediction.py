"""What a frame would cost on a board that is not at hand: an estimate, never a measurement.

Operations and bytes come from the model's file, cycles from static analysis of the kernels as they were compiled
(kernel_costs.json, which names the command that made it), clocks, caches and bandwidth from the board's description.
"""

from __future__ import annotations

import functools
import re
import time
from ctypes import byref
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from edgelstm.devices.boards.profile import BoardProfile, CoreProfile
from edgelstm.devices.machine.detect import Board, detect
from edgelstm.devices.machine.sysfs import Tree
from edgelstm.records import Unavailable, from_json, load, to_json
from edgelstm.runtime import Model
from edgelstm.runtime.engines import library

_MOST_BYTES = 1 << 20
_MEASURED_FRAMES, _MEASURED_ROUNDS = 200, 50


@dataclass(frozen=True)
class Layer:
    """What a layer does with a frame, counted as the kernels work: rows in groups of 16, int8 columns in eights."""

    kind: str  # LSTM or dense
    inputs: int
    outputs: int
    macs: int  # multiply-accumulates
    bytes: int  # that are read: weights and what belongs to their rows


@dataclass(frozen=True)
class Work:
    """What a model does with a frame."""

    file: str
    precision: str
    features: int
    layers: tuple[Layer, ...]
    stream_bytes: int

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def bytes(self) -> int:
        return sum(layer.bytes for layer in self.layers) + self.stream_bytes

    @property
    def units(self) -> int:
        """Gates are worked on 16 units at a time."""
        return sum(_up(layer.outputs, 16) for layer in self.layers if layer.kind == "LSTM")


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
    unit: float  # per unit of an LSTM layer: gates and cell
    feature: float
    step: float  # whatever the model


@dataclass(frozen=True)
class Costs:
    """kernel_costs.json"""

    command: str
    llvm: str
    compilers: dict[str, str]
    costs: tuple[Cost, ...]

    def find(self, core: str, architecture: str, kernel: str, precision: str) -> Cost | Unavailable:
        for cost in self.costs:
            if (cost.core, cost.architecture, cost.kernel, cost.precision) == (core, architecture, kernel, precision):
                return cost
        return Unavailable(f"no cycles at hand of the {kernel} kernels ({precision}) on {core}, {architecture}")


@dataclass(frozen=True)
class Estimate:
    """Of one frame on one core, called from C, in microseconds."""

    core: str
    mhz: float
    architecture: str
    kernel: str
    model: str  # LLVM's model of the core; empty where there is none
    products_us: float
    gates_us: float  # and all else that is computed
    memory_us: float  # reading what the caches do not hold
    frame_us: float  # their sum
    assumptions: tuple[str, ...]


@dataclass(frozen=True)
class Here:
    """The same method on this machine, and what is true: how far to trust it."""

    machine: str
    estimate: Estimate | Unavailable
    measured_us: float  # of one frame in a long push: from C, but for a share of one Python call


@dataclass(frozen=True)
class Prediction:
    board: str
    work: Work
    estimates: tuple[Estimate | Unavailable, ...]  # one for each kind of core
    here: Here

    def to_json(self) -> dict[str, object]:
        found: dict[str, object] = to_json(self)
        return {"kind": "prediction", "version": 1, **found}


def work(path: Path) -> Work:
    """Operations and bytes of an `.elstm` file, layer by layer. ValueError for another file."""
    if path.suffix != ".elstm":
        path.open("rb").close()
        raise ValueError(f"{path}: a prediction needs an .elstm file: it counts what EdgeLSTM's own kernels do")
    model = Model(path)  # checks every field
    layers = tuple(_layer(model, n) for n in range(len(model.layers)))
    return Work(path.name, model.precision, model.features, layers, model.stream_bytes)


def _layer(model: Model, index: int) -> Layer:
    info = library.LayerInfo()
    library.check(library.library().el_model_layer(model.handle, index, byref(info)))
    kind, pad = info.kind.decode(), 8 if model.precision == "int8" else 1
    gates = {"lstm": 4, "gru": 3}.get(kind, 1)
    if gates > 1:
        columns = _up(info.inputs, pad) + _up(info.channels, pad)
    else:
        columns = _up(info.macs // (info.rows * info.channels), pad)
    macs = gates * _up(info.channels, 16) * columns * info.rows
    return Layer("LSTM" if kind == "lstm" else kind, info.inputs, info.channels, macs, info.weights_size)


@functools.cache
def costs() -> Costs:
    file = files("edgelstm.devices.predict") / "kernel_costs.json"
    return from_json(Costs, load(file, _MOST_BYTES), file.name)


def predict(path: Path, board: BoardProfile) -> Prediction:
    """Estimate a frame of the model on each kind of core of the board, run as the first of its architectures, and
    measure it here. ValueError for a file that is no `.elstm`, or where no core's cycles are known."""
    found = work(path)
    estimates = tuple(_on_core(found, core) for core in board.cores)
    if all(isinstance(one, Unavailable) for one in estimates):
        raise ValueError(f"{board.id}: {'; '.join(one.reason for one in estimates if isinstance(one, Unavailable))}")
    return Prediction(board.name, found, estimates, _here(path, found))


def _on_core(found: Work, core: CoreProfile) -> Estimate | Unavailable:
    architecture = core.architectures[0]
    cost = costs().find(core.name, architecture, core.kernel(architecture), found.precision)
    if isinstance(cost, Unavailable):
        return cost
    data = [cache for cache in core.caches if cache.name != "L1i"]
    holds = [cache.name for cache in data if found.bytes <= cache.kib << 10]
    bandwidth = core.bandwidth.copy if isinstance(core.bandwidth.read, Unavailable) else core.bandwidth.read
    memory_us = 0.0
    if holds:
        where = f"{found.bytes:,} bytes fit into {holds[0]}, reading which is taken to cost nothing"
    elif isinstance(bandwidth, Unavailable):
        where = f"{found.bytes:,} bytes do not fit into {data[-1].name}; what reading them costs is not known"
    else:
        memory_us = found.bytes / bandwidth[0]
        where = f"{found.bytes:,} bytes a frame at {bandwidth[0]:,.0f} MB/s, nothing computed meanwhile"
    return _estimate(found, cost, core.max_mhz, memory_us, where)


def _estimate(found: Work, cost: Cost, mhz: float, memory_us: float, where: str) -> Estimate:
    products_us = cost.mac * found.macs / mhz
    gates_us = (cost.unit * found.units + cost.feature * found.features + cost.step) / mhz
    if not cost.model:
        source = "no model of this core: each instruction taken for one cycle, so it is at least this"
    elif cost.core.lower() == cost.model:
        source = f"LLVM's model of {cost.model}"
    else:
        source = f"LLVM's model of {cost.model}, which stands in for {cost.core}"
    return Estimate(
        core=cost.core,
        mhz=mhz,
        architecture=cost.architecture,
        kernel=cost.kernel,
        model=cost.model,
        products_us=products_us,
        gates_us=gates_us,
        memory_us=memory_us,
        frame_us=products_us + gates_us + memory_us,
        assumptions=(
            f"cycles: {source}",
            f"memory: {where}",
            f"clock: {mhz:,.0f} MHz all the time, nothing else runs",
        ),
    )


def _here(path: Path, found: Work) -> Here:
    machine, model = detect(), Model(path)
    return Here(machine.name, _on_this(machine, found, model.kernel), _measure(model))


def _on_this(machine: Board, found: Work, kernel: str) -> Estimate | Unavailable:
    kind = machine.cores[0]
    if isinstance(kind.name, Unavailable):
        return kind.name
    makers = [maker for maker in ("AMD", "Intel") if maker in kind.name]
    cost = costs().find(makers[0] if makers else kind.name, machine.architecture, kernel, found.precision)
    if isinstance(cost, Unavailable):
        return cost
    clock = _clock_now() if isinstance(kind.max_mhz, Unavailable) else kind.max_mhz
    if isinstance(clock, Unavailable):
        return Unavailable(f"this machine's clock is not known: {clock.reason}")
    return _estimate(found, cost, clock, 0.0, f"reading {found.bytes:,} bytes costs nothing")


def _clock_now() -> float | Unavailable:
    """MHz, where no highest clock is told: a virtual machine may see but this."""
    text = Tree().text("/proc/cpuinfo")
    if isinstance(text, Unavailable):
        return text
    match = re.search(r"^cpu MHz\s*:\s*([0-9.]+)", text, re.MULTILINE)
    return float(match[1]) if match else Unavailable("no cpufreq, and /proc/cpuinfo has no cpu MHz")


def _measure(model: Model) -> float:
    """µs of a frame, the least of some rounds."""
    frames = np.random.default_rng(1).normal(size=(_MEASURED_FRAMES, model.features)).astype(np.float32)
    stream, best = model.stream(), float("inf")
    for _ in range(_MEASURED_ROUNDS):
        start = time.perf_counter_ns()
        stream.push(frames)
        best = min(best, (time.perf_counter_ns() - start) / 1e3 / len(frames))
    return best


def _up(value: int, to: int) -> int:
    return -(-value // to) * to
