"""The boards that `edgelstm search` is given, and which budgets are known before training, or measured on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.common import BoardProblem, checked
from edgelstm.cli.show.text import paragraph

if TYPE_CHECKING:
    from edgelstm.devices.profiling.budget import Budget
    from edgelstm.devices.remote.target import Target
    from edgelstm.training.config import Config


@dataclass(frozen=True)
class Place:
    """A host, and what finalists have to keep there."""

    target: Target
    budgets: tuple[Budget, ...]


def which(given: Sequence[str]) -> tuple[str | None, str | None]:
    """(the board that times are predicted for, the host to measure on)."""
    from edgelstm.devices.boards.profile import boards
    from edgelstm.devices.remote.session import check_host

    known = {one.id for one in boards()}
    described = [name for name in given if name in known]
    hosts = [checked(check_host, name) for name in given if name not in known]
    if len(hosts) > 1 or len(described) > 1:
        raise click.UsageError("--board: expected one of those that edgelstm boards lists, and one host, at most")
    return next(iter(described), None), next(iter(hosts), None)


def split_budgets(
    settings: Config, given: Sequence[str], board: str | None, host: str | None
) -> tuple[list[Budget], list[Budget]]:
    """(known before training, measured) of the command line, and of the recipe where these say nothing of the same
    figure."""
    from edgelstm.devices.profiling.budget import FIGURES, parse_budget, read_budget
    from edgelstm.hints import nearest
    from edgelstm.search.costs import KNOWN, PREDICTED
    from edgelstm.search.measured import MEASURABLE

    for name in (text.partition("=")[0] for text in given if "=" in text):
        if name not in FIGURES and nearest(name, FIGURES) is None:
            choices = f"expected one of {', '.join(KNOWN)}, or with a host what profile measures, such as latency_p99"
            raise click.UsageError(f"--budget {name[:40]!r}: no such figure, {choices}")
    try:
        asked = [parse_budget(text) for text in given]
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None
    found = {one.name: one for one in (*read_budget(settings.budget), *asked)}
    names = {one.name for one in asked}
    told, measured = [], []
    for name, budget in found.items():
        is_known = name in KNOWN and (name != PREDICTED or board is not None)
        if is_known:
            told.append(budget)
        elif host is not None and name in MEASURABLE:
            measured.append(budget)
        else:
            why = _not_known(name, host)
            if name in names:
                raise click.UsageError(f"--budget {why}")
            click.echo(paragraph(f"budget {why}", "Note: "), err=True)
    return told, measured


def _not_known(name: str, host: str | None) -> str:
    from edgelstm.search.costs import KNOWN, PREDICTED

    if name == PREDICTED:
        return f"{name}: told for a board, expected --board with it"
    if host is not None:
        return f"{name}: takes a soak, which edgelstm profile --duration does"
    return f"{name}: a board has to measure it, expected --board HOST with it, or one of {', '.join(KNOWN)}"


def place_of(host: str | None, python: str, wheels: Path | None, budgets: Sequence[Budget]) -> Place | None:
    """The host with what is measured there. It is asked at once whether it can: at the end of a search it is late to
    learn that it cannot. UsageError for a name that is neither; BoardProblem; FileNotFoundError without a wheel."""
    from edgelstm.devices.boards.profile import board, boards
    from edgelstm.devices.remote import BoardError
    from edgelstm.devices.remote.session import Session
    from edgelstm.devices.remote.target import WHEELS, Target, choose_wheel, see_wheels
    from edgelstm.hints import nearest

    if host is None:
        return None
    if not budgets:
        try:
            board(host)
        except ValueError as error:
            more = "or a host, with a budget to measure there, such as latency_p99=2ms"
            raise click.UsageError(f"--board: {error}, {more}") from None
    target = Target(host, python, wheels or WHEELS)
    see_wheels(target)
    try:
        with Session(host, python=python) as session:
            choose_wheel(session, target.wheels)
    except BoardError as error:
        meant = nearest(host, [one.id for one in boards()])
        hint = f"; of those that edgelstm boards lists perhaps {meant!r}" if meant else ""
        raise BoardProblem(f"{error}{hint}") from None
    return Place(target, tuple(budgets))
