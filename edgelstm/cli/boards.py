"""`edgelstm boards`: which board this is, and the kernel that the runtime chose for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from edgelstm.cli import style

if TYPE_CHECKING:
    from edgelstm.devices import Board, Conditions, Missing


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON; a figure that cannot be had says why.")
def command(as_json: bool) -> None:
    """Say which board this is: cores, clocks, memory, instruction sets, and the kernel the runtime chose.

    Nothing is measured and nothing leaves the machine. A machine that is not known is described all the same.

    \b
    Example:
      edgelstm boards
      edgelstm boards --json | jq .board.instruction_sets
    """
    from edgelstm.devices import detect, read_conditions
    from edgelstm.devices.record import to_json
    from edgelstm.runtime import kernel_name

    board, conditions, kernel = detect(), read_conditions(), kernel_name()
    if as_json:
        found = {"version": 1, "board": to_json(board), "kernel": kernel, "now": to_json(conditions)}
        click.echo(json.dumps(found, indent=2, allow_nan=False))
        return
    for name, value in [*describe(board), ("kernel", kernel), ("now", moment(conditions))]:
        click.echo(f"{name:<14}{value}")


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


def size(count: int | Missing) -> str:
    return style.size(count) if isinstance(count, int) else known(count)


def known(value: str | Missing) -> str:
    return value if isinstance(value, str) else f"unknown ({value.reason})"


def _listed(items: tuple[str, ...] | Missing) -> str:
    return (", ".join(items) or "none that matter here") if isinstance(items, tuple) else known(items)


def _caches(board: Board) -> tuple[str, ...]:
    return (
        tuple(f"{cache.name} {size(cache.size)}" for cache in board.caches) if isinstance(board.caches, tuple) else ()
    )


def _architecture(board: Board) -> str:
    beneath = "" if board.kernel_machine == board.architecture else f" on a {board.kernel_machine} kernel"
    return board.architecture + beneath
