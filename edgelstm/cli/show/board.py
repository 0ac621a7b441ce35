"""Known boards as text: a table of all, or one with its sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgelstm.records import Unavailable

if TYPE_CHECKING:
    from edgelstm.devices.boards.profile import BoardProfile, CoreProfile


def overview(boards: Sequence[BoardProfile], this: BoardProfile | None) -> str:
    """A line for each board; this machine's has a mark."""
    header = ("  board", "memory", "copy MB/s", "kernels", "cores")
    rows = [
        (
            f"{'→' if one is this else ' '} {one.id}",
            "–" if isinstance(one.memory_mib, Unavailable) else _sizes(one.memory_mib),
            _spread(one.cores[0].bandwidth.copy),
            ", ".join(dict.fromkeys(core.kernel(a) for core in one.cores for a in core.architectures)),
            " + ".join(f"{core.count} × {core.name} {core.max_mhz / 1000:g} GHz" for core in one.cores),
        )
        for one in boards
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    cells = [[cell.ljust(width) for cell, width in zip(row, widths)] for row in (header, *rows)]
    # A board with several kinds of cores goes on below the first.
    place = sum(width + 2 for width in widths[:-1])
    return "\n".join("  ".join(row).replace(" + ", f"\n{'':{place}}+ ").rstrip() for row in cells)


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
    return "–" if isinstance(results, Unavailable) else "–".join(f"{result:g}" for result in results)
