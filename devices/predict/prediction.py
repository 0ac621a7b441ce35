"""What a frame would cost on a board that is not at hand: an estimate, never a measurement.

Operations and bytes come from the model's file, cycles from static analysis of the kernels as they were compiled,
clocks, caches and bandwidth from the board's description.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgelstm.devices.boards.profile import BoardProfile, CoreProfile
from edgelstm.devices.frames import noise
from edgelstm.devices.machine.detect import Board, detect
from edgelstm.devices.machine.sysfs import Tree
from edgelstm.devices.predict.costs import COMPUTED_AS, Cost, costs
from edgelstm.devices.predict.work import LayerWork, Work, work
from edgelstm.records import Unavailable, to_json
from edgelstm.runtime import Model
from edgelstm.runtime.answering import OWN_ANSWER, Asked

_CYCLES_OF_AN_ADDITION = 4
"""Of float64, each waiting for the one before: as long as the pipelines of most cores are."""

_MEASURED_FRAMES, _MEASURED_ROUNDS = 200, 50


@dataclass(frozen=True)
class Estimate:
    """Of one frame on one core, called from C, in microseconds: one at which every layer runs."""

    core: str
    mhz: float
    architecture: str
    kernel: str
    model: str  # LLVM's model of the core; empty where there is none
    products_us: float
    gates_us: float  # and all else that is computed
    memory_us: float  # reading what the caches do not hold
    frame_us: float  # their sum
    mean_us: float  # the same over all frames, where layers run every s-th one
    assumptions: tuple[str, ...]


@dataclass(frozen=True)
class Here:
    """The same method on this machine, and what is true: how far to trust it."""

    machine: str
    estimate: Estimate | Unavailable
    measured_us: float  # of one frame of many, one after another: from C, but for a share of one Python call


@dataclass(frozen=True)
class Prediction:
    board: str
    work: Work
    estimates: tuple[Estimate | Unavailable, ...]  # one for each kind of core
    here: Here

    def to_json(self) -> dict[str, object]:
        found: dict[str, object] = to_json(self)
        return {"kind": "prediction", "version": 2, **found}


def estimate(found: Work, board: BoardProfile) -> tuple[Estimate | Unavailable, ...]:
    """A frame of `found` on each kind of core of the board, run as the first of its architectures."""
    return tuple(_on_core(found, core) for core in board.cores)


def predict(path: Path, board: BoardProfile, asked: Asked = OWN_ANSWER) -> Prediction:
    """Estimate a frame of the model on each kind of core of the board, run as the first of its architectures, and
    measure it here, in a stream that answers as `asked`. ValueError for a file that is no `.elstm`, where no core's
    cycles are known, and for answers that the model cannot give."""
    found = work(path, asked)
    estimates = estimate(found, board)
    if all(isinstance(one, Unavailable) for one in estimates):
        raise ValueError(f"{board.id}: {'; '.join(one.reason for one in estimates if isinstance(one, Unavailable))}")
    return Prediction(board.name, found, estimates, _here(path, found, asked))


def _on_core(found: Work, core: CoreProfile) -> Estimate | Unavailable:
    architecture = core.architectures[0]
    known = _costs(found, core.name, architecture, core.kernel(architecture))
    if isinstance(known, Unavailable):
        return known
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
    return _estimate(found, known, core.max_mhz, memory_us, where)


def _costs(found: Work, core: str, architecture: str, kernel: str) -> dict[str, Cost] | Unavailable:
    """Of each precision that the file's layers have, and its own."""
    known: dict[str, Cost] = {}
    for precision in (found.precision, *(layer.precision for layer in found.layers)):
        cost = costs().find(core, architecture, kernel, precision)
        if isinstance(cost, Unavailable):
            return cost
        known[precision] = cost
    return known


def _as_others(found: Work) -> list[str]:
    """Where cycles are those of another precision."""
    notes = []
    for precision in dict.fromkeys((found.precision, *(layer.precision for layer in found.layers))):
        if precision == "int16":
            names = ", ".join(layer.name for layer in found.layers if layer.precision == precision)
            notes.append(f"weights of 16 bits ({names}): cycles of float32, whose products take longer")
        elif (other := COMPUTED_AS.get(precision)) is not None:
            notes.append(f"{precision} weights: cycles of {other}; making these of them is taken to cost nothing")
    return notes


def _estimate(found: Work, known: Mapping[str, Cost], mhz: float, memory_us: float, where: str) -> Estimate:
    """known: by precision."""
    cost = known[found.precision]
    parts = [
        (layer, _products(layer, known[layer.precision]) / mhz, _others(layer, known[layer.precision]) / mhz)
        for layer in found.layers
    ]
    products_us, gates_us = sum(us for _, us, _ in parts), sum(us for _, _, us in parts)
    always_us = (cost.feature * found.features + cost.step) / mhz
    adding_us = _CYCLES_OF_AN_ADDITION * found.additions / mhz
    read = found.bytes and memory_us / found.bytes
    return Estimate(
        core=cost.core,
        mhz=mhz,
        architecture=cost.architecture,
        kernel=cost.kernel,
        model=cost.model,
        products_us=products_us,
        gates_us=gates_us + always_us + adding_us,
        memory_us=memory_us,
        frame_us=products_us + gates_us + always_us + adding_us + memory_us,
        mean_us=always_us
        + _CYCLES_OF_AN_ADDITION * found.mean_additions / mhz
        + read * found.state_bytes
        + sum((products + gates + read * layer.bytes) / layer.stride for layer, products, gates in parts),
        assumptions=(
            f"cycles: {_source(cost)}",
            *_as_others(found),
            f"memory: {where}",
            f"clock: {mhz:,.0f} MHz all the time, nothing else runs",
            *_rough(found, known),
            *_added(found),
        ),
    )


def _products(layer: LayerWork, cost: Cost) -> float:
    """Cycles."""
    return cost.mac(layer.kind) * layer.macs


def _others(layer: LayerWork, cost: Cost) -> float:
    """Cycles of all but the products."""
    return cost.unit(layer.kind) * layer.units + cost.value(layer.kind) * layer.values


def _source(cost: Cost) -> str:
    if not cost.model:
        return "no model of this core: each instruction taken for one cycle, so it is at least this"
    if cost.core.lower() == cost.model:
        return f"LLVM's model of {cost.model}"
    return f"LLVM's model of {cost.model}, which stands in for {cost.core}"


def _rough(found: Work, known: Mapping[str, Cost]) -> list[str]:
    """Kinds of layers whose cycles are not known on this core."""
    kinds = dict.fromkeys(layer.kind for layer in found.layers if not known[layer.precision].knows(layer.kind))
    return [f"{kind}: rough, counted as the dearest kind that is known" for kind in kinds]


def _added(found: Work) -> list[str]:
    """What a mean of scores costs, where it is more than a trifle."""
    if found.additions <= 2 * found.layers[-1].outputs:  # to the sum; from it to the answer
        return []
    return [f"the mean of scores: {found.additions:,} additions at most, {_CYCLES_OF_AN_ADDITION} cycles each"]


def _here(path: Path, found: Work, asked: Asked) -> Here:
    machine, model = detect(), Model(path, chunks=False)  # one after another, as they are estimated
    return Here(machine.name, _on_this(machine, found, model.kernel), _measure(model, asked))


def _on_this(machine: Board, found: Work, kernel: str) -> Estimate | Unavailable:
    kind = machine.cores[0]
    if isinstance(kind.name, Unavailable):
        return kind.name
    makers = [maker for maker in ("AMD", "Intel") if maker in kind.name]
    known = _costs(found, makers[0] if makers else kind.name, machine.architecture, kernel)
    if isinstance(known, Unavailable):
        return known
    clock = _clock_now() if isinstance(kind.max_mhz, Unavailable) else kind.max_mhz
    if isinstance(clock, Unavailable):
        return Unavailable(f"this machine's clock is not known: {clock.reason}")
    return _estimate(found, known, clock, 0.0, f"reading {found.bytes:,} bytes costs nothing")


def _clock_now() -> float | Unavailable:
    """MHz, where no highest clock is told: a virtual machine may see but this."""
    text = Tree().text("/proc/cpuinfo")
    if isinstance(text, Unavailable):
        return text
    match = re.search(r"^cpu MHz\s*:\s*([0-9.]+)", text, re.MULTILINE)
    return float(match[1]) if match else Unavailable("no cpufreq, and /proc/cpuinfo has no cpu MHz")


def _measure(model: Model, asked: Asked) -> float:
    """µs of a frame, the mean of many, the least of some rounds."""
    frames = noise(model, -(-_MEASURED_FRAMES // model.stride) * model.stride)
    stream, best = model.stream(pooling=asked.pooling, window=asked.window, hop=asked.hop), float("inf")
    for _ in range(_MEASURED_ROUNDS):
        start = time.perf_counter_ns()
        stream.push(frames)
        best = min(best, (time.perf_counter_ns() - start) / 1e3 / len(frames))
    return best
