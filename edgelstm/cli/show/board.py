"""Boards as text: this machine, a table of those that are known, or one of them with its sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgelstm.cli.show.text import table
from edgelstm.devices.units import NONE, show_size
from edgelstm.records import Unavailable

if TYPE_CHECKING:
    from edgelstm.devices import Board, Conditions
    from edgelstm.devices.boards.profile import BoardProfile, CoreProfile


def describe(board: Board) -> list[tuple[str, str]]:
    """(name, value) lines for people."""
    lines = [
        ("this board", f"{board.name} (from {board.known_by})"),
        ("system", f"{known(board.system)}, {board.kernel}, {_architecture(board)}, Python {board.python}"),
        ("cores", f"{cores(board)}; {board.usable_cores} for this process"),
        ("memory", memory(board)),
        ("caches", _listed(board.caches if not isinstance(board.caches, tuple) else _caches(board))),
        ("instructions", _listed(board.instruction_sets)),
    ]
    if board.virtual is True:
        lines.append(("virtual", "yes: times are those of the host beneath as well"))
    if board.emulated is True:
        lines.append(("emulated", "yes: times mean nothing"))
    return lines


def cores(board: Board) -> str:
    """Such as `4 × Cortex-A76 2400 MHz + 4 × Cortex-A55 1800 MHz`."""
    return " + ".join(
        f"{kind.count} × {known(kind.name)}{f' {kind.max_mhz:.0f} MHz' if isinstance(kind.max_mhz, float) else ''}"
        for kind in board.cores
    )


def moment(conditions: Conditions) -> str:
    """Clock, temperature and throttling in one line."""
    clock, heat, throttling = conditions.clock_mhz, conditions.temperature_c, conditions.throttling
    parts = [
        f"{max(clock.values()):.0f} MHz ({known(conditions.governor)})"
        if isinstance(clock, dict)
        else "clock unknown",
        f"{max(heat.values()):.1f} °C" if isinstance(heat, dict) else "temperature unknown",
    ]
    if isinstance(throttling, tuple):
        parts.append(", ".join(throttling) or "not throttled")
    else:
        parts.append("throttling unknown")
    return ", ".join(parts)


def memory(board: Board) -> str:
    return f"{board.memory / 2**30:.1f} GiB" if isinstance(board.memory, int) else known(board.memory)


def size(count: int | Unavailable) -> str:
    return show_size(count) if isinstance(count, int) else known(count)


def known(value: str | Unavailable) -> str:
    return value if isinstance(value, str) else f"unknown ({value.reason})"


def _listed(items: tuple[str, ...] | Unavailable) -> str:
    return (", ".join(items) or "none that matter here") if isinstance(items, tuple) else known(items)


def _caches(board: Board) -> tuple[str, ...]:
    return (
        tuple(f"{cache.name} {size(cache.size)}" for cache in board.caches) if isinstance(board.caches, tuple) else ()
    )


def _architecture(board: Board) -> str:
    beneath = "" if board.kernel_machine == board.architecture else f" on a {board.kernel_machine} kernel"
    return board.architecture + beneath


def overview(boards: Sequence[BoardProfile], this: BoardProfile | None) -> str:
    """A line for each board; this machine's has a mark."""
    header = ("  board", "memory", "copy MB/s", "kernels", "cores")
    rows = []
    for one in boards:
        first, *others = (f"{core.count} × {core.name} {core.max_mhz / 1000:g} GHz" for core in one.cores)
        kernels = dict.fromkeys(core.kernel(a) for core in one.cores for a in core.architectures)
        memory = NONE if isinstance(one.memory_mib, Unavailable) else _sizes(one.memory_mib)
        copy = _spread(one.cores[0].bandwidth.copy)
        rows.append((f"{'→' if one is this else ' '} {one.id}", memory, copy, ", ".join(kernels), first))
        rows += [("", "", "", "", f"+ {core}") for core in others]
    return table(header, rows, indent="", are_texts=True)


def details(board: BoardProfile) -> list[tuple[str, str]]:
    """(name, value) lines: the board, each kind of core, then where the figures come from."""
    lines = [
        ("board", f"{board.name} ({board.id})"),
        ("soc", board.soc),
        ("device tree", ", ".join(board.compatible) or "–"),
        ("model", " or ".join(board.models) or "–"),
        (
            "memory",
            board.memory_mib.reason if isinstance(board.memory_mib, Unavailable) else _sizes(board.memory_mib),
        ),
    ]
    for core in board.cores:
        lines += [
            ("cores", f"{core.count} × {core.name} {core.max_mhz:g} MHz"),
            ("  caches", ", ".join(f"{c.name} {c.kib} KiB{' shared' if c.shared else ''}" for c in core.caches)),
            ("  instructions", "; ".join(f"{a}: {', '.join(core.instruction_sets[a])}" for a in core.architectures)),
            ("  kernels", "; ".join(f"{a}: {core.kernel(a)}" for a in core.architectures)),
            ("  bandwidth", _bandwidth(core)),
            ("  compiler", core.compiler),
            ("  emulator", f"qemu -cpu {core.emulator}" if isinstance(core.emulator, str) else core.emulator.reason),
        ]
    lines.append(("sources", ""))
    lines += [(f"  {name.replace('_', ' ')}", text) for name, text in vars(board.sources).items()]
    return lines


def _sizes(mib: tuple[int, ...]) -> str:
    """The smallest and the largest."""
    least, most = min(mib), max(mib)
    if most < 1024:
        return f"{least}–{most} MiB" if least < most else f"{most} MiB"
    return f"{least / 1024:g}–{most / 1024:g} GiB" if least < most else f"{most / 1024:g} GiB"


def _bandwidth(core: CoreProfile) -> str:
    """Figures first, then what is missing, each reason once."""
    figures: list[str] = []
    reasons: dict[str, list[str]] = {}
    for name, value in vars(core.bandwidth).items():
        if isinstance(value, Unavailable):
            reasons.setdefault(value.reason, []).append(name)
        else:
            figures.append(f"{name} {_spread(value)}")
    missing = [f"no {', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return "; ".join(([f"{', '.join(figures)} MB/s"] if figures else []) + missing)


def _spread(results: tuple[float, ...] | Unavailable) -> str:
    return NONE if isinstance(results, Unavailable) else "–".join(f"{result:g}" for result in results)
