"""`edgelstm boards`: known boards, which one this is, and the kernel that the runtime chose for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
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
    from edgelstm.cli.show.board import describe, details, moment, overview
    from edgelstm.cli.show.text import named
    from edgelstm.devices import detect, read_conditions
    from edgelstm.devices.boards import profile as boards
    from edgelstm.records import to_json
    from edgelstm.runtime import kernel_name

    if name is not None:
        try:
            profile = boards.board(name)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
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
