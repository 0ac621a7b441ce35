"""Boards as data: one TOML file for each under `boards/`, with a source for every figure."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Literal, get_args

from edgelstm.devices.machine.detect import Board
from edgelstm.hints import nearest
from edgelstm.records import Bounds, Distinct, Length, Line, Pattern, Unavailable, from_json, load

_MOST_BYTES = 64 << 10

Architecture = Literal["aarch64", "armv7l", "armv6l"]
"""What Python runs as."""
InstructionSet = Literal["vfp", "vfpv3", "vfpv4", "neon", "fp16", "dotprod", "i8mm"]
Text = Annotated[str, Line()]
Texts = Annotated[tuple[Text, ...], Distinct()]
Source = Annotated[str, Line(400)]
Results = Annotated[tuple[Annotated[float, Bounds(1, 1e6)], ...], Length(1, 2)]
"""One result, or the lowest and the highest."""


@dataclass(frozen=True)
class CacheProfile:
    """A cache of each core, or one that all cores of the board share."""

    name: Literal["L1i", "L1d", "L2", "L3"]
    kib: Annotated[int, Bounds(1, 1 << 20)]
    shared: bool


@dataclass(frozen=True)
class Bandwidth:
    """What one core moves to and from memory, in 10^6 bytes per second: the lowest and the highest result.

    `copy` counts each byte once, not as read and written.
    """

    copy: Results | Unavailable
    fill: Results | Unavailable
    read: Results | Unavailable

    def __post_init__(self) -> None:
        for name, results in vars(self).items():
            if not isinstance(results, Unavailable) and list(results) != sorted(results):
                raise ValueError(f"{name}: {list(results)}, expected one result, or the lowest and the highest")


@dataclass(frozen=True)
class CoreProfile:
    """Cores of one kind."""

    name: Text  # as `edgelstm boards` finds it, such as Cortex-A53
    count: Annotated[int, Bounds(1, 256)]
    max_mhz: Annotated[float, Bounds(10, 10_000)]  # as shipped, without overclocking
    caches: tuple[CacheProfile, ...]
    instruction_sets: Annotated[
        dict[Architecture, Annotated[tuple[InstructionSet, ...], Distinct()]], Length(least=1)
    ]
    bandwidth: Bandwidth
    compiler: Text  # gcc's options for this core
    emulator: Text | Unavailable  # qemu's name of this core, for -cpu

    def __post_init__(self) -> None:
        _refuse_twice("caches", [one.name for one in self.caches])

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """What Python can run as on this core, 64-bit before 32-bit."""
        return tuple(one for one in get_args(Architecture) if one in self.instruction_sets)

    def kernel(self, architecture: str) -> str:
        """The kernel set that the C core chooses on this core: `dotprod`, `neon` or `scalar`, as runtime/core does.

        ValueError for an architecture that the core cannot run.
        """
        sets = {str(name): found for name, found in self.instruction_sets.items()}.get(architecture)
        if sets is None:
            raise ValueError(f"architecture: {architecture[:40]!r}, expected one of {', '.join(self.architectures)}")
        if architecture == "aarch64" and "dotprod" in sets:  # 32-bit builds have no dotprod kernels
            return "dotprod"
        return "neon" if "neon" in sets else "scalar"

    def cache(self, name: str) -> CacheProfile | None:
        """The cache of that name as a core of this kind sees it."""
        return next((one for one in self.caches if one.name == name), None)


@dataclass(frozen=True)
class Sources:
    """Where the figures come from, field by field; what is unsure says so."""

    identity: Source  # soc, compatible and models
    memory: Source
    cores: Source  # names, counts and clocks
    caches: Source
    instruction_sets: Source
    bandwidth: Source
    tools: Source  # compiler and emulator


@dataclass(frozen=True)
class BoardProfile:
    """A kind of board, as it is sold."""

    id: Annotated[str, Length(1, 40), Pattern("[a-z0-9]+(-[a-z0-9]+)*", "small letters, digits and single hyphens")]
    name: Text
    soc: Text
    compatible: Texts  # any of these in /proc/device-tree/compatible
    models: Texts  # beginnings of /proc/device-tree/model, or of `Model` in /proc/cpuinfo
    memory_mib: Annotated[tuple[Annotated[int, Bounds(1, 1 << 20)], ...], Distinct()] | Unavailable  # sizes on sale
    cores: Annotated[tuple[CoreProfile, ...], Length(least=1)]
    sources: Sources

    def __post_init__(self) -> None:
        if not self.compatible and not self.models:
            raise ValueError("compatible: none and no models either, expected one by which the board is known")
        _refuse_twice("cores", [kind.name for kind in self.cores])


@functools.cache
def boards() -> tuple[BoardProfile, ...]:
    """The known boards by id. ValueError, one line, names the file and the field that is wrong."""
    folder = files("edgelstm.devices") / "boards"
    return tuple(
        read_board(file) for file in sorted(folder.iterdir(), key=lambda f: f.name) if file.name.endswith(".toml")
    )


def board(name: str) -> BoardProfile:
    """The board whose id is `name`. ValueError for an unknown one, with the nearest."""
    known = {one.id: one for one in boards()}
    if name not in known:
        found = nearest(name, known)
        expected = f"perhaps {found!r}" if found else "expected one that edgelstm boards lists"
        raise ValueError(f"unknown board {name[:40]!r}, {expected}")
    return known[name]


def match(detected: Board) -> BoardProfile | None:
    """What is known of this machine's kind: by its device tree, the most precise name first, else by its model."""
    for compatible in detected.compatible:
        for one in boards():
            if compatible in one.compatible:
                return one
    if detected.known_by not in ("device tree", "/proc/cpuinfo"):
        return None
    named = [(len(model), one) for one in boards() for model in one.models if _names(model, detected.name)]
    return max(named, key=lambda pair: pair[0])[1] if named else None


def read_board(file: Traversable) -> BoardProfile:
    """A board's file, whose name is its id. ValueError, one line, names the file and the field."""
    found = from_json(BoardProfile, load(file, _MOST_BYTES), str(file))
    if file.name != f"{found.id}.toml":
        raise ValueError(f"{file}: id: {found.id!r}, expected the file's name")
    return found


def _names(model: str, name: str) -> bool:
    """Whether a board's name begins with these words: `Raspberry Pi 4 Model B` is no `Raspberry Pi 4 Model B2`."""
    return name == model or name.startswith(f"{model} ")


def _refuse_twice(field: str, names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"{field}: {', '.join(names)}, expected each once")
