"""`edgelstm boards`: known boards, which one this is, and the kernel that the runtime chose for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgelstm.devices import Board, Conditions, Unavailable
    from edgelstm.devices.boards.profile import BoardProfile


@click.command()
@click.argument("name", required=False, metavar="[BOARD]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; a figure that cannot be had says why.")
def command(name: str | None, as_json: bool) -> None:
    """List known boards, and say which one this machine is: cores, clocks, memory, instruction sets, and the kernel
    that the runtime chose. With BOARD, show that one, and where its figures come from.

    Nothing is measured and nothing leaves the machine. A machine that is not known is described all the same.

    \b
    Example:
      edgelstm boards
      edgelstm boards pi-zero-2w
      edgelstm boards --json | jq .board.instruction_sets
    """
    from edgelstm.cli.show.board import details, overview
    from edgelstm.cli.show.text import named
    from edgelstm.devices import detect, read_conditions
    from edgelstm.devices.boards import profile as boards
    from edgelstm.records import to_json
    from edgelstm.runtime import kernel_name

    if name is not None:
        try:
            profile = boards.board(name)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
        _show(as_json, {"profile": _profile(profile)}, named(details(profile)))
        return
    board, conditions, kernel = detect(), read_conditions(), kernel_name()
    known_board = boards.match(board)
    found = {
        "board": to_json(board),
        "known_as": known_board.id if known_board else None,
        "kernel": kernel,
        "now": to_json(conditions),
        "profiles": [_profile(one) for one in boards.boards()],
    }
    known_as = f"{known_board.name} ({known_board.id})" if known_board else "none of the boards below"
    lines = [*describe(board), ("known as", known_as), ("kernel", kernel), ("now", moment(conditions))]
    _show(as_json, found, f"{named(lines)}\n\n{overview(boards.boards(), known_board)}")


def _show(as_json: bool, value: dict[str, Any], text: str) -> None:
    click.echo(json.dumps({"version": 1, **value}, indent=2, allow_nan=False) if as_json else text)


def _profile(board: BoardProfile) -> dict[str, Any]:
    """JSON of a known board, with the kernels that follow from its instruction sets."""
    from edgelstm.records import to_json

    value: dict[str, Any] = to_json(board)
    for core, fields in zip(board.cores, value["cores"]):
        fields["kernels"] = {architecture: core.kernel(architecture) for architecture in core.architectures}
    return value


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
    from edgelstm.devices.units import show_size

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
