"""Boards as data: one TOML file for each under `boards/`, with a source for every figure."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from edgelstm.devices.machine.detect import Board
from edgelstm.devices.record import Missing, from_json, near

_MOST_BYTES = 64 << 10
_ARCHITECTURES = ("aarch64", "armv7l", "armv6l")
_CACHES = ("L1i", "L1d", "L2", "L3")
_INSTRUCTION_SETS = ("vfp", "vfpv3", "vfpv4", "neon", "fp16", "dotprod", "i8mm")


@dataclass(frozen=True)
class CacheProfile:
    """A cache of each core, or one that all cores of the board share."""

    name: str  # L1i, L1d, L2 or L3
    kib: int
    shared: bool

    def __post_init__(self) -> None:
        _one_of("name", self.name, _CACHES)
        _within("kib", self.kib, 1, 1 << 20)


@dataclass(frozen=True)
class Bandwidth:
    """What one core moves to and from memory, in 10^6 bytes per second: the lowest and the highest result.

    `copy` counts each byte once, not as read and written.
    """

    copy: tuple[float, ...] | Missing
    fill: tuple[float, ...] | Missing
    read: tuple[float, ...] | Missing

    def __post_init__(self) -> None:
        for name in ("copy", "fill", "read"):
            results = getattr(self, name)
            if isinstance(results, Missing):
                continue
            if not 1 <= len(results) <= 2 or results != tuple(sorted(results)):
                raise ValueError(f"{name}: {list(results)}, expected one result, or the lowest and the highest")
            for result in results:
                _within(name, result, 1, 1e6)


@dataclass(frozen=True)
class CoreProfile:
    """Cores of one kind."""

    name: str  # as `edgelstm boards` finds it, such as Cortex-A53
    count: int
    max_mhz: float  # as shipped, without overclocking
    caches: tuple[CacheProfile, ...]
    instruction_sets: dict[str, tuple[str, ...]]  # by what Python runs as: aarch64, armv7l or armv6l
    bandwidth: Bandwidth
    compiler: str  # gcc's options for this core
    emulator: str | Missing  # qemu's name of this core, for -cpu

    def __post_init__(self) -> None:
        _text("name", self.name)
        _text("compiler", self.compiler)
        if isinstance(self.emulator, str):
            _text("emulator", self.emulator)
        _within("count", self.count, 1, 256)
        _within("max_mhz", self.max_mhz, 10, 10_000)
        _distinct("caches", [one.name for one in self.caches])
        if not self.instruction_sets:
            raise ValueError(f"instruction_sets: none, expected some of {', '.join(_ARCHITECTURES)}")
        for architecture, names in self.instruction_sets.items():
            _one_of("instruction_sets", architecture, _ARCHITECTURES)
            _distinct(f"instruction_sets.{architecture}", names)
            for name in names:
                _one_of(f"instruction_sets.{architecture}", name, _INSTRUCTION_SETS)

    @property
    def architectures(self) -> tuple[str, ...]:
        """What Python can run as on this core, 64-bit before 32-bit."""
        return tuple(one for one in _ARCHITECTURES if one in self.instruction_sets)

    def kernel(self, architecture: str) -> str:
        """The kernel set that the C core chooses on this core: `dotprod`, `neon` or `scalar`, as runtime/core does.

        ValueError for an architecture that the core cannot run.
        """
        _one_of("architecture", architecture, self.architectures)
        sets = self.instruction_sets[architecture]
        if architecture == "aarch64" and "dotprod" in sets:  # 32-bit builds have no dotprod kernels
            return "dotprod"
        return "neon" if "neon" in sets else "scalar"

    def cache(self, name: str) -> CacheProfile | None:
        """The cache of that name as a core of this kind sees it."""
        return next((one for one in self.caches if one.name == name), None)


@dataclass(frozen=True)
class Sources:
    """Where the figures come from, field by field; what is unsure says so."""

    identity: str  # soc, compatible and models
    memory: str
    cores: str  # names, counts and clocks
    caches: str
    instruction_sets: str
    bandwidth: str
    tools: str  # compiler and emulator

    def __post_init__(self) -> None:
        for name, text in vars(self).items():
            _text(name, text, most=400)


@dataclass(frozen=True)
class BoardProfile:
    """A kind of board, as it is sold."""

    id: str
    name: str
    soc: str
    compatible: tuple[str, ...]  # any of these in /proc/device-tree/compatible
    models: tuple[str, ...]  # beginnings of /proc/device-tree/model, or of `Model` in /proc/cpuinfo
    memory_mib: tuple[int, ...] | Missing  # the sizes on sale
    cores: tuple[CoreProfile, ...]
    sources: Sources

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.id) or len(self.id) > 40:
            raise ValueError(f"id: {self.id[:40]!r}, expected small letters, digits and single hyphens")
        _text("name", self.name)
        _text("soc", self.soc)
        for field in ("compatible", "models"):
            _distinct(field, getattr(self, field))
            for text in getattr(self, field):
                _text(field, text)
        if not self.compatible and not self.models:
            raise ValueError("compatible: none and no models either, expected one by which the board is known")
        if not isinstance(self.memory_mib, Missing):
            _distinct("memory_mib", self.memory_mib)
            for size in self.memory_mib:
                _within("memory_mib", size, 1, 1 << 20)
        if not self.cores:
            raise ValueError("cores: none, expected at least one kind")
        _distinct("cores", [kind.name for kind in self.cores])


@functools.cache
def boards() -> tuple[BoardProfile, ...]:
    """The known boards by id. ValueError, one line, names the file and the field that is wrong."""
    folder = files("edgelstm.devices") / "boards"
    return tuple(
        read_board(file) for file in sorted(folder.iterdir(), key=lambda f: f.name) if file.name.endswith(".toml")
    )


def board(name: str) -> BoardProfile:
    """The board whose id is `name`. ValueError for an unknown one, with the nearest."""
    for one in boards():
        if one.id == name:
            return one
    known = [one.id for one in boards()]
    raise ValueError(f"unknown board {name[:40]!r}{near(name, known)} (edgelstm boards lists them)")


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
    with file.open("rb") as opened:
        content = opened.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{file.name}: larger than {_MOST_BYTES} bytes, expected a board's description")
    try:
        value = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file.name}: no TOML ({' '.join(str(error).split())})") from None
    found = from_json(BoardProfile, value, file.name)
    if file.name != f"{found.id}.toml":
        raise ValueError(f"{file.name}: id: {found.id!r}, expected the file's name")
    return found


def _names(model: str, name: str) -> bool:
    """Whether a board's name begins with these words: `Raspberry Pi 4 Model B` is no `Raspberry Pi 4 Model B2`."""
    return name == model or name.startswith(f"{model} ")


def _within(field: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{field}: {value}, expected {least:g} to {most:g}")


def _one_of(field: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise ValueError(f"{field}: {value[:40]!r}, expected one of {', '.join(known)}")


def _text(field: str, value: str, most: int = 120) -> None:
    if not value.strip() or not value.isprintable() or len(value) > most:
        raise ValueError(f"{field}: {value[:40]!r}, expected one line of at most {most} letters")


def _distinct(field: str, values: Iterable[object]) -> None:
    listed = list(values)
    if len(set(listed)) < len(listed):
        raise ValueError(f"{field}: {listed}, expected each once")
