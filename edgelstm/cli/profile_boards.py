"""`edgelstm profile --board`: the same measurement on boards over SSH, all at the same time."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.show import style

if TYPE_CHECKING:
    from edgelstm.devices import Plan, Report
    from edgelstm.devices.remote.target import Target

BOARD_TROUBLE = 4
_FILE_AT_FAULT = 1
_MOST_BYTES = 1 << 20
_FIELDS = ("host", "python", "wheel")
WHEELS = Path("dist")


def targets(hosts: Sequence[str], file: Path | None, python: str, wheels: Path | None) -> list[Target]:
    """The boards of the command line, then those of a TOML file. ValueError names what is wrong in the file."""
    from edgelstm.devices.remote.session import check_host
    from edgelstm.devices.remote.target import Target

    found = [Target(checked(check_host, host), python, wheels or WHEELS) for host in hosts]
    if file is not None:
        found += [_target(one, f"{file}: boards[{n}]", python, wheels) for n, one in enumerate(_tables(file))]
    seen: set[str] = set()
    for target in found:
        if target.host in seen:
            raise click.UsageError(f"board {target.host}: given twice, expected each once")
        seen.add(target.host)
    return found


def checked(check: Callable[[str], str], text: str) -> str:
    """An option's text if `check` takes it; else UsageError."""
    try:
        return check(text)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None


def _tables(file: Path) -> list[Any]:
    with file.open("rb") as opened:
        text = opened.read(_MOST_BYTES)
    try:
        tables = tomllib.loads(text.decode()).get("boards")
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    if not isinstance(tables, list) or not tables:
        raise ValueError(f"{file}: expected tables [[boards]], each with a host")
    return tables


def _target(table: Any, where: str, python: str, wheels: Path | None) -> Target:
    from edgelstm.devices.remote.session import check_host
    from edgelstm.devices.remote.target import Target

    if not isinstance(table, dict) or "host" not in table:
        raise ValueError(f"{where}: expected a table with a host")
    for name, value in table.items():
        if name not in _FIELDS:
            raise ValueError(f"{where}: unknown field {name[:40]!r}, expected some of {', '.join(_FIELDS)}")
        if not isinstance(value, str):
            raise ValueError(f"{where}.{name}: {str(value)[:40]!r}, expected text")
    try:
        host = check_host(table["host"])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    wheel = Path(table["wheel"]) if "wheel" in table else wheels or WHEELS
    return Target(host, table.get("python", python), wheel)


def measure(
    boards: Sequence[Target],
    models: Sequence[Path],
    plan: Plan,
    *,
    tell: Callable[[str], None],
    deliver: Callable[[Sequence[Report]], int],
) -> int:
    """Profile and deliver what came back; 4 where a board failed, 1 where a model or a wheel did, else deliver's."""
    from edgelstm.devices.profiling.remote import profile_boards
    from edgelstm.devices.remote import BoardError

    outcomes = profile_boards(boards, models, plan, on_progress=lambda host, what: tell(what and f"{host}: {what}"))
    tell("")
    reports, code = [], 0
    for outcome in outcomes:
        result, host = outcome.result, outcome.target.host
        if not isinstance(result, Exception):
            # two boards of a kind have the same name
            name = f"{result.board.name} ({host})" if len(boards) > 1 else result.board.name
            reports.append(replace(result, board=replace(result.board, name=name)))
            continue
        click.echo(style.failed(str(result)), err=True)
        code = max(code, BOARD_TROUBLE if isinstance(result, BoardError) else _FILE_AT_FAULT)
    gate = deliver(reports) if reports else 0
    return code or gate
